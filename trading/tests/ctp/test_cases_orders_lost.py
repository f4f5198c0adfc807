"""Cases 10 to 15, 25 and 43: lost connections, replays, restarts, and other terminals of the account."""

from collections.abc import Callable
from typing import Any

import pytest

from accounts.models import Alarm
from trading.gateways.ctp import gateway, synchronising
from trading.loop import exchange
from trading.models import AccountEvent, Fill, Order, Position
from trading.tests.ctp.broker_bench import BrokerBench, M

pytestmark = [pytest.mark.django_db(transaction=True)]


def events(desk: BrokerBench) -> int:
    """How many orders have told."""
    return AccountEvent.objects.filter(account=desk.account, order__isnull=False).count()


def rows(desk: BrokerBench) -> dict[str, list[Any]]:
    """What the rows say of orders, fills and positions."""
    orders = Order.objects.filter(account=desk.account).order_by("pk")
    return {
        "orders": list(orders.values_list("pk", "status", "traded", "exchange_order_id", "frozen_margin")),
        "fills": list(Fill.objects.order_by("pk").values_list("order", "trade_id", "volume", "price")),
        "positions": list(Position.objects.order_by("pk").values_list("instrument", "side", "volume", "today")),
    }


def tended(desk: BrokerBench, condition: Callable[[], bool]) -> None:
    """Turn the loop, with what is due once a second, until it is so."""

    def so() -> bool:
        desk.loop.tend()
        return condition()

    desk.until(so, "people are told")


def test_case_10_lost_before_it_arrived_is_absent_and_not_sent_again(desk: BrokerBench) -> None:
    desk.front.on("ReqOrderInsert", "lost")
    order = desk.placed("buy", "open", 4001.0, 1, status="in_doubt")
    desk.stands(order, "rejected")
    assert order.reason_code == "never_arrived"
    assert desk.kinds(order) == ["placed", "submitting", "submitted", "in_doubt", "not_sent"]
    assert len(desk.sent()) == 1
    desk.ready()
    assert desk.placed("buy", "open", 4001.0, 1, status="filled").traded == 1


@pytest.mark.parametrize(("price", "end"), [(3990.0, "accepted"), (4001.0, "filled")])
def test_case_10_lost_after_it_arrived_is_found_alive_or_filled(desk: BrokerBench, price: float, end: str) -> None:
    desk.front.on("ReqOrderInsert", "lost_after")
    order = desk.order("buy", "open", price, 1)
    desk.stands(order, "in_doubt")
    desk.stands(order, end)
    assert len(desk.sent()) == 1
    assert desk.position()[0] == (1 if end == "filled" else 0)
    assert not Order.objects.filter(foreign=True).exists()


def test_case_11_part_filled_while_nobody_was_connected(desk: BrokerBench) -> None:
    order = desk.placed("buy", "open", 3990.0, 3)
    desk.front.reconnect_after = 1.0
    session = desk.session.facts
    desk.front.lose()
    desk.front.fill(desk.me, desk.theirs(), 2)
    desk.stands(order, "partially_filled")
    assert order.traded == 2
    desk.ready()
    assert session is not None
    assert desk.session.facts is not None
    assert desk.session.facts.session_id != session.session_id
    desk.cancel(order)  # by the keys of the old session, or the exchange's
    assert desk.stands(order, "cancelled").traded == 2
    assert desk.position() == (2, 2)


def test_case_12_the_day_replayed_twice_counts_once(desk: BrokerBench) -> None:
    desk.front.on("ReqOrderInsert", "fills", volumes=[1, 1], rest="cancel")
    desk.placed("buy", "open", 3990.0, 3, status="cancelled")
    desk.placed("buy", "open", 4001.0, 1, status="filled")
    desk.placed("buy", "open", 3980.0, 1)
    before, told = rows(desk), events(desk)
    desk.front.replay(desk.me)
    desk.front.replay(desk.me)
    for _turn in range(10):
        desk.turn()
    assert (rows(desk), events(desk)) == (before, told)
    desk.restart()  # and once more to a process that knows only the rows
    desk.ready()
    assert rows(desk) == before
    assert events(desk) == told


