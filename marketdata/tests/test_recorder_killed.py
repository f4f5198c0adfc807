"""A recorder killed in the middle of a replay of real ticks, and a Redis that restarts: all is recorded, once."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from django.conf import settings as configured
from django.db import connection
from django.db.models import Sum
from django.db.models.functions import Now

from accounts.models import Alarm, Lease, Severity
from marketdata.daily_facts import DailySettlement
from marketdata.domain.tick_series import TickSeries
from marketdata.live_models import RecorderPosition, TickGap
from marketdata.models import Bar, BarCoverage
from marketdata.recording.alarms import TICK_GAP
from marketdata.stream import Limits, Publisher, publisher
from marketdata.tests.played_ticks import Played, play, played, settlements
from marketdata.tests.recordings import recording, wait_for
from marketdata.tests.stream_servers import RestartableRedis
from marketdata.ticks.models import Tick
from quantsite.testing.patience import SOON

pytestmark = [pytest.mark.servers, pytest.mark.real_data, pytest.mark.django_db(transaction=True)]

EPOCH = 5
RATE = 12_000
"""Messages a second; the busiest second of one instrument at fifty times its pace has some hundred."""


@pytest.fixture
def source() -> str:
    """A name that no other test uses."""
    return f"test-{uuid4().hex[:12]}"


class RecorderProcess:
    """``manage.py run_recorder`` on the database and the stream of the test."""

    def __init__(self, source: str, folder: Path) -> None:
        self._source = source
        self._log = folder / "recorder.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Begin, behind whoever was killed: his lease is ended, so that the test need not wait for that."""
        Lease.objects.filter(name=f"recorder:{self._source}").update(expires_at=Now())
        own = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{configured.DATABASES['default']['NAME']}")
        environment = {**os.environ, "DATABASE_URL": own.geturl(), "REDIS_URL": configured.REDIS_URL}
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "manage.py", "run_recorder", "--source", self._source],
                cwd=configured.BASE_DIR,
                env=environment,
                stdout=log,
                stderr=log,
            )

    def kill(self) -> None:
        """SIGKILL."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """SIGTERM; gives the exit code."""
        return self._end(signal.SIGTERM)

    def log(self) -> str:
        """What it wrote."""
        return self._log.read_text()

    def _end(self, word: int) -> int:
        if self._process is None:
            return 0
        self._process.send_signal(word)
        code = self._process.wait(SOON)
        self._process = None
        return code


@pytest.fixture
def recorder(source: str, tmp_path: Path) -> Iterator[RecorderProcess]:
    """A recorder process, not yet started."""
    process = RecorderProcess(source, tmp_path)
    yield process
    process.kill()


def recorded(source: str) -> int:
    """How many ticks the position says."""
    return sum(RecorderPosition.objects.filter(source=source).values_list("ticks", flat=True))


def check_whole(what: Played) -> None:
    """Every tick, bar and settlement is stored as it was published, and nothing else is."""
    for instrument, ticks in what.ticks.items():
        stored = Tick.objects.series(instrument)
        assert stored.seq.tolist() == [one.seq for one in ticks]
        expected = TickSeries.of(instrument.code, ticks)
        assert without_received(stored).checksum() == without_received(expected).checksum()
    keys = {instrument.code: instrument.pk for instrument in what.ticks}
    bars = {(keys[one.instrument], one.interval, one.start): one.close for one in what.bars}
    found = {
        (key, interval, round(start.timestamp()) * 10**9): close
        for key, interval, start, close in Bar.objects.values_list("instrument_id", "interval", "start", "close")
    }
    assert found == bars
    assert BarCoverage.objects.aggregate(Sum("bars"))["bars__sum"] == len(bars)
    assert DailySettlement.objects.count() == len({one.instrument for one in settlements(what.messages)})


def without_received(ticks: TickSeries) -> TickSeries:
    """The database keeps microseconds of our own clock: exchanges tell no more than milliseconds."""
    ticks.received[:] = 0
    return ticks


def test_a_recorder_killed_twice_records_everything_once(
    source: str, recorder: RecorderProcess, shared_data: Path
) -> None:
    what = played(shared_data, ("ru1901.SHFE", "AP010.CZCE"), EPOCH, 12_000)
    sender = publisher(source, EPOCH)
    most = 7 * len(what.messages) // 10
    recorder.start()
    wait_for(lambda: RecorderPosition.objects.filter(source=source).exists())
    with ThreadPoolExecutor(1) as pool:
        player = pool.submit(play, what.messages[:most], sender, RATE / 3)
        killed_at = [0]
        for _number in range(2):
            wait_for(lambda: recorded(source) > killed_at[-1])
            recorder.kill()
            killed_at.append(recorded(source))
            recorder.start()
        player.result()
    play(what.messages[most:], sender, RATE)
    finish(sender, source)
    assert recorder.stop() == 0, recorder.log()
    assert 0 < killed_at[1] < killed_at[2] < recorded(source)
    check_whole(what)
    assert recorded(source) == sum(map(len, what.ticks.values()))
    assert not TickGap.objects.exists()
    assert not Alarm.objects.open().exists()


def test_the_order_to_stop_drains_what_is_in_the_stream(
    source: str, recorder: RecorderProcess, shared_data: Path
) -> None:
    what = played(shared_data, ("IF2101.CFFEX",), EPOCH, 3_000)
    recorder.start()
    wait_for(lambda: RecorderPosition.objects.filter(source=source).exists())
    sender = publisher(source, EPOCH)
    play(what.messages, sender, 1e9)
    assert sender.close()
    assert recorder.stop() == 0, recorder.log()
    check_whole(what)
    assert "drained and ended" in recorder.log()


@pytest.fixture(params=[False, True], ids=["empty after a restart", "kept on disk"])
def server(request: pytest.FixtureRequest, tmp_path: Path, settings: Any) -> Iterator[RestartableRedis]:
    """A running Redis of this test alone."""
    (tmp_path / "redis").mkdir()
    alone = RestartableRedis(tmp_path / "redis", keeps=request.param)
    alone.start()
    settings.REDIS_URL = alone.url
    yield alone
    alone.kill()


def test_a_redis_that_restarts_costs_nothing(source: str, server: RestartableRedis, shared_data: Path) -> None:
    what = played(shared_data, ("IF2101.CFFEX",), EPOCH, 12_000)
    sender = publisher(source, EPOCH)
    restarts = [3_000, 8_000]

    def restart(sent: int) -> None:
        if restarts and sent > restarts[0]:
            restarts.pop(0)
            server.restart(0.2)

    with recording(source):
        play(what.messages, sender, RATE, restart)
        assert sender.close(20)
        wait_for(lambda: RecorderPosition.objects.filter(source=source, stream_id=sender.last_id).exists())
    check_whole(what)
    assert not TickGap.objects.exists()
    assert not Alarm.objects.open().filter(code=TICK_GAP).exists()


def test_what_a_restart_does_cost_is_a_gap_with_an_alarm(
    source: str, tmp_path: Path, settings: Any, shared_data: Path
) -> None:
    """The recorder is away, Redis loses all, and the feed keeps only the last half second: that cannot be whole."""
    server = RestartableRedis(tmp_path, keeps=False)
    server.start()
    settings.REDIS_URL = server.url
    what = played(shared_data, ("IF2101.CFFEX",), EPOCH, 9_000)
    sender = publisher(source, EPOCH, Limits(seconds=0.2))
    third = len(what.messages) // 3
    try:
        with recording(source):
            play(what.messages[:third], sender, RATE)
            wait_for(lambda: recorded(source) > 0)
        play(what.messages[third : 2 * third], sender, RATE)
        assert sender.flush(SOON)
        time.sleep(0.3)
        server.restart()
        with recording(source):
            play(what.messages[2 * third :], sender, RATE)
            finish(sender, source)
    finally:
        server.kill()
    (instrument,) = what.ticks
    stored = set(Tick.objects.series(instrument).seq.tolist())
    published = {one.seq for one in what.ticks[instrument]}
    gap = TickGap.objects.get()
    assert published - stored == set(range(gap.first_seq, gap.last_seq + 1)), "the row names just what is missing"
    assert stored < published
    assert "were not in the stream any more" in gap.reason
    alarm = Alarm.objects.open().get(code=TICK_GAP)
    assert (alarm.severity, alarm.values["ticks"]) == (Severity.CRITICAL, len(published - stored))


def finish(sender: Publisher, source: str) -> None:
    """Everything sent is recorded."""
    assert sender.close(20)
    wait_for(lambda: RecorderPosition.objects.filter(source=source, stream_id=sender.last_id).exists())


def sessions() -> set[int]:
    """The server's processes that serve this database."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pid FROM pg_stat_activity WHERE datname = current_database()")
        return {pid for (pid,) in cursor.fetchall()}


def test_a_broken_connection_to_the_database_heals(source: str, shared_data: Path) -> None:
    what = played(shared_data, ("IF2101.CFFEX",), EPOCH, 6_000)
    sender = publisher(source, EPOCH)
    breaks, broken = [1_000, 3_000, 5_000], 0
    connection.close_pool()  # type: ignore[attr-defined]  # the recorder gets sessions of its own,
    others = sessions()  # and no other is broken: later tests go on with theirs

    def break_it(sent: int) -> None:
        nonlocal broken
        if breaks and sent > breaks[0]:
            breaks.pop(0)
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT count(pg_terminate_backend(pid)) FROM unnest(%s::int[]) AS pid",
                    [sorted(sessions() - others)],
                )
                broken += cursor.fetchone()[0]

    with recording(source):
        play(what.messages, sender, RATE, break_it)
        finish(sender, source)
    assert broken
    check_whole(what)
    assert not TickGap.objects.exists()
