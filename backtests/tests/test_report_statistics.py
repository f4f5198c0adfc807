"""What a report shows of the statistics: drawdowns, windows, excursions, the benchmark, fills counted where many."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from bokeh.core.serialization import Deserializer
from bokeh.models import ColumnDataSource

from backtests.domain.result import DayTable, FillTable
from backtests.domain.statistics import standard
from backtests.domain.statistics_market import excursions
from backtests.domain.statistics_pairing import trades_of
from backtests.reports.embed import equity_json, excursions_json, price_json, rolling_json
from backtests.reports.format import DASH, day
from backtests.reports.html import report_context
from backtests.reports.price_data import MAX_MARKS, PriceData
from backtests.reports.report_tables import DrawdownRow, blocks, drawdowns
from backtests.reports.trade_data import TradeMarks
from backtests.tests.domain.statistics_cases import column, result_of
from backtests.tests.report_cases import CAPITAL, bars, empty_input, fills, report_input, result


def _day_table(equity: list[float], first: int = 19_786) -> DayTable:
    n = len(equity)
    values = column(equity)
    zeros = np.zeros(n)
    days = np.arange(first, first + n, dtype=np.int32)
    return DayTable(days, values, np.diff(values, prepend=CAPITAL), zeros, zeros, values / CAPITAL - 1, zeros, zeros)


def _many(series: Any, times: int) -> FillTable:
    few = fills(series)
    return FillTable(**{name: np.tile(getattr(few, name), times) for name in FillTable.__slots__})


def _sources(document: Any) -> Iterator[dict[str, Any]]:
    """The columns of every table in a chart."""
    if isinstance(document, dict):
        if document.get("name") == "ColumnDataSource":
            yield {key: _decoded(value) for key, value in document["attributes"]["data"]["entries"]}
        for value in document.values():
            yield from _sources(value)
    elif isinstance(document, list):
        for value in document:
            yield from _sources(value)


def _decoded(value: Any) -> list[float]:
    return list(Deserializer([ColumnDataSource]).decode(value))  # type: ignore[list-item] # a class, as bokeh wants it


def test_the_deepest_drawdowns_as_a_table() -> None:
    run = report_input(days=_day_table([110_000.0, 99_000.0, 110_000.0, 104_500.0, 108_000.0]))
    assert drawdowns(run) == [
        DrawdownRow("-10.00 %", "2024-03-04", "2024-03-05", "2024-03-06", "1", "1", "2"),
        DrawdownRow("-5.00 %", "2024-03-06", "2024-03-07", "not yet", "1", DASH, "2"),
    ]
    fallen = report_input(days=_day_table([90_000.0]))
    assert [(row.peak, row.depth) for row in drawdowns(fallen)] == [("start", "-10.00 %")]
    assert drawdowns(empty_input()) == []


def test_a_day_number_reads_as_a_date() -> None:
    assert (day(20240301), day(None)) == ("2024-03-01", DASH)


def test_the_standard_figures_stand_in_groups_and_a_block_still_lists_them_all() -> None:
    first, second = blocks(report_input())
    assert [group.title for group in first.groups] == [
        *("Return and risk", "Drawdown", "Trades", "Money and market", "Beside buying and holding"),
    ]
    assert len(first.figures) == len(report_input().statistics["standard"])
    assert [group.title for group in second.groups] == [""]


def test_a_run_stored_with_fewer_figures_shows_those_it_has() -> None:
    old = {"standard": {"total_return": 0.1, "trade_count": 3}, "vnpy": {}}
    [block] = blocks(report_input(statistics=old))
    assert [pair.name for pair in block.figures] == ["Total return", "Closed trades"]


def test_a_window_needs_twice_its_days() -> None:
    rising = [CAPITAL * 1.001**place + place % 3 for place in range(1, 130)]
    assert rolling_json(_day_table(rising[:39]), CAPITAL, 252) is None
    month, quarter = (rolling_json(_day_table(rising[:n]), CAPITAL, 252) for n in (40, 129))
    assert month is not None
    assert quarter is not None
    assert "from the 20 trading days" in month["caption"]
    assert "from the 60 trading days" in quarter["caption"]
    [columns] = _sources(quarter["figure"])
    assert len(columns["sharpe"]) == 129 - 59
    last = standard(result_of(rising[-60:], capital=rising[-61]), rising[-61])
    assert columns["sharpe"][-1] == pytest.approx(last["sharpe"])
    assert columns["total"][-1] == pytest.approx((last["total_return"] or 0) * 100)
    assert "rolling" in report_context(report_input(days=_day_table(rising)))["charts"]


def test_a_ruined_account_has_no_window() -> None:
    assert rolling_json(_day_table([-1.0] * 60), CAPITAL, 252) is None


def test_excursions_are_made_of_the_stored_fills() -> None:
    series = bars()
    marks = TradeMarks.of([series], fills(series), [10.0])
    assert marks is not None
    assert marks.total == 2
    # long 4001.2 from bar 2 to bar 9 (low 3999, high 4007), short 4002 from bar 9 to bar 20 (out at 4007)
    assert marks.mae.tolist() == pytest.approx([22.0, 50.0])
    assert marks.mfe.tolist() == pytest.approx([58.0, 30.0])
    assert marks.profit.tolist() == pytest.approx([8 - 4.0012 - 4.002, -50 - 4.002 - 4.007])
    assert marks.columns(won=True)["mae"].tolist() == []  # both lost: the first one its commission
    chart = excursions_json([series], fills(series), [10.0])
    assert chart is not None
    json.dumps(chart, allow_nan=False)


def test_excursions_of_two_legs_use_the_bars_and_the_multiplier_of_each() -> None:
    series = bars()
    split = replace(fills(series), leg=np.array([0, 0, 1, 1], np.int8))
    other = replace(series, high=series.high + 100.0)
    marks = TradeMarks.of([series, other], split, [10.0, 5.0])
    assert marks is not None
    assert marks.mae.tolist() == pytest.approx([22.0, (4107 - 4002) * 5.0])
    assert marks.mfe.tolist() == pytest.approx([58.0, 15.0])


def test_excursions_of_no_trade_or_other_bars_are_not_drawn() -> None:
    series = bars()
    assert excursions_json([series], empty_input().fills, [10.0]) is None
    split = replace(fills(series), leg=np.array([0, 0, 1, 1], np.int8))
    assert excursions_json([series], split, [10.0, 5.0]) is None
    assert excursions_json([series.take(slice(0, 15))], fills(series), [10.0]) is None


def test_the_benchmark_is_drawn_from_the_same_capital() -> None:
    series = bars()
    done = result(series)
    alone, beside = equity_json(done.days, CAPITAL), equity_json(done.days, CAPITAL, [series])
    assert "Buying and holding" not in alone["caption"]
    [columns] = _sources(beside["figure"])
    ends = [float(series.close[14]), float(series.close[-1])]
    assert columns["benchmark"] == pytest.approx([CAPITAL * end / float(series.open[0]) for end in ends])
    assert f"{columns['benchmark'][-1]:,.2f}" in beside["caption"]


def test_a_benchmark_that_would_flatten_the_run_waits_for_a_click() -> None:
    series = bars()  # from 4000.0 to 4001.0 and back: far more than this run made on 100,000
    calm, wild = (_day_table([CAPITAL + step, CAPITAL - step]) for step in (1.0, 100.0))
    assert "click on its name" in equity_json(calm, CAPITAL, [series])["caption"]
    assert "click on its name" not in equity_json(wild, CAPITAL, [series])["caption"]


def test_so_many_fills_that_marks_would_touch_are_counted() -> None:
    series = bars(600)
    data = PriceData.of(series, _many(series, MAX_MARKS // 4 + 1), 0.2)
    assert data.density is not None
    assert data.fills == ()
    assert data.fill_count == MAX_MARKS + 4
    each = MAX_MARKS // 4 + 1
    assert [int(data.density.buys.sum()), int(data.density.sells.sum())] == [2 * each, 2 * each]
    found = {int(place) for place in np.flatnonzero(data.density.buys + data.density.sells)}
    assert found == {int(bar / (600 / 160)) for bar in (2, 9, 20)}
    chart = price_json(series, _many(series, each), 0.2)
    assert "counted below the price" in chart["caption"]
    more = price_json(series, _many(series, 20 * each), 0.2)
    assert abs(len(json.dumps(more)) - len(json.dumps(chart))) < 1_000  # whatever the number of fills


def test_fewer_points_than_stretches_are_counted_one_by_one() -> None:
    series = bars(30)
    data = PriceData.of(series, _many(series, MAX_MARKS // 4 + 1), 0.2)
    assert data.density is not None
    assert np.flatnonzero(data.density.buys).tolist() == [2, 20]
    assert data.density.x.tolist() == list(range(30))
    assert data.density.time.tolist() == data.time.tolist()


def test_the_money_of_the_chart_is_that_of_the_block() -> None:
    series = bars()
    marks = TradeMarks.of([series], fills(series), [10.0])
    assert marks is not None
    found = excursions(trades_of(fills(series), [10.0]), [series], [10.0])
    assert (-marks.mae).tolist() == found.mae.tolist()
