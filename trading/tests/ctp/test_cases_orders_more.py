"""Cases 16, 19, 41 and 44 to 48: self-trades, split closes, the statement, odd letters, what is not sent at all."""

import math
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest

from accounts.models import Alarm
from marketdata.models import Instrument
from quantsite.common.errors import RuleError
from quantsite.testing.ctp.front import Front
from trading.gateways.ctp import sending
from trading.models import BrokerLogin, Fill, Order
from trading.tests.ctp.broker_bench import TODAY, BrokerBench, M, unready
from trading.tests.loop_bench import RB

pytestmark = [pytest.mark.django_db(transaction=True)]


@pytest.fixture
def carried(ctp_front: Callable[..., Front], tmp_path: Path) -> Iterator[BrokerBench]:
    """The same desk with two lots of rb and of m held since the day before."""
    front = ctp_front("20231229")
    made = unready(front, tmp_path)
    for symbol in ("rb2405", "m2405"):
        front.foreign(made.me, symbol, "0", "0", price=4001.0, volume=2)
    front.settle({"rb2405": 4000.0, "m2405": 4000.0})
    front.next_day(TODAY)
    for symbol in ("rb2405", "m2405"):
        front.price(symbol, 4000.0)
    try:
        made.connect()
        made.begin()
        made.ready()
        yield made
    finally:
        made.end()


def test_case_16_both_sides_of_a_self_trade_are_trades(desk: BrokerBench) -> None:
    buy = desk.placed("buy", "open", 3990.0, 1)
    bought = desk.theirs()
    sell = desk.placed("sell", "open", 4010.0, 1)
    desk.front.fill(desk.me, bought, 1, 4000.0, trade="          77")
    desk.front.fill(desk.me, desk.theirs(), 1, 4000.0, trade="          77")
    desk.stands(buy, "filled")
    desk.stands(sell, "filled")
    told = Fill.objects.order_by("direction").values_list("trade_id", "direction")
    assert list(told) == [("SHFE:77", "buy"), ("SHFE:77", "sell")]
    assert (desk.position(), desk.position("short")) == ((1, 1), (1, 1))
    desk.front.replay(desk.me)
    desk.turn()
    assert Fill.objects.count() == 2


def test_case_19_a_close_at_shfe_is_split_and_folds_into_one_order(carried: BrokerBench) -> None:
    assert carried.position() == (2, 0)
    carried.placed("buy", "open", 4001.0, 1, status="filled")
    assert carried.position() == (3, 1)
    carried.front.matching = False
    order = carried.placed("sell", "auto", 4005.0, 3)
    parts = carried.sent()[1:]
    assert [(part["CombOffsetFlag"], part["VolumeTotalOriginal"]) for part in parts] == [("4", 2), ("3", 1)]
    today = carried.front.find(carried.me, CombOffsetFlag="3")
    carried.front.fill(carried.me, today, 1)  # the later part first: it is today's lot that is gone
    carried.stands(order, "partially_filled")
    assert carried.position() == (2, 0)
    carried.restart()
    carried.ready()
    older = carried.front.find(carried.me, CombOffsetFlag="4")
    carried.front.fill(carried.me, older, 1)
    carried.until(lambda: carried.position() == (1, 0), "one of yesterday's is gone")
    carried.cancel(order)
    carried.stands(order, "cancelled")
    assert order.traded == 2
    offsets = Fill.objects.filter(order=order).order_by("pk").values_list("offset", flat=True)
    assert list(offsets) == ["close_today", "close"]


def test_case_19_elsewhere_a_close_is_one_order_and_todays_lots_need_their_flag(carried: BrokerBench) -> None:
    carried.placed("buy", "open", 4001.0, 1, status="filled", instrument=M)
    carried.placed("sell", "auto", 3999.0, 3, status="filled", instrument=M)
    assert [(part["CombOffsetFlag"], part["VolumeTotalOriginal"]) for part in carried.sent()[1:]] == [("1", 3)]
    carried.placed("buy", "open", 4001.0, 1, status="filled")
    sent = len(carried.sent())
    refused = carried.placed("sell", "close", 3999.0, 3, status="rejected")  # '1' takes yesterday's two only
    assert refused.reason_code == "close_exceeds_position"
    assert len(carried.sent()) == sent


