"""The same day once more: the live host over the recorded ticks, from the state that the instance began it with."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from backtests.domain.drift.records import DayRecord, FillFact, LegFact, OrderFact, SignalFact
from backtests.domain.engine import RunSetup
from backtests.domain.hosted import HostedResult, HostedRun
from backtests.domain.legs import Leg
from backtests.domain.rules import Rules
from backtests.requests import CostOptions
from backtests.run_costs import cost_table
from backtests.tick_days import MINUTE, bars_built, hosted_days, hosted_legs
from marketdata.domain.bars import BarSeries
from marketdata.models import Instrument
from marketdata.series_cache import load
from quantsite.common.errors import MissingError
from quantsite.common.texts import say
from strategies import registry
from strategies.domain.execution.executor import make_executor
from strategies.domain.execution.plan import parse
from strategies.domain.forms import overrides
from strategies.domain.hosting.host import LiveHost
from strategies.domain.hosting.terms import TICKS, HostSetup, LegTerms
from strategies.domain.strategy import BaseStrategy
from strategies.models import StrategyDay, StrategyInstance, StrategyOrder, StrategyRoll
from trading.choices import DirectionName, QueueModel
from trading.order_models import Fill

FREE = CostOptions(commission_rate=0.0, slippage_ticks=0, margin_rate=0.0)
"""What an order costs plays no part in what is compared; a refusal for want of funds is told by the live side."""

PLENTY = 1e15
STATE, WARM = "state", "warm"
"""From what the run began: the stored state of the day's beginning, or a host warmed up on stored bars."""

BARS_MARGIN = 2
DEFAULT_BARS = 2_000
"""Bars to warm up on: so many times what the strategy states, or so many where it states nothing."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """The other side of a day: its record, what the legs are, and the bars that the recorded ticks close."""

    record: DayRecord
    legs: tuple[LegFact, ...]
    instruments: tuple[Instrument, ...]
    bars: tuple[BarSeries, ...]
    began: str


def replay(instance: StrategyInstance, day: StrategyDay) -> Replayed:
    """Run the day. Raises ``RuleError`` where data are missing or the strategy cannot be hosted any more."""
    instruments = tuple(instruments_on(instance, day.trading_day))
    interval = MINUTE if instance.interval == TICKS else instance.interval
    bars = tuple(bars_built(each, interval, day.trading_day, day.trading_day)[0] for each in instruments)
    for instrument, series in zip(instruments, bars, strict=True):
        if not len(series):
            text = say("There are no recorded ticks of %(code)s on %(day)s.", code=instrument.code, day=day.trading_day)
            raise MissingError("no_ticks", text)
    costs = [cost_table(each, FREE).until(day.trading_day) for each in instruments]
    legs = [Leg(each.code, own, table) for each, own, table in zip(instruments, bars, costs, strict=True)]
    host, began = _host(instance, day, legs, instruments)
    positions = tuple(host.positions)
    since = int(day.opening.get("at", 0)) if began == STATE else 0
    run = HostedRun(host, hosted_legs(instruments, legs), _setup(instance), instance.interval, since=since)
    result = run.over(hosted_days(instruments, day.trading_day, day.trading_day))
    facts = tuple(LegFact(leg.costs.price_tick, leg.costs.multiplier, float(leg.bars.close[-1])) for leg in legs)
    source = registry.source_hash(instance.strategy)
    return Replayed(record_of(result, positions, source), facts, instruments, bars, began)


def instruments_on(instance: StrategyInstance, day: date) -> list[Instrument]:
    """What the legs were when the day began: before a roll of that day its old contract."""
    rolls = StrategyRoll.objects.filter(instance=instance, started_at__date__gte=day).order_by("-pk")
    rolled = {roll.leg: roll.from_instrument for roll in rolls.select_related("from_instrument__product")}
    rows = instance.legs.select_related("instrument__product").order_by("number")
    return [rolled.get(row.number, row.instrument) for row in rows]


def record_of(result: HostedResult, positions: Sequence[int], source_hash: str) -> DayRecord:
    """A hosted run in the words of a comparison."""
    signals = [
        SignalFact(each.leg, each.bar_start, each.at, each.target, each.reason, each.values) for each in result.decided
    ]
    orders = []
    for sent in result.sent:
        place = sent.place
        told = (place.number, place.leg, place.decided_at, place.direction, str(place.type), place.lots, place.price)
        orders.append(OrderFact(*told, str(place.cause), sent.refused))
    fills = [FillFact(number, traded.at, traded.price, traded.volume) for number, traded in result.fills]
    return DayRecord(signals, orders, fills, tuple(positions), source_hash)


def _setup(instance: StrategyInstance) -> RunSetup:
    account = instance.account
    rules = Rules(
        seed=instance.seed, latency_ms=round(account.latency_ms), ignore_queue=account.queue_model == QueueModel.NONE
    )
    return RunSetup(PLENTY, float(instance.unit), rules=rules)


def _host(
    instance: StrategyInstance, day: StrategyDay, legs: Sequence[Leg], instruments: Sequence[Instrument]
) -> tuple[LiveHost, str]:
    opening: dict[str, Any] = day.opening or {}
    strategy = registry.create(instance.strategy, day.parameters)
    terms = [LegTerms(leg.code, leg.costs.price_tick, leg.costs.multiplier) for leg in legs]
    setup = HostSetup(instance.unit, instance.interval, instance.seed)
    on_ticks = instance.interval == TICKS
    make = (
        make_executor(parse(instance.execution, len(legs)), instance.seed, standing=on_ticks)
        if instance.execution
        else None
    )
    older = [] if on_ticks else _older(instance, strategy, day, instruments)
    if opening:
        return LiveHost.restored(strategy, terms, setup, opening["document"]["host"], make, bars=older), STATE
    number = StrategyOrder.objects.filter(instance=instance, trading_day__lt=day.trading_day).count() + 1
    held = [_held_before(instance, each, day.trading_day) for each in instruments]
    host = LiveHost(strategy, terms, setup, make, positions=held, first_number=number)
    if older:
        host.warm(older)
    return host, WARM


def _older(
    instance: StrategyInstance, strategy: BaseStrategy, day: StrategyDay, instruments: Sequence[Instrument]
) -> list[BarSeries]:
    """The stored bars of each leg before the day, as many as a live start takes."""
    stated = strategy.warm_up() if overrides(type(strategy), "warm_up") else 0
    count = BARS_MARGIN * stated or DEFAULT_BARS
    found = []
    for instrument in instruments:
        series, _hash = load(instrument, instance.interval, None, day.trading_day)
        before = int(np.searchsorted(series.trading_day, np.datetime64(day.trading_day, "D").astype(np.int32)))
        found.append(series.take(slice(max(0, before - count), before)))
    return found


def _held_before(instance: StrategyInstance, instrument: Instrument, day: date) -> int:
    """Signed lots by the instance's own fills of earlier days."""
    rows = Fill.objects.filter(
        order__strategy_order__instance=instance, instrument=instrument, trading_day__lt=day
    ).values_list("direction", "volume")
    return sum(volume if direction == DirectionName.BUY else -volume for direction, volume in rows)
