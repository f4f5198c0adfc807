"""The charts of a walk-forward: equity out of sample, and what each window chose."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt
from bokeh.models import (
    DataRange1d,
    FixedTicker,
    LayoutDOM,
    Line,
    LinearAxis,
    NumeralTickFormatter,
    Plot,
    Range1d,
    Scatter,
    VBar,
)
from bokeh.models.annotations import BoxAnnotation, Span
from django.utils.translation import gettext as _

from backtests.optimise.points import text_of
from backtests.reports.figures import (
    DAY_MS,
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

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def joined_chart(day: Ints, equity: Floats, window: Ints, capital: float) -> LayoutDOM:
    """Equity of the days out of sample, one window after the other; every second window is shaded.

    ``day`` in days since the epoch, all of shape ``(days,)``.
    """
    moments = day.astype(np.float64) * DAY_MS
    peak = np.maximum.accumulate(np.maximum(equity, capital))
    source = table({"day": moments, "equity": equity, "window": window, "drawdown": (equity / peak - 1.0) * 100})
    plot = make_plot(height=320)
    for number, group in groupby(range(len(window)), lambda row: int(window[row])):
        places = list(group)
        if number % 2 == 0:
            shade = BoxAnnotation(
                left=moments[places[0]],
                right=moments[places[-1]],
                fill_color=LIGHT.band,
                fill_alpha=0.25,
                line_color=None,
            )
            plot.add_layout(shade)
    line = draw(plot, source, Line(x="day", y="equity", line_color=LIGHT.equity, line_width=1.6))
    plot.add_layout(Span(location=capital, dimension="width", line_color=LIGHT.baseline, line_dash="dashed"))
    add_axes(plot, date_axis(), NumeralTickFormatter(format="0,0"))
    rows = [(_("Day"), "@day{%F}"), (_("Equity"), "@equity{0,0.00}"), (_("Drawdown"), "@drawdown{0.00} %")]
    hover = hover_tool([line], [*rows, (_("Window"), "@window")], mode="vline", line_policy="nearest")
    add_tools(plot, hover, cross_hair())
    return stack(plot)


def in_and_out_chart(inside: Floats, outside: Floats, label: str) -> LayoutDOM:
    """The objective of every window in sample and out of sample, beside each other."""
    plot = make_plot(height=240)
    plot.window_axis = "none"
    places = np.arange(1, len(inside) + 1, dtype=np.float64)
    bars, items = [], []
    for shift, values, colour, name in (
        (-0.2, inside, LIGHT.band, _("In sample")),
        (0.2, outside, LIGHT.equity, _("Out of sample")),
    ):
        source = table({"x": places + shift, "window": places, "value": values})
        bars.append(
            draw(plot, source, VBar(x="x", width=0.36, top="value", bottom=0, fill_color=colour, line_color=None))
        )
        items.append((name, bars[-1]))
    plot.add_layout(Span(location=0, dimension="width", line_color=LIGHT.baseline))
    _windows_axis(plot, len(inside), "0,0.[00]", label)
    add_legend(plot, items)
    rows = [(_("Window"), "@window"), (label, "@value{0,0.[0000]}")]
    add_tools(plot, hover_tool(bars, rows), cross_hair())
    return stack(plot)


def drift_chart(chosen: dict[str, list[Any]]) -> LayoutDOM:
    """The parameters that each window chose, a plot a parameter; words stand in the order of the alphabet."""
    plots = []
    for place, (name, values) in enumerate(chosen.items()):
        plot = make_plot(height=150)
        plot.window_axis = "none"
        numbers, words = _numbers(values)
        windows = np.arange(1, len(values) + 1, dtype=np.float64)
        source = table({"x": windows, "y": numbers, "value": np.array([text_of(value) for value in values])})
        draw(plot, source, Line(x="x", y="y", line_color=LIGHT.close, line_width=1.2, line_dash="dotted"))
        dots = draw(plot, source, Scatter(x="x", y="y", size=9, fill_color=LIGHT.equity, line_color=None))
        _windows_axis(plot, len(values), "0,0.[0000]", name, named=place == len(chosen) - 1)
        plot.y_range = DataRange1d(range_padding=0.25)
        axis: Any = plot.left[0]
        if words:
            axis.ticker = FixedTicker(ticks=list(range(len(words))))
            axis.major_label_overrides = dict(enumerate(words))
        add_tools(plot, hover_tool([dots], [(_("Window"), "@x"), (name, "@value")]), cross_hair())
        plots.append(plot)
    return stack(*plots)


def _numbers(values: Sequence[Any]) -> tuple[Floats, list[str]]:
    """Numbers as they are, None as a gap; anything else by its place among the words, which are returned too."""
    known = [value for value in values if value is not None]
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in known):
        return np.array([np.nan if value is None else value for value in values], dtype=np.float64), []
    words = sorted({text_of(value) for value in known})
    return np.array([np.nan if value is None else words.index(text_of(value)) for value in values]), words


def _windows_axis(plot: Plot, windows: int, form: str, label: str, *, named: bool = True) -> None:
    ticks: Any = FixedTicker(ticks=list(range(1, windows + 1, max(1, windows // 15))))
    plot.x_range = Range1d(start=0.5, end=windows + 0.5)
    axis = LinearAxis(ticker=ticks, axis_label=_("Window") if named else None)
    add_axes(plot, axis, NumeralTickFormatter(format=form), label=label)
