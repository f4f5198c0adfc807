"""The figures that the rules of an order look at, kept up to date by what has moved, not computed anew for each order.

Lots and values are sums over instruments: an order pays for the instruments that have moved since the last one.
"""

import math
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from trading.choices import DirectionName, OffsetName
from trading.domain.account_book import AccountBook
from trading.domain.risk.figures import AccountView, RiskOrder
from trading.domain.risk.sums import Sums, account_view
from trading.ledger.book_rows import book_order
from trading.ledger.keeper import Keeper
from trading.order_models import Order


class Contract(NamedTuple):
    """What the rules must know of an instrument; ``product`` is the full code."""

    code: str
    product: str
    exchange: str
    multiplier: float
    price_tick: float


class RiskView:
    """The account as the rules see it, before an order."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper
        self._book: AccountBook | None = None
        self._day: date | None = None
        self._contracts: dict[str, Contract] = {}
        self._sums = Sums()

    def contract(self, code: str) -> Contract:
        """What the rules must know of an instrument. Raises ``MissingError``."""
        if self._day != self._keeper.trading_day:
            self._day = self._keeper.trading_day
            self._contracts.clear()
        found = self._contracts.get(code)
        if found is None:
            facts = self._keeper.facts
            product, contract = facts.row(code).product, facts.contract(code)
            found = Contract(code, str(product), product.exchange_id, contract.multiplier, contract.price_tick)
            self._contracts[code] = found
        return found

    def sums(self) -> Sums:
        """Lots and value as they stand."""
        book = self._keeper.book
        moved = book.take_moved()
        if book is not self._book:  # a settlement was undone: it is another book
            self._book, self._sums = book, Sums()
            moved |= book.known
        for code in moved:
            self._sums.put(code, self.contract(code).product, book.exposure(code))
        return self._sums

    def before(self, order: Order, peak: float | None, limits: tuple[float, float]) -> AccountView:
        """The account before an opening order. Raises ``RuleError`` where nothing tells what it would freeze."""
        need = self._keeper.book.opening_need(book_order(order, limits))
        return account_view(self._keeper.book.funds, self.sums(), peak, need)

    def now(self, peak: float | None) -> AccountView:
        """The account as it stands; ``peak`` is the balance from which its drawdown counts."""
        return account_view(self._keeper.book.funds, self.sums(), peak)


def risk_order(order: Order, contract: Contract) -> RiskOrder:
    """An order's row as the rules take it."""
    return RiskOrder(
        contract.code,
        contract.product,
        contract.exchange,
        order.direction == DirectionName.BUY,
        is_opening(order),
        order.type,
        _number(order.price),
        _number(order.stop_price),
        order.volume,
        contract.multiplier,
        contract.price_tick,
    )


def is_opening(order: Order) -> bool:
    """Whether an order opens: anything else closes lots that are held."""
    return order.offset == OffsetName.OPEN


def _number(price: Decimal | None) -> float:
    return math.nan if price is None else float(price)
