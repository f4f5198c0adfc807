"""An account's orders: frozen and handed over, refused, and whatever a gateway reports of them, booked and told."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import structlog

from marketdata.domain.calendar import to_day_number
from quantsite.common.errors import RuleError
from quantsite.common.times import ns_to_utc
from trading.domain import events
from trading.domain.account_book import BookedFill
from trading.domain.account_orders import Part
from trading.domain.gateway import Outgoing, Report
from trading.domain.offsets import Offset
from trading.domain.order import FINAL, OrderStatus
from trading.ledger.book_rows import Tracked, book_order, order_row, track
from trading.ledger.facts import moment
from trading.ledger.telling import ToldAccount
from trading.metrics import CONTRADICTIONS, IGNORED
from trading.order_models import Fill, Order
from trading.shapes import Shape, fill_shape

log = structlog.get_logger(__name__)

HELD = "held"
"""The reason code of a pending order that waits for another one to be withdrawn, and the event that tells of it."""
MET = "met"
"""In the result of a command: the order that the refused one would have met."""


class OrderedAccount(ToldAccount):
    """An account with what its orders do to it."""

    def adopt(self, row: Order) -> Tracked:
        """Take a pending order into the books' sight; nothing is frozen yet. One that was held is so no more."""
        if row.status == OrderStatus.PENDING:
            row.reason_code = row.reason_text = ""
        tracked = self.orders[row.pk] = track(row)
        return tracked

    def hold(self, tracked: Tracked, at: int, text: str, *, told: bool) -> None:
        """A pending order waits for what its ``text`` says, out of the books' sight; an event tells of it once."""
        row = tracked.row
        row.reason_code, row.reason_text = HELD, text
        del self.orders[row.pk]
        if not told:
            self.changes.orders[row.pk] = row
            self.event(HELD, order=row, at=at)

    def reserve(self, tracked: Tracked, limits: tuple[float, float]) -> tuple[Part, ...]:
        """Freeze what the order needs; gives the parts that the exchange gets. :meth:`let_go` is the way back.

        ``limits`` are the day's upper and lower price limits, NaN where unknown. Raises ``RuleError`` and changes
        nothing where funds or positions do not allow it.
        """
        return self.book.place(book_order(tracked.row, limits))

    def let_go(self, tracked: Tracked) -> None:
        """Nothing is frozen for the order after all."""
        self.book.release(tracked.row.pk)

    def place(self, tracked: Tracked, at: int, parts: Sequence[Part]) -> Outgoing:
        """Record that an order for which :meth:`reserve` has frozen what it needs is being handed over."""
        row = tracked.row
        row.parts = [[int(part.offset), part.volume] for part in parts]
        row.trading_day = self.trading_day
        row.submitted_at = moment(at)
        self.apply(Report(row.pk, events.Submitting(at=at)))
        return self.outgoing(tracked, parts)

    def reject(self, tracked: Tracked, at: int, code: str, text: str) -> None:
        """The desk refuses a pending order."""
        tracked.row.trading_day = tracked.row.trading_day or self.trading_day
        refused = events.Rejected(at=at, reason_code=code, text=text, by=events.Refuser.DESK)
        self.apply(Report(tracked.row.pk, refused))

    def outgoing(self, tracked: Tracked, parts: Sequence[Part] | None = None) -> Outgoing:
        """The order as a gateway takes it."""
        return order_row(tracked, parts)

    def apply(self, report: Report) -> bool:
        """Take one event of an order in; false where it told nothing new or cannot be true, which is counted."""
        tracked = self.orders.get(report.order_id) or self._revive(report.order_id)
        if tracked is None:
            return self._odd(report, "no order of this account")
        event = report.event
        if isinstance(event, events.Traded) and self._cannot_book(tracked, event):
            return False
        try:
            changed = tracked.state.apply(event)
        except RuleError as error:
            return self._odd(report, error.text)
        if not changed:
            IGNORED.inc()
            return False
        booked: list[BookedFill] = []
        if isinstance(event, events.Traded):
            day = to_day_number(self._day_of(tracked))
            booked = self.book.fill(report.order_id, event.price, event.volume, event.at, day, _offset_of(event))
        elif tracked.state.status in FINAL:
            self.book.release(report.order_id, keep=max(tracked.state.missing, 0))
        self._tell_order(tracked, event, booked)
        return True

    def expire_all(self, at: int) -> None:
        """The day is over for every order that was handed over."""
        for order_id, tracked in list(self.orders.items()):
            if tracked.state.status is not OrderStatus.PENDING:
                self.apply(Report(order_id, events.Expired(at=at)))

    def _tell_order(self, tracked: Tracked, event: events.Event, booked: Sequence[BookedFill]) -> None:
        tracked.show(self.book.frozen(tracked.row.pk), event.at)
        self.counters.note(tracked.row, event)
        self.changes.orders[tracked.row.pk] = tracked.row
        if tracked.state.status in FINAL:
            for effect in self.stops.ended(tracked.row.pk):
                self.changes.effect(effect, ended=True)
        shapes: list[Shape] = []
        for part, fill in enumerate(booked):
            row = self._fill_row(tracked, event, fill, part)
            shapes.append(fill_shape(row))
            self.changes.fills.append((row, shapes[-1]))
        told: dict[str, Any] = {"fills": shapes} if shapes else {}
        if isinstance(event, events.CancelRefused) and event.text:
            told["reason_text"] = event.text
        kind = str(type(event).__struct_config__.tag)
        self.event(kind, order=tracked.row, codes=[tracked.row.instrument.code], at=event.at, **told)

    def _fill_row(self, tracked: Tracked, event: events.Event, fill: BookedFill, part: int) -> Fill:
        if not isinstance(event, events.Traded):
            raise TypeError(f"{event!r} is no fill")
        row = tracked.row
        return Fill(
            account=self.account,
            order=row,
            instrument=row.instrument,
            trading_day=self._day_of(tracked),
            trade_id=event.trade_id,
            part=part,
            direction=row.direction,
            offset=fill.offset.name.lower(),
            price=round(fill.price, 6),
            volume=fill.volume,
            commission=round(fill.commission, 6),
            close_profit=round(fill.close_profit_by_date, 6),
            close_profit_by_trade=round(fill.close_profit_by_trade, 6),
            traded_at=ns_to_utc(event.at),
            strategy_key=row.strategy_key,
            seq=self.state.last_seq + 1,
        )

    def _day_of(self, tracked: Tracked) -> date:
        day = self.trading_day or tracked.row.trading_day
        if day is None:
            raise ValueError(f"order {tracked.row.pk} was traded on no trading day")
        return day

    def _cannot_book(self, tracked: Tracked, event: events.Traded) -> bool:
        """Whether the ledger has no lots for a fill that is news: told and counted, for nobody may invent lots."""
        if event.trade_id in tracked.state.trades:
            return False
        left = sum(part.volume for part in self.book.parts_left(tracked.row.pk))
        if event.volume > left:
            return not self._odd(Report(tracked.row.pk, event), f"{left} lots of the order are left")
        try:
            self.book.demand_fill(tracked.row.pk, event.volume, _offset_of(event))
        except RuleError as error:  # another terminal, or the broker, has taken them
            return not self._odd(Report(tracked.row.pk, event), error.text)
        return False

    def _odd(self, report: Report, reason: str) -> bool:
        CONTRADICTIONS.inc()
        log.error("order event contradicts", account=self.account.code, order=report.order_id, reason=reason)
        return False

    def _revive(self, order_id: int) -> Tracked | None:
        """An order that had ended and is heard of once more."""
        row = Order.objects.select_related("account", "instrument").filter(account=self.account, pk=order_id).first()
        return None if row is None else self.adopt(row)


def _offset_of(event: events.Traded) -> Offset | None:
    return None if event.offset is None else Offset(event.offset)
