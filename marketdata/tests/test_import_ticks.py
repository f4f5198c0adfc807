"""What an import of ticks does: numbers, bars, a second import, days that say something else, refusals."""

import gzip
from datetime import date
from math import isnan
from pathlib import Path

import pyarrow.csv
import pyarrow.parquet
import pytest
from django.core.management import CommandError, call_command

from accounts.models import AuditEntry, User
from marketdata.daily_facts import DailySettlement
from marketdata.live_models import BarNote
from marketdata.models import Bar, BarCoverage, BarImport, Instrument
from marketdata.tests.tick_csv import HEADER, SOUND, row, write_ticks
from marketdata.ticks.imports import TickImport, TickImportOptions, import_ticks
from marketdata.ticks.models import Tick
from quantsite.common.errors import ConflictError, RefusedError, RuleError

pytestmark = [pytest.mark.django_db, pytest.mark.embedded]

PLAIN = TickImportOptions()
DAY = date(2024, 1, 2)


def one(path: Path, options: TickImportOptions = PLAIN, actor: User | None = None) -> TickImport:
    """The import of a file of one instrument."""
    (done,) = import_ticks(actor, path, options)
    return done


def test_ticks_are_numbered_by_the_order_of_the_file(tmp_path: Path) -> None:
    done = one(write_ticks(tmp_path / "rb.csv", *SOUND))
    assert (done.instrument.code, done.rows, done.stored, done.unchanged) == ("rb2405.SHFE", 7, 7, 0)
    ticks = Tick.objects.series(done.instrument)
    assert ticks.seq.tolist() == [1, 2, 3, 4, 5, 6, 7]
    assert ticks.last.tolist() == [3990, 4000, 4005, 3998, 3999, 4010, 4012]
    assert ticks.received.tolist() == [0] * 7
    assert BarImport.objects.count() == 0, "no bars were asked for"


def test_a_second_import_changes_nothing(tmp_path: Path) -> None:
    path = write_ticks(tmp_path / "rb.csv", *SOUND)
    options = TickImportOptions(intervals=("1m", "1d"))
    first = one(path, options)
    before = Tick.objects.series(first.instrument).checksum()
    again = one(path, options)
    assert (again.stored, again.unchanged, again.replaced) == (0, 7, 0)
    assert [(bars.stored, bars.unchanged) for bars in again.bars] == [(0, 3), (0, 1)]
    assert Tick.objects.series(first.instrument).checksum() == before
    assert BarImport.objects.count() == 2


def test_bars_are_built_with_their_record_and_coverage(tmp_path: Path) -> None:
    header = f"{HEADER},OpenPrice,HighestPrice,LowestPrice,SettlementPrice,PreSettlementPrice"
    rows = [f"{line},3990,4020,3985,{4003 if line == SOUND[-1] else 'N/A'},3900" for line in SOUND]
    done = one(write_ticks(tmp_path / "rb.csv", *rows, header=header), TickImportOptions(intervals=("1m", "5m", "1d")))
    minutes = list(Bar.objects.series(done.instrument, "1m").rows())
    assert [bar[2:7] for bar in minutes] == [
        (3990, 4005, 3990, 4005, 12),
        (3998, 3999, 3998, 3999, 8),
        (4010, 4012, 4010, 4012, 10),
    ]
    assert minutes[0].turnover == 12 * 40_000
    (day,) = Bar.objects.series(done.instrument, "1d").rows()
    assert day[2:7] == (3990, 4020, 3985, 4012, 30), "a day's prices are the exchange's own"
    assert len(Bar.objects.series(done.instrument, "5m")) == 2
    coverage = BarCoverage.objects.get(instrument=done.instrument, interval="1m")
    assert (coverage.bars, coverage.first_day, coverage.last_day) == (3, DAY, DAY)
    written = BarImport.objects.get(interval="1m")
    assert (written.source, written.stored, len(written.sha256)) == ("rb.csv", 3, 64)
    settled = DailySettlement.objects.get(instrument=done.instrument, trading_day=DAY)
    assert (settled.settlement_price, settled.pre_settlement, done.settlements) == (4003, 3900, 1)


