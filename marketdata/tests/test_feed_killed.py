"""A feed process killed in the middle: the next one takes over with a higher epoch, and readers miss no number."""

import signal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.db.models.functions import Now

from accounts.models import Alarm, Lease
from marketdata import stream
from marketdata.domain.ticks import Tick, unframe
from marketdata.live_models import FeedState
from marketdata.publishing.alarms import FEED_STOPPED, check_feeds
from marketdata.publishing.kinds import FeedOptions
from marketdata.tests import feed_runs
from marketdata.tests.feed_processes import Feeds, feeds
from marketdata.tests.feed_runs import Published
from marketdata.tests.stream_servers import RestartableRedis, wait_until

__all__ = ["feeds"]
pytestmark = [pytest.mark.servers, pytest.mark.django_db(transaction=True)]


def running(epoch: int, ticks: int = 3) -> bool:
    """Whether the generator says that it runs and has published some ticks."""
    return FeedState.objects.filter(
        source="generator", status="running", epoch=epoch, ticks__gte=ticks, stream_id__startswith=f"{epoch}-"
    ).exists()


def read(reader: stream.Reader) -> list[int]:
    """The numbers of the ticks that have come since the last reading."""
    frames = reader.read(0, 1_000)
    return [told.seq for _name, data in frames for told in unframe(data) if isinstance(told, Tick)]


def test_a_killed_feed_is_missed_and_replaced(feeds: Feeds) -> None:
    reader = stream.reader("generator")
    first = feeds.start("generator")
    wait_until(lambda: running(1), "the first feed runs")
    first.send_signal(signal.SIGKILL)
    first.wait()
    before = read(reader)

    assert check_feeds() == []  # its lease still lasts
    Lease.objects.filter(name="feed:generator").update(expires_at=Now())
    assert check_feeds() == ["generator"]
    assert Alarm.objects.open().get().code == FEED_STOPPED

    second = feeds.start("generator")
    wait_until(lambda: running(2), "the second feed has taken over")
    assert check_feeds() == []
    second.send_signal(signal.SIGTERM)
    assert second.wait(60) == 0
    after = read(reader)

    state = FeedState.objects.get(source="generator")
    assert (state.status, state.epoch) == ("stopped", 2)
    assert Lease.objects.get(name="feed:generator").expires_at is None
    assert before == [(1 << 32) + number for number in range(len(before))]
    assert after == [(2 << 32) + number for number in range(len(after))]
    assert len(after) == state.ticks
    assert stream.newest_id("generator") == state.stream_id == reader.position


@pytest.mark.real_data
def test_a_replay_loses_nothing_when_redis_restarts_empty(shared_data: Path, tmp_path: Path, settings: Any) -> None:
    server = RestartableRedis(tmp_path, keeps=False)
    server.start()
    settings.REDIS_URL = server.url
    path = shared_data / "ticks" / "CZCE.AP010_tick_20200803.csv.gz"
    after, found = "", Published()
    try:
        with feed_runs.running("apples", "replay", FeedOptions((path,), speed=8_000)) as feed:
            for reading in range(4):
                reader = stream.reader("apples", after)
                wait_until(partial(take_in, reader, found), "frames come")
                after = reader.position
                reader.close()
                if reading in (1, 2):
                    server.restart(0.5)
            feed.thread.join(20)
            assert feed.ended == ["finished"]
            reader = stream.reader("apples", after)
            while take_in(reader, found):
                pass
            reader.close()
    finally:
        server.kill()
    assert [tick.seq for tick in found.ticks] == list(range(1, 12_516))


def take_in(reader: stream.Reader, found: Published) -> int:
    """Read on once; gives how many frames came."""
    frames = reader.read(100, 10_000)
    for _name, data in frames:
        found.messages += unframe(data)
    return len(frames)
