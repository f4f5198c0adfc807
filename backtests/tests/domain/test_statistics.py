"""The block ``standard`` against hand-made cases: what is defined, what is not, and by which convention."""

import time

import numpy as np
import pytest

from backtests.domain.result import RunResult
from backtests.domain.statistics import standard
from backtests.domain.statistics_vnpy import vnpy
from backtests.tests.domain.statistics_cases import bar_series, fill_table, result_of

KEYS = [
    *("total_return", "annual_return", "annual_volatility", "sharpe", "sortino", "calmar", "omega", "tail_ratio"),
    *("stability", "var_95", "cvar_95", "max_drawdown", "max_drawdown_days", "win_rate", "payoff_ratio"),
    *("profit_factor", "expectancy", "trade_count", "net_profit", "commission", "slippage", "trading_days"),
]
OF_RETURNS = KEYS[1:11]


def test_it_gives_the_published_keys_in_their_order() -> None:
    assert list(standard(result_of([101.0, 99.0]), 100.0)) == KEYS


def test_hand_check_of_four_days() -> None:
    figures = standard(result_of([100.0, 110.0, 99.0, 105.0]), 100.0)
    returns = [0.0, 0.1, -0.1, 105 / 99 - 1]
    mean = sum(returns) / 4
    deviation = (sum((r - mean) ** 2 for r in returns) / 3) ** 0.5
    assert figures["total_return"] == pytest.approx(0.05, abs=1e-12)
    assert figures["max_drawdown"] == pytest.approx(-0.1, abs=1e-12)
    assert figures["max_drawdown_days"] == 2  # peak on day 2, still below it on day 4
    assert figures["annual_return"] == pytest.approx(1.05**63 - 1, rel=1e-12)
    assert figures["annual_volatility"] == pytest.approx(deviation * 252**0.5, rel=1e-12)
    assert figures["sharpe"] == pytest.approx(mean / deviation * 252**0.5, rel=1e-12)
    assert figures["sortino"] == pytest.approx(mean * 252 / ((0.01 / 4) ** 0.5 * 252**0.5), rel=1e-12)
    assert figures["calmar"] == pytest.approx((1.05**63 - 1) / 0.1, rel=1e-12)
    assert figures["omega"] == pytest.approx((0.1 + 105 / 99 - 1) / 0.1, rel=1e-12)
    assert figures["var_95"] == pytest.approx(-0.1 + 0.15 * 0.1, abs=1e-12)  # 0.15 of the way from rank 1 to 2
    assert figures["cvar_95"] == pytest.approx(-0.1, abs=1e-12)
    assert figures["trading_days"] == 4


def test_the_start_capital_is_the_first_peak() -> None:
    figures = standard(result_of([95.0, 105.0]), 100.0)
    assert figures["max_drawdown"] == pytest.approx(-0.05, abs=1e-12)
    assert figures["max_drawdown_days"] == 2


@pytest.mark.parametrize(
    ("equity", "days"),
    [
        ([101.0, 102.0, 103.0], 0),  # from peak to peak
        ([100.0, 100.0], 0),  # level with the peak is not under water
        ([99.0, 100.0, 101.0], 2),  # recovered on day 2
        ([110.0, 105.0, 104.0, 110.0, 109.0], 3),  # the recovery counts, the open spell is shorter
        ([110.0, 109.0, 110.0, 90.0, 91.0, 92.0], 3),  # not recovered: to the end
        ([90.0], 1),
    ],
)
def test_drawdown_length_runs_from_the_peak_to_recovery_or_end(equity: list[float], days: int) -> None:
    assert standard(result_of(equity), 100.0)["max_drawdown_days"] == days


def test_trades_count_a_zero_in_the_number_only() -> None:
    figures = standard(result_of([100.0], [30.0, -10.0, 0.0, 50.0, -30.0]), 100.0)
    assert figures["trade_count"] == 5
    assert figures["win_rate"] == pytest.approx(2 / 5)
    assert figures["payoff_ratio"] == pytest.approx(40.0 / 20.0)
    assert figures["profit_factor"] == pytest.approx(80.0 / 40.0)
    assert figures["expectancy"] == pytest.approx(8.0)


def test_money_is_that_of_the_run() -> None:
    figures = standard(result_of([98.0, 107.0]), 100.0)
    assert (figures["net_profit"], figures["commission"], figures["slippage"]) == (7.0, 12.5, 30.0)


