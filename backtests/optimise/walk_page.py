"""What the page of one walk-forward shows: first what came on days that no choice of parameters had seen."""

from typing import Any, NamedTuple

from django.db.models import Sum
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.models import User
from backtests.optimise.charts import WALK_CHARTS, first_objective, objective_label, shown_value
from backtests.optimise.models import OptimizationRun, WalkForwardRun, WalkForwardWindow
from backtests.optimise.page import asked_facts, live_words, page_url, status_labels, verdict_of
from backtests.optimise.permissions import may_change
from backtests.optimise.points import text_of
from backtests.reports import format as form
from backtests.reports import report_tables as tables
from backtests.reports.labels import GROUPS, STANDARD
from backtests.states import FINAL_STATES, RunStatus

VIEWS = ("state", "cancel")
HALF = 0.5
"""Of the objective in sample: what is usually called a walk-forward that holds."""


class Headline(NamedTuple):
    """One number that is read first; ``tone`` is ``gain``, ``loss`` or ''."""

    name: str
    value: str
    detail: str
    tone: str = ""


def walk_url(name: str, walk_id: int, *more: Any) -> str:
    """The address of a page of the console about one walk-forward."""
    return reverse(f"admin:backtests_walkforwardrun_{name}", args=[walk_id, *more])


def walk_context(walk: WalkForwardRun, user: User) -> dict[str, Any]:
    """Everything that the page needs beside the theme's own context."""
    windows = list(walk.windows.select_related("optimization").order_by("number"))
    final = walk.status in FINAL_STATES
    return {
        "walk": walk,
        "is_final": final,
        "urls": {name: walk_url(name, walk.pk) for name in VIEWS},
        "may_cancel": may_change(user, walk) and not final,
        "status_labels_json": status_labels(),
        "live_words_json": live_words(),
        "error_text": _(walk.error) if walk.error else "",
        "progress": progress_of(walk),
        "objective_label": objective_label(first_objective(walk)),
        "windows": [_window(walk, window) for window in windows],
        "parameters": list(walk.space),
        "asked": [*_lengths(walk), *asked_facts(walk)],
        **(_result(walk, windows) if walk.status == RunStatus.SUCCEEDED else {}),
    }


def progress_of(walk: WalkForwardRun) -> dict[str, Any]:
    """Trials worked off and to be worked off in all windows."""
    sums = walk.optimizations.aggregate(Sum("done"), Sum("failed"), Sum("total"))
    skipped = walk.optimizations.filter(method="grid").aggregate(Sum("skipped"))["skipped__sum"] or 0
    done = (sums["done__sum"] or 0) + (sums["failed__sum"] or 0) + skipped
    return {"done": done, "total": sums["total__sum"] or 0}


def _result(walk: WalkForwardRun, windows: list[WalkForwardWindow]) -> dict[str, Any]:
    return {
        "headlines": _headlines(walk, windows),
        "notices": _notices(walk),
        "groups": _groups(walk.statistics),
        "charts": {name: walk_url(f"{name}_chart", walk.pk) for name in WALK_CHARTS},
    }


def _headlines(walk: WalkForwardRun, windows: list[WalkForwardWindow]) -> list[Headline]:
    """Out of sample first, in sample beside it, then the ratio of the two."""
    summary, figures = walk.summary, walk.statistics
    name = objective_label(summary["objective"])
    total, yearly = figures.get("total_return"), figures.get("annual_return")
    inside = [value for one in windows if (value := one.in_statistics.get("annual_return")) is not None]
    hoped = sum(inside) / len(inside) if inside else None
    efficiency = summary["efficiency"]
    return [
        Headline(
            _("Return out of sample"),
            form.percent(total, signed=True),
            _("%(yearly)s a year over %(days)s trading days")
            % {"yearly": form.percent(yearly), "days": form.count(len(walk.equity))},
            "" if not total else "gain" if total > 0 else "loss",
        ),
        Headline(
            _("A year in sample"),
            form.percent(hoped),
            _("mean of the best trials; out of sample %(yearly)s") % {"yearly": form.percent(yearly)},
        ),
        Headline(
            _("Efficiency"),
            "–" if efficiency is None else f"{efficiency:.0%}",
            _("%(name)s %(out)s out of sample, %(inside)s in sample")
            % {
                "name": name,
                "out": shown_value(summary["objective"], summary["out_of_sample"]),
                "inside": shown_value(summary["objective"], summary["in_sample"]),
            },
        ),
        Headline(
            _("Windows with a profit"),
            f"{summary['profitable']} / {summary['windows']}",
            _("max drawdown %(depth)s") % {"depth": form.percent(figures.get("max_drawdown"))},
        ),
    ]


def _notices(walk: WalkForwardRun) -> list[str]:
    """What a reader should know before the figures."""
    summary, found = walk.summary, []
    efficiency, outside = summary["efficiency"], summary["out_of_sample"]
    if outside is not None and outside <= 0:
        found.append(_("Out of sample nothing is left: the search chose what does not come again."))
    elif efficiency is not None and efficiency < HALF:
        found.append(
            _("Less than half of what was found in sample came out of sample (%(share)s).")
            % {"share": f"{efficiency:.0%}"}
        )
    if summary["windows"] < 5:
        found.append(_("There are fewer than five windows: a single one decides."))
    if summary["without_best"]:
        text = _("In %(count)s windows no trial kept to the constraints: nothing was traded there.")
        found.append(text % {"count": summary["without_best"]})
    return found


def _groups(figures: dict[str, Any]) -> list[tables.Group]:
    """The standard figures of the joined days."""
    groups = [tables.Group("", [])]
    for key, label in STANDARD.items():
        if key in GROUPS:
            groups.append(tables.Group(str(GROUPS[key]), []))
        # What is not joined over windows (turnover, excursions, benchmark) is left out; a drawdown may go on.
        if figures.get(key) is not None or (key in figures and key.startswith("max_drawdown")):
            groups[-1].figures.append(tables.Pair(str(label.name), label.print(figures[key])))
    return [group for group in groups if group.figures]


def _lengths(walk: WalkForwardRun) -> list[tables.Pair]:
    kind = _("anchored: every window begins on the first day") if walk.anchored else _("rolling")
    days = _("%(count)s trading days")
    found = [
        (_("Windows"), kind),
        (_("In sample"), days % {"count": walk.in_sample}),
        (_("Out of sample"), days % {"count": walk.out_of_sample}),
        (_("Step"), days % {"count": walk.step}),
        (_("Gap between the two"), days % {"count": walk.gap} if walk.gap else ""),
    ]
    return [tables.Pair(name, value) for name, value in found if value]


def _window(walk: WalkForwardRun, window: WalkForwardWindow) -> dict[str, Any]:
    run: OptimizationRun = window.optimization
    name = first_objective(walk)
    inside, outside = window.in_statistics.get(name), window.out_statistics.get(name)
    net = window.out_statistics.get("net_profit")
    return {
        "number": window.number,
        "inside": (window.in_first, window.in_last),
        "outside": (window.out_first, window.out_last),
        "parameters": [text_of(window.parameters[key]) if key in window.parameters else "–" for key in walk.space],
        "in_value": shown_value(name, inside),
        "out_value": shown_value(name, outside),
        "net": form.money(net),
        "tone": "" if not net else "qs-profit" if net > 0 else "qs-loss",
        "run": run,
        "url": page_url("change", run.pk),
        "verdict": verdict_of(run.overfitting),
    }
