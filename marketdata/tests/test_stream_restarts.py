"""Servers that die in the middle: every message reaches a reader once all the same, or is counted as lost."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from marketdata import stream
from marketdata.domain.ticks import Clock, encode, unframe
from marketdata.stream import Limits, Publisher
from marketdata.tests.stream_servers import RestartableRedis, Wire, wait_until
from quantsite.testing.patience import SOON

pytestmark = pytest.mark.servers


@pytest.fixture(params=[False, True], ids=["empty after a restart", "kept on disk"])
def server(request: pytest.FixtureRequest, tmp_path: Path, settings: Any) -> Iterator[RestartableRedis]:
    """A running Redis of this test alone."""
    with_disk = RestartableRedis(tmp_path, keeps=request.param)
    with_disk.start()
    settings.REDIS_URL = with_disk.url
    yield with_disk
    with_disk.kill()


@pytest.fixture
def forgetful(tmp_path: Path, settings: Any) -> Iterator[RestartableRedis]:
    """The same, without a disk."""
    alone = RestartableRedis(tmp_path, keeps=False)
    alone.start()
    settings.REDIS_URL = alone.url
    yield alone
    alone.kill()


class Follower:
    """Reads in a thread, with a new reader behind the last id every ten frames, as one that is restarted does."""

    def __init__(self, source: str) -> None:
        self.numbers: list[int] = []
        self.ids: list[str] = []
        self._source = source
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._follow)
        self._thread.start()

    def stop(self) -> None:
        """Read no more."""
        self._done.set()
        self._thread.join()

    def _follow(self) -> None:
        after = ""
        while not self._done.is_set():
            reader = stream.reader(self._source, after)
            for _ in range(10):
                for name, data in reader.read(50, 7):
                    self.ids.append(name)
                    self.numbers += [told.now for told in unframe(data) if isinstance(told, Clock)]
            after = reader.position
            reader.close()


class Talker:
    """Sends numbered messages from a thread, about 5,000 a second."""

    def __init__(self, publisher: Publisher) -> None:
        self.sent = 0
        self._publisher = publisher
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._talk)
        self._thread.start()

    def stop(self) -> None:
        """Send no more."""
        self._done.set()
        self._thread.join()

    def _talk(self) -> None:
        while not self._done.wait(0.001):
            for _ in range(5):
                self._publisher.send(encode(Clock("test", self.sent, 0)))
                self.sent += 1


def test_a_restart_in_the_middle_loses_and_doubles_nothing(server: RestartableRedis) -> None:
    publisher = stream.publisher("restart", 2)
    follower, talker = Follower("restart"), Talker(publisher)
    time.sleep(0.2)
    for _ in range(2):
        server.restart()
        time.sleep(0.3)
    wait_until(lambda: talker.sent > 1_000, "enough has been said")
    talker.stop()
    assert publisher.flush(SOON)
    wait_until(lambda: len(follower.numbers) >= talker.sent, "the follower has everything")
    follower.stop()
    assert follower.numbers == list(range(talker.sent))
    assert len(set(follower.ids)) == len(follower.ids)
    assert publisher.dropped == 0
    assert (publisher.sent_again > 0) == (not server.keeps)
    assert stream.sources() == ["restart"]
    assert publisher.close()


def test_an_answer_that_is_lost_does_not_double_a_frame(forgetful: RestartableRedis, settings: Any) -> None:
    wire = Wire(forgetful.port)
    settings.REDIS_URL = wire.url
    publisher = stream.publisher("answers", 1)
    for number in range(50):
        publisher.send(encode(Clock("test", number, 0)))
        assert publisher.flush(5)
        wire.lose_answers = number % 5 == 0  # the next frame arrives, its confirmation does not
    settings.REDIS_URL = forgetful.url
    found = [told.now for _name, data in stream.tail("answers", 100) for told in unframe(data)]  # type: ignore[union-attr]
    assert found == list(range(50))
    assert stream.length("answers") == 50
    assert wire.cut == 10
    assert publisher.sent_again == 0
    publisher.close()
    wire.close()


def test_an_old_publisher_stays_shut_out_when_the_server_comes_back_empty(forgetful: RestartableRedis) -> None:
    old, new = stream.publisher("owners", 6), stream.publisher("owners", 7)
    new.send(encode(Clock("test", 0, 0)))
    assert new.flush(5)
    forgetful.restart(0.1)
    new.send(encode(Clock("test", 1, 0)))
    assert new.flush(5)
    old.send(encode(Clock("test", 2, 0)))
    wait_until(lambda: old.fenced, "the old one is shut out")
    assert [name for name, _data in stream.tail("owners", 5)] == ["7-1", "7-2"]
    old.close(0)
    new.close()


def test_what_no_memory_was_left_for_shows_as_a_gap_and_is_counted(forgetful: RestartableRedis) -> None:
    publisher = stream.publisher("gap", 1, Limits(messages=500, bytes=5_000))
    publisher.send(encode(Clock("test", -1, 0)))
    assert publisher.flush(5)
    forgetful.kill()
    for number in range(5_000):
        publisher.send(encode(Clock("test", number, 0)))
        if number % 100 == 0:
            time.sleep(0.001)
    wait_until(lambda: bool(publisher.trouble), "the trouble is told")
    forgetful.start()
    assert publisher.flush(10)
    found = [told.now for _name, data in stream.reader("gap").read(0, 1_000) for told in unframe(data)]  # type: ignore[union-attr]
    assert found == list(range(5_000 - len(found), 5_000))  # the newest, without a hole among them
    assert publisher.dropped == 5_000 - len(found) > 0
    assert publisher.trouble == ""
    publisher.close()