def test_case_13_twice_late_and_out_of_order(desk: BrokerBench) -> None:
    desk.front.on("OnRtnOrder", "twice", times=None)
    order = desk.placed("buy", "open", 3990.0, 3)
    theirs = desk.theirs()
    older = dict(theirs.fields)
    desk.front.fill(desk.me, theirs, 1)
    desk.stands(order, "partially_filled")
    told = events(desk)
    desk.front.tell("OnRtnOrder", [older])
    desk.front.push(desk.me, theirs, OrderStatus="a", OrderSubmitStatus="0", OrderSysID="", VolumeTraded=0)
    for _turn in range(5):
        desk.turn()
    assert desk.stands(order, "partially_filled").traded == 1
    assert events(desk) == told
    desk.front.fill(desk.me, theirs, 2)
    desk.stands(order, "filled")
    desk.front.tell("OnRtnOrder", [older])
    desk.turn()
    assert desk.stands(order, "filled").traded == 3


def test_case_14_a_trade_before_its_order_has_a_number(desk: BrokerBench) -> None:
    desk.front.on("OnRtnOrder", "withhold", where={"OrderStatus": "3"})
    order = desk.placed("buy", "open", 4001.0, 2, status="filled")
    assert desk.kinds(order)[-1] == "traded"
    assert desk.position() == (2, 2)


def test_case_14_a_trade_before_any_push_of_its_order(desk: BrokerBench) -> None:
    for status in ("a", "3"):
        desk.front.on("OnRtnOrder", "withhold", where={"OrderStatus": status})
    desk.front.on("OnRtnOrder", "slow", seconds=0.3, where={"OrderStatus": "0"})
    order = desk.placed("buy", "open", 4001.0, 2, status="filled")
    assert len(desk.fills(order)) == 1


def test_case_15_an_order_of_another_terminal_is_foreign_and_the_position_follows(desk: BrokerBench) -> None:
    desk.front.foreign(desk.me, "rb2405", "0", "0", price=4001.0, volume=2)
    desk.until(lambda: desk.position() == (2, 2), "the position follows")
    order = Order.objects.get(account=desk.account)
    assert (order.foreign, order.status, order.created_by, order.strategy_key) == (True, "filled", None, "")
    assert order.client_order_id == f"ctp:SHFE:{desk.theirs().fields['OrderSysID'].strip()}:20240102"
    assert desk.sent() == []
    assert desk.kinds(order) == ["foreign", "accepted", "traded"]
    resting = desk.front.foreign(desk.me, "m2405", "1", "0", price=4050.0, volume=1)
    theirs = desk.until(lambda: Order.objects.filter(instrument__code=M).first(), "the second one is known")
    desk.stands(theirs, "accepted")
    assert theirs.frozen_margin > 0
    desk.cancel(theirs)
    desk.stands(theirs, "cancelled")
    assert desk.sent("ReqOrderAction")[0]["OrderSysID"] == resting.fields["OrderSysID"]
    before = rows(desk)
    desk.restart()
    desk.ready()
    assert rows(desk) == before


def test_case_25_references_go_on_above_the_largest_of_the_login(desk: BrokerBench) -> None:
    first = desk.session.facts
    desk.placed("buy", "open", 3990.0, 1)
    desk.front.max_ref = "4100"
    desk.front.lose()
    desk.until(lambda: not desk.gateway.ready, "the loss is noticed")
    desk.ready()
    assert first is not None
    assert desk.session.facts is not None
    assert desk.session.facts.session_id != first.session_id
    desk.placed("buy", "open", 3980.0, 1)
    refs = [int(fields["OrderRef"]) for fields in desk.sent()]
    assert refs[0] < 4100 < refs[1]
    desk.front.max_ref = ""
    desk.front.lose()
    desk.until(lambda: not desk.gateway.ready, "the loss is noticed")
    desk.ready()
    desk.placed("buy", "open", 3970.0, 1)
    assert int(desk.sent()[-1]["OrderRef"]) > refs[1]


def test_case_43_a_restart_in_the_middle_of_the_day_rebuilds_the_same_state(desk: BrokerBench) -> None:
    desk.placed("buy", "open", 4001.0, 3, status="filled")
    resting = desk.placed("buy", "open", 3990.0, 2)
    part = desk.placed("sell", "close_today", 4010.0, 2)
    desk.front.fill(desk.me, desk.theirs(), 1)
    desk.stands(part, "partially_filled")
    desk.front.on("ReqOrderInsert", "refuse", code=31)
    desk.placed("buy", "open", 3990.0, 1, status="rejected")
    before, sent = rows(desk), len(desk.sent())
    desk.restart()
    desk.ready()
    assert rows(desk) == before
    assert len(desk.sent()) == sent
    desk.front.fill(desk.me, desk.front.find(desk.me, LimitPrice=4010.0), 1)
    desk.cancel(resting)
    assert desk.stands(part, "filled").traded == 2
    desk.stands(resting, "cancelled")
    assert desk.position() == (1, 1)


