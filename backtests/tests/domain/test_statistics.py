"""The block ``standard`` against hand-made cases: what is defined, what is not, and by which convention."""

import json

import numpy as np
import pytest

from backtests.domain.statistics import HEADLINE, standard
from backtests.tests.domain.statistics_cases import market_case, result_of

KEYS = [
    *("total_return", "annual_return", "annual_volatility", "sharpe", "sortino", "calmar", "omega", "tail_ratio"),
    *("stability", "var_95", "cvar_95", "max_drawdown", "max_drawdown_days", "max_drawdown_money"),
    *("max_drawdown_peak_day", "max_drawdown_trough_day", "max_drawdown_recovery_day", "max_drawdown_to_trough"),
    *("max_drawdown_to_recover", "win_rate", "payoff_ratio", "profit_factor", "expectancy", "trade_count"),
    *("longest_winning_streak", "longest_losing_streak", "average_holding_bars", "average_holding_days"),
    *("mae_mean", "mae_worst", "mfe_mean", "mfe_best", "net_profit", "commission", "slippage", "trading_days"),
    *("turnover", "annual_turnover", "exposure", "benchmark_return", "alpha", "beta", "information_ratio"),
]
OF_MARKET = ["mae_mean", "mae_worst", "mfe_mean", "mfe_best", *KEYS[-7:]]
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
        "longest_winning_streak": 0,
        "longest_losing_streak": 0,
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


def test_the_six_that_people_name_first_are_in_the_block() -> None:
    assert HEADLINE == ("total_return", "annual_return", "max_drawdown", "sharpe", "win_rate", "payoff_ratio")
    assert set(HEADLINE) <= set(KEYS)


def test_without_bars_and_multiplier_what_needs_them_is_undefined() -> None:
    figures = standard(result_of([101.0, 99.0], [3.0, -1.0]), 100.0)
    assert [figures[key] for key in OF_MARKET] == [None] * len(OF_MARKET)


def test_with_bars_every_figure_of_an_ordinary_run_is_a_plain_number() -> None:
    case = market_case()
    figures = standard(case.result, 100_000.0, bars=case.bars, multiplier=10.0)
    assert {key: type(value) for key, value in figures.items() if type(value) not in (int, float)} == {}
    assert json.loads(json.dumps(figures, allow_nan=False)) == figures


def test_the_days_of_the_deepest_drawdown_read_as_dates() -> None:
    result = result_of([110.0, 99.0, 88.0, 104.0, 110.0, 120.0])  # 1970-01-01 and on
    figures = standard(result, 100.0)
    assert figures["max_drawdown"] == pytest.approx(-0.2)
    assert figures["max_drawdown_money"] == pytest.approx(-22.0)
    assert figures["max_drawdown_peak_day"] == 19700101
    assert figures["max_drawdown_trough_day"] == 19700103
    assert figures["max_drawdown_recovery_day"] == 19700105
    assert (figures["max_drawdown_to_trough"], figures["max_drawdown_to_recover"]) == (2, 2)


def test_a_drawdown_from_the_start_has_no_peak_day_and_one_not_made_good_no_recovery() -> None:
    figures = standard(result_of([95.0, 90.0, 99.0]), 100.0)
    assert figures["max_drawdown_peak_day"] is None
    assert figures["max_drawdown_trough_day"] == 19700102
    assert figures["max_drawdown_recovery_day"] is None
    assert (figures["max_drawdown_to_trough"], figures["max_drawdown_to_recover"]) == (2, None)


def test_without_a_drawdown_it_has_a_depth_of_zero_and_no_days() -> None:
    figures = standard(result_of([101.0, 102.0]), 100.0)
    assert (figures["max_drawdown"], figures["max_drawdown_days"], figures["max_drawdown_money"]) == (0.0, 0, 0.0)
    assert [figures[key] for key in KEYS if key.startswith("max_drawdown_") and "_t" in key] == [None] * 3


def test_a_trade_of_zero_ends_a_streak() -> None:
    figures = standard(result_of([100.0], [1.0, 2.0, 0.0, 3.0, -1.0, -1.0, 0.0, -1.0]), 100.0)
    assert (figures["longest_winning_streak"], figures["longest_losing_streak"]) == (2, 2)


def test_bars_and_multipliers_must_be_of_the_same_legs() -> None:
    case = market_case()
    with pytest.raises(ValueError, match="3 multipliers for the bars of 1 legs"):
        standard(case.result, 100_000.0, bars=case.bars, multiplier=[1.0, 2.0, 3.0])


def test_a_benchmark_must_have_the_days_of_the_run() -> None:
    with pytest.raises(ValueError, match=r"shape \(3,\), the run has 2"):
        standard(result_of([101.0, 99.0]), 100.0, benchmark=np.zeros(3))
