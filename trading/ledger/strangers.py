"""Orders that other terminals of an account have sent, as rows like ours; risk and strategies are not told of them."""

import structlog

from marketdata.instruments import ensure_instrument
from quantsite.common.errors import RuleError
from trading.alarms import tell_stranger
from trading.choices import StatusName
from trading.domain.account_orders import Part
from trading.domain.account_working import Frozen
from trading.domain.gateway import Stranger
from trading.ledger.book_rows import book_order, cents, track
from trading.ledger.orders import OrderedAccount
from trading.metrics import FOREIGN_ORDERS
from trading.order_models import Order

log = structlog.get_logger(__name__)

FOREIGN = "foreign"
"""The event that tells of one."""


class StrangersAccount(OrderedAccount):
    """An account that takes such orders in."""

    def take_in(self, stranger: Stranger) -> int | None:
        """The number of the order's row, made now; what it holds back is frozen. Within the caller's transaction.

        None where it cannot be booked: its instrument is in no table and of no known product, or nobody tells what it
        costs. The position then differs from the broker's, which is told.
        """
        try:
            ensure_instrument(stranger.code, stranger.day)
            self.know(stranger.code)
        except RuleError as error:
            log.error("foreign order not taken in", account=self.account.code, order=stranger, reason=error.text)
            FOREIGN_ORDERS.labels(self.account.code, "lost").inc()
            tell_stranger(self.account, stranger.code, error.text)
            return None
        row, made = self._stranger_row(stranger)
        tracked = self.orders[row.pk] = track(row)
        if made:
            self._freeze(row, stranger.part)
            self.event(FOREIGN, order=tracked.row, codes=[stranger.code])
            self.changes.orders[row.pk] = row
            FOREIGN_ORDERS.labels(self.account.code, "taken").inc()
        return row.pk

    def _stranger_row(self, stranger: Stranger) -> tuple[Order, bool]:
        part = stranger.part
        row, made = Order.objects.select_related("account", "instrument").get_or_create(
            account=self.account,
            client_order_id=stranger.client_order_id,
            defaults={
                "instrument": self.facts.row(stranger.code),
                "direction": stranger.direction.name.lower(),
                "offset": part.offset.name.lower(),
                "type": stranger.type.value,
                "price": None if stranger.price is None else cents(stranger.price),
                "volume": part.volume,
                "status": StatusName.SUBMITTED,
                "trading_day": stranger.day,
                "parts": [[int(part.offset), part.volume]],
                "foreign": True,
            },
        )
        row.account = self.account
        return row, made

    def _freeze(self, row: Order, part: Part) -> None:
        """As the broker does; where nobody tells at which price, nothing is frozen and its fills are booked anyway."""
        try:
            self.book.restore(book_order(row), [part])
        except RuleError:
            self.book.restore(book_order(row), [part], Frozen(0.0, 0.0))
        frozen = self.book.frozen(row.pk)
        row.frozen_margin, row.frozen_commission = cents(frozen.margin), cents(frozen.commission)
