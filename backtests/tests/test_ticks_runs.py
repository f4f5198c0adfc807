"""Runs on recorded ticks from the request to the report: through every door, reproducible, within the market."""

import json
from collections import defaultdict
from dataclasses import asdict, replace
from datetime import date
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from accounts.models import User
from backtests import services
from backtests.domain.rules import Rules
from backtests.models import BacktestRun
from backtests.requests import CostOptions, RunRequest
from backtests.result_rows import read_fills
from backtests.run_report import bars_of, report_input
from backtests.runner import execute
from backtests.tests.runs import finished, taken
from backtests.tests.test_admin import ADD, form_of, logged_in, page
from backtests.tick_days import recorded_days
from marketdata.domain.ticks import Tick as DomainTick
from marketdata.instruments import find_instrument
from marketdata.models import Instrument
from marketdata.ticks.archive import archive_day
from marketdata.ticks.models import Tick
from quantsite.common.errors import RuleError
from strategies.domain.gates import parameters_hash
from strategies.models import Evidence
from strategies.tests.user_files import using, write

pytestmark = [pytest.mark.django_db, pytest.mark.real_data]

CODE = "AP010.CZCE"
DAY = date(2020, 8, 3)
FREE = CostOptions(commission_per_lot=5.0, margin_rate=0.1)


@pytest.fixture
def apple(shared_data: Path, settings: Any, tmp_path: Path) -> Instrument:
    """The recorded day of AP010, as rows."""
    settings.TICK_DIR = tmp_path / "ticks"
    path = shared_data / "ticks" / "CZCE.AP010_tick_20200803.csv.gz"
    call_command("import_ticks", str(path), "--instrument", CODE, stdout=StringIO())
    return find_instrument(CODE)


@pytest.fixture
def asked(apple: Instrument) -> RunRequest:
    """double_ma 20/60 on every tick, with fees and margin."""
    return RunRequest("double_ma", apple.code, "tick", parameters={"fast": 20, "slow": 60}, costs=FREE, volume=3.0)


@pytest.mark.embedded
def test_the_same_request_gives_the_same_result_from_rows_and_from_the_archive(
    asked: RunRequest, apple: Instrument
) -> None:
    first = finished(None, asked)
    assert archive_day(apple, DAY) is not None
    assert not Tick.objects.filter(instrument=apple).exists()
    again = finished(None, asked)
    assert (again.result_hash, again.data_hash) == (first.result_hash, first.data_hash)
    assert first.fill_count is not None
    assert first.fill_count > 100
    late = finished(None, replace(asked, rules=Rules(latency_ms=500)))
    assert set((read_fills(late).start % 1_000_000_000).tolist()) == {500_000_000}
    assert late.data_hash == first.data_hash
    assert late.result_hash != first.result_hash


def test_every_fill_is_a_price_of_the_book_at_its_time_and_within_its_size(
    asked: RunRequest, apple: Instrument
) -> None:
    run = finished(None, asked)
    fills, (day,) = read_fills(run), list(recorded_days(apple, None, None))
    shown: dict[int, list[DomainTick]] = defaultdict(list)
    for tick in day.ticks:
        if not tick.flags:
            shown[tick.time].append(tick)
    taken: dict[tuple[int, int, float], float] = defaultdict(float)
    columns = (fills.start, fills.direction, fills.price, fills.volume)
    for start, direction, price, lots in zip(*(column.tolist() for column in columns), strict=True):
        taken[start, direction, price] += lots
    for (start, direction, price), lots in taken.items():
        sides = [
            (one.ask_price, one.ask_volume) if direction > 0 else (one.bid_price, one.bid_volume)
            for one in shown[start]
        ]
        assert lots <= sum(size for quoted, size in sides if quoted == price)
    held = np.cumsum(fills.direction * fills.volume)
    assert np.abs(held).max() == 3.0
    assert fills.volume.sum() <= day.ticks[-1].volume


def test_the_row_says_what_it_ran_on_and_the_report_shows_it(asked: RunRequest, apple: Instrument) -> None:
    run = finished(None, asked)
    (minutes,) = bars_of(run)
    assert (run.interval, run.bar_count, minutes.interval) == ("tick", len(minutes), "1m")
    assert 200 < len(minutes) <= 226
    assert run.statistics["standard"]["turnover"] > 0
    assert [row.trading_day for row in run.days.all()] == [DAY]
    document = report_input(run, [minutes])
    assert "The stored bars have changed since this run" not in " ".join(document.warnings)
    html = services.export_run(None, run.pk, "report", "html", language="en").body.decode()
    assert run.result_hash in html
    Tick.objects.filter(instrument=apple, seq__gt=10_000).delete()
    changed = report_input(run, bars_of(run))
    assert "The stored bars have changed since this run" in " ".join(changed.warnings)


