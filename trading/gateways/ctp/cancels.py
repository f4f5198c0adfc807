"""Withdrawals on their way to a front: sent at once, also before the exchange has given the order its number.

Nothing refuses one here: what the library or our own pace turns away is sent again, and after a loss those that are
still wanted go out anew.
"""

import structlog

from trading.domain import events
from trading.domain.ctp.folding import CtpOrder
from trading.domain.ctp.orders import Leg, Phase
from trading.domain.ctp.wire import action_fields
from trading.domain.gateway import Report
from trading.domain.simulated.outcomes import Reason
from trading.gateways.ctp.desk import CtpDesk

log = structlog.get_logger(__name__)


class Cancels:
    """The withdrawals of one account."""

    def __init__(self, desk: CtpDesk) -> None:
        self._desk = desk
        self._waiting: dict[int, None] = {}
        self._ref = 0

    def want(self, order_id: int, now: int) -> None:
        """Withdraw an order as soon as the front takes that."""
        order = self._desk.book.orders.get(order_id)
        if order is None:
            refused = events.CancelRefused(at=now, reason_code=Reason.ORDER_UNKNOWN.value)
            self._desk.reports.append(Report(order_id, refused))
            return
        order.cancel_wanted = True
        self._waiting[order_id] = None
        self.send()

    def again(self) -> None:
        """After a loss nobody knows which requests have arrived: ask for all that is still to go."""
        for order in self._desk.book.at_work():
            if order.cancel_wanted:
                self._waiting[order.order_id] = None

    def send(self) -> None:
        """Hand over what waits, as far as the session takes it."""
        if not self._waiting or self._desk.facts is None:
            return
        for order_id in list(self._waiting):
            order = self._desk.book.orders.get(order_id)
            if order is None or not order.cancel_wanted or self._sent(order):
                self._waiting.pop(order_id, None)

    def _sent(self, order: CtpOrder) -> bool:
        """Whether nothing of the order is left to be asked for."""
        return all(self._ask(order, leg) for leg in order.legs if not leg.over and not leg.cancel_out)

    def _ask(self, order: CtpOrder, leg: Leg) -> bool:
        if leg.phase is Phase.PREPARED and not leg.doubt:
            return False  # it has not gone out yet: first the order, then its withdrawal
        self._ref += 1
        rc = self._desk.session.action(action_fields(self._desk.who, order, leg, self._ref))
        if rc == 0:
            leg.cancel_out = True
            return True
        log.info("cancel waits", account=self._desk.around.account, order=order.order_id, rc=rc)
        return False
