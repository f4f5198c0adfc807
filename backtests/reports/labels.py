"""The words for figures, conventions and costs; what is stored are codes, texts follow the reader's language."""

from collections.abc import Callable
from typing import NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from backtests.reports import format as form

Number = float | int | None


class Label(NamedTuple):
    """The name of a figure and how it is printed."""

    name: Promise
    print: Callable[[Number], str]


STANDARD: dict[str, Label] = {
    "total_return": Label(_("Total return"), form.percent),
    "annual_return": Label(_("Annual return"), form.percent),
    "annual_volatility": Label(_("Annual volatility"), form.percent),
    "sharpe": Label(_("Sharpe ratio"), form.ratio),
    "sortino": Label(_("Sortino ratio"), form.ratio),
    "calmar": Label(_("Calmar ratio"), form.ratio),
    "omega": Label(_("Omega ratio"), form.ratio),
    "tail_ratio": Label(_("Tail ratio"), form.ratio),
    "stability": Label(_("Stability (R²)"), form.ratio),
    "var_95": Label(_("Value at risk 95 %, a day"), form.percent),
    "cvar_95": Label(_("Expected shortfall 95 %, a day"), form.percent),
    "max_drawdown": Label(_("Max drawdown"), form.percent),
    "max_drawdown_days": Label(_("Longest drawdown, trading days"), form.count),
    "max_drawdown_money": Label(_("Max drawdown, money"), form.money),
    "max_drawdown_peak_day": Label(_("Peak before the max drawdown"), form.day),
    "max_drawdown_trough_day": Label(_("Deepest day"), form.day),
    "max_drawdown_recovery_day": Label(_("Recovered on"), form.day),
    "max_drawdown_to_trough": Label(_("Peak to trough, trading days"), form.count),
    "max_drawdown_to_recover": Label(_("Trough to recovery, trading days"), form.count),
    "win_rate": Label(_("Win rate"), form.percent),
    "payoff_ratio": Label(_("Payoff ratio"), form.ratio),
    "profit_factor": Label(_("Profit factor"), form.ratio),
    "expectancy": Label(_("Mean profit a trade"), form.money),
    "trade_count": Label(_("Closed trades"), form.count),
    "longest_winning_streak": Label(_("Most wins in a row"), form.count),
    "longest_losing_streak": Label(_("Most losses in a row"), form.count),
    "average_holding_bars": Label(_("Mean holding, bars"), form.decimal),
    "average_holding_days": Label(_("Mean holding, trading days"), form.decimal),
    "mae_mean": Label(_("Against a trade (MAE), mean"), form.money),
    "mae_worst": Label(_("Against a trade (MAE), worst"), form.money),
    "mfe_mean": Label(_("For a trade (MFE), mean"), form.money),
    "mfe_best": Label(_("For a trade (MFE), best"), form.money),
    "net_profit": Label(_("Net profit"), form.money),
    "commission": Label(_("Commission"), form.money),
    "slippage": Label(_("Slippage (inside the prices)"), form.money),
    "trading_days": Label(_("Trading days"), form.count),
    "turnover": Label(_("Turnover"), form.money),
    "annual_turnover": Label(_("Turnover a year, times the equity"), form.decimal),
    "exposure": Label(_("Bars with a position"), form.percent),
    "benchmark_return": Label(_("Benchmark return"), form.percent),
    "alpha": Label(_("Alpha, a year"), form.percent),
    "beta": Label(_("Beta"), form.ratio),
    "information_ratio": Label(_("Information ratio"), form.ratio),
}

