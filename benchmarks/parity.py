"""Every preset on a recorded day by two roads, bars alone and bars that decide with ticks that fill: docs/parity.md.

    python -m benchmarks.parity [--data ../shared/data] [--write docs/parity.md]

Minute bars, plenty of capital; the ticks are read straight from the files, without a database. `spread` has its
contract against the same ticks half a minute later under another code: no recorded day has a second contract.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from msgspec.structs import replace as with_fields

from backtests.domain.engine import RunSetup
from backtests.domain.hosted_exchange import HostedLeg
from backtests.domain.hosted_feed import HostedDay
from backtests.domain.legs import Leg
from backtests.domain.parity import Roads, two_roads
from benchmarks.preset_ticks import contract_of, minutes_from, ticks_of
from benchmarks.presets import BEGIN, END, SHARED, tick_leg_of
from marketdata.domain.bars import VALUE_COLUMNS, BarSeries
from marketdata.domain.contract import Contract
from marketdata.domain.ticks import Tick
from quantsite.common.times import NS_PER_SECOND
from strategies import registry

LATER = 30 * NS_PER_SECOND
TWIN = "ru1905.SHFE"

VALUES: dict[str, dict[str, object]] = {
    "double_ma": {"fast": 5, "slow": 20},
    "macd": {},
    "bollinger": {},
    "rsi": {},
    "grid": {"levels": 5, "spacing": 3},
    "dual_thrust": {"days": 1},
    "turtle": {},
    "spread": {"length": 30, "entry": 1.0},
}
SERIES = {"ru1901, two days": ("ru holiday", "ru ticks"), "AP010, one day": ("AP ticks",)}
HEAD = (
    "| preset | days | decided | same | orders | same | fills on bars | fills on ticks | paid, ticks (mean) |",
    "|---|---|---|---|---|---|---|---|---|",
)


def roads_of(preset: str, names: Sequence[str], data: Path = SHARED) -> Roads:
    """Both roads of a preset over recorded days of one instrument."""
    contracts, days = [contract_of(names[-1])], [[ticks_of(name, data)] for name in names]
    if registry.legs(preset) > 1:
        contracts.append(replace(contracts[0], code=TWIN, symbol=TWIN.partition(".")[0]))
        days = [[ticks, _later(ticks)] for (ticks,) in days]
    costs = tick_leg_of(names[-1], data).costs
    legs = [
        HostedLeg(Leg(contract.code, _minutes([day[number] for day in days], contract), costs), contract)
        for number, contract in enumerate(contracts)
    ]
    hosted = [HostedDay(day[0][0].trading_day, tuple(day)) for day in days]
    return two_roads(preset, partial(registry.create, preset, VALUES[preset]), hosted, legs, RunSetup(1e9, 1.0))


def _minutes(days: Sequence[Sequence[Tick]], contract: Contract) -> BarSeries:
    parts = [minutes_from(ticks, contract) for ticks in days]
    columns = [np.concatenate([getattr(part, name) for part in parts]) for name in _COLUMNS]
    return BarSeries(contract.code, "1m", *columns)


_COLUMNS = ("start", "trading_day", *VALUE_COLUMNS)


def _later(ticks: Sequence[Tick]) -> Sequence[Tick]:
    return tuple(with_fields(tick, instrument=TWIN, time=tick.time + LATER) for tick in ticks)


def table(data: Path = SHARED) -> Iterator[str]:
    """The lines of the table."""
    yield from HEAD
    for preset in VALUES:
        for title, names in SERIES.items():
            yield _line(roads_of(preset, names, data), title)


def _line(roads: Roads, title: str) -> str:
    paid = roads.paid_ticks
    mean = f"{sum(paid) / len(paid):+.2f}" if paid else ""
    counts = (roads.decided_bars, roads.same_decisions, len(roads.steps[0]), roads.same_orders, *map(len, roads.fills))
    return f"| {roads.name} | {title} | {' | '.join(map(str, counts))} | {mean} |"


def main(arguments: Sequence[str]) -> int:
    """Print the table, or put it between the marks of a document."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=SHARED, help="folder with the recorded ticks")
    parser.add_argument("--write", type=Path, help="document whose table is replaced")
    given = parser.parse_args(arguments)
    lines = "\n".join(table(given.data))
    if given.write is None:
        print(lines)
        return 0
    before, rest = given.write.read_text(encoding="utf-8").split(BEGIN)
    given.write.write_text(f"{before}{BEGIN}\n{lines}\n\n{END}{rest.split(END)[1]}", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
