"""Ten bars computed by hand: every fill, fee, margin, day profit and trade, exactly.

Two lots, multiplier 10, tick 1, slippage 1 tick, margin 10 %. Opening costs 0.01 % and 1 yuan a lot, closing
an older lot 0.02 %, closing a lot of the day 3 yuan a lot.

bar day  open close volume  decided after it
 0   1   4000  4010   10    long
 1   1   4012  4020    0    -          no volume: the order waits
 2   1   4015  4030    5    -          fills at its open
 3   1   4030  4025    5    short
 4   2   4040  4035    7    long       a night bar: it carries day 2, so the long is a lot of yesterday
 5   2   4030  4020    5    short      the short of bar 4 is closed on its own day
 6   2   4022  4010    0    long       no volume: waits; then the target is what is held: dropped
 7   2   4005  4000    9    -          nothing fills
 8   3   3990  3980    8    flat
 9   3   3985  3970    4    short      decided on the last bar: never fills
"""

from datetime import date

import numpy as np
import pytest

from backtests.domain.costs import CostTable
from backtests.domain.engine import RunConfig, run
from backtests.domain.result import RunResult
from backtests.tests.domain.series import CODE, HOUR_NS, Scripted, bar_series
from marketdata.domain.instrument import Dated, FeeRates, MarginRates
from strategies.domain.strategy import UpdateKind
from trading.domain.offsets import Offset

ROWS = [
    (1, 4000.0, 4010.0, 10.0),
    (1, 4012.0, 4020.0, 0.0),
    (1, 4015.0, 4030.0, 5.0),
    (1, 4030.0, 4025.0, 5.0),
    (2, 4040.0, 4035.0, 7.0),
    (2, 4030.0, 4020.0, 5.0),
    (2, 4022.0, 4010.0, 0.0),
    (2, 4005.0, 4000.0, 9.0),
    (3, 3990.0, 3980.0, 8.0),
    (3, 3985.0, 3970.0, 4.0),
]
TARGETS = [1, None, None, -1, 1, -1, 1, None, 0, -1]
FEES = FeeRates(
    open_by_money=0.0001, open_by_volume=1.0, close_by_money=0.0002, close_today_by_money=0.0, close_today_by_volume=3.0
)
COSTS = CostTable(
    multiplier=10.0,
    price_tick=1.0,
    slippage_ticks=1.0,
    fees=(Dated(date.min, FEES),),
    margins=(Dated(date.min, MarginRates(long_by_money=0.1, short_by_money=0.1)),),
)


@pytest.fixture
def strategy() -> Scripted:
    return Scripted(TARGETS)


@pytest.fixture
def result(strategy: Scripted) -> RunResult:
    return run(bar_series(ROWS), strategy, RunConfig(CODE, "1h", 100_000.0, 2.0, COSTS))


def test_fills(result: RunResult) -> None:
    fills = result.fills
    assert fills.bar_index.tolist() == [2, 4, 4, 5, 5, 9]
    assert fills.start.tolist() == [HOUR_NS * (index + 1) for index in (2, 4, 4, 5, 5, 9)]
    assert fills.trading_day.tolist() == [1, 2, 2, 2, 2, 3]
    assert fills.direction.tolist() == [1, -1, -1, 1, 1, -1]
    assert fills.offset.tolist() == [
        Offset.OPEN,
        Offset.CLOSE,
        Offset.OPEN,
        Offset.CLOSE_TODAY,
        Offset.OPEN,
        Offset.CLOSE,
    ]
    # The open plus one tick for a buy, less one for a sell.
    assert fills.price.tolist() == [4016.0, 4039.0, 4039.0, 4031.0, 4031.0, 3984.0]
    assert fills.volume.tolist() == [2.0] * 6


def test_fees(result: RunResult) -> None:
    assert result.fills.commission.tolist() == pytest.approx(
        [
            10.032,  # 4016 x 20 = 80,320 x 0.01 % = 8.032, and 2 x 1
            16.156,  # 4039 x 20 = 80,780 x 0.02 %
            10.078,  # 80,780 x 0.01 % = 8.078, and 2
            6.0,  # 2 x 3
            10.062,  # 4031 x 20 = 80,620 x 0.01 % = 8.062, and 2
            15.936,  # 3984 x 20 = 79,680 x 0.02 %
        ],
        abs=1e-9,
    )
    assert result.commission == pytest.approx(68.264, abs=1e-9)
    # 1 tick x 2 lots x 10 on each of six fills
    assert result.fills.slippage.tolist() == [20.0] * 6
    assert result.slippage == 120.0


