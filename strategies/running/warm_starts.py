"""Hosts that are being warmed up: bars are read and strategies rehearsed in a thread beside the loop.

The loop goes on meanwhile; the frames that come are kept, and handed to the instance when its host is there. A bar
that is in both counts once.
"""

import threading
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import NamedTuple

import structlog
from django.db import close_old_connections, connection

from marketdata.models import Instrument
from quantsite.common.errors import RuleError
from strategies.instance_models import StrategyInstance
from strategies.running.feeding import Frame
from strategies.running.hosts import Host
from strategies.running.inputs import error_of
from strategies.running.making import Maker
from strategies.running.spec import HostSpec
from strategies.running.warming import bars_before, wanted_bars

log = structlog.get_logger(__name__)


class Asked(NamedTuple):
    """What a host is to be made from; ``frames`` is how far the streams have been taken in, ``now`` market time."""

    row: StrategyInstance
    instruments: Sequence[Instrument]
    spec: HostSpec
    frames: dict[str, str]
    now: int


class Warmed(NamedTuple):
    """A host that is ready (one elsewhere has still to answer), or why there is none.

    ``last`` are the starts of the newest bars that each leg was warmed up with, -1 without any.
    """

    instance: int
    number: int
    host: Host | None
    bars: int = 0
    last: tuple[int, ...] = ()
    code: str = ""
    error: str = ""


class WarmStarts:
    """The thread, and the frames that wait for those who are being warmed up."""

    def __init__(self, maker: Maker, tell: Callable[[Warmed], None]) -> None:
        self._maker = maker
        self._tell = tell
        self._numbers: dict[int, int] = {}
        self._frames: dict[int, list[Frame]] = {}
        self._count = 0
        self._asked: SimpleQueue[tuple[int, Asked] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def begin(self, asked: Asked) -> None:
        """Make a host; frames from now on are kept for it."""
        self._count += 1
        self._numbers[asked.row.pk] = self._count
        self._frames[asked.row.pk] = []
        self._asked.put((self._count, asked))
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="strategy warm-up", daemon=True)
            self._thread.start()

    def __len__(self) -> int:
        return len(self._numbers)

    def __contains__(self, instance: int) -> bool:
        return instance in self._numbers

    def tap(self, frame: Frame) -> None:
        """A frame that the loop has taken in."""
        for frames in self._frames.values():
            frames.append(frame)

    def finish(self, warmed: Warmed) -> list[Frame] | None:
        """The frames since the warm-up began; None where it is not wanted any more."""
        if self._numbers.get(warmed.instance) != warmed.number:
            return None
        del self._numbers[warmed.instance]
        return self._frames.pop(warmed.instance)

    def forget(self, instance: int) -> None:
        """Nobody wants it any more."""
        self._numbers.pop(instance, None)
        self._frames.pop(instance, None)

    def close(self) -> None:
        """Begin nothing more, and wait for what has begun."""
        self._asked.put(None)
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        try:
            while (item := self._asked.get()) is not None:
                self._tell(self._make(*item))
                close_old_connections()
        finally:
            connection.close()

    def _make(self, number: int, asked: Asked) -> Warmed:
        row = asked.row
        try:
            bars = bars_before(asked.instruments, row.interval, wanted_bars(row), asked.frames, asked.now)
            host = self._maker.host(row, asked.spec, None, bars)
        except RuleError as error:
            return Warmed(row.pk, number, None, code=error.code, error=error.text)
        except Exception as error:  # whatever a strategy raises as it begins is its people's to read
            log.exception("strategy cannot be warmed up", strategy=row.key)
            return Warmed(row.pk, number, None, code="raised", error=error_of(error))
        last = tuple(int(series.start[-1]) if len(series) else -1 for series in bars)
        return Warmed(row.pk, number, host, sum(map(len, bars)), last)
