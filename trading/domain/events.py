"""What can happen to an order, each once and never changed: ``at`` is the market time in ns UTC.

What CTP reports as a snapshot (``OnRtnOrder``) is an event here too: ``traded`` is then the traded volume that the
report tells, which may run ahead of the fills that have come.
"""

from enum import StrEnum

import msgspec


class Refuser(StrEnum):
    """Who refused an order."""

    DESK = "desk"  # this platform: it was never sent
    BROKER = "broker"  # the front (``OnErrRtnOrderInsert``): the exchange never saw it
    EXCHANGE = "exchange"


class Event(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The common part of all of them."""

    at: int


class Submitting(Event, frozen=True, kw_only=True, gc=False, tag="submitting"):
    """Recorded before the order is handed to the gateway: from here on the exchange may know it."""


class Submitted(Event, frozen=True, kw_only=True, gc=False, tag="submitted"):
    """Handed over; the exchange has not answered yet."""


class Accepted(Event, frozen=True, kw_only=True, gc=False, tag="accepted"):
    """The exchange (a gateway, for a resting stop) has it; ``traded`` lots are done by its account."""

    exchange_order_id: str = ""
    traded: int = 0


class Triggered(Event, frozen=True, kw_only=True, gc=False, tag="triggered"):
    """The market has reached the price of a stop order, which is an order like others from here on."""


class Traded(Event, frozen=True, kw_only=True, gc=False, tag="traded"):
    """One fill; ``trade_id`` is unique within the order.

    ``offset`` (a value of ``Offset``) tells which of the order's parts it is of; ``None``: they are filled in turn.
    """

    trade_id: str
    price: float
    volume: int
    offset: int | None = None


class CancelRequested(Event, frozen=True, kw_only=True, gc=False, tag="cancel_requested"):
    """Somebody wants it withdrawn; a fill may still come first."""


class CancelRefused(Event, frozen=True, kw_only=True, gc=False, tag="cancel_refused"):
    """The request failed; the order stays as it was. ``text``: the refuser's own words."""

    reason_code: str = ""
    text: str = ""


class Cancelled(Event, frozen=True, kw_only=True, gc=False, tag="cancelled"):
    """Withdrawn; ``traded`` lots were done before, ``None`` where the report does not tell (no more than known)."""

    traded: int | None = None
    reason_code: str = ""
    text: str = ""


class Expired(Event, frozen=True, kw_only=True, gc=False, tag="expired"):
    """Ended with the trading day; ``traded`` as in :class:`Cancelled`."""

    traded: int | None = None


class Rejected(Event, frozen=True, kw_only=True, gc=False, tag="rejected"):
    """Refused as a whole: ``reason_code`` for programs, ``text`` (the refuser's own words) for people."""

    reason_code: str
    text: str = ""
    by: Refuser = Refuser.EXCHANGE


class InDoubt(Event, frozen=True, kw_only=True, gc=False, tag="in_doubt"):
    """It may or may not have reached the exchange (connection lost, killed): asked about, never sent again."""

    reason: str = ""


class NotSent(Event, frozen=True, kw_only=True, gc=False, tag="not_sent"):
    """It is certain that the exchange never got it; ``reason`` is a code, ``text`` for people."""

    reason: str = ""
    text: str = ""


AnyEvent = (
    Submitting
    | Submitted
    | Accepted
    | Triggered
    | Traded
    | CancelRequested
    | CancelRefused
    | Cancelled
    | Expired
    | Rejected
    | InDoubt
    | NotSent
)
"""What a stored event is decoded as: the tag names which."""

EVENTS: tuple[type[Event], ...] = (
    Submitting,
    Submitted,
    Accepted,
    Triggered,
    Traded,
    CancelRequested,
    CancelRefused,
    Cancelled,
    Expired,
    Rejected,
    InDoubt,
    NotSent,
)
"""All of them, in the order of an order's life: the columns of the printed table."""
