"""What every engine of the race does alike: read the bars, measure its run, print one JSON line.

Runs under the interpreter of each peer's own environment, so it needs nothing but numpy.
"""

import argparse
import gc
import json
import resource
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

PAIRS = tuple((fast, slow) for fast in range(5, 25) for slow in range(30, 80, 5))
"""The 200 pairs of averages: fast 5 to 24, slow 30 to 75 in steps of 5."""

LEVELS, SPACING = 10, 10
"""The grid: levels on each side, ticks between two of them."""


@dataclass(frozen=True)
class Table:
    """The bars as columns of shape ``(n,)``, ``start`` in ns UTC, and the terms as numbers."""

    start: Any
    trading_day: Any
    open: Any
    high: Any
    low: Any
    close: Any
    volume: Any
    multiplier: float
    rate: float
    tick: float
    slippage_ticks: float
    margin_rate: float
    capital: float


@dataclass(frozen=True)
class Outcome:
    """What one run gave. ``pnl`` in yuan, net of commission and slippage, the open position at the last close.

    ``explained`` is the part of ``pnl`` that is known to come from a rule of this engine that differs from
    ours, computed from the engine's own fills; ``note`` names the rule, and what else is done otherwise.
    ``engine_seconds`` is the part of the time without the statistics, where the engine lets it be told.
    """

    fills: int
    pnl: float
    explained: float = 0.0
    note: str = ""
    engine_seconds: float | None = None


Case = Callable[[Table], Callable[[], Outcome]]
"""Takes the bars, makes ready what is not timed and returns the work that is."""


def serve(version: str, cases: Mapping[str, Case]) -> None:
    """The whole program of an engine: ``PROGRAM BARS.npz CASE [--budget SECONDS]``."""
    parser = argparse.ArgumentParser()
    parser.add_argument("bars", type=Path)
    parser.add_argument("case", choices=sorted(cases))
    parser.add_argument("--budget", type=float, default=0.0)
    asked = parser.parse_args()
    table = read(asked.bars)
    line = measure(cases[asked.case](table), asked.budget)
    print(json.dumps({"bars": len(table.close), "version": version} | line), flush=True)


def read(path: Path) -> Table:
    """The bars and terms of a ``.npz`` file, in memory."""
    with np.load(path) as stored:
        return Table(**{name: stored[name] if stored[name].ndim else float(stored[name]) for name in stored.files})


def measure(work: Callable[[], Outcome], budget: float) -> dict[str, Any]:
    """A first run, then further ones for ``budget`` seconds, of which the fastest counts; with 0 the first counts.

    The first one alone pays for what is loaded or compiled once, so memory is measured over those that follow it.
    """
    forgotten, held = _forget_peak(), _resident("VmRSS")
    first = best = _timed(work)
    if budget > 0:
        gc.collect()  # once: between two runs it would sweep the processor's cache
        forgotten, held = _forget_peak(), _resident("VmRSS")
        ends = time.perf_counter() + budget
        best = _timed(work)
        while time.perf_counter() < ends:
            best = min(best, _timed(work), key=lambda run: run.seconds)
    peak = _resident("VmHWM")
    grown = peak - held if peak is not None and held is not None and forgotten else None
    times = {"seconds": best.seconds, "cpu_seconds": best.cpu_seconds, "first_seconds": first.seconds}
    return asdict(best.outcome) | times | {"peak_mb": peak, "run_mb": grown}


@dataclass(frozen=True)
class _Run:
    outcome: Outcome
    seconds: float
    cpu_seconds: float


def _timed(work: Callable[[], Outcome]) -> _Run:
    """One run by the clock on the wall and by the processor time of the whole process."""
    began, spent = time.perf_counter(), time.process_time()
    outcome = work()
    return _Run(outcome, time.perf_counter() - began, time.process_time() - spent)


def _forget_peak() -> bool:
    """Start the kernel's record of the peak anew, so that reading the bars does not count; Linux only."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return True


def _resident(field: str) -> float | None:
    """Megabytes of this process; the whole life's peak where ``/proc`` does not tell."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        scale = 2**20 if sys.platform == "darwin" else 2**10
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / scale if field == "VmHWM" else None
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{field}:")), None)
