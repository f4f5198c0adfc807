"""The channel ``risk``: pictures of the accounts that one may see, as they change, and of no other account."""

import asyncio
from typing import Any

import pytest
from channels.db import database_sync_to_async
from django.utils import timezone
from guardian.shortcuts import assign_perm, remove_perm

from accounts.models import User
from quantsite.tests.socket_link import SocketLink
from trading.account_models import TRADE, VIEW, TradingAccount
from trading.broadcast import hub
from trading.risk_models import AccountRisk
from trading.tests.sockets import ask, begun, socket_of
from trading.tests.written_events import instruments, made_account

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.embedded]

LOOKED = 1.8
"""Seconds in which the hub looks at the rows again."""


@database_sync_to_async
def write(account: TradingAccount, **figures: Any) -> None:
    """As the account's gateway does."""
    AccountRisk.objects.update_or_create(account=account, defaults={"figures": figures, "updated_at": timezone.now()})


@pytest.fixture
def mine(transactional_db: None, bob: User) -> TradingAccount:
    """An account that Bob may see."""
    instruments()
    made = made_account("a")
    assign_perm(VIEW, bob, made)
    return made


@pytest.fixture
def other(transactional_db: None) -> TradingAccount:
    """One that he may not see."""
    return made_account("b")


async def silent(link: SocketLink) -> bool:
    """Whether nothing comes while the hub looks again."""
    try:
        async with asyncio.timeout(LOOKED):
            await link.hear()
    except TimeoutError:
        return True
    return False


async def test_the_pictures_that_there_are_and_then_what_changes(
    bob: User, mine: TradingAccount, other: TradingAccount
) -> None:
    await write(mine, balance=1.5)
    await write(other, balance=2.5)
    async with socket_of(bob) as link:
        assert await begun(link, "risk") == {
            "type": "snapshot", "channel": "risk", "seq": None, "data": {"accounts": [{"account": "a", "balance": 1.5}]}
        }  # fmt: skip
        await write(other, balance=2.75)
        await write(mine, balance=1.25)
        assert await link.hear() == {
            "type": "update", "channel": "risk", "seq": None, "data": {"account": "a", "balance": 1.25}
        }  # fmt: skip
        assert await silent(link)


async def test_who_sees_every_account_hears_of_each(rita: User, mine: TradingAccount, other: TradingAccount) -> None:
    await write(mine)
    async with socket_of(rita) as link:
        assert [row["account"] for row in (await begun(link, "risk"))["data"]["accounts"]] == ["a"]
        await write(other)
        assert (await link.hear())["data"] == {"account": "b"}


async def test_a_right_that_ends_is_the_last_that_is_heard(
    bob: User, mine: TradingAccount, other: TradingAccount
) -> None:
    await write(mine, balance=1.0)
    async with socket_of(bob) as link:
        await begun(link, "risk")
        await database_sync_to_async(remove_perm)(VIEW, bob, mine)
        await write(mine, balance=2.0)
        assert (await link.hear())["data"] == {"account": "a", "gone": True}
        await write(mine, balance=3.0)
        assert await silent(link)
        await database_sync_to_async(assign_perm)(TRADE, bob, other)
        await write(other, balance=4.0)
        assert (await link.hear())["data"] == {"account": "b", "balance": 4.0}


async def test_one_may_listen_no_more_and_again(bob: User, mine: TradingAccount) -> None:
    await write(mine, balance=1.0)
    async with socket_of(bob) as link:
        await begun(link, "risk")
        assert (await ask(link, "unsubscribe", "risk"))["data"] == {"channels": ["risk"]}
        await write(mine, balance=2.0)
        assert await silent(link)
        message = await begun(link, "risk")
        assert (message["type"], message["data"]["accounts"][0]["balance"]) == ("snapshot", 2.0)


async def test_a_slow_reader_gets_the_newest_picture_when_there_is_room(bob: User, mine: TradingAccount) -> None:
    await write(mine, balance=0.0)
    async with socket_of(bob) as link:
        await begun(link, "risk")
        (listener,) = hub().listeners
        async with socket_of(bob) as clear:
            await begun(clear, "risk")
            listener.paused()
            for balance in (1.0, 2.0):
                await write(mine, balance=balance)
                assert (await clear.hear())["data"]["balance"] == balance  # whoever listens has been thought of
            assert listener.waiting == 0
            listener.resumed()
            assert (await link.hear())["data"]["balance"] == 2.0


async def test_the_reader_ends_with_the_last_who_listens(bob: User, mine: TradingAccount) -> None:
    await write(mine)
    async with socket_of(bob) as link:
        await begun(link, "risk")
        channel = hub().risk
        await ask(link, "unsubscribe", "risk")
        assert await asyncio.to_thread(channel.rests, 5.0)


async def test_a_commit_that_was_overtaken_is_told_too(rita: User, mine: TradingAccount, other: TradingAccount) -> None:
    """Each row is compared with what was told of it, not with the newest moment of all."""
    early = timezone.now()
    await write(mine, balance=1.0)
    async with socket_of(rita) as link:
        await begun(link, "risk")
        await AccountRisk.objects.acreate(account=other, figures={"balance": 2.0}, updated_at=early)
        assert (await link.hear())["data"] == {"account": "b", "balance": 2.0}
