"""The charts of optimisations and walk-forwards as JSON for ``charts.js``, each with a caption in words.

Loading the chart library takes half a second: the first chart of a process waits for it, its start does not.
"""

from collections.abc import Callable, Mapping
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
from django.core.cache import cache
from django.utils.translation import gettext as _

from backtests.domain.overfitting_pbo import blocks_for, pbo
from backtests.optimise.models import Method, OptimizationRun, WalkForwardRun
from backtests.optimise.points import Scattered, beyond, cells_of, in_view, scattered_of, scores_of, signs_of, text_of
from backtests.optimise.returns import KEPT, unpack
from backtests.reports.embed import ChartDocument, chart_document
from backtests.reports.format import count
from backtests.reports.labels import STANDARD
from backtests.reports.palette import LIGHT
from backtests.reports.scale import TWINS
from marketdata.domain.calendar import to_day_number

if TYPE_CHECKING:
    from bokeh.models import LayoutDOM

KEPT_SECONDS = 24 * 3600
MOST_SPLIT = KEPT + 1
"""Trials whose splits are drawn, once a day: those that are kept and the best one take three seconds."""

Query = Mapping[str, str]


def objective_label(name: str) -> str:
    """A statistic in the reader's language."""
    return str(STANDARD[name].name) if name in STANDARD else name.replace("_", " ")


def shown_value(name: str, value: float | None) -> str:
    """A statistic as people read it."""
    if name in STANDARD:
        return STANDARD[name].print(value)
    return "–" if value is None else f"{value:,.4g}"


def first_objective(run: OptimizationRun | WalkForwardRun) -> str:
    """The name of the objective that leads."""
    name: str = run.objectives[0]["name"]
    return name


def axes_of(run: OptimizationRun, query: Query) -> tuple[str, str] | None:
    """The two parameters of the map, those asked for if there are such; None with fewer than two."""
    names = list(run.space)
    x, y = query.get("x", ""), query.get("y", "")
    if x in names and y in names and x != y:
        return x, y
    return (names[0], names[1]) if len(names) > 1 else None


def _document(chart: "LayoutDOM", caption: str) -> ChartDocument:
    made = chart_document(chart, caption)
    made["dark"] |= TWINS
    return made


def map_json(run: OptimizationRun, query: Query) -> ChartDocument | None:
    """The first objective over two parameters: cells of a grid, or points."""
    from backtests.reports import optimise_charts as charts  # noqa: PLC0415 - see above

    axes = axes_of(run, query)
    if axes is None:
        return None
    label = objective_label(first_objective(run))
    if run.method != Method.GRID:
        found = scattered_of(run)
        chart = charts.spread_chart(found, *axes, label, run.best.get("number"))
        return _document(chart, _sampled(len(found.number), found.total)) if len(found.number) else None
    cells = cells_of(run, *axes)
    return None if cells is None else _document(charts.map_chart(cells, label), _map_caption(cells.others))


def _map_caption(others: Mapping[str, object]) -> str:
    text = _("Blue is above zero, orange below. Hatched cells break a constraint, blank ones the strategy refuses.")
    if others:
        fixed = ", ".join(f"{name} {text_of(value)}" for name, value in others.items())
        text += " " + _("The other parameters stay as in the best trial: %(fixed)s.") % {"fixed": fixed}
    return text


def _left_out(found: Scattered) -> str:
    """A sentence on the trials that lie beyond the axis; '' without any."""
    values = next(iter(found.objectives.values()))
    known = values[found.feasible & np.isfinite(values)]
    return _beyond_text(beyond(known, in_view(known, known[:0])))


def _beyond_text(number: int) -> str:
    return " " + _("%(count)s far-out ones lie beyond the axis.") % {"count": count(number)} if number else ""


def _sampled(shown: int, total: int) -> str:
    if shown >= total:
        return _("Every trial is drawn; crosses break a constraint.")
    return _("%(shown)s of %(total)s trials are drawn; crosses break a constraint.") % {
        "shown": count(shown),
        "total": count(total),
    }


def slices_json(run: OptimizationRun, _query: Query) -> ChartDocument | None:
    """The first objective over every parameter by itself."""
    from backtests.reports.optimise_charts import slices_chart  # noqa: PLC0415 - see above

    found = scattered_of(run)
    if not found.feasible.any():
        return None
    label = objective_label(first_objective(run))
    text = _sampled(len(found.number), found.total) + _left_out(found)
    return _document(slices_chart(found, label, run.best.get("number")), text)


def history_json(run: OptimizationRun, _query: Query) -> ChartDocument | None:
    """How the search went on."""
    from backtests.reports.optimise_charts import history_chart  # noqa: PLC0415 - see above

    found = scattered_of(run)
    if not found.feasible.any():
        return None
    name = first_objective(run)
    chart = history_chart(found, objective_label(name), maximise=signs_of(run)[name] > 0)
    text = _("A search that still climbs at its end has not been given enough trials.")
    return _document(chart, text + _left_out(found))


