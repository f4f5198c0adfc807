"""What an import does with sound files: starts, trading days, auctions, a second import, records."""

import gzip
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from django.core.management import call_command

from accounts.models import AuditEntry, User
from marketdata.models import Bar, BarCoverage, BarImport, Instrument
from marketdata.services import BarImportOptions, import_bars
from marketdata.tests.bar_csv import HEADER, SOUND, row_of, write_bars
from quantsite.common.errors import ConflictError, MissingError, RefusedError, RuleError

pytestmark = [pytest.mark.django_db, pytest.mark.embedded]

END = BarImportOptions("end")
START = BarImportOptions("start")


def starts(instrument: Instrument, interval: str = "5m") -> list[str]:
    """Starts of the stored bars on the Shanghai clock, with their trading days."""
    series = Bar.objects.series(instrument, interval)
    walls = (series.start // 10**9 + 8 * 3600).astype("datetime64[s]").astype(str)
    return [f"{wall[5:16]} {day}" for wall, day in zip(walls, series.trading_day.astype("datetime64[D]"), strict=True)]


def test_a_bar_carries_its_start_and_its_trading_day(tmp_path: Path) -> None:
    outcome = import_bars(None, write_bars(tmp_path / "rb.csv", *SOUND), "rb2405.SHFE", "5m", END)
    assert (outcome.rows_read, outcome.stored, outcome.unchanged, outcome.warnings) == (3, 3, 0, [])
    assert starts(outcome.instrument) == [
        "01-02T09:00 2024-01-02",
        "01-02T09:05 2024-01-02",
        "01-02T09:10 2024-01-02",
    ]
    first = Bar.objects.get(instrument=outcome.instrument, start=datetime(2024, 1, 2, 1, tzinfo=UTC))
    assert (first.open, first.high, first.low, first.close, first.volume) == (4000, 4010, 3990, 4005, 100)
    assert (first.turnover, first.open_interest, first.trading_day) == (None, None, date(2024, 1, 2))


def test_a_friday_night_belongs_to_monday_and_a_holiday_eve_to_the_day_after(tmp_path: Path) -> None:
    rows = [
        "2018-09-14 21:00:00,280,281,279,280,10",  # Friday
        "2018-09-15 02:29:00,280,281,279,280,10",  # Saturday
        "2018-09-17 09:00:00,280,281,279,280,10",
        "2018-09-18 23:59:00,280,281,279,280,10",
        "2018-09-19 00:00:00,280,281,279,280,10",
    ]
    outcome = import_bars(None, write_bars(tmp_path / "au.csv", *rows), "au1812.SHFE", "1m", START)
    assert [line.split()[1] for line in starts(outcome.instrument, "1m")] == [
        "2018-09-17",
        "2018-09-17",
        "2018-09-17",
        "2018-09-19",
        "2018-09-19",
    ]
    assert outcome.warnings == []


def test_the_opening_auction_goes_into_the_first_bar(tmp_path: Path) -> None:
    rows = [
        "2024-01-02 09:00:00,3990,3995,3985,3988,7,279000,50",
        "2024-01-02 09:05:00,4000,4010,3990,4005,100,4000000,60",
        "2024-01-02 21:00:00,4100,4100,4100,4100,0,0,61",
        "2024-01-02 21:05:00,4005,4006,4004,4005,5,200000,62",
    ]
    header = f"{HEADER},turnover,open_interest"
    path = write_bars(tmp_path / "rb.csv", *rows, header=header)
    outcome = import_bars(None, path, "rb2405.SHFE", "5m", END)
    assert (outcome.rows_read, outcome.stored, outcome.merged_auctions) == (4, 2, 2)
    first, second = Bar.objects.series(outcome.instrument, "5m").rows()
    assert first[2:] == (3990, 4010, 3985, 4005, 107, 4279000, 60)
    assert second[2:] == (4005, 4006, 4004, 4005, 5, 200000, 62), "an auction without volume has no price"


def test_times_that_are_starts_stay_as_they_are(tmp_path: Path) -> None:
    path = write_bars(tmp_path / "rb.csv", "2024-01-02 09:00:00,4000,4010,3990,4005,100")
    outcome = import_bars(None, path, "rb2405.SHFE", "5m", START)
    assert starts(outcome.instrument) == ["01-02T09:00 2024-01-02"]
    assert outcome.merged_auctions == 0


def test_daily_bars_may_carry_their_trading_day(tmp_path: Path) -> None:
    rows = ["2024-01-02,4000,4010,3990,4005,100", "2024-01-03,4000,4010,3990,4005,100"]
    outcome = import_bars(None, write_bars(tmp_path / "rb.csv", *rows), "rb2405.SHFE", "1d", END)
    assert starts(outcome.instrument, "1d") == ["01-02T09:00 2024-01-02", "01-02T21:00 2024-01-03"]
    wrong = write_bars(tmp_path / "wrong.csv", "2024-01-06,4000,4010,3990,4005,100")
    with pytest.raises(RuleError, match="line 2: 2024-01-06 is no trading day"):
        import_bars(None, wrong, "rb2405.SHFE", "1d", END)


def test_a_second_import_changes_nothing(tmp_path: Path) -> None:
    path = write_bars(tmp_path / "rb.csv", *SOUND)
    first = import_bars(None, path, "rb2405.SHFE", "5m", END)
    before = Bar.objects.series(first.instrument, "5m").data_hash()
    again = import_bars(None, path, "rb2405.SHFE", "5m", END)
    assert (again.rows_read, again.stored, again.unchanged, again.import_id) == (3, 0, 3, None)
    assert Bar.objects.series(first.instrument, "5m").data_hash() == before
    assert BarImport.objects.count() == 1
    assert Instrument.objects.count() == 1


def test_new_rows_are_added_beside_the_stored_ones(tmp_path: Path) -> None:
    import_bars(None, write_bars(tmp_path / "a.csv", SOUND[0], SOUND[2]), "rb2405.SHFE", "5m", END)
    outcome = import_bars(None, write_bars(tmp_path / "b.csv", *SOUND), "rb2405.SHFE", "5m", END)
    assert (outcome.stored, outcome.unchanged) == (1, 2)
    coverage = BarCoverage.objects.get(instrument=outcome.instrument, interval="5m")
    assert (coverage.bars, coverage.first_day, coverage.last_day) == (3, date(2024, 1, 2), date(2024, 1, 2))
    assert coverage.last_start == datetime(2024, 1, 2, 1, 10, tzinfo=UTC)


def test_a_row_that_differs_from_a_stored_one_needs_replace(tmp_path: Path) -> None:
    first = import_bars(None, write_bars(tmp_path / "a.csv", *SOUND), "rb2405.SHFE", "5m", END)
    other = write_bars(tmp_path / "b.csv", SOUND[0], SOUND[1].replace(",4015,80", ",4014,80"))
    with pytest.raises(RuleError) as caught:
        import_bars(None, other, "rb2405.SHFE", "5m", END)
    assert caught.value.code == "invalid_rows"
    assert "b.csv line 3: the bar that starts 2024-01-02 09:05:00" in caught.value.text
    assert "close 4014 here, 4015 stored" in caught.value.text
    assert Bar.objects.series(first.instrument, "5m").close.tolist() == [4005, 4015, 4001]
    outcome = import_bars(None, other, "rb2405.SHFE", "5m", BarImportOptions("end", replace=True))
    assert (outcome.stored, outcome.unchanged, outcome.replaced) == (0, 1, 1)
    assert Bar.objects.series(first.instrument, "5m").close.tolist() == [4005, 4014, 4001]
    assert row_of(outcome).replaced == 1


def test_a_bar_outside_the_hours_is_stored_with_a_warning(tmp_path: Path) -> None:
    path = write_bars(tmp_path / "rb.csv", *SOUND, "2024-01-02 18:30:00,4001,4001,4001,4001,0")
    outcome = import_bars(None, path, "rb2405.SHFE", "5m", END)
    assert outcome.stored == 4
    assert outcome.warnings == [(5, "2024-01-02 18:30:00")]
    row = row_of(outcome)
    assert (row.warning_count, row.warnings) == (1, [[5, "2024-01-02 18:30:00"]])


def test_strict_sessions_refuse_a_bar_outside_the_hours(tmp_path: Path) -> None:
    path = write_bars(tmp_path / "rb.csv", *SOUND, "2024-01-02 18:30:00,4001,4001,4001,4001,0")
    with pytest.raises(RuleError, match="line 5: 2024-01-02 18:30:00 lies outside the trading hours"):
        import_bars(None, path, "rb2405.SHFE", "5m", BarImportOptions("end", strict_sessions=True))
    assert not Bar.objects.exists()


def test_gzip_and_parquet_give_the_bars_of_the_csv(tmp_path: Path) -> None:
    plain = import_bars(None, write_bars(tmp_path / "a.csv", *SOUND), "rb2405.SHFE", "5m", END)
    packed = tmp_path / "b.csv.gz"
    packed.write_bytes(gzip.compress((tmp_path / "a.csv").read_bytes()))
    cells = [row.split(",") for row in SOUND]
    columns = dict(zip(HEADER.split(","), zip(*cells, strict=True), strict=True))
    numbers = {name: pa.array(map(float, column)) for name, column in columns.items() if name != "datetime"}
    moments = np.array(columns["datetime"], dtype="datetime64[ns]")
    walls = pa.array(moments)
    zoned = pa.array(moments - np.timedelta64(8, "h")).cast(pa.timestamp("ns", "UTC"))
    pyarrow.parquet.write_table(pa.table({"datetime": walls, **numbers}), tmp_path / "c.parquet")
    pyarrow.parquet.write_table(pa.table({"datetime": zoned, **numbers}), tmp_path / "d.parquet")
    hashes = {Bar.objects.series(plain.instrument, "5m").data_hash()}
    for name, code in (("b.csv.gz", "rb2406.SHFE"), ("c.parquet", "rb2407.SHFE"), ("d.parquet", "rb2408.SHFE")):
        outcome = import_bars(None, tmp_path / name, code, "5m", END)
        hashes.add(Bar.objects.series(outcome.instrument, "5m").data_hash())
    assert len(hashes) == 1


def test_a_told_trading_day_must_be_the_calendars(tmp_path: Path) -> None:
    header = HEADER.replace("datetime", "datetime,trading_day")
    row = "2024-01-05 21:05:00,{},4000,4010,3990,4005,100"
    path = write_bars(tmp_path / "a.csv", row.format("2024-01-05"), header=header)
    with pytest.raises(RuleError, match="line 2: trading_day 2024-01-05 should be 2024-01-08"):
        import_bars(None, path, "rb2405.SHFE", "5m", END)
    path = write_bars(tmp_path / "b.csv", row.format("2024-01-08"), header=header)
    assert import_bars(None, path, "rb2405.SHFE", "5m", END).stored == 1


def test_an_interval_has_one_name(tmp_path: Path) -> None:
    path = write_bars(tmp_path / "a.csv", "2024-01-02 10:00:00,4000,4010,3990,4005,100")
    assert import_bars(None, path, "rb2405.SHFE", "60m", END).interval == "1h"
    with pytest.raises(RuleError, match="no bar interval"):
        import_bars(None, path, "rb2405.SHFE", "5 minutes", END)


def test_series_adjusted_by_difference_may_leave_the_grid_and_fall_below_zero(tmp_path: Path) -> None:
    path = write_bars(tmp_path / "a.csv", "2024-01-02 09:05:00,-0.5,0.25,-1,0.1,100")
    assert import_bars(None, path, "rb888.SHFE", "5m", END).stored == 1
    with pytest.raises(RuleError, match=r"line 2: open -0\.5 is not above 0"):
        import_bars(None, path, "rb88.SHFE", "5m", END)


def test_the_tick_of_the_day_counts(tmp_path: Path) -> None:
    """Gold quoted steps of 0.05 until 2019-12-10 and of 0.02 from then on."""
    before = "2019-04-08 13:36:00,286.65,286.75,286.65,286.75,1"
    after = "2019-12-16 13:36:00,340.65,340.75,340.65,340.75,1"
    assert import_bars(None, write_bars(tmp_path / "a.csv", before), "au1912.SHFE", "1m", START).stored == 1
    with pytest.raises(RuleError, match=r"open 340\.65 is no multiple of the price tick 0\.02"):
        import_bars(None, write_bars(tmp_path / "b.csv", before, after), "au2012.SHFE", "1m", START)


def test_whoever_may_not_import_is_refused_and_leaves_a_trace(tmp_path: Path, bob: User, alice: User) -> None:
    path = write_bars(tmp_path / "rb.csv", *SOUND)
    with pytest.raises(RefusedError):
        import_bars(bob, path, "rb2405.SHFE", "5m", END)
    assert not Instrument.objects.exists()
    assert AuditEntry.objects.filter(verb="refused", actor=bob).count() == 1
    outcome = import_bars(alice, path, "rb2405.SHFE", "5m", END)
    assert row_of(outcome).actor == alice
    entry = AuditEntry.objects.get(verb="bars.import")
    assert (entry.actor, entry.object_text) == (alice, "rb2405.SHFE")
    assert entry.after is not None
    assert (entry.after["stored"], entry.after["source"]) == (3, "rb.csv")


def test_a_czce_code_of_another_decade_is_refused(tmp_path: Path) -> None:
    old = write_bars(tmp_path / "old.csv", "2009-11-02 09:05:00,7000,7010,6990,7004,100")
    new = write_bars(tmp_path / "new.csv", "2019-11-01 09:05:00,5000,5010,4990,5004,100")
    assert import_bars(None, old, "TA001.CZCE", "5m", END).instrument.delivery_year == 2010
    with pytest.raises(ConflictError, match="2010-01"):
        import_bars(None, new, "TA001.CZCE", "5m", END)


def test_an_unknown_product_says_which_is_likely_meant(tmp_path: Path) -> None:
    path = write_bars(tmp_path / "rb.csv", *SOUND)
    with pytest.raises(MissingError, match="Did you mean 'rb' of SHFE"):
        import_bars(None, path, "rb2405.DCE", "5m", END)


def test_bars_after_the_last_trading_day_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """rb2405 ends on 2024-05-15; two of three bars are later."""
    rows = [f"2024-05-{day} 09:05:00,3600,3610,3590,3600,10" for day in (15, 16, 17)]
    path = write_bars(tmp_path / "late.csv", *rows)
    words = ("--instrument", "rb2405.SHFE", "--interval", "5m", "--bar-time", "end")
    call_command("import_bars", str(path), *words)
    told = capsys.readouterr()
    assert "2 bars lie after rb2405.SHFE's last trading day 2024-05-15, the first one in line 3" in told.err
    assert "3 stored" in told.out
    assert BarImport.objects.get().after_expiry == 2
    sound = write_bars(tmp_path / "sound.csv", *SOUND)
    outcome = import_bars(None, sound, "rb2405.SHFE", "5m", BarImportOptions("end"))
    assert (outcome.after_expiry, outcome.first_after_expiry) == (0, None)
