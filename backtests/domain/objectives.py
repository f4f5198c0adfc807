"""What an optimisation looks for: statistics of the standard block with their direction, and limits on them."""

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from typing import Any, Self, TypeVar

import numpy as np
import numpy.typing as npt

from backtests.domain.result import idle_result
from backtests.domain.statistics import standard
from quantsite.common.errors import RuleError
from quantsite.common.texts import did_you_mean, say, sentences

Part = TypeVar("Part")

MINIMISED = frozenset(
    {
        "annual_turnover",
        "annual_volatility",
        "commission",
        "longest_losing_streak",
        "max_drawdown_days",
        "max_drawdown_to_recover",
        "max_drawdown_to_trough",
        "slippage",
        "tracking_error",
        "turnover",
    }
)
"""Statistics of which less is better; of all others more is (drawdown and VaR are negative fractions)."""

MOST_OBJECTIVES = 4
"""With more of them nearly every trial is as good as any other."""

_CONSTRAINT = re.compile(r"^\s*(\w+)\s*(>=|<=|==|>|<)\s*(\S+)\s*$")
_HOLDS = {
    ">=": lambda value, limit: value >= limit,
    "<=": lambda value, limit: value <= limit,
    "==": lambda value, limit: value == limit,
    ">": lambda value, limit: value > limit,
    "<": lambda value, limit: value < limit,
}


@dataclass(frozen=True, slots=True)
class Objective:
    """A statistic to be made large (``sign`` 1) or small (-1)."""

    name: str
    sign: int

    def score(self, statistics: Mapping[str, Any]) -> float | None:
        """The statistic, turned so that more is better; None where it is undefined."""
        value = _number(statistics.get(self.name))
        return None if value is None else self.sign * value

    def document(self) -> dict[str, str]:
        """As JSON."""
        return {"name": self.name, "direction": "maximise" if self.sign > 0 else "minimise"}


@dataclass(frozen=True, slots=True)
class Constraint:
    """A limit on a statistic; one that is undefined breaks it."""

    name: str
    operator: str
    limit: float

    def holds(self, statistics: Mapping[str, Any]) -> bool:
        """Whether a trial keeps to it."""
        value = _number(statistics.get(self.name))
        return value is not None and bool(_HOLDS[self.operator](value, self.limit))

    def violation(self, statistics: Mapping[str, Any]) -> float:
        """0 where it holds, else how far off the statistic is (1 where undefined, or just at a strict limit)."""
        if self.holds(statistics):
            return 0.0
        value = _number(statistics.get(self.name))
        return 1.0 if value is None else abs(value - self.limit) or 1.0

    def __str__(self) -> str:
        number = int(self.limit) if self.limit.is_integer() else self.limit
        return f"{self.name}{self.operator}{number!r}"


@dataclass(frozen=True, slots=True)
class Goal:
    """All that is asked of a trial. The first objective leads."""

    objectives: tuple[Objective, ...]
    constraints: tuple[Constraint, ...] = ()

    @classmethod
    def read(cls, objectives: Sequence[Any], constraints: Sequence[str]) -> Self:
        """Objectives as ``name``, ``name:min``, ``name:max`` or their documents, constraints as ``name>=number``.

        Raises ``RuleError`` ``invalid_goal`` whose ``fields`` are ``objectives`` and ``constraints``.
        """
        faults: dict[str, str] = {}
        wanted: list[Objective] = _collect("objectives", objectives, _read_objective, faults)
        limits: list[Constraint] = _collect("constraints", constraints, _read_constraint, faults)
        count = len({objective.name for objective in wanted})
        if "objectives" not in faults and not 1 <= count == len(wanted) <= MOST_OBJECTIVES:
            text = say("Give from 1 to %(most)s objectives that differ from one another.", most=MOST_OBJECTIVES)
            faults["objectives"] = text
        if faults:
            raise RuleError("invalid_goal", " ".join(faults.values()), fields=faults)
        return cls(tuple(wanted), tuple(limits))

    def scores(self, statistics: Mapping[str, Any]) -> list[float | None]:
        """One number an objective, more is better."""
        return [objective.score(statistics) for objective in self.objectives]

    def feasible(self, statistics: Mapping[str, Any]) -> bool:
        """Whether every objective is defined and every constraint holds."""
        return None not in self.scores(statistics) and all(limit.holds(statistics) for limit in self.constraints)

    def names(self) -> set[str]:
        """Every statistic that the goal speaks of."""
        return {wanted.name for wanted in self.objectives} | {limit.name for limit in self.constraints}


@cache
def statistic_names() -> tuple[str, ...]:
    """The names of the standard block that are single numbers, in its order."""
    nothing = idle_result(1.0)
    figures = standard(nothing, 1.0)
    return tuple(name for name, value in figures.items() if value is None or isinstance(value, int | float))


def pareto_front(scores: Sequence[Sequence[float]] | npt.NDArray[np.float64]) -> list[int]:
    """The places of the points that no other beats in one score without losing in another, in their order."""
    points = np.asarray(scores, dtype=np.float64)
    order = np.lexsort(tuple(-column for column in points.T[::-1])) if len(points) else np.empty(0, int)
    front: list[int] = []
    for place in order.tolist():
        ahead = points[front]
        beaten = (ahead >= points[place]).all(axis=1) & (ahead > points[place]).any(axis=1)
        if not beaten.any():
            front.append(place)
    return sorted(front)


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def _collect(field: str, given: Iterable[Any], read: Callable[[Any], Part], faults: dict[str, str]) -> list[Part]:
    found = []
    for entry in given:
        try:
            found.append(read(entry))
        except RuleError as error:
            faults[field] = sentences(faults.get(field, ""), error.text)
    return found


def _read_objective(given: Any) -> Objective:
    if isinstance(given, Mapping):
        given = f"{given.get('name', '')}:{given.get('direction', '')}"
    name, _, direction = str(given).strip().partition(":")
    _demand_known(name)
    if not direction:
        return Objective(name, -1 if name in MINIMISED else 1)
    if direction not in {"min", "max", "minimise", "maximise"}:
        raise RuleError(
            "invalid_goal", say("The direction of %(name)s is min or max, not %(word)s.", name=name, word=direction)
        )
    return Objective(name, 1 if direction.startswith("max") else -1)


def _read_constraint(given: Any) -> Constraint:
    match = _CONSTRAINT.match(str(given))
    if match is None:
        text = say("%(given)r should read name>=number, such as max_drawdown>=-0.2.", given=str(given))
        raise RuleError("invalid_goal", text)
    name, operator, limit = match.groups()
    _demand_known(name)
    try:
        number = float(limit)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise RuleError(
            "invalid_goal", say("The limit of %(name)s must be a number, not %(limit)s.", name=name, limit=limit)
        )
    return Constraint(name, operator, number)


def _demand_known(name: str) -> None:
    if name not in statistic_names():
        near = get_close_matches(name, statistic_names(), n=1, cutoff=0.5)
        text = say("There is no statistic %(name)r in the standard block.", name=name)
        raise RuleError("invalid_goal", sentences(text, did_you_mean(near[0] if near else None)))
