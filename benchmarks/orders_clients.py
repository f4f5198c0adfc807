"""A trader's program: orders by HTTP on one connection, events by socket, and how long each took."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import uuid4

import orjson
from websockets.asyncio.client import ClientConnection, connect

from benchmarks.orders_desk import CODE, PRICE

PATIENCE_SECONDS = 30.0
ACCEPTED = "accepted"


@dataclass
class Times:
    """By ``client_order_id`` in seconds of ``perf_counter``: when it was sent, answered, accepted on the socket."""

    sent: dict[str, float] = field(default_factory=dict)
    answered: dict[str, float] = field(default_factory=dict)
    accepted: dict[str, float] = field(default_factory=dict)

    def milliseconds(self, ends: dict[str, float]) -> list[float]:
        """How long each order took to one of the two ends, in order."""
        return sorted((ends[name] - began) * 1e3 for name, began in self.sent.items() if name in ends)


def share(values: Sequence[float], part: float) -> float:
    """The value below which that part of sorted values lies."""
    return values[min(int(len(values) * part), len(values) - 1)]


class Poster:
    """One kept HTTP connection."""

    def __init__(self, port: int, token: str, account: str) -> None:
        self._port = port
        self._account = account
        self._head = (
            f"POST /api/v1/orders/ HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n"
            "Content-Type: application/json\r\nAccept: application/json\r\nContent-Length: "
        )

    async def open(self) -> "Poster":
        """Connect."""
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        return self

    async def post(self, times: Times) -> None:
        """Place one order that rests. Raises ``RuntimeError`` for any answer but 201."""
        name = uuid4().hex
        order = {
            "account": self._account, "instrument": CODE, "direction": "buy", "offset": "open", "type": "limit",
            "price": PRICE, "volume": 1, "client_order_id": name,
        }  # fmt: skip
        body = orjson.dumps(order)
        times.sent[name] = time.perf_counter()
        self._writer.write(f"{self._head}{len(body)}\r\n\r\n".encode() + body)
        head = await self._reader.readuntil(b"\r\n\r\n")
        size = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        answer = await self._reader.readexactly(size)
        times.answered[name] = time.perf_counter()
        if b" 201 " not in head[:20]:
            raise RuntimeError(f"{head!r} {answer!r}")

    def close(self) -> None:
        """Hang up."""
        self._writer.close()


class Ear:
    """A socket that notes when orders were accepted."""

    def __init__(self, link: ClientConnection, times: Times) -> None:
        self._link = link
        self._times = times
        self._task = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        async for text in self._link:
            now = time.perf_counter()
            data = orjson.loads(text)["data"] or {}
            if data.get("kind") == ACCEPTED:
                self._times.accepted[data["order"]["client_order_id"]] = now

    async def wait(self, number: int) -> None:
        """Until so many orders are accepted. Raises ``TimeoutError``."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(self._times.accepted) < number:
                await asyncio.sleep(0.001)

    async def close(self) -> None:
        """Listen no more."""
        self._task.cancel()
        await self._link.close()


async def listen(port: int, token: str, account: str, times: Times) -> Ear:
    """An open socket that has its snapshot."""
    address = f"ws://127.0.0.1:{port}/ws/trading/"
    protocols = ["quantsite.v1", f"bearer.{token}"]
    link = await connect(address, subprotocols=protocols, max_size=None, proxy=None)  # type: ignore[arg-type]
    await link.send(orjson.dumps({"op": "subscribe", "id": 1, "channels": [f"account:{account}"]}).decode())
    while orjson.loads(await link.recv())["type"] != "snapshot":
        pass
    return Ear(link, times)
