"""What the rows know of an account's orders and trades of one trading day, by CTP's keys."""

from datetime import date

from trading.account_models import TradingAccount
from trading.domain.ctp.folding import CtpOrder
from trading.domain.ctp.identity import key_of_fill
from trading.gateways.ctp.book import DayRows
from trading.ledger.book_rows import DIRECTIONS, TYPES
from trading.order_models import Fill, Order


def day_rows(account: TradingAccount, day: date) -> DayRows:
    """Every order of the day that was prepared for the broker, those that have ended too, and every booked trade."""
    orders = Order.objects.filter(account=account, trading_day=day).exclude(matching={}).select_related("instrument")
    fills = Fill.objects.filter(account=account, trading_day=day).order_by()
    trades = fills.values_list("instrument__code", "trade_id", "direction").distinct()
    return DayRows(
        [_order(row) for row in orders.order_by("pk")],
        [key_of_fill(day, code, trade, DIRECTIONS[direction]) for code, trade, direction in trades],
    )


def _order(row: Order) -> CtpOrder:
    code, direction = row.instrument.code, DIRECTIONS[row.direction]
    made = CtpOrder(row.pk, code, direction, TYPES[row.type], row.volume, foreign=row.foreign, filled=row.traded)
    made.remember(row.matching)
    made.closed = not row.is_working
    return made
