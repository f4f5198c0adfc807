"""What ``parity_live.py`` runs: lines of the table of docs/parity.md."""

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks import ready  # noqa: F401  (before any model)

# isort: split

from django.core.management import call_command

from backtests.domain.drift.comparison import What
from backtests.tests.domain.hosted_days import AP, IF, RU, RU_HOLIDAY
from backtests.tests.parity_roads import CASES, Roads, by_both_roads, day_of, sound_ticks
from marketdata.tests.domain.recorded import DATA
from trading.tests.recorded_ticks import Recorded

DAYS: dict[str, tuple[Recorded, ...]] = {"AP": (AP,), "IF": (IF,), "ru": (RU_HOLIDAY, RU)}
BEGIN, END = "<!-- live figures: {day} -->\n", "<!-- end of live figures: {day} -->\n"
HEAD = (
    "| preset | ticks | signals | same | orders | same | fills | same | differences by class |",
    "|---|---|---|---|---|---|---|---|---|",
)


def table(name: str, every: int, presets: Sequence[str]) -> tuple[list[str], bool]:
    """The lines of a day, and whether every difference is explained."""
    chosen = DAYS[name]
    began = time.perf_counter()
    days = [day_of(each, sound_ticks(each)[::every]) for each in chosen]
    found = by_both_roads(chosen[0], days, presets)
    ticks = sum(len(day.ticks[0]) for day in days)
    told = f"{chosen[0].code}, {' and '.join(each.file[-8:] for each in chosen)}"
    seconds = time.perf_counter() - began
    lines = [f"{told}: {ticks:,} ticks, {seconds:.0f} s", "", *HEAD]
    lines += [_line(preset, ticks, roads) for preset, roads in found.items()]
    return lines, not any(roads.drift.unexplained for roads in found.values())


def _line(preset: str, ticks: int, roads: Roads) -> str:
    return f"| {preset} | {ticks:,} | {' | '.join(_counts(roads))} | {_classes(roads)} |"


def _counts(roads: Roads) -> Iterator[str]:
    live = roads.live
    for what, rows in ((What.SIGNAL, live.signals), (What.ORDER, live.orders), (What.FILL, live.fills)):
        yield str(len(rows))
        yield str(roads.drift.alike[what])


def _classes(roads: Roads) -> str:
    return ", ".join(f"{name} {count}" for name, count in roads.drift.counts.items()) or "none"


def main(arguments: Sequence[str]) -> int:
    """Print the table, or put it between the marks of a document; 1 where something is unexplained."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--day", choices=list(DAYS), default="AP")
    parser.add_argument("--every", type=int, default=20)
    parser.add_argument("--only", nargs="+", choices=list(CASES), default=list(CASES))
    parser.add_argument("--write", type=Path)
    parser.add_argument("--json", action="store_true", help="no other form: as every benchmark takes it")
    given = parser.parse_args(arguments)
    if not DATA.is_dir():
        print(f"no recorded ticks in {DATA}")
        return 0
    call_command("migrate", verbosity=0)
    lines, explained = table(given.day, given.every, given.only)
    if given.write is None:
        print("\n".join(lines))
    else:
        begin, end = BEGIN.format(day=given.day), END.format(day=given.day)
        before, rest = given.write.read_text(encoding="utf-8").split(begin)
        given.write.write_text(f"{before}{begin}\n" + "\n".join(lines) + f"\n\n{end}{rest.split(end)[1]}")
    return 0 if explained else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
