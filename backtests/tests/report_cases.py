"""A small finished run for the tests of reports: thirty bars over two days, four fills, both blocks of statistics."""

from dataclasses import replace
from typing import Any

import numpy as np

from backtests.domain.costs import CostTable, fees_given, margins_given
from backtests.domain.result import DayTable, FillTable, RunResult, TradeTable
from backtests.domain.statistics import standard
from backtests.domain.statistics_vnpy import vnpy
from backtests.reports.report_input import ReportInput
from backtests.tests.domain.statistics_cases import shanghai_ns
from marketdata.domain.bars import BarSeries
from trading.domain.offsets import Offset

CAPITAL = 100_000.0
MINUTE = 60_000_000_000
COSTS = CostTable(10.0, 0.2, 1.0, fees_given(0.0001, 0.0, 0.0001) or (), margins_given(0.1) or ())


def bars(count: int = 30) -> BarSeries:
    """Five-minute bars from Friday 2024-03-01 21:00 on; the last half is of the next trading day."""
    start = shanghai_ns("2024-03-01 21:00") + np.arange(count, dtype=np.int64) * 5 * MINUTE
    day = np.where(np.arange(count) < count / 2, 19_786, 19_787).astype(np.int32)
    close = (4000 + np.arange(count) % 7).astype(np.float64)
    open_ = np.concatenate(([4000.0], close))[:count]
    high, low = np.maximum(open_, close) + 1, np.minimum(open_, close) - 1
    ones = np.ones(count)
    return BarSeries("rb88.SHFE", "5m", start, day, open_, high, low, close, ones, ones, ones)


def fills(series: BarSeries) -> FillTable:
    """Long, reversed to short, closed: four rows."""
    index = np.array([2, 9, 9, 20])
    return FillTable(
        bar_index=index,
        start=series.start[index],
        trading_day=series.trading_day[index],
        direction=np.array([1, -1, -1, 1], np.int8),
        offset=np.array([Offset.OPEN, Offset.CLOSE_TODAY, Offset.OPEN, Offset.CLOSE], np.int8),
        price=np.array([4001.2, 4002.0, 4002.0, 4007.0]),
        volume=np.ones(4),
        commission=np.array([4.0012, 4.002, 4.002, 4.007]),
        slippage=np.full(4, 2.0),
        profit=np.array([0.0, 8.0, 0.0, -50.0]),
        leg=np.zeros(4, np.int8),
    )


def result(series: BarSeries) -> RunResult:
    """The run's outcome: two days, two closed lots."""
    equity = np.array([99_995.5, 99_941.9878])
    days = DayTable(
        trading_day=np.array([19_786, 19_787], np.int32),
        equity=equity,
        net_profit=np.diff(equity, prepend=CAPITAL),
        commission=np.array([12.0052, 4.007]),
        slippage=np.array([6.0, 2.0]),
        drawdown=equity / CAPITAL - 1,
        margin=np.array([4002.0, 0.0]),
        position=np.array([-1.0, 0.0]),
    )
    where = np.array([9, 20])
    starts, lots = series.start[[9, 20]], np.ones(2)
    profits = np.array([-0.0032, -58.009])
    trades = TradeTable(
        starts,
        starts,
        days.trading_day,
        days.trading_day,
        np.ones(2, np.int8),
        lots,
        lots,
        lots,
        profits,
        where,
        where,
        np.zeros(2, np.int8),
    )
    return RunResult(fills(series), days, trades, 99_941.9878, -58.0122, 16.0122, 8.0, 0, ())


def report_input(**changes: Any) -> ReportInput:
    """The run as the value that reports are made of."""
    series = bars()
    done = result(series)
    whole = ReportInput(
        strategy="double_ma",
        instrument="rb88.SHFE",
        interval="5m",
        parameters={"fast": 10, "slow": 30},
        costs=COSTS.document(),
        capital=CAPITAL,
        volume=1.0,
        bars=series,
        fills=done.fills,
        days=done.days,
        statistics={
            "standard": standard(done, CAPITAL, bars=series, multiplier=10.0),
            "vnpy": vnpy(series, done.fills, 10.0, CAPITAL),
        },
        end_equity=done.end_equity,
        result_hash="c0ffee" * 10,
        engine_version="1",
        source_hash="5eed" * 16,
        run=42,
        owner="alice",
    )
    return replace(whole, **changes)


def empty_input(**changes: Any) -> ReportInput:
    """A run that never traded, without a single day."""
    whole = report_input()
    nothing = slice(0, 0)
    done = result(bars())
    without = {name: getattr(done.days, name)[nothing] for name in DayTable.__slots__}
    none = {name: getattr(done.fills, name)[nothing] for name in FillTable.__slots__}
    lots = {name: getattr(done.trades, name)[nothing] for name in TradeTable.__slots__}
    idle = RunResult(FillTable(**none), DayTable(**without), TradeTable(**lots), CAPITAL, 0.0, 0.0, 0.0, 0, ())
    every: dict[str, Any] = {
        "fills": idle.fills,
        "days": idle.days,
        "bars": None,
        "end_equity": CAPITAL,
        "statistics": {
            "standard": standard(idle, CAPITAL),
            "vnpy": vnpy(bars(0), idle.fills, 10.0, CAPITAL),
        },
    } | changes
    return replace(whole, **every)
