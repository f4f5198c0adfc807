"""The life of one order: which event may follow which state, as one table, and the state it leads to.

``python -m trading.domain.order`` prints the table. Reports come twice, late and out of order, so an event that the
table allows but that tells nothing new is ignored and counted; one that cannot be true beside what is known already
is a contradiction, which raises and changes nothing.
"""

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from quantsite.common.errors import RuleError
from quantsite.common.texts import say
from trading.domain.events import (
    EVENTS,
    Accepted,
    Cancelled,
    CancelRefused,
    CancelRequested,
    Event,
    Expired,
    InDoubt,
    NotSent,
    Refuser,
    Rejected,
    Submitted,
    Submitting,
    Traded,
    Triggered,
)
from trading.domain.order_status import FINAL, WORKING, OrderStatus, OrderType

__all__ = ["FINAL", "TRANSITIONS", "WORKING", "OrderState", "OrderStatus", "OrderType", "Trade", "table"]

S = OrderStatus

_SENT: dict[type[Event], OrderStatus] = {
    Accepted: S.ACCEPTED,
    Traded: S.PARTIALLY_FILLED,  # a fill may come before the report of its order
    Cancelled: S.CANCELLED,
    Expired: S.EXPIRED,
    Rejected: S.REJECTED,
    NotSent: S.REJECTED,
}
"""What may become of an order that was handed over, or may have been."""


def _row(status: OrderStatus, moves: Mapping[type[Event], OrderStatus], *stays: type[Event]) -> dict[
    tuple[OrderStatus, type[Event]], OrderStatus
]:  # fmt: skip
    """One state's moves, and the events after which it stays (they may still tell a detail)."""
    return {(status, kind): target for kind, target in [*moves.items(), *((kind, status) for kind in stays)]}


_CANCEL = (CancelRequested, CancelRefused)
_BEFORE = (Submitting, Submitted)
_ENDED = (*_BEFORE, *_CANCEL, InDoubt, Triggered)

TRANSITIONS: Mapping[tuple[OrderStatus, type[Event]], OrderStatus] = {
    **_row(
        S.PENDING,
        {Submitting: S.SUBMITTING, Cancelled: S.CANCELLED, Expired: S.EXPIRED, Rejected: S.REJECTED},
        *_CANCEL,
    ),
    # A trigger in these three means that the report of the resting stop order was lost.
    **_row(
        S.SUBMITTING,
        {**_SENT, Submitted: S.SUBMITTED, InDoubt: S.IN_DOUBT, Triggered: S.ACCEPTED},
        *_CANCEL,
        Submitting,
    ),
    **_row(S.SUBMITTED, {**_SENT, InDoubt: S.IN_DOUBT, Triggered: S.ACCEPTED}, *_CANCEL, *_BEFORE),
    **_row(S.IN_DOUBT, {**_SENT, Submitted: S.SUBMITTED, Triggered: S.ACCEPTED}, *_CANCEL, Submitting, InDoubt),
    # What rests cannot be refused any more, but for a stop order that the exchange sees only once it is triggered.
    **_row(
        S.ACCEPTED,
        {
            Traded: S.PARTIALLY_FILLED,
            Cancelled: S.CANCELLED,
            Expired: S.EXPIRED,
            Rejected: S.REJECTED,
            NotSent: S.REJECTED,
            InDoubt: S.IN_DOUBT,
        },
        *_BEFORE, *_CANCEL, Accepted, Triggered,
    ),
    **_row(
        S.PARTIALLY_FILLED,
        {Cancelled: S.CANCELLED, Expired: S.EXPIRED},
        *_ENDED, Accepted, Traded,
    ),
    **_row(S.FILLED, {}, *_ENDED, Accepted, Traded, Cancelled, Expired),
    # A fill may come after the end, up to the traded volume that a report has told.
    **_row(S.CANCELLED, {}, *_ENDED, Accepted, Traded, Cancelled, Expired),
    **_row(S.EXPIRED, {}, *_ENDED, Accepted, Traded, Cancelled, Expired),
    **_row(S.REJECTED, {}, *_ENDED, Rejected, NotSent, Cancelled, Expired),
}  # fmt: skip
"""The state after an event; a pair that is missing is a contradiction. ``PARTIALLY_FILLED`` becomes ``FILLED`` with
the last lot."""

_REFUSALS = frozenset({Rejected, NotSent})
"""Of a resting order these, and a doubt, can be true only of a stop order that has been triggered."""


class Trade(NamedTuple):
    """What is remembered of a fill, so that its repetition is recognised."""

    price: float
    volume: int


