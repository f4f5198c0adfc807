"""Orders before the first word of their market and after its last: nothing is refused too early, no tick is missed."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db.models.functions import Now

from accounts.models import Lease
from marketdata.live_models import FeedState, InstrumentFeed
from quantsite.common.errors import RuleError
from quantsite.common.times import ns_to_utc
from trading import services
from trading.account_models import AccountState
from trading.choices import CommandKind, CommandStatus
from trading.ledger.apply import lease_of
from trading.models import Order
from trading.order_models import AccountCommand
from trading.tests.loop_bench import HC, RB, Bench, Street, bench

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.embedded]

TWO_YEARS = timedelta(days=730)


@pytest.fixture
def table() -> Iterator[Bench]:
    """An account, a market at 4000, and a loop."""
    with bench() as made:
        yield made


@pytest.fixture
def coming(table: Bench) -> Iterator[Street]:
    """A second market, which has claimed its instrument and told nothing yet."""
    street = Street()
    InstrumentFeed.objects.filter(instrument__code=HC).update(source=street.source, epoch=1)
    table.loop.market.look()
    yield street
    street.publisher.close()


def states(table: Bench) -> list[tuple[str, int, str]]:
    """What became of the orders, in their order."""
    rows = Order.objects.filter(account=table.account).order_by("pk")
    return list(rows.values_list("status", "traded", "reason_code"))


def queued(table: Bench) -> list[str]:
    """The kinds of the commands that still wait."""
    rows = AccountCommand.objects.filter(account=table.account, status=CommandStatus.QUEUED)
    return list(rows.order_by("pk").values_list("kind", flat=True))


def test_an_order_waits_for_the_first_word_of_its_market(table: Bench, coming: Street) -> None:
    table.placed("buy", "open", 4010.0, 2, instrument=HC)
    table.placed("buy", "open", 4010.0, 1)
    assert states(table) == [("pending", 0, ""), ("filled", 1, "")]  # it holds up nobody else
    coming.tick(4000.0, code=HC)
    assert coming.publisher.flush(10.0)
    table.street, mine = coming, table.street
    table.turn()
    assert states(table) == [("filled", 2, ""), ("filled", 1, "")]
    table.street = mine


def test_a_cancel_waits_with_its_order(table: Bench, coming: Street) -> None:
    order = table.order("buy", "open", 4010.0, 2, instrument=HC)
    services.cancel_order(None, order.pk)  # in the same turn as the order
    table.turn()
    services.cancel_order(None, order.pk)
    table.turn()
    assert queued(table) == [CommandKind.PLACE, CommandKind.CANCEL, CommandKind.CANCEL]
    coming.tick(4000.0, code=HC)
    assert coming.publisher.flush(10.0)
    table.street = coming
    table.turn()
    assert states(table) == [("cancelled", 0, "")]
    assert queued(table) == []


def test_an_order_does_not_wait_for_ever(table: Bench, coming: Street, monkeypatch: pytest.MonkeyPatch) -> None:
    order = table.order("buy", "open", 4010.0, 2, instrument=HC)
    services.cancel_order(None, order.pk)
    monkeypatch.setattr("trading.loop.inbox.FIRST_SIGN_SECONDS", 0.0)
    table.turn()
    assert states(table) == [("rejected", 0, "no_market")]
    assert queued(table) == []
    assert coming.seq == 0


@pytest.mark.parametrize("restarted", [False, True])
def test_the_last_ticks_of_a_feed_that_has_ended_still_count(table: Bench, *, restarted: bool) -> None:
    order = table.placed("buy", "open", 3990.0, 2)
    table.street.tick(3985.0)
    table.street.tick(3980.0)
    InstrumentFeed.objects.filter(instrument__code=RB).delete()
    if restarted:
        table.restart(clean=False)
    table.loop.market.look()
    table.turn()
    order.refresh_from_db()
    assert (order.status, order.traded) == ("filled", 2)
    late = table.order("buy", "open", 4010.0, 1)
    table.turn()
    late.refresh_from_db()
    assert late.status == "pending"  # nobody publishes it: perhaps somebody begins to


@pytest.mark.parametrize("ended", [False, True])
def test_a_price_of_a_settled_day_marks_nothing_any_more(
    table: Bench, monkeypatch: pytest.MonkeyPatch, *, ended: bool
) -> None:
    table.placed("buy", "open", 4001.0, 2)
    table.ticked(4020.0)
    if ended:
        InstrumentFeed.objects.all().delete()
        table.loop.market.look()
    monkeypatch.setattr("trading.ledger.apply.WAIT_SECONDS", 0.0)
    Lease.objects.filter(name=lease_of(table.account)).update(expires_at=Now() + timedelta(hours=1))
    services.settle(None, table.account.code, {RB: 4005.0})  # the loop does it
    table.turn()
    assert queued(table) == []
    state = AccountState.objects.get(account=table.account)
    assert (state.position_profit, state.balance) == (0, state.pre_balance)
    table.ticked(4030.0)
    after = AccountState.objects.get(account=table.account)
    assert (after.position_profit, after.balance) == (0, state.balance)


def test_whether_a_contract_lives_is_asked_of_the_market_that_publishes_it_now(table: Bench) -> None:
    feed = FeedState.objects.filter(source=table.street.source)
    after = ns_to_utc(table.street.now) + TWO_YEARS
    feed.update(epoch=1, market_time=after)
    with pytest.raises(RuleError) as refused:
        table.order("buy", "open", 4010.0, 1)
    assert refused.value.code == "instrument_expired"
    feed.update(epoch=2)  # another run has begun and told nothing yet
    assert table.placed("buy", "open", 4010.0, 1).status == "filled"
    feed.update(epoch=1, market_time=None)
    assert table.placed("buy", "open", 4010.0, 1).status == "filled"
    InstrumentFeed.objects.filter(instrument__code=RB).delete()  # it has ended
    assert table.order("buy", "open", 4010.0, 1).status == "pending"
