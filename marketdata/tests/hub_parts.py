"""Ticks, bars and connections for tests of the hub."""

from typing import Any

from marketdata.domain.ticks import BarMessage, Tick
from marketdata.hub.clients import Client, Wire

CODE = "rb2501.SHFE"
MINUTE = 60 * 10**9
NINE = 1_733_187_600 * 10**9
"""2024-12-03 09:00 in Shanghai."""
DAY = 20_060
"""2024-12-03."""


def tick(seq: int, last: float = 3_312.0, volume: int = 100, code: str = CODE, **more: Any) -> Tick:
    """A tick of the morning of 2024-12-03, half a second after the one before."""
    time = NINE + seq * 500_000_000
    return Tick(code, DAY, seq, time, time + 1_000_000, last, volume, 1e6, 2e6, last - 1, 5, last, 7, **more)


def bar(number: int, close: float = 3_312.0, interval: str = "1m", code: str = CODE, **more: Any) -> BarMessage:
    """The closed minute ``number`` of that morning."""
    start = NINE + number * MINUTE
    return BarMessage(code, interval, start, DAY, 3_310.0, 3_320.0, 3_300.0, close, 42, 1.4e6, 2e6, **more)


class Wired:
    """A connection with a buffer of ``room`` messages; ``read`` empties it, as the other end does."""

    def __init__(self, room: int = 3) -> None:
        self.flow: Any = None
        self.room = room
        self.buffer: list[bytes] = []
        self.got: list[bytes] = []
        self.full = False
        self.ended: tuple[int, str] | str = ""

    @property
    def waiting(self) -> int:
        return len(self.buffer)

    def write(self, complete: bytes) -> None:
        assert not self.ended, "written after the end"
        self.buffer.append(complete)
        if len(self.buffer) > self.room and not self.full:
            self.full = True
            self.flow.paused()

    def read(self, number: int = 1_000_000) -> None:
        """Take messages out of the buffer."""
        self.got += self.buffer[:number]
        del self.buffer[:number]
        if self.full and not self.buffer:
            self.full = False
            if self.flow is not None:
                self.flow.resumed()

    def close(self, code: int, reason: str) -> None:
        self.ended = (code, reason)

    def abort(self) -> None:
        self.ended = "aborted"


def client(wire: Wire = Wire.TEXT, room: int = 3) -> tuple[Client, Wired]:
    """A client of user 1 with the wire that it writes to."""
    wired = Wired(room)
    return Client(wired, wire, 1), wired
