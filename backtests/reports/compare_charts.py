"""The chart of a comparison: equities rebased to 100 over their drawdowns, a colour and a dash a run."""

import numpy as np
from bokeh.models import LayoutDOM, Line, NumeralTickFormatter, Plot
from bokeh.models.annotations import Span
from bokeh.models.renderers import GlyphRenderer
from django.utils.translation import pgettext

from backtests.domain.comparison import rebased
from backtests.reports.compare_input import ComparedRun, Comparison
from backtests.reports.compare_looks import LOOKS, Look
from backtests.reports.figures import (
    add_axes,
    add_legend,
    add_tools,
    cross_hair,
    date_axis,
    draw,
    hover_tool,
    make_plot,
    stack,
    table,
)
from backtests.reports.palette import LIGHT

DAY_MS = 86_400_000


def comparison_chart(found: Comparison) -> LayoutDOM:
    """Both charts over one axis of days, with a shared cross-hair; a name in the legend hides its run."""
    upper, lower = make_plot(height=320), make_plot(height=160)
    lower.x_range = upper.x_range
    upper.add_layout(Span(location=100.0, dimension="width", line_color=LIGHT.baseline, line_dash="dashed"))
    above = [_line(upper, run, look, "equity") for run, look in zip(found.runs, LOOKS, strict=False)]
    below = [_line(lower, run, look, "drawdown") for run, look in zip(found.runs, LOOKS, strict=False)]
    add_axes(upper, date_axis(visible=False), NumeralTickFormatter(format="0,0.[00]"))
    add_axes(lower, date_axis(), NumeralTickFormatter(format="0.[00]"), label="%")
    names = [f"#{run.run} ({_end(run):,.2f})" for run in found.runs]
    add_legend(upper, list(zip(names, above, below, strict=True)))
    cross = cross_hair()
    for plot, lines, value in ((upper, above, "@equity{0,0.00}"), (lower, below, "@drawdown{0.00} %")):
        rows = [(pgettext("backtest", "Run"), f"$name · @day{{%F}} · {value}")]
        add_tools(plot, hover_tool(lines, rows, mode="vline", line_policy="nearest"), cross)
    return stack(upper, lower)


def _end(run: ComparedRun) -> float:
    return float(run.days.equity[-1] / run.capital * 100) if len(run.days) else 100.0


def _line(plot: Plot, run: ComparedRun, look: Look, column: str) -> "GlyphRenderer[Line]":
    days = run.days
    source = table(
        {
            "day": days.trading_day.astype(np.float64) * DAY_MS,
            "equity": rebased(days.equity, run.capital),
            "drawdown": days.drawdown * 100,
        }
    )
    dash = "dashed" if look.dashed else "solid"
    line = Line(x="day", y=column, line_color=look.light, line_width=1.5, line_dash=dash)
    renderer = draw(plot, source, line)
    renderer.name = f"#{run.run}"
    return renderer
