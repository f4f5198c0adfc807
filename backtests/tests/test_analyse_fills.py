"""``manage.py analyse_fills``: against the backtest whose fills they are, against pandas, and what it refuses."""

import csv
import json
from dataclasses import replace
from datetime import date
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.csv
import pyarrow.parquet
import pytest
from django.core.management import CommandError, call_command

from accounts.models import AuditEntry, User
from backtests.exports import EQUITY, FILLS
from backtests.requests import RunRequest
from backtests.tests.runs import finished
from marketdata.daily_facts import DailySettlement
from marketdata.models import BarCoverage, FeeRate, Instrument, MarginRate
from marketdata.services import store_simulated_bars

pytestmark = pytest.mark.django_db

HEADER = "datetime,instrument,direction,offset,price,volume"
RB, IF = "SHFE.rb2401_1m.csv.gz", "CFFEX.IF1908_1m.csv.gz"
RB_MARKS = ("--interval", "1m", "--bar-time", "end", "--marks")
IF_MARKS = ("--interval", "1m", "--bar-time", "start", "--marks")
FREE = ("--commission-rate", "0")


def write(folder: Path, *rows: str, name: str = "fills.csv") -> Path:
    """A file of these fills."""
    path = folder / name
    path.write_text("\n".join((HEADER, *rows)) + "\n")
    return path


def analyse(path: Path, *arguments: str) -> dict[str, Any]:
    """What the command prints with ``--json``."""
    out = StringIO()
    call_command("analyse_fills", str(path), "--json", *arguments, stdout=out)
    document: dict[str, Any] = json.loads(out.getvalue())
    return document


