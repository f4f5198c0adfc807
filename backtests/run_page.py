"""What the page of one run shows, as texts and addresses."""

import json
from typing import Any

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from accounts.models import User
from accounts.roles import shown_role
from backtests.admin_forms import ShareForm
from backtests.domain.statistics_conventions import ANNUAL_DAYS, STANDARD_ANNUAL_DAYS
from backtests.models import (
    FINAL_STATES,
    BacktestRun,
    BacktestRunGroupObjectPermission,
    BacktestRunUserObjectPermission,
    RunStatus,
)
from backtests.permissions import may_add, may_change
from backtests.reports import report_tables as tables
from backtests.reports.data_words import data_fact
from backtests.reports.embed import rolling_of
from backtests.reports.html import CLOSE_UP_BARS, headlines
from backtests.reports.notices import notices
from backtests.rule_options import rule_pairs
from backtests.run_document import timing_of
from backtests.run_report import report_input
from backtests.services import what_changed
from marketdata.quality.links import calendar_url
from marketdata.quality.texts import fault_name
from quantsite.common.times import SHANGHAI

CHANGED: dict[str, Promise] = {
    "data_hash": gettext_lazy("The stored bars have changed in between."),
    "source_hash": gettext_lazy("The strategy's source has changed in between."),
    "engine_version": gettext_lazy("The engine has changed in between."),
    "cost_table": gettext_lazy("The instrument's fees or margins have changed in between."),
    "result_hash": gettext_lazy("The result differs."),
}

FILE_VIEWS = ("report", "report_pdf", "report_json", "fills_csv", "fills_parquet", "equity_csv", "equity_parquet")
CHART_VIEWS = ("equity_chart", "price_chart", "rolling_chart", "excursions_chart")
PARTS: dict[str, Promise] = {
    "load_seconds": pgettext_lazy("part of a run", "load"),
    "prepare_seconds": pgettext_lazy("part of a run", "prepare"),
    "run_seconds": pgettext_lazy("part of a run", "run"),
    "statistics_seconds": pgettext_lazy("part of a run", "statistics"),
    "hash_seconds": pgettext_lazy("part of a run", "hash"),
    "store_seconds": pgettext_lazy("part of a run", "store"),
    "total_seconds": pgettext_lazy("part of a run", "in all"),
}

DETAIL_VIEWS = ("state", *CHART_VIEWS, "cancel", "again", "share", *FILE_VIEWS)


def run_url(name: str, run_id: int) -> str:
    """The address of a page of the console about one run."""
    return reverse(f"admin:backtests_backtestrun_{name}", args=[run_id])


def status_labels() -> str:
    """The words for the states as JSON, for ``runs.js``."""
    return json.dumps({str(value): str(label) for value, label in RunStatus.choices}, ensure_ascii=False)


def page_context(run: BacktestRun, user: User, annual_days: int = STANDARD_ANNUAL_DAYS) -> dict[str, Any]:
    """Everything that the run's page needs beside the theme's own context."""
    changeable = may_change(user, run)
    return {
        "run": run,
        "is_final": run.status in FINAL_STATES,
        "urls": {name: run_url(name, run.pk) for name in DETAIL_VIEWS},
        "may_cancel": changeable and run.status not in FINAL_STATES,
        "may_run": may_add(user),
        "status_labels_json": status_labels(),
        "error_text": _(run.error) if run.error else "",
        "repeated": _repeated(run),
        "share_form": ShareForm(run) if changeable else None,
        "shares": _shares(run) if changeable else [],
        "asked": _asked(run),
        "fingerprints": _fingerprints(run),
        **(_result(run, annual_days) if run.status == RunStatus.SUCCEEDED else {}),
    }


