"""Feeds that tests run in threads of their own, and what came out of their streams."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count

from marketdata import stream
from marketdata.domain.ticks import BarMessage, Clock, Message, SettlementMessage, Tick, unframe
from marketdata.publishing.kinds import FeedOptions
from marketdata.publishing.runner import FeedRunner

_numbers = count(1)


def new_source() -> str:
    """A name that no test has used: streams of the embedded size live as long as the process."""
    return f"feed{next(_numbers)}"


@dataclass
class Published:
    """The messages of a stream in their order."""

    messages: list[Message] = field(default_factory=list)

    @property
    def ticks(self) -> list[Tick]:
        """Those that are ticks."""
        return [message for message in self.messages if isinstance(message, Tick)]

    @property
    def bars(self) -> list[BarMessage | SettlementMessage]:
        """Bars and settlement prices."""
        return [message for message in self.messages if isinstance(message, BarMessage | SettlementMessage)]

    @property
    def clocks(self) -> list[Clock]:
        """The market clock as it was told."""
        return [message for message in self.messages if isinstance(message, Clock)]


def published(source: str, after: str = "") -> Published:
    """Everything that the stream keeps behind an id."""
    reader, found = stream.reader(source, after), Published()
    while frames := reader.read(0, 1_000):
        for _name, data in frames:
            found.messages += unframe(data)
    reader.close()
    return found


def replay(source: str, options: FeedOptions) -> Published:
    """Run a replay to its end; gives what it published."""
    after = stream.newest_id(source)
    assert FeedRunner(source, "replay", options).run(threading.Event()) == "finished"
    return published(source, after)


@dataclass
class Running:
    """A feed in a thread: ``ended`` is its last word or what it raised."""

    stop: threading.Event
    thread: threading.Thread
    ended: list[object] = field(default_factory=list)


@contextmanager
def running(source: str, kind: str, options: FeedOptions | None = None) -> Iterator[Running]:
    """A feed that runs until the block ends."""
    stop = threading.Event()
    ended: list[object] = []

    def run() -> None:
        try:
            ended.append(FeedRunner(source, kind, options).run(stop))
        except Exception as error:  # noqa: BLE001 - the test looks at it
            ended.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield Running(stop, thread, ended)
    finally:
        stop.set()
        thread.join(20)
        assert not thread.is_alive()