@dataclass(slots=True)
class OrderState:
    """Where one order of ``volume`` lots stands.

    ``traded`` lots are filled; ``reported`` is the highest traded volume that any report told, ``ended_at`` the one
    that its end told (``None``: no end, or not told). ``ignored`` counts events that told nothing new.
    """

    order_id: int
    volume: int
    status: OrderStatus = OrderStatus.PENDING
    traded: int = 0
    reported: int = 0
    ended_at: int | None = None
    cancel_requested: bool = False
    triggered: bool = False
    exchange_order_id: str = ""
    reason_code: str = ""
    reason_text: str = ""
    rejected_by: Refuser | None = None
    trades: dict[str, Trade] = field(default_factory=dict)
    ignored: int = 0

    @property
    def left(self) -> int:
        """Lots not filled yet."""
        return self.volume - self.traded

    @property
    def missing(self) -> int:
        """Lots that a report told as traded while their fills have not come."""
        return self.reported - self.traded

    @property
    def is_working(self) -> bool:
        """Whether it may still fill."""
        return self.status not in FINAL

    @property
    def average_price(self) -> float:
        """Mean price of the fills; NaN without any."""
        if not self.trades:
            return math.nan
        return sum(trade.price * trade.volume for trade in self.trades.values()) / self.traded

    def apply(self, event: Event) -> bool:
        """Take the event in; false where it told nothing new (repeated or late), which is counted.

        Raises ``RuleError`` ``contradiction`` and changes nothing where it cannot be true beside what is known.
        """
        if isinstance(event, Traded):
            changed = self._fill(event)
        else:
            target = self._target(event)
            changed = self._note(event, target)
        if not changed:
            self.ignored += 1
        return changed

    def _target(self, event: Event) -> OrderStatus:
        kind = type(event)
        target = TRANSITIONS.get((self.status, kind))
        if target is None:
            raise self._contradiction(event)
        if kind in _REFUSALS and self.is_working and self.reported:
            raise self._contradiction(event)
        if self.status is not S.ACCEPTED:
            return target
        if kind in _REFUSALS and not self.triggered:
            raise self._contradiction(event)
        if kind is InDoubt and (self.exchange_order_id or not self.triggered):
            return self.status
        return target

    def _note(self, event: Event, target: OrderStatus) -> bool:
        """Apply anything but a fill."""
        if isinstance(event, Accepted):
            return self._accept(event, target)
        if isinstance(event, Cancelled | Expired):
            return self._end(event, target)
        if isinstance(event, Rejected):
            return self._refuse(event.reason_code, event.text, event.by)
        if isinstance(event, NotSent):
            return self._refuse(event.reason, event.text, Refuser.DESK)
        if isinstance(event, CancelRequested | CancelRefused):
            return self._flag_cancel(isinstance(event, CancelRequested))
        changed = self.status is not target
        if isinstance(event, Triggered) and self.is_working and not self.triggered:
            self.triggered = changed = True
        self.status = target
        return changed

    def _fill(self, event: Traded) -> bool:
        known = self.trades.get(event.trade_id)
        if known is not None:
            if known != (event.price, event.volume):
                raise self._contradiction(event)
            return False
        target = TRANSITIONS.get((self.status, Traded))
        total = self.traded + event.volume
        most = self.volume if self.is_working else self.reported
        if target is None or event.volume <= 0 or total > most:
            raise self._contradiction(event)
        self.trades[event.trade_id] = Trade(event.price, event.volume)
        self.traded = total
        self.reported = max(self.reported, total)
        self.status = S.FILLED if total == self.volume and target is S.PARTIALLY_FILLED else target
        if self.status is S.FILLED:
            self.ended_at = total
            self.cancel_requested = False
        return True

    def _accept(self, event: Accepted, target: OrderStatus) -> bool:
        known, told = self.exchange_order_id, event.exchange_order_id
        if (known and told and known != told) or event.traded > self._most_traded():
            raise self._contradiction(event)
        changed = target is not self.status or event.traded > self.reported or bool(told and not known)
        self.status = target
        self.exchange_order_id = known or told
        self.reported = max(self.reported, event.traded)
        return changed

    def _end(self, event: Cancelled | Expired, target: OrderStatus) -> bool:
        """Take in a report that the order is over.

        Told once how much was traded, an end cannot be told with more; with less it is late. Before it, nobody can
        have known of more lots than the end tells.
        """
        if self.status in FINAL:
            return self._end_again(event)
        told = self.reported if event.traded is None else event.traded
        if not self.reported <= told < self.volume:
            raise self._contradiction(event)
        self.status = target
        self.ended_at = event.traded
        self.reported = told
        self.cancel_requested = False
        if isinstance(event, Cancelled):
            self.reason_code, self.reason_text = event.reason_code, event.text
        return True

    def _end_again(self, event: Cancelled | Expired) -> bool:
        told = event.traded
        if told is None or told == self.ended_at:
            return False
        if told > self._most_traded() or self.status is S.FILLED:
            raise self._contradiction(event)
        if told <= self.reported:
            return False
        self.ended_at = self.reported = told
        return True

    def _most_traded(self) -> int:
        """The highest traded volume that a report may tell now."""
        if self.is_working:
            return self.volume
        return self.volume - 1 if self.ended_at is None else self.ended_at

    def _refuse(self, code: str, text: str, by: Refuser) -> bool:
        if self.status is S.REJECTED:
            return False
        self.status = S.REJECTED
        self.ended_at = 0
        self.reason_code, self.reason_text, self.rejected_by = code, text, by
        self.cancel_requested = False
        return True

    def _flag_cancel(self, wanted: bool) -> bool:
        if not self.is_working or self.cancel_requested is wanted:
            return False
        self.cancel_requested = wanted
        return True

    def _contradiction(self, event: Event) -> RuleError:
        text = say(
            "order %(order)s is %(status)s with %(traded)d of %(volume)d lots filled: %(event)s cannot be true",
            order=self.order_id, status=self.status.value, traded=self.traded, volume=self.volume, event=event,
        )  # fmt: skip
        return RuleError("contradiction", text)


def table() -> str:
    """The transitions as text: a row a state, a column an event; ``=`` stays, ``-`` is a contradiction."""
    header = ["", *(kind.__name__ for kind in EVENTS)]
    rows = [header]
    for status in OrderStatus:
        cells = [TRANSITIONS.get((status, kind)) for kind in EVENTS]
        rows.append([status, *("-" if cell is None else "=" if cell is status else cell for cell in cells)])
    widths = [max(len(row[column]) for row in rows) for column in range(len(header))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(table())
