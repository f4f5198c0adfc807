"""The displayed book of one tick, with what own orders have taken out of it."""

from marketdata.domain.depth import INVALID_ABOVE
from marketdata.domain.ticks import Tick
from trading.domain.offsets import Direction

Level = tuple[int, int]
"""A price in whole ticks and the lots displayed there."""

OTHER_SIDE = {Direction.BUY: Direction.SELL, Direction.SELL: Direction.BUY}

DEEPER = 4
"""Levels beyond the best that ``Tick.depth`` tells."""


class Book:
    """Both sides of a snapshot; prices are whole multiples of ``price_tick``.

    ``Direction.BUY`` names the side of the bids. A price that is NaN, 0 or DBL_MAX and a size of 0 are no quotes.
    """

    __slots__ = ("_levels", "_price_tick", "taken", "tick")

    def __init__(self, tick: Tick, price_tick: float) -> None:
        self.tick = tick
        self._price_tick = price_tick
        self._levels: dict[Direction, list[Level]] = {}
        self.taken: dict[Direction, dict[int, int]] = {Direction.BUY: {}, Direction.SELL: {}}

    def levels(self, side: Direction) -> list[Level]:
        """The displayed levels of a side, the best first."""
        found = self._levels.get(side)
        if found is None:
            found = self._levels[side] = self._read(side)
        return found

    def shown(self, side: Direction, price: int) -> int | None:
        """Lots displayed at a price; None where the book does not reach so deep or there is no book at all."""
        levels = self.levels(side)
        if not levels:
            return 0 if self.levels(OTHER_SIDE[side]) else None
        for level, size in levels:
            if level == price:
                return size
        return None if side * (price - levels[-1][0]) < 0 else 0

    def available(self, side: Direction, limit: int | None) -> list[Level]:
        """What of a side can still be taken at ``limit`` or better for the taker, level by level."""
        taken = self.taken[side]
        return [
            (price, left)
            for price, size in self.levels(side)
            if (limit is None or side * (price - limit) >= 0) and (left := size - taken.get(price, 0)) > 0
        ]

    def take(self, side: Direction, price: int, volume: int) -> None:
        """Note that own orders took so much of a level."""
        taken = self.taken[side]
        taken[price] = taken.get(price, 0) + volume

    def _read(self, side: Direction) -> list[Level]:
        tick = self.tick
        best = (tick.bid_price, tick.bid_volume) if side > 0 else (tick.ask_price, tick.ask_volume)
        pairs: list[tuple[float, float]] = [best]
        if tick.depth is not None:
            first = 0 if side > 0 else 2 * DEEPER
            prices, sizes = tick.depth[first : first + DEEPER], tick.depth[first + DEEPER : first + 2 * DEEPER]
            pairs += zip(prices, sizes, strict=True)
        return [
            (round(price / self._price_tick), int(size))
            for price, size in pairs
            if 0.0 < price < INVALID_ABOVE and size > 0
        ]
