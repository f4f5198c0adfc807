"""Orders of one control group never meet: the opening one is refused, the closing one waits until the other is gone."""

from collections.abc import Iterator

import pytest

from quantsite.testing.patience import SOON
from trading import services
from trading.choices import CommandKind, CommandStatus
from trading.domain.risk.rules import Rule
from trading.domain.risk.switches import Strength
from trading.ledger.orders import HELD
from trading.limit_models import SwitchEffect
from trading.loop import placing
from trading.order_models import AccountCommand, AccountEvent, Order
from trading.tests.deaths import Killed, hooked
from trading.tests.loop_bench import CAPITAL, Bench, new_loop
from trading.tests.risk_table import group, limit, stop

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.embedded]


@pytest.fixture
def two() -> Iterator[list[Bench]]:
    """Two accounts of one control group."""
    with group("A1", "B1") as tables:
        yield tables


def state(order: Order) -> tuple[str, str]:
    """Where an order stands now, and why."""
    order.refresh_from_db()
    return order.status, order.reason_code


def held_kinds(order: Order) -> list[str]:
    """What happened to an order."""
    return list(AccountEvent.objects.filter(order=order).order_by("seq").values_list("kind", flat=True))


@pytest.mark.parametrize(
    ("kind", "price", "meets"),
    [("limit", 4009.0, False), ("limit", 4010.0, True), ("limit", 4011.0, True), ("fak", 4010.0, True)],
)
def test_an_opening_order_that_would_meet_the_groups_is_refused(
    two: list[Bench], kind: str, price: float, *, meets: bool
) -> None:
    one, other = two
    resting = one.placed("sell", "open", 4010.0, 1)
    for table in (one, other):  # another account's and one's own
        order = table.placed("buy", "open", price, 1, type=kind)
        assert (order.reason_code == "self_trade") is meets
        if meets:
            assert order.status == "rejected"
            assert (f"{resting.pk}" in order.reason_text and "4010" in order.reason_text) is (table is one)
            assert "control group" in order.reason_text
    assert resting.is_working


def test_accounts_of_other_groups_and_the_same_side_may_meet(two: list[Bench]) -> None:
    one, other = two
    account = services.add_account(None, "C1", capital=CAPITAL)
    stranger = Bench(account, one.street, new_loop(account))
    one.placed("sell", "open", 4010.0, 1)
    assert stranger.placed("buy", "open", 4010.0, 1).status == "filled"  # somebody else's offer at 4001
    stranger.loop.__exit__()
    assert other.placed("sell", "open", 4010.0, 1).status == "accepted"
    assert other.placed("buy", "open", 3990.0, 1).status == "accepted"


def test_a_scope_may_be_freed_of_the_rule(two: list[Bench]) -> None:
    one, other = two
    one.placed("sell", "open", 4010.0, 1)
    limit(Rule.SELF_TRADE, None, "account", "B1")
    assert other.placed("buy", "open", 4010.0, 1).status != "rejected"


def test_a_closing_order_waits_until_the_resting_one_is_gone(two: list[Bench]) -> None:
    one, other = two
    other.placed("buy", "open", 4001.0, 2)
    resting = one.placed("buy", "open", 3995.0, 1)
    closing = other.placed("sell", "close_today", 3990.0, 2)
    assert state(closing) == ("pending", HELD)
    assert str(resting.pk) in closing.reason_text
    command = AccountCommand.objects.get(account=one.account, kind=CommandKind.CANCEL)
    assert (command.order_id, command.actor, command.status) == (resting.pk, None, CommandStatus.QUEUED)
    other.turn()  # trying again asks nobody twice and tells nothing twice
    assert AccountCommand.objects.filter(kind=CommandKind.CANCEL).count() == 1
    other.loop._asked.clear()
    one.turn()
    assert state(resting) == ("cancelled", "")
    assert other.loop._asked.wait(SOON), "nobody told the one that waits"
    other.turn()
    assert state(closing) == ("filled", "")
    assert held_kinds(closing) == ["placed", "held", "submitting", "accepted", "traded"]


def test_a_closing_order_waits_for_ones_own_in_the_same_step(two: list[Bench]) -> None:
    one, _other = two
    one.placed("buy", "open", 4001.0, 2)
    resting = one.placed("buy", "open", 3995.0, 1)
    closing = one.placed("sell", "close_today", 3990.0, 2)
    assert state(resting)[0] == "cancelled"
    assert state(closing)[0] == "filled"
    assert held_kinds(closing) == ["placed", "held", "submitting", "accepted", "traded"]


def test_an_order_without_a_limit_meets_every_price(two: list[Bench]) -> None:
    one, other = two
    other.placed("buy", "open", 4001.0, 2)
    resting = one.placed("buy", "open", 3700.0, 1)
    closing = other.order("sell", "close_today", None, 2, type="stop", stop_price=3800.0)
    other.turn()
    assert state(closing) == ("pending", HELD)
    one.turn()
    other.turn()
    assert state(resting)[0] == "cancelled"
    assert state(closing)[0] == "accepted"