VNPY: dict[str, Label] = {
    "start_date": Label(_("First day"), form.count),
    "end_date": Label(_("Last day"), form.count),
    "total_days": Label(_("Days"), form.count),
    "profit_days": Label(_("Winning days"), form.count),
    "loss_days": Label(_("Losing days"), form.count),
    "capital": Label(_("Start capital"), form.money),
    "end_balance": Label(_("End balance"), form.money),
    "max_drawdown": Label(_("Max drawdown, money"), form.money),
    "max_ddpercent": Label(_("Max drawdown"), form.percent_points),
    "max_drawdown_duration": Label(_("Peak to trough, calendar days"), form.count),
    "total_net_pnl": Label(_("Net profit"), form.money),
    "daily_net_pnl": Label(_("Net profit a day"), form.money),
    "total_commission": Label(_("Commission"), form.money),
    "daily_commission": Label(_("Commission a day"), form.money),
    "total_slippage": Label(_("Slippage (inside the prices)"), form.money),
    "daily_slippage": Label(_("Slippage a day"), form.money),
    "total_turnover": Label(_("Turnover"), form.money),
    "daily_turnover": Label(_("Turnover a day"), form.money),
    "total_trade_count": Label(_("Fills"), form.count),
    "daily_trade_count": Label(_("Fills a day"), form.decimal),
    "total_return": Label(_("Total return"), form.percent_points),
    "annual_return": Label(_("Annual return"), form.percent_points),
    "daily_return": Label(_("Mean daily return"), form.percent_of_day),
    "return_std": Label(_("Deviation of daily returns"), form.percent_of_day),
    "sharpe_ratio": Label(_("Sharpe ratio"), form.ratio),
    "ewm_sharpe": Label(_("Sharpe ratio, weighted"), form.ratio),
    "return_drawdown_ratio": Label(_("Return over drawdown"), form.ratio),
    "rgr_ratio": Label(_("RGR ratio"), form.ratio),
}

GROUPS: dict[str, Promise] = {
    "total_return": _("Return and risk"),
    "max_drawdown": _("Drawdown"),
    "win_rate": _("Trades"),
    "net_profit": _("Money and market"),
    "benchmark_return": _("Beside buying and holding"),
}
"""Headings among the standard figures, each before the figure that it is keyed by."""

BLOCKS: dict[str, dict[str, Label]] = {"standard": STANDARD, "vnpy": VNPY}

CONVENTION_NAMES: dict[str, Promise] = {
    "returns": _("Returns"),
    "annual_days": _("Days in a year"),
    "annual_return": _("Annual return is"),
    "risk_free": _("Risk-free rate"),
    "ddof": _("Degrees of freedom taken off (ddof)"),
    "drawdown_base": _("Drawdown from"),
    "drawdown_length": _("Length of a drawdown"),
    "day_key": _("A day is"),
    "unit": _("Unit in files and API"),
    "trade": _("A trade is"),
    "slippage": _("Slippage"),
    "undefined": _("Undefined figures"),
}

CONVENTION_VALUES: dict[str, Promise] = {
    "simple_from_capital": _("simple, the first one from the start capital"),
    "log_from_capital": _("logarithmic, the first one from the start capital"),
    "compounded": _("compounded"),
    "linear": _("linear, not compounded"),
    "capital_included": _("the running peak, start capital included"),
    "capital_excluded": _("the running peak from day 1, start capital excluded"),
    "trading_days_to_recovery": _("trading days from a peak to its recovery or to the end, the longest"),
    "calendar_days_to_trough": _("calendar days from the peak to the deepest point in money"),
    "trading_day": _("a trading day with at least one bar"),
    "calendar_date": _("a calendar date of the bar's start, a Saturday after midnight too"),
    "fraction": _("fractions, shown here as percent"),
    "percent": _("percent"),
    "closed_lot_fifo_net": _("a closed lot, first in first out, net of both commissions; a win is above 0"),
    "fill": _("a fill"),
    "in_fill_prices": _("inside the fill prices, not subtracted again"),
    "null": _("a dash"),
    "zero": _("zero"),
}

COST_NAMES: dict[str, Promise] = {
    "multiplier": _("Multiplier"),
    "price_tick": _("Price tick"),
    "slippage_ticks": _("Slippage, ticks a fill"),
}

RATE_NAMES: dict[str, Promise] = {
    "open_by_money": _("Open, rate"),
    "open_by_volume": _("Open, a lot"),
    "close_by_money": _("Close, rate"),
    "close_by_volume": _("Close, a lot"),
    "close_today_by_money": _("Close today, rate"),
    "close_today_by_volume": _("Close today, a lot"),
    "long_by_money": _("Long, rate"),
    "long_by_volume": _("Long, a lot"),
    "short_by_money": _("Short, rate"),
    "short_by_volume": _("Short, a lot"),
}

DIRECTIONS: dict[str, Promise] = {"buy": pgettext_lazy("side", "buy"), "sell": pgettext_lazy("side", "sell")}

OFFSETS: dict[str, Promise] = {
    "open": pgettext_lazy("offset", "open"),
    "close": pgettext_lazy("offset", "close"),
    "force_close": pgettext_lazy("offset", "forced close"),
    "close_today": pgettext_lazy("offset", "close today"),
    "close_yesterday": pgettext_lazy("offset", "close yesterday"),
}
