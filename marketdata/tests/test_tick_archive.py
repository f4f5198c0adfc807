"""Ticks that move to files: proved before their rows go, nothing lost and nothing doubled wherever it is killed."""

import os
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from accounts.models import Alarm, AuditEntry, User
from marketdata.domain.calendar import from_day_number, to_day_number
from marketdata.domain.tick_series import TickSeries
from marketdata.exports import export_ticks
from marketdata.instruments import ensure_instrument
from marketdata.models import Instrument
from marketdata.tasks import archive_old_ticks
from marketdata.tests.made_ticks import DAY, ticks
from marketdata.ticks import archive as tick_archive
from marketdata.ticks import files as tick_files
from marketdata.ticks.archive import DamagedArchiveError, archive_before, archive_day, read_archived
from marketdata.ticks.archive_services import archive_ticks
from marketdata.ticks.imports import TickImportOptions, import_ticks
from marketdata.ticks.models import Tick, TickFile
from marketdata.ticks.store import insert_ticks
from quantsite.common.errors import RefusedError

pytestmark = [pytest.mark.django_db, pytest.mark.embedded]

FIRST = from_day_number(DAY + 1)
CODE = "rb2405.SHFE"


class Killed(BaseException):
    """Stands for SIGKILL: nothing that handles errors sees it."""


@pytest.fixture(autouse=True)
def tick_dir(settings: Any, tmp_path: Path) -> Path:
    """The folder of files of ticks."""
    settings.TICK_DIR = tmp_path / "ticks"
    return Path(settings.TICK_DIR)


@pytest.fixture
def rb(db: None) -> Instrument:
    """A contract with 60 ticks on each of two days, one of them with deeper levels."""
    instrument = ensure_instrument(CODE, FIRST)
    levels = tuple(float(number) for number in range(16))
    made = [*ticks(CODE, 1, 60), *ticks(CODE, 1, 59, day=DAY + 2), *ticks(CODE, 60, 60, day=DAY + 2, depth=levels)]
    insert_ticks({instrument: TickSeries.of(CODE, made)})
    return instrument


def days(instrument: Instrument) -> list[tuple[date, int]]:
    """Trading days and rows of the catalogue."""
    return list(
        TickFile.objects.filter(instrument=instrument).order_by("trading_day").values_list("trading_day", "rows")
    )


def test_days_before_the_cutoff_move_and_are_read_as_if_they_were_rows(rb: Instrument, tick_dir: Path) -> None:
    before, first = Tick.objects.series(rb), Tick.objects.series(rb, FIRST, FIRST)
    run = archive_before(FIRST + timedelta(days=1))
    assert (run.days, run.ticks, run.failed) == (1, 60, [])
    assert Tick.objects.filter(instrument=rb).count() == 60, "the second day stays"
    (row,) = TickFile.objects.filter(instrument=rb)
    assert row.path == f"SHFE/rb2405/{FIRST:%Y%m%d}.parquet"
    assert (row.rows, row.bytes) == (60, (tick_dir / row.path).stat().st_size)
    assert Tick.objects.series(rb).checksum() == before.checksum()
    assert archive_before(FIRST + timedelta(days=2)).days == 1
    assert not Tick.objects.exists()
    assert Tick.objects.series(rb).checksum() == before.checksum()
    assert read_archived(rb, FIRST, FIRST).checksum() == first.checksum()
    assert archive_before(FIRST + timedelta(days=2)).days == 0
    packed = pyarrow.parquet.read_metadata(tick_dir / row.path).row_group(0).column(0)
    assert packed.compression == "ZSTD"


KILL_POINTS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {}


def kill_point(plant: Callable[[pytest.MonkeyPatch], None]) -> Callable[[pytest.MonkeyPatch], None]:
    """Name a place where the process dies."""
    KILL_POINTS[plant.__name__] = plant
    return plant


def _die(*_args: Any, **_kwargs: Any) -> Any:
    raise Killed


