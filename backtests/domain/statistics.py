"""The block ``standard``: the figures of one backtest, by trading day, in fractions and money.

Conventions: ``statistics_conventions.STANDARD``. Formulas: the modules ``statistics_returns``,
``statistics_drawdown``, ``statistics_trades``, ``statistics_market`` and ``statistics_benchmark``, one small
function a figure. An optimisation calls it once a trial, so nothing here loops over days, fills or trades.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from backtests.domain import statistics_benchmark as beside
from backtests.domain import statistics_drawdown as under_water
from backtests.domain import statistics_market as market
from backtests.domain import statistics_returns as daily
from backtests.domain import statistics_trades as lots
from backtests.domain.result import DayTable, RunResult, TradeTable
from backtests.domain.statistics_conventions import STANDARD_ANNUAL_DAYS
from marketdata.domain.bars import BarSeries
from marketdata.domain.calendar import from_day_number

Floats = npt.NDArray[np.float64]
Figure = float | int | None
Figures = dict[str, Figure]

HEADLINE = ("total_return", "annual_return", "max_drawdown", "sharpe", "win_rate", "payoff_ratio")
"""The six that people name first, in the order in which they are shown."""

_DRAWDOWN = (
    *("max_drawdown", "max_drawdown_days", "max_drawdown_money", "max_drawdown_peak_day", "max_drawdown_trough_day"),
    *("max_drawdown_recovery_day", "max_drawdown_to_trough", "max_drawdown_to_recover"),
)


def standard(
    result: RunResult,
    capital: float,
    annual_days: int = STANDARD_ANNUAL_DAYS,
    *,
    bars: BarSeries | Sequence[BarSeries] | None = None,
    multiplier: float | Sequence[float] | None = None,
    benchmark: Floats | None = None,
) -> Figures:
    """The figures of ``result`` that started with ``capital``; None where one is undefined, never NaN.

    ``bars`` and ``multiplier`` are those of the run, of several legs one each in their order. Without ``bars``
    exposure, excursions and the comparison with holding are None, without ``multiplier`` turnover and excursions.
    ``benchmark`` are simple returns of the run's trading days, shape ``(days,)``; left out it is buying the first
    bar and holding. Days are numbers that read YYYYMMDD. If equity was ever zero or below, the figures made of
    returns are all None (``simple_returns``); what is counted in money, the total return and the drawdown stay.
    Raises ``ValueError`` where the benchmark has another length than the days, or the multipliers than the bars.
    """
    equity, days = result.days.equity, result.days
    series, worth = _legs(bars, multiplier)
    returns = daily.simple_returns(equity, capital)
    drawdown = _of_drawdown(days, capital)
    traded = market.turnover(result.fills, worth) if worth else None
    return {
        "total_return": total_return(equity, capital),
        **_of_returns(returns, annual_days, drawdown["max_drawdown"]),
        **drawdown,
        **_of_trades(result.trades.net_profit),
        **_of_holding(result.trades, days),
        **_of_excursions(result.trades, series, worth),
        "net_profit": float(result.net_profit),
        "commission": float(result.commission),
        "slippage": float(result.slippage),
        "trading_days": len(equity),
        "turnover": traded,
        "annual_turnover": market.annual_turnover(traded, equity, annual_days),
        "exposure": market.exposure(result.fills, series),
        **_of_benchmark(returns, _benchmark(benchmark, days, series), annual_days),
    }


def total_return(equity: Floats, capital: float) -> float | None:
    """``E_n / E_0 - 1``. None without a day or a capital."""
    if not len(equity) or capital <= 0:
        return None
    return daily.finite(equity[-1] / capital - 1.0)


def day_number(day: int | None) -> int | None:
    """Days since the epoch as the number that reads YYYYMMDD, as CTP writes a trading day."""
    if day is None:
        return None
    moment = from_day_number(day)
    return moment.year * 10_000 + moment.month * 100 + moment.day


def _legs(
    bars: BarSeries | Sequence[BarSeries] | None, multiplier: float | Sequence[float] | None
) -> tuple[tuple[BarSeries, ...], tuple[float, ...]]:
    """Bars and multipliers by leg, empty where not given. Raises ``ValueError`` where their numbers differ."""
    series = () if bars is None else (bars,) if isinstance(bars, BarSeries) else tuple(bars)
    if multiplier is None:
        return series, ()
    worth = tuple(multiplier) if isinstance(multiplier, Sequence) else (float(multiplier),) * max(len(series), 1)
    if series and len(worth) != len(series):
        raise ValueError(f"{len(worth)} multipliers for the bars of {len(series)} legs")
    return series, worth


def _of_returns(returns: Floats | None, annual_days: int, depth: float | None) -> Figures:
    """The figures made of daily returns, of no day at all where the returns themselves are undefined."""
    known = returns if returns is not None else np.empty(0)
    ordered = np.sort(known)
    yearly = daily.annual_return(known, annual_days)
    return {
        "annual_return": yearly,
        "annual_volatility": daily.annual_volatility(known, annual_days),
        "sharpe": daily.sharpe(known, annual_days),
        "sortino": daily.sortino(known, annual_days),
        "calmar": daily.calmar(yearly, depth),
        "omega": daily.omega(known),
        "tail_ratio": daily.tail_ratio(ordered),
        "stability": daily.stability(known),
        "var_95": daily.var_95(ordered),
        "cvar_95": daily.cvar_95(ordered),
    }


def _of_drawdown(days: DayTable, capital: float) -> Figures:
    """Depth and length of drawdowns, and the days of the deepest one."""
    water = under_water.Water.of(days.equity, capital)
    if water is None:
        return dict.fromkeys(_DRAWDOWN)
    spell = water.deepest(days.trading_day)
    longest = {"max_drawdown_days": water.longest(), "max_drawdown_money": water.money()}
    if spell is None:
        return {**dict.fromkeys(_DRAWDOWN), "max_drawdown": 0.0, **longest}
    return {
        "max_drawdown": daily.finite(spell.depth),
        **longest,
        "max_drawdown_peak_day": day_number(spell.peak_day),
        "max_drawdown_trough_day": day_number(spell.trough_day),
        "max_drawdown_recovery_day": day_number(spell.recovery_day),
        "max_drawdown_to_trough": spell.to_trough,
        "max_drawdown_to_recover": spell.to_recover,
    }


def _of_trades(profits: Floats) -> Figures:
    """The figures made of the net profits of closed lots."""
    tally = lots.Tally.of(profits)
    return {
        "win_rate": lots.win_rate(tally),
        "payoff_ratio": lots.payoff_ratio(tally),
        "profit_factor": lots.profit_factor(tally),
        "expectancy": lots.expectancy(tally),
        "trade_count": tally.number,
        "longest_winning_streak": lots.longest_streak(tally.is_win),
        "longest_losing_streak": lots.longest_streak(tally.is_loss),
    }


def _of_holding(trades: TradeTable, days: DayTable) -> Figures:
    """How long closed lots were held."""
    return {
        "average_holding_bars": lots.average_holding_bars(trades),
        "average_holding_days": lots.average_holding_days(trades, days),
    }


def _of_excursions(trades: TradeTable, series: Sequence[BarSeries], worth: Sequence[float]) -> Figures:
    """How far trades went for and against their holder, in money."""
    if not len(trades) or not series or not worth:
        return dict.fromkeys(("mae_mean", "mae_worst", "mfe_mean", "mfe_best"))
    found = market.excursions(trades, series, worth)
    return {
        "mae_mean": daily.finite(found.mae.mean()),
        "mae_worst": daily.finite(found.mae.min()),
        "mfe_mean": daily.finite(found.mfe.mean()),
        "mfe_best": daily.finite(found.mfe.max()),
    }


def _benchmark(given: Floats | None, days: DayTable, series: Sequence[BarSeries]) -> Floats | None:
    """The benchmark's daily returns: the given ones, else those of holding the bars; None where there are none."""
    if given is None:
        return beside.buy_and_hold(days.trading_day, series)
    if given.shape != days.equity.shape:
        raise ValueError(f"the benchmark has shape {given.shape}, the run has {len(days)} trading days")
    return given


def _of_benchmark(returns: Floats | None, benchmark: Floats | None, annual_days: int) -> Figures:
    """The run beside the benchmark; without either of them there are no days to compare."""
    none = np.empty(0)
    own, other = (none, none) if returns is None or benchmark is None else (returns, benchmark)
    slope = beside.beta(own, other)
    return {
        "benchmark_return": beside.total_return(benchmark) if benchmark is not None else None,
        "alpha": beside.alpha(own, other, slope, annual_days),
        "beta": slope,
        "information_ratio": beside.information_ratio(own, other, annual_days),
    }
