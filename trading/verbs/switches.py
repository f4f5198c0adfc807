"""Stops: one person sets them in an instant, two release them. Each gateway obeys within a second."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import QuerySet, Sum
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

from accounts import proposals
from accounts.audit import record
from accounts.permissions import require
from quantsite.common.errors import ConflictError, MissingError, RuleError
from trading.account_models import TradingAccount
from trading.domain.risk.scopes import Scope, ScopeKind
from trading.domain.risk.switches import Strength
from trading.ledger_models import Position
from trading.limit_models import KillSwitch
from trading.order_models import Order
from trading.risk_choices import RiskEventKind, ScopeName, StrengthName
from trading.risk_permissions import RELEASE, demand_stop, find_switch
from trading.verbs import risk_revision
from trading.verbs.flatten import OPEN, end_plan, plan_for_stop
from trading.verbs.risk_events import Found, found
from trading.verbs.risk_scopes import account_of, accounts_in, find_scope, product_key, product_of

if TYPE_CHECKING:
    from accounts.models import Proposal, User

RELEASE_KIND = "release_switch"
SET = gettext_noop("Trading is stopped: %(reason)s")
RELEASED = gettext_noop("The stop is released: %(reason)s")


@dataclass(frozen=True, slots=True)
class StopPreview:
    """What a stop would reach now: open accounts, orders that may still fill, lots held, and in how many positions."""

    accounts: int
    working: int
    positions: int
    lots: int


def preview_stop(actor: "User | None", scope_kind: str, scope_key: str, strength: int) -> StopPreview:
    """What a stop would do, counted; nothing is written. Raises as :func:`set_switch`."""
    scope, _strength = _demanded(actor, scope_kind, scope_key, strength)
    orders, positions = working_in(scope), positions_in(scope)
    lots = positions.aggregate(lots=Sum("volume"))["lots"] or 0
    return StopPreview(accounts_in(None, scope).count(), orders.count(), positions.count(), lots)


def set_switch(actor: "User | None", scope_kind: str, scope_key: str, strength: int, reason: str) -> KillSwitch:
    """Stop trading at a scope from now on. The system's own stop is set once; a person's always acts anew.

    Closing positions makes a plan for each account that holds any, which a person may stop before it begins.
    Raises ``RefusedError``, ``MissingError`` for an unknown scope, ``RuleError`` for no such strength or no reason.
    """
    scope, force = _demanded(actor, scope_kind, scope_key, strength)
    if not reason.strip():
        raise RuleError("reason_missing", _("Say why."), fields={"reason": _("Say why.")})
    with transaction.atomic():
        risk_revision.hold()
        standing = _of_the_system(scope, force) if actor is None else None
        return standing or _set(actor, scope, force, reason.strip())


def ask_release(actor: "User | None", switch_id: int, reason: str) -> "Proposal":
    """Propose that a stop ends; a second person decides.

    Raises ``MissingError``, ``ConflictError`` ``switch_released``, and as ``proposals.propose``.
    """
    require(actor, RELEASE)
    switch = find_switch(actor, switch_id)
    if switch.released_at is not None:
        raise _released_already(switch)
    return proposals.propose(actor, RELEASE_KIND, str(switch.pk), {**_values(switch), "released": True}, reason)


def working_in(scope: Scope) -> QuerySet[Order]:
    """The orders that may still fill, at a scope."""
    return _narrowed(Order.objects.working(), scope)


def positions_in(scope: Scope) -> QuerySet[Position]:
    """What is held at a scope; positions belong to accounts, so of a person or a strategy none are told here."""
    if scope.kind in {ScopeKind.USER, ScopeKind.STRATEGY}:
        return Position.objects.none()
    return _narrowed(Position.objects.all(), scope)


def _narrowed(rows: QuerySet[Any], scope: Scope) -> QuerySet[Any]:
    if scope.kind is ScopeKind.USER:
        return rows.filter(created_by__username=scope.key)
    if scope.kind is ScopeKind.STRATEGY:
        return rows.filter(strategy_key=scope.key)
    if scope.kind not in {ScopeKind.PLATFORM, ScopeKind.PRODUCT}:
        rows = rows.filter(account__in=accounts_in(None, scope))
    product = product_key(scope)
    return rows.filter(instrument__product__in=product_of(product)) if product else rows


def _demanded(actor: "User | None", scope_kind: str, scope_key: str, strength: int) -> tuple[Scope, Strength]:
    """What is asked for, once it is sure that the actor may ask for it."""
    scope = find_scope(actor, scope_kind, scope_key)
    try:
        force = Strength(strength)
    except ValueError as error:
        told = _("%(strength)s is no strength of a stop: there are 1, 2 and 3.") % {"strength": repr(strength)}
        raise RuleError("unknown_strength", told, fields={"strength": told}) from error
    demand_stop(actor, scope, force)
    return scope, force


def _of_the_system(scope: Scope, force: Strength) -> KillSwitch | None:
    """A stop that the system has set already and that goes as far."""
    rows = KillSwitch.objects.active().filter(set_by=None, scope_kind=scope.kind.value, scope_key=scope.key)
    return rows.filter(strength__gte=force.value).order_by("pk").first()


def _set(actor: "User | None", scope: Scope, force: Strength, reason: str) -> KillSwitch:
    switch = KillSwitch.objects.create(
        scope_kind=scope.kind.value,
        scope_key=scope.key,
        strength=force.value,
        reason=reason,
        set_by=actor,
        set_at=timezone.now(),
    )
    _tell(switch, SET, reason)
    risk_revision.bump()
    record(actor, "switch.set", switch, after={**_values(switch), "set_at": switch.set_at.isoformat()})
    if force is Strength.FLATTEN:
        for account in _holders(scope):
            plan_for_stop(actor, account, switch, product=product_key(scope), strategy_key=_strategy(scope))
    return switch


def _holders(scope: Scope) -> QuerySet[TradingAccount]:
    """The open accounts that hold something at the scope."""
    accounts = accounts_in(None, scope)
    if scope.kind in {ScopeKind.USER, ScopeKind.STRATEGY}:
        orders = _narrowed(Order.objects.filter(traded__gt=0), scope)
        accounts = accounts.filter(pk__in=orders.order_by().values("account"))
        return accounts.filter(positions__isnull=False).distinct()
    return accounts.filter(pk__in=positions_in(scope).order_by().values("account"))


def _strategy(scope: Scope) -> str:
    return scope.key if scope.kind is ScopeKind.STRATEGY else ""


def _tell(switch: KillSwitch, text: str, reason: str) -> None:
    found(
        Found(
            RiskEventKind.SWITCH,
            text,
            {"reason": reason},
            account=account_of(switch.scope),
            scope=switch.scope,
            switch=switch,
        )
    )


def _values(switch: KillSwitch) -> dict[str, Any]:
    """What of a stop is proposed about and traced."""
    return {
        "scope_kind": switch.scope_kind,
        "scope_key": switch.scope_key,
        "strength": switch.strength,
        "reason": switch.reason,
        "set_by": switch.set_by.username if switch.set_by else "",
        "released": switch.released_at is not None,
    }


def _released_already(switch: KillSwitch) -> ConflictError:
    return ConflictError("switch_released", _("Stop %(id)s is released already.") % {"id": switch.pk})


# --- as a proposal -----------------------------------------------------------------------------------------


def _read(target: str) -> dict[str, Any]:
    risk_revision.hold()
    switch = KillSwitch.objects.select_related("set_by").filter(pk=target).first()
    if switch is None:
        raise MissingError("unknown_switch", _("There is no stop %(id)s.") % {"id": target})
    return _values(switch)


def _apply(proposal: "Proposal", approver: "User") -> None:
    switch = KillSwitch.objects.select_for_update().get(pk=proposal.target)
    switch.released_at, switch.released_by, switch.approved_by = timezone.now(), proposal.proposed_by, approver
    switch.release_reason = proposal.reason
    switch.save(update_fields=["released_at", "released_by", "approved_by", "release_reason"])
    for plan in switch.plans.filter(status__in=OPEN).select_for_update(of=("self",)).select_related("account"):
        end_plan(approver, plan, proposal.reason)
    _tell(switch, RELEASED, proposal.reason)
    risk_revision.bump()
    record(approver, "switch.release", switch, after={"reason": proposal.reason, "proposal": proposal.pk})


def _told(target: str) -> str:
    switch = KillSwitch.objects.filter(pk=target).first()
    if switch is None:
        return f"#{target}"
    strength, scope = StrengthName(switch.strength).label, ScopeName(switch.scope_kind).label
    return f"#{target} {strength} · {scope} {switch.scope_key}".rstrip()


def _diff(before: Any, _after: Any) -> list[proposals.Difference]:
    return [proposals.Difference(_("stop"), str(StrengthName(before["strength"]).label), _("released"))]


proposals.register(
    RELEASE_KIND,
    proposals.ProposalKind(
        title=gettext_lazy("Release a stop"), propose=RELEASE, read=_read, apply=_apply, told=_told, diff=_diff
    ),
)
