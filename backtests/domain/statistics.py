"""The block ``standard``: the figures of one backtest, by trading day, in fractions and money.

Conventions: ``statistics_conventions.STANDARD``. Formulas: the modules ``statistics_returns``,
``statistics_drawdown`` and ``statistics_trades``, one small function a figure.
"""

import numpy as np
import numpy.typing as npt

from backtests.domain import statistics_drawdown as under_water
from backtests.domain import statistics_returns as daily
from backtests.domain import statistics_trades as lots
from backtests.domain.result import RunResult
from backtests.domain.statistics_conventions import STANDARD_ANNUAL_DAYS

Floats = npt.NDArray[np.float64]
Figure = float | int | None


def standard(result: RunResult, capital: float, annual_days: int = STANDARD_ANNUAL_DAYS) -> dict[str, Figure]:
    """The figures of ``result`` that started with ``capital``; None where one is undefined, never NaN.

    If equity was ever zero or below, the figures made of returns are all None (``simple_returns``); what is
    counted in money, the total return and the drawdown stay.
    """
    equity = result.days.equity
    depth = under_water.max_drawdown(equity, capital)
    return {
        "total_return": total_return(equity, capital),
        **_of_returns(daily.simple_returns(equity, capital), annual_days, depth),
        "max_drawdown": depth,
        "max_drawdown_days": under_water.max_drawdown_days(equity, capital),
        **_of_trades(result.trades.net_profit),
        "net_profit": float(result.net_profit),
        "commission": float(result.commission),
        "slippage": float(result.slippage),
        "trading_days": len(equity),
    }


def total_return(equity: Floats, capital: float) -> float | None:
    """``E_n / E_0 - 1``. None without a day or a capital."""
    if not len(equity) or capital <= 0:
        return None
    return daily.finite(equity[-1] / capital - 1.0)


def _of_returns(returns: Floats | None, annual_days: int, depth: float | None) -> dict[str, Figure]:
    """The figures made of daily returns, of no day at all where the returns themselves are undefined."""
    known = returns if returns is not None else np.empty(0)
    yearly = daily.annual_return(known, annual_days)
    return {
        "annual_return": yearly,
        "annual_volatility": daily.annual_volatility(known, annual_days),
        "sharpe": daily.sharpe(known, annual_days),
        "sortino": daily.sortino(known, annual_days),
        "calmar": daily.calmar(yearly, depth),
        "omega": daily.omega(known),
        "tail_ratio": daily.tail_ratio(known),
        "stability": daily.stability(known),
        "var_95": daily.var_95(known),
        "cvar_95": daily.cvar_95(known),
    }


def _of_trades(profits: Floats) -> dict[str, Figure]:
    """The figures made of the net profits of closed lots."""
    return {
        "win_rate": lots.win_rate(profits),
        "payoff_ratio": lots.payoff_ratio(profits),
        "profit_factor": lots.profit_factor(profits),
        "expectancy": lots.expectancy(profits),
        "trade_count": len(profits),
    }
