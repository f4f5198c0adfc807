"""Limits: set and taken away. What tightens counts at once, what loosens anything anywhere needs a second person."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import proposals
from accounts.audit import record
from accounts.permissions import require
from quantsite.common.errors import RuleError
from trading.account_models import TradingAccount
from trading.domain.risk import loosening
from trading.domain.risk.limits import Limit, Table, table_of
from trading.domain.risk.rules import BreachAction, Rule
from trading.domain.risk.scopes import Scope, ScopeKind, scopes_of
from trading.limit_models import RiskLimit, RiskLimitChange
from trading.risk_choices import BreachActionName, RuleName, ScopeName
from trading.risk_permissions import LIMIT
from trading.verbs import risk_revision
from trading.verbs.limit_form import checked_limit, find_rule
from trading.verbs.risk_scopes import find_scope

if TYPE_CHECKING:
    from accounts.models import Proposal, User

RAISE = "raise_limit"
"""The kind of proposal that loosens a limit."""


@dataclass(frozen=True)
class LimitOutcome:
    """What became of a wish: ``limit`` as it stands now (None: none is set), or the ``proposal`` that waits."""

    limit: RiskLimit | None
    proposal: "Proposal | None" = None


def set_limit(  # noqa: PLR0917 - what a limit says, in its order
    actor: "User | None",
    rule: str,
    scope_kind: str,
    scope_key: str,
    maximum: float | None,
    action: str = BreachAction.WARN,
    params: dict[str, Any] | None = None,
    reason: str = "",
) -> LimitOutcome:
    """Set a limit in the rule's unit, None to lift the rule at the scope; at once, or as a proposal where it loosens.

    Raises ``RefusedError``, ``MissingError`` for an unknown scope, ``RuleError`` for what no limit can say, without a
    reason, and ``nothing_changes``; ``ConflictError`` ``proposal_open``.
    """
    require(actor, LIMIT)
    named = find_rule(rule)
    scope = find_scope(actor, scope_kind, scope_key, unborn=True)
    return _change(actor, named, scope, checked_limit(named, scope, maximum, action, params), reason)


def remove_limit(actor: "User | None", rule: str, scope_kind: str, scope_key: str, reason: str = "") -> LimitOutcome:
    """Take a limit away, so that a wider one counts again. Raises as :func:`set_limit`.

    A limit of something that is gone meanwhile may be taken away too.
    """
    require(actor, LIMIT)
    named = find_rule(rule)
    if not RiskLimit.objects.filter(rule=named, scope_kind=scope_kind, scope_key=scope_key).exists():
        find_scope(actor, scope_kind, scope_key, unborn=True)
    return _change(actor, named, Scope(ScopeKind(scope_kind), scope_key), None, reason)


def loosens(rule: Rule, scope: Scope, wanted: Limit | None) -> bool:
    """Whether a limit (None: its removal) lets through anywhere what is held back now."""
    return loosening.loosens(_table(rule), scope, rule, wanted, _wider(scope))


def limit_values(limit: Limit | None) -> dict[str, Any] | None:
    """A limit as JSON without its scope; None for none."""
    if limit is None:
        return None
    return {"maximum": limit.maximum, "action": limit.action.value, "params": dict(limit.params)}


def target_of(rule: Rule, scope: Scope) -> str:
    """What a proposal about a limit is of."""
    return f"{rule.value} {scope.kind.value} {scope.key}".rstrip()


def parse_target(target: str) -> tuple[Rule, Scope]:
    """The way back from :func:`target_of`."""
    rule, kind, *key = target.split(" ", 2)
    return Rule(rule), Scope(ScopeKind(kind), key[0] if key else "")


def _change(actor: "User | None", rule: Rule, scope: Scope, wanted: Limit | None, reason: str) -> LimitOutcome:
    if not reason.strip():
        raise RuleError("reason_missing", _("Say why."), fields={"reason": _("Say why.")})
    with transaction.atomic():
        risk_revision.hold()
        table = _table(rule)
        if limit_values(_own(table, rule, scope)) == limit_values(wanted):
            told = _("This is what stands already: nothing would change.")
            raise RuleError("nothing_changes", told, fields={"maximum": told})
        if not loosening.loosens(table, scope, rule, wanted, _wider(scope)):
            return LimitOutcome(_write(actor, rule, scope, wanted, reason.strip()))
    proposal = proposals.propose(actor, RAISE, target_of(rule, scope), {"limit": limit_values(wanted)}, reason)
    return LimitOutcome(_row(rule, scope), proposal)


def _write(  # noqa: PLR0917 - what a change says
    actor: "User | None",
    rule: Rule,
    scope: Scope,
    wanted: Limit | None,
    reason: str,
    approved_by: "User | None" = None,
) -> RiskLimit | None:
    """Store the limit, its history and its trace, in the caller's transaction."""
    at: dict[str, Any] = {"rule": rule.value, "scope_kind": scope.kind.value, "scope_key": scope.key}
    stored = RiskLimit.objects.filter(**at).first()
    before, after = limit_values(stored.to_domain() if stored else None), limit_values(wanted)
    row: RiskLimit | None = None
    if wanted is None:
        RiskLimit.objects.filter(**at).delete()
    else:
        row, _new = RiskLimit.objects.update_or_create(**at, defaults={**(after or {}), "updated_by": actor})
    RiskLimitChange.objects.create(
        **at, before=before, after=after, reason=reason, changed_by=actor, approved_by=approved_by
    )
    risk_revision.bump()
    record(
        approved_by or actor,
        "limit.set" if wanted else "limit.remove",
        target_of(rule, scope),
        before=before,
        after={**(after or {}), "reason": reason, "proposed_by": actor.username if approved_by and actor else ""},
    )
    return row


