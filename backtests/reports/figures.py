"""What all charts share: an empty figure in the house style, its axes and its tools.

Nothing here needs ``eval`` in the browser (no CustomJS, no computed tick formatter): the pages' policy forbids
it. Only ``bokeh.models`` is used; ``bokeh.plotting`` would add to the start-up of the web process.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy.typing as npt
from bokeh.layouts import gridplot
from bokeh.models import (
    Axis,
    BoxZoomTool,
    ColumnDataSource,
    CrosshairTool,
    DataRange1d,
    DatetimeAxis,
    DatetimeTickFormatter,
    Grid,
    HoverTool,
    LayoutDOM,
    LinearAxis,
    LinearScale,
    PanTool,
    Plot,
    ResetTool,
    SaveTool,
    WheelZoomTool,
)
from bokeh.models.annotations import Legend, LegendItem, Span
from bokeh.models.glyph import Glyph
from bokeh.models.renderers import GlyphRenderer

from backtests.reports.palette import LIGHT

FONT = "system-ui, -apple-system, 'Segoe UI', 'Noto Sans', 'Noto Sans CJK SC', sans-serif"
FONT_SIZE = "11px"
DAY_MS = 86_400_000
LEFT_BORDER = 70
"""Room for the labels of the y axis in pixels, the same in figures that stand above each other."""


def make_plot(height: int, x_range: DataRange1d | None = None) -> Plot:
    """An empty plot as wide as its place on the page; the y axis fits what the x axis shows."""
    return Plot(
        x_range=x_range or DataRange1d(range_padding=0.01),
        y_range=DataRange1d(range_padding=0.08, only_visible=True),
        x_scale=LinearScale(),
        y_scale=LinearScale(),
        window_axis="x",
        height=height,
        sizing_mode="stretch_width",
        min_border_left=LEFT_BORDER,
        min_border_right=12,
        min_border_top=8,
        min_border_bottom=4,
        background_fill_color=None,
        border_fill_color=None,
        outline_line_color=LIGHT.frame,
        toolbar_location=None,
        output_backend="canvas",
    )


def table(columns: Mapping[str, npt.NDArray[Any]]) -> ColumnDataSource:
    """Columns of one length as the browser gets them: binary, not as text."""
    return ColumnDataSource(dict(columns))


def draw(plot: Plot, source: ColumnDataSource, glyph: Glyph) -> "GlyphRenderer[Any]":
    """Add a glyph that keeps its look when something is selected."""
    renderer = GlyphRenderer(data_source=source, glyph=glyph)
    plot.renderers.append(renderer)
    return renderer


def add_axes(plot: Plot, x_axis: Axis, formatter: Any, label: str | None = None) -> None:
    """The x axis below, a y axis with ``formatter`` at the left, and the grid of both."""
    y_axis = LinearAxis(formatter=formatter, axis_label=label)
    for axis in (x_axis, y_axis):
        axis.axis_line_color = LIGHT.frame
        axis.major_tick_line_color = LIGHT.frame
        axis.minor_tick_line_color = None
        axis.major_label_text_color = LIGHT.muted
        axis.major_label_text_font = FONT
        axis.major_label_text_font_size = FONT_SIZE
        axis.axis_label_text_color = LIGHT.muted
        axis.axis_label_text_font = FONT
        axis.axis_label_text_font_size = FONT_SIZE
    plot.add_layout(x_axis, "below")
    plot.add_layout(y_axis, "left")
    plot.add_layout(Grid(dimension=0, axis=x_axis, grid_line_color=LIGHT.grid))
    plot.add_layout(Grid(dimension=1, axis=y_axis, grid_line_color=LIGHT.grid))


def date_axis(*, visible: bool = True) -> DatetimeAxis:
    """An axis of days given in milliseconds."""
    form = DatetimeTickFormatter(days="%m-%d", months="%Y-%m", years="%Y", hours="%m-%d %H:%M")
    return DatetimeAxis(formatter=form, visible=visible)


def add_legend(plot: Plot, items: Sequence[tuple[str, *tuple["GlyphRenderer[Any]", ...]]]) -> None:
    """A legend above the plot, two names in a row; a click hides all that is named so."""
    legend = Legend(
        items=[LegendItem(label=label, renderers=renderers) for label, *renderers in items],
        orientation="horizontal",
        ncols=2,
        click_policy="hide",
        margin=0,
        spacing=14,
        border_line_color=None,
        background_fill_alpha=0,
        inactive_fill_color=LIGHT.grid,
        inactive_fill_alpha=0.6,
        label_text_color=LIGHT.muted,
        label_text_font=FONT,
        label_text_font_size=FONT_SIZE,
        glyph_height=14,
        glyph_width=14,
        label_standoff=4,
    )
    plot.add_layout(legend, "above")


def add_tools(plot: Plot, hover: HoverTool, cross: Span) -> None:
    """Pan, zoom, reset, save, hover and a cross-hair line shared by all plots that get the same ``cross``.

    The wheel is not active at first: it would take the page's own scrolling away.
    """
    pan = PanTool(dimensions="width")
    plot.add_tools(pan, WheelZoomTool(dimensions="width"), BoxZoomTool(dimensions="width"))
    plot.add_tools(ResetTool(), SaveTool(), hover, CrosshairTool(overlay=cross))
    plot.toolbar.active_drag = None
    plot.toolbar.active_scroll = None
    plot.toolbar.logo = None
    plot.toolbar.autohide = True


def cross_hair() -> Span:
    """The vertical line of a cross-hair."""
    return Span(dimension="height", line_color=LIGHT.baseline, line_dash="dotted", line_width=1)


def hover_tool(renderers: Sequence["GlyphRenderer[Any]"], rows: Sequence[tuple[str, str]], **options: Any) -> HoverTool:
    """A tooltip of label and field pairs over ``renderers``; fields ``@day`` and ``@time`` read as times."""
    return HoverTool(
        renderers=list(renderers),
        tooltips=list(rows),
        formatters={"@day": "datetime", "@time": "datetime"},
        **options,
    )


def stack(*plots: Plot) -> LayoutDOM:
    """The plots above each other with one tool bar at their right."""
    rows: list[list[Any]] = [[plot] for plot in plots]
    return gridplot(rows, sizing_mode="stretch_width", toolbar_options={"logo": None, "autohide": True})
