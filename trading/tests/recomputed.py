"""An account recomputed from its fills alone: plain decimal arithmetic, written apart from the ledger.

SHFE's rules: a fill marked ``close_today`` takes lots of its own trading day, any other closing one older lots, the
oldest first. Profit by date counts from the previous settlement for older lots; margin is charged on the larger side.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

ZERO = Decimal(0)


@dataclass(frozen=True)
class Rates:
    """By kind of fill (``open``, ``close``, ``close_today``) of turnover and yuan a lot; margin by side of value."""

    commission: Mapping[str, tuple[Decimal, Decimal]]
    margin: Mapping[str, Decimal]


@dataclass
class Lot:
    """Lots of one fill that are still held; ``base`` is what profit by date counts from."""

    day: date
    open_price: Decimal
    base: Decimal
    volume: int


@dataclass
class Day:
    """One trading day's figures in yuan; ``per_fill``: commission and both close profits by the fill's id."""

    pre_balance: Decimal
    deposit: Decimal = ZERO
    commission: Decimal = ZERO
    close_profit: Decimal = ZERO
    close_profit_by_trade: Decimal = ZERO
    position_profit: Decimal = ZERO
    margin: Decimal = ZERO
    per_fill: dict[int, tuple[Decimal, Decimal, Decimal]] = field(default_factory=dict)

    @property
    def balance(self) -> Decimal:
        """At the day's settlement prices."""
        return self.pre_balance + self.deposit + self.close_profit + self.position_profit - self.commission


class Recomputed:
    """An account in one contract, day by day."""

    def __init__(self, multiplier: int) -> None:
        self.multiplier = multiplier
        self.lots: dict[str, list[Lot]] = {"long": [], "short": []}

    def run(
        self,
        fills: Iterable[Mapping[str, Any]],
        day: date,
        begins: Day,
        rates: Rates,
        mark: Decimal,
        margin_at: Decimal,
    ) -> Day:
        """One day's fills (as the API tells them, in their order); what is left is marked, and charged margin."""
        for fill in fills:
            self._fill(begins, fill, day, rates)
        for side, lots in self.lots.items():
            sign = 1 if side == "long" else -1
            begins.position_profit += sum((sign * (mark - lot.base) * self._size(lot.volume) for lot in lots), ZERO)
        values = {side: sum((self._size(lot.volume) for lot in lots), ZERO) for side, lots in self.lots.items()}
        begins.margin = max(margin_at * value * rates.margin[side] for side, value in values.items())
        return begins

    def settle(self, price: Decimal) -> None:
        """Carry the lots on at the settlement price."""
        for lots in self.lots.values():
            for lot in lots:
                lot.base = price

    def held(self, side: str, day: date) -> tuple[int, int]:
        """Lots of a side, and how many of them are of ``day``."""
        lots = self.lots[side]
        return sum(lot.volume for lot in lots), sum(lot.volume for lot in lots if lot.day == day)

    def _fill(self, told: Day, fill: Mapping[str, Any], day: date, rates: Rates) -> None:
        price, volume, kind = Decimal(str(fill["price"])), int(fill["volume"]), fill["offset"]
        by_money, by_volume = rates.commission[kind]
        commission = price * self._size(volume) * by_money + volume * by_volume
        by_date = by_trade = ZERO
        if kind == "open":
            side = "long" if fill["direction"] == "buy" else "short"
            self.lots[side].append(Lot(day, price, price, volume))
        else:
            side = "long" if fill["direction"] == "sell" else "short"
            by_date, by_trade = self._close(side, price, volume, day, today=kind == "close_today")
        told.commission += commission
        told.close_profit += by_date
        told.close_profit_by_trade += by_trade
        told.per_fill[fill["id"]] = (commission, by_date, by_trade)

    def _close(self, side: str, price: Decimal, volume: int, day: date, *, today: bool) -> tuple[Decimal, Decimal]:
        sign = 1 if side == "long" else -1
        by_date = by_trade = ZERO
        for lot in self.lots[side]:
            if (lot.day == day) is not today or not volume:
                continue
            taken = min(volume, lot.volume)
            volume -= taken
            lot.volume -= taken
            by_date += sign * (price - lot.base) * self._size(taken)
            by_trade += sign * (price - lot.open_price) * self._size(taken)
        assert volume == 0, f"{volume} lots too many were closed"
        self.lots[side] = [lot for lot in self.lots[side] if lot.volume]
        return by_date, by_trade

    def _size(self, volume: int) -> Decimal:
        return Decimal(volume * self.multiplier)
