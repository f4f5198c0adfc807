"""The engine's rules one by one: waiting, dropping, fees by date, margin, the end of the run."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from backtests.domain.costs import CostTable
from backtests.domain.engine import RunConfig, run
from backtests.domain.result import RunResult
from backtests.tests.domain.series import CODE, HOUR_NS, Row, Scripted, bar_series, flat_costs
from marketdata.domain.bars import BarSeries
from marketdata.domain.instrument import Dated, FeeRates
from quantsite.common.errors import RuleError
from strategies.domain.strategy import Signal, UpdateKind
from trading.domain.offsets import Offset


def days_of(*days: int, volume: float = 1.0) -> list[Row]:
    """A bar on each named day, opening at 100, 101, ... and closing half a point above."""
    return [(day, 100.0 + index, 100.5 + index, volume) for index, day in enumerate(days)]


def result_of(
    rows: Sequence[Row],
    targets: Sequence[float | None],
    costs: CostTable | None = None,
    capital: float = 1_000_000.0,
    close_at_end: bool = False,
) -> RunResult:
    config = RunConfig(CODE, "1h", capital, 1.0, costs or flat_costs(), close_at_end)
    return run(bar_series(rows), Scripted(targets), config)


def without_volume(rows: Sequence[Row], *indices: int) -> list[Row]:
    return [(*row[:3], 0.0) if index in indices else row for index, row in enumerate(rows)]


def test_an_order_waits_for_a_bar_with_volume() -> None:
    result = result_of(without_volume(days_of(1, 1, 1, 1, 2), 1, 2, 3), [1])
    assert result.fills.bar_index.tolist() == [4]
    assert result.fills.price.tolist() == [104.0]


def test_an_order_that_meets_no_more_volume_never_fills() -> None:
    result = result_of(without_volume(days_of(1, 1, 2), 1, 2), [1])
    assert len(result.fills) == 0
    assert result.end_equity == 1_000_000.0


def test_an_unknown_volume_counts_as_volume() -> None:
    result = result_of([(*row[:3], np.nan) for row in days_of(1, 1)], [1])
    assert result.fills.bar_index.tolist() == [1]


def test_a_later_signal_replaces_the_waiting_one() -> None:
    result = result_of(without_volume(days_of(1, 1, 1, 1), 1), [1, -1])
    assert result.fills.direction.tolist() == [-1]
    assert result.fills.bar_index.tolist() == [2]


def test_a_signal_for_what_is_held_drops_the_waiting_order() -> None:
    result = result_of(without_volume(days_of(1, 1, 1, 1, 1), 2), [1, -1, 1])
    assert result.fills.offset.tolist() == [Offset.OPEN], "the reversal decided on bar 1 is gone"
    assert result_of(without_volume(days_of(1, 1, 1), 1), [1, 0]).fills.price.tolist() == []


def test_the_last_of_several_signals_of_a_bar_counts() -> None:
    class Wavering(Scripted):
        def generate_signals(self) -> list[Signal]:
            return [Signal(-1), *super().generate_signals()]

    strategy = Wavering([1])
    result = run(bar_series(days_of(1, 1)), strategy, RunConfig(CODE, "1h", 1e6, 1.0, flat_costs()))
    assert result.fills.direction.tolist() == [1]


@pytest.mark.parametrize(("target", "price"), [(1, 103.0), (-1, 99.0)])
def test_slippage_is_against_the_trader_on_both_sides(target: int, price: float) -> None:
    result = result_of(days_of(1, 1), [target], flat_costs(slippage_ticks=2.0))
    assert result.fills.price.tolist() == [price]
    assert result.fills.slippage.tolist() == [20.0]


@pytest.mark.parametrize(("close_day", "offset"), [(1, Offset.CLOSE_TODAY), (2, Offset.CLOSE)])
def test_a_close_names_the_fee_it_paid(close_day: int, offset: Offset) -> None:
    fees = (Dated(date.min, FeeRates(close_by_volume=5.0, close_today_by_volume=9.0)),)
    result = result_of(days_of(1, 1, close_day, close_day), [1, 0], replace(flat_costs(), fees=fees))
    assert result.fills.offset.tolist() == [Offset.OPEN, offset]
    assert result.fills.commission.tolist() == [0.0, 9.0 if offset == Offset.CLOSE_TODAY else 5.0]


def test_a_close_of_older_lots_and_lots_of_the_day_gives_two_rows() -> None:
    fees = (Dated(date.min, FeeRates(close_by_volume=5.0, close_today_by_volume=9.0)),)
    # one lot on day 1, two more on day 2, all three closed on day 2
    result = result_of(days_of(1, 1, 2, 2, 2), [1, 3, None, 0], replace(flat_costs(), fees=fees))
    assert result.fills.offset.tolist() == [Offset.OPEN, Offset.OPEN, Offset.CLOSE, Offset.CLOSE_TODAY]
    assert result.fills.volume.tolist() == [1.0, 2.0, 1.0, 2.0]
    assert result.fills.commission.tolist() == [0.0, 0.0, 5.0, 18.0]
    assert result.trades.volume.tolist() == [1.0, 2.0]


def test_a_smaller_target_of_the_same_side_closes_the_oldest_lots() -> None:
    result = result_of(days_of(1, 1, 1, 1), [1, 3, 1])
    assert result.fills.direction.tolist() == [1, 1, -1]
    assert result.trades.entry_price.tolist() == [101.0, 102.0]
    assert result.days.position.tolist() == [1.0]


def test_fees_change_with_the_trading_day_of_the_fill() -> None:
    first, second = date(1970, 1, 2), date(1970, 1, 4)  # days 1 and 3
    fees = (Dated(second, FeeRates(open_by_volume=7.0)), Dated(first, FeeRates(open_by_volume=2.0)))
    costs = replace(flat_costs(), fees=fees)
    result = result_of(days_of(1, 2, 2, 3, 3), [1, 2, 3, 4], costs)
    assert result.fills.commission.tolist() == [2.0, 2.0, 7.0, 7.0]
    assert result.warnings == ()


def test_before_the_first_row_the_earliest_serves_and_the_result_says_so() -> None:
    fees = (Dated(date(1970, 1, 4), FeeRates(open_by_volume=2.0)),)
    result = result_of(days_of(1, 2), [1], replace(flat_costs(), fees=fees))
    assert result.fills.commission.tolist() == [2.0]
    assert result.warnings == ("No fees are known before 1970-01-04: the earliest row is used from 1970-01-02 on.",)


# One lot at 101 x 10 needs 10 % = 101 yuan.
@pytest.mark.parametrize(("capital", "filled"), [(101.0, 1), (100.99, 0)])
def test_an_opening_needs_its_margin(capital: float, filled: int) -> None:
    result = result_of(days_of(1, 1, 1), [1], capital=capital)
    assert (len(result.fills), result.rejected) == (filled, 1 - filled)


def test_the_commission_counts_in_the_need() -> None:
    fees = (Dated(date.min, FeeRates(open_by_volume=4.0)),)
    costs = replace(flat_costs(), fees=fees)
    assert result_of(days_of(1, 1), [1], costs, capital=105.0).rejected == 0
    assert result_of(days_of(1, 1), [1], costs, capital=104.99).rejected == 1


def test_a_refused_opening_is_dropped_until_the_next_signal() -> None:
    rows = [(1, 100.0, 100.0, 1.0), (1, 100.0, 100.0, 1.0), (1, 10.0, 10.0, 1.0), (1, 10.0, 10.0, 1.0)]
    once = result_of(rows, [1], capital=50.0)
    assert (len(once.fills), once.rejected) == (0, 1)
    assert once.warnings == (
        "An opening was refused for want of funds on 1970-01-02: it needed 100.00, 50.00 were available.",
    )
    again = result_of(rows, [1, 1], capital=50.0)
    assert again.fills.bar_index.tolist() == [2], "10 x 10 x 10 % = 10 is affordable"
    assert again.rejected == 1


def test_the_close_of_a_reversal_is_never_refused() -> None:
    # long at 100 with 105 of funds; at 95 the loss of 50 leaves 55, a new lot would need 95
    rows = [(1, 100.0, 100.0, 1.0), (1, 100.0, 100.0, 1.0), (1, 95.0, 95.0, 1.0)]
    result = result_of(rows, [1, -1], capital=105.0)
    assert result.fills.offset.tolist() == [Offset.OPEN, Offset.CLOSE_TODAY]
    assert (result.rejected, result.end_equity) == (1, 55.0)


def test_the_position_is_marked_at_the_bars_open_before_the_need_is_compared() -> None:
    # One lot at 100; a second needs 10 x open x 10 %. At 110: 200 + 100 gain - 100 margin = 200 >= 110.
    # At 91: 200 - 90 loss - 100 margin = 10 < 91.
    for price, refused in ((110.0, 0), (91.0, 1)):
        rows = [(1, 100.0, 100.0, 1.0), (1, 100.0, 100.0, 1.0), (1, price, price, 1.0)]
        assert result_of(rows, [1, 2], capital=200.0).rejected == refused


def test_the_strategy_hears_of_a_refusal_and_many_are_summed_up() -> None:
    strategy = Scripted([1, 1, 1])
    config = RunConfig(CODE, "1h", 50.0, 1.0, flat_costs())
    result = run(bar_series(days_of(1, 1, 1, 1)), strategy, config)
    assert [(update.kind, update.volume, update.position) for update in strategy.updates] == [
        (UpdateKind.REJECTED, 1.0, 0.0)
    ] * 3
    assert result.warnings[-1] == "3 openings in all were refused for want of funds."


def test_the_last_position_is_marked_not_closed() -> None:
    result = result_of(days_of(1, 1, 1), [1])
    assert (len(result.fills), len(result.trades)) == (1, 0)
    assert result.net_profit == pytest.approx((102.5 - 101.0) * 10)
    assert result.days.position.tolist() == [1.0]


def test_close_at_end_closes_at_the_last_close_with_slippage() -> None:
    result = result_of(without_volume(days_of(1, 1, 2), 2), [1], flat_costs(slippage_ticks=1.0), close_at_end=True)
    assert result.fills.price.tolist() == [102.0, 101.5]  # 101 + 1, 102.5 - 1
    assert result.fills.offset.tolist() == [Offset.OPEN, Offset.CLOSE]
    assert result.fills.start.tolist() == [2 * HOUR_NS, 3 * HOUR_NS]
    assert result.net_profit == pytest.approx(-5.0)
    assert (result.days.position.tolist(), result.days.margin.tolist()) == ([1.0, 0.0], [101.5, 0.0])


def test_close_at_end_of_a_flat_account_trades_nothing() -> None:
    assert len(result_of(days_of(1, 1), [None, 1], close_at_end=True).fills) == 0


def test_a_night_bar_counts_for_the_trading_day_it_carries() -> None:
    # Friday's day session (day 1), the night after it and Monday (day 4): the night's gain is Monday's.
    rows = [(1, 100.0, 100.0, 1.0), (1, 100.0, 100.0, 1.0), (4, 100.0, 130.0, 1.0), (4, 130.0, 131.0, 1.0)]
    result = result_of(rows, [1])
    assert result.days.trading_day.tolist() == [1, 4]
    assert result.days.net_profit.tolist() == [0.0, 310.0]


def test_the_first_drawdown_counts_from_the_start_capital() -> None:
    rows = [(1, 100.0, 100.0, 1.0), (1, 100.0, 90.0, 1.0), (2, 90.0, 95.0, 1.0)]
    result = result_of(rows, [1], capital=1000.0)
    assert result.days.equity.tolist() == [900.0, 950.0]
    assert result.days.drawdown.tolist() == pytest.approx([-0.1, -0.05])


def test_no_bars_leave_the_capital() -> None:
    result = run(BarSeries.empty(CODE, "1h"), Scripted([]), RunConfig(CODE, "1h", 5000.0, 1.0, flat_costs()))
    assert (len(result.days), len(result.fills), len(result.trades), result.end_equity) == (0, 0, 0, 5000.0)


def test_trading_days_that_go_back_are_refused() -> None:
    with pytest.raises(RuleError, match="go back to trading day 1970-01-03"):
        result_of(days_of(1, 5, 2), [1])


def test_a_target_that_is_no_number_is_refused() -> None:
    with pytest.raises(RuleError, match="must be a number"):
        result_of(days_of(1, 1), [float("nan")])


@pytest.mark.parametrize(("capital", "volume"), [(0.0, 1.0), (-5.0, 1.0), (float("nan"), 1.0), (1e6, 0.0)])
def test_a_run_needs_capital_and_volume(capital: float, volume: float) -> None:
    with pytest.raises(RuleError, match="must be above 0"):
        RunConfig(CODE, "1h", capital, volume, flat_costs())


def test_progress_comes_after_every_trading_day() -> None:
    total = 1_050
    reports: list[tuple[int, int]] = []
    rows = days_of(*(index // 100 for index in range(total)))
    config = RunConfig(CODE, "1h", 1e6, 1.0, flat_costs())
    run(bar_series(rows), Scripted([]), config, lambda done, whole: reports.append((done, whole)))
    assert reports == [(done, total) for done in (*range(100, total, 100), total)]


def test_progress_may_abort_the_run() -> None:
    class StopError(Exception):
        pass

    def stop(done: int, total: int) -> None:
        raise StopError

    config = RunConfig(CODE, "1h", 1e6, 1.0, flat_costs())
    with pytest.raises(StopError):
        run(bar_series(days_of(1, 1)), Scripted([1]), config, stop)