def test_command_and_api_ask_for_the_same_run(asked: RunRequest, api: Any, alice: User) -> None:
    arguments = ["double_ma", "--instrument", CODE, "--interval", "tick", "--set", "fast=20", "--set", "slow=60"]
    options = ["--commission-per-lot", "5", "--margin-rate", "0.1", "--volume", "3", "--latency-ms", "40"]
    out = StringIO()
    call_command("run_backtest", *arguments, *options, "--ignore-queue", "--json", stdout=out)
    printed = json.loads(out.getvalue())
    assert printed["rules"] == {"latency_ms": 40, "ignore_queue": True}
    body = {name: value for name, value in asdict(asked).items() if value is not None}
    answer = api(alice).post("/api/v1/backtests/", body | {"rules": {"latency_ms": 40, "ignore_queue": True}})
    assert answer.status_code == 202, answer.json()
    row = BacktestRun.objects.get(pk=answer.json()["run"])
    stored = BacktestRun.objects.get(pk=printed["run"])
    assert (row.interval, row.rules, row.parameters) == (stored.interval, stored.rules, stored.parameters)


def test_the_console_asks_for_it_too_and_shows_it(asked: RunRequest, apple: Instrument, alice: User) -> None:
    client = logged_in(alice)
    answer = client.post(ADD, form_of(asked, apple.pk, rule_latency_ms=15))
    run = BacktestRun.objects.get()
    assert (answer.status_code, run.interval, run.rules) == (302, "tick", {"latency_ms": 15})
    execute(taken(run))
    shown = client.get(page("change", run))
    assert shown.status_code == 200
    assert "AP010.CZCE" in shown.content.decode()
    run.refresh_from_db()
    assert run.fill_count


@pytest.mark.parametrize(
    ("changes", "field", "told"),
    [
        ({"strategy": "grid", "parameters": {}}, "strategy", "grid decides on bars only"),
        ({"form": "target"}, "form", "plain form only"),
        ({"legs": ("rb2501.SHFE",)}, "instrument", "one instrument"),
        ({"costs": CostOptions(slippage_ticks=1)}, "slippage_ticks", "leave slippage_ticks out"),
        ({"rules": Rules(volume_cap=0.1)}, "volume_cap", "volume_cap is for bars"),
        ({"start": date(2020, 8, 4)}, "interval", "no ticks in this period"),
        ({"start": date(2020, 8, 4), "end": DAY}, "start", "lies after the last day"),
    ],
)
def test_what_ticks_cannot_do_is_refused_beside_its_input(
    asked: RunRequest, changes: dict[str, Any], field: str, told: str
) -> None:
    with pytest.raises(RuleError, match=told) as refused:
        services.run_backtest(None, replace(asked, **changes))
    assert field in refused.value.fields
    assert not BacktestRun.objects.exists()


def test_a_switch_of_ticks_is_refused_on_bars_and_ticks_where_only_bars_do(asked: RunRequest, sim: Any) -> None:
    bars = RunRequest("double_ma", sim.code, "5m", rules=Rules(latency_ms=5))
    with pytest.raises(RuleError, match="latency_ms is for runs on ticks") as refused:
        services.run_backtest(None, bars)
    assert list(refused.value.fields) == ["latency_ms"]
    named = ["double_ma", "--instrument", CODE, "--interval", "tick", "--grid", "fast=5:10:5"]
    with pytest.raises(CommandError, match="tick"):
        call_command("optimize", *named, stdout=StringIO())


def test_a_strategy_is_checked_on_recorded_ticks(apple: Instrument) -> None:
    out, named = StringIO(), ["--instrument", CODE, "--interval", "tick", "--cuts", "2"]
    call_command("check_strategy", "imbalance", *named, stdout=out)
    assert f"imbalance on {CODE} 12,5" in out.getvalue()
    assert "the warm-up of 21 bars is long enough" in out.getvalue()
    assert "No look-ahead was found" in out.getvalue()
    with pytest.raises(CommandError, match="grid decides on bars only"):
        call_command("check_strategy", "grid", *named, stdout=StringIO())
    with pytest.raises(CommandError, match="imbalance decides on ticks only"):
        call_command("check_strategy", "imbalance", "--instrument", CODE, "--interval", "5m", stdout=StringIO())


