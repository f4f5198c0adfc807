"""What a front says of orders and trades, and what that makes of ours. Nothing here asks or sends.

Every message may come twice, late or replayed from the morning on: each is taken in by its key, once.
"""

from typing import Any

import structlog

from marketdata.ctp.heard import Heard, Refusal
from marketdata.domain.ctp.errors import TEXTS
from quantsite.common.texts import say
from trading.domain import events
from trading.domain.ctp.flags import NOT_TOUCHED, ORDER_STATUSES, STOP_PREFIX, TOUCHED
from trading.domain.ctp.folding import CtpOrder
from trading.domain.ctp.identity import fill_id, plain_ref, trade_key
from trading.domain.ctp.orders import News, Snapshot
from trading.domain.ctp.wire import request_of
from trading.gateways.ctp.book import Found
from trading.gateways.ctp.desk import CtpDesk
from trading.gateways.ctp.metrics import ORDER_REFUSALS, REPLAYED, UNKNOWN_WORDS
from trading.gateways.ctp.strangers import Strangers

log = structlog.get_logger(__name__)

GONE = frozenset({25, 26})
"""The order to cancel is unknown, or has ended: what we believe of it is to be asked about."""


class Hearing:
    """Takes messages in; ``odd`` is set where what was heard does not fit what we believe of our orders."""

    def __init__(self, desk: CtpDesk, strangers: Strangers) -> None:
        self.odd = False
        self._desk = desk
        self._strangers = strangers

    def order(self, fields: dict[str, Any]) -> None:
        """A push of an order, or its row of a query: all of its state."""
        found = self._desk.book.find(fields) or self._stranger(fields)
        if found is None:
            return
        order, leg = found
        news = leg.hear(Snapshot.of(fields))
        self._note(order, news, fields)
        key = self._desk.book.index(order, leg)
        if news is News.CANCEL_REFUSED:
            self._cancel_refused(found, "exchange_refused", fields.get("StatusMsg") or "")
        self._desk.tell(order)
        for trade in self._desk.book.unpark(key):
            self.trade(trade)

    def trade(self, fields: dict[str, Any]) -> None:
        """A trade; one whose order is not known yet waits for it."""
        desk = self._desk
        if desk.book.day is None:
            return
        key = trade_key(fields, desk.book.day)
        if key in desk.book.trades:
            REPLAYED.inc()
            return
        found = desk.book.owner_of(fields)
        if found is None:
            desk.book.park(fields)
            return
        desk.book.trades.add(key)
        order, leg = found
        volume = fields.get("Volume") or 0
        order.filled += volume
        at = desk.instant(order.code, fields.get("TradeTime") or "")
        offset = int(leg.offset) if len(order.legs) > 1 else None
        told = events.Traded(
            at=at, trade_id=fill_id(key), price=fields.get("Price") or 0.0, volume=volume, offset=offset
        )
        desk.report(order, told)
        desk.tell(order)

    def insert_refused(self, heard: Heard) -> None:
        """The front refused an order: told to us, and again to every terminal of the account."""
        found = self.refused(heard)
        if found is None or heard.error is None:
            REPLAYED.inc()
        else:
            self._refuse(found, heard.error)

    def cancel_refused(self, heard: Heard) -> None:
        """The front refused a cancel, told once or twice: the order stays as it was."""
        found = self._desk.book.find(heard.fields or {})
        if found is None or heard.error is None or not found.leg.cancel_out:
            REPLAYED.inc()
            return
        ORDER_REFUSALS.labels("cancel", str(heard.error.code)).inc()
        log.warning(
            "cancel refused", account=self._desk.around.account, order=found.order.order_id, error=heard.error.code,
            text=heard.error.text,
        )  # fmt: skip
        found.leg.cancel_out = False
        if not found.leg.over:
            self._cancel_refused(found, f"ctp_{heard.error.code}", words(heard.error))
            self.odd = self.odd or heard.error.code in GONE

    def error(self, heard: Heard) -> None:
        """A general error: the refusal of an order or a cancel where it names one, else of nobody's request."""
        found = self._desk.requests.get(heard.request)
        if found is not None and heard.error is not None:
            self._refuse(found, heard.error)
            return
        UNKNOWN_WORDS.labels("request").inc()
        log.error(
            "error of an unknown request", account=self._desk.around.account, request=heard.request,
            error=heard.error.code if heard.error else 0, text=heard.error.text if heard.error else "",
        )  # fmt: skip

    def refused(self, heard: Heard) -> Found | None:
        """The order of ours that a refusal is about.

        By OrderRef and RequestID: a refusal names no session, and other terminals count their orders from 1 too.
        """
        facts, fields = self._desk.facts, heard.fields or {}
        if facts is None:
            return None
        ref = plain_ref(fields.get("OrderRef") or "")
        here = {"FrontID": facts.front_id, "SessionID": facts.session_id, "OrderRef": ref}
        found = self._desk.book.find(here) if ref else None
        if found is None or found.order.foreign or fields.get("RequestID") not in {request_of(found.order), 0, None}:
            return None
        same = fields.get("InstrumentID") in {found.order.symbol, "", None}
        return found if same else None

    def _refuse(self, found: Found, error: Refusal) -> None:
        order, leg = found
        if not leg.refuse(f"ctp_{error.code}", words(error), events.Refuser.BROKER):
            REPLAYED.inc()
            return
        ORDER_REFUSALS.labels("order", str(error.code)).inc()
        account = self._desk.around.account
        log.warning("order refused", account=account, order=order.order_id, error=error.code, text=error.text)
        self._desk.tell(order)

    def _stranger(self, fields: dict[str, Any]) -> Found | None:
        """An order that another terminal sent, once its exchange knows it."""
        number = (fields.get("OrderSysID") or "").strip()
        kept_at_broker = fields.get("OrderStatus") in {NOT_TOUCHED, TOUCHED} or number.startswith(STOP_PREFIX)
        return self._strangers.meet(fields) if number and not kept_at_broker else None

    def _note(self, order: CtpOrder, news: News, fields: dict[str, Any]) -> None:
        if news is News.LATE:
            REPLAYED.inc()
        if fields.get("OrderStatus") not in ORDER_STATUSES:
            UNKNOWN_WORDS.labels("status").inc()
            log.warning(
                "unknown status of an order", account=self._desk.around.account, order=order.order_id,
                status=fields.get("OrderStatus"), submit=fields.get("OrderSubmitStatus"), text=fields.get("StatusMsg"),
            )  # fmt: skip

    def _cancel_refused(self, found: Found, code: str, text: str) -> None:
        order = found.order
        order.cancel_wanted = False
        at = self._desk.around.clock(order.code)
        self._desk.report(order, events.CancelRefused(at=at, reason_code=code, text=text))


def words(error: Refusal) -> str:
    """What the front said, for people; what its number means where it said nothing."""
    return error.text.strip() or say(TEXTS.get(error.code, "error %(code)d"), code=error.code)