def days_of(path: Path) -> list[dict[str, str]]:
    """The rows of a file of days."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def bars_at(shared_data: Path, name: str) -> str:
    """A file of recorded bars."""
    return str(shared_data / "bars" / name)


def assert_same(found: dict[str, Any], expected: dict[str, Any]) -> None:
    """The same figures under the same names."""
    assert set(found) == set(expected)
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, abs=1e-8), name


# --- the same as the backtest that made the fills --------------------------------------------------------------


def test_the_fills_of_a_backtest_give_its_days_and_its_statistics(asked: RunRequest, tmp_path: Path) -> None:
    other = store_simulated_bars(None, "simrb2405.SIM", "5m", first=date(2024, 1, 2), last=date(2024, 2, 6), seed=11)
    costs = replace(asked.costs, slippage_ticks=0, commission_per_lot=0.7, close_today_rate=0.0003)
    run = finished(None, replace(asked, costs=costs, volume=3.0, legs=(other.instrument.code,)))
    (tmp_path / "fills.csv").write_bytes(FILLS.make(run, "csv").body)
    options = ("--multiplier", "10", "--commission-rate", "0.0001", "--commission-per-lot", "0.7")
    days = tmp_path / "days.csv"
    found = analyse(
        tmp_path / "fills.csv", *options, "--close-today-rate", "0.0003", "--equity", str(days), "--capital", "1000000"
    )
    expected = list(csv.DictReader(EQUITY.make(run, "csv").body.decode().splitlines()))
    assert [{name: row[name] for name in expected[0]} for row in days_of(days)] == expected
    assert len(expected) > 20
    assert_same(found["statistics"]["standard"], run.statistics["standard"])
    assert found["end_equity"] == round(run.end_equity or 0, 6)
    assert (found["fills"], found["fill_rows"]) == (run.fill_count, run.fill_count)
    assert found["interval"] == "5m"


@pytest.mark.real_data
def test_the_block_of_vnpy_too_on_recorded_bars(asked: RunRequest, shared_data: Path, tmp_path: Path) -> None:
    bars = bars_at(shared_data, RB)
    call_command("import_bars", bars, "--instrument", "rb2401.SHFE", "--interval", "1m", "--bar-time", "end")
    costs = replace(asked.costs, slippage_ticks=0, close_today_rate=0.0003)
    run = finished(None, replace(asked, instrument="rb2401.SHFE", interval="1m", costs=costs))
    path = tmp_path / "fills.csv"
    path.write_bytes(FILLS.make(run, "csv").body)
    fees = ("--multiplier", "10", "--commission-rate", "0.0001", "--close-today-rate", "0.0003")
    stored, given = analyse(path, *fees), analyse(path, *fees, *RB_MARKS, bars)
    for found in (stored, given):
        for block in ("standard", "vnpy"):
            assert_same(found["statistics"][block], run.statistics[block])
    assert stored["result_hash"] == given["result_hash"]
    assert [found["marks"][0]["source"] for found in (stored, given)] == ["stored", RB]


# --- against a recomputation that knows nothing of the platform ------------------------------------------------


@pytest.mark.real_data
def test_funds_by_day_equal_a_pandas_cash_book_over_nights_and_a_holiday(shared_data: Path, tmp_path: Path) -> None:
    marks: Any = pd.read_csv(bars_at(shared_data, RB), parse_dates=["datetime"])
    holidays = pd.read_csv(shared_data / "reference" / "holidays_weekdays_2003-2026.csv")
    closed = pd.DatetimeIndex(pd.to_datetime(holidays["date"]))
    trading = pd.bdate_range("2023-09-20", "2023-10-20").difference(closed)
    marks["day"] = [trading[trading >= (end + pd.Timedelta(hours=6)).normalize()][0] for end in marks["datetime"]]
    chance = np.random.default_rng(5)
    chosen = marks.iloc[np.sort(chance.choice(len(marks), 400, replace=False))].copy()
    chosen["sign"] = chance.choice([1, -1], 400)
    chosen["lots"] = chance.integers(1, 6, 400)
    chosen["price"] = chance.integers(3600, 3900, 400)
    moments, sides = chosen.datetime - pd.Timedelta(seconds=30), np.where(chosen.sign > 0, "buy", "sell")
    cells = zip(moments, sides, chosen.price, chosen.lots, strict=True)
    rows = [f"{moment},rb2401.SHFE,{side},auto,{price},{lots}" for moment, side, price, lots in cells]
    days = tmp_path / "days.csv"
    fees = ("--multiplier", "10", "--commission-rate", "0.0001", "--commission-per-lot", "1.5")
    files = ("--equity", str(days), *RB_MARKS, bars_at(shared_data, RB))
    found = analyse(write(tmp_path, *rows), *fees, *files)
    cost = chosen.price * 10 * chosen.lots * 0.0001 + 1.5 * chosen.lots
    flow = (-chosen.sign * chosen.price * 10 * chosen.lots - cost).groupby(chosen.day).sum()
    held = (chosen.sign * chosen.lots).groupby(chosen.day).sum()
    book = pd.DataFrame({"close": marks.groupby("day").close.last()})
    book["flow"], book["held"] = flow, held
    book = book.fillna(0.0)
    equity = 1_000_000 + book.flow.cumsum() + book.held.cumsum() * book.close * 10
    told = days_of(days)
    assert [row["trading_day"] for row in told] == [str(day.date()) for day in book.index]
    assert [row["trading_day"] for row in told][3:5] == ["2023-09-28", "2023-10-09"]
    assert [float(row["equity"]) for row in told] == pytest.approx(equity.tolist(), abs=1e-6)
    assert float(told[-1]["position"]) == book.held.sum()
    assert found["commission"] == pytest.approx(cost.sum(), abs=1e-6)


@pytest.mark.real_data
def test_cffex_by_hand_with_the_options_of_the_manual(shared_data: Path, tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "2019-06-24 09:31:10,IF1908.CFFEX,buy,open,3796.2,2",
        "2019-06-24T13:00:05,IF1908.CFFEX,sell,close,3800.0,1",
        "2019-06-25 09:30:00.500,IF1908.CFFEX,sell,close,3790.0,1",
    )
    days = tmp_path / "days.csv"
    fees = ["--multiplier", "300", "--commission-rate", "0.000023", "--commission-per-lot", "0"]
    fees += ["--close-today-rate", "0.000345", "--capital", "1000000"]
    found = analyse(path, *fees, *IF_MARKS, bars_at(shared_data, IF), "--equity", str(days))
    paid = 3796.2 * 600 * 0.000023, 3800 * 300 * 0.000345, 3790 * 300 * 0.000023
    assert found["commission"] == pytest.approx(sum(paid), abs=1e-6)
    assert found["close_profit_by_trade"] == pytest.approx(3.8 * 300 - 6.2 * 300)
    assert found["end_equity"] == pytest.approx(1_000_000 - 2.4 * 300 - sum(paid))
    marks = pd.read_csv(bars_at(shared_data, IF), parse_dates=["datetime"])
    closes = marks.groupby(marks.datetime.dt.date).close.last()
    told = days_of(days)
    assert len(told) == len(closes)
    assert float(told[0]["equity"]) == pytest.approx(
        1_000_000 + 3.8 * 300 + (closes.iloc[0] - 3796.2) * 300 - paid[0] - paid[1], abs=1e-6
    )
    assert [float(told[0][name]) for name in ("commission", "position", "fills")] == pytest.approx(
        [paid[0] + paid[1], 1, 2], abs=1e-6
    )
    assert found["made"] == ["IF1908.CFFEX"]
    assert found["positions"] == []


# --- instruments, fees, marks ----------------------------------------------------------------------------------


@pytest.mark.real_data
def test_an_unknown_instrument_is_made_and_that_is_audited(alice: User, shared_data: Path, tmp_path: Path) -> None:
    path = write(tmp_path, "2023-09-25 09:01:30,rb2401.SHFE,sell,open,3790,1")
    found = analyse(path, "--user", "alice", *RB_MARKS, bars_at(shared_data, RB))
    made = Instrument.objects.get(code="rb2401.SHFE")
    assert (float(made.multiplier), found["costs"]["multiplier"], found["made"]) == (10, 10, ["rb2401.SHFE"])
    entry = AuditEntry.objects.get(verb="fills.analyse")
    assert (entry.actor, (entry.after or {})["instruments"]) == (alice, ["rb2401.SHFE"])
    assert not BarCoverage.objects.filter(instrument=made).exists()
    again = analyse(path, *RB_MARKS, bars_at(shared_data, RB))
    assert (again["made"], again["result_hash"]) == ([], found["result_hash"])
    assert AuditEntry.objects.filter(verb="fills.analyse").count() == 1


def test_without_a_fee_option_the_dated_table_serves_and_says_where_it_begins_late(
    sim: Instrument, tmp_path: Path
) -> None:
    FeeRate.objects.filter(product=sim.product).delete()
    for day, rate in ((date(2024, 1, 15), 2.0), (date(2024, 1, 22), 5.0)):
        FeeRate.objects.create(instrument=sim, valid_from=day, open_by_volume=rate, close_today_by_volume=rate)
    rows = [f"2024-01-{day} 10:00:00,{sim.code},buy,open,3600,1" for day in ("05", "16", "23")]
    path = write(tmp_path, *rows)
    found = analyse(path)
    assert found["commission"] == 2 + 2 + 5
    assert any("No fees are known before 2024-01-15" in warning for warning in found["warnings"])
    given = analyse(path, "--commission-per-lot", "1")
    assert given["commission"] == 3
    assert given["costs"]["fees"][0]["close_today_by_volume"] == 1
    assert not any("No fees are known" in warning for warning in given["warnings"])
    rate = analyse(path, "--commission-rate", "0.0001")["costs"]["fees"][0]
    assert (rate["close_today_by_money"], rate["open_by_volume"]) == (0.0001, 0.0)


def test_an_instrument_without_fees_wants_one_and_without_margins_none(sim: Instrument, tmp_path: Path) -> None:
    FeeRate.objects.filter(product=sim.product).delete()
    MarginRate.objects.filter(product=sim.product).delete()
    path = write(tmp_path, f"2024-01-05 10:00:00,{sim.code},buy,open,3600,1")
    with pytest.raises(CommandError, match="give a commission rate"):
        analyse(path)
    assert analyse(path, *FREE)["fills"] == 1


def test_stored_settlement_prices_mark_unless_the_last_bar_is_asked_for(sim: Instrument, tmp_path: Path) -> None:
    DailySettlement.objects.create(instrument=sim, trading_day=date(2024, 1, 5), settlement_price=3700.0)
    path = write(tmp_path, f"2024-01-05 10:00:00,{sim.code},buy,open,3600,2")
    days = tmp_path / "days.csv"
    found = analyse(path, *FREE, "--multiplier", "10", "--equity", str(days))
    (row,) = [row for row in days_of(days) if row["trading_day"] == "2024-01-05"]
    assert (row["net_profit"], found["marks"][0]["settled_days"]) == ("2000", 1)
    last = analyse(path, *FREE, "--multiplier", "10", "--mark-at", "last", "--equity", str(days))
    (row,) = [row for row in days_of(days) if row["trading_day"] == "2024-01-05"]
    assert (row["net_profit"] != "2000", last["marks"][0]["settled_days"]) == (True, 0)
    assert last["end_equity"] == found["end_equity"]


@pytest.mark.real_data
def test_a_file_of_marks_says_itself_what_counts(shared_data: Path, tmp_path: Path) -> None:
    path = write(tmp_path, "2023-09-25 09:01:30,rb2401.SHFE,sell,open,3790,1")
    days, marks = tmp_path / "days.csv", [*RB_MARKS, bars_at(shared_data, RB), "--equity", str(tmp_path / "days.csv")]
    analyse(path, *FREE, *marks)
    by_bars = days_of(days)
    instrument = Instrument.objects.get(code="rb2401.SHFE")
    DailySettlement.objects.create(instrument=instrument, trading_day=date(2023, 9, 25), settlement_price=3700.0)
    analyse(path, *FREE, *marks)
    assert days_of(days) == by_bars
    assert analyse(path, *FREE, *marks, "--mark-at", "settlement")["marks"][0]["settled_days"] == 1
    assert days_of(days)[0]["net_profit"] == "900"


def test_a_friday_night_is_mondays_and_a_file_may_tell_the_newest_first(sim: Instrument, tmp_path: Path) -> None:
    rows = [
        f"2024-01-08 09:30:00,{sim.code},sell,close_today,3610,1",
        f"2024-01-06T00:30:00,{sim.code},sell,close_today,3605,1",
        f"2024-01-05 21:30:00,{sim.code},sell,close_yesterday,3602,1",
        f"2024-01-05 21:30:00,{sim.code},buy,open,3601,2",
        f"2024-01-05 14:30:00,{sim.code},buy,open,3600,1",
    ]
    days = tmp_path / "days.csv"
    found = analyse(write(tmp_path, *rows), *FREE, "--equity", str(days))
    fills = {row["trading_day"]: row["fills"] for row in days_of(days) if row["fills"] != "0"}
    assert fills == {"2024-01-05": "1", "2024-01-08": "4"}
    assert found["positions"] == []
    assert analyse(write(tmp_path, *reversed(rows)), *FREE)["end_equity"] == found["end_equity"]


def test_facts_are_never_refused_for_hours_margin_or_grid(sim: Instrument, tmp_path: Path) -> None:
    path = write(
        tmp_path,
        f"2024-01-06 17:03:00,{sim.code},buy,open,3600.123,5000",  # a Saturday, off the grid, beyond all funds
        f"2024-01-09 04:00:00,{sim.code},sell,close,-5,5000",
    )
    found = analyse(path, *FREE, "--multiplier", "10", "--capital", "1000")
    assert found["net_profit"] == pytest.approx((-5 - 3600.123) * 10 * 5000)
    assert found["statistics"]["standard"]["sharpe"] is None


def test_marks_of_several_instruments_are_told_apart_by_their_code(shared_data: Path, tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "2023-09-25 09:01:30,rb2401.SHFE,sell,open,3790,1",
        "2019-06-24 09:31:10,IF1908.CFFEX,buy,open,3796.2,1",
    )
    rb, future = (f"{code}={bars_at(shared_data, name)}" for code, name in (("rb2401.SHFE", RB), ("IF1908.CFFEX", IF)))
    found = analyse(path, *FREE, *IF_MARKS, rb, "--marks", future)
    assert [found["instrument"], *found["legs"]] == ["IF1908.CFFEX", "rb2401.SHFE"]
    assert [mark["source"] for mark in found["marks"]] == [IF, RB]
    assert found["statistics"]["vnpy"] == {}
    with pytest.raises(CommandError, match=r"--marks IF1908\.CFFEX=FILE"):
        analyse(path, *FREE, *IF_MARKS, bars_at(shared_data, IF))
    with pytest.raises(CommandError, match=r"marks of rb2405\.SHFE, and no fill"):
        analyse(path, *FREE, *IF_MARKS, future, "--marks", rb.replace("2401", "2405", 1))


# --- files in, files out ---------------------------------------------------------------------------------------


def test_a_report_is_that_of_a_backtest_and_speaks_of_fills(sim: Instrument, tmp_path: Path) -> None:
    path = write(
        tmp_path,
        f"2024-01-05 10:01:07,{sim.code},buy,open,3600,1",
        f"2024-01-05 10:31:09,{sim.code},sell,auto,3610,1",
    )
    files = {suffix: tmp_path / f"out.{suffix}" for suffix in ("html", "pdf", "json")}
    for file in files.values():
        found = analyse(path, *FREE, "--report", str(file))
    page = files["html"].read_text()
    for text in ("Analysis of fills", "2024-01-05 10:01:07", found["result_hash"], "fills.csv", "Simulated prices"):
        assert text in page, text
    assert "Backtest report" not in page
    assert files["pdf"].read_bytes().startswith(b"%PDF")
    assert json.loads(files["json"].read_text())["result_hash"] == found["result_hash"]
    days = tmp_path / "days.parquet"
    analyse(path, *FREE, "--equity", str(days))
    assert {"equity", "close_profit", "margin"} < set(pyarrow.parquet.read_schema(days).names)


def test_people_read_a_table(sim: Instrument, tmp_path: Path) -> None:
    out = StringIO()
    path = write(tmp_path, f"2024-01-05 10:01:07,{sim.code},buy,open,3600,2", name="my [bold] fills.csv")
    call_command("analyse_fills", str(path), *FREE, stdout=out)
    for text in ("Fills of my [bold] fills.csv", "total return", "held        simrb88.SIM long 2 at 3,600"):
        assert text in out.getvalue(), text


def test_parquet_and_zones_are_read_too_and_other_columns_are_left_alone(sim: Instrument, tmp_path: Path) -> None:
    path = write(tmp_path, f"2024-01-05 10:01:07,{sim.code},BUY,Open,3600,1")
    expected = analyse(path, *FREE)
    path.write_text(f"{HEADER},note\n2024-01-05T02:01:07Z,{sim.code},buy,open,3600,1,mine\n")
    assert analyse(path, *FREE)["end_equity"] == expected["end_equity"]
    parquet = tmp_path / "fills.parquet"
    pyarrow.parquet.write_table(pyarrow.csv.read_csv(path), parquet)
    assert analyse(parquet, *FREE)["end_equity"] == expected["end_equity"]


BOUGHT = "2024-01-05 10:00:00,simrb88.SIM,buy,open,3600,2"


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (["2024-01-05 25:00:00,simrb88.SIM,buy,open,3600,1"], "line 2: datetime '2024-01-05 25:00:00'"),
        (["9024-01-05 10:00:00,simrb88.SIM,buy,open,3600,1"], "line 2: datetime .* outside every trading calendar"),
        (["1990-01-05 10:00:00,simrb88.SIM,buy,open,3600,1"], "does not reach"),
        (
            [BOUGHT, "2024-01-05 10:00:00,simrb88.SIM,long,open,3600,1"],
            r"line 3: direction 'long' .* write buy \| sell",
        ),
        ([BOUGHT, "2024-01-05 10:00:00,simrb88.SIM,sell,flat,3600,1"], "line 3: offset 'flat' .* close_today"),
        (["2024-01-05 10:00:00,simrb88.SIM,buy,open,3 600,1"], "line 2: price '3 600' is no number"),
        (["2024-01-05 10:00:00,simrb88.SIM,buy,open,nan,1"], "line 2: price 'nan' is no number"),
        (["2024-01-05 10:00:00,simrb88.SIM,buy,open,3600,-1"], "line 2: volume -1 is not above 0"),
        (["2024-01-05 10:00:00,simrb88.SIM,buy,open,3600,"], "line 2: volume is empty"),
        (["2024-01-05 10:00:00,simrb88.SIM,buy,open,3600"], "line 2: has 5 cells"),
        (["2024-01-05 10:00:00,simrb88,buy,open,3600,1"], "line 2: 'simrb88' names no exchange"),
        (["2024-01-05 10:00:00,xx2405.SHFE,buy,open,3600,1"], "line 2: SHFE has no product 'xx'"),
        ([BOUGHT, "2024-01-05 10:01:00,simrb88.SIM,sell,close,3600,3"], "line 3: close closes 3 long .* write auto"),
        ([BOUGHT, "2024-01-05 09:01:00,simrb88.SIM,sell,close,3600,1"], "line 3: close closes 1 long .* 0 of today"),
        ([BOUGHT, "2024-01-05 10:01:00,rb2405.SHFE,buy,open,3600,3"], "rb2405.SHFE has no stored bars .* --marks FILE"),
        ([], "has no fills"),
    ],
)
def test_what_cannot_be_read_or_booked_is_refused_by_its_line_and_leaves_nothing(
    sim: Instrument, tmp_path: Path, rows: list[str], told: str
) -> None:
    path, days, before = write(tmp_path, *rows), tmp_path / "days.csv", Instrument.objects.count()
    with pytest.raises(CommandError, match=told):
        analyse(path, *FREE, "--equity", str(days))
    assert not days.exists()
    assert Instrument.objects.count() == before
    assert not AuditEntry.objects.filter(verb="fills.analyse").exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--commission-rate=-1"], "0 or more"),
        (["--capital", "0"], "above 0"),
        (["--multiplier", "0"], "multiplier must be above 0"),
        (["--interval", "1m"], "no bars of 1m. Stored: 5m."),
        (["--interval", "5x"], "no bar interval"),
        (["--marks", "bars.csv"], "needs --interval"),
        (["--marks", "no.csv", "--interval", "5m", "--bar-time", "end"], "cannot be read"),
        (["--report", "/nowhere/at/all.html"], "does not exist"),
        (["--equity", "days.txt"], "should end in .csv / .parquet"),
        (["--user", "bob"], "bob"),
    ],
)
def test_refused_options_are_one_sentence(
    bob: User, sim: Instrument, tmp_path: Path, arguments: list[str], told: str
) -> None:
    path = write(tmp_path, BOUGHT)
    with pytest.raises(CommandError, match=told) as refusal:
        analyse(path, *arguments)
    assert "\n" not in str(refusal.value)


def test_a_header_that_lacks_a_column_says_which(sim: Instrument, tmp_path: Path) -> None:
    path = tmp_path / "fills.csv"
    path.write_text("datetime,instrument,directon,offset,price,volume\n")
    with pytest.raises(CommandError, match="did you mean 'direction'"):
        analyse(path)