def test_close_profit_by_trade(result: RunResult) -> None:
    # (4039-4016) x 20, (4039-4031) x 20, (3984-4031) x 20
    assert result.fills.profit.tolist() == [0.0, 460.0, 0.0, 160.0, 0.0, -940.0]


def test_days(result: RunResult) -> None:
    days = result.days
    assert days.trading_day.tolist() == [1, 2, 3]
    expected = [
        180.0 - 10.032,  # (4025-4016) x 20 less the fee
        # closed by date (4039-4025) x 20 = 280, (4039-4031) x 20 = 160, held (4000-4031) x 20 = -620
        280.0 + 160.0 - 620.0 - 16.156 - 10.078 - 6.0 - 10.062,
        -320.0 - 15.936,  # (3984-4000) x 20 less the fee
    ]
    assert days.net_profit.tolist() == pytest.approx(expected, abs=1e-9)
    assert days.equity.tolist() == pytest.approx([100_169.968, 99_947.672, 99_611.736], abs=1e-9)
    assert days.commission.tolist() == pytest.approx([10.032, 42.296, 15.936], abs=1e-9)
    assert days.slippage.tolist() == [20.0, 80.0, 20.0]
    assert days.position.tolist() == [2.0, 2.0, 0.0]
    # 10 % of 20 x the day's last close; the third day ends flat
    assert days.margin.tolist() == pytest.approx([8_050.0, 8_000.0, 0.0], abs=1e-9)
    peak = 100_169.968
    assert days.drawdown.tolist() == pytest.approx([0.0, 99_947.672 / peak - 1, 99_611.736 / peak - 1], abs=1e-12)


def test_trades_are_net_of_both_commissions(result: RunResult) -> None:
    trades = result.trades
    assert trades.direction.tolist() == [1, -1, 1]
    assert trades.entry_start.tolist() == [3 * HOUR_NS, 5 * HOUR_NS, 6 * HOUR_NS]
    assert trades.exit_start.tolist() == [5 * HOUR_NS, 6 * HOUR_NS, 10 * HOUR_NS]
    assert (trades.entry_day.tolist(), trades.exit_day.tolist()) == ([1, 2, 2], [2, 2, 3])
    assert trades.entry_price.tolist() == [4016.0, 4039.0, 4031.0]
    assert trades.exit_price.tolist() == [4039.0, 4031.0, 3984.0]
    assert trades.volume.tolist() == [2.0, 2.0, 2.0]
    expected = [460.0 - 10.032 - 16.156, 160.0 - 10.078 - 6.0, -940.0 - 10.062 - 15.936]
    assert trades.net_profit.tolist() == pytest.approx(expected, abs=1e-9)


def test_totals(result: RunResult) -> None:
    assert result.end_equity == pytest.approx(99_611.736, abs=1e-9)
    assert result.net_profit == pytest.approx(-388.264, abs=1e-9)
    assert result.net_profit == pytest.approx(result.trades.net_profit.sum(), abs=1e-9), "all is closed"
    assert result.net_profit == pytest.approx(result.days.net_profit.sum(), abs=1e-9)
    assert (result.rejected, result.warnings) == (0, ())


def test_the_strategy_sees_every_bar_once_and_hears_of_every_fill(strategy: Scripted, result: RunResult) -> None:
    assert [(bar.trading_day, bar.open, bar.close, bar.volume) for bar in strategy.seen] == ROWS
    assert {update.kind for update in strategy.updates} == {UpdateKind.FILLED}
    assert [update.price for update in strategy.updates] == result.fills.price.tolist()
    assert [update.position for update in strategy.updates] == [2.0, 0.0, -2.0, 0.0, 2.0, 0.0]


def test_the_same_strategy_object_runs_again_to_the_same_result(strategy: Scripted, result: RunResult) -> None:
    again = run(bar_series(ROWS), strategy, RunConfig(CODE, "1h", 100_000.0, 2.0, COSTS))
    np.testing.assert_array_equal(again.days.equity, result.days.equity)
    np.testing.assert_array_equal(again.fills.price, result.fills.price)
