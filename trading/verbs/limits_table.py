"""Limits as they hold, scope by scope: each with its value and where it comes from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from accounts.permissions import require
from trading.account_models import Desk
from trading.domain.risk.limits import DEFAULT, Limit, Table, table_of
from trading.domain.risk.rules import RULES, Rule
from trading.domain.risk.scopes import PLATFORM, Scope, ScopeKind, scopes_of
from trading.limit_models import RiskLimit
from trading.permissions import sees_every_account, visible_accounts
from trading.risk_permissions import visible_scoped

if TYPE_CHECKING:
    from accounts.models import User


@dataclass(frozen=True, slots=True)
class LimitCell:
    """One rule at one scope. ``maximum`` None: nothing is limited there. ``origin`` None: nobody ever set anything.

    ``own``: it is set at this very scope, as the row ``limit_id``. ``DEFAULT`` as origin: the rule's own value.
    """

    rule: Rule
    maximum: float | None
    action: str
    params: Mapping[str, Any]
    origin: Scope | None
    own: bool
    limit_id: int | None = None


@dataclass(frozen=True, slots=True)
class LimitRow:
    """Every rule at one scope."""

    scope: Scope
    cells: Mapping[Rule, LimitCell] = field(default_factory=dict)


def limits_table(actor: "User | None", *, every_account: bool = True) -> list[LimitRow]:
    """A row for everything, each desk and account that the actor may see, and each other scope with a limit of its own.

    The widest first. ``every_account`` False leaves out desks and accounts without a limit. Raises ``RefusedError``.
    """
    require(actor, "trading.view_risklimit")
    rows = list(visible_scoped(actor, RiskLimit.objects.all()))
    desks = dict(visible_accounts(actor).order_by("code").values_list("code", "desk__code"))
    scopes = {PLATFORM: None} | dict.fromkeys(row.scope for row in rows)
    if every_account:
        names = Desk.objects.values_list("code", flat=True) if sees_every_account(actor) else set(desks.values())
        scopes |= dict.fromkeys(Scope(ScopeKind.DESK, desk) for desk in names)
        scopes |= dict.fromkeys(Scope(ScopeKind.ACCOUNT, code) for code in desks)
    kinds = list(ScopeKind)
    order = sorted(scopes, key=lambda scope: (kinds.index(scope.kind), scope.key))
    return _rows(rows, order, desks)


def limits_at(actor: "User | None", scope: Scope) -> LimitRow:
    """Every rule at one scope. Raises ``RefusedError``; whether the scope may be seen is the caller's to ask."""
    require(actor, "trading.view_risklimit")
    desks = dict(visible_accounts(actor).order_by().values_list("code", "desk__code"))
    return _rows(list(visible_scoped(actor, RiskLimit.objects.all())), [scope], desks)[0]


def lineage(scope: Scope, desks: Mapping[str, str]) -> Sequence[Scope]:
    """The scope and those that it always lies in, the narrowest first; ``desks``: account -> its desk."""
    if scope.kind is ScopeKind.ACCOUNT:
        return scopes_of(desk=desks.get(scope.key, ""), account=scope.key)
    if scope.kind is ScopeKind.ACCOUNT_PRODUCT:
        account, _slash, product = scope.key.partition("/")
        return scopes_of(desk=desks.get(account, ""), account=account, product=product)
    return (PLATFORM,) if scope == PLATFORM else (scope, PLATFORM)


def _rows(rows: Sequence[RiskLimit], scopes: Sequence[Scope], desks: Mapping[str, str]) -> list[LimitRow]:
    ids = {(Rule(row.rule), row.scope): row.pk for row in rows}
    table = table_of(row.to_domain() for row in rows)

    def row_of(scope: Scope) -> LimitRow:
        path = lineage(scope, desks)
        cells = {}
        for rule in RULES:
            cells[rule] = _cell(rule, _nearest(table, path, rule), scope, ids.get((rule, scope)))
        return LimitRow(scope, cells)

    return [row_of(scope) for scope in scopes]


def _nearest(table: Table, path: Sequence[Scope], rule: Rule) -> Limit | None:
    """The limit that counts on a path, the narrowest first; one that lifts the rule is told too."""
    spec = RULES[rule]
    default = None if spec.default is None else Limit(rule, DEFAULT, spec.default, params=spec.params)
    return next((table[scope][rule] for scope in path if rule in table.get(scope, {})), default)


def _cell(rule: Rule, found: Limit | None, scope: Scope, limit_id: int | None) -> LimitCell:
    if found is None:
        return LimitCell(rule, None, "", {}, None, own=False)
    own = found.scope == scope and limit_id is not None
    return LimitCell(rule, found.maximum, found.action.value, found.params, found.scope, own, limit_id if own else None)
