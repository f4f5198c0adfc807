"""Gaps in stored bars filled from ticks, whether these are rows or in files; what is stored and whole stays."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from accounts.models import AuditEntry, User
from marketdata.backfill import backfill_bars
from marketdata.live_models import BarNote
from marketdata.models import Bar, BarCoverage, BarImport, Instrument
from marketdata.tests.tick_csv import HEADER, SOUND, row, write_ticks
from marketdata.ticks.archive import archive_before
from marketdata.ticks.imports import TickImportOptions, import_ticks
from marketdata.ticks.models import Tick
from quantsite.common.errors import MissingError, RefusedError

pytestmark = [pytest.mark.django_db, pytest.mark.embedded]

DAY = date(2024, 1, 2)
CODE = "rb2405.SHFE"


@pytest.fixture
def rb(settings: Any, tmp_path: Path) -> Instrument:
    """A contract with the ticks of a day and its bars of 1m and 5m, the middle minute missing."""
    settings.TICK_DIR = tmp_path / "ticks"
    path = write_ticks(tmp_path / "rb.csv", *SOUND)
    (done,) = import_ticks(None, path, TickImportOptions(intervals=("1m", "5m")))
    Bar.objects.filter(instrument=done.instrument, interval="1m", volume=8).delete()
    return done.instrument


def volumes(instrument: Instrument, interval: str = "1m") -> list[float]:
    """The volumes of the stored bars, ascending by start."""
    found: list[float] = Bar.objects.series(instrument, interval).volume.tolist()
    return found


@pytest.mark.parametrize("archived", [False, True], ids=["rows", "files"])
def test_only_what_is_missing_is_filled(rb: Instrument, archived: bool) -> None:
    if archived:
        archive_before(DAY + timedelta(days=1))
        assert not Tick.objects.exists()
    assert volumes(rb) == [12, 10]
    (found,) = backfill_bars(None, [], None, None, ["1m", "5m"])
    assert (found.instrument, found.interval, found.filled, found.completed) == (CODE, "1m", 1, 0)
    assert volumes(rb) == [12, 8, 10]
    assert BarCoverage.objects.get(instrument=rb, interval="1m").bars == 3
    assert BarImport.objects.filter(source="backfill from ticks").count() == 1
    entry = AuditEntry.objects.get(verb="bars.backfill")
    assert entry.after is not None
    assert entry.after["bars"][0]["filled"] == 1
    assert backfill_bars(None, [CODE], None, None, ["1m", "5m"]) == []


def test_a_dry_run_says_it_and_does_nothing(rb: Instrument, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("backfill_bars", "--instrument", CODE, "--interval", "1m", "--dry-run")
    told = "rb2405.SHFE 1m: 1 bars would be filled, 0 partial ones would be made whole (2024-01-02 to 2024-01-02)\n"
    assert capsys.readouterr().out == told
    assert volumes(rb) == [12, 10]
    assert not AuditEntry.objects.filter(verb="bars.backfill").exists()
    call_command("backfill_bars", "--instrument", CODE, "--start", "2024-01-03")
    assert capsys.readouterr().out == "nothing to fill\n"
    call_command("backfill_bars", "--instrument", CODE)
    assert "rb2405.SHFE 1d: 1 bars filled" in capsys.readouterr().out


def test_a_partial_bar_is_made_whole_and_a_whole_one_left_alone(rb: Instrument) -> None:
    first, last = Bar.objects.filter(instrument=rb, interval="1m").order_by("start")
    Bar.objects.filter(instrument=rb, interval="1m", volume=12).update(volume=5, open=4000)
    Bar.objects.filter(instrument=rb, interval="1m", volume=10).update(volume=99)
    BarNote.objects.create(instrument=rb, interval="1m", start=first.start)
    (found,) = backfill_bars(None, [CODE], DAY, DAY, ["1m"])
    assert (found.filled, found.completed) == (1, 1)
    assert volumes(rb) == [12, 8, 99]
    assert Bar.objects.get(instrument=rb, interval="1m", start=first.start).open == 3990
    assert not BarNote.objects.exists()
    assert Bar.objects.get(instrument=rb, interval="1m", start=last.start).volume == 99


def test_a_minute_with_lost_ticks_is_not_filled(settings: Any, tmp_path: Path) -> None:
    settings.TICK_DIR = tmp_path / "ticks"
    rows = [*SOUND[:5], row("09:02:10", 4000, 22), row("09:03:10", 4000, 24), *SOUND[5:]]
    kept = [f"{line},{number}" for number, line in enumerate(rows, start=1) if number != 6]
    (done,) = import_ticks(None, write_ticks(tmp_path / "rb.csv", *kept, header=f"{HEADER},Seq"), TickImportOptions())
    backfill_bars(None, [CODE], None, None, ["1m"])
    starts = [start.minute for start in Bar.objects.order_by("start").values_list("start", flat=True)]
    assert starts == [0, 59], "09:01 to 09:03 touch the hole"
    assert len(Tick.objects.series(done.instrument)) == 8


def test_who_may_not_import_bars_may_not_fill_them(rb: Instrument, bob: User, alice: User) -> None:
    with pytest.raises(RefusedError):
        backfill_bars(bob, [CODE], None, None, ["1m"])
    with pytest.raises(MissingError):
        backfill_bars(alice, ["rb9901.SHFE"], None, None, ["1m"])
    backfill_bars(alice, [CODE], None, None, ["1m"])
    assert BarImport.objects.get(source="backfill from ticks").actor == alice
