"""How the positions of an account are closed: in which order, in what slices, and how far from the market.

What frees the most margin in the least time goes first: margin in yuan divided by the minutes that the lots take when
ours are at most a part of what the market trades. Pure: nothing is sent here.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from quantsite.common.numbers import round_to_tick
from trading.domain.risk.figures import Quote
from trading.domain.risk.holdings import Holding


@dataclass(frozen=True, slots=True)
class FlattenTerms:
    """``part``: our share of what a market trades; ``collar``: how far from the last price, as a fraction of it.

    ``seconds`` lie between two slices; ``most`` are the lots of one order at the most.
    """

    part: float = 0.1
    collar: float = 0.01
    seconds: float = 5.0
    most: int = 100


class Liquidity(NamedTuple):
    """Lots that a market trades in a minute, 0 where unknown; and the exchange's bound on one order, None without."""

    per_minute: float = 0.0
    max_volume: int | None = None


@dataclass(frozen=True, slots=True)
class FlattenStep:
    """One side of one instrument: ``side`` is ``long`` or ``short``, ``slice`` the lots of one order.

    ``margin`` is the side's own in yuan, ``minutes`` how long it takes, infinite where nothing tells.
    """

    instrument: str
    product: str
    side: str
    volume: int
    slice: int
    collar: float
    margin: float
    minutes: float

    def as_row(self) -> dict[str, Any]:
        """As it is stored, with nothing done yet; unknown minutes are None."""
        minutes = self.minutes if math.isfinite(self.minutes) else None
        return {**asdict(self), "minutes": minutes, "done": 0}


def flatten_plan(
    holdings: Iterable[Holding], liquidity: Mapping[str, Liquidity], terms: FlattenTerms | None = None
) -> list[FlattenStep]:
    """The steps in their order: products by margin freed a minute, within each its instruments likewise."""
    terms = terms or FlattenTerms()
    steps = [step for row in holdings for step in _steps(row, liquidity.get(row.instrument, Liquidity()), terms)]
    by_product: dict[str, list[FlattenStep]] = {}
    for step in steps:
        by_product.setdefault(step.product, []).append(step)
    pace = {product: _pace(of_product) for product, of_product in by_product.items()}
    return sorted(
        steps, key=lambda step: (_first(pace[step.product]), step.product, _first(_pace([step])), step.instrument)
    )


def slice_price(buying: bool, quote: Quote, collar: float, price_tick: float) -> float:
    """The limit of one closing order: the collar's width beyond the market, on the grid, within the price limits.

    NaN where no price is known.
    """
    if not math.isfinite(quote.reference):
        return math.nan
    price = round_to_tick(quote.reference * (1 + collar if buying else 1 - collar), price_tick)
    if buying:
        return quote.upper if price > quote.upper else price
    return quote.lower if price < quote.lower else price


def slice_volume(left: int, working: int, size: int) -> int:
    """Lots of the next order of a step: one slice, once the one before has ended; 0 while it works or none are left."""
    return 0 if working else max(min(left, size), 0)


def _steps(holding: Holding, market: Liquidity, terms: FlattenTerms) -> Iterable[FlattenStep]:
    ours = terms.part * market.per_minute
    sides = ("long", holding.long, holding.long_margin), ("short", holding.short, holding.short_margin)
    for side, lots, margin in sides:
        if lots > 0:
            minutes = lots / ours if ours > 0 else math.inf
            size = _slice(lots, ours, market, terms)
            yield FlattenStep(holding.instrument, holding.product, side, lots, size, terms.collar, margin, minutes)


def _slice(lots: int, ours: float, market: Liquidity, terms: FlattenTerms) -> int:
    """What our part of the market comes to until the next slice; one lot where nobody knows the market."""
    pace = math.floor(ours * terms.seconds / 60)
    return max(min(lots, pace, terms.most, market.max_volume or lots), 1)


def _pace(steps: Iterable[FlattenStep]) -> tuple[float, float]:
    """Margin a minute and margin, of steps that go one after another."""
    rows = list(steps)
    margin, minutes = sum(step.margin for step in rows), sum(step.minutes for step in rows)
    return (margin / minutes if minutes else math.inf), margin


def _first(pace: tuple[float, float]) -> tuple[float, float]:
    return -pace[0], -pace[1]