def _result(run: BacktestRun, annual_days: int) -> dict[str, Any]:
    found = report_input(run, annual_days=annual_days)
    return {
        "headlines": headlines(found),
        "notices": notices(found),
        "blocks": tables.blocks(found),
        "months": tables.months(found),
        "drawdowns": tables.drawdowns(found),
        "costs": tables.costs(found.costs),
        "rate_tables": tables.rate_tables(found.costs),
        "fills": tables.fills(found),
        "annual_days": annual_days,
        "other_years": [days for days in ANNUAL_DAYS if days != annual_days],
        "annual_query": "" if annual_days == STANDARD_ANNUAL_DAYS else f"annual_days={annual_days}",
        "poor_days": _poor_days(run),
        "has_rolling": rolling_of(found.days, found.capital, annual_days) is not None,
        "has_excursions": bool(found.statistics["standard"]["trade_count"]),
        "has_close_up": (run.bar_count or 0) > 2 * CLOSE_UP_BARS,
    }


def _poor_days(run: BacktestRun) -> list[dict[str, Any]]:
    """The worst days of poor data, each with the calendar that shows it."""
    return [
        {
            **day,
            "score": f"{day['score']:.3f}",
            "fault": fault_name(day["fault"]),
            "url": calendar_url(day["instrument"], int(day["trading_day"][:4]), day["interval"]),
        }
        for day in run.data_quality.get("worst", ())
    ]


def _repeated(run: BacktestRun) -> dict[str, Any] | None:
    """How a run compares with the one it repeats; None where it repeats none or is not finished."""
    origin = run.again_of
    if origin is None or not (run.result_hash and origin.result_hash):
        return None
    return {"origin": origin, "url": run_url("change", origin.pk), "changed": [CHANGED[x] for x in what_changed(run)]}


def _asked(run: BacktestRun) -> list[tables.Pair]:
    """The facts of the run that are known before it has finished, and how long it took after."""
    facts = [
        (_("Strategy"), run.strategy),
        (_("Parameters"), ", ".join(f"{name} = {value}" for name, value in run.parameters.items()) or "–"),
        (_("Instrument"), f"{' + '.join([run.instrument.code, *run.legs])} {run.interval}"),
        (_("Trading days"), _period(run)),
        (_("Bars"), f"{run.bar_count:,}" if run.bar_count is not None else "–"),
        (_("Data quality"), data_fact(run.data_quality)),
        (_("Start capital"), f"{run.capital:,.2f}"),
        (_("Volume, lots"), f"{run.volume:g}"),
        *rule_pairs(run.rules),
        (_("Owner"), run.owner.get_username() if run.owner else _("system")),
        (_("Asked for"), f"{run.created_at.astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S}"),
        (_("Time by part, seconds"), _seconds(run)),
        (_("Engine version"), run.engine_version),
    ]
    return [tables.Pair(str(name), str(value)) for name, value in facts if value]


def _fingerprints(run: BacktestRun) -> list[tables.Pair]:
    """What tells whether two runs are the same, and where the log speaks of this one."""
    found = [
        (_("Result hash"), run.result_hash),
        (_("Data hash"), run.data_hash),
        (_("Source hash"), run.source_hash),
        (_("Request id"), run.request_id),
    ]
    return [tables.Pair(name, value) for name, value in found if value]


def _period(run: BacktestRun) -> str:
    if run.start is None and run.end is None:
        return _("all that are stored")
    return f"{run.start or '…'} – {run.end or '…'}"


def _seconds(run: BacktestRun) -> str:
    return " · ".join(f"{PARTS[name]} {spent:.3f}" for name, spent in timing_of(run).items())


def _shares(run: BacktestRun) -> list[tuple[str, str]]:
    """Whom the run is shared with: the form's key, and the name."""
    people = BacktestRunUserObjectPermission.objects.filter(content_object=run).select_related("user")
    groups = BacktestRunGroupObjectPermission.objects.filter(content_object=run).select_related("group")
    return [
        *((f"user:{row.user_id}", row.user.get_username()) for row in people),
        *((f"group:{row.group_id}", shown_role(row.group.name)) for row in groups),
    ]
