"""The block ``vnpy`` to 1e-9 against vn.py's rules written a second time over pandas, and its oddities by hand."""

from typing import Any, cast

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings

from backtests.domain.statistics_conventions import CONVENTIONS
from backtests.domain.statistics_vnpy import KEYS, vnpy
from backtests.tests.domain.statistics_cases import Market, bar_series, fill_table, markets, shanghai_ns

SIZE = 10.0
Fill = tuple[int, int, float, float, float, float]


def _daily(bars: list[tuple[int, float]], fills: list[Fill]) -> pd.DataFrame:
    """One row a calendar date, walked through as ``DailyResult`` does: position in, fills, position out."""
    stamps = pd.to_datetime([start for start, _ in bars], utc=True).tz_convert("Asia/Shanghai")
    closes: Any = pd.Series([close for _, close in bars]).groupby(stamps.date).last()
    rows, position, previous = [], 0.0, 1.0
    for day, close in closes.items():
        row: dict[str, Any] = {"date": day, "trade_count": 0, "commission": 0.0, "slippage": 0.0, "turnover": 0.0}
        profit = position * (close - previous) * SIZE
        for start, side, price, volume, commission, slippage in fills:
            if pd.Timestamp(start, tz="UTC").tz_convert("Asia/Shanghai").date() != day:
                continue
            profit += side * volume * (close - price) * SIZE
            position += side * volume
            row["trade_count"] += 1
            row["commission"] += commission
            row["slippage"] += slippage
            row["turnover"] += price * volume * SIZE
        previous = close
        rows.append(row | {"net_pnl": profit - row["commission"]})
    return pd.DataFrame(rows).set_index("date")


def _ratio_of_growth(returns: pd.Series, annual: float, depth: float) -> float:
    gain = np.log(1 + annual) if annual > 0 else -np.log(1 - annual)
    steady = 1 / (1 + returns.std()) if returns.std() > 0 else 0.0
    bonus = 1 + 0.1 * np.tanh(float(cast("float", returns.skew())))
    tailed = float(cast("float", returns.kurt()))
    penalty = 1 / (1 + 0.05 * max(tailed - 3, 0.0))
    downside = np.sqrt((returns.clip(upper=0) ** 2).mean() * 252)
    tail = abs(returns.nsmallest(int(np.ceil(0.05 * len(returns)))).mean()) or depth / 2
    return float(gain * steady * bonus * penalty / (0.5 * max(downside, 1e-6) + 0.3 * depth + 0.2 * tail))


def _oracle(bars: list[tuple[int, float]], fills: list[Fill], capital: float) -> dict[str, Any]:
    frame = _daily(bars, fills)
    balance = capital + frame["net_pnl"].cumsum()
    if (balance <= 0).any():
        return dict.fromkeys(KEYS, 0) | {"start_date": "", "end_date": "", "capital": capital}
    # vn.py takes the logarithm of the quotient; a difference of logarithms loses digits where the day's change is tiny
    returns: Any = np.log(balance / balance.shift(fill_value=capital))
    below = balance - balance.cummax()
    percent = (balance / balance.cummax() - 1).min() * 100
    trough: Any = below.idxmin()
    total = (balance.iloc[-1] / capital - 1) * 100
    moving = frame["net_pnl"].ne(0).any() and len(frame) > 1
    ewm = returns.ewm(halflife=120)
    sums = frame[["net_pnl", "commission", "slippage", "turnover", "trade_count"]].sum()
    figures: dict[str, Any] = {
        "start_date": str(frame.index[0]),
        "end_date": str(frame.index[-1]),
        "total_days": len(frame),
        "profit_days": (frame["net_pnl"] > 0).sum(),
        "loss_days": (frame["net_pnl"] < 0).sum(),
        "capital": capital,
        "end_balance": balance.iloc[-1],
        "max_drawdown": below.min(),
        "max_ddpercent": percent,
        "max_drawdown_duration": (trough - balance[:trough].idxmax()).days,
        "total_return": total,
        "annual_return": total * 240 / len(frame),
        "daily_return": returns.mean() * 100,
        "return_std": returns.std() * 100,
        "sharpe_ratio": returns.mean() / returns.std() * 240**0.5 if moving else 0,
        "ewm_sharpe": (ewm.mean() / ewm.std()).iloc[-1] * 240**0.5 if moving else 0,
        "return_drawdown_ratio": -total / percent if percent else 0,
        "rgr_ratio": _ratio_of_growth(returns, total * 2.4 / len(frame), -percent / 100),
    }
    figures |= {f"total_{name}": value for name, value in sums.items()}
    figures |= {f"daily_{name}": value / len(frame) for name, value in sums.items()}
    return {key: 0 if isinstance(value, float) and not np.isfinite(value) else value for key, value in figures.items()}


@given(markets())
@settings(max_examples=80, deadline=None)
def test_it_equals_the_oracle(market: Market) -> None:
    bars, fills = market
    actual = vnpy(bar_series(bars), fill_table(fills), SIZE, 100_000.0)
    expected = _oracle(bars, fills, 100_000.0)
    assert set(actual) == set(expected) == set(KEYS)
    for key in KEYS:
        if isinstance(expected[key], str):
            assert actual[key] == expected[key], key
        else:
            assert actual[key] == pytest.approx(expected[key], rel=1e-9, abs=1e-9), key


HAND_BARS = [
    (shanghai_ns("2024-03-01 14:00"), 4000.0),  # Friday
    (shanghai_ns("2024-03-01 21:00"), 4010.0),  # Friday night, of Monday's trading day
    (shanghai_ns("2024-03-02 00:30"), 4020.0),  # Saturday after midnight
    (shanghai_ns("2024-03-04 09:00"), 3990.0),  # Monday
]


