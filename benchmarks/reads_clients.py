"""Clients that ask the same question again as soon as it is answered, over connections that stay open."""

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles


@dataclass(frozen=True)
class Door:
    """Where to ask what: the whole request as it goes over the wire."""

    port: int
    request: bytes


@dataclass
class Round:
    """What one round found: seconds of each answer, seconds it took, processor seconds of the server."""

    answers: list[float]
    seconds: float
    processor: float

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.answers) / self.seconds

    @property
    def rate_of_a_core(self) -> float:
        """Answers for a second of the server's processor time."""
        return len(self.answers) / self.processor

    @property
    def percentiles(self) -> tuple[float, float]:
        """Median and 99 % in milliseconds."""
        cuts = quantiles(self.answers, n=100)
        return cuts[49] * 1e3, cuts[98] * 1e3


def request_to(path: str, token: str, port: int) -> Door:
    """A GET as a program sends it."""
    lines = [f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Accept: application/json"]
    return Door(port, "\r\n".join([*lines, f"Authorization: Bearer {token}", "", ""]).encode())


async def once(door: Door) -> bytes:
    """One answer's body. Raises ``RuntimeError`` where it is not 200."""
    reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
    try:
        return await _answer(reader, writer, door.request)
    finally:
        writer.close()


async def ask(door: Door, server: int, clients: int, seconds: float) -> Round:
    """Ask for so long, so many at a time; ``server`` is the process whose processor time counts."""
    answers: list[float] = []
    before, began = processor_seconds(server), time.perf_counter()
    await asyncio.gather(*(_client(door, began + seconds, answers) for _ in range(clients)))
    return Round(answers, time.perf_counter() - began, processor_seconds(server) - before)


async def _client(door: Door, until: float, answers: list[float]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
    while (began := time.perf_counter()) < until:
        await _answer(reader, writer, door.request)
        answers.append(time.perf_counter() - began)
    writer.close()


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> bytes:
    writer.write(request)
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    if b" 200 " not in head[:20]:
        raise RuntimeError(f"no answer but {head[:200]!r}")
    length = int(head.split(b"content-length: ", 1)[1].split(b"\r\n", 1)[0])
    return await reader.readexactly(length)


def processor_seconds(process: int) -> float:
    """What a process has used so far (Linux counts it in hundredths)."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100