def test_case_43_a_new_loop_on_the_same_connection_asks_again(desk: BrokerBench) -> None:
    order = desk.placed("buy", "open", 3990.0, 2)
    for listening in (desk.loop._bell, desk.loop._risk_bell, desk.loop._follower):
        listening.close()
    desk.front.fill(desk.me, desk.theirs(), 1)  # heard by nobody but the connection
    desk.session.link.heard.taken()  # and lost with the loop that had taken it
    desk.begin()
    desk.ready()
    assert desk.stands(order, "partially_filled").traded == 1
    assert desk.heard().count("ReqUserLogin") == 1


def test_pushes_that_never_came_are_asked_for(desk: BrokerBench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(synchronising, "TRADE_SECONDS", 0.1)
    monkeypatch.setattr(synchronising, "ASK_AGAIN_SECONDS", 0.1)
    monkeypatch.setattr(gateway, "MIND_SECONDS", 0.05)
    desk.front.on("OnRtnTrade", "withhold")
    order = desk.placed("buy", "open", 4001.0, 2, status="filled")
    assert len(desk.fills(order)) == 1
    resting = desk.placed("buy", "open", 3990.0, 1)
    desk.front.on("OnRtnTrade", "withhold")
    desk.front.on("OnRtnOrder", "withhold")
    desk.front.fill(desk.me, desk.theirs(), 1)
    desk.loop.commands.books.compare_soon()  # the broker's position tells that something is missing
    desk.stands(resting, "filled")
    assert desk.position() == (3, 3)


def test_an_order_that_nobody_answers_is_in_doubt_and_found_by_query(
    desk: BrokerBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(synchronising, "ANSWER_SECONDS", 0.2)
    monkeypatch.setattr(synchronising, "ASK_AGAIN_SECONDS", 0.1)
    monkeypatch.setattr(synchronising, "ABSENT_SECONDS", 1.0)
    monkeypatch.setattr(gateway, "MIND_SECONDS", 0.05)
    desk.front.on("OnRtnOrder", "withhold", times=2)
    order = desk.placed("buy", "open", 3990.0, 1, status="accepted")
    assert desk.kinds(order) == ["placed", "submitting", "submitted", "in_doubt", "accepted"]
    assert len(desk.sent()) == 1


def test_people_are_told_of_an_order_that_stays_in_doubt(desk: BrokerBench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "DOUBT_SECONDS", 0.0)
    monkeypatch.setattr(gateway, "MIND_SECONDS", 0.01)
    told = Alarm.objects.open().filter(code="order_in_doubt", subject="B1")
    desk.front.listen(False)
    desk.front.on("ReqOrderInsert", "lost_after")
    order = desk.placed("buy", "open", 3990.0, 1, status="in_doubt")
    tended(desk, told.exists)
    desk.front.listen()
    desk.stands(order, "accepted")
    tended(desk, lambda: not told.exists())


def test_an_order_given_up_that_turns_up_after_all_is_booked_as_a_strangers(desk: BrokerBench) -> None:
    desk.front.on("ReqOrderInsert", "lost")
    order = desk.placed("buy", "open", 4001.0, 1, status="in_doubt")
    desk.stands(order, "rejected")
    desk.ready()
    (leg,) = order.matching["legs"]
    front, session, ref = leg["key"]
    desk.front.on("OnRtnOrder", "withhold", times=2)
    theirs = desk.front.foreign(desk.me, "rb2405", "0", "0", price=3990.0, volume=1)
    theirs.fields |= {"FrontID": front, "SessionID": session, "OrderRef": ref}
    desk.front.push(desk.me, theirs)
    assert not desk.front.plan.left()
    desk.front.fill(desk.me, theirs, 1)
    desk.until(lambda: desk.position() == (1, 1), "the position follows")
    assert desk.stands(order, "rejected").traded == 0
    assert Order.objects.get(foreign=True).traded == 1
