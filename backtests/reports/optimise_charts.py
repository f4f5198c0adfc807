"""The charts of an optimisation: its map, its trials, what they are worth, and how the choice carries over."""

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from bokeh.models import (
    FixedTicker,
    LayoutDOM,
    Line,
    LinearAxis,
    LinearColorMapper,
    NoOverlap,
    NumeralTickFormatter,
    Plot,
    Range1d,
    Rect,
    Scatter,
    Segment,
    Step,
    VBar,
)
from bokeh.models.annotations import ColorBar
from bokeh.models.renderers import GlyphRenderer
from django.utils.translation import gettext as _

from backtests.optimise.points import Axis, Cells, Scattered, in_view, text_of
from backtests.reports.figures import (
    FONT,
    FONT_SIZE,
    add_axes,
    add_legend,
    add_tools,
    cross_hair,
    draw,
    hover_tool,
    make_plot,
    stack,
    table,
)
from backtests.reports.palette import LIGHT
from backtests.reports.scale import BEST, DIVERGING, RISING, diverging

Floats = npt.NDArray[np.float64]
Renderer: TypeAlias = "GlyphRenderer[Any]"

MOST_TICKS = 12
BINS = 40
NUMBER = "0,0.[0000]"
LEAST_SIDE = 0.25
"""The shorter side of zero counts for at least so much of the longer one: little does not look like much."""

LOW, HIGH = 0.02, 0.98
"""Quantiles between which a scale runs where a few trials lie far out."""


def _digits(form: str) -> Any:
    return NumeralTickFormatter(format=form)


def map_chart(cells: Cells, label: str) -> LayoutDOM:
    """The first objective over two parameters: a cell a trial, hatched where none keeps to the constraints."""
    plot = _map_plot(cells)
    known = np.isfinite(cells.value)
    columns = {
        "x": cells.x,
        "y": cells.y,
        "value": cells.value,
        "trials": cells.trials,
        "first": np.array(cells.x_axis.labels)[cells.x.astype(np.int64)],
        "second": np.array(cells.y_axis.labels)[cells.y.astype(np.int64)],
    }
    rows = [(cells.x_axis.name, "@first"), (cells.y_axis.name, "@second")]
    hovers = []
    if known.any():
        mapper = _mapper(cells.value[known])
        fill: Any = {"field": "value", "transform": mapper}
        glyph = Rect(x="x", y="y", width=1, height=1, fill_color=fill, line_color=fill, line_width=0.5)
        shown = draw(plot, table(_chosen(columns, known)), glyph)
        plot.add_layout(_colour_bar(mapper), "right")
        value = [(label, f"@value{{{NUMBER}}}")]
        hovers.append(hover_tool([shown], [*rows, *value, *_shared(cells)]))
    if not known.all():
        hatched = Rect(
            x="x",
            y="y",
            width=1,
            height=1,
            fill_color=None,
            line_color=LIGHT.grid,
            hatch_pattern="/",
            hatch_color=LIGHT.baseline,
            hatch_scale=7,
            hatch_weight=0.8,
        )
        broken = draw(plot, table(_chosen(columns, ~known)), hatched)
        hovers.append(hover_tool([broken], [*rows, (label, _("breaks a constraint, or undefined"))]))
    _mark_best(plot, cells)
    for hover in hovers[1:]:
        plot.add_tools(hover)
    add_tools(plot, hovers[0], cross_hair())
    return stack(plot)


def _map_plot(cells: Cells) -> Plot:
    plot = make_plot(height=min(460, max(260, 18 * len(cells.y_axis.labels) + 60)))
    plot.window_axis = "none"
    plot.x_range = Range1d(start=-0.5, end=len(cells.x_axis.labels) - 0.5)
    plot.y_range = Range1d(start=-0.5, end=len(cells.y_axis.labels) - 0.5)
    x_axis = LinearAxis(axis_label=cells.x_axis.name)
    add_axes(plot, x_axis, NumeralTickFormatter(format="0"), label=cells.y_axis.name)
    _name_places(x_axis, cells.x_axis)
    _name_places(plot.left[0], cells.y_axis)
    grids: list[Any] = list(plot.center)
    for grid in grids:
        grid.visible = False
    return plot


