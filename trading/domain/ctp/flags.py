"""CTP's one-letter constants (``THOST_FTDC_*`` of its headers) and what they are here."""

from collections.abc import Mapping

from trading.domain.offsets import Direction, Offset

DIRECTIONS: Mapping[Direction, str] = {Direction.BUY: "0", Direction.SELL: "1"}
DIRECTION_OF: Mapping[str, Direction] = {letter: each for each, letter in DIRECTIONS.items()}

OFFSETS: Mapping[Offset, str] = {
    Offset.OPEN: "0",
    Offset.CLOSE: "1",
    Offset.FORCE_CLOSE: "2",
    Offset.CLOSE_TODAY: "3",
    Offset.CLOSE_YESTERDAY: "4",
}
OFFSET_OF: Mapping[str, Offset] = {
    "0": Offset.OPEN,
    "1": Offset.CLOSE,
    "2": Offset.CLOSE,  # forced by the broker
    "3": Offset.CLOSE_TODAY,
    "4": Offset.CLOSE_YESTERDAY,
    "5": Offset.CLOSE,  # forced reduction by the exchange
    "6": Offset.CLOSE,  # forced by the broker's own desk
}
"""What a flag that somebody else sent does to a position."""

SPECULATION = "1"

ANY_PRICE, LIMIT_PRICE, BEST_PRICE = "1", "2", "3"
IOC, GFD = "1", "3"
ANY_VOLUME, WHOLE_VOLUME = "1", "3"
IMMEDIATELY = "1"
NOT_FORCED = "0"
DELETE = "0"

ALL_TRADED, PART_TRADED, PART_TRADED_OUT, NOT_TRADED, NOT_TRADED_OUT, CANCELLED = "0", "1", "2", "3", "4", "5"
SENT_ON, NOT_TOUCHED, TOUCHED = "a", "b", "c"
ORDER_STATUSES = frozenset("012345abc")

INSERT_REFUSED, CANCEL_REFUSED = "4", "5"
SUBMIT_STATUSES = frozenset("0123456")

STOP_PREFIX = "TJBD_"
"""The system id of an order that the broker keeps until the market touches its price: no exchange knows it."""
