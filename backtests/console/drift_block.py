"""The block on a strategy instance's page that holds its days against the backtester, difference by difference."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.utils.functional import Promise
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from accounts.admin_base import actor_of
from backtests.domain.drift.classes import Cause
from backtests.drift.models import DriftReport
from backtests.drift.reading import ask_again, may_compare, report_rows, reports_for
from backtests.states import OPEN_STATES, RunStatus
from quantsite.common.errors import RuleError
from strategies.console import parts
from strategies.console.words import gain, units
from strategies.labels import REASONS, word
from strategies.models import StrategyDay, StrategyInstance
from strategies.permissions import Rights, demand_operate
from trading.choices import DirectionName
from trading.console.figures import NOTHING

PART = "drift"
DAYS = 10
ROWS = 40
WHAT: dict[str, str | Promise] = {
    "signal": pgettext_lazy("drift", "signal"),
    "order": pgettext_lazy("drift", "order"),
    "fill": pgettext_lazy("drift", "fill"),
}
HOW: dict[str, str | Promise] = {
    "missing": pgettext_lazy("drift", "missing live"),
    "extra": pgettext_lazy("drift", "live only"),
    "different": pgettext_lazy("drift", "different"),
}
CAUSES: dict[str, str | Promise] = {
    Cause.SOURCE.value: gettext_lazy("other code"),
    Cause.PARAMETERS.value: gettext_lazy("other parameters"),
    Cause.ROLL.value: gettext_lazy("roll of the contract"),
    Cause.SWITCH.value: gettext_lazy("stop of the desk"),
    Cause.REFUSED.value: gettext_lazy("refused order"),
    Cause.BY_HAND.value: gettext_lazy("by a person"),
    Cause.PAUSED.value: gettext_lazy("paused or stopped"),
    Cause.LATE.value: gettext_lazy("decided late"),
    Cause.DATA.value: gettext_lazy("other data"),
    Cause.LATENCY.value: gettext_lazy("latency"),
    Cause.QUEUE.value: gettext_lazy("place in the queue"),
    Cause.UNEXPLAINED.value: gettext_lazy("unexplained"),
}
"""The classes in words, by their names."""


def drift_block(request: HttpRequest, instance: StrategyInstance) -> SafeString | str:
    """The newest days with their verdict; of the newest one every difference. Empty before the first day on paper."""
    reports = list(reports_for(instance, actor_of(request))[:DAYS])
    if not reports and not instance.days.exists():
        return ""
    newest = next((row for row in reports if row.rows), None)
    again = _comparable(instance, reports) if Rights(actor_of(request)).may_operate(instance) else set()
    context = {
        "days": [{**_day(row), "again": row.trading_day in again} for row in reports],
        "again_url": reverse("admin:strategies_strategyinstance_part", args=[instance.pk, PART]),
        "may": bool(again),
        "newest": newest,
        "rows": [_row(row) for row in report_rows(newest)[:ROWS]] if newest else [],
        "more": max(0, len(newest.rows) - ROWS) + newest.rows_left_out if newest else 0,
    }
    return render_to_string("admin/backtests/drift/block.html", context, request)


def _comparable(instance: StrategyInstance, reports: list[DriftReport]) -> set[date]:
    """The days of these reports that can be compared once more: none that is under way, none without its signals."""
    over = [row.trading_day for row in reports if row.status not in OPEN_STATES]
    days = StrategyDay.objects.filter(instance=instance, trading_day__in=over)
    return {day.trading_day for day in days if may_compare(day)}


def compare_again(request: HttpRequest, instance: StrategyInstance) -> str:
    """Have the day of the form compared once more. Raises what :func:`ask_again` raises, ``RuleError`` for no day."""
    demand_operate(actor_of(request), instance)
    try:
        day = date.fromisoformat(request.POST.get("day", ""))
    except ValueError as error:
        raise RuleError("invalid_day", _("Choose a trading day.")) from error
    ask_again(actor_of(request), instance.pk, day)
    return _("%(day)s is compared again; the result stands here in a few minutes.") % {"day": day.isoformat()}


def _day(row: DriftReport) -> dict[str, Any]:
    """One day: how much was alike, what differs by class, and what it cost."""
    counts = sorted(row.counts.items(), key=lambda pair: (pair[0] != Cause.UNEXPLAINED.value, -pair[1]))
    finished = row.status == RunStatus.SUCCEEDED
    return {
        "row": row,
        "alike": " / ".join(str(row.alike.get(name, 0)) for name in WHAT) if finished else NOTHING,
        "classes": [(str(CAUSES.get(name, name)), count, name == Cause.UNEXPLAINED.value) for name, count in counts],
        "cost": gain(-row.cost) if finished else NOTHING,
        "mark": "succeeded" if row.passed else "failed" if finished else row.status,
        "word": (_("explained") if row.passed else _("unexplained")) if finished else row.get_status_display(),
        "error": row.told_error,
    }


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    """One difference with both sides in words."""
    return {
        "at": _moment(row["at"]),
        "what": str(WHAT.get(row["what"], row["what"])),
        "how": str(HOW.get(row["how"], row["how"])),
        "instrument": row["instrument"],
        "live": _side(row["live"]),
        "run": _side(row["run"]),
        "cause": str(CAUSES.get(row["cause"], row["cause"])),
        "follows": row["follows"],
        "sentence": row["sentence"],
        "unexplained": row["cause"] == Cause.UNEXPLAINED.value,
        "cost": gain(-row["cost"]) if row["cost"] else NOTHING,
    }


def _moment(text: str) -> datetime | None:
    return parse_datetime(text)


def _side(fact: Mapping[str, Any] | None) -> str:
    """A signal, an order or a fill in a few words; a dash where there was none."""
    if fact is None:
        return NOTHING
    if "target" in fact:
        return f"{units(fact['target'])} {word(REASONS, fact['reason'])}".strip()
    at = "" if fact.get("price") is None else f" @ {fact['price']:,g}"
    direction = word(dict(DirectionName.choices), fact.get("direction", ""))
    return f"{direction} {fact['lots']}{at}".strip()


parts.block("drift", 50, drift_block)
parts.act(PART, compare_again)