@pytest.fixture
def hosted(apple: Instrument) -> RunRequest:
    """double_ma 3/8 on bars of five minutes that the ticks close, its orders filled by the ticks."""
    parameters = {"fast": 3, "slow": 8}
    return RunRequest(
        "double_ma", apple.code, "5m", parameters=parameters, costs=FREE, volume=3.0, rules=Rules(ticks=True)
    )


def test_bars_decide_and_ticks_fill_by_the_same_request_through_every_door(
    hosted: RunRequest, apple: Instrument, api: Any, alice: User
) -> None:
    arguments = ["double_ma", "--instrument", CODE, "--interval", "5m", "--ticks", "--set", "fast=3", "--set", "slow=8"]
    out = StringIO()
    call_command(
        "run_backtest", *arguments, "--commission-per-lot", "5", "--margin-rate", "0.1", "--volume", "3", "--json",
        stdout=out,
    )  # fmt: skip
    printed = BacktestRun.objects.get(pk=json.loads(out.getvalue())["run"])
    assert (printed.interval, printed.rules) == ("5m", {"ticks": True})
    assert printed.fill_count
    (bars,) = bars_of(printed)
    assert (bars.interval, len(bars)) == ("5m", printed.bar_count)
    again = finished(None, hosted)
    assert (again.result_hash, again.data_hash) == (printed.result_hash, printed.data_hash)
    body = {name: value for name, value in asdict(hosted).items() if value is not None} | {"rules": {"ticks": True}}
    answer = api(alice).post("/api/v1/backtests/", body)
    assert answer.status_code == 202, answer.json()
    page_answer = logged_in(alice).post(ADD, form_of(hosted, apple.pk, rule_ticks="on"))
    assert page_answer.status_code == 302
    asked = BacktestRun.objects.order_by("-pk")[:2]
    assert [(row.interval, row.rules) for row in asked] == [("5m", {"ticks": True})] * 2
    document = report_input(printed, [bars])
    assert "The stored bars have changed since this run" not in " ".join(document.warnings)


def test_a_finished_run_is_evidence_of_its_source_parameters_and_interval(hosted: RunRequest, alice: User) -> None:
    run = finished(alice, hosted)
    (shown,) = Evidence.objects.all()
    assert (shown.kind, shown.strategy, shown.passed, shown.interval) == ("backtest", "double_ma", True, "5m")
    assert (shown.source_hash, shown.parameters_hash) == (run.source_hash, parameters_hash(run.parameters))
    assert (shown.created_by, shown.reference) == (alice, f"backtest {run.pk}")
    assert (shown.facts["run"], shown.facts["result_hash"]) == (run.pk, run.result_hash)


@pytest.mark.parametrize(
    ("changes", "field", "told"),
    [
        ({"interval": "tick"}, "ticks", "leave ticks out, or name an interval"),
        ({"form": "target"}, "form", "leave form out"),
        ({"rules": Rules(ticks=True, volume_cap=0.1)}, "volume_cap", "volume_cap is for bars"),
        ({"costs": CostOptions(slippage_ticks=1)}, "slippage_ticks", "leave slippage_ticks out"),
        ({"start": date(2020, 8, 4)}, "interval", "no ticks in this period"),
        ({"strategy": "spread", "parameters": {}}, "instrument", "spread trades 2 instruments"),
        ({"legs": ("rb2501.SHFE",)}, "instrument", "a portfolio needs a run for each"),
    ],
)
def test_what_bars_on_ticks_cannot_do_is_refused_beside_its_input(
    hosted: RunRequest, changes: dict[str, Any], field: str, told: str
) -> None:
    with pytest.raises(RuleError, match=told) as refused:
        services.run_backtest(None, replace(hosted, **changes))
    assert field in refused.value.fields
    assert not BacktestRun.objects.exists()


def test_only_a_single_backtest_fills_on_ticks(hosted: RunRequest) -> None:
    grid = ["--grid", "fast=5:10:5", "--ticks"]
    with pytest.raises(CommandError, match="ticks is for a single backtest"):
        call_command("optimize", "double_ma", "--instrument", CODE, "--interval", "5m", *grid, stdout=StringIO())


def test_a_new_strategy_on_ticks_is_checked_and_runs(apple: Instrument, tmp_path: Path) -> None:
    named = ["my_rule", "--instrument", CODE, "--interval", "tick"]
    with using(write(tmp_path / "own")):
        call_command("new_strategy", "my_rule", "--form", "ticks", stdout=StringIO())
        out = StringIO()
        call_command("check_strategy", *named, "--cuts", "2", stdout=out)
        assert "No look-ahead was found" in out.getvalue()
        call_command("run_backtest", *named, stdout=out)
        assert "total return" in out.getvalue()