def _name_places(axis: Any, named: Axis) -> None:
    """Ticks at some places of an axis, with the parameter's values for labels."""
    step = max(1, -(-len(named.labels) // MOST_TICKS))
    places = list(range(0, len(named.labels), step))
    axis.ticker = FixedTicker(ticks=places)
    axis.major_label_overrides = {place: named.labels[place] for place in places}
    axis.major_label_policy = NoOverlap(min_distance=6)


def _shared(cells: Cells) -> list[tuple[str, str]]:
    return [(_("Mean of trials"), "@trials")] if (cells.trials > 1).any() else []


def _chosen(columns: dict[str, Any], rows: npt.NDArray[np.bool_]) -> dict[str, Any]:
    return {name: column[rows] for name, column in columns.items()}


def _mapper(values: Floats) -> LinearColorMapper:
    """Around zero where values lie on both sides of it, else from the least to the most; far-out ones saturate."""
    low, high = (float(edge) for edge in np.quantile(values, (LOW, HIGH)))
    if values.min() < 0 < values.max():
        least = LEAST_SIDE * (max(-low, high) or 1.0)
        low, high = min(low, -least), max(high, least)
        return LinearColorMapper(palette=diverging(low, high), low=low, high=high)
    palette = list(RISING if values.max() > 0 else DIVERGING[: len(RISING)])
    return LinearColorMapper(palette=palette, low=low, high=high if high > low else low + 1.0)


def _colour_bar(mapper: LinearColorMapper) -> ColorBar:
    return ColorBar(
        color_mapper=mapper,
        width=10,
        padding=4,
        formatter=_digits("0,0.[00]"),
        background_fill_color=None,
        bar_line_color=None,
        major_tick_line_color=None,
        major_label_text_color=LIGHT.muted,
        major_label_text_font=FONT,
        major_label_text_font_size=FONT_SIZE,
    )


def _mark_best(plot: Plot, cells: Cells) -> None:
    """A star on the best trial, a thin frame around each neighbour by which its plateau is judged."""
    items: list[tuple[str, Renderer]] = []
    if cells.best is not None:
        items.append((_("Best"), _star(plot, *cells.best, size=16)))
    if cells.around:
        places = np.array(cells.around, dtype=np.float64)
        frame = Rect(x="x", y="y", width=0.9, height=0.9, fill_color=None, line_color=BEST.line, line_dash="dotted")
        items.append((_("Its neighbours"), draw(plot, table({"x": places[:, 0], "y": places[:, 1]}), frame)))
    if items:
        add_legend(plot, items)


def _star(plot: Plot, x: float, y: float, size: int = 14) -> Renderer:
    source = table({"x": np.array([x], dtype=np.float64), "y": np.array([y], dtype=np.float64)})
    look = Scatter(
        x="x", y="y", marker="star", size=size, fill_color=BEST.fill, line_color=BEST.line, line_width=1.4, fill_alpha=1
    )
    return draw(plot, source, look)


def spread_chart(found: Scattered, x: str, y: str, label: str, best: int | None) -> LayoutDOM:
    """Scattered trials over two parameters, coloured by the first objective; hollow ones are not feasible."""
    plot = make_plot(height=400)
    plot.window_axis = "none"
    axes = [_number_axis(found.parameters[name], name) for name in (x, y)]
    value = next(iter(found.objectives.values()))
    columns = {"x": axes[0][0], "y": axes[1][0], "value": value, "number": found.number}
    good = found.feasible & np.isfinite(value)
    rows = [(x, "@x{0,0.[0000]}"), (y, "@y{0,0.[0000]}"), (label, f"@value{{{NUMBER}}}"), (_("Trial"), "@number")]
    shown = []
    if good.any():
        mapper = _mapper(value[good])
        fill: Any = {"field": "value", "transform": mapper}
        dot = Scatter(x="x", y="y", size=9, fill_color=fill, line_color=LIGHT.baseline, line_width=0.5)
        shown.append(draw(plot, table(_chosen(columns, good)), dot))
        plot.add_layout(_colour_bar(mapper), "right")
    if not good.all():
        ring = Scatter(x="x", y="y", marker="x", size=7, line_color=LIGHT.baseline)
        shown.append(draw(plot, table(_chosen(columns, ~good)), ring))
    x_axis = axes[0][1]
    add_axes(plot, x_axis, NumeralTickFormatter(format="0,0.[0000]"), label=y)
    _name_words(plot.left[0], found.parameters[y])
    _star_of(plot, found.number, axes[0][0], axes[1][0], best)
    add_tools(plot, hover_tool(shown, rows), cross_hair())
    return stack(plot)


def _star_of(plot: Plot, numbers: Any, x: Floats, y: Floats, best: int | None) -> None:
    place = np.flatnonzero(numbers == best)
    if len(place):
        add_legend(plot, [(_("Best"), _star(plot, float(x[place[0]]), float(y[place[0]])))])


def _number_axis(values: Sequence[Any], name: str) -> tuple[Floats, LinearAxis]:
    """The values as numbers (words by their place in the order of the alphabet) and their axis."""
    axis = LinearAxis(formatter=_digits("0,0.[0000]"), axis_label=name)
    _name_words(axis, values)
    return _numbers(values), axis


def _numbers(values: Sequence[Any]) -> Floats:
    if _are_numbers(values):
        return np.array(values, dtype=np.float64)
    return np.unique([text_of(value) for value in values], return_inverse=True)[1].astype(np.float64)


def _are_numbers(values: Sequence[Any]) -> bool:
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)


def _name_words(axis: Any, values: Sequence[Any]) -> None:
    if not _are_numbers(values):
        words = sorted({text_of(value) for value in values})
        axis.ticker = FixedTicker(ticks=list(range(len(words))))
        axis.major_label_overrides = dict(enumerate(words))


def _show(plot: Plot, values: Floats, always: Floats, *, across: bool = False) -> None:
    """Let an axis show what is not far out, with some room at both ends."""
    low, high = in_view(values, always)
    room = 0.06 * (high - low) or 1.0
    view = Range1d(start=low - room, end=high + room)
    if across:
        plot.x_range = view
    else:
        plot.y_range = view


def slices_chart(found: Scattered, label: str, best: int | None) -> LayoutDOM:
    """The first objective over each parameter by itself, a plot a parameter."""
    value = next(iter(found.objectives.values()))
    good = found.feasible & np.isfinite(value)
    plots = []
    for name, values in found.parameters.items():
        plot = make_plot(height=190)
        plot.window_axis = "none"
        numbers, axis = _number_axis(values, name)
        columns = {"x": numbers, "value": value, "number": found.number}
        dot = Scatter(x="x", y="value", size=6, fill_color=LIGHT.equity, line_color=None, fill_alpha=0.45)
        shown = draw(plot, table(_chosen(columns, good)), dot)
        add_axes(plot, axis, NumeralTickFormatter(format=NUMBER), label=label)
        rows = [(name, "@x{0,0.[0000]}"), (label, f"@value{{{NUMBER}}}"), (_("Trial"), "@number")]
        _star_of(plot, found.number, numbers, value, best)
        _show(plot, value[good], value[found.number == best])
        add_tools(plot, hover_tool([shown], rows), cross_hair())
        plots.append(plot)
    return stack(*plots)


def history_chart(found: Scattered, label: str, *, maximise: bool) -> LayoutDOM:
    """The first objective in the order of the trials, and the best so far."""
    value = next(iter(found.objectives.values()))
    good = found.feasible & np.isfinite(value)
    numbers, values = found.number[good].astype(np.float64), value[good]
    best = np.maximum.accumulate(values) if maximise else np.minimum.accumulate(values)
    source = table({"x": numbers, "value": values, "best": best})
    plot = make_plot(height=240)
    dot = Scatter(x="x", y="value", size=5, fill_color=LIGHT.close, line_color=None, fill_alpha=0.5)
    dots = draw(plot, source, dot)
    _show(plot, values, best)
    line = draw(plot, source, Step(x="x", y="best", mode="after", line_color=LIGHT.equity, line_width=1.8))
    axis = LinearAxis(formatter=_digits("0,0"), axis_label=_("Trial"))
    add_axes(plot, axis, NumeralTickFormatter(format=NUMBER), label=label)
    rows = [(_("Trial"), "@x"), (label, f"@value{{{NUMBER}}}"), (_("Best so far"), f"@best{{{NUMBER}}}")]
    add_legend(plot, [(_("Trial"), dots), (_("Best so far"), line)])
    add_tools(plot, hover_tool([dots], rows), cross_hair())
    return stack(plot)


def histogram_chart(values: Floats, lines: Sequence[tuple[str, float, str]], label: str) -> LayoutDOM:
    """How the first objective spreads over all trials; ``lines`` are a name, a value and a colour each."""
    shown = np.array([value for _name, value, _colour in lines], dtype=np.float64)
    counts, edges = np.histogram(values, bins=BINS, range=in_view(values, shown[:1]))
    width = float(edges[1] - edges[0])
    source = table({"x": (edges[:-1] + edges[1:]) / 2, "low": edges[:-1], "high": edges[1:], "count": counts})
    plot = make_plot(height=240)
    plot.window_axis = "none"
    bar = VBar(x="x", top="count", bottom=0, width=width * 0.92, fill_color=LIGHT.band, line_color=None)
    bars = draw(plot, source, bar)
    top = float(counts.max()) * 1.05
    items = [(name, _upright(plot, value, top, colour)) for name, value, colour in lines]
    axis = LinearAxis(formatter=_digits(NUMBER), axis_label=label)
    add_axes(plot, axis, NumeralTickFormatter(format="0,0"), label=_("Trials"))
    rows = [(_("From"), f"@low{{{NUMBER}}}"), (_("To"), f"@high{{{NUMBER}}}"), (_("Trials"), "@count{0,0}")]
    if items:
        add_legend(plot, items)
    add_tools(plot, hover_tool([bars], rows), cross_hair())
    return stack(plot)


def _upright(plot: Plot, value: float, top: float, colour: str) -> Renderer:
    ends = {name: np.array([number]) for name, number in (("x", value), ("y0", 0.0), ("y1", top))}
    dash = "solid" if colour == LIGHT.equity else "dashed"
    line = Segment(x0="x", x1="x", y0="y0", y1="y1", line_color=colour, line_width=2, line_dash=dash)
    return draw(plot, table(ends), line)


def logits_chart(logits: Floats) -> LayoutDOM:
    """Where the trial chosen on one half ranks on the other, over all splits; at and left of 0: below the median."""
    low, high = min(float(logits.min()), -1.0), max(float(logits.max()), 1.0)
    step = (high - low) / BINS
    edges = step * np.arange(-np.ceil(-low / step), np.ceil(high / step) + 1)
    # A logit of 0 is no better than the median: it counts on the left.
    counts = np.histogram(-logits, bins=-edges[::-1])[0][::-1] / len(logits) * 100
    plot = make_plot(height=240)
    plot.window_axis = "none"
    items, bars = [], []
    below = edges[1:] <= 0.0
    for chosen, colour, name in ((below, LIGHT.sell, _("Below the median")), (~below, LIGHT.buy, _("Above it"))):
        columns = {
            "x": ((edges[:-1] + edges[1:]) / 2)[chosen],
            "width": (np.diff(edges) * 0.92)[chosen],
            "share": counts[chosen],
        }
        glyph = VBar(x="x", top="share", bottom=0, width="width", fill_color=colour, fill_alpha=0.75, line_color=None)
        bars.append(draw(plot, table(columns), glyph))
        items.append((f"{name} ({counts[chosen].sum():.0f} %)", bars[-1]))
    axis = LinearAxis(formatter=_digits("0.[0]"), axis_label=_("Logit of the rank on the other half"))
    add_axes(plot, axis, NumeralTickFormatter(format="0.[0]"), label=_("Splits, %"))
    add_legend(plot, items)
    add_tools(plot, hover_tool(bars, [(_("Logit"), "@x{0.00}"), (_("Splits"), "@share{0.00} %")]), cross_hair())
    return stack(plot)


def front_chart(found: Scattered, front: Sequence[int], labels: Sequence[str], best: int | None) -> LayoutDOM:
    """The first two objectives of every trial; on the line those that no other beats in both."""
    first, second = list(found.objectives.values())[:2]
    plot = make_plot(height=360)
    plot.window_axis = "none"
    good = found.feasible & np.isfinite(first) & np.isfinite(second)
    columns = {"x": first, "y": second, "number": found.number}
    dot = Scatter(x="x", y="y", size=6, fill_color=LIGHT.close, line_color=None, fill_alpha=0.35)
    dots = draw(plot, table(_chosen(columns, good)), dot)
    chosen = np.isin(found.number, list(front))
    order = np.argsort(first[chosen], kind="stable")
    edge: dict[str, Any] = {name: column[chosen][order] for name, column in columns.items()}
    draw(plot, table(edge), Line(x="x", y="y", line_color=LIGHT.equity, line_width=1.2, line_dash="dashed"))
    marks = draw(plot, table(edge), Scatter(x="x", y="y", size=9, fill_color=LIGHT.equity, line_color=None))
    _show(plot, first[good], edge["x"], across=True)
    _show(plot, second[good], edge["y"])
    axis = LinearAxis(formatter=_digits(NUMBER), axis_label=labels[0])
    add_axes(plot, axis, NumeralTickFormatter(format=NUMBER), label=labels[1])
    items = [(_("Trial"), dots), (_("Pareto front"), marks)]
    place = np.flatnonzero(found.number == best)
    if len(place):
        items.append((_("Best"), _star(plot, float(first[place[0]]), float(second[place[0]]))))
    add_legend(plot, items)
    rows = [(labels[0], f"@x{{{NUMBER}}}"), (labels[1], f"@y{{{NUMBER}}}"), (_("Trial"), "@number")]
    add_tools(plot, hover_tool([dots, marks], rows), cross_hair())
    return stack(plot)
