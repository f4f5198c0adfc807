"""Trades made of fills are those that the engine recorded."""

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backtests.domain.engine import RunConfig, run
from backtests.domain.result import FillTable, TradeTable
from backtests.domain.statistics_pairing import trades_of
from backtests.tests.domain.series import CODE, Scripted, bar_series, flat_costs

TARGETS = st.lists(st.sampled_from([None, 0.0, 1.0, 2.0, 3.0, -1.0, -2.5]), min_size=1, max_size=40)


@given(TARGETS, st.lists(st.integers(-30, 30), min_size=40, max_size=40))
@settings(max_examples=50, deadline=None)
def test_as_the_engine_pairs_them(targets: list[float | None], steps: list[int]) -> None:
    prices = 4000.0 + np.cumsum(steps)
    bars = bar_series([(100 + place // 5, price - 1.0, price, 1.0) for place, price in enumerate(prices.tolist())])
    costs = flat_costs(slippage_ticks=1.0, margin_rate=0.01)
    done = run(bars, Scripted(targets), RunConfig(CODE, "1h", 1e7, 1.0, costs))
    made = trades_of(done.fills, [costs.multiplier])
    for column in fields(TradeTable):
        wanted, found = getattr(done.trades, column.name), getattr(made, column.name)
        assert found.dtype == wanted.dtype
        assert found.tolist() == pytest.approx(wanted.tolist(), rel=1e-9, abs=1e-6)


def _fills(rows: list[tuple[int, int, int, float, float, float]]) -> FillTable:
    """Fills from rows of (leg, side, offset, price, volume, commission), one a bar."""
    leg, side, offset, price, volume, paid = (np.array(column) for column in zip(*rows, strict=True))
    places = np.arange(len(rows), dtype=np.int64)
    zeros = np.zeros(len(rows))
    return FillTable(
        places,
        places,
        places.astype(np.int32),
        side.astype(np.int8),
        offset.astype(np.int8),
        price,
        volume,
        paid,
        zeros,
        zeros,
        leg.astype(np.int8),
    )


def test_legs_and_sides_are_paired_by_themselves_and_commissions_shared() -> None:
    fills = _fills(
        [
            (0, 1, 0, 100.0, 3.0, 6.0),
            (1, -1, 0, 50.0, 1.0, 1.0),
            (0, -1, 1, 104.0, 1.0, 1.0),
            (1, 1, 1, 40.0, 1.0, 1.0),
            (0, -1, 1, 106.0, 2.0, 2.0),
        ]
    )
    made = trades_of(fills, [10.0, 5.0])
    assert made.leg.tolist() == [0, 1, 0]
    assert made.direction.tolist() == [1, -1, 1]
    assert made.net_profit.tolist() == [4 * 10 - 3.0, 10 * 5 - 2.0, 6 * 2 * 10 - 6.0]
    assert (made.entry_index.tolist(), made.exit_index.tolist()) == ([0, 1, 0], [2, 3, 4])


def test_what_was_not_opened_within_the_fills_is_left_out() -> None:
    fills = _fills([(0, -1, 1, 104.0, 1.0, 1.0), (0, 1, 0, 100.0, 1.0, 1.0), (0, -1, 1, 101.0, 2.0, 2.0)])
    made = trades_of(fills, [10.0])
    assert (made.volume.tolist(), made.net_profit.tolist()) == ([1.0], [8.0])
    assert len(trades_of(replace(fills, offset=np.zeros(3, np.int8)), [10.0])) == 0
