"""An account reckoned again from its fills, cash and settlement prices alone: lot by lot, in decimals, from the start.

Nothing here calls the ledger's rules: which lots a flag takes, fees, profits, margins and the roll of a day are written
out once more, the plainest way.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from trading.domain.ledger import Terms
from trading.domain.margin import MarginPriceType
from trading.domain.offsets import Direction, Offset


class FillEntry(NamedTuple):
    """A fill under the flag that the exchange was given."""

    code: str
    direction: Direction
    offset: Offset
    price: float
    volume: int


class CashEntry(NamedTuple):
    """Money in, or out where negative."""

    amount: float


class SettleEntry(NamedTuple):
    """The end of a day."""

    prices: dict[str, float]


Entry = FillEntry | CashEntry | SettleEntry


@dataclass
class UnitLot:
    """A single lot."""

    opened_at: Decimal
    base: Decimal
    today: bool = True


@dataclass
class SlowAccount:
    """The figures after all entries; ``lots`` by code and sign (+1 long), oldest first."""

    terms: dict[str, Terms]
    price_type: MarginPriceType
    pre_balance: Decimal
    deposit: Decimal = Decimal(0)
    withdraw: Decimal = Decimal(0)
    close_profit: Decimal = Decimal(0)
    close_profit_by_trade: Decimal = Decimal(0)
    commission: Decimal = Decimal(0)
    lots: dict[tuple[str, int], list[UnitLot]] = field(default_factory=dict)

    def take(self, entry: Entry) -> None:
        if isinstance(entry, CashEntry):
            if entry.amount > 0:
                self.deposit += Decimal(entry.amount)
            else:
                self.withdraw -= Decimal(entry.amount)
        elif isinstance(entry, SettleEntry):
            self._settle({code: Decimal(price) for code, price in entry.prices.items()})
        else:
            for _lot in range(entry.volume):
                self._fill_one(entry)

    def position_profit(self, marks: dict[str, Decimal]) -> Decimal:
        return sum(
            (
                sign * (marks[code] - lot.base) * self._size(code)
                for (code, sign), lots in self.lots.items()
                for lot in lots
            ),
            Decimal(0),
        )

    def margin(self, marks: dict[str, Decimal]) -> Decimal:
        sides: dict[tuple[str, int], Decimal] = {}
        for (code, sign), lots in self.lots.items():
            terms = self.terms[code]
            group = terms.margin_group if terms.larger_side and terms.margin_group else code
            rates = terms.margins
            ratio = Decimal(rates.long_by_money if sign > 0 else rates.short_by_money)
            each = Decimal(rates.long_by_volume if sign > 0 else rates.short_by_volume)
            for lot in lots:
                at = self._margin_price(lot, marks[code])
                sides[group, sign] = sides.get((group, sign), Decimal(0)) + at * self._size(code) * ratio + each
        total = Decimal(0)
        larger = {terms.margin_group or code for code, terms in self.terms.items() if terms.larger_side}
        for group in {group for group, _sign in sides}:
            pair = [sides.get((group, sign), Decimal(0)) for sign in (1, -1)]
            total += max(pair) if group in larger else sum(pair)
        return total

    def balance(self, marks: dict[str, Decimal]) -> Decimal:
        cash = self.pre_balance + self.deposit - self.withdraw - self.commission
        return cash + self.close_profit + self.position_profit(marks)

    def _margin_price(self, lot: UnitLot, mark: Decimal) -> Decimal:
        if not lot.today:
            return lot.base
        return mark if self.price_type == MarginPriceType.LAST else lot.opened_at

    def _size(self, code: str) -> Decimal:
        return Decimal(self.terms[code].multiplier)

    def _fill_one(self, fill: FillEntry) -> None:
        price, fees = Decimal(fill.price), self.terms[fill.code].fees
        if fill.offset == Offset.OPEN:
            self.lots.setdefault((fill.code, fill.direction), []).append(UnitLot(price, price))
            self._pay(fill, fees.open_by_money, fees.open_by_volume)
            return
        sign = -fill.direction
        lots = self.lots[fill.code, sign]
        lot = next(lot for lot in lots if self._reaches(fill, lot))
        lots.remove(lot)
        size = self._size(fill.code)
        self.close_profit += sign * (price - lot.base) * size
        self.close_profit_by_trade += sign * (price - lot.opened_at) * size
        if lot.today:
            self._pay(fill, fees.close_today_by_money, fees.close_today_by_volume)
        else:
            self._pay(fill, fees.close_by_money, fees.close_by_volume)

    @staticmethod
    def _reaches(fill: FillEntry, lot: UnitLot) -> bool:
        if fill.offset == Offset.CLOSE_TODAY:
            return lot.today
        if fill.offset == Offset.CLOSE_YESTERDAY:
            return not lot.today
        split = fill.code.endswith((".SHFE", ".INE"))
        return not (split and lot.today)

    def _pay(self, fill: FillEntry, ratio: float, each: float) -> None:
        self.commission += Decimal(fill.price) * self._size(fill.code) * Decimal(ratio) + Decimal(each)

    def _settle(self, prices: dict[str, Decimal]) -> None:
        self.pre_balance = self.balance(prices)
        self.deposit = self.withdraw = self.commission = Decimal(0)
        self.close_profit = self.close_profit_by_trade = Decimal(0)
        for (code, _sign), lots in self.lots.items():
            for lot in lots:
                lot.base, lot.today = prices[code], False


def reckon(entries: list[Entry], balance: float, terms: dict[str, Terms], price_type: MarginPriceType) -> SlowAccount:
    """The account after these entries, from the first one on."""
    slow = SlowAccount(terms, price_type, Decimal(balance))
    for entry in entries:
        slow.take(entry)
    return slow
