"""What an instance did on a trading day, as its rows tell it."""

from collections import defaultdict
from datetime import datetime
from typing import NamedTuple

from django.db.models import Q

from backtests.domain.drift.records import DayRecord, FillFact, OrderFact, SignalFact
from quantsite.common.times import utc_to_ns
from strategies.models import Signal, StrategyDay, StrategyInstance, StrategyOrder
from trading.choices import CommandKind, StatusName
from trading.domain.offsets import Direction
from trading.order_models import AccountCommand, Fill

OPENING_PART = 1_000_000_000
"""An account's order either closes or opens: of one that does both, the opening part has a number this much higher."""


class Window(NamedTuple):
    """From when to when (UTC) decisions are of a trading day."""

    first: datetime
    last: datetime


def live_record(instance: StrategyInstance, day: StrategyDay, window: Window, positions: tuple[int, ...]) -> DayRecord:
    """The live side of a day; ``positions`` are the lots that its legs began it with."""
    orders = list(_orders(instance, day, window))
    return DayRecord(
        signals=[_signal(row) for row in _signals(instance, window)],
        orders=_whole([_order(row, by_hand) for row, by_hand in orders]),
        fills=_fills([row for row, _by_hand in orders]),
        positions=positions,
        source_hash=day.source_hash,
    )


def _signals(instance: StrategyInstance, window: Window) -> list[Signal]:
    return list(Signal.objects.filter(instance=instance, decided_at__range=window).order_by("number"))


def _signal(row: Signal) -> SignalFact:
    decided = utc_to_ns(row.decided_at)
    bar = decided if row.bar_start is None else utc_to_ns(row.bar_start)
    values = tuple((str(name), float(value)) for name, value in row.values.items())
    return SignalFact(row.leg, bar, decided, row.target, row.reason, values, row.late)


def _orders(instance: StrategyInstance, day: StrategyDay, window: Window) -> list[tuple[StrategyOrder, bool]]:
    """The orders of the day, each with whether a person's request took it back, not the runner.

    One that rests for days is placed anew on each of them, and was decided on an earlier one.
    """
    of_day = Q(trading_day=day.trading_day) | Q(trading_day=None, decided_at__range=window)
    rows = list(StrategyOrder.objects.filter(of_day, instance=instance).select_related("order").order_by("number"))
    taken = AccountCommand.objects.filter(kind=CommandKind.CANCEL, order__in=[row.order_id for row in rows])
    by_hand = set(taken.exclude(request_id="").values_list("order", flat=True))
    return [(row, row.order_id in by_hand) for row in rows]


def _order(row: StrategyOrder, by_hand: bool) -> OrderFact:
    price = float("nan") if row.price is None else float(row.price)
    refused = row.refused_code
    if row.order is not None and row.order.status == StatusName.REJECTED:
        refused = refused or row.order.reason_code or "rejected"
    direction = Direction.BUY if row.direction == "buy" else Direction.SELL
    told = (row.number % OPENING_PART, row.leg, utc_to_ns(row.decided_at), direction, row.type, row.lots, price)
    return OrderFact(*told, row.cause, refused, by_hand)


def _whole(parts: list[OrderFact]) -> list[OrderFact]:
    """An order that closes and opens went out as two: here they are the one that the host asked for."""
    whole: dict[int, OrderFact] = {}
    for part in parts:
        known = whole.get(part.number)
        if known is None:
            whole[part.number] = part
        else:
            refused, withdrawn = known.refused or part.refused, known.withdrawn or part.withdrawn
            lots = known.lots + part.lots
            whole[part.number] = known._replace(lots=lots, refused=refused, withdrawn=withdrawn)
    return [whole[number] for number in sorted(whole)]


def _fills(orders: list[StrategyOrder]) -> list[FillFact]:
    """The trades of these orders; one over lots of several ages has several rows and is one trade all the same."""
    numbers = {row.order_id: row.number % OPENING_PART for row in orders if row.order_id is not None}
    found: defaultdict[tuple[int, str], list[Fill]] = defaultdict(list)
    for fill in Fill.objects.filter(order__in=numbers).order_by("seq", "part"):
        found[numbers[fill.order_id or 0], fill.trade_id].append(fill)
    facts = [
        FillFact(number, utc_to_ns(rows[0].traded_at), float(rows[0].price), sum(row.volume for row in rows))
        for (number, _trade), rows in found.items()
    ]
    return sorted(facts, key=lambda fact: fact.at)
