"""What became of the orders that a hosted strategy sent."""

from enum import StrEnum
from math import nan
from typing import NamedTuple


class NewsKind(StrEnum):
    """``CANCELLED`` is also the end of a day order (reason ``expired``) and of a remainder that does not rest."""

    ACCEPTED = "accepted"
    FILLED = "filled"
    REJECTED = "rejected"
    CANCELLED = "cancelled"


class News(NamedTuple):
    """News of the order ``number``, at market time ``at`` (ns UTC).

    Of a fill ``price`` (yuan) and ``lots`` are its own, not the order's. A rejection or a cancel ends whatever of the
    order is not filled; ``reason`` is its stable word.
    """

    number: int
    kind: NewsKind
    at: int
    price: float = nan
    lots: int = 0
    reason: str = ""


NOT_NOW = frozenset({
    "auction",
    "auction_match",
    "broker_not_ready",
    "day_passed",
    "day_settled",
    "market_closed",
    "no_quote",
    "outside_session",
    "waited_too_long",
})  # fmt: skip
"""Reasons that say "not at this moment" and nothing against the order: what is still wanted is sent again later."""

NOT_TODAY = frozenset({"price_outside_limits", "outside_price_limits"})
"""Reasons for which a limit order cannot rest today: its price lies outside the day's limits."""
