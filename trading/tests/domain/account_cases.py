"""An account with a few instruments for tests; the rates are round so that results can be told by head."""

import itertools
import math
from datetime import date

from marketdata.domain.instrument import FeeRates, MarginRates
from trading.domain.account_book import AccountBook, BookedFill, BrokerTerms
from trading.domain.account_orders import BookOrder, Part
from trading.domain.ledger import Terms
from trading.domain.margin import MarginPriceType
from trading.domain.offsets import Direction, Offset
from trading.domain.order import OrderType

BUY, SELL = Direction.BUY, Direction.SELL
NAN = math.nan
DAY = date(2024, 3, 4)
DAY_NUMBER = 19786
FEES = FeeRates(
    open_by_money=0.0001, open_by_volume=1.0, close_by_money=0.0002, close_today_by_money=0.0, close_today_by_volume=3.0
)
MARGINS = MarginRates(long_by_money=0.1, short_by_money=0.12)
TERMS = Terms(10.0, FEES, MARGINS)
RB, SC, M, TA, IF, SI = "rb2410.SHFE", "sc2410.INE", "m2409.DCE", "TA409.CZCE", "IF2406.CFFEX", "si2411.GFEX"
AT_OPEN = BrokerTerms(margin_price_type=MarginPriceType.OPEN)
_numbers = itertools.count(1)


def account(
    balance: float = 1_000_000.0, broker: BrokerTerms = AT_OPEN, terms: Terms = TERMS, codes: tuple[str, ...] = (RB, M)
) -> AccountBook:
    """An account that may trade these instruments, all on the same terms."""
    book = AccountBook(balance, broker)
    for code in codes:
        book.set_terms(code, code.rpartition(".")[2], DAY, terms)
    return book


def order(
    code: str,
    direction: Direction,
    offset: Offset | None,
    volume: int,
    price: float = 4000.0,
    *,
    limits: tuple[float, float] = (4400.0, 3600.0),
) -> BookOrder:
    """A new order; without a price a market order. ``limits`` are upper and lower."""
    kind = OrderType.MARKET if math.isnan(price) else OrderType.LIMIT
    return BookOrder(next(_numbers), code, direction, offset, kind, price, volume, *limits)


def rest(book: AccountBook, *given: object, **more: tuple[float, float]) -> int:
    """Place an order and leave it resting; its id."""
    placed = order(*given, **more)  # type: ignore[arg-type]
    book.place(placed)
    return placed.order_id


def trade(
    book: AccountBook, code: str, direction: Direction, offset: Offset | None, volume: int, price: float = 4000.0
) -> list[BookedFill]:
    """An order that fills at once, whole."""
    placed = order(code, direction, offset, volume, price)
    book.place(placed)
    return book.fill(placed.order_id, price, volume, at=1, trading_day=DAY_NUMBER)


def parts_of(
    book: AccountBook, code: str, direction: Direction, offset: Offset | None, volume: int
) -> tuple[Part, ...]:
    """How an order would be sent; nothing of it is left."""
    placed = order(code, direction, offset, volume)
    parts = book.place(placed)
    book.release(placed.order_id)
    return parts


def mixed(code: str, *, yesterday: int = 2, today: int = 3, codes: tuple[str, ...] = ()) -> AccountBook:
    """Long lots of both kinds: the older ones opened at 3900 and settled at 3950, today's opened at 4000."""
    book = account(codes=codes or (code,))
    if yesterday:
        trade(book, code, BUY, Offset.OPEN, yesterday, 3900.0)
    book.settle({code: 3950.0})
    if today:
        trade(book, code, BUY, Offset.OPEN, today, 4000.0)
    return book
