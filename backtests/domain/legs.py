"""What a run knows of each instrument beside its bars' prices: costs, settlements, limits, rolls, expiry."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from backtests.domain.costs import CostTable
from marketdata.domain.bars import BarSeries
from quantsite.common.errors import RuleError
from quantsite.common.texts import say
from strategies.domain.forms import ANY_LEGS, fits
from strategies.domain.strategy import BaseStrategy

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


def check_legs(cls: type[BaseStrategy], count: int) -> None:
    """Raises ``RuleError`` ``wrong_legs`` unless one strategy of the class trades so many instruments."""
    if fits(cls.legs, count):
        return
    if cls.legs == ANY_LEGS:
        text = say("%(name)s trades two instruments or more at a time, not %(count)d.", name=cls.name, count=count)
    else:
        given = {"name": cls.name, "wanted": cls.legs, "count": count}
        text = say("%(name)s trades %(wanted)d instruments at a time, not %(count)d.", **given)
    raise RuleError("wrong_legs", text, fields={"instrument": text})