def test_case_41_without_a_confirmed_statement_it_is_confirmed_once_and_the_order_sent_once_more(
    desk: BrokerBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "CONFIRM_SECONDS", 0.5)
    desk.me.confirmed = ""
    order = desk.placed("buy", "open", 3990.0, 1)
    assert "rejected" not in desk.kinds(order)
    first, second = desk.sent()
    assert int(second["OrderRef"]) > int(first["OrderRef"])
    order.refresh_from_db()
    (leg,) = order.matching["legs"]
    assert leg["key"][2] == second["OrderRef"]
    assert desk.heard().count("ReqSettlementInfoConfirm") == 2
    desk.me.confirmed = ""
    refused = desk.placed("buy", "open", 3980.0, 1, status="rejected")
    assert refused.reason_code == "ctp_42"
    assert len(desk.sent()) == 3
    assert desk.heard().count("ReqSettlementInfoConfirm") == 2


def test_case_44_a_letter_of_a_newer_front_is_logged_and_changes_nothing(
    desk: BrokerBench, caplog: pytest.LogCaptureFixture
) -> None:
    order = desk.placed("buy", "open", 3990.0, 2)
    theirs = desk.theirs()
    desk.front.push(desk.me, theirs, OrderStatus="z", OrderSubmitStatus="9")
    desk.until(lambda: "unknown status" in caplog.text, "it is logged")
    assert desk.stands(order, "accepted").traded == 0
    desk.front.fill(desk.me, theirs, 2)
    desk.stands(order, "filled")


def test_case_45_an_error_of_an_unknown_request_is_logged(desk: BrokerBench, caplog: pytest.LogCaptureFixture) -> None:
    order = desk.placed("buy", "open", 3990.0, 1)
    desk.front.tell("OnRspError", [{"ErrorID": 91, "ErrorMsg": "CTP:错误"}, 987654, True])
    desk.until(lambda: "unknown request" in caplog.text, "it is logged")
    desk.stands(order, "accepted")


def test_case_46_an_instrument_that_is_in_no_table_or_has_expired(
    desk: BrokerBench, caplog: pytest.LogCaptureFixture
) -> None:
    desk.placed("buy", "open", 4001.0, 1, status="filled")
    desk.front.contract("zz2405", "SHFE", pre_settlement=4000, last=4000, bid=3999, ask=4001)
    desk.front.foreign(desk.me, "zz2405", "0", "0", price=4001.0, volume=1)
    desk.until(lambda: "not taken in" in caplog.text, "it is told")
    assert Alarm.objects.filter(code="foreign_order_lost", subject="B1 zz2405.SHFE").exists()
    assert not Order.objects.filter(foreign=True).exists()
    Instrument.objects.filter(code=RB).update(expires=date(2023, 12, 29))
    desk.restart()
    desk.ready()
    assert desk.position() == (1, 1)
    refused = desk.placed("sell", "close_today", 3999.0, 1, status="rejected")
    assert refused.reason_code == "instrument_expired"
    Instrument.objects.filter(code=RB).update(expires=None)
    desk.restart()
    desk.ready()
    desk.placed("sell", "close_today", 3999.0, 1, status="filled")
    assert desk.position() == (0, 0)


def test_case_47_what_an_exchange_would_refuse_is_not_sent(desk: BrokerBench) -> None:
    for price, volume, code in [
        (3990.5, 1, "off_tick"),
        (math.inf, 1, "invalid_price"),
        (3990.0, 100_000, "volume_out_of_bounds"),
    ]:
        Instrument.objects.filter(code=RB).update(max_limit_volume=500)
        with pytest.raises(RuleError) as refused:
            desk.order("buy", "open", price, volume)
        assert refused.value.code == code
    for price in (4401.0, 3599.0):
        assert desk.placed("buy", "open", price, 1, status="rejected").reason_code == "outside_price_limits"
    assert desk.sent() == []


def test_case_48_what_is_left_of_fak_and_fok_ends_with_the_right_volumes(desk: BrokerBench) -> None:
    desk.front.on("ReqOrderInsert", "fills", volumes=[2], rest="cancel")
    fak = desk.placed("buy", "open", 3990.0, 5, type="fak", status="cancelled")
    assert (fak.traded, fak.reason_code, fak.frozen_margin) == (2, "remainder", 0)
    fok = desk.placed("buy", "open", 3990.0, 5, type="fok", status="cancelled")
    assert (fok.traded, fok.reason_code) == (0, "not_filled_whole")
    written = [(each["OrderPriceType"], each["TimeCondition"], each["VolumeCondition"]) for each in desk.sent()]
    assert written == [("2", "1", "1"), ("2", "1", "3")]
    desk.front.on("ReqOrderInsert", "hold")
    out = desk.placed("buy", "open", 3990.0, 5, type="fak", status="submitted")
    desk.front.push(desk.me, desk.theirs(), OrderStatus="4", OrderSubmitStatus="3", OrderSysID="          99")
    assert desk.stands(out, "cancelled").traded == 0