def test_without_trades_their_figures_are_undefined() -> None:
    figures = standard(result_of([100.0, 100.0]), 100.0)
    assert figures["trade_count"] == 0
    assert [figures[key] for key in ("win_rate", "payoff_ratio", "profit_factor", "expectancy")] == [None] * 4


def test_only_wins_and_only_losses() -> None:
    wins = standard(result_of([100.0], [5.0, 1.0]), 100.0)
    losses = standard(result_of([100.0], [-5.0, -1.0]), 100.0)
    assert (wins["win_rate"], wins["payoff_ratio"], wins["profit_factor"]) == (1.0, None, None)
    assert (losses["win_rate"], losses["payoff_ratio"], losses["profit_factor"]) == (0.0, None, 0.0)


def test_without_deviation_the_ratios_are_undefined() -> None:
    figures = standard(result_of([100.0] * 5), 100.0)
    undefined = ("sharpe", "sortino", "calmar", "omega", "tail_ratio", "stability")
    assert [figures[key] for key in undefined] == [None] * 6
    zero = ("total_return", "annual_return", "annual_volatility", "var_95", "cvar_95", "max_drawdown")
    assert [figures[key] for key in zero] == [0.0] * 6


def test_equal_daily_gains_have_no_sharpe() -> None:
    equity = [100.0 * 1.01**day for day in range(1, 30)]
    assert standard(result_of(equity), 100.0)["sharpe"] is None


def test_a_single_day_has_no_deviation() -> None:
    figures = standard(result_of([101.0]), 100.0)
    assert figures["annual_return"] == pytest.approx(1.01**252 - 1, rel=1e-9)
    assert [figures[key] for key in ("annual_volatility", "sharpe", "sortino", "omega", "stability")] == [None] * 5
    assert figures["var_95"] == pytest.approx(0.01)
    assert figures["cvar_95"] == pytest.approx(0.01)


@pytest.mark.parametrize("equity", [[120.0, 0.0, 60.0], [120.0, -30.0, 60.0]])
def test_a_ruined_account_keeps_what_is_counted_in_money(equity: list[float]) -> None:
    figures = standard(result_of(equity), 100.0)
    assert [figures[key] for key in OF_RETURNS] == [None] * len(OF_RETURNS)
    assert figures["total_return"] == pytest.approx(-0.4)
    assert figures["max_drawdown"] == pytest.approx((equity[1] - 120) / 120)
    assert figures["max_drawdown_days"] == 2


def test_without_a_day_only_counts_and_money_are_defined() -> None:
    figures = standard(result_of([]), 100.0)
    defined = {key: value for key, value in figures.items() if value is not None}
    assert defined == {
        "trade_count": 0,
        "net_profit": 0.0,
        "commission": 12.5,
        "slippage": 30.0,
        "trading_days": 0,
    }


def test_growth_beyond_a_double_is_undefined() -> None:
    figures = standard(result_of([1e6]), 100.0)
    assert figures["annual_return"] is None
    assert figures["calmar"] is None


def test_other_days_in_the_year_change_only_what_is_annual() -> None:
    result = result_of([101.0, 99.0, 104.0], [3.0, -1.0])
    us, china = standard(result, 100.0), standard(result, 100.0, annual_days=242)
    changed = {key for key in KEYS if us[key] != china[key]}
    assert changed == {"annual_return", "annual_volatility", "sharpe", "sortino", "calmar"}
    assert china["annual_volatility"] == pytest.approx(float(us["annual_volatility"] or 0) * (242 / 252) ** 0.5)


def _six_years() -> RunResult:
    days = 100 * (1 + np.random.default_rng(7).normal(0.0002, 0.01, 1_500)).cumprod()
    return result_of(list(days), [1.0, -1.0] * 500)


def test_six_years_of_five_minute_bars_take_a_few_milliseconds() -> None:
    result = _six_years()
    minute = 60_000_000_000
    bars = bar_series([(i * 5 * minute, 4000.0 + i % 50) for i in range(100_000)])
    fills = fill_table([(i * 250 * minute, 1 - 2 * (i % 2), 4000.0, 1.0, 4.0, 10.0) for i in range(2_000)])
    best = 1.0
    for _ in range(7):
        begun = time.perf_counter()
        standard(result, 100.0)
        vnpy(bars, fills, 10.0, 1_000_000.0)
        best = min(best, time.perf_counter() - begun)
    assert best < 0.02  # 3 ms on an idle core; the room is for a busy one
