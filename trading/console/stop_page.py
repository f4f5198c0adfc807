"""What the console's page about stops shows: where one may be set, what it would reach now, and what each has done."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import Proposal, ProposalStatus, User
from accounts.permissions import require
from marketdata.models import Product
from quantsite.common.errors import RuleError
from trading.account_models import Desk, TradingAccount
from trading.console.figures import NOTHING
from trading.domain.risk.scopes import Scope, ScopeKind
from trading.domain.risk.switches import Strength
from trading.limit_models import KillSwitch, SwitchEffect
from trading.order_models import Order
from trading.permissions import may_trade, visible_accounts
from trading.risk_choices import ScopeName
from trading.risk_permissions import RELEASE, STOP, demand_stop, has, may_stop, visible_plans
from trading.verbs.risk_scopes import accounts_in
from trading.verbs.switches import RELEASE_KIND, positions_in, working_in

OFFERED = (ScopeKind.DESK, ScopeKind.ACCOUNT, ScopeKind.STRATEGY, ScopeKind.PRODUCT)
BACKEND = "django.contrib.auth.backends.ModelBackend"
APPROVE = "accounts.approve_proposal"
QUICK, SLOW = 500, 2_000
"""Milliseconds until the page looks again: while a stop is at work, and else."""
AT_WORK = timedelta(minutes=10)
"""A stop that nobody obeys for so long is not awaited any more: its accounts have no gateway."""
MOST_STRATEGIES = 200
MOST_PEOPLE = 12


@dataclass(frozen=True)
class Reach:
    """What stands at a scope now: counted by the server for the words of buttons."""

    scope: Scope
    accounts: int
    orders: int
    order_accounts: int
    positions: int
    lots: int
    position_accounts: int


def scope_text(scope: Scope) -> str:
    """A scope in words: ``desk house``; everything has no key."""
    return f"{ScopeName(scope.kind).label} {scope.key}".rstrip()


def scope_value(scope: Scope) -> str:
    """A scope as one value of a form: ``desk:house``."""
    return f"{scope.kind.value}:{scope.key}"


def parse_scope(text: str) -> Scope | None:
    """The way back from :func:`scope_value`; None for no such kind."""
    kind, _colon, key = text.partition(":")
    return Scope(ScopeKind(kind), key) if kind in set(ScopeKind) else None


def offered(user: User) -> list[tuple[str, list[Scope]]]:
    """Where this person may set a stop, by kind of scope."""
    if not has(user, STOP):
        mine = [row for row in visible_accounts(user).filter(is_active=True).order_by("code") if may_trade(user, row)]
        return _named({ScopeKind.ACCOUNT: [row.code for row in mine]})
    strategies = Order.objects.exclude(strategy_key="").order_by("strategy_key")
    return _named(
        {
            ScopeKind.DESK: Desk.objects.order_by("code").values_list("code", flat=True),
            ScopeKind.ACCOUNT: TradingAccount.objects.filter(is_active=True).values_list("code", flat=True),
            ScopeKind.STRATEGY: strategies.values_list("strategy_key", flat=True).distinct()[:MOST_STRATEGIES],
            ScopeKind.PRODUCT: sorted(str(product) for product in Product.objects.all()),
        }
    )


def _named(keys: dict[ScopeKind, Any]) -> list[tuple[str, list[Scope]]]:
    found = [(str(ScopeName(kind).label), [Scope(kind, key) for key in keys.get(kind, ())]) for kind in OFFERED]
    return [(name, scopes) for name, scopes in found if scopes]


def chosen(groups: list[tuple[str, list[Scope]]], asked: str) -> Scope | None:
    """The scope of the address where it is offered, else the first one; None where none is."""
    scopes = [scope for _name, each in groups for scope in each]
    wanted = parse_scope(asked)
    return wanted if wanted in scopes else next(iter(scopes), None)


def reach_of(scope: Scope) -> Reach:
    """Count what stands at a scope now."""
    orders, positions = working_in(scope).order_by(), positions_in(scope).order_by()
    lots = list(positions.values_list("account", "volume"))
    return Reach(
        scope,
        accounts_in(None, scope).count(),
        orders.count(),
        orders.values("account").distinct().count(),
        len(lots),
        sum(volume for _account, volume in lots),
        len({account for account, _volume in lots}),
    )


def counted_orders(count: int) -> str:
    """``14 orders``."""
    return ngettext("%(count)d order", "%(count)d orders", count) % {"count": count}


def counted_accounts(count: int) -> str:
    """``3 accounts``."""
    return ngettext("%(count)d account", "%(count)d accounts", count) % {"count": count}


def counted_lots(count: int) -> str:
    """``6 lots``."""
    return ngettext("%(count)d lot", "%(count)d lots", count) % {"count": count}


def deed(reach: Reach, strength: Strength) -> str:
    """What a stop does, as its button says it: counted, and named by its scope."""
    places = {"scope": scope_text(reach.scope)}
    if strength is Strength.NO_OPENING:
        places["accounts"] = counted_accounts(reach.accounts)
        return _("Stop opening on %(accounts)s: %(scope)s") % places
    if strength is Strength.CANCEL_ALL:
        places |= {"orders": counted_orders(reach.orders), "accounts": counted_accounts(reach.order_accounts)}
        return _("Cancel %(orders)s on %(accounts)s: %(scope)s") % places
    if reach.scope.kind is ScopeKind.STRATEGY:
        return _("Close all that is open of %(scope)s") % places
    places |= {"lots": counted_lots(reach.lots), "accounts": counted_accounts(reach.position_accounts)}
    return _("Close %(lots)s on %(accounts)s: %(scope)s") % places


def effects_said(reach: Reach, strength: Strength) -> list[str]:
    """What will happen, sentence by sentence."""
    said = [_("Every order that opens is refused from now on. Cancelling and closing stay possible.")]
    if strength is Strength.NO_OPENING and reach.orders:
        text = ngettext("%(count)d working order stays.", "%(count)d working orders stay.", reach.orders)
        said.append(text % {"count": reach.orders})
    if strength >= Strength.CANCEL_ALL:
        orders, accounts = counted_orders(reach.orders), counted_accounts(reach.order_accounts)
        text = _("Working orders, opening and closing ones, are cancelled at once: %(orders)s on %(accounts)s now.")
        said.append(text % {"orders": orders, "accounts": accounts})
    if strength is Strength.FLATTEN:
        said.append(_("Positions are closed by a plan for each account."))
        said.append(_("It is shown first, begins after a delay, and can be stopped until it is done."))
    said.append(_("One person sets a stop; two persons release it."))
    return said


def phrase_of(scope: Scope) -> str:
    """What must be typed before everything is closed; the same in every language."""
    return f"CLOSE {scope.key}".rstrip()


def buttons(user: User, reach: Reach) -> list[dict[str, Any]]:
    """The stops that this person may set at a scope, the mildest first."""
    names = {
        Strength.NO_OPENING: (_("Stop opening"), "block", "open"),
        Strength.CANCEL_ALL: (_("Cancel all orders"), "cancel", "cancel"),
        Strength.FLATTEN: (_("Close all positions"), "close_fullscreen", "close"),
    }
    query = {"scope": scope_value(reach.scope)}
    return [
        {
            "title": title,
            "icon": icon,
            "css": css,
            "deed": deed(reach, strength),
            "url": f"{reverse('admin:trading_killswitch_set')}?{urlencode({**query, 'strength': strength.value})}",
        }
        for strength, (title, icon, css) in names.items()
        if may_stop(user, reach.scope, strength)
    ]


# --- what stops have done -------------------------------------------------------------------------------------


def cards(user: User, rows: QuerySet[KillSwitch]) -> list[dict[str, Any]]:
    """Stops with their effects on the accounts that the person may see, and where their release stands."""
    stops = list(rows.select_related("set_by", "released_by", "approved_by"))
    seen = visible_accounts(user)
    effects: dict[int, list[SwitchEffect]] = {}
    found = SwitchEffect.objects.filter(switch__in=stops, account__in=seen).select_related("switch", "account")
    for effect in found.order_by("account__code"):
        effects.setdefault(effect.switch_id, []).append(effect)
    waiting = {
        proposal.target: proposal
        for proposal in Proposal.objects.filter(kind=RELEASE_KIND, status=ProposalStatus.OPEN).select_related(
            "proposed_by"
        )
        if proposal.expires_at > timezone.now()
    }
    return [_card(user, stop, effects.get(stop.pk, []), waiting.get(str(stop.pk))) for stop in stops]


def _card(user: User, stop: KillSwitch, effects: list[SwitchEffect], release: Proposal | None) -> dict[str, Any]:
    lines = [effect_line(effect) for effect in effects]
    awaited = _awaited(user, stop, effects)
    return {
        "stop": stop,
        "where": scope_text(stop.scope),
        "word": stop.get_strength_display(),
        "who": stop.set_by.get_username() if stop.set_by else _("system"),
        "for": _ago(stop.set_at, stop.released_at),
        "effects": lines,
        "awaited": [account.code for account in awaited],
        "busy": bool(awaited) or any(line["busy"] for line in lines),
        "sum": _sum(stop, effects),
        "release": release,
        "may_release": stop.released_at is None and release is None and has(user, RELEASE),
        "release_url": reverse("admin:trading_killswitch_release", args=[stop.pk]),
        "url": reverse("admin:trading_killswitch_change", args=[stop.pk]),
        "proposal_url": _proposal_url(user, release),
    }


def effect_line(effect: SwitchEffect) -> dict[str, Any]:
    """What a stop did on one account, as the gateway measured it from the click on."""
    done = effect.cancelled >= effect.working
    return {
        "account": effect.account.code,
        "seen": _after(effect.switch.set_at, effect.seen_at),
        "working": effect.working,
        "cancelled": effect.cancelled,
        "done": done,
        "busy": not done and effect.switch.released_at is None,
        "last": _seconds(effect.seconds),
        "flat": _after(effect.switch.set_at, effect.flat_at) if effect.flat_at else "",
    }


def _sum(stop: KillSwitch, effects: list[SwitchEffect]) -> dict[str, Any]:
    """All accounts together: orders ended of how many, and after how long the last one."""
    working = sum(effect.working for effect in effects)
    ended = sum(effect.cancelled for effect in effects)
    times = [effect.seconds for effect in effects if effect.seconds is not None]
    over = working > 0 and ended >= working and times
    return {"working": working, "ended": ended, "last": _seconds(max(times)) if over else "", "of": stop.strength > 1}


def _awaited(user: User, stop: KillSwitch, effects: list[SwitchEffect]) -> list[TradingAccount]:
    """The accounts with a running gateway that has not seen the stop yet."""
    if stop.released_at is not None or timezone.now() - stop.set_at > AT_WORK:
        return []
    there = {effect.account_id for effect in effects}
    reached = accounts_in(user, stop.scope).filter(state__gateway="running")
    return list(reached.exclude(pk__in=there).order_by("code"))


def approvers(user: User) -> list[str]:
    """Who may decide on what this person proposes, by name."""
    people = User.objects.with_perm(APPROVE, backend=BACKEND).filter(is_active=True).exclude(pk=user.pk)
    return list(people.order_by("username").values_list("username", flat=True)[:MOST_PEOPLE])


def plans_of(user: User, stop: KillSwitch) -> list[Any]:
    """The plans that the stop has made on accounts that the person may see."""
    return list(visible_plans(user).filter(switch=stop).order_by("account__code"))


def release_of(stop: KillSwitch) -> Proposal | None:
    """The latest proposal to release it."""
    rows = Proposal.objects.filter(kind=RELEASE_KIND, target=str(stop.pk)).select_related("proposed_by", "decided_by")
    return rows.order_by("-pk").first()


def _proposal_url(user: User, proposal: Proposal | None) -> str:
    if proposal is None or not user.has_perm("accounts.view_proposal"):
        return ""
    return reverse("admin:accounts_proposal_change", args=[proposal.pk])


def _after(start: datetime, end: datetime) -> str:
    return _seconds((end - start).total_seconds())


def _seconds(seconds: float | None) -> str:
    """Milliseconds below a second, else seconds; a dash for what is not over."""
    if seconds is None:
        return NOTHING
    return f"{seconds * 1000:,.0f} ms" if seconds < 1 else f"{seconds:,.3f} s"


def _ago(start: datetime, end: datetime | None) -> str:
    seconds = int(((end or timezone.now()) - start).total_seconds())
    hours, minutes = seconds // 3600, seconds // 60 % 60
    return f"{hours}:{minutes:02}:{seconds % 60:02}"


def checked(user: User, asked: str, strength: str) -> tuple[Scope, Strength]:
    """The stop that an address names. Raises ``RuleError``, or ``RefusedError`` (audited) for who may not set it."""
    scope = parse_scope(asked)
    if scope is None or strength not in {str(each.value) for each in Strength}:
        if not offered(user):
            require(user, STOP)
        raise RuleError("no_such_stop", _("Choose where to stop, and how far."))
    force = Strength(int(strength))
    demand_stop(user, scope, force)
    return scope, force
