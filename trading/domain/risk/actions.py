"""What an account has sent on a trading day, as the counts see it: orders and cancels with their send times."""

from enum import StrEnum
from typing import NamedTuple


class ActionKind(StrEnum):
    """Both count alike for programmatic trading; cancels alone for abnormal trading."""

    ORDER = "order"
    CANCEL = "cancel"


class Action(NamedTuple):
    """One order or cancel that was sent, ``at`` our send time in ns UTC.

    ``volume`` are the order's lots, of a cancel those that were not filled when it was asked for. What an exchange
    withdraws by itself (the rest of a FAK or FOK order, the end of the day) is no action.
    """

    at: int
    kind: ActionKind
    exchange: str
    instrument: str
    volume: int
