"""double_ma on six years of real five-minute bars, against pandas columns that know no engine."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from backtests.domain.costs import CostTable, fees_given, margins_given
from backtests.domain.engine import RunConfig, run
from backtests.domain.result import RunResult
from marketdata.domain.bars import BarSeries
from strategies import registry

RB = "bars/SHFE.rb.HOT_5m_2014-2019.csv.gz"
FAST, SLOW, CAPITAL, MULTIPLIER, SLIPPAGE = 10, 30, 1_000_000.0, 10.0, 1.0
OPEN_RATE, CLOSE_TODAY_RATE, PER_LOT = 0.0001, 0.0003, 0.5

pytestmark = pytest.mark.real_data


@pytest.fixture(scope="module")
def frame(shared_data: Path) -> pd.DataFrame:
    """The file, with the trading day: a night bar belongs to the next date that has a morning bar."""
    bars = pd.read_csv(shared_data / RB, parse_dates=["datetime"])
    starts = bars["datetime"] - pd.Timedelta(minutes=5)
    mornings = pd.DatetimeIndex(starts[starts.dt.hour == 9].dt.normalize().unique()).sort_values()
    earliest = starts.dt.normalize() + pd.to_timedelta((starts.dt.hour >= 18).astype(int), unit="D")
    bars["trading_day"] = mornings[mornings.searchsorted(earliest)]
    bars["start"] = (
        starts.dt.tz_localize("Asia/Shanghai").dt.tz_convert("UTC").astype("datetime64[ns, UTC]").astype(int)
    )
    return bars


@pytest.fixture(scope="module")
def result(frame: pd.DataFrame) -> RunResult:
    names = ("open", "high", "low", "close", "volume", "turnover", "open_interest")
    days = frame["trading_day"].to_numpy("datetime64[D]").astype(np.int32)
    values = (frame[name].to_numpy(float) for name in names)
    bars = BarSeries("rb88.SHFE", "5m", frame["start"].to_numpy(), days, *values)
    fees, margins = fees_given(OPEN_RATE, PER_LOT, CLOSE_TODAY_RATE), margins_given(0.1)
    assert fees is not None
    assert margins is not None
    costs = CostTable(MULTIPLIER, 1.0, SLIPPAGE, fees, margins)
    return run(
        bars,
        registry.create("double_ma", {"fast": FAST, "slow": SLOW}),
        RunConfig("rb88.SHFE", "5m", CAPITAL, 1.0, costs),
    )


@pytest.fixture(scope="module")
def positions(frame: pd.DataFrame) -> pd.Series:
    """The position held during each bar, by whole columns."""
    fast, slow = frame["close"].rolling(FAST).mean(), frame["close"].rolling(SLOW).mean()
    apart = (fast - slow).where((fast - slow).abs() >= 1e-9 * frame["close"], 0.0).where(slow.notna())
    side = pd.Series(np.sign(apart))
    before = side.shift(1)
    crossed = before.notna() & (side != 0) & (side != before)
    wanted: pd.Series[float] = side.where(crossed).ffill().shift(1)
    return wanted.where(frame["volume"] > 0).ffill().fillna(0.0)


def expected_fills(frame: pd.DataFrame, positions: pd.Series) -> pd.DataFrame:
    """One row a change of position at the bar's open, its two legs' fees together."""
    change = positions.diff().fillna(positions)
    fills = frame.loc[change != 0, ["start", "trading_day", "open"]].copy()
    fills["side"] = np.sign(change[change != 0])
    fills["price"] = fills["open"] + fills["side"] * SLIPPAGE
    same_day = fills["trading_day"] == fills["trading_day"].shift(1)
    value = fills["price"] * MULTIPLIER
    fills["close_rate"] = np.where(same_day, CLOSE_TODAY_RATE, OPEN_RATE)
    fills["fee"] = value * OPEN_RATE + PER_LOT
    later = fills.index[1:]  # all but the first also close what was held
    fills.loc[later, "fee"] += value[later] * fills.loc[later, "close_rate"] + PER_LOT
    return fills


def test_the_days_are_those_of_the_calendar(frame: pd.DataFrame, result: RunResult) -> None:
    assert len(frame) == 101_928
    assert len(result.days) == frame["trading_day"].nunique() == 1464
    monday = frame[(frame["datetime"] == pd.Timestamp("2014-12-27 00:30"))]["trading_day"]
    assert monday.tolist() == [pd.Timestamp("2014-12-29")], "after Friday's midnight it is Monday's trading day"


def test_the_same_fills(frame: pd.DataFrame, positions: pd.Series, result: RunResult) -> None:
    expected = expected_fills(frame, positions)
    opened = result.fills.offset == 0
    assert opened.sum() == len(expected)
    assert len(result.fills) == 2 * len(expected) - 1
    np.testing.assert_array_equal(result.fills.start[opened], expected["start"])
    np.testing.assert_array_equal(result.fills.direction[opened], expected["side"])
    np.testing.assert_allclose(result.fills.price[opened], expected["price"], rtol=1e-12)
    np.testing.assert_allclose(result.commission, expected["fee"].sum(), rtol=1e-9)
    closes_today = (result.fills.offset == 3).sum()
    assert closes_today == (expected["close_rate"] == CLOSE_TODAY_RATE).sum() > 100


def test_the_same_equity_on_every_day(frame: pd.DataFrame, positions: pd.Series, result: RunResult) -> None:
    fills = expected_fills(frame, positions)
    held = positions.shift(1, fill_value=0.0)
    gained = held * (frame["open"] - frame["close"].shift(1, fill_value=0.0)) + positions * (
        frame["close"] - frame["open"]
    )
    money = gained * MULTIPLIER - (positions - held).abs() * SLIPPAGE * MULTIPLIER
    money = money.sub(fills["fee"], fill_value=0.0)
    equity = CAPITAL + money.groupby(frame["trading_day"]).sum().cumsum()
    assert (result.rejected, result.warnings) == (0, ())
    np.testing.assert_allclose(result.days.equity, equity.to_numpy(), rtol=1e-9)
    np.testing.assert_allclose(result.end_equity, equity.iloc[-1], rtol=1e-10)
