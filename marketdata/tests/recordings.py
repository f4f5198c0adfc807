"""A recorder at work in a thread of the test, and frames written into a stream by hand."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from django.db import connection

from marketdata.domain.ticks import Message, encode, frame
from marketdata.recording.recorder import Recorder
from marketdata.stream import _sink
from marketdata.streams.frames import Frame, parse_id

SECONDS = 60.0


def write(source: str, name: str, messages: Sequence[Message] | bytes) -> None:
    """Put one frame into the stream under this id; bytes go in as they are."""
    data = messages if isinstance(messages, bytes) else frame(map(encode, messages))
    sink = _sink(source, parse_id(name).epoch)
    sink.newest()
    sink.write([Frame(parse_id(name).number, data, 1, 0.0)])
    sink.close()


@contextmanager
def recording(*names: str) -> Iterator[Recorder]:
    """A recorder of these sources; at the end it is told to stop, and drains. It must raise nothing."""
    stop, recorder = threading.Event(), Recorder(names)
    raised: list[Exception] = []

    def work() -> None:
        try:
            recorder.run(stop)
        except Exception as error:  # noqa: BLE001  (it is the test that must see it)
            raised.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=work, name="recorder")
    thread.start()
    try:
        yield recorder
    finally:
        stop.set()
        thread.join(SECONDS)
    assert not raised, raised
    assert not thread.is_alive(), "the recorder did not end"


def record(*names: str) -> None:
    """Record what is in the streams now."""
    with recording(*names) as recorder:
        wait_for(lambda: set(names) <= recorder._lanes.keys())


def wait_for(condition: Callable[[], object], seconds: float = SECONDS) -> None:
    """Until the condition is true; an error of the test where it never is."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
