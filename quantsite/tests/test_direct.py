"""Direct writes over TCP: whole frames among the library's own, a slow reader, a dead one, nothing after a close."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
import uvloop
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from quantsite.web.admission import ENDS_AT_ONCE, Admission
from quantsite.web.direct import HIGH_WATER, TEXT, DirectProtocol, DirectWriter, frame, writer_of

LARGE = b"x" * 4_000


class Flow:
    """Notes what the connection tells."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def paused(self) -> None:
        self.told.append("paused")

    def resumed(self) -> None:
        self.told.append("resumed")


class Application:
    """Accepts, hands out the writer, echoes what it hears, notes how it ended."""

    def __init__(self) -> None:
        self.writers: list[DirectWriter] = []
        self.ended: list[int] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        assert (await receive())["type"] == "websocket.connect"
        await send({"type": "websocket.accept"})
        writer = writer_of(scope)
        assert writer is not None
        writer.flow = Flow()
        self.writers.append(writer)
        writer.admitted()
        while (message := await receive())["type"] == "websocket.receive":
            if message["text"] == "close":
                await send({"type": "websocket.close", "code": 4000})
                writer.write(frame(TEXT, b"late"))
            else:
                await send({"type": "websocket.send", "text": message["text"]})
        self.ended.append(message["code"])


@asynccontextmanager
async def serving() -> AsyncIterator[tuple[Application, str]]:
    """The application on a free port of this loop."""
    application = Application()
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    config = uvicorn.Config(application, log_config=None, lifespan="off", ws=DirectProtocol)
    config.timeout_graceful_shutdown = 1
    server = uvicorn.Server(config)
    with server.capture_signals():
        task = asyncio.create_task(server._serve([listener]))
        while not server.started:
            await asyncio.sleep(0.01)
        yield application, f"ws://127.0.0.1:{listener.getsockname()[1]}/"
        server.should_exit = True
        await task


async def until(what: Any) -> None:
    """Wait for something to become true."""
    async with asyncio.timeout(60):
        while not what():
            await asyncio.sleep(0.01)


async def opened(application: Application, url: str, **options: Any) -> tuple[ClientConnection, DirectWriter]:
    """A client and its writer on the other side."""
    before = len(application.writers)
    client = await connect(url, ping_interval=None, **options)
    await until(lambda: len(application.writers) > before)
    return client, application.writers[-1]


async def test_direct_frames_stand_between_those_of_the_library() -> None:
    async with serving() as (application, url):
        client, writer = await opened(application, url)  # it offers compression
        for number in range(50):
            await client.send(f"echo {number}")
            writer.write(frame(TEXT, f"direct {number}".encode()) + frame(TEXT, LARGE))
            await client.ping()
        heard = [str(await client.recv()) for _ in range(150)]
        assert [text for text in heard if text.startswith("echo")] == [f"echo {number}" for number in range(50)]
        assert [text for text in heard if text.startswith("direct")] == [f"direct {number}" for number in range(50)]
        assert heard.count(LARGE.decode()) == 50
        await client.close()
        await until(lambda: application.ended)


async def test_nothing_follows_a_close() -> None:
    async with serving() as (application, url):
        client, writer = await opened(application, url)
        await client.send("close")
        with pytest.raises(ConnectionClosed) as closed:
            await client.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4000
        writer.write(frame(TEXT, b"later"))
        writer.close(1013, "again")
        assert application.ended == [4000]


async def test_a_reader_that_stops_is_told_of_and_caught_up() -> None:
    async with serving() as (application, url):
        client, writer = await opened(application, url, max_queue=1)
        flow = writer.flow
        assert isinstance(flow, Flow)
        sent = 0
        while "paused" not in flow.told:
            writer.write(frame(TEXT, LARGE))
            sent += 1
            await asyncio.sleep(0)
            assert sent < 10_000
        assert writer.waiting <= HIGH_WATER + len(LARGE) + 10
        heard = [await client.recv() for _ in range(sent)]
        assert heard == [LARGE.decode()] * sent
        await until(lambda: flow.told == ["paused", "resumed"])
        await client.close()


async def test_a_connection_is_closed_behind_what_waits_and_cut_if_that_does_not_leave(monkeypatch: Any) -> None:
    monkeypatch.setattr("quantsite.web.direct.CLOSE_SECONDS", 0.2)
    async with serving() as (application, url):
        reading, writer = await opened(application, url)
        writer.write(frame(TEXT, b"last"))
        writer.close(1013, "too slow")
        assert await reading.recv() == "last"
        await reading.wait_closed()
        assert (reading.close_code, reading.close_reason) == (1013, "too slow")

        silent, writer = await opened(application, url, max_queue=1, close_timeout=0.1)
        while writer.waiting < HIGH_WATER:
            writer.write(frame(TEXT, LARGE))
            await asyncio.sleep(0)
        writer.close(1013, "too slow")
        await until(lambda: application.ended == [1013, 1013])
        await until(lambda: writer.waiting == 0)  # cut: the buffer is gone
        await silent.close()


async def test_handshakes_take_turns() -> None:
    admission = Admission()
    began: list[str] = []
    for name in ("first", "second", "third", "gone"):
        admission.enter(name, lambda name=name: began.append(name))  # type: ignore[misc]
    assert began == ["first"]
    admission.leave("second")  # it is not its turn
    assert began == ["first"]
    admission.leave("first")
    assert began == ["first"]  # a pause
    await until(lambda: began == ["first", "second"])
    await until(lambda: began == ["first", "second", "third"])  # the second one never left: its turn runs out
    assert len(admission) == 1


async def test_ends_are_tidied_up_a_few_at_a_time_and_before_anybody_comes() -> None:
    admission = Admission()
    happened: list[str] = []
    admission.end(lambda: happened.append("alone"))
    assert happened == ["alone"]
    await until(lambda: admission._end_timer is None)
    for number in range(3 * ENDS_AT_ONCE):
        admission.end(lambda number=number: happened.append(f"end {number}"))  # type: ignore[misc]
    admission.enter("new", lambda: happened.append("new"))
    assert len(happened) < 2 + ENDS_AT_ONCE
    await until(lambda: "new" in happened)
    assert happened == ["alone", *(f"end {number}" for number in range(3 * ENDS_AT_ONCE)), "new"]


async def test_a_crowd_that_breaks_at_once_is_noticed_to_the_last_one() -> None:
    async with serving() as (application, url):
        clients = [(await opened(application, url))[0] for _ in range(4 * ENDS_AT_ONCE)]
        for client in clients:
            client.transport.abort()
        await until(lambda: len(application.ended) == len(clients))
        for writer in application.writers:
            writer.write(frame(TEXT, b"late"))  # raises nothing


def test_a_server_stops_while_a_broken_crowd_waits_to_be_tidied_up() -> None:
    uvloop.run(broken_and_stopped())  # what the platform runs on; it takes no write to a connection that is gone


async def broken_and_stopped() -> None:
    """Stop with most of a crowd's ends still to come."""
    async with serving() as (application, url):
        clients = [(await opened(application, url))[0] for _ in range(20 * ENDS_AT_ONCE)]
        for client in clients:
            client.transport.abort()
        await until(lambda: application.ended)
        assert len(application.ended) < len(clients)
    assert len(application.ended) == len(clients)


async def test_a_crowd_is_let_in_one_after_the_other() -> None:
    async with serving() as (application, url):
        clients = await asyncio.gather(*(connect(url, ping_interval=None) for _ in range(20)))
        await until(lambda: len(application.writers) == 20)
        for client in clients:
            await client.close()
        await until(lambda: len(application.ended) == 20)
