"""What is wrong with a limit before it is set: each sentence names the value and what would be right."""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from quantsite.common.texts import did_you_mean, say, sentences
from trading.domain.checks import DIRECTIONS
from trading.domain.risk.limits import Limit
from trading.domain.risk.rules import RULES, Rule, Unit
from trading.domain.risk.scopes import ScopeKind
from trading.domain.risk.sent import HORIZON

_WHOLE = frozenset({Unit.LOTS, Unit.COUNT, Unit.PER_SECOND, Unit.DAYS})
_ALLOWED = "allowed"


def limit_problem(limit: Limit) -> str:
    """Why the limit cannot be set; empty where it can."""
    return _scope_problem(limit) or _number_problem(limit) or _details_problem(limit)


def _scope_problem(limit: Limit) -> str:
    platform = limit.scope.kind == ScopeKind.PLATFORM
    if platform and limit.scope.key:
        return say("A limit of the whole platform has no key: leave %(key)r out.", key=limit.scope.key)
    if not platform and not limit.scope.key:
        return say("A limit of this scope needs its key, such as the code of a desk.")
    return ""


def _number_problem(limit: Limit) -> str:
    value, unit = limit.maximum, RULES[limit.rule].unit
    if value is None or unit == Unit.LIST:
        return ""
    if not math.isfinite(value) or value < 0:
        return say("A limit must be a number of 0 or more, not %(value)s.", value=value)
    if unit in _WHOLE and value != int(value):
        return say("This limit is counted: %(value)s is no whole number.", value=value)
    return ""


def _details_problem(limit: Limit) -> str:
    known = RULES[limit.rule].params
    for name, value in limit.params.items():
        if name not in known:
            likely = next(iter(known), None)
            return sentences(say("This limit has no detail %(name)r.", name=name), did_you_mean(likely))
        problem = _PROBLEMS[name](value)
        if problem:
            return problem
    if limit.rule == Rule.DIRECTIONS:
        return _unknown_directions(limit.params.get(_ALLOWED, ()))
    return ""


def _between(name: str, least: float, most: float) -> Callable[[Any], str]:
    def problem(value: Any) -> str:
        sound = isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most
        if sound:
            return ""
        given = {"name": name, "least": least, "most": most, "value": value}
        return say("The detail %(name)s must be a number from %(least)g to %(most)g, not %(value)r.", **given)

    return problem


def _list(value: Any) -> str:
    if isinstance(value, list | tuple) and all(isinstance(code, str) and code for code in value):
        return ""
    return say(
        'What is allowed must be a list of codes, such as ["rb.SHFE", "cu2501.SHFE"], not %(value)r.', value=value
    )


def _unknown_directions(allowed: Iterable[str]) -> str:
    for word in allowed:
        if word not in DIRECTIONS:
            return say("%(word)r is none of %(known)s.", word=word, known=", ".join(DIRECTIONS))
    return ""


_PROBLEMS: Mapping[str, Callable[[Any], str]] = {
    "volume": _between("volume", 1, 1e6),
    "seconds": _between("seconds", 0.001, HORIZON),
    "per_second": _between("per_second", 1, 1e6),
    "confidence": _between("confidence", 0.5, 0.9999),
    "days": _between("days", 20, 5_000),
    _ALLOWED: _list,
}
