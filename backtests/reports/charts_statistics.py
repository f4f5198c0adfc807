"""The charts of statistics: figures over a moving window, and how far each trade went for and against its holder."""

from typing import Any

import numpy as np
import numpy.typing as npt
from bokeh.models import LayoutDOM, Line, LinearAxis, NumeralTickFormatter, Plot, Scatter
from bokeh.models.annotations import Slope, Span
from django.utils.translation import gettext as _

from backtests.domain.statistics_tables import Rolling
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
from backtests.reports.palette import LIGHT, swapped
from backtests.reports.trade_data import TradeMarks

Days = npt.NDArray[np.int32]


def rolling_chart(trading_day: Days, rolling: Rolling) -> LayoutDOM:
    """Sharpe ratio, return and volatility of the last ``rolling.window`` days, above each other on one x axis.

    ``trading_day`` in days since the epoch, of the shape of the columns.
    """
    first = rolling.window - 1
    source = table(
        {
            "day": trading_day[first:].astype(np.float64) * DAY_MS,
            "sharpe": rolling.sharpe[first:],
            "total": rolling.total_return[first:] * 100,
            "volatility": rolling.annual_volatility[first:] * 100,
        }
    )
    rows = [(_("To"), "@day{%F}"), (_("Sharpe ratio"), "@sharpe{0.00}")]
    rows += [(_("Return"), "@total{0.00} %"), (_("Annual volatility"), "@volatility{0.00} %")]
    cross = cross_hair()
    plots: list[Plot] = []
    names = (("sharpe", LIGHT.equity, _("Sharpe")), ("total", LIGHT.close, _("Return, %")))
    for column, colour, label in (*names, ("volatility", LIGHT.drawdown, _("Volatility, %"))):
        plot = make_plot(height=110 if plots else 150)
        plot.x_range = plots[0].x_range if plots else plot.x_range
        line = draw(plot, source, Line(x="day", y=column, line_color=colour, line_width=1.3))
        if column != "volatility":
            plot.add_layout(Span(location=0, dimension="width", line_color=LIGHT.baseline, line_dash="dashed"))
        add_axes(plot, date_axis(visible=column == "volatility"), NumeralTickFormatter(format="0,0.[00]"), label=label)
        add_tools(plot, hover_tool([line], rows, mode="vline", line_policy="nearest"), cross)
        plots.append(plot)
    return stack(*plots)


def excursion_chart(marks: TradeMarks, *, red_up: bool = True) -> LayoutDOM:
    """Each trade by how far it went against its holder (right) and for him (up), in money.

    Upright triangles won, inverted ones lost. Left of and above the dashed diagonal a trade went further for its
    holder than against him; losers high up gave a gain back, winners far right were held through a loss.
    """
    palette = LIGHT if red_up else swapped(LIGHT)
    plot = make_plot(height=340)
    plot.window_axis = "none"
    plot.add_layout(Slope(gradient=1, y_intercept=0, line_color=LIGHT.baseline, line_dash="dashed"))
    items = []
    for won, colour, marker, name in (
        (True, palette.won, "triangle", _("Won")),
        (False, palette.lost, "inverted_triangle", _("Lost or even")),
    ):
        columns = marks.columns(won=won)
        if not len(columns["mae"]):
            continue
        look = Scatter(
            x="mae",
            y="mfe",
            marker=marker,
            size=6,
            line_color=colour,
            fill_color=colour,
            fill_alpha=0.25,
            line_alpha=0.6,
        )
        items.append((f"{name} ({len(columns['mae']):,})", draw(plot, table(columns), look)))
    money: Any = NumeralTickFormatter(format="0,0")
    add_axes(plot, LinearAxis(formatter=money, axis_label=_("Against the trade")), money, label=_("For the trade"))
    rows = [(_("From"), "@entry{%F %H:%M}"), (_("To"), "@time{%F %H:%M}"), (_("Net profit"), "@profit{0,0.00}")]
    rows += [(_("Against the trade"), "@mae{0,0.00}"), (_("For the trade"), "@mfe{0,0.00}")]
    hover = hover_tool([renderer for _title, renderer in items], rows)
    hover.formatters = {"@entry": "datetime", "@time": "datetime"}
    add_tools(plot, hover, cross_hair())
    if items:
        add_legend(plot, items)
    return stack(plot)
