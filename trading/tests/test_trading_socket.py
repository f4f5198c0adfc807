"""``/ws/trading/``: what is told, to whom, and from where on."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from channels.db import database_sync_to_async
from django.contrib.auth.models import Group
from guardian.shortcuts import assign_perm, remove_perm

from accounts.models import AuditEntry, User
from quantsite.tests.socket_link import SocketLink
from trading.account_models import TRADE, VIEW, TradingAccount
from trading.broadcast import hub, hubs
from trading.hub import opener, rows
from trading.order_models import AccountEvent
from trading.tests.folding import Fold, truth
from trading.tests.sockets import ask, begun, is_refused, socket_of
from trading.tests.written_events import Scribe, instruments, made_account
from trading.verbs import funding

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.embedded]

A, B = "account:a", "account:b"
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
def other(transactional_db: None) -> TradingAccount:
    """One that nobody was granted."""
    return made_account("b")


@pytest.fixture
def scribe(account: TradingAccount) -> Scribe:
    """What happens to Bob's account."""
    return Scribe(account, 5)


async def test_a_snapshot_then_every_event_with_its_number(bob: User, scribe: Scribe) -> None:
    await database_sync_to_async(scribe.happen)(60)
    fold = Fold()
    async with socket_of(bob) as link:
        fold.hear(await begun(link, A))
        await database_sync_to_async(scribe.happen)(40)
        seq, rows_say = await database_sync_to_async(truth)(scribe.account.pk)
        while fold.seq < seq:
            fold.hear(await link.hear())
    assert (fold.seq, fold.gaps, fold.snapshots) == (seq, [], 1)
    assert fold.view() == rows_say


async def test_an_update_has_what_the_row_has(bob: User, scribe: Scribe) -> None:
    async with socket_of(bob) as link:
        assert (await begun(link, A))["seq"] == 0
        await deposit(scribe)
        update = await link.hear()
    event = await AccountEvent.objects.aget(account=scribe.account, seq=1)
    assert update == {
        "type": "update",
        "channel": A,
        "seq": 1,
        "data": {"kind": "deposit", "market_time": "2024-12-03T04:00:00Z", **event.body},
    }


async def test_an_order_that_waits_is_in_the_next_snapshot(bob: User, scribe: Scribe) -> None:
    async with socket_of(bob) as link:
        assert (await begun(link, A))["data"]["orders"] == []
        order = await database_sync_to_async(scribe.place)()
        again = await begun(link, A)
    assert [(shown["id"], shown["status"]) for shown in again["data"]["orders"]] == [(order.pk, "pending")]
    assert again["seq"] == 0


async def test_there_is_no_telling_a_forbidden_account_from_none(bob: User, other: TradingAccount) -> None:
    async with socket_of(bob) as link:
        told = [await begun(link, B), await begun(link, "account:nobody")]
        assert (await ask(link, "subscribe", "accounts:b", "account:b\n"))["data"] == {"channels": []}
        assert await is_refused(link, "accounts:b")
        assert await is_refused(link, "account:b\n")
    for message in told:
        name = message["channel"]
        detail = f"There is no channel '{name}' for you."
        data = {"code": "unknown_channel", "detail": detail, "fields": {}}
        assert message == {"type": "error", "channel": name, "seq": None, "data": data}


async def test_who_knows_the_last_event_gets_those_after_it(bob: User, scribe: Scribe) -> None:
    for _ in range(7):
        await deposit(scribe)
    async with socket_of(bob) as link:
        assert (await ask(link, "subscribe", A, from_seq=3))["data"] == {"channels": [A]}
        assert [((await link.hear())["seq"]) for _ in range(4)] == [4, 5, 6, 7]
        assert (await begun(link, A, from_seq={"a": 6}))["seq"] == 7
        await ask(link, "subscribe", A, from_seq=7)
        await deposit(scribe)
        assert (await link.hear())["seq"] == 8


async def test_a_long_past_comes_whole(bob: User, scribe: Scribe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opener, "PAGE", 10)
    for _ in range(75):
        await deposit(scribe)
    async with socket_of(bob) as link:
        await ask(link, "subscribe", A, from_seq=0)
        heard = [(await link.hear())["seq"] for _ in range(40)]
        await deposit(scribe)
        heard += [(await link.hear())["seq"] for _ in range(36)]
    assert heard == list(range(1, 77))


async def test_a_number_that_is_not_kept_or_not_reached_gives_a_snapshot(bob: User, scribe: Scribe) -> None:
    for _ in range(5):
        await deposit(scribe)
    async with socket_of(bob) as link:
        ahead = await begun(link, A, from_seq=6)
        await AccountEvent.objects.filter(seq__lte=3).adelete()
        old = await begun(link, A, from_seq=2)
        kept = await begun(link, A, from_seq=3)
    assert [(message["type"], message["seq"]) for message in (ahead, old, kept)] == [
        ("snapshot", 5),
        ("snapshot", 5),
        ("update", 4),
    ]


