"""The charts of a run, out of plain numpy columns: equity over its drawdown, and the price with its fills.

All are made in the light palette (see :mod:`backtests.reports.palette`); times are those of Shanghai.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from bokeh.models import (
    AdaptiveTicker,
    ColumnDataSource,
    DataRange1d,
    HoverTool,
    LayoutDOM,
    Line,
    LinearAxis,
    NoOverlap,
    NumeralTickFormatter,
    Plot,
    PrintfTickFormatter,
    Scatter,
    Segment,
    VArea,
    VBar,
)
from bokeh.models.annotations import Span
from django.utils.translation import gettext as _

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
from backtests.reports.palette import LIGHT, Palette, swapped
from backtests.reports.price_data import CROWDED, FILL_KINDS, FillDensity, FillMarks, PriceData, SignalMarks

Floats = npt.NDArray[np.float64]
Days = npt.NDArray[np.int32]


DWARFS = 4.0
"""A benchmark that moves more than so many times as far as equity is drawn when the reader asks for it."""
LEAST_BARS = 40
"""Fewer bars of a live day do not grow to fill the chart: there is room for those to come."""


def equity_chart(
    trading_day: Days, equity: Floats, drawdown: Floats, capital: float, benchmark: Floats | None = None
) -> LayoutDOM:
    """Equity with the start capital as a dashed line, and below it the drawdown; one x axis, one cross-hair.

    ``trading_day`` in days since the epoch, ``drawdown`` as fractions of 0 or below, ``benchmark`` as money that
    grew from the same capital; all of shape ``(days,)``.
    """
    columns = {
        "day": trading_day.astype(np.float64) * DAY_MS,
        "equity": equity,
        "drawdown": drawdown * 100,
        "zero": np.zeros(len(equity)),
    }
    source = table(columns if benchmark is None else {**columns, "benchmark": benchmark})
    rows = [(_("Day"), "@day{%F}"), (_("Equity"), "@equity{0,0.00}"), (_("Drawdown"), "@drawdown{0.00} %")]
    cross = cross_hair()
    upper, lower = make_plot(height=270), make_plot(height=130)
    lower.x_range = upper.x_range
    if benchmark is not None:
        rows.append((_("Buy and hold"), "@benchmark{0,0.00}"))
        held = draw(upper, source, Line(x="day", y="benchmark", line_color=LIGHT.benchmark, line_width=1.1))
        held.visible = not dwarfs(benchmark, equity)
    line = draw(upper, source, Line(x="day", y="equity", line_color=LIGHT.equity, line_width=1.6))
    if benchmark is not None:
        add_legend(upper, [(_("Equity"), line), (_("Buy and hold"), held)])
    capital_line = Span(location=capital, dimension="width", line_color=LIGHT.baseline, line_dash="dashed")
    upper.add_layout(capital_line)
    area = VArea(x="day", y1="zero", y2="drawdown", fill_color=LIGHT.drawdown, fill_alpha=0.25)
    draw(lower, source, area)
    depth = draw(lower, source, Line(x="day", y="drawdown", line_color=LIGHT.drawdown, line_width=1.2))
    add_axes(upper, date_axis(visible=False), NumeralTickFormatter(format="0,0"))
    add_axes(lower, date_axis(), NumeralTickFormatter(format="0.[00]"), label="%")
    for plot, renderer in ((upper, line), (lower, depth)):
        add_tools(plot, hover_tool([renderer], rows, mode="vline", line_policy="nearest"), cross)
    return stack(upper, lower)


def dwarfs(benchmark: Floats, equity: Floats) -> bool:
    """Whether the benchmark moved so much that equity would be a flat line beside it."""
    return bool(np.ptp(benchmark) > DWARFS * np.ptp(equity)) if len(equity) else False


def price_chart(data: PriceData, *, red_up: bool = True, signals: SignalMarks | None = None) -> LayoutDOM:
    """The price with an arrow at each fill; bars follow each other without the gaps between sessions.

    ``signals`` are drawn as diamonds, each at the price of its decision.

    Candles where every bar fits, else the close of groups of bars inside the band of their extremes.
    ``red_up`` draws rises red and falls green as Chinese charts do, else the other way round.
    """
    palette = LIGHT if red_up else swapped(LIGHT)
    few = signals is not None and len(data.close) < LEAST_BARS
    view = DataRange1d(start=-0.75, end=LEAST_BARS - 0.25) if few else None
    plot = make_plot(height=380 if data.density is None else 300, x_range=view)
    source = table(data.columns())
    hover = _candles(plot, source, data, palette) if data.size == 1 else _band(plot, source, data)
    cross = cross_hair()
    add_axes(plot, _bar_axis(data.labels, visible=data.density is None), NumeralTickFormatter(format=data.price_format))
    add_tools(plot, hover, cross)
    if signals is not None and len(signals.x):
        _signals(plot, data, signals)
    if data.density is None:
        _fills(plot, data)
        return stack(plot)
    return stack(plot, _density(data, data.density, plot, cross))


def _density(data: PriceData, density: FillDensity, above: Plot, cross: Span) -> Plot:
    """How many fills each stretch of the price above had: buys upwards, sells downwards."""
    plot = make_plot(height=130)
    plot.x_range = above.x_range
    source = table(density.columns())
    bars = [
        draw(
            plot, source, VBar(x="x", width=density.width * 0.9, bottom=0, top=top, fill_color=colour, line_color=None)
        )
        for top, colour in (("buys", LIGHT.buy), ("sells_down", LIGHT.sell))
    ]
    rows = [(_("Bars from"), "@time{%F %H:%M}"), (_("Buys"), "@buys{0,0}"), (_("Sells"), "@sells{0,0}")]
    add_axes(plot, _bar_axis(data.labels), NumeralTickFormatter(format="0,0"), label=_("Fills"))
    add_tools(plot, hover_tool(bars, rows, mode="vline"), cross)
    add_legend(plot, [(_("Buys"), bars[0]), (_("Sells"), bars[1])])
    return plot


def _bar_axis(labels: list[str], *, visible: bool = True) -> LinearAxis:
    """Bars numbered from 0, whatever the time between them; each number is labelled with its bar's start.

    Labels that would touch are left out: a telephone has room for few.
    """
    # Of numbers beyond the bars: they mean nothing to people.
    blank: Any = PrintfTickFormatter(format=" ")
    ticker: Any = AdaptiveTicker(min_interval=1, desired_num_ticks=5, num_minor_ticks=0, mantissas=[1, 2, 5])
    overrides: dict[Any, Any] = {float(number): label for number, label in enumerate(labels)}
    return LinearAxis(
        ticker=ticker,
        major_label_overrides=overrides if visible else {},
        formatter=blank,
        major_label_policy=NoOverlap(min_distance=12),
        visible=visible,
    )


def _candles(plot: Plot, source: ColumnDataSource, data: PriceData, palette: Palette) -> HoverTool:
    draw(plot, source, Segment(x0="x", x1="x", y0="low", y1="high", line_color=LIGHT.muted, line_width=1))
    rising = data.close >= data.open
    bodies = [
        draw(
            plot,
            table(data.columns(chosen)),
            VBar(x="x", width=0.7, bottom="open", top="close", fill_color=colour, line_color=colour),
        )
        for chosen, colour in ((rising, palette.up), (~rising, palette.down))
    ]
    form = data.price_format
    prices = [(_("Open price"), "open"), (_("High"), "high"), (_("Low"), "low"), (_("Close price"), "close")]
    return hover_tool(
        bodies, [(_("Bar"), "@time{%F %H:%M}"), *((name, f"@{column}{{{form}}}") for name, column in prices)]
    )


def _band(plot: Plot, source: ColumnDataSource, data: PriceData) -> HoverTool:
    draw(plot, source, VArea(x="x", y1="low", y2="high", fill_color=LIGHT.band, fill_alpha=0.7))
    line = draw(plot, source, Line(x="x", y="close", line_color=LIGHT.close, line_width=1.1))
    form = data.price_format
    rows = [(_("Bars from"), "@time{%F %H:%M}"), (_("Close price"), f"@close{{{form}}}")]
    extremes = [(_("High"), f"@high{{{form}}}"), (_("Low"), f"@low{{{form}}}")]
    return hover_tool([line], [*rows, *extremes], mode="vline", line_policy="nearest")


def _fills(plot: Plot, data: PriceData) -> None:
    """Triangles at the fills: pointing up for a buy, down for a sell; filled for an opening, hollow for a close."""
    titles = {"buy_open": _("Buy, open"), "sell_open": _("Sell, open")}
    titles |= {"buy_close": _("Buy, close"), "sell_close": _("Sell, close")}
    items = []
    for kind, marks in zip(FILL_KINDS, data.fills, strict=True):
        if not len(marks.x):
            continue
        renderer = draw(plot, table(marks.columns()), _marker(kind, marks))
        renderer.level = "underlay" if marks.total > CROWDED else "glyph"
        items.append((f"{titles[kind]} ({marks.total:,})", renderer))
    if not items:
        return
    price = f"@price{{{data.price_format}}}"
    rows = [(_("Fill"), "@time{%F %H:%M}"), (_("Price"), price), (_("Volume"), "@volume{0,0}")]
    plot.add_tools(hover_tool([renderer for _title, renderer in items], rows))
    add_legend(plot, items)


def _signals(plot: Plot, data: PriceData, signals: SignalMarks) -> None:
    """Diamonds at the decisions, behind the fills that they led to."""
    mark = Scatter(x="x", y="price", marker="diamond", size=13, line_color=LIGHT.close, fill_color=LIGHT.band)
    mark.line_width = 1.4
    renderer = draw(plot, ColumnDataSource(signals.columns()), mark)
    rows = [(_("Signal"), "@text"), (_("Bar"), "@time{%F %H:%M}"), (_("Price"), f"@price{{{data.price_format}}}")]
    plot.add_tools(hover_tool([renderer], rows))
    add_legend(plot, [(f"{_('Signals')} ({len(signals.x):,})", renderer)])


def _marker(kind: str, marks: FillMarks) -> Scatter:
    """Clear where fills are few, small and translucent where they would hide the price.

    The hollow mark of a close is the larger one: in a reversal it stays visible around the opening's.
    """
    colour = LIGHT.buy if kind.startswith("buy") else LIGHT.sell
    crowded, opening = marks.total > CROWDED, kind.endswith("open")
    return Scatter(
        x="x",
        y="price",
        marker="triangle" if kind.startswith("buy") else "inverted_triangle",
        size=(4 if crowded else 8) + (0 if opening else 7),
        line_color=colour,
        line_width=0.6 if crowded else 1.6,
        line_alpha=0.35 if crowded else 1.0,
        fill_color=colour if opening else None,
        fill_alpha=0.3 if crowded else 0.9,
    )
