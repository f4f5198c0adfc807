"""What needs a person now: risk events that nobody has taken, stops in force, plans that close positions, proposals."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import proposals
from accounts.models import Proposal, ProposalStatus, User
from accounts.proposals import APPROVE
from trading.account_models import AccountQuerySet
from trading.console.risk_words import scope_word
from trading.domain.risk.scopes import ScopeKind
from trading.limit_models import KillSwitch
from trading.risk_choices import RiskEventKind
from trading.risk_models import FlattenPlan, RiskEvent
from trading.risk_permissions import may_stop_plan, visible_plans, visible_risk_events, visible_scoped
from trading.verbs.flatten import OPEN

MOST = 12
"""Lines of each kind: the rest is on its own page, and counted here."""
GRAVE = (RiskEventKind.BREACH, RiskEventKind.FLATTEN)


@dataclass(frozen=True, slots=True)
class Need:
    """One line: what it is, about whom, since when; ``plan`` has a button that stops it."""

    severity: str
    what: str
    about: str
    text: str
    since: datetime
    who: str = ""
    url: str = ""
    plan: FlattenPlan | None = None


@dataclass(frozen=True, slots=True)
class Needs:
    """The lines, the gravest first, and how many there are of each kind."""

    lines: list[Need]
    events: int
    stops: int
    plans: int
    proposals: int


def needs_of(user: User, accounts: AccountQuerySet, *, desk: str = "", alone: bool = False) -> Needs:
    """What waits for somebody on these accounts, as far as this person may see it.

    ``desk``: of stops only what reaches it. ``alone``: without what concerns more than these accounts.
    """
    mine = Q(account__in=accounts) if alone else Q(account__in=accounts) | Q(account=None)
    events = visible_risk_events(user).filter(mine, closed_at=None, assigned_to=None)
    events = events.exclude(kind__in=(RiskEventKind.SWITCH, RiskEventKind.FLATTEN))  # these are told by what they are
    stops = _stops(user, accounts, desk)
    plans = visible_plans(user).filter(account__in=accounts, status__in=OPEN).order_by("starts_at")
    waiting = [] if alone else _proposals(user)
    lines = [
        *(_plan(user, plan) for plan in plans[:MOST]),
        *(_stop(stop) for stop in stops[:MOST]),
        *_events(events),
        *(_proposal(proposal) for proposal in waiting[:MOST]),
    ]
    lines.sort(key=lambda line: (line.severity != "critical", line.severity != "warning"))
    return Needs(lines, events.count(), len(stops), plans.count(), len(waiting))


def page_of(row: Any) -> str:
    """The address of a row's own page in the console, empty where it has none."""
    try:
        return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])
    except NoReverseMatch:
        return ""


def _events(events: Any) -> Iterator[Need]:
    grave = events.filter(kind__in=GRAVE).order_by("created_at")[:MOST]
    rest = events.exclude(kind__in=GRAVE).order_by("-last_at")[:MOST]
    for event in [*grave, *rest][:MOST]:
        yield _event(event)


def _event(event: RiskEvent) -> Need:
    severity = "critical" if event.kind in GRAVE else "warning" if event.kind == RiskEventKind.WARNING else "info"
    about = event.account.code if event.account else scope_word(event.scope)
    more = f" ×{event.count}" if event.count > 1 else ""
    return Need(
        severity, event.get_kind_display(), about, f"{event.shown_text}{more}", event.created_at, url=page_of(event)
    )


def _stops(user: User, accounts: AccountQuerySet, desk: str) -> list[KillSwitch]:
    """Those in force; of a desk only what reaches it."""
    rows = visible_scoped(user, KillSwitch.objects.active().select_related("set_by").order_by("-strength", "set_at"))
    if not desk:
        return list(rows)
    codes = set(accounts.order_by().values_list("code", flat=True))
    return [row for row in rows if _reaches(row, desk, codes)]


def _reaches(stop: KillSwitch, desk: str, codes: set[str]) -> bool:
    kind, key = stop.scope
    if kind is ScopeKind.DESK:
        return key == desk
    if kind in {ScopeKind.ACCOUNT, ScopeKind.ACCOUNT_PRODUCT}:
        return key.partition("/")[0] in codes
    return True


def _stop(stop: KillSwitch) -> Need:
    who = stop.set_by.username if stop.set_by else _("system")
    what = _("Stop: %(strength)s") % {"strength": stop.get_strength_display()}
    return Need("critical", what, scope_word(stop.scope), stop.shown_reason, stop.set_at, who=who, url=page_of(stop))


def _plan(user: User, plan: FlattenPlan) -> Need:
    begins = timezone.localtime(plan.starts_at).strftime("%H:%M:%S")
    text = _("%(lots)s lots to close, from %(begins)s on: %(reason)s")
    told_text = text % {"lots": plan.lots - plan.closed, "begins": begins, "reason": plan.shown_reason}
    who = plan.created_by.username if plan.created_by else _("system")
    what = _("Positions are being closed: %(state)s") % {"state": plan.get_status_display()}
    mine = plan if may_stop_plan(user, plan) else None
    return Need("critical", what, plan.account.code, told_text, plan.created_at, who, page_of(plan), mine)


def _proposals(user: User) -> list[Proposal]:
    """Those that wait for a second person, to whoever may be it."""
    if not user.has_perm(APPROVE):
        return []
    rows = Proposal.objects.filter(status=ProposalStatus.OPEN, expires_at__gt=timezone.now())
    return list(rows.select_related("proposed_by").order_by("proposed_at"))


def _proposal(proposal: Proposal) -> Need:
    kind = proposals.KINDS.get(proposal.kind)
    what = _("Proposal: %(kind)s") % {"kind": kind.title if kind else proposal.kind}
    target = kind.told(proposal.target) if kind else proposal.target
    who, since = proposal.proposed_by.username, proposal.proposed_at
    return Need("warning", what, target, proposal.reason, since, who, page_of(proposal))