@pytest.mark.parametrize(
    "wrong",
    [
        {"channels": []},
        {"channels": A},
        {"channels": [A, 1]},
        {"channels": [A, B], "from_seq": 3},
        {"channels": ["accounts"], "from_seq": 3},
        {"channels": [A], "from_seq": -1},
        {"channels": [A], "from_seq": True},
        {"channels": [A], "from_seq": {"a": "3"}},
        {"channels": [A], "from_seq": {"b": 3}},
        {"channels": [A], "from_seq": 2**63},
        {"channels": ["accounts"], "from_seq": {"a b": 3}},
        {"channels": [f"account:{number}" for number in range(201)]},
    ],
)
async def test_a_message_that_asks_for_nothing_that_can_be(bob: User, account: TradingAccount, wrong: Any) -> None:
    async with socket_of(bob) as link:
        await link.say(json.dumps({"op": "subscribe", "id": 3, **wrong}))
        answer = await link.hear()
        assert (answer["type"], answer["id"]) == ("error", 3)
        assert answer["data"]["code"] in {"invalid_channels", "invalid_from_seq", "too_many_channels"}
        assert (await begun(link, A))["type"] == "snapshot"


async def test_who_unsubscribed_hears_nothing(bob: User, scribe: Scribe) -> None:
    async with socket_of(bob) as link:
        await begun(link, A)
        assert (await ask(link, "unsubscribe", A, B))["data"] == {"channels": [A, B]}
        await deposit(scribe)
        assert await link.wire.receive_nothing(SILENCE)
        assert not hub().channels
        assert (await ask(link, "ping"))["type"] == "ack"


async def test_all_accounts_now_and_later(bob: User, scribe: Scribe, other: TradingAccount) -> None:
    async with socket_of(bob) as link:
        listed = await begun(link, "accounts")
        assert listed == {"type": "snapshot", "channel": "accounts", "seq": None, "data": {"accounts": ["a"]}}
        assert (await link.hear())["channel"] == A
        await database_sync_to_async(assign_perm)(VIEW, bob, other)
        assert (await link.hear())["data"] == {"accounts": ["a", "b"]}
        assert [(await link.hear())[key] for key in ("type",)] == ["snapshot"]
        await deposit(Scribe(other))
        await deposit(scribe)
        assert {(await link.hear())["channel"] for _ in range(2)} == {A, B}
        await database_sync_to_async(funding.revoke_account)(None, "b", bob, VIEW)
        assert await is_refused(link, B)
        assert (await link.hear())["data"] == {"accounts": ["a"]}
        await ask(link, "unsubscribe", "accounts")
        await deposit(scribe)
        assert await link.wire.receive_nothing(SILENCE)


async def test_all_accounts_go_on_from_numbers(bob: User, scribe: Scribe, other: TradingAccount) -> None:
    await deposit(scribe)
    await deposit(scribe)
    async with socket_of(bob) as link:
        assert (await begun(link, "accounts", from_seq={"a": 1, "b": 4}))["data"] == {"accounts": ["a"]}
        messages = [await link.hear(), await link.hear()]
        assert {(message["type"], message["channel"]) for message in messages} == {("update", A), ("error", B)}


async def test_a_named_account_stays_when_all_are_left(bob: User, scribe: Scribe) -> None:
    async with socket_of(bob) as link:
        await begun(link, A)
        await begun(link, "accounts")
        await ask(link, "unsubscribe", "accounts")
        await deposit(scribe)
        assert (await link.hear())["type"] == "update"


# --- rights that end ---------------------------------------------------------------------------------------------


async def ends(link: SocketLink, scribe: Scribe, end: Callable[[], Any]) -> None:
    """Take the right away, and let things happen at once: not one of them may be heard, not even in a race."""
    assert (await begun(link, A))["type"] == "snapshot"
    await deposit(scribe)
    assert (await link.hear())["type"] == "update"

    def end_and_write() -> None:
        end()
        for _ in range(5):
            scribe.deposit()

    await database_sync_to_async(end_and_write)()
    assert await is_refused(link, A)
    assert await link.wire.receive_nothing(SILENCE)
    assert (await begun(link, A, from_seq=0))["type"] == "error"


async def test_a_grant_taken_back_ends_the_stream(bob: User, scribe: Scribe) -> None:
    async with socket_of(bob) as link:
        await ends(link, scribe, lambda: funding.revoke_account(None, "a", bob, VIEW))


