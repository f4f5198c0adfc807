"""An instance's own books on an account that it shares: what its fills hold, and what they have made.

Each instance keeps what its own orders filled, netted within itself: a fill first closes what it holds on the other
side, the rest opens. Between instances nothing is netted and nothing is crossed: an order always goes to the
exchange, where one that would meet another of the same account is refused as a self-trade, which its strategy hears
as a rejection. Two instances that hold opposite lots of a contract may stand side by side on the account, long and
short; what is added up is their signed lots.

Profit is what fills have realised plus what the lots are worth at the mark, less commission. It is linear in the fills,
so it adds up: over all instances and the orders by hand it is the account's profit (before deposits), whoever closed
whose lots there. The day begins at the settlement prices of the day before, which its first ticks tell; until then at
the last marks. So the gap of an opening belongs to the day that it opens, and the days add up to the account's too.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import isnan, nan
from typing import Any, Self


@dataclass(slots=True)
class Holding:
    """One contract. ``lots`` is signed, ``average`` the price of what is held (NaN without), money is yuan.

    ``realised`` is before commission; ``turnover`` the worth of all fills. ``day_base`` is the profit before the day;
    ``day_lots`` were held then, marked at ``day_marked`` (NaN: without lots, or the settlement price is known).
    """

    multiplier: float
    lots: int = 0
    average: float = nan
    realised: float = 0.0
    commission: float = 0.0
    turnover: float = 0.0
    marked: float = nan
    day_base: float = 0.0
    day_lots: int = 0
    day_marked: float = nan

    @property
    def floating(self) -> float:
        """What the lots held have made at the mark; 0 where nobody knows a price."""
        if not self.lots or isnan(self.marked):
            return 0.0
        return (self.marked - self.average) * self.lots * self.multiplier

    @property
    def profit(self) -> float:
        """In total, commission taken off."""
        return self.realised + self.floating - self.commission

    @property
    def day_profit(self) -> float:
        """Since the trading day began."""
        return self.profit - self.day_base

    def begin_day(self) -> None:
        """Profit counts from here, until the settlement price of the day before is told."""
        self.day_base = self.profit
        self.day_lots, self.day_marked = self.lots, self.marked if self.lots else nan

    def settle(self, price: float) -> float:
        """The day before was settled at this price; gives by how much (yuan) that day's profit differs."""
        change = (price - self.day_marked) * self.day_lots * self.multiplier
        self.day_base += change
        self.day_marked = nan
        return change

    def fill(self, lots: int, price: float, commission: float) -> None:
        """Take in a fill of signed ``lots``: it closes what lies on the other side first, the rest opens."""
        closing = min(abs(lots), abs(self.lots)) if lots * self.lots < 0 else 0
        if closing:
            side = 1 if self.lots > 0 else -1
            self.realised += side * closing * (price - self.average) * self.multiplier
        opening = abs(lots) - closing
        held = abs(self.lots) - closing
        if opening:
            worth = (self.average * held if held else 0.0) + price * opening
            self.average = worth / (held + opening)
        self.lots += lots
        if not self.lots:
            self.average = nan
        self.commission += commission
        self.turnover += abs(lots) * price * self.multiplier
        if isnan(self.marked):
            self.marked = price


class VirtualBook:
    """The holdings of one instance by instrument code; ``multipliers`` of its contracts by code."""

    def __init__(self, multipliers: Mapping[str, float]) -> None:
        self._multipliers = dict(multipliers)
        self.holdings: dict[str, Holding] = {}
        self.day = 0

    def know(self, code: str, multiplier: float) -> None:
        """Another contract may be filled: that of a roll."""
        self._multipliers[code] = multiplier

    def fill(self, code: str, lots: int, price: float, commission: float) -> None:
        """Signed ``lots`` were filled at ``price``. Raises ``KeyError`` for a contract that nobody has named."""
        found = self.holdings.get(code)
        if found is None:
            found = self.holdings[code] = Holding(self._multipliers[code])
        found.fill(lots, price, commission)

    def mark(self, code: str, price: float, settled: float = nan) -> float:
        """The newest price of a contract, and at what the day before was settled; one that is none changes nothing.

        Gives by how much (yuan) the day before has made more than it seemed.
        """
        found = self.holdings.get(code)
        if found is None:
            return 0.0
        if price == price:  # noqa: PLR0124 - NaN is not itself
            found.marked = price
        return found.settle(settled) if settled > 0 and not isnan(found.day_marked) else 0.0

    def begin_day(self, day: int) -> None:
        """A trading day (days since the epoch) begins: profit of the day counts from here."""
        if day == self.day:
            return
        self.day = day
        for holding in self.holdings.values():
            holding.begin_day()

    def lots(self, code: str) -> int:
        """Signed lots held of a contract."""
        found = self.holdings.get(code)
        return 0 if found is None else found.lots

    @property
    def held(self) -> dict[str, int]:
        """Signed lots by contract, flat ones left out."""
        return {code: holding.lots for code, holding in self.holdings.items() if holding.lots}

    @property
    def profit(self) -> float:
        """In total, commission taken off."""
        return sum(holding.profit for holding in self.holdings.values())

    @property
    def day_profit(self) -> float:
        """Since the trading day began."""
        return sum(holding.day_profit for holding in self.holdings.values())

    def document(self) -> dict[str, Any]:
        """All that :meth:`restored` needs, as JSON takes it: NaN is null."""
        rows = {code: _plain(asdict(holding)) for code, holding in self.holdings.items()}
        return {"day": self.day, "holdings": rows}

    @classmethod
    def restored(cls, multipliers: Mapping[str, float], document: Mapping[str, Any]) -> Self:
        """The book that wrote :meth:`document`."""
        made = cls(multipliers)
        made.day = document["day"]
        for code, values in document["holdings"].items():
            known: dict[str, Any] = {name: nan if value is None else value for name, value in values.items()}
            made.holdings[code] = Holding(**known)
            made.know(code, made.holdings[code].multiplier)
        return made


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: None if isinstance(value, float) and isnan(value) else value for name, value in values.items()}
