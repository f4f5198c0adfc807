"""Old marks go, nothing else does, and who resumes before one gets a snapshot instead of a gap."""

from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone
from guardian.shortcuts import assign_perm

from accounts.models import User
from trading import marks, tasks
from trading.account_models import VIEW, AccountState, TradingAccount
from trading.order_models import AccountEvent
from trading.tests.folding import Fold, truth
from trading.tests.sockets import begun, socket_of
from trading.tests.written_events import Scribe, instruments, made_account

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.embedded]

A = "account:a"


@pytest.fixture
def account(transactional_db: None, bob: User) -> TradingAccount:
    """An account of events 1 to 12, every third a mark, the first eight stored ten days ago."""
    instruments()
    made = made_account("a")
    assign_perm(VIEW, bob, made)
    scribe = Scribe(made)
    for _ in range(12):
        scribe.deposit()
    events = AccountEvent.objects.filter(account=made)
    events.filter(seq__in=range(3, 13, 3)).update(kind="mark")
    events.filter(seq__lte=8).update(created_at=timezone.now() - timedelta(days=10))
    return made


def left(account: TradingAccount) -> list[int]:
    return list(AccountEvent.objects.filter(account=account).order_by("seq").values_list("seq", flat=True))


def test_marks_older_than_the_setting_go_and_nothing_else(account: TradingAccount, settings: Any) -> None:
    settings.MARK_DAYS = 11
    assert tasks.prune_old_marks() == 0
    settings.MARK_DAYS = 9
    assert tasks.prune_old_marks() == 2
    assert left(account) == [1, 2, 4, 5, 7, 8, 9, 10, 11, 12]
    assert tasks.prune_old_marks() == 0


def test_many_go_in_batches(account: TradingAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(marks, "BATCH", 1)
    assert marks.prune_marks(timezone.now() + timedelta(minutes=1)) == 4
    assert left(account) == [1, 2, 4, 5, 7, 8, 10, 11]


async def test_who_resumes_before_a_gone_mark_gets_a_snapshot_and_no_gap(bob: User, account: TradingAccount) -> None:
    await sync_to_async(marks.prune_marks)(timezone.now() - timedelta(days=9))
    async with socket_of(bob) as link:
        for before in (1, 2, 3, 4, 5):  # 3 and 6 are gone
            told = await begun(link, A, from_seq=before)
            assert (told["type"], told["seq"]) == ("snapshot", 12), before
        kept = await begun(link, A, from_seq=6)
        assert (kept["type"], kept["seq"]) == ("update", 7)
        assert [(await link.hear())["seq"] for _ in range(5)] == [8, 9, 10, 11, 12]


async def test_a_gone_mark_at_the_end_keeps_nobody_waiting(bob: User, account: TradingAccount) -> None:
    await sync_to_async(marks.prune_marks)(timezone.now() + timedelta(minutes=1))
    assert (await AccountState.objects.aget(account=account)).last_seq == 12
    fold = Fold()
    async with socket_of(bob) as link:
        told = await begun(link, A, from_seq=11)
        fold.hear(told)
        assert (told["type"], told["seq"]) == ("snapshot", 12)
        await sync_to_async(Scribe(account, 3).deposit)()
        fold.hear(await link.hear())
    seq, rows_say = await sync_to_async(truth)(account.pk)
    assert (fold.seq, fold.gaps, seq) == (13, [], 13)
    assert fold.view() == rows_say
