"""What a limit may say: a number in the rule's unit, an action, and the rule's own details."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from django.utils.translation import gettext as _

from quantsite.common.errors import RuleError
from quantsite.common.texts import did_you_mean, sentences
from trading.domain.risk.limit_problems import limit_problem
from trading.domain.risk.limits import Limit
from trading.domain.risk.rules import RULES, BreachAction, Rule, Stage, Unit
from trading.domain.risk.scopes import Scope, ScopeKind

WATCHED = frozenset(
    {ScopeKind.PLATFORM, ScopeKind.DESK, ScopeKind.PRODUCT, ScopeKind.ACCOUNT, ScopeKind.ACCOUNT_PRODUCT}
)
"""Where a rule may stand that is asked after the order only: it watches accounts, not persons or strategies."""


def find_rule(name: str) -> Rule:
    """The rule of this name. Raises ``RuleError`` ``unknown_rule`` with the likely one."""
    try:
        return Rule(name)
    except ValueError as error:
        near = get_close_matches(str(name), [rule.value for rule in Rule], n=1, cutoff=0.5)
        told = _("There is no rule %(name)s.") % {"name": repr(str(name)[:64])}
        told = sentences(told, did_you_mean(near[0] if near else None))
        raise RuleError("unknown_rule", told, fields={"rule": told}) from error


def checked_limit(
    rule: Rule,
    scope: Scope,
    maximum: float | None,
    action: str = BreachAction.WARN,
    params: Mapping[str, Any] | None = None,
) -> Limit:
    """The limit, with every detail of its rule. A list needs no number to be in force; None lifts any other rule.

    Raises ``RuleError`` that names the field.
    """
    spec, given = RULES[rule], dict(params or {})
    if spec.stage is Stage.AFTER and scope.kind not in WATCHED:
        told = _("This rule watches accounts: set it for everything, a desk, an account or a product.")
        raise RuleError("rule_not_at_scope", told, fields={"scope_kind": told})
    if spec.unit is Unit.LIST:
        maximum = None if maximum is None and "allowed" not in given else 0.0
    follows = _action(action)
    for field, details in (("maximum", {}), ("params", given)):
        problem = limit_problem(Limit(rule, scope, maximum, follows, details))
        if problem:
            raise RuleError("invalid_limit", problem, fields={field: problem})
    number = None if maximum is None else float(maximum)
    return Limit(rule, scope, number, follows, {**spec.params, **given})


def _action(action: str) -> BreachAction:
    try:
        return BreachAction(action)
    except ValueError as error:
        told = _("%(action)s is no action: there are %(known)s.")
        told %= {"action": repr(str(action)[:64]), "known": ", ".join(BreachAction)}
        raise RuleError("unknown_action", told, fields={"action": told}) from error
