"""What a computed run leaves in the rows."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import cast

import numpy as np
import pytest
from django.conf import settings
from django.db import OperationalError, connection

from accounts.models import User
from backtests import runner, services
from backtests.domain.costs import CostTable
from backtests.domain.engine import RunConfig, run
from backtests.domain.result_hash import result_hash
from backtests.domain.statistics import standard
from backtests.models import BacktestDay, BacktestFill, BacktestRun, RunStatus
from backtests.requests import CostOptions, RunRequest
from backtests.result_rows import read_days, read_fills
from backtests.run_document import result_document
from backtests.run_warnings import NO_FEES, NO_MARGIN, TOO_FEW
from backtests.runner import execute
from backtests.tests.runs import finished, taken
from marketdata.domain.bars import BarSeries, FloatColumn
from marketdata.models import Bar, FeeRate, Instrument, MarginRate
from strategies import registry
from strategies.domain.strategy import BaseStrategy
from strategies.library.double_ma import DoubleMa

pytestmark = [pytest.mark.django_db, pytest.mark.embedded]


def test_the_rows_are_what_the_engine_gives(alice: User, asked: RunRequest, sim: Instrument) -> None:
    stored = finished(alice, asked)
    bars = Bar.objects.series(sim, "5m")
    costs = CostTable.from_document(stored.cost_table)
    direct = run(
        bars,
        registry.create("double_ma", {"fast": 3, "slow": 8}),
        RunConfig(sim.code, "5m", asked.capital, asked.volume, costs),
    )
    assert len(direct.fills) > 100
    fills, days = read_fills(stored, bars.start), read_days(stored)
    for name in direct.fills.__slots__:
        np.testing.assert_array_equal(getattr(fills, name), getattr(direct.fills, name), name)
    for name in direct.days.__slots__:
        np.testing.assert_array_equal(getattr(days, name), getattr(direct.days, name), name)
    assert stored.statistics["standard"] == standard(direct, asked.capital, bars=bars, multiplier=costs.multiplier)
    assert stored.end_equity == direct.end_equity
    expected = result_hash({"fast": 3, "slow": 8}, costs, bars.data_hash(), direct.fills, direct.end_equity)
    assert stored.result_hash == expected
    assert list(BacktestFill.objects.filter(run=stored).order_by("seq").values_list("seq", flat=True)) == list(
        range(1, len(direct.fills) + 1)
    )


def test_the_document_has_the_promised_keys_and_rounded_money(alice: User, asked: RunRequest) -> None:
    document = result_document(finished(alice, asked))
    assert set(document) == {
        *("run", "strategy", "instrument", "interval", "bars", "first_bar", "last_bar", "parameters", "costs"),
        *("capital", "volume", "statistics", "fills", "end_equity", "net_profit", "commission", "slippage"),
        *("result_hash", "warnings", "data_quality", "timing", "rules", "legs"),
    }
    assert set(document["statistics"]) == {"standard", "vnpy"}
    parts = ("load", "prepare", "run", "statistics", "hash", "store", "total")
    assert list(document["timing"]) == [f"{part}_seconds" for part in parts]
    assert document["first_bar"] == "2024-01-02T01:00:00Z"
    assert document["net_profit"] == round(document["net_profit"], 6)
    assert document["costs"]["commission_rate"] == 0.0001
    assert document["costs"]["commission_per_lot"] is None
    assert document["costs"]["fees"][0]["close_today_by_money"] == 0.0001


def test_no_fee_option_means_the_instruments_own_table_and_one_means_none_of_it(
    alice: User, asked: RunRequest, sim: Instrument
) -> None:
    FeeRate.objects.filter(product=sim.product).delete()
    MarginRate.objects.filter(product=sim.product).delete()
    FeeRate.objects.create(instrument=sim, valid_from=date(2024, 1, 15), open_by_volume=3, close_by_volume=5)
    MarginRate.objects.create(instrument=sim, valid_from=date(2020, 1, 1), long_by_money="0.12", short_by_money="0.13")
    from_table = finished(alice, replace(asked, costs=CostOptions()))
    assert from_table.cost_table["fees"][0]["open_by_volume"] == 3.0
    assert from_table.cost_table["margins"][0]["short_by_money"] == 0.13
    assert (from_table.cost_table["multiplier"], from_table.cost_table["price_tick"]) == (10.0, 1.0)
    assert any("No fees are known before 2024-01-15" in text for text in from_table.warnings)
    per_lot = finished(alice, replace(asked, costs=CostOptions(commission_per_lot=1.0)))
    assert per_lot.cost_table["fees"] == [
        {
            "valid_from": "0001-01-01",
            "open_by_money": 0.0,
            "open_by_volume": 1.0,
            "close_by_money": 0.0,
            "close_by_volume": 1.0,
            "close_today_by_money": 0.0,
            "close_today_by_volume": 1.0,
        }
    ]
    assert per_lot.cost_table["margins"] == from_table.cost_table["margins"]
    rate = finished(alice, replace(asked, costs=CostOptions(commission_rate=0.0002)))
    assert rate.cost_table["fees"][0]["close_today_by_money"] == 0.0002


def test_figures_that_mislead_are_told(alice: User, asked: RunRequest) -> None:
    free = replace(asked, costs=CostOptions(commission_rate=0.0, margin_rate=0.0), end=date(2024, 1, 2))
    assert finished(alice, free).warnings == [NO_FEES, NO_MARGIN, TOO_FEW]


def test_trading_days_bound_the_run_on_both_sides(alice: User, asked: RunRequest) -> None:
    stored = finished(alice, replace(asked, start=date(2024, 1, 8), end=date(2024, 1, 9)))
    assert list(stored.days.order_by("trading_day").values_list("trading_day", flat=True)) == [
        date(2024, 1, 8),
        date(2024, 1, 9),
    ]


def test_closing_at_the_end_leaves_no_position(alice: User, asked: RunRequest) -> None:
    marked, closed = finished(alice, asked), finished(alice, replace(asked, close_at_end=True))
    assert read_days(marked).position[-1] != 0
    assert read_days(closed).position[-1] == 0
    assert marked.result_hash != closed.result_hash


def test_a_rule_broken_at_run_time_is_a_sentence_on_the_row(alice: User, asked: RunRequest, sim: Instrument) -> None:
    queued = services.run_backtest(alice, asked)
    Bar.objects.filter(instrument=sim).delete()
    execute(taken(queued))
    queued.refresh_from_db()
    assert (queued.status, queued.error) == (RunStatus.FAILED, "simrb88.SIM has no 5m bars in this period.")


class Faulty(DoubleMa):
    """A strategy with a bug."""

    name = "faulty"

    def target_positions(self, bars: BarSeries) -> FloatColumn:
        """Break."""
        return np.full(len(bars), 1 / 0)


class Away(DoubleMa):
    """A strategy during which the database goes away."""

    name = "away"

    def target_positions(self, bars: BarSeries) -> FloatColumn:
        """Break as the database driver does."""
        raise OperationalError("server closed the connection unexpectedly")


@pytest.fixture
def broken_strategies() -> Iterator[None]:
    """The registry with two strategies that no release should ship."""
    known = cast(dict[str, type[BaseStrategy]], registry._classes())
    known |= {"faulty": Faulty, "away": Away}
    yield
    del known["faulty"], known["away"]


def test_a_bug_in_a_strategy_is_logged_and_the_row_says_so(
    alice: User, asked: RunRequest, broken_strategies: None, caplog: pytest.LogCaptureFixture
) -> None:
    queued = services.run_backtest(alice, replace(asked, strategy="faulty"))
    execute(taken(queued))
    queued.refresh_from_db()
    assert (queued.status, queued.error) == (RunStatus.FAILED, runner.INTERNAL_ERROR)
    assert any(record.exc_info for record in caplog.records)


def test_a_database_that_goes_away_leaves_the_run_to_the_sweep(
    alice: User, asked: RunRequest, broken_strategies: None
) -> None:
    queued = services.run_backtest(alice, replace(asked, strategy="away"))
    with pytest.raises(OperationalError):
        execute(taken(queued))
    queued.refresh_from_db()
    assert (queued.status, queued.fills.count()) == (RunStatus.RUNNING, 0)


def test_progress_is_written_while_it_runs_but_seldom(alice: User, asked: RunRequest) -> None:
    heartbeat = runner._Heartbeat(taken(services.run_backtest(alice, asked)))
    heartbeat(1, 10)
    heartbeat(5, 10)
    assert BacktestRun.objects.get().progress == 0.1


@pytest.mark.skipif(settings.EMBEDDED, reason="a trigger of PostgreSQL")
def test_rows_go_with_their_run_whoever_deletes_it(alice: User, asked: RunRequest) -> None:
    kept, gone = finished(alice, asked), finished(alice, asked)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM backtests_backtestrun WHERE id = %s", [gone.pk])
    for rows in (BacktestFill.objects, BacktestDay.objects):
        assert not rows.filter(run_id=gone.pk).exists()
        assert rows.filter(run_id=kept.pk).exists()
