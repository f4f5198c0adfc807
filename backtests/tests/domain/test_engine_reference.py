"""The engine against the slow reference, over bars, targets, rates and capital that hypothesis makes up."""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from backtests.domain.costs import CostTable
from backtests.domain.engine import RunConfig, run
from backtests.domain.result import RunResult
from backtests.tests.domain.reference import Fees, Outcome, Reference, reference_run
from backtests.tests.domain.series import CODE, Row, Scripted, bar_series
from marketdata.domain.instrument import Dated, FeeRates, MarginRates

MULTIPLIER, TICK = 10.0, 0.2
EPOCH = date(1970, 1, 1)


@dataclass
class Case:
    """One made-up run."""

    rows: list[Row]
    targets: list[int | None]
    rates: list[Fees]
    capital: float
    slippage_ticks: int
    close_at_end: bool


_money = st.sampled_from([0.0, 0.0001, 0.00023, 0.001])
_lot = st.sampled_from([0.0, 1.01, 3.0])
_pair = st.tuples(_money, _lot)
_margin = st.sampled_from([0.05, 0.1, 0.17])


@st.composite
def cases(draw: st.DrawFn) -> Case:
    size = draw(st.integers(1, 40))
    steps = draw(st.lists(st.sampled_from([0, 0, 0, 1, 3]), min_size=size, max_size=size))
    prices = draw(st.lists(st.tuples(st.integers(450, 550), st.integers(450, 550)), min_size=size, max_size=size))
    volumes = draw(st.lists(st.sampled_from([0.0, 1.0, 7.0]), min_size=size, max_size=size))
    days = np.cumsum(steps).tolist()
    rows = [
        (day, first * TICK, last * TICK, volume)
        for day, (first, last), volume in zip(days, prices, volumes, strict=True)
    ]
    targets = draw(st.lists(st.sampled_from([None, None, -2, -1, 0, 1, 2]), min_size=size, max_size=size))
    since = draw(st.lists(st.integers(0, 30), min_size=1, max_size=3, unique=True))
    rates = [Fees(day, draw(_pair), draw(_pair), draw(_pair), draw(st.tuples(_margin, _margin))) for day in since]
    # Off any grid, so that need and funds are never equal up to rounding.
    capital = draw(st.sampled_from([151.2345671, 263.4567891, 1_000_000.0]))
    return Case(rows, targets, rates, capital, draw(st.integers(0, 3)), draw(st.booleans()))


def of_engine(case: Case) -> RunResult:
    def dated(day: int) -> date:
        return EPOCH + timedelta(days=day)

    fees = tuple(Dated(dated(row.since), FeeRates(*row.open, *row.close, *row.close_today)) for row in case.rates)
    margins = tuple(
        Dated(dated(row.since), MarginRates(long_by_money=row.margin[0], short_by_money=row.margin[1]))
        for row in case.rates
    )
    costs = CostTable(MULTIPLIER, TICK, float(case.slippage_ticks), fees, margins)
    config = RunConfig(CODE, "1h", case.capital, 1.0, costs, case.close_at_end)
    return run(bar_series(case.rows), Scripted(case.targets), config)


def of_reference(case: Case) -> Outcome:
    account = Reference(case.capital, MULTIPLIER, case.slippage_ticks * TICK, case.rates)
    return reference_run(bar_series(case.rows), case.targets, account, case.close_at_end)


def assert_close(found: object, expected: object) -> None:
    np.testing.assert_allclose(np.array(found, dtype=float), np.array(expected, dtype=float), rtol=1e-9, atol=1e-7)


def assert_same(result: RunResult, expected: Outcome) -> None:
    fills, days, trades = result.fills, result.days, result.trades
    assert result.rejected == expected.rejected
    columns = (
        fills.bar_index,
        fills.direction,
        fills.offset,
        fills.price,
        fills.volume,
        fills.commission,
        fills.profit,
    )
    assert len(fills) == len(expected.fills)
    assert_close(np.column_stack(columns).reshape(-1, 7), np.array(expected.fills).reshape(-1, 7))
    daily = (days.trading_day, days.equity, days.net_profit, days.drawdown, days.margin, days.position)
    assert len(days) == len(expected.days)
    assert_close(np.column_stack(daily), expected.days)
    assert_close(result.end_equity, expected.days[-1][1])
    singles = [
        (*row[:5], row[6] / row[5])
        for row in zip(
            trades.entry_start.tolist(),
            trades.exit_start.tolist(),
            trades.direction.tolist(),
            trades.entry_price.tolist(),
            trades.exit_price.tolist(),
            trades.volume.tolist(),
            trades.net_profit.tolist(),
            strict=True,
        )
        for _ in range(round(row[5]))
    ]
    assert len(singles) == len(expected.trades)
    assert_close(np.array(singles).reshape(-1, 6), np.array(expected.trades).reshape(-1, 6))


@settings(max_examples=200, deadline=None)
@given(cases())
def test_engine_and_reference_agree(case: Case) -> None:
    assert_same(of_engine(case), of_reference(case))


@settings(max_examples=100, deadline=None)
@given(cases())
def test_the_daily_columns_add_up(case: Case) -> None:
    result = of_engine(case)
    days, fills = result.days, result.fills
    assert_close(days.equity, case.capital + np.cumsum(days.net_profit))
    assert_close(days.commission.sum(), fills.commission.sum())
    assert_close(days.slippage.sum(), fills.slippage.sum())
    assert_close(days.position[-1], (fills.direction * fills.volume).sum())
    assert (days.drawdown <= 0).all()
    assert ((days.margin == 0) == (days.position == 0)).all()
    if case.close_at_end:
        assert_close(result.trades.net_profit.sum(), result.net_profit)