@kill_point
def before_the_file(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(tick_archive, "write_beside", _die)


@kill_point
def in_the_middle_of_the_file(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("marketdata.ticks.files.os.fsync", _die)


@kill_point
def before_the_proof(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(tick_archive, "_prove", _die)
    patch.setattr(Path, "unlink", lambda *_args, **_options: None)  # the dead clean nothing up


@kill_point
def before_the_file_has_its_name(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(tick_archive, "put_in_place", _die)
    patch.setattr(Path, "unlink", lambda *_args, **_options: None)


@kill_point
def before_the_catalogue(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(TickFile.objects, "create", _die)


@kill_point
def before_the_rows_go(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("django.db.models.query.QuerySet.delete", _die)


@pytest.mark.parametrize("point", KILL_POINTS)
def test_whoever_is_killed_loses_and_doubles_nothing(
    rb: Instrument, tick_dir: Path, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    before = Tick.objects.series(rb).checksum()
    with monkeypatch.context() as patch:
        KILL_POINTS[point](patch)
        with pytest.raises(Killed):
            archive_day(rb, FIRST)
    assert Tick.objects.series(rb).checksum() == before
    assert days(rb) == []
    assert Tick.objects.count() == 120
    for part in tick_dir.rglob("*.part"):
        os.utime(part, (0, 0))  # it died long ago
    assert archive_before(FIRST + timedelta(days=2)).failed == []
    assert Tick.objects.series(rb).checksum() == before
    assert days(rb) == [(FIRST, 60), (FIRST + timedelta(days=1), 60)]
    assert not Tick.objects.exists()
    assert sorted(path.name for path in tick_dir.rglob("*") if path.is_file()) == [
        f"{day:%Y%m%d}.parquet" for day, _rows in days(rb)
    ]


def test_a_file_that_fails_its_proof_leaves_the_rows_and_raises_the_alarm(
    rb: Instrument, tick_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write = tick_files.write_beside

    def spoil(ticks: TickSeries, path: Path) -> Path:
        """A disk that loses the last tick of the first day."""
        first_day = int(ticks.trading_day[0]) == to_day_number(FIRST)
        return write(ticks.take(slice(0, -1)) if first_day else ticks, path)

    monkeypatch.setattr(tick_archive, "write_beside", spoil)
    with pytest.raises(CommandError, match=r"1 days stay in the database:\nrb2405\.SHFE 2024-01-02: the file holds 59"):
        call_command("archive_ticks", "--before", str(FIRST + timedelta(days=2)))
    assert "1 days with 60 ticks moved" in capsys.readouterr().out
    assert days(rb) == [(FIRST + timedelta(days=1), 60)]
    assert Tick.objects.count() == 60
    alarm = Alarm.objects.open().get(code="tick_archive_failed")
    assert alarm.subject == "rb2405.SHFE 2024-01-02"
    assert alarm.shown_text.endswith(": the file holds 59 ticks, not 60")
    with translation.override("zh-hans"):
        assert alarm.shown_text.endswith("：文件含 59 个 Tick，应为 60 个")
    assert [path.name for path in tick_dir.rglob("*.part")] == []
    monkeypatch.undo()
    archive_before(FIRST + timedelta(days=2))
    assert not Alarm.objects.open().exists()


def test_a_disk_that_is_full_is_an_alarm_too(rb: Instrument, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_ticks: TickSeries, _path: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tick_archive, "write_beside", full)
    run = archive_before(FIRST + timedelta(days=1))
    assert [reason for reason in run.failed if "No space left on device" in reason] == run.failed
    assert len(run.failed) == 1
    assert Tick.objects.count() == 120


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (lambda path: path.unlink(), "is not there"),
        (lambda path: path.write_bytes(path.read_bytes()[:-40]), "cannot be read"),
        (lambda path: path.write_bytes(path.with_name("20240103.parquet").read_bytes()), "holds other ticks"),
    ],
    ids=["missing", "cut", "another day's"],
)
def test_a_damaged_file_is_an_error_and_an_alarm_never_fewer_ticks(
    rb: Instrument, tick_dir: Path, harm: Callable[[Path], None], reason: str
) -> None:
    archive_before(FIRST + timedelta(days=2))
    row = TickFile.objects.get(instrument=rb, trading_day=FIRST)
    sound = (tick_dir / row.path).read_bytes()
    harm(tick_dir / row.path)
    with pytest.raises(DamagedArchiveError, match=reason):
        Tick.objects.series(rb)
    alarm = Alarm.objects.open().get(code="tick_file_damaged")
    assert (alarm.subject, alarm.severity) == (row.path, "critical")
    assert len(Tick.objects.series(rb, FIRST + timedelta(days=1))) == 60, "other days are read as ever"
    with translation.override("zh-hans"):
        assert alarm.shown_text != f"{row.path}: {alarm.values['reason']['text']}"
        assert not alarm.shown_text.removeprefix(f"{row.path}：").isascii(), "the reason is in Chinese too"
    tick_archive.check_catalogue()
    assert Alarm.objects.open().filter(code="tick_file_damaged").exists()
    (tick_dir / row.path).write_bytes(sound)
    tick_archive.check_catalogue()
    assert not Alarm.objects.open().exists()


def test_ticks_that_come_late_join_those_of_the_file(
    rb: Instrument, tick_dir: Path, django_capture_on_commit_callbacks: Any
) -> None:
    archive_before(FIRST + timedelta(days=1))
    insert_ticks({rb: TickSeries.of(CODE, ticks(CODE, 61, 70))})
    assert len(Tick.objects.series(rb, FIRST, FIRST)) == 70
    with django_capture_on_commit_callbacks(execute=True):
        archive_before(FIRST + timedelta(days=1))
    assert days(rb) == [(FIRST, 70)]
    assert Tick.objects.series(rb, FIRST, FIRST).seq.tolist() == list(range(1, 71))
    assert [path.name for path in tick_dir.rglob("*.parquet")] == [f"{FIRST:%Y%m%d}-2.parquet"]


def test_the_rows_of_a_day_go_in_one_statement(rb: Instrument) -> None:
    with CaptureQueriesContext(connection) as queries:
        archive_day(rb, FIRST)
    deletes = [query["sql"] for query in queries if "DELETE" in query["sql"] and "marketdata_tick" in query["sql"]]
    assert len(deletes) == 1
    assert " IN (" not in deletes[0], "not a tick at a time"


@pytest.mark.parametrize("damaged", [False, True])
def test_an_import_replaces_an_archived_day(rb: Instrument, tick_dir: Path, tmp_path: Path, damaged: bool) -> None:
    export_ticks(None, CODE, tmp_path / "ticks.csv", FIRST, FIRST)
    archive_before(FIRST + timedelta(days=1))
    want = Tick.objects.series(rb, FIRST, FIRST).checksum()
    (same,) = import_ticks(None, tmp_path / "ticks.csv", TickImportOptions())
    assert (same.unchanged, Tick.objects.count()) == (60, 60), "what is in the file already is not stored as rows"
    row = TickFile.objects.get()
    if damaged:
        (tick_dir / row.path).unlink()
        with pytest.raises(DamagedArchiveError):
            import_ticks(None, tmp_path / "ticks.csv", TickImportOptions())
    else:
        text = (tmp_path / "ticks.csv").read_text()
        (tmp_path / "ticks.csv").write_text(text.replace("4001,", "4001.0,").replace(",4300,", ",4301,"))
    (done,) = import_ticks(None, tmp_path / "ticks.csv", TickImportOptions(replace=True))
    assert (done.replaced, days(rb), Tick.objects.count()) == (60, [], 120)
    assert (Tick.objects.series(rb, FIRST, FIRST).checksum() == want) is damaged
    archive_before(FIRST + timedelta(days=1))
    assert days(rb) == [(FIRST, 60)]
    tick_archive.check_catalogue()
    assert not Alarm.objects.open().exists()


def test_the_nightly_task_moves_what_is_older_than_the_setting(rb: Instrument, settings: Any) -> None:
    settings.TICK_DAYS = 30
    assert archive_old_ticks() == {
        "days": 2,
        "ticks": 120,
        "bytes": sum(TickFile.objects.values_list("bytes", flat=True)),
        "failed": 0,
    }
    settings.TICK_DAYS = 36_500
    insert_ticks({rb: TickSeries.of(CODE, ticks(CODE, 61, 70))})
    assert archive_old_ticks()["days"] == 0


def test_only_administrators_archive_by_hand(
    rb: Instrument, alice: User, ada: User, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(RefusedError):
        archive_ticks(alice)
    assert Tick.objects.count() == 120
    call_command("archive_ticks", "--dry-run", "--user", "ada")
    assert capsys.readouterr().out == "rb2405.SHFE 2024-01-02\nrb2405.SHFE 2024-01-03\n2 days would be moved\n"
    assert Tick.objects.count() == 120
    archive_ticks(ada, FIRST + timedelta(days=1))
    entry = AuditEntry.objects.get(verb="ticks.archive")
    assert entry.actor == ada
    assert entry.after is not None
    assert (entry.after["days"], entry.after["ticks"], entry.after["before"]) == (1, 60, "2024-01-03")


def partitions() -> Iterator[str]:
    """The partitions of the table of ticks."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'marketdata_tick'::regclass")
        yield from (name for (name,) in cursor.fetchall())


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one table")
def test_empty_partitions_of_past_months_go(rb: Instrument) -> None:
    assert "marketdata_tick_202401" in partitions()
    connection.check_constraints()  # as a commit does
    assert archive_before(date(2024, 1, 31)).dropped_partitions == [], "the month is not over"
    assert archive_before(date(2024, 2, 1)).dropped_partitions == ["marketdata_tick_202401"]
    assert "marketdata_tick_202401" not in partitions()
    insert_ticks({rb: TickSeries.of(CODE, ticks(CODE, 61, 70))})
    assert archive_before(date(2024, 1, 2)).dropped_partitions == []
    assert len(Tick.objects.series(rb)) == 130