def test_opening_needs_live_trading_and_closing_does_not(desk: BrokerBench) -> None:
    desk.placed("buy", "open", 4001.0, 1, status="filled")
    desk.account.__class__.objects.filter(pk=desk.account.pk).update(live_enabled=False)
    refused = desk.placed("buy", "open", 4001.0, 1, status="rejected")
    assert refused.reason_code == "live_disabled"
    desk.placed("sell", "close_today", 3999.0, 1, status="filled")


def test_nothing_goes_out_while_nobody_is_logged_in(desk: BrokerBench) -> None:
    desk.front.listen(False)
    desk.front.lose()
    desk.until(lambda: not desk.gateway.ready, "the loss is noticed")
    refused = desk.placed("buy", "open", 4001.0, 1, status="rejected")
    assert refused.reason_code == "broker_not_ready"
    assert desk.sent() == []
    desk.front.listen()
    desk.ready()


def test_a_market_order_goes_as_a_limit_order_where_the_login_allows_it(desk: BrokerBench) -> None:
    with pytest.raises(RuleError, match="takes no market order"):
        desk.order("buy", "open", None, 1)
    BrokerLogin.objects.update(market_as_limit=True)
    desk.restart()
    desk.ready()
    desk.placed("buy", "open", None, 1, status="filled")
    (sent,) = desk.sent()
    assert (sent["OrderPriceType"], sent["LimitPrice"], sent["TimeCondition"]) == ("2", 4400.0, "1")
    stop = desk.placed("sell", "close_today", None, 1, type="stop", stop_price=3980.0, status="rejected")
    assert stop.reason_code == "type_not_taken"
    desk.placed("buy", "open", None, 1, instrument=M, status="filled")
    assert (desk.sent()[-1]["OrderPriceType"], desk.sent()[-1]["LimitPrice"]) == ("1", 0.0)


def test_at_the_days_end_what_rests_expires(desk: BrokerBench) -> None:
    order = desk.placed("buy", "open", 3990.0, 3)
    desk.front.fill(desk.me, desk.theirs(), 1)
    desk.stands(order, "partially_filled")
    desk.street.to(6.01)  # 15:00:36
    while desk.stands(order, "partially_filled", "expired").status != "expired":
        desk.turn()
        desk.loop.tend()
    assert (order.traded, order.frozen_margin) == (1, 0)
    desk.front.cancel(desk.me, desk.theirs())  # what the broker says of it later is no news
    for _turn in range(5):
        desk.turn()
    assert desk.stands(order, "expired").traded == 1


def test_a_days_end_that_came_while_nobody_was_logged_in_ends_nothing_of_the_next_day(desk: BrokerBench) -> None:
    mine = desk.placed("buy", "open", 3990.0, 1)
    desk.front.settle({"rb2405": 4000.0})
    desk.front.listen(False)
    desk.front.next_day("20240103")
    desk.until(lambda: desk.gateway.day is None, "the connection is lost")
    desk.street.to(24.0, day=desk.street.day + 1)
    desk.street.tick(4000.0)
    desk.until(lambda: desk.loop.market.last_on(RB, desk.street.day), "the market is a day ahead")
    theirs = desk.front.foreign(desk.me, "rb2405", "0", "0", price=3990.0, volume=1)
    desk.front.listen()
    desk.ready()
    desk.stands(mine, "expired")
    order = desk.until(Order.objects.filter(foreign=True).first, "the other terminal's order is known")
    assert desk.stands(order, "accepted", "expired").status == "accepted"
    desk.front.fill(desk.me, theirs, 1)
    assert desk.stands(order, "filled").traded == 1
    assert desk.position() == (1, 1)


def test_trades_that_the_adopted_figures_hold_are_not_booked_again(
    ctp_front: Callable[..., Front], tmp_path: Path
) -> None:
    front = ctp_front(TODAY)
    made = unready(front, tmp_path)
    front.foreign(made.me, "rb2405", "0", "0", price=4001.0, volume=2)
    part = front.foreign(made.me, "rb2405", "0", "0", price=3990.0, volume=3)
    front.fill(made.me, part, 1)
    made.connect()
    made.begin()
    try:
        made.ready()
        assert (made.position(), Fill.objects.count()) == ((3, 3), 0)
        front.replay(made.me)
        front.fill(made.me, part, 1)
        made.until(lambda: made.position() == (4, 4), "what is traded later is booked")
        made.restart()
        made.ready()
        assert (made.position(), Fill.objects.count()) == ((4, 4), 1)
        front.fill(made.me, part, 1)
        made.until(lambda: made.position() == (5, 5), "and the last lot")
        order = Order.objects.get(account=made.account)
        assert (order.foreign, order.volume, order.traded, order.status) == (True, 2, 2, "filled")
    finally:
        made.end()
