"""The console's report on programmatic trading, as a page and as a file."""

from collections.abc import Iterator
from datetime import date
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from accounts.admin_base import actor_of
from accounts.admin_pages import PagesAdmin
from quantsite.common.errors import RuleError
from quantsite.common.times import iso_utc, ns_to_utc
from trading.account_models import ControlGroup
from trading.console.csv_export import export
from trading.domain.risk.bursts import PER_DAY, PER_SECOND
from trading.programme import ProgrammeRow, programme_rows, reported_days

MOST_DAYS = 10
MOST_DAYS_OF_A_FILE = 260
FLAGS = {
    "a": gettext_lazy("(a) bursts"),
    "b": gettext_lazy("(b) decided by a program"),
    "cancels": gettext_lazy("cancels"),
    "large_cancels": gettext_lazy("large cancels"),
    "self_trades": gettext_lazy("self-trades"),
}
HEAD = (
    gettext_lazy("Trading day"),
    gettext_lazy("Exchange"),
    gettext_lazy("Control group"),
    gettext_lazy("Orders"),
    pgettext_lazy("many", "Cancels"),
    gettext_lazy("Seconds with ten or more"),
    gettext_lazy("Sliding windows with ten or more"),
    gettext_lazy("Most within a second"),
    gettext_lazy("Cancels, worst contract"),
    gettext_lazy("Large cancels"),
    gettext_lazy("Large cancels, worst contract"),
    gettext_lazy("Self-trades refused"),
    gettext_lazy("Orders of strategies"),
    gettext_lazy("Flags"),
    gettext_lazy("First burst"),
)


def cells(row: ProgrammeRow) -> tuple[Any, ...]:
    """A line, in the order of the head; flags by their letters."""
    bursts = row.counts.bursts
    return (
        row.trading_day.isoformat(),
        row.counts.exchange,
        row.group.code,
        row.counts.orders,
        row.counts.cancels,
        len(bursts),
        row.counts.sliding,
        row.counts.busiest,
        row.most_cancels,
        row.large,
        row.most_large,
        row.self_trades,
        row.by_strategy,
        " ".join(row.flags),
        iso_utc(ns_to_utc(bursts[0].second)) if bursts else "",
    )


class ProgrammePages(PagesAdmin):
    """The pages of the control groups' admin about programmatic trading."""

    def programme_view(self, request: HttpRequest) -> HttpResponseBase:
        """The report of the latest trading days, or of those asked for; ``?form=csv`` is the file of the same."""
        self.demand(request, "trading.view_controlgroup")  # it counts all accounts of a group
        first, last = (parsed_day(request.GET.get(name, "")) for name in ("first", "last"))
        group = request.GET.get("group", "")
        if request.GET.get("form") == "csv":
            return self._file(request, first, last, group)
        days = reported_days(first, last, MOST_DAYS)
        found = list(programme_rows(days, group))
        rows = [{"row": row, "flags": [FLAGS[name] for name in row.flags]} for row in found]
        asked = {name: request.GET.get(name, "") for name in ("first", "last", "group")}
        shown = {**asked, "first": days[-1].isoformat(), "last": days[0].isoformat()} if days else asked
        context = {
            "opts": None,  # the heading tells the page, not the rows that it stands beside
            "rows": rows,
            "asked": asked,
            "shown": shown,
            "worst": {
                "bursts": max((len(row.counts.bursts) for row in found), default=0),
                "busiest": max((row.counts.busiest for row in found), default=0),
                "cancels": max((row.most_cancels for row in found), default=0),
            },
            "flagged": sum(bool(row.flags) for row in found),
            "groups": ControlGroup.objects.order_by("code"),
            "csv_url": f"?{urlencode({**shown, 'form': 'csv'})}",
            "per_second": PER_SECOND,
            "per_day": PER_DAY,
        }
        return self.show(request, "programme/report.html", _("Programmatic trading"), context)

    def _file(self, request: HttpRequest, first: date | None, last: date | None, group: str) -> HttpResponseBase:
        days = reported_days(first, last, MOST_DAYS_OF_A_FILE)
        told = {"first": first and first.isoformat(), "last": last and last.isoformat(), "group": group}
        lines: Iterator[tuple[Any, ...]] = (cells(row) for row in programme_rows(days, group))
        head, name = [str(word) for word in HEAD], "programmatic-trading.csv"
        return export(actor_of(request), "programme.export", told, name, head, lines)


def parsed_day(text: str) -> date | None:
    """A day of the address. Raises ``RuleError`` for what is none."""
    try:
        found = parse_date(text) if text else None
    except ValueError:
        found = None
    if text and found is None:
        raise RuleError("no_day", _("%(text)s is no day: write it as 2024-12-02.") % {"text": repr(text[:20])})
    return found
