"""The loop of one account where days, restarts, refusals and races meet."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from math import nan
from time import monotonic
from typing import Any

import pytest
from django.db import transaction

from accounts.leases import LeaseLostError
from marketdata.models import FeeRate, MarginRate, Product
from marketdata.tests.made_ticks import DAY
from trading import services
from trading.choices import CommandKind
from trading.ledger.keeper import Keeper
from trading.models import (
    AccountCommand,
    AccountEvent,
    AccountState,
    BalanceSnapshot,
    CashEntry,
    Fill,
    Order,
    Position,
)
from trading.tests.loop_bench import FIRST_DAY, HC, RB, WAIT_SECONDS, Bench, bench
from trading.verbs.inbox import enqueue

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.embedded]

NEXT_DAY = DAY + 2
SECOND = date(2024, 1, 3)


@pytest.fixture
def table() -> Iterator[Bench]:
    """An account, a market at 4000, and a loop."""
    with bench() as made:
        yield made


def test_a_settlement_that_is_refused_changes_nothing(table: Bench) -> None:
    table.placed("buy", "open", 4001.0, 1)
    resting = table.placed("buy", "open", 3990.0, 1)
    asked = [_ask(table, CommandKind.SETTLE, prices={}, day=None), _ask(table, CommandKind.SETTLE, day="2024-01-01")]
    table.turn()
    assert [_fresh(one).reason_code for one in asked] == ["settlement_price_missing", "other_trading_day"]
    assert _fresh(resting).status == "accepted"


def test_what_has_ended_before_it_was_sent_is_never_sent(table: Bench) -> None:
    wanted_back = table.order("buy", "open", 4001.0, 1)
    services.cancel_order(None, wanted_back.pk)
    table.turn()
    assert (_fresh(wanted_back).status, Fill.objects.count()) == ("cancelled", 0)
    late = table.order("buy", "open", 3990.0, 1)
    _ask(table, CommandKind.SETTLE, prices={}, day=None)
    table.turn()
    assert _fresh(late).status == "expired"
    assert table.loop.exchange.gateway.order_memory(late.pk) == {}
    assert AccountState.objects.get().frozen_margin == 0


def test_orders_never_meet_the_ticks_of_another_day(table: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    resting = table.placed("buy", "open", 3990.0, 1)
    unsent = table.order("buy", "open", 4001.0, 1)
    monkeypatch.setattr(table.loop.exchange.gateway, "send", _die)
    with pytest.raises(KeyboardInterrupt):
        table.turn()
    monkeypatch.undo()
    table.abandon()
    table.street.to(12.1, day=NEXT_DAY)
    table.street.tick(3980.0)
    table.restart(clean=False)
    table.turn()
    assert (_fresh(resting).status, _fresh(unsent).status) == ("expired", "filled")
    assert Fill.objects.get().trading_day == FIRST_DAY  # where the streams had been read to, not where they are now


def test_an_order_in_the_opening_auction_does_not_meet_the_book_of_yesterday(table: Bench) -> None:
    table.placed("buy", "open", 4001.0, 1)
    table.street.to(11.95, day=NEXT_DAY)  # 20:57
    table.turn()
    order = table.placed("sell", "close", 3999.0, 1)  # where the bid stood at the close
    assert (order.status, order.traded, order.trading_day) == ("accepted", 0, SECOND)
    table.street.to(12.02, day=NEXT_DAY)
    table.ticked(4060.0, pre_settlement=4050.0)
    assert (_fresh(order).status, _fresh(order).traded) == ("filled", 1)
    assert table.placed("sell", "open", 4059.0, 1).status == "filled"
    table.now_everything()
    short = Position.objects.get(side="short")
    rate = MarginRate.objects.filter(product__code="rb").latest("valid_from")
    assert float(short.margin) == pytest.approx(4050 * 10 * float(rate.short_by_money))


def test_what_a_settlement_leaves_survives_a_restart(table: Bench) -> None:
    table.placed("buy", "open", 4001.0, 2)
    table.placed("buy", "open", 3990.0, 2)
    table.abandon()
    services.settle(None, table.account.code, {RB: 4100.0})  # nobody runs: the caller does it
    assert {row.finished_at.year for row in Order.objects.all() if row.finished_at} == {2024}
    services.deposit(None, table.account.code, Decimal(7))
    assert CashEntry.objects.latest("pk").trading_day == SECOND  # the day that its statement counts it on
    table.restart(clean=False)
    statement = BalanceSnapshot.objects.get()
    assert services.reconcile(None, table.account.code) == []
    table.street.to(12.1, day=NEXT_DAY)
    table.ticked(4120.0)
    table.now_everything()
    held, state = Position.objects.get(), AccountState.objects.get()
    assert (held.last_price, held.today, held.margin) == (4120, 0, statement.margin)
    assert (state.trading_day, state.position_profit) == (SECOND, 2 * 10 * 20)
    told = AccountEvent.objects.order_by("seq").last()
    assert told is not None
    assert told.body["funds"]["trading_day"] == SECOND.isoformat()
    assert services.reconcile(None, table.account.code) == []


def test_trading_goes_on_after_a_settlement_was_undone(table: Bench) -> None:
    table.placed("buy", "open", 4001.0, 1)
    _ask(table, CommandKind.SETTLE, prices={RB: 4005.0}, day=None)
    table.turn()
    assert table.placed("buy", "open", 4001.0, 1).reason_code == "day_settled"
    _ask(table, CommandKind.UNDO_SETTLEMENT, snapshot=BalanceSnapshot.objects.get().pk)
    again = _ask(table, CommandKind.SETTLE, prices={RB: 4006.0}, day=None)
    table.turn()
    assert _fresh(again).status == "done", _fresh(again).reason_text
    _ask(table, CommandKind.UNDO_SETTLEMENT, snapshot=BalanceSnapshot.objects.get(undone_at=None).pk)
    table.turn()
    assert table.placed("buy", "open", 4001.0, 1).status == "filled"
    table.placed("buy", "open", 3990.0, 1)
    table.ticked(3980.0)
    assert list(Order.objects.order_by("pk").values_list("status", flat=True))[-1] == "filled"


def test_costs_of_the_running_day_are_the_same_after_a_restart(table: Bench) -> None:
    product = Product.objects.get(code="rb", exchange="SHFE")
    FeeRate.objects.create(product=product, valid_from=SECOND, open_by_volume=50)
    MarginRate.objects.create(product=product, valid_from=SECOND, long_by_money=0.3, short_by_money=0.3)
    table.placed("buy", "open", 4001.0, 2)
    table.street.to(12.1, day=NEXT_DAY)
    table.ticked(4000.0)
    table.now_everything()
    table.placed("buy", "open", 4001.0, 1)
    table.now_everything()
    before = AccountState.objects.get()
    assert before.commission == Fill.objects.latest("pk").commission == 50
    FeeRate.objects.filter(valid_from=SECOND).update(open_by_volume=70)  # what was paid was paid
    table.restart()
    table.now_everything()
    after = AccountState.objects.get()
    assert (after.commission, after.margin, after.balance) == (before.commission, before.margin, before.balance)
    assert services.reconcile(None, table.account.code) == []


def test_who_claims_too_late_writes_nothing(table: Bench) -> None:
    late = Keeper(table.account, table.loop.keeper.epoch)
    table.restart(clean=False)
    with pytest.raises(LeaseLostError):
        late.claim()


def test_a_place_in_the_queue_survives_a_kill(table: Bench) -> None:
    quotes = {"turnover": nan, "bid_price": 3999.0, "ask_price": 4000.0}
    order = table.placed("buy", "open", 3999.0, 1)
    table.ticked(3999.0, lots=15, **quotes)
    table.ticked(3999.0, lots=1, **quotes)
    table.restart(clean=False)
    table.ticked(3999.0, lots=8, **quotes)
    assert _fresh(order).status == "filled"


def test_what_an_order_holds_back_survives_a_restart(table: Bench) -> None:
    for code in (RB, HC):
        table.street.tick(4000.0, code=code, pre_settlement=nan)
    table.turn()
    table.placed("buy", "open", None, 2, type="stop", stop_price=4100.0)
    stop = table.placed("buy", "open", None, 2, type="stop", stop_price=4100.0, instrument=HC)
    before = AccountState.objects.get()
    assert stop.frozen_margin > 0
    table.restart()
    table.turn()
    after = AccountState.objects.get()
    assert (after.frozen_margin, after.frozen_commission, after.available) == (
        before.frozen_margin,
        before.frozen_commission,
        before.available,
    )
    assert services.reconcile(None, table.account.code) == []
    services.cancel_order(None, stop.pk)
    table.turn()
    assert (_fresh(stop).status, _fresh(stop).frozen_margin) == ("cancelled", 0)


def test_a_frame_that_nobody_can_read_stops_nobody(table: Bench) -> None:
    order = table.placed("buy", "open", 3990.0, 1)
    table.street.publisher.send(b"\xc1")
    assert table.street.publisher.flush(WAIT_SECONDS)
    table.street.tick(3980.0)
    table.turn()
    assert _fresh(order).status == "filled"
    table.restart()
    assert table.placed("buy", "open", 3970.0, 1).status == "accepted"


def test_a_day_is_settled_at_its_last_price_however_fast_it_ended(table: Bench) -> None:
    table.placed("buy", "open", 4001.0, 1)
    table.street.tick(4015.0)
    table.street.to(12.1, day=NEXT_DAY)
    table.street.tick(4020.0, pre_settlement=nan)
    table.turn()
    assert BalanceSnapshot.objects.get().prices == {RB: {"price": 4015.0, "source": "last"}}


def test_orders_given_while_nobody_ran_do_not_meet_prices_of_then(table: Bench) -> None:
    table.placed("buy", "open", 3990.0, 1)
    table.abandon()
    for last in range(4001, 4051):
        table.street.tick(float(last))
    assert table.street.publisher.flush(WAIT_SECONDS)
    order = table.order("buy", "open", 4003.0, 1)
    table.restart(clean=False)
    deadline = monotonic() + WAIT_SECONDS
    while _fresh(order).status == "pending":
        assert monotonic() < deadline
        table.loop.turn(0.05)
    assert (order.status, order.traded) == ("accepted", 0)


def test_a_gateway_says_that_it_runs_though_nothing_moves(table: Bench) -> None:
    table.turn()
    AccountState.objects.update(gateway="stopped")  # as a gateway does when it ends
    table.restart()
    assert AccountState.objects.get().gateway == "running"


def test_a_replay_that_begins_again_is_believed(table: Bench) -> None:
    table.street.to(5.0)
    table.street.tick(4000.0, code=HC)
    table.street.to(1.0)
    table.ticked(4000.0)
    for code in (RB, HC):
        assert table.loop.market.now(code) == table.street.now


def _ask(table: Bench, kind: CommandKind, **payload: object) -> AccountCommand:
    """A command in the inbox, as a verb puts it there while a gateway runs."""
    with transaction.atomic():
        return enqueue(None, table.account, kind, payload=payload)


def _fresh(row: Any) -> Any:
    row.refresh_from_db()
    return row


def _die(*_args: object, **_named: object) -> None:
    raise KeyboardInterrupt
