"""The loop of one account: what is asked of it, what the market does to it, and what the rows say afterwards."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from accounts.leases import LeaseLostError
from marketdata.live_models import InstrumentFeed
from marketdata.models import Instrument
from marketdata.tests.made_ticks import DAY
from trading import services
from trading.choices import CommandKind, CommandStatus
from trading.domain.risk.rules import Rule
from trading.ledger.facts import Facts
from trading.models import AccountEvent, AccountState, BalanceSnapshot, Fill, Order, Position, TradingAccount
from trading.shapes import account_shape, fill_shape, order_shape, position_shape
from trading.tests.loop_bench import HC, RB, Bench, bench
from trading.tests.risk_table import limit
from trading.verbs.inbox import enqueue

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.embedded]

NEXT_DAY = DAY + 2


@pytest.fixture
def table() -> Iterator[Bench]:
    """An account, a market at 4000, and a loop."""
    with bench() as made:
        yield made


def test_an_order_rests_fills_and_moves_positions_and_funds(table: Bench) -> None:
    order = table.placed("buy", "open", 3998.0, 2)
    assert (order.status, order.traded, order.trading_day) == ("accepted", 0, date(2024, 1, 2))
    state = AccountState.objects.get(account=table.account)
    assert order.frozen_margin > 0
    assert (state.frozen_margin, state.margin) == (order.frozen_margin, 0)
    table.ticked(3997.0)  # through the order's price
    order.refresh_from_db()
    assert (order.status, order.traded, order.average_price, order.frozen_margin) == ("filled", 2, 3998, 0)
    position = Position.objects.get(account=table.account)
    assert (position.side, position.volume, position.today, position.open_price) == ("long", 2, 2, 3998)
    fill = Fill.objects.get(account=table.account)
    assert (fill.price, fill.volume, fill.offset) == (3998, 2, "open")
    state.refresh_from_db()
    assert state.frozen_margin == 0
    assert state.margin == position.margin > 0
    assert state.balance == 1_000_000 - fill.commission + Decimal(2 * 10 * (3997 - 3998))
    assert table.kinds() == ["deposit", "placed", "submitting", "accepted", "traded"]


def test_events_are_numbered_without_a_gap_and_say_what_the_rows_say(table: Bench) -> None:
    table.placed("buy", "open", 4001.0, 3)
    table.placed("sell", "close_today", 3999.0, 1)
    table.placed("buy", "open", 3990.0, 1)
    rows = list(AccountEvent.objects.filter(account=table.account).order_by("seq"))
    assert [row.seq for row in rows] == list(range(1, len(rows) + 1))
    told: dict[str, dict] = {"orders": {}, "fills": {}, "positions": {}}
    funds = None
    for row in rows:
        body = row.body
        if "order" in body:
            told["orders"][body["order"]["id"]] = body["order"]
        told["fills"].update({fill["id"]: fill for fill in body.get("fills", ())})
        for position in body.get("positions", ()):
            told["positions"][position["instrument"], position["side"]] = position
        funds = body.get("funds", funds)
    orders = Order.objects.select_related("account", "instrument")
    assert told["orders"] == {row.pk: order_shape(row) for row in orders}
    fills = Fill.objects.select_related("account", "instrument")
    assert told["fills"] == {row.pk: fill_shape(row) for row in fills}
    positions = Position.objects.select_related("account", "instrument")
    held = {key: row for key, row in told["positions"].items() if row["volume"]}
    assert held == {(row.instrument.code, row.side): position_shape(row) for row in positions}
    assert funds == account_shape(_fresh(table))["funds"]


def test_events_of_others_in_between_move_the_numbers_on(table: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    first = table.order("buy", "open", 4001.0, 1)
    placed: list[Order] = []
    send = table.loop.exchange.gateway.send

    def while_it_is_sent(*given: object) -> None:
        placed.append(table.order("buy", "open", 4001.0, 2))
        send(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(table.loop.exchange.gateway, "send", while_it_is_sent)
    table.turn()
    monkeypatch.undo()
    table.turn()
    rows = list(AccountEvent.objects.filter(account=table.account).order_by("seq"))
    assert [row.seq for row in rows] == list(range(1, len(rows) + 1))
    assert [row.kind for row in rows if row.order_id in {first.pk, placed[0].pk}][:4] == [
        "placed",
        "submitting",
        "placed",
        "accepted",
    ]
    for order in Order.objects.all():
        last = AccountEvent.objects.filter(order=order).order_by("seq").last()
        assert last is not None
        assert (order.updated_seq, last.body["order"]["updated_seq"]) == (last.seq, last.seq)
    for fill in Fill.objects.all():
        event = AccountEvent.objects.get(account=table.account, seq=fill.seq)
        assert [shape["id"] for shape in event.body["fills"]] == [fill.pk]


def test_yesterdays_closing_book_fills_no_order_of_the_auction(table: Bench) -> None:
    table.placed("buy", "open", 4001.0, 2)
    table.street.to(5.99)
    table.ticked(4000.0)
    table.street.to(11.95, day=NEXT_DAY)  # 20:57, the auction takes orders
    table.turn()
    order = table.placed("sell", "close", 3990.0, 2)
    assert (order.status, order.traded) == ("accepted", 0)
    limit(Rule.PRICE_COLLAR, 0.1)
    early = table.placed("buy", "open", 3980.0, 2)  # a rule that needs a price, of a day that has none yet
    assert (early.status, early.reason_code) == ("rejected", "risk_check_failed")
    limit(Rule.PRICE_COLLAR, None)
    order = table.placed("buy", "open", 3980.0, 2)
    assert (order.status, order.traded) == ("accepted", 0)


def test_what_one_order_took_of_the_displayed_book_is_gone_for_the_next(table: Bench) -> None:
    """Also where the first is filled, so that the exchange is left with no order in between."""
    table.ticked(4000.0)  # twenty lots are offered at 4001
    first = table.placed("buy", "open", 4001.0, 20)
    assert (first.status, first.traded) == ("filled", 20)
    second = table.placed("buy", "open", 4001.0, 3)
    assert (second.status, second.traded) == ("accepted", 0)
    table.ticked(4000.0)  # offered anew
    second.refresh_from_db()
    assert (second.status, second.traded) == ("filled", 3)


def test_what_funds_positions_clock_and_market_forbid_is_a_rejected_event(table: Bench) -> None:
    reasons = [
        table.placed("buy", "open", 4000.0, 500).reason_code,
        table.placed("sell", "close_today", 4000.0, 1).reason_code,
        table.placed("sell", "auto", 4000.0, 1).reason_code,
    ]
    table.street.to(2.75)  # 11:45, the lunch break
    table.turn()
    reasons.append(table.placed("buy", "open", 4000.0, 1).reason_code)
    table.street.to(14.99 - 3.0, day=DAY + 2)  # 20:59:24, the auction is being matched
    table.turn()
    reasons.append(table.placed("buy", "open", 4000.0, 1).reason_code)
    assert reasons == [
        "insufficient_funds",
        "close_exceeds_position",
        "close_exceeds_position",
        "outside_session",
        "auction_match",
    ]
    assert set(Order.objects.values_list("status", flat=True)) == {"rejected"}
    assert AccountState.objects.get(account=table.account).frozen_margin == 0


def test_an_instrument_that_nobody_publishes_any_more_has_no_market(
    table: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trading.loop.inbox.FIRST_SIGN_SECONDS", 0.0)
    order = table.order("buy", "open", 4000.0, 1)
    InstrumentFeed.objects.filter(instrument__code=RB).delete()
    table.loop.market.look()
    table.turn()
    order.refresh_from_db()
    assert (order.status, order.reason_code) == ("rejected", "no_market")


def test_nothing_is_opened_before_the_first_price(table: Bench) -> None:
    order = table.placed("buy", "open", 4000.0, 1, instrument=HC)
    assert (order.status, order.reason_code) == ("rejected", "no_price")
    table.ticked(4000.0, code=HC)
    order = table.placed("buy", "open", 4000.0, 1, instrument=HC)
    assert (order.status, order.reason_text) == ("accepted", "")
    table.ticked(3999.0, code=HC)
    order.refresh_from_db()
    assert order.status == "filled"


def test_a_cancel_gives_back_what_was_frozen(table: Bench) -> None:
    order = table.placed("buy", "open", 3990.0, 2)
    services.cancel_order(None, order.pk)
    table.turn()
    order.refresh_from_db()
    assert (order.status, order.frozen_margin, order.cancel_requested) == ("cancelled", 0, False)
    assert table.kinds()[-2:] == ["cancel_requested", "cancelled"]
    assert AccountState.objects.get(account=table.account).available == 1_000_000


def test_a_cancel_in_the_break_waits_for_the_exchange(table: Bench) -> None:
    order = table.placed("buy", "open", 3990.0, 2)
    table.street.to(2.75)
    table.turn()
    services.cancel_order(None, order.pk)
    table.turn()
    order.refresh_from_db()
    assert (order.status, order.cancel_requested) == ("accepted", True)
    table.restart()
    table.street.to(4.51)  # 13:30 has passed
    table.turn()
    order.refresh_from_db()
    assert order.status == "cancelled"


def test_orders_end_with_the_trading_day(table: Bench) -> None:
    order = table.placed("buy", "open", 3990.0, 2)
    table.street.to(6.01)  # 15:00:36
    table.turn()
    order.refresh_from_db()
    assert (order.status, order.frozen_margin) == ("expired", 0)


def test_the_next_trading_day_settles_the_one_before_by_itself(table: Bench) -> None:
    table.placed("buy", "open", 4001.0, 2)
    table.ticked(4010.0)
    table.street.to(12.1, day=NEXT_DAY)  # 21:06 in the evening belongs to the next day
    table.ticked(4020.0, pre_settlement=4012.0)
    statement = BalanceSnapshot.objects.get(account=table.account)
    assert statement.trading_day == date(2024, 1, 2)
    assert statement.prices == {RB: {"price": 4012.0, "source": "published"}}
    assert statement.position_profit == Decimal(2 * 10 * 11)
    position = Position.objects.get(account=table.account)
    assert (position.today, position.volume, position.base_price) == (0, 2, 4012)
    table.turn()
    state = AccountState.objects.get(account=table.account)
    assert (state.trading_day, state.pre_balance) == (date(2024, 1, 3), statement.balance)
    assert services.reconcile(None, table.account.code) == []


def test_the_evening_waits_for_a_settlement_price_until_the_next_day_opens(table: Bench) -> None:
    table.placed("buy", "open", 4001.0, 2)
    table.ticked(4010.0)
    table.street.to(10.0, day=NEXT_DAY)  # 19:00: the next trading day, though nothing trades yet
    table.turn()
    assert not BalanceSnapshot.objects.exists()
    table.street.to(12.01)  # 21:00:36, and no tick has come
    table.turn()
    statement = BalanceSnapshot.objects.get(account=table.account)
    assert statement.prices == {RB: {"price": 4010.0, "source": "last"}}


def test_settle_by_hand_and_undo_until_the_next_day_opens(table: Bench) -> None:
    table.placed("buy", "open", 4001.0, 2)
    resting = table.placed("buy", "open", 3990.0, 1)
    done = _verb(table, lambda: services.settle(None, table.account.code, {RB: 4005.0}))
    assert (done.status, done.result["trading_day"]) == (CommandStatus.DONE, "2024-01-02")
    resting.refresh_from_db()
    assert (resting.status, resting.frozen_margin) == ("expired", 0)
    assert table.placed("buy", "open", 3990.0, 1).reason_code == "day_settled"
    again = _verb(table, lambda: services.settle(None, table.account.code, {RB: 4005.0}))
    assert (again.status, again.reason_code) == (CommandStatus.FAILED, "day_settled")


def test_a_settlement_undone_leaves_the_account_as_it_was(table: Bench) -> None:
    table.placed("buy", "open", 4001.0, 2)
    table.ticked(4000.0)
    before = account_shape(_fresh(table))["funds"]
    _verb(table, lambda: services.settle(None, table.account.code, {RB: 4005.0}))
    settled = account_shape(_fresh(table))["funds"]
    assert settled["pre_balance"] == settled["balance"] == before["balance"] + 2 * 10 * 5
    assert (settled["deposit"], settled["commission"], settled["position_profit"]) == (0, 0, 0)
    undone = _verb(table, lambda: services.undo_settlement(None, table.account.code))
    assert undone.status == CommandStatus.DONE
    table.ticked(4000.0)
    assert account_shape(_fresh(table))["funds"] == before
    assert services.reconcile(None, table.account.code) == []


def test_a_restart_before_the_first_lot_keeps_the_previous_settlement_price(table: Bench) -> None:
    order = table.placed("buy", "open", 3990.0, 1)
    services.cancel_order(None, order.pk)
    table.turn()
    table.restart()
    table.placed("buy", "open", 4001.0, 2)
    position = Position.objects.get(account=table.account)
    assert position.margin == position.volume * Decimal(4000) * 10 * Decimal(str(_margin_rate()))
    assert services.reconcile(None, table.account.code) == []


def _margin_rate() -> float:
    return Facts().terms(RB, date(2024, 1, 2)).margins.long_by_money


def test_lots_of_a_contract_end_with_the_settlement_of_its_last_day(table: Bench) -> None:
    table.placed("buy", "open", 4001.0, 2)
    Instrument.objects.filter(code=RB).update(expires=date(2024, 1, 2))
    table.restart()
    _verb(table, lambda: services.settle(None, table.account.code, {RB: 4005.0}))
    funds = account_shape(_fresh(table))["funds"]
    statement = BalanceSnapshot.objects.get(account=table.account)
    assert (Position.objects.count(), funds["margin"], statement.rows[0]["volume"]) == (0, 0, 2)
    assert statement.position_profit == 2 * 10 * 4
    assert services.reconcile(None, table.account.code) == []


def test_an_instrument_without_lots_is_traded_again_after_an_undone_settlement(table: Bench) -> None:
    resting = table.placed("buy", "open", 3990.0, 1)
    services.cancel_order(None, resting.pk)
    table.turn()
    for verb in (CommandKind.SETTLE, CommandKind.UNDO_SETTLEMENT):
        last = BalanceSnapshot.objects.first()
        payload: dict[str, Any] = {"prices": {}, "day": None} if last is None else {"snapshot": last.pk}
        enqueue(None, table.account, verb, payload=payload)
        table.turn()
    assert BalanceSnapshot.objects.get().undone_at is not None
    order = table.placed("buy", "open", 4001.0, 2)
    assert (order.status, order.reason_code) == ("filled", "")


def test_no_settlement_is_undone_after_the_next_day_has_opened(table: Bench) -> None:
    table.placed("buy", "open", 4001.0, 2)
    _verb(table, lambda: services.settle(None, table.account.code, {RB: 4005.0}))
    table.street.to(12.1, day=NEXT_DAY)
    table.ticked(4006.0)
    assert table.placed("buy", "open", 3990.0, 1).status == "accepted"
    undone = _verb(table, lambda: services.undo_settlement(None, table.account.code))
    assert (undone.status, undone.reason_code) == (CommandStatus.FAILED, "next_day_open")


def _fresh(table: Bench) -> TradingAccount:
    return TradingAccount.objects.select_related("state", "desk", "control_group").get(pk=table.account.pk)


def test_a_lease_that_was_lost_writes_nothing_more(table: Bench) -> None:
    old = table.loop
    table.restart(clean=False)
    order = table.order("buy", "open", 3990.0, 1)
    with pytest.raises(LeaseLostError):
        old.commands.carry_out()
    order.refresh_from_db()
    assert order.status == "pending"
    table.turn()
    order.refresh_from_db()
    assert order.status == "accepted"


def test_killed_between_recording_and_handing_over(table: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    order = table.order("buy", "open", 3998.0, 2)
    monkeypatch.setattr(table.loop.exchange.gateway, "send", _die)
    with pytest.raises(KeyboardInterrupt):
        table.turn()
    order.refresh_from_db()
    assert order.status == "submitting"
    table.restart(clean=False)
    order.refresh_from_db()
    assert order.status == "accepted"
    table.ticked(3997.0)
    order.refresh_from_db()
    assert (order.status, Fill.objects.count()) == ("filled", 1)


def test_killed_with_the_exchanges_answers_unstored(table: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    order = table.placed("buy", "open", 3998.0, 2)
    monkeypatch.setattr(table.loop.exchange, "store", _die)
    with pytest.raises(KeyboardInterrupt):
        table.ticked(3997.0)
    assert Fill.objects.count() == 0
    table.restart(clean=False)
    table.turn()
    order.refresh_from_db()
    assert (order.status, Fill.objects.count()) == ("filled", 1)
    assert services.reconcile(None, table.account.code) == []


def test_what_was_published_while_nobody_ran_is_matched_once(table: Bench) -> None:
    order = table.placed("buy", "open", 3998.0, 80)
    table.ticked(3998.0, lots=5, bid_price=3997.0)
    table.abandon()
    table.street.tick(3997.0, lots=12)
    table.street.tick(3999.0)
    table.restart(clean=False)
    table.turn()
    order.refresh_from_db()
    traded = order.traded
    assert 0 < traded < 80
    table.restart(clean=False)
    table.turn()
    order.refresh_from_db()
    assert order.traded == traded == sum(Fill.objects.values_list("volume", flat=True))


def _die(*_args: object, **_named: object) -> None:
    raise KeyboardInterrupt


def _verb(table: Bench, verb):  # type: ignore[no-untyped-def]
    """A verb without a gateway: the bench's loop has no lease of its own."""
    table.abandon()
    done = verb()
    table.restart(clean=False)
    return done
