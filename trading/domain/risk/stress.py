"""What the margin call would be if every price ran to the limit that hurts the account.

Each instrument goes by itself to its lower or upper price limit, whichever leaves less free money: its lots lose (or
win) ``net lots * multiplier * (limit - last)``, and both sides are margined at that price, as they would be after a
settlement there. The call is what is missing then: ``margin - (balance + profit)``. Long and short lots of one
instrument offset each other in the loss; two contracts of a product do not, as each goes its own way.
"""

from collections.abc import Iterable, Sequence
from math import isfinite
from typing import NamedTuple

from trading.domain.margin import charged_margin, margin, margin_pair
from trading.domain.offsets import Side
from trading.domain.risk.holdings import Holding, total_margin


class Hit(NamedTuple):
    """One instrument at its price limit: the profit there (below 0: a loss) and the margins of its sides, in yuan."""

    holding: Holding
    price: float
    profit: float
    long_margin: float
    short_margin: float

    @property
    def margin(self) -> float:
        """What would be charged for both sides by itself."""
        return charged_margin(self.long_margin, self.short_margin, self.holding.larger_side)

    @property
    def strain(self) -> float:
        """Free money in yuan that the move costs: the loss, and the margin that is needed on top."""
        return self.margin - self.holding.margin - self.profit


class Stress(NamedTuple):
    """The account at all the limits, in yuan; ``call`` is 0 where the balance suffices.

    ``hits`` begin with the worst. ``unknown`` are instruments whose prices or limits nobody told: they stay as they
    are, so the true call may be higher.
    """

    call: float
    balance: float
    margin: float
    hits: tuple[Hit, ...]
    unknown: tuple[str, ...]


def margin_stress(balance: float, holdings: Iterable[Holding]) -> Stress:
    """The margin call at the price limits, for a balance in yuan as of now."""
    hits, unknown = [], []
    sides: list[tuple[Holding, float, float]] = []
    for holding in holdings:
        worst = _worst(holding)
        if worst is None:
            unknown.append(holding.instrument)
            sides.append((holding, holding.long_margin, holding.short_margin))
        else:
            hits.append(worst)
            sides.append((holding, worst.long_margin, worst.short_margin))
    after = balance + sum(hit.profit for hit in hits)
    needed = total_margin(sides)
    hits.sort(key=lambda hit: (-hit.strain, hit.holding.instrument))
    return Stress(max(needed - after, 0.0), after, needed, tuple(hits), tuple(unknown))


def _worst(holding: Holding) -> Hit | None:
    """The limit that costs more; None where a price is missing."""
    if not all(isfinite(price) and price > 0 for price in (holding.last, holding.lower, holding.upper)):
        return None
    at_limits: Sequence[Hit] = [_hit(holding, price) for price in (holding.lower, holding.upper)]
    return max(at_limits, key=lambda hit: hit.strain)


def _hit(holding: Holding, price: float) -> Hit:
    profit = holding.net * holding.multiplier * (price - holding.last)
    margins = (
        margin(price, lots, holding.multiplier, *margin_pair(holding.margins, side)) if lots else 0.0
        for side, lots in ((Side.LONG, holding.long), (Side.SHORT, holding.short))
    )
    return Hit(holding, price, profit, *margins)
