"""Which row of one side is which row of the other.

Signals belong together by leg and bar. Orders have no name in common: within a leg, a cause and a direction both
sides are walked in the order of time, and two that were decided within :data:`REACH` of one another are the same
order; the one that is further behind has no counterpart. Fills are paired within their order, lot by lot.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeVar

from backtests.domain.drift.records import FillFact, OrderFact, SignalFact
from quantsite.common.times import NS_PER_MINUTE

REACH = NS_PER_MINUTE
"""Longer than an order takes on its way, shorter than most bars: two decisions of one cause lie further apart."""

RowT = TypeVar("RowT", SignalFact, OrderFact)


class Chunk(NamedTuple):
    """So many lots of an order that were filled at one price and instant on each side; None where they were not."""

    lots: int
    live: FillFact | None
    replayed: FillFact | None


def pair_signals(
    live: Sequence[SignalFact], replayed: Sequence[SignalFact]
) -> Iterator[tuple[SignalFact | None, SignalFact | None]]:
    """Both sides by bar; where a bar has several decisions, the first is paired with the first."""
    sides: dict[tuple[int, int, int], list[SignalFact | None]] = {}
    for side, signals in enumerate((live, replayed)):
        seen: dict[tuple[int, int], int] = defaultdict(int)
        for signal in signals:
            bar = (signal.bar_start, signal.leg)
            sides.setdefault((*bar, seen[bar]), [None, None])[side] = signal
            seen[bar] += 1
    for key in sorted(sides):
        first, second = sides[key]
        yield first, second


def pair_orders(
    live: Sequence[OrderFact], replayed: Sequence[OrderFact]
) -> list[tuple[OrderFact | None, OrderFact | None]]:
    """Both sides in the order of their decisions."""
    groups: dict[tuple[int, str, int], tuple[list[OrderFact], list[OrderFact]]] = defaultdict(lambda: ([], []))
    for side, orders in enumerate((live, replayed)):
        for order in orders:
            groups[order.leg, order.cause, int(order.direction)][side].append(order)
    pairs = [pair for group in groups.values() for pair in _walk(*group)]
    return sorted(pairs, key=_place)


def _walk(
    live: Sequence[OrderFact], replayed: Sequence[OrderFact]
) -> Iterator[tuple[OrderFact | None, OrderFact | None]]:
    first, second = 0, 0
    while first < len(live) and second < len(replayed):
        ours, theirs = live[first], replayed[second]
        apart = ours.decided_at - theirs.decided_at
        if abs(apart) <= REACH:
            yield ours, theirs
            first, second = first + 1, second + 1
        elif apart < 0:
            yield ours, None
            first += 1
        else:
            yield None, theirs
            second += 1
    yield from ((order, None) for order in live[first:])
    yield from ((None, order) for order in replayed[second:])


def _place(pair: tuple[OrderFact | None, OrderFact | None]) -> tuple[int, int]:
    there = [order for order in pair if order is not None]
    return min(order.decided_at for order in there), there[0].number


def pair_fills(live: Sequence[FillFact], replayed: Sequence[FillFact]) -> Iterator[Chunk]:
    """The fills of one order on both sides, cut into lots that each side filled at once."""
    ours, theirs = list(live), list(replayed)
    while ours and theirs:
        lots = min(ours[0].lots, theirs[0].lots)
        yield Chunk(lots, ours[0], theirs[0])
        ours, theirs = _less(ours, lots), _less(theirs, lots)
    yield from (Chunk(fill.lots, fill, None) for fill in ours)
    yield from (Chunk(fill.lots, None, fill) for fill in theirs)


def _less(fills: list[FillFact], lots: int) -> list[FillFact]:
    first = fills[0]
    return fills[1:] if first.lots == lots else [first._replace(lots=first.lots - lots), *fills[1:]]