def test_nothing_opens_against_an_order_that_waits(two: list[Bench]) -> None:
    one, other = two
    other.placed("buy", "open", 4001.0, 2)
    one.placed("buy", "open", 3995.0, 1)
    closing = other.placed("sell", "close_today", 3990.0, 2)
    assert state(closing) == ("pending", HELD)
    for table in two:
        late = table.order("buy", "open", 3992.0, 1)
        table.loop.commands.heed()
        table.loop.commands.carry_out()
        assert state(late) == ("rejected", "self_trade")


def test_of_two_closing_orders_that_meet_the_later_one_waits_for_the_other(two: list[Bench]) -> None:
    one, other = two
    one.placed("sell", "open", 3999.0, 1)
    other.placed("buy", "open", 4001.0, 1)
    first = one.placed("buy", "close_today", 3995.0, 1)
    second = other.placed("sell", "close_today", 3990.0, 1)
    assert (state(first)[0], state(second)) == ("accepted", ("pending", HELD))
    one.turn()
    other.turn()
    assert (state(first)[0], state(second)[0]) == ("cancelled", "filled")


def test_an_order_that_waits_can_be_cancelled(two: list[Bench]) -> None:
    one, other = two
    other.placed("buy", "open", 4001.0, 2)
    one.placed("buy", "open", 3995.0, 1)
    closing = other.placed("sell", "close_today", 3990.0, 2)
    services.cancel_order(None, closing.pk)
    other.turn()
    assert state(closing) == ("cancelled", "")
    assert not AccountCommand.objects.filter(account=other.account, status=CommandStatus.QUEUED).exists()
    assert held_kinds(closing) == ["placed", "held", "cancelled"]
    assert other.placed("sell", "close_today", 3999.0, 2).status == "filled"  # nothing of it is frozen


def test_a_stop_ends_what_waits(two: list[Bench]) -> None:
    one, other = two
    other.placed("buy", "open", 4001.0, 2)
    one.placed("buy", "open", 3995.0, 1)
    closing = other.placed("sell", "close_today", 3990.0, 2)
    row = stop(Strength.CANCEL_ALL, "account", "B1")
    other.turn()
    assert state(closing)[0] == "cancelled"
    effect = SwitchEffect.objects.get(switch=row, account=other.account)
    assert (effect.working, effect.cancelled) == (1, 1)


@pytest.mark.parametrize("whose", ["holder", "resting", "both"])
def test_a_kill_while_an_order_waits_changes_nothing(two: list[Bench], whose: str) -> None:
    one, other = two
    other.placed("buy", "open", 4001.0, 2)
    resting = one.placed("buy", "open", 3995.0, 1)
    closing = other.placed("sell", "close_today", 3990.0, 2)
    if whose != "resting":
        other.restart(clean=False)
    if whose != "holder":
        one.restart(clean=False)
    other.turn()
    assert state(closing) == ("pending", HELD)
    one.turn()
    other.turn()
    assert (state(resting)[0], state(closing)[0]) == ("cancelled", "filled")
    assert held_kinds(closing) == ["placed", "held", "submitting", "accepted", "traded"]
    assert AccountCommand.objects.filter(kind=CommandKind.CANCEL).count() == 1


def test_a_cancel_that_failed_is_asked_for_again_and_a_long_wait_is_told(
    two: list[Bench], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    one, other = two
    other.placed("buy", "open", 4001.0, 2)
    resting = one.placed("buy", "open", 3995.0, 1)
    closing = other.placed("sell", "close_today", 3990.0, 2)
    AccountCommand.objects.filter(kind=CommandKind.CANCEL).update(status=CommandStatus.FAILED)
    monkeypatch.setattr(placing, "HOLD_SECONDS", -1.0)
    other.turn()
    assert "still held" in caplog.text
    assert AccountCommand.objects.filter(kind=CommandKind.CANCEL, status=CommandStatus.QUEUED).count() == 1
    one.turn()
    other.turn()
    assert (state(resting)[0], state(closing)[0]) == ("cancelled", "filled")


def test_a_close_of_lots_that_are_not_there_cancels_nobodys_order(two: list[Bench]) -> None:
    one, other = two
    resting = one.placed("buy", "open", 3995.0, 1)
    closing = other.placed("sell", "close_today", 3990.0, 2)
    assert state(closing) == ("rejected", "close_exceeds_position")
    one.turn()
    assert state(resting)[0] == "accepted"


@pytest.mark.parametrize(("hook", "whose"), [("group.locked", "B1"), ("hold.woken", "A1"), ("commit.written", "B1")])
def test_a_kill_under_the_lock_of_the_group_changes_nothing(two: list[Bench], hook: str, whose: str) -> None:
    one, other = two
    other.placed("buy", "open", 4001.0, 2)
    resting = one.placed("buy", "open", 3995.0, 1)
    closing = other.order("sell", "close_today", 3990.0, 2)
    waiting = [hook]

    def die(at: str, account: str, _kinds: frozenset[str]) -> None:
        if waiting and at == hook and account == whose:
            waiting.pop()
            raise Killed

    with hooked(die):
        for table in (other, one, other):
            try:
                table.turn()
            except Killed:
                table.restart(clean=False)
                table.turn()
        other.turn()
    assert waiting == []
    assert (state(resting)[0], state(closing)[0]) == ("cancelled", "filled")
    assert held_kinds(closing) == ["placed", "held", "submitting", "accepted", "traded"]
