"""The states of an order, and the ways in which one may be worked."""

from enum import StrEnum


class OrderStatus(StrEnum):
    """Where an order stands. That a cancel was asked for is a flag beside it: a fill may still come first."""

    PENDING = "pending"  # a row, not looked at yet
    SUBMITTING = "submitting"  # recorded, about to be handed over
    SUBMITTED = "submitted"  # handed over, not answered
    ACCEPTED = "accepted"  # rests at the exchange; a stop order at the gateway, until triggered
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    EXPIRED = "expired"
    IN_DOUBT = "in_doubt"  # it may or may not be at the exchange


class OrderType(StrEnum):
    """How an order is worked; which exchange takes which is in ``checks.py``."""

    LIMIT = "limit"
    MARKET = "market"
    FAK = "fak"
    FOK = "fok"
    STOP = "stop"
    BEST = "best"


FINAL = frozenset({OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.REJECTED, OrderStatus.EXPIRED})
WORKING = frozenset(OrderStatus) - FINAL
