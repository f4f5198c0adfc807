"""Which limit counts: of all that are set, the one with the narrowest scope, and where it comes from."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import nan
from typing import Any

from trading.domain.risk.rules import DUST, LARGE, RULES, WARNINGS, BreachAction, Rule, Unit
from trading.domain.risk.scopes import Scope, ScopeKind


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit as it is set at a scope. ``maximum`` is in the rule's unit (the least value where it is a floor).

    None lifts the rule for this scope, whatever wider ones say. ``quiet`` is the value up to which (of a floor: from
    which) nobody need be told anything: just short of the first warning level.
    """

    rule: Rule
    scope: Scope
    maximum: float | None
    action: BreachAction = BreachAction.WARN
    params: Mapping[str, Any] = field(default_factory=dict)
    floor: bool = field(init=False, repr=False, compare=False)
    quiet: float = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        spec, first = RULES[self.rule], WARNINGS[0] - 2 * DUST
        bound = 0.0 if spec.unit == Unit.LIST else nan if self.maximum is None else self.maximum
        quiet = (bound / first if spec.floor else bound * first) if bound > 0.0 else bound
        object.__setattr__(self, "floor", spec.floor)
        object.__setattr__(self, "quiet", quiet)

    def is_quiet(self, value: float) -> bool:
        """Whether a value is far from the limit; never, where it or the limit is not a number."""
        return value >= self.quiet if self.floor else value <= self.quiet


Table = Mapping[Scope, Mapping[Rule, Limit]]
"""Every limit that is set, by scope."""


def table_of(limits: Iterable[Limit]) -> Table:
    """The limits by their scope."""
    found: dict[Scope, dict[Rule, Limit]] = {}
    for limit in limits:
        found.setdefault(limit.scope, {})[limit.rule] = limit
    return found


def effective(table: Table, scopes: Sequence[Scope]) -> Mapping[Rule, Limit]:
    """The limit of each rule that holds in these scopes, narrowest first; rules without one are left out."""
    found: dict[Rule, Limit] = {}
    for scope in scopes:
        for rule, limit in table.get(scope, {}).items():
            found.setdefault(rule, limit)
    for rule, spec in RULES.items():
        if rule not in found and spec.default is not None:
            found[rule] = Limit(rule, DEFAULT, spec.default, params=spec.params)
    return {rule: limit for rule, limit in found.items() if limit.maximum is not None}


def large_volume(limits: Mapping[Rule, Limit]) -> float:
    """From how many lots on a cancel counts as a large one, where these limits are in force."""
    limit = limits.get(Rule.LARGE_CANCELS)
    return float(LARGE if limit is None else limit.params.get("volume", LARGE))


DEFAULT = Scope(ScopeKind.PLATFORM, "default")
"""Where a limit comes from that nobody has set: the rule itself."""
