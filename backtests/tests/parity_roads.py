"""The same recorded ticks by two roads: the real runner, stream and accounts' loops in lock-step, and the hosted run.

Every preset has an account of its own, for orders of one account share what the book displays. Two legs are one
recorded contract and the same ticks half a minute later under another code, in the hours of the first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from heapq import merge
from operator import attrgetter
from typing import NamedTuple

from msgspec.structs import replace as with_fields

from backtests.domain.drift.classes import Drift, drift
from backtests.domain.drift.records import Circumstances, DayRecord, LegFact
from backtests.domain.engine import RunSetup
from backtests.domain.hosted import run_hosted
from backtests.domain.hosted_exchange import HostedLeg
from backtests.domain.hosted_feed import HostedDay
from backtests.domain.legs import Leg
from backtests.drift.live import Window, live_record
from backtests.drift.replay import record_of
from backtests.tests.domain.hosted_days import contract_of, hosted_leg
from marketdata.domain.calendar import from_day_number
from marketdata.domain.market_hours import open_at
from marketdata.domain.ticks import Tick
from quantsite.common.times import NS_PER_SECOND, ns_to_utc
from strategies import registry
from strategies.domain.hosting.terms import TICKS
from strategies.models import StrategyDay, StrategyInstance
from strategies.tests.live_day import LiveDay, live_day, make_instance
from trading.tests.recorded_ticks import Recorded, ticks_of

LATER = 30 * NS_PER_SECOND
MINUTE = "1m"


@dataclass(frozen=True)
class Case:
    """A preset with parameters for which something happens on a short day."""

    values: Mapping[str, object]
    interval: str = MINUTE


CASES: dict[str, Case] = {
    "double_ma": Case({"fast": 2, "slow": 5}),
    "macd": Case({"fast": 2, "slow": 4, "signal": 2}),
    "bollinger": Case({"length": 5, "width": 1.0}),
    "rsi": Case({"length": 3}),
    "grid": Case({"levels": 4, "spacing": 4}),
    "dual_thrust": Case({"days": 1, "k1": 0.1, "k2": 0.1}),
    "turtle": Case({"entry": 5, "exit_bars": 3, "atr": 4}),
    "imbalance": Case({"length": 10, "enter": 0.4, "spread": 2}, TICKS),
    "spread": Case({"length": 5, "entry": 1.0}),
    "momentum_portfolio": Case({"length": 5}),
}
"""One for each preset of the library."""


class Roads(NamedTuple):
    """A preset by both roads, and what differs."""

    live: DayRecord
    hosted: DayRecord
    drift: Drift


def legs_of(name: str) -> int:
    """How many instruments a preset is given here."""
    return registry.legs(name) or 2


@cache
def twin(recorded: Recorded) -> Recorded:
    """The second contract of the same product."""
    symbol, _dot, exchange = recorded.code.partition(".")
    return replace(recorded, code=f"{symbol[:-1]}{int(symbol[-1]) + 1}.{exchange}")


def day_of(recorded: Recorded, ticks: Sequence[Tick]) -> HostedDay:
    """A day of both contracts; the later ticks end where trading does."""
    table, code = contract_of(recorded).table, twin(recorded).code
    later = (with_fields(tick, instrument=code, time=tick.time + LATER) for tick in ticks)
    return HostedDay(ticks[0].trading_day, (ticks, tuple(tick for tick in later if open_at(table, tick.time))))


def sound_ticks(recorded: Recorded) -> list[Tick]:
    """Those that a strategy sees."""
    return [tick for tick in ticks_of(recorded) if not tick.flags]


def by_both_roads(recorded: Recorded, days: Sequence[HostedDay], names: Sequence[str]) -> dict[str, Roads]:
    """Each preset over the days, compared; an order's money plays no part."""
    legs = _legs(recorded)
    known = Circumstances((LegFact(recorded.price_tick, recorded.multiplier, days[-1].ticks[0][-1].last),) * len(legs))
    found = {}
    for name, live in _live(recorded, days, names).items():
        hosted = _hosted(name, days, legs)
        found[name] = Roads(live, hosted, drift(live, hosted, known))
    return found


def _legs(recorded: Recorded) -> list[HostedLeg]:
    first, other = hosted_leg(recorded, MINUTE), contract_of(twin(recorded))
    return [first, HostedLeg(Leg(other.code, first.leg.bars, first.leg.costs), other)]


def _hosted(name: str, days: Sequence[HostedDay], legs: Sequence[HostedLeg]) -> DayRecord:
    count, case = legs_of(name), CASES[name]
    given = [HostedDay(day.trading_day, day.ticks[:count]) for day in days]
    strategy = registry.create(name, case.values)
    result = run_hosted(given, legs[:count], strategy, RunSetup(1e8, 1.0), interval=case.interval)
    return record_of(result, (0,) * count, "")


def _live(recorded: Recorded, days: Sequence[HostedDay], names: Sequence[str]) -> dict[str, DayRecord]:
    codes = [recorded.code, twin(recorded).code][: max(legs_of(name) for name in names)]
    with live_day(codes, days[0].ticks[0][0], intervals=(MINUTE,)) as market:
        rows = {name: _instance(market, name, codes) for name in names}
        market.begin()
        for day in days:
            market.play(list(merge(*day.ticks[: len(codes)], key=attrgetter("time"))))
            market.finish_day()
        return {name: _record(row, days) for name, row in rows.items()}


def _instance(market: LiveDay, name: str, codes: Sequence[str]) -> StrategyInstance:
    key, case = name.replace("_", "-"), CASES[name]
    market.add_account(key)
    return make_instance(key, name, codes[: legs_of(name)], key, case.interval, parameters=dict(case.values))


def _record(row: StrategyInstance, days: Sequence[HostedDay]) -> DayRecord:
    """What the runner stored, all days together."""
    parts = [_day_record(row, day) for day in days]
    return replace(
        parts[0],
        signals=[signal for part in parts for signal in part.signals],
        orders=[order for part in parts for order in part.orders],
        fills=[fill for part in parts for fill in part.fills],
    )


def _day_record(row: StrategyInstance, day: HostedDay) -> DayRecord:
    first, last = day.ticks[0][0].time, day.ticks[0][-1].time
    window = Window(ns_to_utc(first - 10 * NS_PER_SECOND), ns_to_utc(last + 3_600 * NS_PER_SECOND))
    stored = StrategyDay(instance=row, trading_day=from_day_number(day.trading_day))
    return live_record(row, stored, window, (0,) * legs_of(row.strategy))
