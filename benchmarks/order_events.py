"""What the domain does with an order: events of its state, and placing, filling and asking the funds of an account.

Pure Python, no database. A second figure has a hundred orders at work, as a busy account has.
"""

from collections.abc import Iterator
from datetime import date
from functools import partial
from math import nan

from benchmarks.figures import Figure, best_seconds, show
from marketdata.domain.calendar import to_day_number
from marketdata.domain.instrument import FeeRates, MarginRates
from trading.domain.account_book import AccountBook, BrokerTerms
from trading.domain.account_orders import BookOrder
from trading.domain.events import Accepted, Submitting, Traded
from trading.domain.ledger import Terms
from trading.domain.offsets import Direction, Offset
from trading.domain.order import OrderState, OrderType

CODE, DAY = "rb2501.SHFE", date(2024, 12, 2)
TERMS = Terms(10.0, FeeRates(0.0001, 0.0, 0.0001, 0.0, 0.0001, 0.0), MarginRates(0.13, 0.0, 0.13, 0.0))
ORDERS = 2_000
WORKING = 100
PRICE = 3_300.0


def account() -> AccountBook:
    """One with money enough, that knows its instrument."""
    book = AccountBook(1e11, BrokerTerms())
    book.set_terms(CODE, "SHFE", DAY, TERMS)
    book.mark(CODE, PRICE)
    return book


def order(number: int, offset: Offset | None = Offset.OPEN) -> BookOrder:
    """Two lots."""
    direction = Direction.BUY if offset == Offset.OPEN else Direction.SELL
    return BookOrder(number, CODE, direction, offset, OrderType.LIMIT, PRICE, 2, nan, nan)


def lives() -> None:
    """Orders that are sent, accepted and filled in two parts: four events each."""
    for number in range(ORDERS):
        state = OrderState(number, 2)
        state.apply(Submitting(at=1))
        state.apply(Accepted(at=2, exchange_order_id="S1"))
        state.apply(Traded(at=3, trade_id="1", price=PRICE, volume=1))
        state.apply(Traded(at=4, trade_id="2", price=PRICE, volume=1))


def round_trips(book: AccountBook) -> None:
    """Orders that open two lots, and such that close them again, each filled at once."""
    day = to_day_number(DAY)
    for number in range(0, ORDERS, 2):
        book.place(order(number))
        book.fill(number, PRICE, 2, 1, day)
        book.place(order(number + 1, None))
        book.fill(number + 1, PRICE, 2, 2, day)


def ask_funds(book: AccountBook) -> None:
    """What every event tells."""
    for _ in range(ORDERS):
        funds = book.funds
        if funds.balance + funds.available + funds.risk_degree < 0:
            raise ValueError("such an account has no funds")


def figures() -> Iterator[Figure]:
    """In microseconds."""
    yield Figure("order_events.state.apply", best_seconds(lives) / (4 * ORDERS) * 1e6, "us")
    for working in (0, WORKING):
        book = account()
        for number in range(working):
            book.place(order(10 * ORDERS + number))
        name = f"order_events.{working}_at_work"
        yield Figure(f"{name}.place_and_fill", best_seconds(partial(round_trips, book)) / ORDERS * 1e6, "us")
        yield Figure(f"{name}.funds", best_seconds(partial(ask_funds, book)) / ORDERS * 1e6, "us")


if __name__ == "__main__":
    show(figures())
