"""Every difference between a day as it went live and as a run on the recorded data gives it, none explained yet."""

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import isclose, isnan

from backtests.domain.drift.pairing import Chunk, pair_fills, pair_orders, pair_signals
from backtests.domain.drift.records import Circumstances, DayRecord, FillFact, LegFact, OrderFact, SignalFact

ALIKE = 1e-9
"""Relative: what a sum of floats in another order may differ by."""

OrderPair = tuple[OrderFact | None, OrderFact | None]


class What(StrEnum):
    """What differs."""

    SIGNAL = "signal"
    ORDER = "order"
    FILL = "fill"


class How(StrEnum):
    """In what way: live lacks it, live alone has it, or both have it and its ``fields`` differ."""

    MISSING = "missing"
    EXTRA = "extra"
    DIFFERENT = "different"


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference. ``at`` (ns UTC) is the decision's or the fill's instant, the live one where there is one.

    ``order`` is the pair of orders that a fill belongs to (an order's own pair). ``cost`` is by how many yuan the day
    ended worse live because of it, before commission: of fills alone, and the costs of all add up to the difference
    between the day's two profits.
    """

    what: What
    how: How
    leg: int
    at: int
    live: SignalFact | OrderFact | FillFact | None
    replayed: SignalFact | OrderFact | FillFact | None
    fields: tuple[str, ...] = ()
    order: OrderPair = (None, None)
    lots: int = 0
    cost: float = 0.0


@dataclass(frozen=True, slots=True)
class Compared:
    """How many rows were alike, and what was not, in the order of time."""

    alike: dict[What, int]
    differences: tuple[Difference, ...]


def compare(live: DayRecord, replayed: DayRecord, known: Circumstances) -> Compared:
    """All rows of both sides; each is alike or a difference."""
    alike = dict.fromkeys(What, 0)
    found: list[Difference] = []
    orders = pair_orders(live.orders, replayed.orders)
    rows = (
        (What.SIGNAL, _signals(live, replayed)),
        (What.ORDER, _orders(orders, known)),
        (What.FILL, _fills(orders, live, replayed, known)),
    )
    for what, differences in rows:
        for difference in differences:
            if difference is None:
                alike[what] += 1
            else:
                found.append(difference)
    rank = {what: number for number, what in enumerate(What)}
    return Compared(alike, tuple(sorted(found, key=lambda one: (one.at, rank[one.what], one.leg))))


def _how(live: object | None, replayed: object | None) -> How:
    if live is None:
        return How.MISSING
    return How.EXTRA if replayed is None else How.DIFFERENT


def _signals(live: DayRecord, replayed: DayRecord) -> Iterator[Difference | None]:
    for ours, theirs in pair_signals(live.signals, replayed.signals):
        fields = () if ours is None or theirs is None else _signal_fields(ours, theirs)
        there = ours or theirs
        if there is None or (ours and theirs and not fields):
            yield None
        else:
            yield Difference(What.SIGNAL, _how(ours, theirs), there.leg, there.decided_at, ours, theirs, fields)


def _signal_fields(ours: SignalFact, theirs: SignalFact) -> tuple[str, ...]:
    found = []
    if not same(ours.target, theirs.target):
        found.append("target")
    if not same_values(ours.values, theirs.values):
        found.append("values")
    if ours.late:
        found.append("late")
    return tuple(found)


def same(first: float, second: float) -> bool:
    """Equal but for the rounding of sums; NaN is like NaN."""
    return (isnan(first) and isnan(second)) or isclose(first, second, rel_tol=ALIKE, abs_tol=ALIKE)


def same_values(first: Sequence[tuple[str, float]], second: Sequence[tuple[str, float]]) -> bool:
    """The same names with the same figures, in whatever order."""
    ours, theirs = dict(first), dict(second)
    return ours.keys() == theirs.keys() and all(same(ours[name], theirs[name]) for name in ours)


def _orders(pairs: Sequence[OrderPair], known: Circumstances) -> Iterator[Difference | None]:
    for ours, theirs in pairs:
        fields = () if ours is None or theirs is None else _order_fields(ours, theirs, known.tolerance)
        there = ours or theirs
        if there is None or (ours and theirs and not fields):
            yield None
        else:
            pair = (ours, theirs)
            yield Difference(What.ORDER, _how(*pair), there.leg, there.decided_at, ours, theirs, fields, pair)


def _order_fields(ours: OrderFact, theirs: OrderFact, tolerance: int) -> tuple[str, ...]:
    found = [name for name in ("lots", "type") if getattr(ours, name) != getattr(theirs, name)]
    if not same(ours.price, theirs.price):
        found.append("price")
    if abs(ours.decided_at - theirs.decided_at) > tolerance:
        found.append("decided_at")
    if bool(ours.refused) != bool(theirs.refused):
        found.append("refused")
    return tuple(found)


def _fills(
    pairs: Sequence[OrderPair], live: DayRecord, replayed: DayRecord, known: Circumstances
) -> Iterator[Difference | None]:
    ours_by, theirs_by = _by_order(live.fills), _by_order(replayed.fills)
    for pair in pairs:
        ours, theirs = pair
        there = ours or theirs
        if there is not None:
            filled = (ours_by[ours.number] if ours else []), (theirs_by[theirs.number] if theirs else [])
            for chunk in pair_fills(*filled):
                yield _fill(chunk, pair, there, known)


def _by_order(fills: Sequence[FillFact]) -> defaultdict[int, list[FillFact]]:
    found: defaultdict[int, list[FillFact]] = defaultdict(list)
    for fill in fills:
        found[fill.number].append(fill)
    return found


def _fill(chunk: Chunk, pair: OrderPair, order: OrderFact, known: Circumstances) -> Difference | None:
    ours, theirs = chunk.live, chunk.replayed
    fields: tuple[str, ...] = ()
    if ours and theirs:
        fields = _fill_fields(ours, theirs, known.tolerance)
        if not fields:
            return None
    there = ours or theirs
    at = there.at if there else order.decided_at
    cost = _worth(theirs, order, chunk.lots, known.legs[order.leg]) - _worth(
        ours, order, chunk.lots, known.legs[order.leg]
    )
    return Difference(
        What.FILL, _how(ours, theirs), order.leg, at, ours, theirs, fields, order=pair, lots=chunk.lots, cost=cost
    )


def _fill_fields(ours: FillFact, theirs: FillFact, tolerance: int) -> tuple[str, ...]:
    found = [] if same(ours.price, theirs.price) else ["price"]
    if abs(ours.at - theirs.at) > tolerance:
        found.append("at")
    return tuple(found)


def _worth(fill: FillFact | None, order: OrderFact, lots: int, leg: LegFact) -> float:
    """What these lots made by the end of the day, in yuan; nothing where they were not filled."""
    if fill is None or math.isnan(leg.mark):
        return 0.0
    return (leg.mark - fill.price) * int(order.direction) * lots * leg.multiplier
