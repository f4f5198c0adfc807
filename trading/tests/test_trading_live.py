"""The whole way over TCP: rows written by several at a time, sockets that break, servers that restart, slow readers."""

import asyncio
import json
import random
import socket
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, suppress
from importlib import import_module
from typing import Any

import pytest
from channels.db import database_sync_to_async
from django.db import connection, transaction
from django.db.models import F
from guardian.shortcuts import assign_perm
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from accounts.models import User
from quantsite.testing.web_server import served
from quantsite.web import direct
from trading.account_models import VIEW, AccountState, TradingAccount
from trading.hub import channel, listener, opener, reader
from trading.order_models import AccountEvent
from trading.shapes import Shape
from trading.tests.folding import Fold, truth
from trading.tests.sockets import PATH, token_of
from trading.tests.written_events import Scribe, instruments, made_account
from trading.wake import announce

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.servers]

HAPPENINGS = 60
"""Of each of the four who write."""
PATIENCE = 60


class Place:
    """The platform served in a thread, at whichever address it has now."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self.address = ""

    def start(self) -> None:
        """Serve."""
        origin = self._stack.enter_context(served(import_module("quantsite.asgi").application))
        self.address = origin.replace("http", "ws") + PATH

    def stop(self) -> None:
        """Stop serving; sockets that are open are closed, and the threads of their hub end."""
        self._stack.close()
        for thread in threading.enumerate():
            if thread.name in {"trading-events", "trading-opener"}:
                thread.join(PATIENCE)


@pytest.fixture
async def place(transactional_db: None) -> AsyncIterator[Place]:
    """It serves."""
    made = Place()
    await asyncio.to_thread(made.start)
    yield made
    await asyncio.to_thread(made.stop)


class Follower:
    """A client that folds what it hears of all accounts, and comes back from where it stood when its socket breaks."""

    def __init__(self, place: Place, token: str, seed: int, *, breaks: bool) -> None:
        self.place = place
        self.token = token
        self.random = random.Random(seed)  # noqa: S311 - repeatable, not secret
        self.breaks = breaks
        self.folds: dict[str, Fold] = {}
        self.views: dict[tuple[str, int], Shape] = {}
        self.lives = 0

    async def follow(self) -> None:
        """Until it is cancelled."""
        while True:
            with suppress(ConnectionClosed, OSError, InvalidHandshake):  # the last: of a server that is stopping
                self.lives += 1
                await self._live()
            await asyncio.sleep(0.02)

    async def _live(self) -> None:
        protocols: Any = ["quantsite.v1", f"bearer.{self.token}"]
        async with connect(self.place.address, subprotocols=protocols) as link:
            known = {code: fold.seq for code, fold in self.folds.items() if fold.seq >= 0}
            await link.send(json.dumps({"op": "subscribe", "channels": ["accounts"], "from_seq": known}))
            left = self.random.randrange(5, 60) if self.breaks else 10**9
            async for text in link:
                self._hear(json.loads(text))
                left -= 1
                if not left:
                    link.transport.abort()

    def _hear(self, message: dict[str, Any]) -> None:
        name = message["channel"] or ""
        if not name.startswith("account:"):
            return
        assert message["type"] in {"snapshot", "update"}, message
        code = name.removeprefix("account:")
        fold = self.folds.setdefault(code, Fold())
        fold.hear(message)
        self.views[code, fold.seq] = fold.view()

    def stands_at(self, last: dict[str, int]) -> bool:
        """Whether it has heard all."""
        return {code: fold.seq for code, fold in self.folds.items()} == last


class Truths(threading.Thread):
    """Reads the rows again and again while others write."""

    def __init__(self, accounts: list[TradingAccount]) -> None:
        super().__init__(daemon=True)
        self.accounts = accounts
        self.found: dict[tuple[str, int], Shape] = {}
        self.over = threading.Event()

    def run(self) -> None:
        while True:
            over = self.over.is_set()  # one look more when all is written
            for account in self.accounts:
                seq, view = truth(account.pk)
                self.found[account.code, seq] = view
            if over:
                break
        connection.close()


def in_thread(what: Callable[[], object]) -> threading.Thread:
    """Run something in a thread that has a connection of its own."""

    def run() -> None:
        what()
        connection.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


async def until(met: Callable[[], bool], seconds: float = PATIENCE) -> None:
    """Wait for something."""
    async with asyncio.timeout(seconds):
        while not met():
            await asyncio.sleep(0.02)


async def test_what_is_folded_is_what_the_rows_say_at_any_moment(
    place: Place, bob: User, rita: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opener, "PAGE", 7)  # so that a resumption takes several steps
    monkeypatch.setattr(reader, "PAGE", 5)
    monkeypatch.setattr(channel, "KEPT", 3)
    await database_sync_to_async(instruments)()
    accounts = [await database_sync_to_async(made_account)(code) for code in ("a", "b")]
    for account in accounts:
        await database_sync_to_async(assign_perm)(VIEW, bob, account)
    people = [(bob, True), (bob, True), (rita, True), (rita, False)]
    followers = [
        Follower(place, await token_of(user), seed, breaks=breaks) for seed, (user, breaks) in enumerate(people)
    ]
    following = [asyncio.create_task(one.follow()) for one in followers]
    truths = Truths(accounts)
    truths.start()
    scribes = [Scribe(account, seed) for seed, account in enumerate([*accounts, *accounts])]
    writing = [in_thread(lambda scribe=scribe: scribe.happen(HAPPENINGS)) for scribe in scribes]  # type: ignore[misc]
    await asyncio.sleep(0.5)
    await asyncio.to_thread(place.stop)
    await asyncio.to_thread(place.start)
    for thread in writing:
        await asyncio.to_thread(thread.join, PATIENCE)
    truths.over.set()
    await asyncio.to_thread(truths.join, PATIENCE)
    last = {code: max(seq for name, seq in truths.found if name == code) for code in ("a", "b")}
    try:
        await until(lambda: all(one.stands_at(last) for one in followers) or any(task.done() for task in following))
    finally:
        for task in following:
            assert task.cancel(), task.exception()
    compared = 0
    for one in followers:
        assert {code: fold.gaps for code, fold in one.folds.items()} == {"a": [], "b": []}
        assert one.lives > 1
        for key in one.views.keys() & truths.found.keys():
            assert one.views[key] == truths.found[key], key
            compared += 1
        assert set(last.items()) <= one.views.keys()
    assert compared > 20
    assert followers[3].folds["a"].snapshots == 1  # it broke with the server only, and went on from where it was


def written(account: TradingAccount, size: int) -> None:
    """An event with a body of so many letters."""
    with transaction.atomic():
        AccountState.objects.filter(pk=account.pk).update(last_seq=F("last_seq") + 1)
        seq = AccountState.objects.get(pk=account.pk).last_seq
        AccountEvent.objects.create(account=account, seq=seq, kind="mark", body={"pad": "x" * size})
    announce(account.pk)


async def opened(place: Place, token: str, from_seq: int, **options: Any) -> ClientConnection:
    """A client that goes on from an event of account "a"."""
    protocols: Any = ["quantsite.v1", f"bearer.{token}"]
    client = await connect(place.address, subprotocols=protocols, ping_interval=None, **options)
    await client.send(json.dumps({"op": "subscribe", "channels": ["account:a"], "from_seq": from_seq}))
    assert json.loads(await client.recv())["type"] == "ack"
    return client


async def test_who_reads_too_slowly_is_let_go_and_comes_back(
    place: Place, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "QUEUE_BYTES", 256 * 1024)
    monkeypatch.setattr(direct, "CLOSE_SECONDS", PATIENCE)  # it reads how it ended only after all the others
    account = await database_sync_to_async(made_account)("a")
    await database_sync_to_async(assign_perm)(VIEW, bob, account)
    token = await token_of(bob)
    narrow = socket.socket()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32 * 1024)
    host, port = place.address.removeprefix("ws://").split("/")[0].split(":")
    narrow.connect((host, int(port)))
    slow = await opened(place, token, 0, sock=narrow, max_queue=1, max_size=None)
    quick = await opened(place, token, 0, max_size=None)
    many = 100
    heard: list[int] = []
    for _ in range(many):  # the slow one reads nothing all the while
        await database_sync_to_async(written)(account, 20_000)
        heard.append(json.loads(await quick.recv())["seq"])
    with suppress(ConnectionClosed):
        async for _text in slow:
            pass
    assert slow.close_code == 1013
    assert heard == list(range(1, many + 1))
    again = await opened(place, token, 3, max_size=None)
    assert [json.loads(await again.recv())["seq"] for _ in range(many - 3)] == list(range(4, many + 1))
    await quick.close()
    await again.close()


async def test_news_come_at_once(place: Place, bob: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not with the look once a second, which is left out here: with the word of the commit."""
    monkeypatch.setattr(reader, "SWEEP_SECONDS", 3600.0)
    account = await database_sync_to_async(made_account)("a")
    await database_sync_to_async(assign_perm)(VIEW, bob, account)
    client = await opened(place, await token_of(bob), 0)
    for _ in range(30):
        await database_sync_to_async(written)(account, 500)
        async with asyncio.timeout(PATIENCE):
            assert json.loads(await client.recv())["type"] == "update"
    await client.close()
