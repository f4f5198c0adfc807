"""The block ``vnpy``: what the CTA backtester of vn.py would print of the same fills, bug for bug.

Formulas read from ``vnpy_ctastrategy/backtesting.py`` 1.4.1 (``DailyResult``, ``calculate_statistics``,
``calc_rgr_ratio``), risk-free rate 0. Its oddities are kept on purpose: the day is the calendar date, so a
Saturday's 00:00 to 02:30 is a day of its own; returns are logarithmic but the annual return is linear; the
start capital is no peak; the duration ends at the trough; 240 days a year, but 252 in one place.
One thing differs in form, not in result: fill prices here contain the slippage, so that it is reported
and not subtracted again (vn.py fills without slippage and subtracts it from the day).
"""

import numpy as np
import numpy.typing as npt

from backtests.domain.result import FillTable
from backtests.domain.statistics_conventions import VNPY_ANNUAL_DAYS, VNPY_HALF_LIFE
from backtests.domain.statistics_vnpy_days import CalendarDays, calendar_days
from backtests.domain.statistics_vnpy_ratios import ewm_sharpe, rgr_ratio
from marketdata.domain.bars import BarSeries

Floats = npt.NDArray[np.float64]
Figure = float | int | str

PER_DAY = {
    "daily_net_pnl": "total_net_pnl",
    "daily_commission": "total_commission",
    "daily_slippage": "total_slippage",
    "daily_turnover": "total_turnover",
    "daily_trade_count": "total_trade_count",
}
"""Figures that are a total over the number of days."""

KEYS = (
    *("start_date", "end_date", "total_days", "profit_days", "loss_days", "capital", "end_balance"),
    *("max_drawdown", "max_ddpercent", "max_drawdown_duration", "total_net_pnl", "daily_net_pnl"),
    *("total_commission", "daily_commission", "total_slippage", "daily_slippage", "total_turnover"),
    *("daily_turnover", "total_trade_count", "daily_trade_count", "total_return", "annual_return"),
    *("daily_return", "return_std", "sharpe_ratio", "ewm_sharpe", "return_drawdown_ratio", "rgr_ratio"),
)
"""vn.py's names in vn.py's order."""


def vnpy(bars: BarSeries, fills: FillTable, multiplier: float, capital: float) -> dict[str, Figure]:
    """vn.py's figures of a run over ``bars``: money, and percent where vn.py gives percent.

    All are 0 (dates '') if there is no bar or if the capital or the balance of any day is zero or below; a
    figure that comes out NaN or infinite is 0 too, as in vn.py.
    """
    days = calendar_days(bars.start, bars.close, fills, multiplier)
    balance = days.net_pnl.cumsum() + capital
    figures: dict[str, Figure] = dict.fromkeys(KEYS, 0)
    figures |= {"start_date": "", "end_date": "", "capital": capital}
    if not len(balance) or capital <= 0 or bool(np.any(balance <= 0)):
        return figures
    figures |= _totals(days) | {"end_balance": float(balance[-1])} | _drawdown(days.date, balance)
    figures |= {day: float(figures[total]) / len(balance) for day, total in PER_DAY.items()}
    figures |= _returns(balance, capital, float(figures["max_ddpercent"]))
    return {key: _or_zero(value) for key, value in figures.items()}


def _or_zero(value: Figure) -> Figure:
    return value if isinstance(value, str) or np.isfinite(value) else 0.0


def _totals(days: CalendarDays) -> dict[str, Figure]:
    return {
        "start_date": _iso(days.date[0]),
        "end_date": _iso(days.date[-1]),
        "total_days": len(days.date),
        "profit_days": int(np.count_nonzero(days.net_pnl > 0)),
        "loss_days": int(np.count_nonzero(days.net_pnl < 0)),
        "total_net_pnl": float(days.net_pnl.sum()),
        "total_commission": float(days.commission.sum()),
        "total_slippage": float(days.slippage.sum()),
        "total_turnover": float(days.turnover.sum()),
        "total_trade_count": int(days.trade_count.sum()),
    }


def _iso(date: np.int64) -> str:
    return str(np.datetime64(int(date), "D"))


def _drawdown(dates: npt.NDArray[np.int64], balance: Floats) -> dict[str, Figure]:
    """Depth in money and in percent, each at its own worst day, and calendar days from peak to money trough."""
    high = np.maximum.accumulate(balance)
    trough = int(np.argmin(balance - high))
    peak = int(np.argmax(balance[: trough + 1]))
    return {
        "max_drawdown": float((balance - high)[trough]),
        "max_ddpercent": float(((balance - high) / high * 100).min()),
        "max_drawdown_duration": int(dates[trough] - dates[peak]),
    }


def _returns(balance: Floats, capital: float, ddpercent: float) -> dict[str, Figure]:
    """The figures in percent and the ratios made of the logarithmic daily returns of an always positive balance."""
    total = (float(balance[-1]) / capital - 1) * 100
    annual = total / len(balance) * VNPY_ANNUAL_DAYS
    returns = np.log(balance / np.concatenate(([capital], balance[:-1])))
    deviation = float(returns.std(ddof=1)) if len(returns) > 1 else float("nan")
    moving = deviation != 0.0  # NaN of a single day counts as true, as in vn.py, and ends as 0
    mean = float(returns.mean())
    return {
        "total_return": total,
        "annual_return": annual,
        "daily_return": mean * 100,
        "return_std": deviation * 100,
        "sharpe_ratio": mean / deviation * VNPY_ANNUAL_DAYS**0.5 if moving else 0.0,
        "ewm_sharpe": ewm_sharpe(returns, VNPY_HALF_LIFE, VNPY_ANNUAL_DAYS) if moving else 0.0,
        "return_drawdown_ratio": -total / ddpercent if ddpercent else 0.0,
        "rgr_ratio": rgr_ratio(returns, annual / 100, ddpercent),
    }