def test_a_recording_that_begins_inside_a_minute_leaves_a_note_and_gives_way(tmp_path: Path) -> None:
    options, header = TickImportOptions(intervals=("1m",)), f"{HEADER},Seq"
    rows = [*SOUND[:5], row("09:01:40", 4000, 22), *SOUND[5:]]
    numbered = [f"{line},{number}" for number, line in enumerate(rows, start=1)]
    late = one(write_ticks(tmp_path / "late.csv", *numbered[3:], header=header), options)
    assert Bar.objects.series(late.instrument, "1m").volume.tolist() == [2, 8]
    assert [note.start.minute for note in BarNote.objects.filter(instrument=late.instrument)] == [1]
    done = one(write_ticks(tmp_path / "rb.csv", *numbered, header=header), options)
    assert (done.stored, done.unchanged) == (3, 5)
    assert (done.bars[0].stored, done.bars[0].unchanged, done.bars[0].replaced) == (1, 1, 1)
    assert Bar.objects.series(done.instrument, "1m").volume.tolist() == [12, 10, 8]
    assert not BarNote.objects.exists()
    again = one(write_ticks(tmp_path / "late.csv", *numbered[3:], header=header), options)
    assert (again.bars[0].stored, again.bars[0].replaced) == (0, 0), "what knows less replaces nothing"
    assert not BarNote.objects.exists()


def test_a_day_that_is_stored_otherwise_is_refused_and_names_the_difference(tmp_path: Path) -> None:
    first = one(write_ticks(tmp_path / "a.csv", *SOUND))
    changed = write_ticks(tmp_path / "b.csv", *SOUND[:2], row("09:00:30", 4006, 12), *SOUND[3:])
    with pytest.raises(ConflictError, match=r"2024-01-02 .*line 4 \(tick 3\) has last 4006, 4005 is stored"):
        one(changed)
    assert Tick.objects.series(first.instrument).last[2] == 4005
    done = one(changed, TickImportOptions(replace=True))
    assert (done.stored, done.replaced) == (0, 7)
    assert Tick.objects.series(first.instrument).last[2] == 4006


def test_ticks_that_a_recorder_numbered_are_not_doubled(tmp_path: Path) -> None:
    header = f"{HEADER},Seq"
    recorded = [f"{line},{(7 << 32) + number}" for number, line in enumerate(SOUND)]
    first = one(write_ticks(tmp_path / "recorded.csv", *recorded, header=header))
    with pytest.raises(ConflictError, match="7 stored ticks are not in the file, the first has the number 30064771072"):
        one(write_ticks(tmp_path / "rb.csv", *SOUND))
    assert len(Tick.objects.series(first.instrument)) == 7


def test_a_longer_file_adds_what_is_missing(tmp_path: Path) -> None:
    one(write_ticks(tmp_path / "a.csv", *SOUND[:4]))
    done = one(write_ticks(tmp_path / "b.csv", *SOUND))
    assert (done.stored, done.unchanged) == (3, 4)
    done = one(write_ticks(tmp_path / "a.csv", *SOUND[:4]))
    assert (done.stored, done.unchanged) == (0, 4)


def test_gzip_and_parquet_give_the_ticks_of_the_csv(tmp_path: Path) -> None:
    plain = write_ticks(tmp_path / "rb.csv", *SOUND)
    done = one(plain)
    want = Tick.objects.series(done.instrument).checksum()
    packed = tmp_path / "rb.csv.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    pyarrow.parquet.write_table(pyarrow.csv.read_csv(plain), tmp_path / "rb.parquet")
    for name in ("rb.csv.gz", "rb.parquet"):
        Tick.objects.all().delete()
        assert one(tmp_path / name).stored == 7
        assert Tick.objects.series(done.instrument).checksum() == want, name


def test_a_file_that_contradicts_the_instrument_is_refused(tmp_path: Path) -> None:
    path = write_ticks(tmp_path / "rb.csv", *SOUND, row("09:00:00", 4000, 5, symbol="rb2410"))
    with pytest.raises(RuleError, match=r"line 9: the ticks are of rb2410\.SHFE, not of rb2405\.SHFE"):
        one(path, TickImportOptions("rb2405.SHFE"))
    with pytest.raises(RuleError, match=r"are of rb2405\.SHFE, not of rb2405\.INE"):
        one(path, TickImportOptions("rb2405.INE"))
    nameless = write_ticks(tmp_path / "b.csv", *(line.replace(",SHFE,", ",,") for line in SOUND))
    with pytest.raises(RuleError, match=r"does not tell the exchange of rb2405: give --instrument rb2405\.SHFE"):
        one(nameless)
    assert one(nameless, TickImportOptions("rb2405.SHFE")).stored == 7
    assert len(import_ticks(None, path, PLAIN)) == 2, "without the word each symbol is an instrument"


