"""How near an account is to each of its limits, and when somebody is to be told.

A level is told when it is reached and not again until the share has fallen clearly below it, so that a figure that
hovers around a limit does not flutter.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import isfinite, isnan
from typing import Any

from trading.domain.risk.findings import Finding
from trading.domain.risk.limits import Limit
from trading.domain.risk.rules import RULES, Rule, Unit
from trading.domain.risk.shares import bound_of, level_of, share_of
from trading.domain.risk.standing import Measured
from trading.domain.risk.wording import standing

GAP = 0.03
"""By how much a share must fall below a level before it can be told again."""


@dataclass(frozen=True, slots=True)
class Usage:
    """A limit with what is used of it; ``share`` is None where the value is not known."""

    limit: Limit
    subject: str
    value: float
    share: float | None

    @property
    def broken(self) -> bool:
        """Whether the limit is passed; an unknown value passes none."""
        return self.share is not None and self.share > 1.0

    def as_figures(self) -> dict[str, Any]:
        """As JSON: numbers that are infinite or not known are None."""
        spec = RULES[self.limit.rule]
        return {
            "rule": self.limit.rule.value,
            "scope_kind": self.limit.scope.kind.value,
            "scope_key": self.limit.scope.key,
            "subject": self.subject,
            "used": self.value if isfinite(self.value) else None,
            "maximum": bound_of(self.limit),
            "share": self.share,
            "unit": spec.unit.value,
            "floor": spec.floor,
            "action": self.limit.action.value,
        }


def usages(values: Iterable[Measured], limits: Mapping[Rule, Limit]) -> list[Usage]:
    """What is used of the limits in force that these values are measured for, the worst first."""
    found = []
    for measured in values:
        limit = limits.get(measured.rule)
        if limit is not None and RULES[measured.rule].unit != Unit.LIST:
            share = None if isnan(measured.value) else share_of(measured.value, limit)
            found.append(Usage(limit, measured.subject, measured.value, share))
    return worst_first(found)


def worst_first(rows: Iterable[Usage]) -> list[Usage]:
    """Sorted by share; what is not known comes before everything, for somebody must look."""
    return sorted(
        rows,
        key=lambda row: (row.share is not None, -(row.share or 0.0), row.limit.rule.value, row.subject),
    )


class LevelMemory:
    """The highest level that has been told of each limit and subject, of one account; ``told``: as it was kept."""

    def __init__(self, told: Mapping[tuple[Rule, str], float] | None = None) -> None:
        self._told: dict[tuple[Rule, str], float] = dict(told or {})

    @property
    def told(self) -> dict[tuple[Rule, str], float]:
        """What has been told, to be kept or to go on with on trial."""
        return {key: level for key, level in self._told.items() if level > 0.0}

    def risen(self, rows: Iterable[Usage]) -> list[Finding]:
        """The limits that have reached a higher level than was told before, in the order of the rows."""
        return [finding for row in rows if (finding := self._look(row)) is not None]

    def broken(self) -> list[tuple[Rule, str]]:
        """The limits and subjects that stand as broken."""
        return [key for key, level in self._told.items() if level >= 1.0]

    def forget_all_but(self, subjects: Iterable[tuple[Rule, str]]) -> None:
        """Drop what is not measured any more: an instrument that is not held, a limit that was taken away."""
        kept = set(subjects)
        self._told = {key: level for key, level in self._told.items() if key in kept}

    def _look(self, row: Usage) -> Finding | None:
        rule = row.limit.rule
        if row.share is None or not self._rises(rule, row.subject, row.share):
            return None
        text = standing(rule, row.value, row.subject)
        return Finding(row.limit, row.value, row.share, level_of(row.share), text, row.subject)

    def _rises(self, rule: Rule, subject: str, share: float) -> bool:
        before = self._told.get((rule, subject), 0.0)
        level = level_of(share)
        self._told[rule, subject] = level if level > before else min(before, level_of(share + GAP))
        return level > before
