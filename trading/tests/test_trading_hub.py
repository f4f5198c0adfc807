"""The trading hub when things cross, fail or are missed; and one connection by itself."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from channels.db import database_sync_to_async
from django.db import OperationalError
from guardian.shortcuts import assign_perm

from accounts.models import User
from quantsite.web.metrics import exposition
from trading.account_models import VIEW, TradingAccount
from trading.broadcast import hub
from trading.choices import FINAL_STATUSES
from trading.hub import listener as listeners
from trading.hub import rows, worker
from trading.hub.channel import Channel
from trading.hub.listener import Listener, Subscription
from trading.hub.messages import Bundle, Message
from trading.hub.reader import News
from trading.order_models import Fill, Order
from trading.tests import written_events
from trading.tests.folding import Fold, truth
from trading.tests.sockets import ask, begun, is_refused, socket_of
from trading.tests.written_events import Scribe, instruments, made_account
from trading.verbs import funding

A = "account:a"
SILENCE = 0.3

deposit = database_sync_to_async(Scribe.deposit)


@pytest.fixture
def account(transactional_db: None, bob: User) -> TradingAccount:
    """An account that Bob may see."""
    instruments()
    made = made_account("a")
    assign_perm(VIEW, bob, made)
    return made


@pytest.fixture
def scribe(account: TradingAccount) -> Scribe:
    """What happens to it."""
    return Scribe(account, 3)


def failing(times: int, true: Callable[..., Any]) -> Callable[..., Any]:
    """A question that the database does not answer at first."""
    left = [times]

    def attempt(*given: Any) -> Any:
        if left[0]:
            left[0] -= 1
            raise OperationalError("gone away")
        return true(*given)

    return attempt


@pytest.mark.django_db(transaction=True)
@pytest.mark.embedded
class TestThroughTheSocket:
    """With the real application around it."""

    async def test_a_right_that_ends_while_news_are_on_their_way(
        self, bob: User, scribe: Scribe, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Between the answer that Bob may see it and the frame, it is taken away and something happens."""
        true = rows.viewers

        def answer_then_revoke(*given: Any) -> Any:
            answer = true(*given)
            monkeypatch.setattr(rows, "viewers", true)
            funding.revoke_account(None, "a", bob, VIEW)
            scribe.deposit()
            return answer

        async with socket_of(bob) as link:
            await begun(link, A)
            monkeypatch.setattr(rows, "viewers", answer_then_revoke)
            await deposit(scribe)
            assert (await link.hear())["seq"] == 1
            assert await is_refused(link, A)
            assert await link.wire.receive_nothing(SILENCE)

    async def test_news_about_which_a_listener_was_not_asked_are_not_told(self, bob: User, scribe: Scribe) -> None:
        async with socket_of(bob) as link:
            await begun(link, A)
            told = Message(b'{"type": "update", "channel": "account:a", "seq": 1, "data": "untrue"}', 1)
            hub()._on_news(News(scribe.account.pk, 0, [told], frozenset(), frozenset()))
            await deposit(scribe)
            assert (await link.hear())["data"]["kind"] == "deposit"

    async def test_a_gap_is_never_told(self, bob: User, scribe: Scribe) -> None:
        async with socket_of(bob) as link:
            await begun(link, A)
            told = Message(b'{"type": "update", "channel": "account:a", "seq": 2, "data": "untrue"}', 2)
            people = frozenset([bob.pk])
            hub()._on_news(News(scribe.account.pk, 1, [told], people, people))
            await deposit(scribe)
            assert (await link.hear())["seq"] == 1

    async def test_who_asks_again_and_again_gets_what_he_asked_for_last(self, bob: User, scribe: Scribe) -> None:
        async with socket_of(bob) as link:
            for number in range(20):
                ops = ("subscribe", "unsubscribe") if number % 3 == 0 else ("subscribe",)
                for op in ops:
                    await link.say(json.dumps({"op": op, "id": number, "channels": [A]}))
                await database_sync_to_async(scribe.happen)(2)
            fold = Fold()
            message: dict[str, Any] = {}
            while message.get("id") != 19:
                message = await link.hear()
            seq, rows_say = await database_sync_to_async(truth)(scribe.account.pk)
            while fold.seq < seq:
                fold.hear(await link.hear())
            assert await link.wire.receive_nothing(SILENCE)
        assert (fold.view(), fold.snapshots, fold.gaps) == (rows_say, 1, [])

    async def test_a_lost_word_costs_a_second(self, bob: User, scribe: Scribe, monkeypatch: pytest.MonkeyPatch) -> None:
        async with socket_of(bob) as link:
            await begun(link, A)
            monkeypatch.setattr(written_events, "announce", int)
            await deposit(scribe)
            assert (await link.hear())["seq"] == 1

    async def test_a_database_that_was_gone(self, bob: User, scribe: Scribe, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(worker, "PAUSE_SECONDS", 0.05)
        monkeypatch.setattr(rows, "view_of", failing(2, rows.view_of))
        async with socket_of(bob) as link:
            assert (await begun(link, A))["type"] == "snapshot"
            monkeypatch.setattr(rows, "viewers", failing(2, rows.viewers))
            monkeypatch.setattr(rows, "events_after", failing(2, rows.events_after))
            monkeypatch.setattr(rows, "last_seqs", failing(2, rows.last_seqs))
            await deposit(scribe)
            await deposit(scribe)
            assert [(await link.hear())["seq"] for _ in range(2)] == [1, 2]

    async def test_a_snapshot_serves_all_while_nothing_happens(
        self, bob: User, scribe: Scribe, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made: list[int] = []
        true = rows.view_of

        def count(account: int) -> rows.View:
            made.append(account)
            return true(account)

        monkeypatch.setattr(rows, "view_of", count)
        async with socket_of(bob) as first, socket_of(bob) as second:
            await begun(first, A)
            await begun(second, A)
            assert len(made) == 1
            await deposit(scribe)
            await second.hear()
            await begun(second, A)
            assert len(made) == 2

    async def test_a_large_day_is_cut_and_says_so(
        self, bob: User, scribe: Scribe, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(scribe, "next_day", scribe.deposit)

        def until_it_is_long() -> None:
            while Fill.objects.count() < 4 or Order.objects.filter(status__in=FINAL_STATUSES).count() < 4:
                scribe.happen(10)

        await database_sync_to_async(until_it_is_long)()
        async with socket_of(bob) as link:
            whole = (await begun(link, A))["data"]
            monkeypatch.setattr(rows, "MOST_ROWS", 2)
            await deposit(scribe)
            await link.hear()
            cut = (await begun(link, A))["data"]
        assert (whole["more"], cut["more"]) == ({"orders": False, "fills": False}, {"orders": True, "fills": True})
        assert cut["fills"] == whole["fills"][-2:]
        ended = [order for order in whole["orders"] if order["status"] in FINAL_STATUSES]
        working = [order for order in whole["orders"] if order["status"] not in FINAL_STATUSES]
        assert cut["orders"] == sorted([*working, *ended[-2:]], key=lambda order: order["id"])

    async def test_figures(self, bob: User, scribe: Scribe) -> None:
        async with socket_of(bob) as link:
            await begun(link, A)
            await deposit(scribe)
            await link.hear()
            await ask(link, "ping")
            text = (await database_sync_to_async(exposition)())[0].decode()
        assert "quantsite_trading_sockets 1.0" in text
        assert "quantsite_trading_accounts_watched 1.0" in text
        assert 'quantsite_trading_events_total{kind="sent"}' in text
        assert "quantsite_trading_event_lag_seconds_bucket" in text


class Wired:
    """A connection whose other end reads when it is told to."""

    def __init__(self) -> None:
        self.flow: Any = None
        self.got: list[bytes] = []
        self.ended: list[tuple[int, str]] = []

    def write(self, complete: bytes) -> None:
        assert not self.ended, "written after the end"
        self.got.append(complete)

    def close(self, code: int, reason: str) -> None:
        self.ended.append((code, reason))


def made_listener(user: int = 1, *, framed: bool = False) -> tuple[Listener, Wired, list[Listener]]:
    """A listener, its wire, and who was told that there is room."""
    wired = Wired()
    room: list[Listener] = []
    return Listener(wired, user, framed=framed, room=room.append), wired, room


def test_what_waits_leaves_in_its_order() -> None:
    one, wired, room = made_listener()
    one.send(Message(b"1"))
    one.paused()
    one.send(Message(b"2"))
    one.take(Bundle([Message(b"3"), Message(b"4")]))
    assert (wired.got, one.waiting, room) == ([b"1"], 3, [])
    one.resumed()
    assert (wired.got, one.waiting, room) == ([b"1", b"2", b"3", b"4"], 0, [one])


def test_too_much_that_waits_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listeners, "QUEUE_BYTES", 10)
    one, wired, _room = made_listener()
    one.paused()
    one.send(Message(b"a snapshot that it asked for"), bounded=False)
    one.send(Message(b"0123456789"))
    assert not wired.ended
    one.send(Message(b"x"))
    assert wired.ended == [(1013, "too slow: go on with from_seq")]
    one.send(Message(b"y"))
    one.resumed()
    assert (wired.got, one.waiting) == ([], 0)


def test_several_events_are_one_write_of_frames() -> None:
    one, wired, _room = made_listener(framed=True)
    one.take(Bundle([Message(b"12"), Message(b"3")]))
    assert wired.got == [b"\x81\x0212\x81\x013"]


def test_a_channel_knows_what_is_at_hand() -> None:
    channel = Channel("a", 10)
    first, _wired, _room = made_listener(1)
    second, _wired, _room = made_listener(2)
    for one in (first, second):
        channel.add(Subscription(one, "a"))
    assert channel.publish([Message(b"11", 11), Message(b"12", 12)])
    assert channel.publish([Message(b"12", 12), Message(b"13", 13)])
    assert not channel.publish([Message(b"15", 15)])
    assert channel.seq == 13
    assert [message.seq for message in channel.since(11) or ()] == [12, 13]
    assert [message.seq for message in channel.since(10) or ()] == [11, 12, 13]
    assert (channel.since(13), channel.since(9), channel.since(14)) == ([], None, None)
    assert channel.users == {1, 2}
    assert [subscription.listener for subscription in channel.drop_users({2, 3})] == [second]
    assert channel.users == {1}
    assert channel.drop(second) is None
