"""Whether a change of a limit lets anybody do more than before: then a second person must agree.

What is compared are the limits in force, not the rows: a new limit may be looser than the wider one that it hides, and
taking one away may leave a tighter one. Where it is not known which limit held before (a product's limit hides those
of every desk), one loosening is enough.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from trading.domain.risk.limits import Limit, Table, effective
from trading.domain.risk.rules import RULES, BreachAction, Rule, Unit
from trading.domain.risk.scopes import Scope, ScopeKind

_SEVERITY = list(BreachAction)
_WIDTH = list(ScopeKind)

_LOOSER_PARAMS: Mapping[str, Callable[[Any, Any], bool]] = {
    "volume": lambda before, after: after > before,  # fewer cancels count as large
    "seconds": lambda before, after: after < before,  # fewer orders fall within
    "per_second": lambda before, after: after > before,  # fewer seconds are bursts
    "confidence": lambda before, after: after < before,  # a smaller loss is told
    "allowed": lambda before, after: not set(after) <= set(before),
}
"""By detail of a limit: whether another value is the looser one. Of any other detail every change is."""


def looser(before: Limit | None, after: Limit | None) -> bool:
    """Whether the limit that comes into force allows anything that the one before did not; None: no limit.

    A higher maximum, a lower floor, a milder action, a looser detail, a longer list, no limit at all.
    """
    if before is None or before.maximum is None:
        return False
    if after is None or after.maximum is None:
        return True
    return _looser_number(before, after) or _milder(before, after) or _looser_details(before, after)


def loosens(table: Table, scope: Scope, rule: Rule, after: Limit | None, wider: Sequence[Scope] = ()) -> bool:
    """Whether setting ``after`` at a scope (None: taking its limit away) loosens the rule for anybody there.

    ``wider`` are the scopes that everything in this one stands in too, narrowest first, as far as they are known: of
    an account its desk; the platform need not be named.
    """
    return any(looser(before, then) for before, then in in_force(table, scope, rule, after, wider))


def in_force(
    table: Table, scope: Scope, rule: Rule, after: Limit | None, wider: Sequence[Scope] = ()
) -> Iterator[tuple[Limit | None, Limit | None]]:
    """The limits in force at a scope before and after a change, as pairs: several where the wider one is not known."""
    before = table.get(scope, {}).get(rule)
    if before is None and after is None:
        return
    if before is not None and after is not None:
        yield before, after
        return
    for hidden in inherited(table, scope, rule, wider):
        yield (hidden, after) if before is None else (before, hidden)


def inherited(table: Table, scope: Scope, rule: Rule, wider: Sequence[Scope] = ()) -> Iterator[Limit | None]:
    """What may be in force where the scope has no limit of its own; ``wider`` as for :func:`loosens`."""
    certain = next((found for near in wider if (found := table.get(near, {}).get(rule)) is not None), None)
    known = {near.kind for near in wider}
    reach = _WIDTH.index(scope.kind)
    least = _WIDTH.index(certain.scope.kind) if certain is not None else 0
    for other, limits in table.items():
        width = _WIDTH.index(other.kind)
        if least < width < reach and other.kind not in known and rule in limits:
            yield limits[rule]
    platform = table.get(Scope(ScopeKind.PLATFORM, ""), {}).get(rule)
    base = certain if certain is not None else platform if scope.kind != ScopeKind.PLATFORM else None
    yield base if base is not None else effective({}, ()).get(rule)


def _looser_number(before: Limit, after: Limit) -> bool:
    spec = RULES[before.rule]
    if spec.unit == Unit.LIST or before.maximum is None or after.maximum is None:
        return False
    tight = after.maximum >= before.maximum if spec.floor else after.maximum <= before.maximum
    return not tight  # what is not a number is no tightening


def _milder(before: Limit, after: Limit) -> bool:
    return _SEVERITY.index(after.action) < _SEVERITY.index(before.action)


def _looser_details(before: Limit, after: Limit) -> bool:
    usual = RULES[before.rule].params
    old, new = {**usual, **before.params}, {**usual, **after.params}
    return any(_looser_detail(name, old.get(name), new.get(name)) for name in old.keys() | new.keys())


def _looser_detail(name: str, before: Any, after: Any) -> bool:
    if before == after:
        return False
    judge = _LOOSER_PARAMS.get(name)
    return judge is None or before is None or after is None or judge(before, after)
