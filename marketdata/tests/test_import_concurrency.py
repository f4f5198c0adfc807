"""Imports of the same bars at once: each bar is stored once, nobody fails, the coverage is right."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from django.db import connection

from accounts.audit_verify import verify
from marketdata.models import Bar, BarCoverage, BarImport, Instrument
from marketdata.services import BarImportOptions, ImportOutcome, import_bars
from marketdata.tests.bar_csv import write_bars
from quantsite.common.errors import RuleError

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.embedded]

THREADS = 4


def at_once(paths: list[Path]) -> list[ImportOutcome | RuleError]:
    """Import each file in a thread of its own; all threads start together."""
    barrier = Barrier(len(paths))

    def work(path: Path) -> ImportOutcome | RuleError:
        barrier.wait()
        try:
            return import_bars(None, path, "rb2405.SHFE", "1m", BarImportOptions("end"))
        except RuleError as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(paths)) as pool:
        return list(pool.map(work, paths))


def rows(first: int, last: int, close: int = 4000) -> list[str]:
    """Minutes of the morning of a Tuesday."""
    return [f"2024-01-02 09:{minute:02d}:00,4000,4001,3999,{close},{minute}" for minute in range(first, last + 1)]


def test_the_same_file_at_once_is_stored_once(tmp_path: Path) -> None:
    path = write_bars(tmp_path / "rb.csv", *rows(1, 59))
    outcomes = at_once([path] * THREADS)
    done = [outcome for outcome in outcomes if isinstance(outcome, ImportOutcome)]
    assert len(done) == len(outcomes), outcomes
    assert sorted((outcome.stored, outcome.unchanged) for outcome in done) == [(0, 59)] * 3 + [(59, 0)]
    assert len(Bar.objects.series(Instrument.objects.get(), "1m")) == 59
    assert BarCoverage.objects.get().bars == 59
    assert BarImport.objects.count() == 1
    assert verify().intact


def test_overlapping_files_at_once_add_up(tmp_path: Path) -> None:
    parts = [(1, 30), (20, 45), (40, 59), (10, 50)]
    paths = [write_bars(tmp_path / f"{first}.csv", *rows(first, last)) for first, last in parts]
    outcomes = at_once(paths)
    done = [outcome for outcome in outcomes if isinstance(outcome, ImportOutcome)]
    assert len(done) == len(outcomes), outcomes
    assert sum(outcome.stored for outcome in done) == 59
    assert BarCoverage.objects.get().bars == len(Bar.objects.series(Instrument.objects.get(), "1m")) == 59


def test_of_two_files_that_contradict_each_other_one_is_refused(tmp_path: Path) -> None:
    paths = [write_bars(tmp_path / f"{close}.csv", *rows(1, 59, close)) for close in (4000, 4001)]
    outcomes = at_once(paths)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["ImportOutcome", "RuleError"]
    closes = set(Bar.objects.series(Instrument.objects.get(), "1m").close.tolist())
    assert len(closes) == 1
