"""What one strategy did on one trading day: as it was recorded live, and as a run on the recorded data gives it.

Both sides are told in the same words, so that comparing them knows neither rows nor engines. Instants are ns UTC of
the market clock, prices quotes in yuan, volumes whole lots, ``leg`` the number of the instrument from 0.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from trading.domain.offsets import Direction


class SignalFact(NamedTuple):
    """A decision after the bar (tick) that began at ``bar_start``: ``target`` units are to be held.

    ``late`` is the host's own word that it decided behind the market: after a gap, or while it caught up.
    """

    leg: int
    bar_start: int
    decided_at: int
    target: float
    reason: str = ""
    values: tuple[tuple[str, float], ...] = ()
    late: bool = False


class OrderFact(NamedTuple):
    """An order as it was meant: ``number`` ascends within its own side, the two sides count apart.

    ``price`` is NaN where the type has none. ``refused`` is the code of a refusal (of risk, funds or the exchange),
    '' where there was none; ``withdrawn`` says that somebody took it back by hand.
    """

    number: int
    leg: int
    decided_at: int
    direction: Direction
    type: str
    lots: int
    price: float
    cause: str
    refused: str = ""
    withdrawn: bool = False


class FillFact(NamedTuple):
    """A trade of the order ``number``."""

    number: int
    at: int
    price: float
    lots: int


class LegFact(NamedTuple):
    """What a price of the leg is worth: yuan are price times lots times ``multiplier``; ``mark`` ends the day."""

    price_tick: float
    multiplier: float
    mark: float


@dataclass(frozen=True, slots=True)
class DayRecord:
    """One side. Signals and orders are in the order in which they were decided, fills in that of their instants.

    ``positions`` are the lots held at the beginning of the day, one a leg; ``source_hash`` is that of the code.
    """

    signals: Sequence[SignalFact] = ()
    orders: Sequence[OrderFact] = ()
    fills: Sequence[FillFact] = ()
    positions: Sequence[int] = ()
    source_hash: str = ""


class Happening(StrEnum):
    """What went on live for a while, and may explain why it went otherwise."""

    GAP = "gap"
    """The host did not run, or had fallen behind: a restart, a lost stream, a budget that was overrun."""
    PAUSED = "paused"
    """It was paused or stopped: it decides, and opens nothing."""
    SWITCH = "switch"
    """A kill switch was down over the account."""
    ROLL = "roll"
    """The position was moved into the next contract."""
    PARAMETERS = "parameters"
    """It decided by other parameters than the run on the recorded data."""
    DATA = "data"
    """The live feed gave a bar otherwise than the recording does (other values, late, missing, one too many): from
    that bar on for as long as the strategy's warm-up looks back."""


class Span(NamedTuple):
    """From ``since`` to ``until`` (ns UTC, both included); ``leg`` None is every leg."""

    kind: Happening
    since: int
    until: int
    leg: int | None = None


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What is known of the day beside the two records.

    ``tolerance`` is the grain of the live instants in ns: a broker tells whole seconds.
    """

    legs: Sequence[LegFact]
    spans: Sequence[Span] = ()
    tolerance: int = 0
