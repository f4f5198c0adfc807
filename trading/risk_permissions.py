"""Who may see and do what about limits, stops, risk events and plans; asked here and nowhere else.

What stands at a scope is seen by whoever sees something in it. ``None`` as actor is the system.
"""

from typing import TYPE_CHECKING, TypeVar

from django.db.models import Model, Q, QuerySet
from django.utils.translation import gettext as _

from accounts.permissions import refuse
from quantsite.common.errors import MissingError
from trading.account_models import TradingAccount
from trading.domain.risk.scopes import Scope, ScopeKind
from trading.domain.risk.switches import Strength
from trading.limit_models import KillSwitch
from trading.order_models import AccountRows, Order
from trading.permissions import may_reduce, may_trade, sees_every_account, visible_accounts
from trading.risk_models import FlattenPlan, RiskEvent

if TYPE_CHECKING:
    from accounts.models import User

LIMIT = "trading.change_risklimit"
STOP = "trading.set_killswitch"
RELEASE = "trading.release_killswitch"
HANDLE = "trading.handle_riskevent"

ScopedT = TypeVar("ScopedT", bound=Model)
OPEN_SCOPES = (ScopeKind.PLATFORM.value, ScopeKind.PRODUCT.value)
"""Scopes that everybody stands in, or may."""


def has(actor: "User | None", permission: str) -> bool:
    """Whether the actor is active and holds a permission; the system holds all."""
    return actor is None or (actor.is_active and actor.has_perm(permission))


def visible_scoped(actor: "User | None", rows: "QuerySet[ScopedT]") -> "QuerySet[ScopedT]":
    """Rows at scopes in which the actor sees something; none without the permission to view such rows."""
    if actor is None:
        return rows
    meta = rows.model._meta
    if not has(actor, f"{meta.app_label}.view_{meta.model_name}"):
        return rows.none()
    return rows if sees_every_account(actor) else rows.filter(_in_sight(actor, rows))


def may_stop(actor: "User | None", scope: Scope, strength: Strength) -> bool:
    """Whether a stop may be set: risk officers everywhere; who may trade on an account there, short of closing it."""
    if has(actor, STOP):
        return True
    if scope.kind is not ScopeKind.ACCOUNT or strength is Strength.FLATTEN:
        return False
    account = TradingAccount.objects.filter(code=scope.key).first()
    return account is not None and may_trade(actor, account)


def demand_stop(actor: "User | None", scope: Scope, strength: Strength) -> None:
    """Raises ``RefusedError`` (audited) unless the actor may set this stop."""
    if not may_stop(actor, scope, strength):
        name = "" if actor is None else actor.username
        told = _("%(name)s may not set this stop: traders stop accounts on which they trade.") % {"name": name}
        refuse(actor, STOP, None, "permission_denied", told, reason=f"{scope.kind} {scope.key} {strength}")


def find_switch(actor: "User | None", switch_id: int) -> KillSwitch:
    """The stop. Raises ``MissingError`` where there is none that the actor may see."""
    rows = KillSwitch.objects.select_related("set_by", "released_by", "approved_by").filter(pk=switch_id)
    found = visible_scoped(actor, rows).first()
    if found is None:
        raise MissingError("unknown_switch", _("There is no stop %(id)s.") % {"id": switch_id})
    return found


def visible_risk_events(actor: "User | None") -> AccountRows[RiskEvent]:
    """Those of visible accounts; what concerns more than one account only to whoever sees every account."""
    rows = RiskEvent.objects.select_related("account", "assigned_to", "acknowledged_by", "closed_by")
    if actor is None:
        return rows
    if not has(actor, "trading.view_riskevent"):
        return rows.none()
    return rows if sees_every_account(actor) else rows.visible_to(actor)


def find_risk_event(actor: "User | None", event_id: int) -> RiskEvent:
    """The event. Raises ``MissingError`` where there is none that the actor may see."""
    found = visible_risk_events(actor).filter(pk=event_id).first()
    if found is None:
        raise MissingError("unknown_risk_event", _("There is no risk event %(id)s.") % {"id": event_id})
    return found


def visible_plans(actor: "User | None") -> AccountRows[FlattenPlan]:
    """The plans to close positions of visible accounts."""
    rows = FlattenPlan.objects.select_related("account", "switch", "created_by", "stopped_by")
    if actor is None:
        return rows
    return rows.visible_to(actor) if has(actor, "trading.view_flattenplan") else rows.none()


def find_plan(actor: "User | None", plan_id: int) -> FlattenPlan:
    """The plan. Raises ``MissingError`` where there is none that the actor may see."""
    found = visible_plans(actor).filter(pk=plan_id).first()
    if found is None:
        raise MissingError("unknown_plan", _("There is no plan %(id)s.") % {"id": plan_id})
    return found


def may_stop_plan(actor: "User | None", plan: FlattenPlan) -> bool:
    """Whether a plan may be stopped: by risk officers, and by who made it while they may reduce there."""
    if has(actor, STOP):
        return True
    return actor is not None and plan.created_by_id == actor.pk and may_reduce(actor, plan.account)


def demand_stop_plan(actor: "User | None", plan: FlattenPlan) -> None:
    """Raises ``RefusedError`` (audited) unless the actor may stop the plan."""
    if not may_stop_plan(actor, plan):
        told = _("Only who made this plan, or a risk officer, may stop it.")
        refuse(actor, "trading.stop_plan", plan, "permission_denied", told)


def _in_sight(actor: "User", rows: "QuerySet[ScopedT]") -> Q:
    accounts = visible_accounts(actor).order_by()
    codes = set(accounts.values_list("code", flat=True))
    both = rows.filter(scope_kind=ScopeKind.ACCOUNT_PRODUCT.value).order_by().values_list("scope_key", flat=True)
    strategies = Order.objects.visible_to(actor).exclude(strategy_key="").order_by().values("strategy_key")
    return (
        Q(scope_kind__in=OPEN_SCOPES)
        | Q(scope_kind=ScopeKind.USER.value, scope_key=actor.username)
        | Q(scope_kind=ScopeKind.DESK.value, scope_key__in=accounts.values("desk__code"))
        | Q(scope_kind=ScopeKind.ACCOUNT.value, scope_key__in=codes)
        | Q(
            scope_kind=ScopeKind.ACCOUNT_PRODUCT.value,
            scope_key__in=[key for key in both.distinct() if key.partition("/")[0] in codes],
        )
        | Q(scope_kind=ScopeKind.STRATEGY.value, scope_key__in=strategies)
    )
