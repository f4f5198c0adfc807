"""Cases 1 to 9 of what a gateway must survive: orders, fills, refusals and cancels, through the loop."""

import pytest

from quantsite.common.errors import ConflictError
from trading import services
from trading.models import AccountEvent, AccountState
from trading.tests.ctp.broker_bench import BrokerBench

pytestmark = [pytest.mark.django_db(transaction=True)]


def test_case_01_an_opening_order_fills_and_everything_follows(desk: BrokerBench) -> None:
    order = desk.placed("buy", "open", 4001.0, 2, status="filled")
    assert (order.traded, order.average_price, order.frozen_margin) == (2, 4001, 0)
    assert desk.kinds(order) == ["placed", "submitting", "submitted", "accepted", "traded"]
    assert desk.position() == (2, 2)
    assert len(desk.fills(order)) == 1
    state = AccountState.objects.get(account=desk.account)
    assert state.margin > 0
    assert state.frozen_margin == 0


def test_case_02_filled_in_parts_and_the_rest_cancelled(desk: BrokerBench) -> None:
    desk.front.on("ReqOrderInsert", "fills", volumes=[1, 2, 1], rest="cancel")
    order = desk.placed("buy", "open", 3990.0, 6, status="cancelled")
    assert (order.traded, order.frozen_margin, order.frozen_commission) == (4, 0, 0)
    assert [volume for _id, volume, _price in desk.fills(order)] == [1, 2, 1]
    assert desk.position() == (4, 4)
    assert desk.kinds(order).count("traded") == 3
    assert desk.kinds(order)[-1] == "cancelled"


def test_case_03_the_fill_was_faster_than_the_cancel(desk: BrokerBench) -> None:
    order = desk.placed("buy", "open", 3990.0, 1)
    for push in ("OnRtnTrade", "OnRtnOrder"):
        desk.front.on(push, "slow", seconds=0.5)
    desk.front.fill(desk.me, desk.theirs(), 1)
    desk.cancel(order)
    desk.stands(order, "filled")
    assert len(desk.sent("ReqOrderAction")) == 1
    assert order.cancel_requested is False
    assert "cancelled" not in desk.kinds(order)


def test_case_04_refused_by_the_front_is_one_rejection(desk: BrokerBench) -> None:
    desk.front.on("ReqOrderInsert", "refuse", code=31, text="CTP:资金不足")
    order = desk.placed("buy", "open", 3990.0, 1, status="rejected")
    assert (order.reason_code, order.reason_text) == ("ctp_31", "CTP:资金不足")
    assert (order.frozen_margin, order.frozen_commission) == (0, 0)
    assert AccountState.objects.get(account=desk.account).frozen_margin == 0
    for _turn in range(5):
        desk.turn()
    assert desk.kinds(order).count("rejected") == 1


def test_case_05_refused_by_the_exchange_is_a_rejection_and_no_cancel(desk: BrokerBench) -> None:
    desk.front.on("ReqOrderInsert", "reject", text="已撤单报单被拒绝SHFE:交易编码不存在")
    order = desk.placed("buy", "open", 3990.0, 1, status="rejected")
    assert (order.reason_code, order.reason_text) == ("exchange_refused", "已撤单报单被拒绝SHFE:交易编码不存在")
    assert "cancelled" not in desk.kinds(order)
    assert order.frozen_margin == 0


def test_case_06_a_cancel_that_the_exchange_refuses_leaves_the_order_alive(desk: BrokerBench) -> None:
    order = desk.placed("buy", "open", 3990.0, 1)
    desk.front.on("ReqOrderAction", "reject", text="撤单被拒绝")
    desk.cancel(order)
    desk.until(lambda: "cancel_refused" in desk.kinds(order), "the refusal is told")
    order.refresh_from_db()
    assert (order.status, order.cancel_requested) == ("accepted", False)
    told = AccountEvent.objects.get(order=order, kind="cancel_refused")
    assert told.body["reason_text"] == "撤单被拒绝"
    desk.front.fill(desk.me, desk.theirs(), 1)
    assert desk.stands(order, "filled").traded == 1


def test_case_07_cancel_of_an_unknown_order(desk: BrokerBench) -> None:
    order = desk.placed("buy", "open", 3990.0, 1)
    queries = desk.heard().count("ReqQryOrder")
    desk.front.on("ReqOrderAction", "refuse", code=25)
    desk.cancel(order)
    desk.until(lambda: "cancel_refused" in desk.kinds(order), "the refusal is told")
    assert desk.kinds(order).count("cancel_refused") == 1  # told to us, and to all sessions
    assert desk.stands(order, "accepted").cancel_requested is False
    desk.until(lambda: desk.heard().count("ReqQryOrder") > queries, "what we believe of it is asked about")
    desk.cancel(order)
    desk.stands(order, "cancelled")
    with pytest.raises(ConflictError, match="nothing left to cancel"):
        services.cancel_order(None, order.pk)


def test_case_08_cancel_before_the_exchange_has_numbered_the_order(desk: BrokerBench) -> None:
    desk.front.on("ReqOrderInsert", "hold")
    order = desk.placed("buy", "open", 3990.0, 1, status="submitted")
    desk.cancel(order)
    desk.stands(order, "cancelled")
    (action,) = desk.sent("ReqOrderAction")
    (insert,) = desk.sent()
    assert (action["OrderSysID"], action["OrderRef"]) == ("", insert["OrderRef"])
    assert (action["ActionFlag"], action["ExchangeID"], action["InstrumentID"]) == ("0", "SHFE", "rb2405")
    numbered = desk.placed("buy", "open", 3990.0, 1)
    desk.cancel(numbered)
    desk.stands(numbered, "cancelled")
    later = desk.sent("ReqOrderAction")[-1]
    assert later["OrderSysID"] == desk.theirs().fields["OrderSysID"]  # with the exchange's own blanks
    assert later["OrderSysID"].startswith(" ")
    assert later["OrderActionRef"] > action["OrderActionRef"]


def test_case_08_cancel_right_after_sending(desk: BrokerBench) -> None:
    desk.front.on("OnRtnOrder", "slow", seconds=0.3)
    order = desk.order("buy", "open", 3990.0, 1)
    desk.until(desk.sent, "the order is out")
    desk.cancel(order)
    desk.stands(order, "cancelled")
    assert len(desk.sent("ReqOrderAction")) == 1
    assert order.traded == 0


@pytest.mark.parametrize(("rc", "reason"), [(-1, "not_sent"), (-2, "not_sent"), (-3, "order_pace")])
def test_case_09_what_the_library_does_not_take_was_never_sent(desk: BrokerBench, rc: int, reason: str) -> None:
    desk.front.on("ReqOrderInsert", "rc", value=rc)
    order = desk.placed("buy", "open", 3990.0, 1, status="rejected")
    assert (order.reason_code, order.frozen_margin) == (reason, 0)
    assert desk.kinds(order) == ["placed", "submitting", "not_sent"]
    assert desk.me.orders == []
    assert desk.placed("buy", "open", 3990.0, 1).traded == 0  # the next one goes out
