"""From counted faults to a score of 0 to 1, its grade, and what each kind of fault costs."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Fault(StrEnum):
    """What can be wrong with the data of one contract and trading day."""

    MISSING = "missing"
    ZERO_VOLUME = "zero_volume"
    OFF_HOURS = "off_hours"
    INCONSISTENT = "inconsistent"
    OFF_TICK = "off_tick"
    OUTSIDE_LIMITS = "outside_limits"
    JUMPS = "jumps"
    PARTIAL = "partial"
    MISSING_TICKS = "missing_ticks"
    CROSSED = "crossed"
    BACKWARD = "backward"
    CLOCK_SKEW = "clock_skew"


WEIGHTS: Mapping[Fault, float] = {
    # What is not there is as bad as its share of the day: a tenth of the bars missing leaves 0.9.
    Fault.MISSING: 1.0,
    Fault.ZERO_VOLUME: 1.0,
    Fault.PARTIAL: 1.0,
    Fault.MISSING_TICKS: 1.0,
    # Padding beside the trading hours: nobody can trade there, but indicators count it.
    Fault.OFF_HOURS: 0.5,
    # A jump may be the market; it is told, and costs little.
    Fault.JUMPS: 2.0,
    # A wrong price is worse than none: one in ten of these leaves half of the score or nothing.
    Fault.OFF_TICK: 5.0,
    Fault.CROSSED: 5.0,
    Fault.BACKWARD: 5.0,
    Fault.INCONSISTENT: 10.0,
    Fault.OUTSIDE_LIMITS: 10.0,
    Fault.CLOCK_SKEW: 0.2,
}
"""What a share of 1 of a kind takes from the score."""

POOR_BELOW = 0.95
"""A day below this score is poor: one bar in twenty is not there, or about one price in a hundred is wrong."""

GRADES: Sequence[tuple[str, float]] = (("A", 0.99), ("B", POOR_BELOW), ("C", 0.85), ("D", 0.6), ("E", 0.0))
"""Grade and its lowest score. A and B are sound, C to E are poor."""

SHOWN_EXAMPLES = 20


@dataclass(frozen=True, slots=True)
class Example:
    """One fault: when (ns UTC), of which column, the value found and what it was held against; None where unknown."""

    time: int
    name: str = ""
    value: float | None = None
    against: float | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """How often a fault was found among ``base`` bars or ticks (or ms of skew), with the first examples."""

    fault: Fault
    count: float
    base: float
    examples: tuple[Example, ...] = ()

    @property
    def cost(self) -> float:
        """What this finding takes from the score: its weight times its share."""
        return WEIGHTS[self.fault] * min(1.0, self.count / max(1.0, self.base))


def score(findings: Iterable[Finding]) -> float:
    """1 less what every finding costs, never below 0."""
    return max(0.0, 1.0 - sum(finding.cost for finding in findings))


def main_fault(findings: Iterable[Finding]) -> str:
    """The kind that costs most; '' where nothing does."""
    worst = max(findings, key=lambda finding: finding.cost, default=None)
    return worst.fault.value if worst is not None and worst.cost > 0 else ""


def grade(value: float) -> str:
    """The letter of a score, ``A`` (sound) to ``E``."""
    return next(letter for letter, lowest in GRADES if value >= lowest)


def is_poor(value: float) -> bool:
    """Whether results should not be trusted to rest on such a day."""
    return value < POOR_BELOW


def first_examples(times: Sequence[int], **columns: Any) -> tuple[Example, ...]:
    """The first :data:`SHOWN_EXAMPLES` as examples; ``columns`` are ``name``, ``value``, ``against`` as lists."""
    shown = range(min(len(times), SHOWN_EXAMPLES))
    return tuple(Example(int(times[row]), **{name: column[row] for name, column in columns.items()}) for row in shown)
