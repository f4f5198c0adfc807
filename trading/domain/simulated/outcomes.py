"""What the simulated exchange answers. ``at`` is market time in ns UTC, ``price`` a quote in yuan, ``volume`` lots."""

from enum import StrEnum

import msgspec


class Reason(StrEnum):
    """Why an order, what is left of it or a cancel was turned down; stable words for programs."""

    PRICE_OUTSIDE_LIMITS = "price_outside_limits"
    MARKET_CLOSED = "market_closed"
    """It was still under way when the trading day ended."""
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    NO_QUOTE = "no_quote"
    """A market order found no price on the other side: no book yet, or the contract locked at its limit."""
    AUCTION = "auction"
    """Only limit orders wait for the opening auction."""
    REMAINDER = "remainder"
    """What the displayed book did not fill of a market, best-price or fill-and-kill order."""
    NOT_FILLED_WHOLE = "not_filled_whole"
    """A fill-or-kill order that the displayed book could not fill at once."""
    ORDER_UNKNOWN = "order_unknown"
    ORDER_FINAL = "order_final"
    """The cancel came after the order's end."""


class Accepted(msgspec.Struct, frozen=True):
    """The exchange knows the order from now on."""

    order_id: int
    at: int


class Triggered(msgspec.Struct, frozen=True):
    """The price reached the order's stop; from now on it acts as the order that it hid."""

    order_id: int
    at: int


class Traded(msgspec.Struct, frozen=True):
    """A fill; ``number`` counts the order's fills from 1, so that (order, number) names it for good."""

    order_id: int
    at: int
    price: float
    volume: int
    number: int


class Withdrawn(msgspec.Struct, frozen=True):
    """Nothing more comes of an accepted order: cancelled, expired, or a remainder that does not rest."""

    order_id: int
    at: int
    reason: Reason


class Refused(msgspec.Struct, frozen=True):
    """The exchange did not take the order."""

    order_id: int
    at: int
    reason: Reason


class CancelRefused(msgspec.Struct, frozen=True):
    """The order could not be cancelled."""

    order_id: int
    at: int
    reason: Reason


Outcome = Accepted | Triggered | Traded | Withdrawn | Refused | CancelRefused
