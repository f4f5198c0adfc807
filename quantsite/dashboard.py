"""The console's first page: for each role the first number that matters, and what stands behind it.

Only rows that the person may see are read or counted; nothing here changes anything.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

from django.db.models import Max, Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.alarms import KINDS, shown_subject
from accounts.models import Alarm, AuditCheck, Severity, User
from accounts.proposals import waiting_for
from backtests.models import BacktestRun, RunStatus
from marketdata.models import BarCoverage, Instrument
from quantsite.navigation import add_url, change_url, list_url
from strategies.console import list_page as strategy_list
from strategies.instance_models import RAN
from trading.console.account_page import account_line, worst_first
from trading.permissions import visible_accounts

ROWS = 8
ICONS: dict[str, str] = {Severity.INFO: "info", Severity.WARNING: "warning", Severity.CRITICAL: "emergency"}
NOTHING = "–"


@dataclass(frozen=True)
class Tile:
    """One number: what it is, its value, a note below; ``tone`` is '', a severity, ``profit`` or ``loss``."""

    title: str | Promise
    value: str
    note: str = ""
    tone: str = ""
    url: str = ""


@dataclass(frozen=True)
class Block:
    """One table and the template that draws it."""

    template: str
    rows: list[dict[str, Any]] = field(default_factory=list)
    url: str = ""
    add_url: str = ""
    desk_url: str = ""
    more: int = 0
    may_acknowledge: bool = False


Part = tuple[list[Tile], Block | None]


def content(request: HttpRequest) -> dict[str, Any]:
    """``tiles`` and ``blocks`` of the page, most urgent for this person first."""
    user = cast(User, request.user)
    parts: list[tuple[str, Callable[[HttpRequest, User], Part]]] = [
        ("trading.view_tradingaccount", _accounts),
        ("strategies.view_strategyinstance", _strategies),
        ("backtests.view_backtestrun", _runs),
        ("marketdata.view_instrument", _bars),
        ("accounts.approve_proposal", _proposals),
        ("accounts.approve_user", _people),
        ("accounts.view_auditentry", _audit),
    ]
    watch = ("accounts.view_alarm", _alarms)
    # Who answers for alarms sees them first; for others their own work comes first.
    parts.insert(0 if user.has_perm("accounts.acknowledge_alarm") else len(parts), watch)
    shown = [make(request, user) for permission, make in parts if user.has_perm(permission)]
    return {
        "tiles": [tile for tiles, _block in shown for tile in tiles],
        "blocks": [block for _tiles, block in shown if block is not None],
    }


def _alarms(request: HttpRequest, user: User) -> Part:
    alarms = Alarm.objects.open()
    waiting = list(alarms.filter(acknowledged_at=None).order_by("first_at").values_list("severity", "first_at"))
    tone = ""
    if waiting:
        tone = "critical" if any(severity == Severity.CRITICAL for severity, _first in waiting) else "warning"
    total = alarms.count()
    note = (
        _("the oldest for %(age)s") % {"age": timesince(waiting[0][1], depth=1)}
        if waiting
        else ngettext("%(count)d open in all", "%(count)d open in all", total) % {"count": total}
    )
    url = list_url(request, "accounts.alarm")
    rows = [
        {
            "alarm": alarm,
            "title": KINDS[alarm.code].title if alarm.code in KINDS else alarm.code,
            "subject": shown_subject(alarm),
            "icon": ICONS[alarm.severity],
            "url": change_url(request, alarm),
        }
        for alarm in alarms.worst_first().select_related("acknowledged_by")[:ROWS]
    ]
    block = Block(
        "admin/dashboard/alarms.html",
        rows,
        url=url,
        more=max(0, total - ROWS),
        may_acknowledge=user.has_perm("accounts.acknowledge_alarm"),
    )
    return [Tile(_("Alarms nobody has taken"), f"{len(waiting):,}", note, tone, url)], block


def _accounts(request: HttpRequest, user: User) -> Part:
    """The account with the highest risk degree, and those behind it; nothing for who sees no account."""
    accounts = worst_first(visible_accounts(user).filter(is_active=True))
    worst = list(accounts[:ROWS])
    if not worst:
        return [], None
    url = list_url(request, "trading.tradingaccount")
    desk_url = reverse("risk-desk") if user.has_perm("trading.view_risklimit") else ""
    rows = [{**account_line(account), "url": change_url(request, account)} for account in worst]
    first = rows[0]
    tile = Tile(_("Highest risk degree"), first["risk"]["text"], str(worst[0]), first["risk"]["level"], first["url"])
    block = Block(
        "admin/dashboard/accounts.html", rows, url=url, desk_url=desk_url, more=max(0, accounts.count() - ROWS)
    )
    return [tile], block


def _strategies(request: HttpRequest, user: User) -> Part:
    """How many strategies run of those that should, their profit today, and those in trouble first."""
    known = strategy_list.listed(user, strategy_list.Asked(stages=RAN), size=ROWS)
    if not known.rows:
        return [], None
    url, found = list_url(request, "strategies.strategyinstance"), known.summary()
    troubled = ngettext("%(count)d in trouble", "%(count)d in trouble", found["troubled"])
    note = troubled % {"count": found["troubled"]} if found["troubled"] else _("profit today %(day)s yuan") % found
    tone = "warning" if found["short"] or found["troubled"] else ""
    tile = Tile(_("Strategies running"), f"{found['running']} / {found['wanted']}", note, tone, url)
    block = Block("admin/dashboard/strategies.html", known.lines(), url=url, more=max(0, len(known.rows) - ROWS))
    return [tile], block


def _runs(request: HttpRequest, user: User) -> Part:
    runs = BacktestRun.objects.all().visible_to(user)
    url = list_url(request, "backtests.backtestrun")
    latest = list(runs.select_related("instrument", "owner").order_by("-pk")[:ROWS])
    block = Block(
        "admin/dashboard/runs.html",
        [run_row(request, run) for run in latest],
        url=url,
        add_url=add_url(request, "backtests.backtestrun"),
    )
    return [*_best_known(latest, request), _queue(runs, url)], block


def run_row(request: HttpRequest, run: BacktestRun) -> dict[str, Any]:
    """One line of the table of runs; a number that is not there is a dash."""
    return {
        "run": run,
        "url": change_url(request, run),
        "owner": run.owner.get_username() if run.owner else _("system"),
        "net_return": percent(run.total_return, signed=True),
        "sign": "" if not run.total_return else ("profit" if run.total_return > 0 else "loss"),
        "drawdown": percent(run.max_drawdown),
        "trades": NOTHING if run.trade_count is None else f"{run.trade_count:,}",
        "progress": f"{run.progress:.0%}",
    }


def percent(fraction: float | None, *, signed: bool = False) -> str:
    """A fraction as per cent with two decimals, without the sign %; a dash for None."""
    if fraction is None:
        return NOTHING
    return f"{fraction * 100:{'+' if signed else ''},.2f}"


def _best_known(latest: list[BacktestRun], request: HttpRequest) -> list[Tile]:
    finished = next((run for run in latest if run.status == RunStatus.SUCCEEDED), None)
    if finished is None:
        return []
    note = _("max drawdown %(drawdown)s %% · %(run)s") % {
        "drawdown": percent(finished.max_drawdown),
        "run": f"#{finished.pk} {finished.strategy} {finished.instrument.code}",
    }
    value = f"{percent(finished.total_return, signed=True)} %"
    tone = run_row(request, finished)["sign"]
    return [Tile(_("Net return of the last run"), value, note, tone, change_url(request, finished))]


def _queue(runs: Any, url: str) -> Tile:
    queued = runs.filter(status=RunStatus.QUEUED)
    waiting, running = queued.count(), runs.filter(status=RunStatus.RUNNING).count()
    oldest = queued.order_by("created_at").values_list("created_at", flat=True).first()
    late = oldest is not None and (timezone.now() - oldest).total_seconds() > 60
    note = ngettext("%(count)d running", "%(count)d running", running) % {"count": running}
    if oldest is not None:
        note += " · " + _("the oldest for %(age)s") % {"age": timesince(oldest, depth=1)}
    return Tile(_("Backtests waiting"), f"{waiting:,}", note, "warning" if late else "", url)


def _bars(request: HttpRequest, _user: User) -> Part:
    coverage = BarCoverage.objects.filter(bars__gt=0)
    url = list_url(request, "marketdata.instrument")
    real = coverage.aggregate(last=Max("last_day", filter=Q(instrument__simulated=False)), any=Max("last_day"))
    last, simulated = (real["last"], False) if real["last"] else (real["any"], True)
    instruments = Instrument.objects.count()
    note = ngettext("%(count)d instrument", "%(count)d instruments", instruments) % {"count": instruments}
    if last and simulated:
        note += " · " + _("simulated data only")
    latest = coverage.select_related("instrument").order_by("-last_day", "instrument__code", "interval")[:ROWS]
    rows = [{"coverage": row, "url": change_url(request, row.instrument), "bars": f"{row.bars:,}"} for row in latest]
    tile = Tile(_("Bars up to"), last.isoformat() if last else NOTHING, note, url=url)
    return [tile], Block("admin/dashboard/bars.html", rows, url=url)


def _people(request: HttpRequest, _user: User) -> Part:
    waiting = User.objects.filter(is_active=False, approved_at=None).count()
    note = _("registered, not let in yet") if waiting else _("nobody is waiting")
    tile = Tile(_("People waiting for approval"), f"{waiting:,}", note, "warning" if waiting else "")
    return [Tile(tile.title, tile.value, tile.note, tile.tone, list_url(request, "accounts.user"))], None


def _proposals(request: HttpRequest, user: User) -> Part:
    """Changes that wait for a second person, and for how long the oldest one does."""
    waiting = waiting_for(user).order_by("proposed_at")
    count, oldest = waiting.count(), waiting.first()
    note = _("the oldest for %(age)s") % {"age": timesince(oldest.proposed_at, depth=1)} if oldest else ""
    url = list_url(request, "accounts.proposal")
    tone = "warning" if count else ""
    return [Tile(_("Changes waiting for you"), f"{count:,}", note or _("nothing to decide"), tone, url)], None


def _audit(request: HttpRequest, _user: User) -> Part:
    check = AuditCheck.objects.order_by("-pk").first()
    url = list_url(request, "accounts.auditentry")
    if check is None:
        return [Tile(_("Audit trail"), NOTHING, _("not verified yet: manage.py verify_audit"), url=url)], None
    note = _("%(count)s entries checked %(age)s ago") % {
        "count": f"{check.entries:,}",
        "age": timesince(check.created_at, depth=1),
    }
    value = _("intact") if check.intact else _("broken")
    return [Tile(_("Audit trail"), value, note, "" if check.intact else "critical", url)], None
