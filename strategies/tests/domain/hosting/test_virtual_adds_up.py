"""What several strategies and a person do on one account, in their own books and in the account's ledger: the same."""

import json
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from marketdata.domain.instrument import FeeRates, MarginRates
from strategies.domain.hosting.virtual import VirtualBook
from trading.domain.ledger import Ledger, Terms
from trading.domain.offsets import Side

CODES = {"rb2501.SHFE": 10.0, "au2502.SHFE": 1_000.0, "sc2501.INE": 1_000.0}
FEES = FeeRates(0.0001, 2.0, 0.0002, 1.0, 0.0003, 0.5)
DOERS = 4
START = 1e9

Deal = tuple[int, str, int, int]
"""Who, the contract, signed lots, ticks that the price has moved."""

deals = st.lists(
    st.tuples(
        st.integers(0, DOERS - 1),
        st.sampled_from(sorted(CODES)),
        st.sampled_from([-7, -3, -2, -1, 1, 2, 3, 7]),
        st.integers(-50, 50),
    ),
    max_size=60,
)


@dataclass
class Account:
    """The ledger of the account, and the books of those who trade on it."""

    ledger: Ledger = field(default_factory=lambda: Ledger(START))
    books: list[VirtualBook] = field(default_factory=lambda: [VirtualBook(CODES) for _ in range(DOERS)])
    price: dict[str, float] = field(default_factory=lambda: dict.fromkeys(CODES, 500.0))
    day: int = 0

    def __post_init__(self) -> None:
        for code, multiplier in CODES.items():
            self.ledger.set_terms(code, Terms(multiplier, FEES, MarginRates(long_by_money=0.1, short_by_money=0.1)))
        self.begin()

    def begin(self) -> None:
        """A trading day begins."""
        self.day += 1
        for book in self.books:
            book.begin_day(self.day)

    def settle(self) -> None:
        """The day ends at the settlement prices, three off the last ones."""
        self.mark({code: price + 3.0 for code, price in self.price.items()})
        self.ledger.settle(self.price)
        self.begin()

    def mark(self, price: dict[str, float]) -> None:
        self.price = price
        for code, now in price.items():
            self.ledger.mark(code, now)
            for book in self.books:
                book.mark(code, now)

    def deal(self, who: int, code: str, lots: int) -> None:
        """By the doer's own lots what closes closes on the account (whoever opened it there), the rest opens."""
        held, price = self.books[who].lots(code), self.price[code]
        closing = min(abs(lots), abs(held)) if lots * held < 0 else 0
        paid = 0.0
        if closing:
            closed = self.ledger.close(code, Side.LONG if held > 0 else Side.SHORT, price, closing)
            paid += sum(each.commission for each in closed)
        if opening := abs(lots) - closing:
            side = Side.LONG if lots > 0 else Side.SHORT
            paid += self.ledger.open(code, side, price, opening, at=0, trading_day=self.day)
        self.books[who].fill(code, lots, price, paid)


@settings(max_examples=200, deadline=None)
@given(st.lists(deals, min_size=1, max_size=4))
def test_lots_profits_and_days_of_all_books_are_the_accounts(days: list[list[Deal]]) -> None:
    account = Account()
    for day in days:
        for who, code, lots, ticks in day:
            account.mark({**account.price, code: max(1.0, account.price[code] + ticks)})
            account.deal(who, code, lots)
            account.books[who] = VirtualBook.restored(CODES, json.loads(json.dumps(account.books[who].document())))
        funds, books = account.ledger.funds, account.books
        turnover = sum(holding.turnover for book in books for holding in book.holdings.values())
        near = 1e-6 * (1.0 + turnover / 1e4)
        for code in CODES:
            assert sum(book.lots(code) for book in books) == account.ledger.position(code).net_volume()
        assert abs(sum(book.profit for book in books) - (funds.balance - START)) <= near
        assert abs(sum(book.day_profit for book in books) - (funds.balance - funds.pre_balance)) <= near
        account.settle()
        assert abs(sum(book.profit for book in account.books) - (account.ledger.funds.balance - START)) <= near
