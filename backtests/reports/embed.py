"""Charts as JSON for pages whose policy forbids inline scripts; ``quantsite/charts.js`` draws them.

Loading the chart library takes about half a second: the first chart of a process waits for it, its start does not.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np
import numpy.typing as npt
from django.utils.translation import gettext as _

from backtests.domain.result import DayTable, FillTable
from backtests.domain.statistics_benchmark import buy_and_hold
from backtests.domain.statistics_drawdown import Water
from backtests.domain.statistics_returns import simple_returns
from backtests.domain.statistics_tables import Rolling, rolling
from backtests.reports.format import count, money, percent
from backtests.reports.palette import dark_twins
from backtests.reports.price_data import PriceData, SignalMarks
from backtests.reports.trade_data import TradeMarks
from marketdata.domain.bars import BarSeries

if TYPE_CHECKING:
    from bokeh.models import LayoutDOM

Floats = npt.NDArray[np.float64]

WINDOWS = (60, 20)
"""Trading days in a moving window: three months, or one for a run that has less than two of the longer ones."""


class ChartDocument(TypedDict):
    """One chart as JSON values.

    ``figure`` is what ``Bokeh.embed.embed_item`` takes, ``dark`` maps each of its colours to the one that
    replaces it on a dark page, ``caption`` says in words what the chart shows.
    """

    figure: dict[str, Any]
    dark: dict[str, str]
    caption: str


def equity_json(days: DayTable, capital: float, bars: Sequence[BarSeries] = ()) -> ChartDocument:
    """Equity and drawdown by trading day; with the ``bars`` of all legs beside buying and holding them."""
    from backtests.reports.charts import dwarfs, equity_chart  # noqa: PLC0415 - see above

    held = buy_and_hold(days.trading_day, bars)
    benchmark = None if held is None else np.asarray(capital * np.cumprod(1.0 + held), dtype=np.float64)
    chart = equity_chart(days.trading_day, days.equity, days.drawdown, capital, benchmark)
    caption = equity_caption(days.equity, capital)
    if benchmark is None or not len(benchmark):
        return chart_document(chart, caption)
    told = _("Buying and holding for the whole capital would have ended at %(end)s, without costs.")
    caption += " " + told % {"end": money(float(benchmark[-1]))}
    if dwarfs(benchmark, days.equity):
        caption += " " + _("It moved much further than this run: click on its name to draw it.")
    return chart_document(chart, caption)


def rolling_of(days: DayTable, capital: float, annual_days: int) -> Rolling | None:
    """Figures over the longest window that fits twice; None for a shorter run, or undefined returns."""
    returns = simple_returns(days.equity, capital)
    window = next((size for size in WINDOWS if len(days) >= 2 * size), None)
    return None if returns is None or window is None else rolling(returns, window, annual_days)


def rolling_json(days: DayTable, capital: float, annual_days: int) -> ChartDocument | None:
    """The chart of :func:`rolling_of`, None where that is."""
    moving = rolling_of(days, capital, annual_days)
    if moving is None:
        return None
    from backtests.reports.charts_statistics import rolling_chart  # noqa: PLC0415 - see above

    caption = _("Each point is computed from the %(window)s trading days up to it, as the whole run's figures are.")
    return chart_document(rolling_chart(days.trading_day, moving), caption % {"window": moving.window})


def excursions_json(
    bars: Sequence[BarSeries], fills: FillTable, multipliers: Sequence[float], *, red_up: bool = True
) -> ChartDocument | None:
    """How far each closed trade went for and against its holder, with bars and multiplier of each leg.

    None without a trade, and where the bars are no longer those of the run.
    """
    marks = TradeMarks.of(bars, fills, multipliers)
    if marks is None:
        return None
    from backtests.reports.charts_statistics import excursion_chart  # noqa: PLC0415 - see above

    caption = _("Each closed trade by the money it was down at worst and up at best, before commission.")
    if len(marks) < marks.total:
        caption += " " + _("The newest %(shown)s of %(total)s are drawn.") % {
            "shown": count(len(marks)),
            "total": count(marks.total),
        }
    return chart_document(excursion_chart(marks, red_up=red_up), caption)


def price_json(
    bars: BarSeries, fills: FillTable, price_tick: float, *, red_up: bool = True, leg: int = 0
) -> ChartDocument:
    """The price of one leg with its fills; ``bars`` may be a part of the run's, then with the fills in that part."""
    from backtests.reports.charts import price_chart  # noqa: PLC0415 - see above

    data = PriceData.of(bars, fills, price_tick, leg)
    return chart_document(price_chart(data, red_up=red_up), _price_caption(bars, data))


def signals_json(bars: BarSeries, fills: FillTable, signals: SignalMarks, price_tick: float) -> ChartDocument:
    """The price of an instrument, one point a bar, with decisions and fills."""
    from backtests.reports.charts import price_chart  # noqa: PLC0415 - see above

    data = PriceData.of(bars, fills, price_tick)
    text = _("%(bars)s bars, %(signals)s signals, %(fills)s fills. Times between sessions are left out.")
    facts = {"bars": count(len(bars)), "signals": count(len(signals.x)), "fills": count(data.fill_count)}
    return chart_document(price_chart(data, signals=signals), text % facts)


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
        text = _("%(bars)s bars, %(fills)s fills. Times between sessions are left out.") % facts
    else:
        text = _("%(bars)s bars, %(size)s a point: line at the close, band from low to high; %(fills)s fills.") % facts
        text += " " + _("Times between sessions are left out.")
    if data.density is not None:
        text += " " + _("The fills are counted below the price: marks would hide it.")
    return text