def _row(rule: Rule, scope: Scope) -> RiskLimit | None:
    return RiskLimit.objects.filter(rule=rule.value, scope_kind=scope.kind.value, scope_key=scope.key).first()


def _table(rule: Rule) -> Table:
    """Every limit of the rule that is set."""
    return table_of(row.to_domain() for row in RiskLimit.objects.filter(rule=rule.value).order_by("pk"))


def _own(table: Table, rule: Rule, scope: Scope) -> Limit | None:
    """The limit that is set at the scope itself."""
    return table.get(scope, {}).get(rule)


def _wider(scope: Scope) -> tuple[Scope, ...]:
    """The scopes that everything at this one stands in too, as far as they are known, the narrowest first."""
    if scope.kind not in {ScopeKind.ACCOUNT, ScopeKind.ACCOUNT_PRODUCT}:
        return ()
    code, _slash, product = scope.key.partition("/")
    desk = TradingAccount.objects.filter(code=code).values_list("desk__code", flat=True).first()
    return tuple(at for at in scopes_of(desk=desk or "", account=code, product=product) if at != scope)


# --- as a proposal -----------------------------------------------------------------------------------------


def _read(target: str) -> dict[str, Any]:
    """What stands: the limit at the scope, and what holds there without it. Locked until the transaction ends."""
    risk_revision.hold()
    rule, scope = parse_target(target)
    table = _table(rule)
    others = loosening.inherited(table, scope, rule, _wider(scope))
    return {"limit": limit_values(_own(table, rule, scope)), "inherited": [_inherited(other) for other in others]}


def _inherited(limit: Limit | None) -> dict[str, Any] | None:
    """A limit as JSON with its scope; None for none."""
    values = limit_values(limit)
    if limit is None or values is None:
        return None
    return {"scope_kind": limit.scope.kind.value, "scope_key": limit.scope.key, **values}


def _apply(proposal: "Proposal", approver: "User") -> None:
    rule, scope = parse_target(proposal.target)
    values = (proposal.after or {})["limit"]
    wanted = values and Limit(rule, scope, values["maximum"], BreachAction(values["action"]), values["params"])
    _write(proposal.proposed_by, rule, scope, wanted or None, proposal.reason, approver)


def _told(target: str) -> str:
    rule, scope = parse_target(target)
    return f"{RuleName(rule).label} · {ScopeName(scope.kind).label} {scope.key}".rstrip()


def _diff(before: Any, after: Any) -> list[proposals.Difference]:
    """Limit, action and details: a scope without one of its own begins from what it inherits."""
    was = before["limit"] or next((other for other in before["inherited"] if other), None) or {}
    will = after["limit"] or next((other for other in before["inherited"] if other), None) or {}
    names = [("maximum", _("limit")), ("action", _("on a breach"))]
    rows = [proposals.Difference(word, _shown(name, was), _shown(name, will)) for name, word in names]
    old, new = was.get("params") or {}, will.get("params") or {}
    rows += [proposals.Difference(name, old.get(name), new.get(name)) for name in sorted({*old, *new})]
    return [row for row in rows if row.before != row.after]


def _shown(name: str, values: dict[str, Any]) -> Any:
    if name == "action":
        return str(BreachActionName(values["action"]).label) if values else None
    return _("none") if values.get("maximum") is None else values["maximum"]


proposals.register(
    RAISE,
    proposals.ProposalKind(
        title=gettext_lazy("Loosen a limit"), propose=LIMIT, read=_read, apply=_apply, told=_told, diff=_diff
    ),
)
