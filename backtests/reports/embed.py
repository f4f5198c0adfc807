"""Charts as JSON for pages whose policy forbids inline scripts; ``quantsite/charts.js`` draws them.

Loading the chart library takes about half a second: the first chart of a process waits for it, its start does not.
"""

from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np
import numpy.typing as npt
from django.utils.translation import gettext as _

from backtests.domain.result import DayTable, FillTable
from backtests.domain.statistics_drawdown import Water
from backtests.reports.format import count, money, percent
from backtests.reports.palette import dark_twins
from backtests.reports.price_data import PriceData
from marketdata.domain.bars import BarSeries

if TYPE_CHECKING:
    from bokeh.models import LayoutDOM

Floats = npt.NDArray[np.float64]


class ChartDocument(TypedDict):
    """One chart as JSON values.

    ``figure`` is what ``Bokeh.embed.embed_item`` takes, ``dark`` maps each of its colours to the one that
    replaces it on a dark page, ``caption`` says in words what the chart shows.
    """

    figure: dict[str, Any]
    dark: dict[str, str]
    caption: str


def equity_json(days: DayTable, capital: float) -> ChartDocument:
    """Equity and drawdown by trading day."""
    from backtests.reports.charts import equity_chart  # noqa: PLC0415 - see above

    chart = equity_chart(days.trading_day, days.equity, days.drawdown, capital)
    return chart_document(chart, equity_caption(days.equity, capital))


def price_json(bars: BarSeries, fills: FillTable, price_tick: float, *, red_up: bool = True) -> ChartDocument:
    """The price with the fills of a run; ``bars`` may be a part of the run's, then with the fills in that part."""
    from backtests.reports.charts import price_chart  # noqa: PLC0415 - see above

    data = PriceData.of(bars, fills, price_tick)
    return chart_document(price_chart(data, red_up=red_up), _price_caption(bars, data))


def chart_document(chart: "LayoutDOM", caption: str) -> ChartDocument:
    """A chart of ``charts`` made ready for a page."""
    from bokeh.embed import json_item  # noqa: PLC0415 - see above

    return {"figure": dict(json_item(chart)), "dark": dark_twins(), "caption": caption}


def equity_caption(equity: Floats, capital: float) -> str:
    """The chart of equity in words: its end, its peak, its deepest and its longest drawdown."""
    water = Water.of(equity, capital)
    if water is None:
        return _("No trading day.")
    return _("End %(end)s, peak %(peak)s, max drawdown %(depth)s, longest time under water %(days)s trading days.") % {
        "end": money(equity[-1]),
        "peak": money(max(float(equity.max()), capital)),
        "depth": percent(float(water.depths().min())),
        "days": count(water.longest()),
    }


def _price_caption(bars: BarSeries, data: PriceData) -> str:
    facts = {"bars": count(len(bars)), "fills": count(data.fill_count), "size": count(data.size)}
    if data.size == 1:
        return _("%(bars)s bars, %(fills)s fills. Times between sessions are left out.") % facts
    return (
        _("%(bars)s bars, %(size)s a point: line at the close, band from low to high; %(fills)s fills.") % facts
        + " "
        + _("Times between sessions are left out.")
    )
