"""The archive killed by SIGKILL at its work, several times: every tick is there, once, and the rest is done later."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection, transaction

from marketdata.domain.calendar import from_day_number
from marketdata.domain.tick_series import TickSeries
from marketdata.instruments import ensure_instrument
from marketdata.models import Instrument
from marketdata.tests.made_ticks import DAY, ticks
from marketdata.ticks.models import Tick, TickFile
from marketdata.ticks.store import insert_ticks

pytestmark = [pytest.mark.servers, pytest.mark.django_db(transaction=True)]

CODE = "rb2405.SHFE"
DAYS = 40
TICKS = 200
LAST = str(from_day_number(DAY) + timedelta(days=DAYS + 1))
KILLS = (1, 15)
"""So many files are there when the process dies."""


@pytest.fixture
def folder() -> Iterator[Path]:
    """The folder of files of ticks, which the processes have from their environment."""
    path = Path(settings.TICK_DIR)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def rb(db: None) -> Instrument:
    """Many days with few ticks."""
    instrument = ensure_instrument(CODE, from_day_number(DAY + 1))
    made = [tick for day in range(1, DAYS + 1) for tick in ticks(CODE, 1, TICKS, day=DAY + day)]
    insert_ticks({instrument: TickSeries.of(CODE, made)})
    return instrument


def archiving() -> subprocess.Popen[bytes]:
    """``manage.py archive_ticks`` on the database of the test."""
    own = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{settings.DATABASES['default']['NAME']}")
    return subprocess.Popen(
        [sys.executable, "manage.py", "archive_ticks", "--before", LAST],
        cwd=settings.BASE_DIR,
        env={**os.environ, "DATABASE_URL": own.geturl()},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def test_a_killed_archive_loses_and_doubles_nothing(rb: Instrument, folder: Path) -> None:
    want = Tick.objects.series(rb).checksum()
    for files in KILLS:
        process = archiving()
        give_up = time.monotonic() + 60
        while len(list(folder.rglob("*.parquet"))) < files and time.monotonic() < give_up:
            time.sleep(0.001)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL, "it was done before it could be killed"
        with transaction.atomic():
            with connection.cursor() as cursor:  # the server may still be ending what the dead had asked for
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            archived = set(TickFile.objects.values_list("trading_day", flat=True))
            left = set(Tick.objects.values_list("trading_day", flat=True).distinct())
        assert (len(archived) + len(left), archived & left) == (DAYS, set())
        assert left
        assert Tick.objects.series(rb).checksum() == want
    call_command("archive_ticks", "--before", LAST)
    assert (TickFile.objects.count(), Tick.objects.count()) == (DAYS, 0)
    assert Tick.objects.series(rb).checksum() == want
