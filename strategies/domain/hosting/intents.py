"""What a hosted strategy wants to be done: the only way in which a host speaks to the world around it.

Instants are market time in ns UTC, prices are yuan, lots are whole. Whoever hosts a strategy carries the intents out in
their order and answers with :class:`strategies.domain.hosting.news.News`.
"""

from enum import StrEnum
from math import nan
from typing import NamedTuple

from trading.domain.offsets import Direction
from trading.domain.order import OrderType


class Cause(StrEnum):
    """Why an order goes out."""

    TARGET = "target"
    """A signal: what is held differs from what is wanted."""
    ORDER = "order"
    """The strategy placed it itself."""
    REPLY = "reply"
    """A filled order of the strategy answers."""
    STOP = "stop"
    """A stop order of the strategy was triggered."""
    ROLL = "roll"
    FLATTEN = "flatten"
    ALGO = "algo"
    """A part of a target that is worked step by step."""


class Place(NamedTuple):
    """Send an order for ``lots`` of a leg.

    ``number`` ascends for as long as the instance lives and names the order in :class:`Withdraw` and in the news.
    ``price`` is NaN for a market order. ``decision_price`` is the price that the decision at ``decided_at`` saw: what
    the fill differs from it is slippage. ``own`` is the number that the strategy knows the order by, 0 for what a
    signal or the host led to. ``contract`` names the instrument where it is not the leg's own (a roll), else ``""``.
    """

    number: int
    leg: int
    direction: Direction
    type: OrderType
    lots: int
    price: float = nan
    decision_price: float = nan
    decided_at: int = 0
    cause: Cause = Cause.TARGET
    own: int = 0
    contract: str = ""


class Withdraw(NamedTuple):
    """Take an order back; until the news of its end it counts as working."""

    number: int


class Decided(NamedTuple):
    """A signal of the strategy: one row of the record, whether or not an order follows.

    ``at`` is the decision's market time, ``bar_start`` the start of the bar (or the time of the tick) that it was made
    on, ``price`` that bar's close. ``target`` is in units of the instance's volume, ``position`` in lots held then.
    """

    at: int
    bar_start: int
    leg: int
    target: float
    reason: str
    values: tuple[tuple[str, float], ...]
    price: float
    position: int


Sent = Place | Withdraw
Intent = Place | Withdraw | Decided
