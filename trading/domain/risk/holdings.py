"""What an account holds of one instrument, with what the monitor must know of it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from math import nan

from marketdata.domain.instrument import MarginRates
from trading.domain.margin import charged_margin

NO_RATES = MarginRates()


@dataclass(frozen=True, slots=True)
class Holding:
    """Lots held of both sides, prices NaN where unknown; ``*_margin`` is what each side is charged now, in yuan.

    ``product`` is the full code. ``larger_side`` and ``margin_group`` as in ``ledger.Terms``; ``margins`` are the
    rates in force, ``expires`` the last trading day.
    """

    instrument: str
    product: str
    long: int
    short: int
    multiplier: float
    last: float = nan
    upper: float = nan
    lower: float = nan
    long_margin: float = 0.0
    short_margin: float = 0.0
    margins: MarginRates = NO_RATES
    larger_side: bool = False
    margin_group: str = ""
    expires: date | None = None

    @property
    def net(self) -> int:
        """Long lots less short ones."""
        return self.long - self.short

    @property
    def exposure(self) -> float:
        """Value of the net lots at the last price in yuan, below 0 where short; NaN without a price."""
        return self.net * self.multiplier * self.last if self.net else 0.0

    @property
    def value(self) -> float:
        """Value of the lots of both sides at the last price in yuan."""
        lots = self.long + self.short
        return lots * self.multiplier * self.last if lots else 0.0

    @property
    def margin(self) -> float:
        """What is charged for both sides, by itself: the relief of a margin group is not in it."""
        return charged_margin(self.long_margin, self.short_margin, self.larger_side)


def total_margin(rows: Iterable[tuple[Holding, float, float]]) -> float:
    """What is charged for several holdings whose sides have these margins, each group's larger side where it counts."""
    groups: dict[str, tuple[float, float]] = {}
    total = 0.0
    for holding, long, short in rows:
        if holding.larger_side and holding.margin_group:
            before = groups.get(holding.margin_group, (0.0, 0.0))
            groups[holding.margin_group] = (before[0] + long, before[1] + short)
        else:
            total += charged_margin(long, short, holding.larger_side)
    return total + sum(max(long, short) for long, short in groups.values())
