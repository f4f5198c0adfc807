"""The console's page about one trading day of an account or a desk: all that happened, and the same as a file."""

from datetime import date
from itertools import islice
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from accounts.admin_base import actor_of
from accounts.admin_pages import PagesAdmin
from quantsite.common.errors import RuleError
from trading.account_models import Desk, TradingAccount
from trading.console.csv_export import export
from trading.console.programme import parsed_day
from trading.console.timeline_rows import Line, lines, span_of
from trading.permissions import find_account, sees_every_account, visible_accounts

MOST_LINES = 500
KINDS = {
    "order": gettext_lazy("Orders"),
    "fill": gettext_lazy("Fills"),
    "limit": gettext_lazy("Limits"),
    "stop": gettext_lazy("Stops"),
    "risk": gettext_lazy("Risk events"),
    "gateway": pgettext_lazy("timeline", "Gateway"),
    "action": gettext_lazy("People's actions"),
    "money": gettext_lazy("Money and settlement"),
}
HEAD = (
    gettext_lazy("Time"),
    gettext_lazy("Market clock"),
    gettext_lazy("Kind"),
    gettext_lazy("Account"),
    pgettext_lazy("person", "By"),
    pgettext_lazy("timeline", "What happened"),
)


class TimelinePages(PagesAdmin):
    """The pages of the risk events' admin about one trading day."""

    def timeline_view(self, request: HttpRequest) -> HttpResponseBase:
        """The day; ``?form=csv`` is the file of the same account, day and kinds, whole."""
        actor = actor_of(request)
        of = request.GET.get("of", "")
        accounts, name = _accounts(actor, of)
        kinds = [kind for kind in request.GET.getlist("kind") if kind in KINDS]
        day = parsed_day(request.GET.get("day", "")) or _latest_day(accounts)
        found = lines(actor, span_of(accounts, day), kinds)
        asked = {"of": name, "day": day.isoformat(), "kind": kinds}
        if request.GET.get("form") == "csv":
            file = f"timeline-{name.replace(':', '-')}-{day}.csv"
            head = [str(word) for word in HEAD]
            return export(actor, "timeline.export", asked, file, head, (_cells(line) for line in found))
        shown = list(islice(found, MOST_LINES + 1))
        context = {
            "lines": [(line, KINDS[line.kind]) for line in shown[:MOST_LINES]],
            "more": len(shown) > MOST_LINES,
            "most": MOST_LINES,
            "opts": None,  # the heading tells the page, not the rows that it stands beside
            "of": name,
            "day": day.isoformat(),
            "kinds": [(kind, word, kind in kinds) for kind, word in KINDS.items()],
            "choices": _choices(actor),
            "csv_url": f"?{urlencode({**asked, 'form': 'csv'}, doseq=True)}",
        }
        return self.show(request, "timeline/day.html", _("Trading day"), context)


def _cells(line: Line) -> tuple[str, ...]:
    market = timezone.localtime(line.market).isoformat(timespec="milliseconds") if line.market else ""
    at = timezone.localtime(line.at).isoformat(timespec="milliseconds")
    return (at, market, str(KINDS[line.kind]), line.account, line.who, line.text)


def _accounts(actor: Any, of: str) -> tuple[list[TradingAccount], str]:
    """The accounts that are asked for (``account:A1``, ``desk:house``; else the first one), and how they are named.

    Raises ``MissingError`` for what the person may not see, ``RuleError`` where there is none at all.
    """
    kind, _colon, key = of.partition(":")
    if kind == "account" and key:
        return [find_account(actor, key)], of
    seen = visible_accounts(actor).order_by("code")
    if kind == "desk" and key:
        found = list(seen.filter(desk__code=key))
        if not found:
            raise RuleError("unknown_desk", _("There is no desk %(key)s with an account.") % {"key": repr(key[:40])})
        return found, of
    first = seen.first()
    if first is None:
        raise RuleError("no_account", _("There is no account that you may see."))
    return [first], f"account:{first.code}"


def _latest_day(accounts: list[TradingAccount]) -> date:
    """The running trading day, that of the account that is furthest; today where none has traded."""
    days = [account.state.trading_day for account in accounts if account.state.trading_day]
    return max(days, default=timezone.localdate())


def _choices(actor: Any) -> list[tuple[str, list[tuple[str, str]]]]:
    accounts = list(visible_accounts(actor).order_by("code"))
    names = [(f"account:{account.code}", str(account)) for account in accounts]
    desks = Desk.objects.filter(accounts__in=accounts).distinct().order_by("code")
    several = [(f"desk:{desk.code}", str(desk)) for desk in desks] if sees_every_account(actor) else []
    return [group for group in ((_("Accounts"), names), (_("Desks"), several)) if group[1]]