def test_hand_made_case_with_a_saturday_of_its_own() -> None:
    fills = fill_table([(HAND_BARS[1][0], 1, 4005.0, 2.0, 8.0, 40.0), (HAND_BARS[3][0], -1, 4000.0, 2.0, 9.0, 40.0)])
    figures = vnpy(bar_series(HAND_BARS), fills, SIZE, 10_000.0)
    # Friday: 2 x (4010 - 4005) x 10 - 8 = 92; Saturday: 2 x 10 x 10 = 200;
    # Monday: 2 x (3990 - 4020) x 10 - 2 x (3990 - 4000) x 10 - 9 = -409
    assert (figures["start_date"], figures["end_date"], figures["total_days"]) == ("2024-03-01", "2024-03-04", 3)
    assert (figures["profit_days"], figures["loss_days"], figures["total_trade_count"]) == (2, 1, 2)
    assert figures["end_balance"] == pytest.approx(9_883.0)
    assert figures["total_net_pnl"] == pytest.approx(-117.0)
    assert figures["max_drawdown"] == pytest.approx(-409.0)
    assert figures["max_ddpercent"] == pytest.approx(-409.0 / 10_292.0 * 100)
    assert figures["max_drawdown_duration"] == 2  # Saturday to Monday
    assert figures["total_commission"] == pytest.approx(17.0)
    assert figures["total_slippage"] == pytest.approx(80.0)
    assert figures["total_turnover"] == pytest.approx((4005 + 4000) * 20)
    assert figures["total_return"] == pytest.approx(-1.17)
    assert figures["annual_return"] == pytest.approx(-1.17 / 3 * 240)


def test_a_fill_on_a_tick_within_a_dates_last_minute_is_of_that_date() -> None:
    deals = [(HAND_BARS[1][0], 1, 4005.0, 2.0, 8.0, 40.0), (HAND_BARS[3][0], -1, 4000.0, 2.0, 9.0, 40.0)]
    on_bars, on_ticks = (
        vnpy(bar_series(HAND_BARS), fill_table([(row[0] + later, *row[1:]) for row in deals]), SIZE, 10_000.0)
        for later in (0, 59_500_000_000)
    )
    assert on_ticks == on_bars


def test_the_start_capital_is_no_peak() -> None:
    """E = 95, 105 from 100: no drawdown here, -5 % in the block ``standard``."""
    bars = [(shanghai_ns("2024-03-04 09:00"), 100.0), (shanghai_ns("2024-03-05 09:00"), 110.0)]
    fills = fill_table([(bars[0][0], 1, 105.0, 1.0, 0.0, 0.0)])
    figures = vnpy(bar_series(bars), fills, 1.0, 100.0)
    assert figures["end_balance"] == 105.0
    assert (figures["max_drawdown"], figures["max_ddpercent"], figures["return_drawdown_ratio"]) == (0.0, 0.0, 0.0)


def test_percent_and_money_drawdowns_may_lie_on_different_days() -> None:
    """Balance 100, 80 (-20, -20 %), 1000, 900 (-100, -10 %): money from the last, percent from the second."""
    closes = [100.0, 80.0, 1000.0, 900.0]
    bars = [(shanghai_ns(f"2024-03-0{4 + day} 09:00"), close) for day, close in enumerate(closes)]
    figures = vnpy(bar_series(bars), fill_table([(bars[0][0], 1, 100.0, 1.0, 0.0, 0.0)]), 1.0, 100.0)
    assert figures["max_drawdown"] == pytest.approx(-100.0)
    assert figures["max_ddpercent"] == pytest.approx(-20.0)
    assert figures["max_drawdown_duration"] == 1


@pytest.mark.parametrize("loss", [100.0, 150.0])
def test_a_balance_of_zero_or_below_makes_everything_zero(loss: float) -> None:
    bars = [(shanghai_ns(f"2024-03-0{4 + day} 09:00"), 1000.0 - loss * (day == 1)) for day in range(3)]
    figures = vnpy(bar_series(bars), fill_table([(bars[0][0], 1, 1000.0, 1.0, 0.0, 0.0)]), 1.0, 100.0)
    expected = dict.fromkeys(KEYS, 0) | {"start_date": "", "end_date": "", "capital": 100.0}
    assert figures == expected


def test_no_bar_and_no_fill() -> None:
    nothing = vnpy(bar_series([]), fill_table(), SIZE, 100.0)
    assert (nothing["total_days"], nothing["start_date"], nothing["sharpe_ratio"]) == (0, "", 0)
    idle = vnpy(bar_series(HAND_BARS), fill_table(), SIZE, 100.0)
    assert (idle["total_days"], idle["end_balance"], idle["sharpe_ratio"], idle["rgr_ratio"]) == (3, 100.0, 0, 0)


def test_a_single_day_has_no_ratio() -> None:
    bars = HAND_BARS[:2]
    figures = vnpy(bar_series(bars), fill_table([(bars[0][0], 1, 4000.0, 1.0, 0.0, 0.0)]), SIZE, 10_000.0)
    assert figures["total_return"] == pytest.approx(1.0)
    assert [figures[key] for key in ("return_std", "sharpe_ratio", "ewm_sharpe", "rgr_ratio")] == [0.0] * 4


def test_conventions_name_the_same_things_for_both_blocks() -> None:
    assert CONVENTIONS["standard"].keys() == CONVENTIONS["vnpy"].keys()
    assert (CONVENTIONS["standard"]["annual_days"], CONVENTIONS["vnpy"]["annual_days"]) == (252, 240)
    assert all(convention["risk_free"] == 0 and convention["ddof"] == 1 for convention in CONVENTIONS.values())