def histogram_json(run: OptimizationRun, _query: Query) -> ChartDocument | None:
    """How the first objective spreads over all trials, the best one and what luck gives."""
    from backtests.reports.optimise_charts import histogram_chart  # noqa: PLC0415 - see above

    values, feasible = scores_of(run)
    if not len(values):
        return None
    name = first_objective(run)
    lines = [] if not run.best else [(_("Best"), float(run.best["objectives"][name]), LIGHT.equity)]
    luck = run.overfitting.get("sharpe_by_luck")
    if name == "sharpe" and luck is not None:
        lines.append((_("What luck gives the best of all trials counted"), float(luck), LIGHT.sell))
    text = _("Median %(median)s over %(count)s trials, %(share)s of them above zero.") % {
        "median": shown_value(name, float(np.median(values))),
        "count": count(len(values)),
        "share": f"{(values > 0).mean():.0%}",
    }
    if not feasible.all():
        text += " " + _("%(count)s of them keep to the constraints.") % {"count": count(int(feasible.sum()))}
    text += _beyond_text(beyond(values, in_view(values, np.array([line[1] for line in lines[:1]]))))
    return _document(histogram_chart(values, lines, objective_label(name)), text)


def splits_json(run: OptimizationRun, _query: Query) -> ChartDocument | None:
    """The cross-validation behind the PBO, split by split."""
    from backtests.reports.optimise_charts import logits_chart  # noqa: PLC0415 - see above

    logits = _logits(run)
    if logits is None:
        return None
    text = _("Each of %(splits)s ways to cut the days in two: the best trial of one half, looked up on the other.")
    return _document(logits_chart(logits), text % {"splits": count(len(logits))})


def _logits(run: OptimizationRun) -> "np.ndarray[tuple[int], np.dtype[np.float64]] | None":
    """The logits of all splits over the kept trials; kept for a day, as they never change."""
    key = f"optimisation-logits-{run.pk}-{run.finished_at:%Y%m%d%H%M%S%f}" if run.finished_at else ""
    known = cache.get(key) if key else None
    if known is not None:
        return np.frombuffer(known, np.float32).astype(np.float64)
    packed = run.chunks.exclude(returns=None).order_by("first").values_list("returns", flat=True)
    parts = [unpack(bytes(block))[1] for block in packed.iterator(100) if block is not None]
    if not parts:
        return None
    returns = np.concatenate(parts)
    blocks = blocks_for(returns.shape[1])
    if not 2 <= len(returns) <= MOST_SPLIT or blocks is None:
        return None
    logits = pbo(returns, blocks).logits
    if key:
        cache.set(key, logits.astype(np.float32).tobytes(), KEPT_SECONDS)
    return logits


def front_json(run: OptimizationRun, _query: Query) -> ChartDocument | None:
    """The trials by their first two objectives; None with one."""
    if len(run.objectives) < 2:
        return None
    from backtests.reports.optimise_charts import front_chart  # noqa: PLC0415 - see above

    found = scattered_of(run)
    labels = [objective_label(name) for name in found.objectives]
    text = _("%(count)s trials lie on the front: no other is better in one objective without being worse in another.")
    chart = front_chart(found, run.front, labels, run.best.get("number"))
    return _document(chart, text % {"count": count(len(run.front))})


def has_splits(run: OptimizationRun) -> bool:
    """Whether the cross-validation can be drawn."""
    kept = run.overfitting.get("kept_trials") or 0
    return run.overfitting.get("pbo") is not None and 2 <= kept <= MOST_SPLIT


CHARTS: dict[str, Callable[[OptimizationRun, Query], ChartDocument | None]] = {
    "map": map_json,
    "slices": slices_json,
    "history": history_json,
    "histogram": histogram_json,
    "splits": splits_json,
    "front": front_json,
}


def joined_json(walk: WalkForwardRun) -> ChartDocument | None:
    """Equity of all days out of sample."""
    if not walk.equity:
        return None
    from backtests.reports.walk_charts import joined_chart  # noqa: PLC0415 - see above

    days, equity, windows = zip(*walk.equity, strict=True)
    chart = joined_chart(
        np.array([to_day_number(date.fromisoformat(day)) for day in days]),
        np.array(equity, dtype=np.float64),
        np.array(windows),
        walk.capital,
    )
    text = _("Only days that no choice of parameters has seen, joined on one account; every second window is shaded.")
    return _document(chart, text)


def windows_json(walk: WalkForwardRun) -> ChartDocument | None:
    """The objective of each window in sample and out of sample."""
    name = first_objective(walk)
    rows = list(walk.windows.order_by("number").values_list("in_statistics", "out_statistics"))
    if not rows:
        return None
    from backtests.reports.walk_charts import in_and_out_chart  # noqa: PLC0415 - see above

    inside, outside = (
        np.array([np.nan if (value := row[side].get(name)) is None else value for row in rows], dtype=np.float64)
        for side in (0, 1)
    )
    text = _("What was hoped for on the days of the search, and what came on the days after.")
    return _document(in_and_out_chart(inside, outside, objective_label(name)), text)


def drift_json(walk: WalkForwardRun) -> ChartDocument | None:
    """The parameters that each window chose."""
    rows = list(walk.windows.order_by("number").values_list("parameters", flat=True))
    if not rows:
        return None
    from backtests.reports.walk_charts import drift_chart  # noqa: PLC0415 - see above

    text = _(
        "Parameters that jump from window to window follow the noise; steady ones point to something in the market."
    )
    return _document(drift_chart({name: [row.get(name) for row in rows] for name in walk.space}), text)


WALK_CHARTS: dict[str, Callable[[WalkForwardRun], ChartDocument | None]] = {
    "equity": joined_json,
    "windows": windows_json,
    "drift": drift_json,
}