async def test_a_grant_taken_back_by_rows_alone_ends_the_stream(bob: User, scribe: Scribe) -> None:
    async with socket_of(bob) as link:
        await ends(link, scribe, lambda: remove_perm(VIEW, bob, scribe.account))


async def test_leaving_a_group_ends_the_stream(alice: User, scribe: Scribe) -> None:
    group = await Group.objects.acreate(name="desk one")
    await alice.groups.aadd(group)
    await database_sync_to_async(assign_perm)(TRADE, group, scribe.account)
    async with socket_of(alice) as link:
        await ends(link, scribe, lambda: alice.groups.remove(group))


async def test_a_group_losing_its_grant_ends_the_stream(alice: User, scribe: Scribe) -> None:
    group = await Group.objects.acreate(name="desk one")
    await alice.groups.aadd(group)
    await database_sync_to_async(assign_perm)(TRADE, group, scribe.account)
    async with socket_of(alice) as link:
        await ends(link, scribe, lambda: funding.revoke_account(None, "a", group, TRADE))


async def test_another_role_ends_the_stream(rita: User, scribe: Scribe) -> None:
    async with socket_of(rita) as link:
        await ends(link, scribe, rita.groups.clear)


async def test_a_deactivation_ends_the_stream(bob: User, scribe: Scribe) -> None:
    async with socket_of(bob) as link:
        await ends(link, scribe, lambda: User.objects.filter(pk=bob.pk).update(is_active=False))


async def test_nothing_needs_to_happen_for_a_stream_to_end(bob: User, rita: User, scribe: Scribe) -> None:
    async with socket_of(bob) as first, socket_of(rita) as second:
        await begun(first, A)
        await begun(second, A)
        await User.objects.filter(pk=bob.pk).aupdate(is_active=False)
        assert await is_refused(first, A)
        await deposit(scribe)
        assert (await second.hear())["type"] == "update"


async def test_a_role_without_accounts_is_not_let_in(charlie: User) -> None:
    async with socket_of(charlie) as link:
        assert await link.close_code() == 4403
    entry = await AuditEntry.objects.alatest("seq")
    assert (entry.verb, entry.actor_name) == ("refused", charlie.username)


def test_one_question_answers_as_the_query_set_does(
    ada: User, alice: User, bob: User, charlie: User, rita: User, account: TradingAccount, other: TradingAccount
) -> None:
    third = made_account("c")
    group = Group.objects.create(name="desk one")
    for user in (alice, charlie):
        user.groups.add(group)
    assign_perm(TRADE, group, other)
    assign_perm(TRADE, alice, account)
    assign_perm(VIEW, charlie, third)
    assign_perm("trading.view_tradingaccount", charlie)
    gone = User.objects.create_superuser("gone", "gone@example.com", "x", is_active=False)
    root = User.objects.create_superuser("root", "root@example.com", "x")
    people = [User.objects.get(pk=user.pk) for user in (ada, alice, bob, charlie, rita, gone, root)]
    everybody = {user.pk for user in people}
    sights = rows.sights(rows.make_question(everybody))
    listens = rows.who_listens(everybody)
    for user in people:
        assert listens[user.pk] == user.has_perm("trading.view_tradingaccount")
        seen = set(TradingAccount.objects.visible_to(user).values_list("pk", flat=True))
        every = {account.pk, other.pk, third.pk}
        assert (every if rows.EVERY in sights[user.pk] else sights[user.pk]) == seen, user.username
    for one in (account, other, third):
        allowed = {user.pk for user in people if TradingAccount.objects.visible_to(user).filter(pk=one.pk).exists()}
        assert rows.viewers(rows.make_question(everybody, one.pk), one.pk) == allowed
    assert rows.viewers(rows.make_question([], account.pk), account.pk) == frozenset()


async def test_many_sockets_are_one_question(
    bob: User, rita: User, scribe: Scribe, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def counted(name: str) -> None:
        true = getattr(rows, name)

        def ask_and_count(*given: Any) -> Any:
            asked.append(name)
            return true(*given)

        monkeypatch.setattr(rows, name, ask_and_count)

    async with socket_of(bob) as one, socket_of(bob) as two, socket_of(rita) as three, socket_of(rita) as four:
        for link in (one, two, three, four):
            await begun(link, A)
        counted("events_after")
        counted("viewers")
        await deposit(scribe)
        told = [await link.hear() for link in (one, two, three, four)]
    assert all(message == told[0] for message in told)
    assert asked == ["events_after", "viewers"]


async def test_nobody_left_means_no_work(bob: User, account: TradingAccount) -> None:
    async with socket_of(bob) as link:
        await begun(link, A)
        working = hub()
    assert working not in hubs()
    assert not working.channels
    assert await database_sync_to_async(working.rests)(3.0)
