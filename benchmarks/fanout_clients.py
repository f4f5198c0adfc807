"""Many WebSocket clients in one process that cost little: bare protocols that note when each update came.

A message carries when it was published: the number (``time.monotonic_ns``) behind ``"volume":``, or in the msgpack
form behind the same word.
"""

import asyncio
import base64
import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass

MARK = b'"volume":'
PACKED_MARK = b"\xa6volume\xcf"
UPDATE = b'"update"'
PACKED_UPDATE = b"\xa6update"
HANDSHAKE_SECONDS = 120.0


class Samples:
    """Latencies in ns of all clients that share this, while ``on``."""

    def __init__(self) -> None:
        self.on = False
        self.values: list[int] = []

    def percentiles(self, wanted: Sequence[float]) -> list[float]:
        """In milliseconds, NaN without samples."""
        found = sorted(self.values)
        return [found[min(int(len(found) * part), len(found) - 1)] / 1e6 if found else float("nan") for part in wanted]


def masked(opcode: int, payload: bytes) -> bytes:
    """A client's frame; a mask of zeros leaves the payload as it is."""
    size = len(payload)
    head = bytes((opcode, 0x80 | size)) if size < 126 else bytes((opcode, 0x80 | 126)) + size.to_bytes(2, "big")
    return head + b"\0\0\0\0" + payload


class Listener(asyncio.Protocol):
    """One client: shakes hands, subscribes, notes the latency of each update. ``count`` are the updates."""

    def __init__(self, host: str, path: str, protocols: str, hello: bytes, samples: Samples) -> None:
        key = base64.b64encode(os.urandom(16)).decode()
        asked = f"Sec-WebSocket-Protocol: {protocols}\r\n" if protocols else ""
        self.request = (
            f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n{asked}\r\n"
        ).encode()
        self.hello = hello
        self.samples = samples
        self.buffer = b""
        self.open = False
        self.count = 0
        self.close_code: int | None = None
        self.lost = False
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the upgrade."""
        self.transport: asyncio.Transport = transport  # type: ignore[assignment]
        self.transport.write(self.request)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Note it."""
        self.lost = True
        if not self.ready.done():
            self.ready.set_exception(ConnectionError(f"closed with {self.close_code}"))

    def data_received(self, data: bytes) -> None:
        """Take whole frames out of what came."""
        now = time.monotonic_ns()
        if self.buffer:
            data = self.buffer + data
        if not self.open:
            end = data.find(b"\r\n\r\n")
            if end < 0:
                self.buffer = data
                return
            if b" 101 " not in data[:40]:
                self.ready.set_exception(ConnectionError(data[:80].decode()))
                return
            self.open, data = True, data[end + 4 :]
            if self.hello:
                self.transport.write(masked(0x81, self.hello))
        self.buffer = self.frames(data, now)

    def frames(self, data: bytes, now: int) -> bytes:
        """Handle whole frames; gives the rest."""
        place, size = 0, len(data)
        while size - place >= 2:
            length, start = data[place + 1], place + 2
            if length == 126:
                length, start = int.from_bytes(data[place + 2 : place + 4], "big"), place + 4
            elif length == 127:
                length, start = int.from_bytes(data[place + 2 : place + 10], "big"), place + 10
            if start + length > size:
                break
            self.message(data[place] & 0x0F, data, start, start + length, now)
            place = start + length
        return data[place:]

    def message(self, opcode: int, data: bytes, start: int, end: int, now: int) -> None:
        """One frame."""
        if opcode == 0x9:
            self.transport.write(masked(0x8A, data[start:end]))
        elif opcode == 0x8:
            self.close_code = int.from_bytes(data[start : start + 2], "big")
        elif data.find(UPDATE if opcode == 0x1 else PACKED_UPDATE, start, start + 40) >= 0:
            self.update(opcode, data, start, end, now)
        elif not self.ready.done() and (b'"snapshot"' in data[start:end] or b"\xa8snapshot" in data[start:end]):
            self.ready.set_result(None)
        elif b'"error"' in data[start : start + 40] and not self.ready.done():
            self.ready.set_exception(ConnectionError(data[start:end].decode()))

    def update(self, opcode: int, data: bytes, start: int, end: int, now: int) -> None:
        """Note how old the message is."""
        self.count += 1
        if not self.samples.on:
            return
        if opcode == 0x1:
            place = data.find(MARK, start, end) + len(MARK)
            sent = int(data[place : data.find(b",", place)])
        else:
            place = data.find(PACKED_MARK, start, end) + len(PACKED_MARK)
            sent = int.from_bytes(data[place : place + 8], "big")
        self.samples.values.append(now - sent)


@dataclass(frozen=True)
class Door:
    """Where clients go, and what they ask for there."""

    port: int
    path: str
    protocols: str = ""
    channels: tuple[str, ...] = ()

    def listener(self, samples: Samples) -> Listener:
        """A client that is not connected yet."""
        asked = {"op": "subscribe", "id": 1, "channels": list(self.channels)}
        hello = json.dumps(asked).encode() if self.channels else b""
        return Listener(f"127.0.0.1:{self.port}", self.path, self.protocols, hello, samples)


async def connect(door: Door, samples: Samples) -> Listener:
    """A client that has its first snapshot. Raises ``ConnectionError``."""
    loop = asyncio.get_running_loop()
    _transport, client = await loop.create_connection(lambda: door.listener(samples), "127.0.0.1", door.port)
    async with asyncio.timeout(HANDSHAKE_SECONDS):
        await client.ready
    return client


async def connect_many(number: int, door: Door, samples: Samples, at_once: int = 20) -> list[Listener]:
    """That many clients, ``at_once`` of them shaking hands at a time."""
    gate = asyncio.Semaphore(at_once)

    async def one() -> Listener:
        async with gate:
            return await connect(door, samples)

    return list(await asyncio.gather(*(one() for _ in range(number))))