def test_every_refused_row_is_named_with_line_column_and_value(tmp_path: Path) -> None:
    path = write_ticks(
        tmp_path / "bad.csv",
        SOUND[0],
        row("09:00:00", "4o00", 10),
        row("25:00:00", 4000, 10),
        row("09:00:01", 4000, "12.5"),
        row("09:00:02", 4000, 10, day="20240106"),
        row("09:00:02", 4000, 10, day="20240230"),
        "1,2",
    )
    with pytest.raises(RuleError) as caught:
        one(path)
    for part in (
        "line 3: LastPrice '4o00' is no number",
        "line 4: UpdateTime '25:00:00' is no time: CTP writes HH:MM:SS",
        "line 5: Volume '12.5' is no whole number from 0 on",
        "line 6: 2024-01-06 is no trading day",
        "line 7: TradingDay '20240230' is no date: CTP writes YYYYMMDD",
        "line 8: has 2 cells, the header has 9",
    ):
        assert part in caught.value.text
    assert not Instrument.objects.exists(), "all or nothing"
    wrong = write_ticks(tmp_path / "wrong.csv", header=HEADER.replace("LastPrice", "LastPrise"))
    with pytest.raises(RuleError, match=r"'LastPrise' is unknown .did you mean 'LastPrice'"):
        one(wrong)
    with pytest.raises(RuleError, match="has no rows"):
        one(write_ticks(tmp_path / "empty.csv"))


def test_whoever_may_not_import_is_refused_and_leaves_a_trace(tmp_path: Path, bob: User, alice: User) -> None:
    path = write_ticks(tmp_path / "rb.csv", *SOUND)
    with pytest.raises(RefusedError):
        one(path, PLAIN, bob)
    assert AuditEntry.objects.filter(verb="refused", actor=bob).count() == 1
    done = one(path, PLAIN, alice)
    entry = AuditEntry.objects.get(verb="ticks.import")
    assert (entry.actor, entry.object_text) == (alice, done.instrument.code)
    assert entry.after is not None
    assert (entry.after["stored"], entry.after["source"]) == (7, "rb.csv")


def test_an_apple_contract_is_of_the_decade_of_its_data(tmp_path: Path) -> None:
    lines = [row("09:00:10", 7000, 5, day="20200803", symbol="AP010", exchange="CZCE")]
    assert one(write_ticks(tmp_path / "ap.csv", *lines)).instrument.delivery_year == 2020
    lines = [row("09:00:10", 7000, 5, day="20100803", symbol="AP010", exchange="CZCE")]
    with pytest.raises(ConflictError, match="2020-10"):
        one(write_ticks(tmp_path / "old.csv", *lines))


def test_the_command_says_what_it_did(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_ticks(tmp_path / "rb.csv", *SOUND, row("19:29:00", 4012, 30), row("09:30:00", 4012, 30))
    call_command("import_ticks", str(path), "--build-bars", "1m, 5m")
    assert capsys.readouterr().out == (
        "rb2405.SHFE: 9 ticks read, 9 stored, 0 unchanged, 1 outside the hours, 2 back in time, "
        "3 bars of 1m (3 stored, 0 unchanged), 2 bars of 5m (2 stored, 0 unchanged)\n"
    )
    with pytest.raises(CommandError, match="no bar interval"):
        call_command("import_ticks", str(path), "--build-bars", "1x")


def test_deeper_levels_are_kept_where_they_are_quoted(tmp_path: Path) -> None:
    header = f"{HEADER},BidPrice2,BidVolume2,AskPrice2,AskVolume2,AskPrice5"
    rows = [f"{SOUND[0]},3989,4,0,0,1.79769e+308", f"{SOUND[1]},N/A,0,0.00,0,0"]
    done = one(write_ticks(tmp_path / "rb.csv", *rows, header=header))
    ticks = Tick.objects.series(done.instrument)
    first, second = (tick.depth for tick in ticks.rows())
    assert first is not None
    assert (first[0], first[4], second) == (3989, 4, None)
    assert all(isnan(price) for price in (*first[1:4], *first[8:12])), "no quote is no number"
    call_command("export_ticks", "--instrument", done.instrument.code, "--output", str(tmp_path / "back.csv"))
    assert one(tmp_path / "back.csv").unchanged == 2
    other = write_ticks(tmp_path / "other.csv", *(line.replace(",3989,4,", ",3989,5,") for line in rows), header=header)
    with pytest.raises(ConflictError, match=r"line 2 \(tick 1\) has other deeper levels"):
        one(other)
    Tick.objects.all().delete()
    one(tmp_path / "back.csv")
    assert Tick.objects.series(done.instrument).checksum() == ticks.checksum()
