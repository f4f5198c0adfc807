"""What a run knows of each instrument beside its bars' prices: costs, settlements, limits, rolls, expiry."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from backtests.domain.costs import CostTable
from marketdata.domain.bars import BarSeries

Day = int
"""Days since the epoch."""


@dataclass(frozen=True, slots=True)
class Roll:
    """A change of the contract behind a spliced series, in force from the first bar of ``trading_day`` on.

    ``gap`` is the new contract's close less the old one's, ``ratio`` their quotient, both of the day before.
    """

    trading_day: Day
    gap: float
    ratio: float


@dataclass(frozen=True, slots=True)
class Facts:
    """What the switches of ``Rules`` may ask for; what is not known is simply not there.

    ``settlements``, ``upper_limits`` and ``lower_limits`` by trading day; ``rolls`` ascending; ``expiry`` the
    last trading day; ``night`` tells for each bar whether it lies in the night session, shape ``(n,)``.
    """

    settlements: Mapping[Day, float] = field(default_factory=dict)
    upper_limits: Mapping[Day, float] = field(default_factory=dict)
    lower_limits: Mapping[Day, float] = field(default_factory=dict)
    rolls: tuple[Roll, ...] = ()
    expiry: Day | None = None
    night: npt.NDArray[np.bool_] | None = None


@dataclass(frozen=True, slots=True)
class Leg:
    """One instrument of a run."""

    code: str
    bars: BarSeries
    costs: CostTable
    facts: Facts = field(default_factory=Facts)
