"""The race: every engine in a process of its own, one after the other, on the same bars; a line for each."""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.race.bars import export, tick_walk
from benchmarks.race.entries import CASES, SIZES, Entry, entries
from benchmarks.race.peers import ROOT, environment, python_of
from benchmarks.race.table import Printer

CENT = 0.005
"""Yuan by which two sums of a million products may differ by rounding alone."""

Line = dict[str, Any]


def main(arguments: list[str]) -> int:
    """Print a line for each measurement; 1 if an engine failed or a PnL differs and nobody knows why."""
    asked = _parser().parse_args(arguments)
    code = 0
    printer = Printer("json" if asked.json else "markdown" if asked.markdown else "table")
    with tempfile.TemporaryDirectory(prefix="quantsite-bench-") as folder:
        for case in asked.case or CASES:
            for bars in [asked.bars] if asked.bars else SIZES[case]:
                chosen = [entry for entry in entries(case, bars, peers=asked.peers) if asked.full or not entry.full]
                if asked.engine:
                    chosen = [entry for entry in chosen if entry.engine in asked.engine]
                lines = printer.show(_measured(chosen, _stored(bars, Path(folder)), asked.seconds))
                code = code or int(len(lines) < len(chosen) or any(not line["agrees"] for line in lines))
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--markdown", action="store_true", help="the table as docs/benchmarks.md has it")
    parser.add_argument("--peers", action="store_true", help="the other engines too, in environments made on demand")
    parser.add_argument("--full", action="store_true", help="also what takes minutes")
    parser.add_argument("--case", action="append", choices=CASES, help="only this one; may be repeated")
    parser.add_argument("--engine", action="append", help="only this one; may be repeated")
    parser.add_argument("--bars", type=int, help="this many instead of 100,000 and 1,000,000")
    parser.add_argument("--seconds", type=float, default=2.0, help="how long a fast engine is repeated (default 2)")
    return parser


def _stored(bars: int, folder: Path) -> Path:
    path = folder / f"{bars}.npz"
    if not path.exists():
        export(tick_walk(bars), path)
    return path


def _measured(chosen: Iterable[Entry], bars: Path, seconds: float) -> Iterator[Line]:
    """The lines of one case; the first engine's PnL is what the others are held against."""
    ours: float | None = None
    for entry in chosen:
        try:
            line = _run(entry, bars, 0.0 if entry.slow else seconds)
        except subprocess.CalledProcessError as error:
            print(f"{entry.engine} on {entry.case}: {error}\n{error.stderr or ''}", file=sys.stderr, flush=True)
            continue
        ours = line["pnl"] if ours is None else ours
        difference = line["pnl"] - ours
        line |= {"difference": difference, "agrees": abs(difference - line["explained"]) < CENT}
        yield line


def _run(entry: Entry, bars: Path, budget: float) -> Line:
    """One engine's own line under the names that all benchmarks share."""
    python, cwd, variables = Path(sys.executable), ROOT, {**os.environ, "PYTHONPATH": str(ROOT)}
    if entry.home:
        python = python_of(entry.home)
        cwd, variables = environment(entry.home)
    program, *words = entry.words
    command = [str(python), "-m", program, *words, str(bars), entry.case, "--budget", str(budget)]
    done = subprocess.run(command, cwd=cwd, env=variables, capture_output=True, text=True, check=True)
    line: Line = json.loads(done.stdout.splitlines()[-1])
    runs = 200 if entry.case == "pairs200" else 1
    named = {"name": entry.case, "engine": entry.engine, "bars": line["bars"], "value": line["seconds"], "unit": "s"}
    return named | line | {"bars_per_second": runs * line["bars"] / line["seconds"]}
