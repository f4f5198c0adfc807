"""Partial fills, refusals, late cancels, new targets, locked markets and new days, one by one."""

import json
from math import nan
from typing import Any

import pytest

from strategies.domain.execution.executor import AlgoExecutor
from strategies.domain.execution.plan import TwapPlan, parse
from strategies.domain.execution.policies import Parent
from strategies.domain.execution.slot import ASK_AGAIN_NS
from strategies.domain.execution.twap import TwapPolicy
from strategies.domain.hosting.intents import Withdraw
from strategies.domain.hosting.news import News, NewsKind
from strategies.domain.hosting.terms import LegTerms
from strategies.tests.domain.execution.wild import SECOND, Wild
from trading.domain.offsets import Direction
from trading.domain.order_status import OrderType

TERMS = LegTerms("a.SHFE", 1.0, 10)
CHASE = {"kind": "chase", "reprice_seconds": 2, "max_ticks": 3}


def market(**document: Any) -> Wild:
    """An executor of that plan that has seen 99 against 101."""
    plan = parse(document)
    wild = Wild(lambda numbers: AlgoExecutor(plan, [TERMS], numbers))
    wild.quote()
    return wild


def executor(wild: Wild) -> AlgoExecutor:
    assert isinstance(wild.executor, AlgoExecutor)
    return wild.executor


def test_it_goes_out_at_once_and_in_the_name_of_the_decision() -> None:
    wild = market(**CHASE)
    wild.want(4, price=100.5)
    place = wild.at_work().place
    assert (place.direction, place.type, place.lots, place.price) == (Direction.BUY, OrderType.LIMIT, 4, 99.0)
    assert (place.decision_price, place.decided_at, place.cause, place.contract) == (100.5, wild.now, "algo", "")


def test_before_any_quote_it_waits_for_one() -> None:
    plan = parse({"kind": "chase"})
    wild = Wild(lambda numbers: AlgoExecutor(plan, [TERMS], numbers))
    wild.want(4)
    assert wild.idle()
    wild.quote()
    assert wild.at_work().place.lots == 4


def test_after_a_minute_of_silence_it_waits_for_a_tick() -> None:
    wild = market(**CHASE)
    wild.now += 61 * SECOND
    wild.want(4)
    assert wild.idle()
    wild.quote(after=1)
    assert not wild.idle()


def test_a_smaller_target_withdraws_first_and_waits_for_the_end() -> None:
    wild = market(**CHASE)
    wild.want(6)
    wild.want(2)
    assert wild.at_work().asked
    wild.quote(after=1)
    assert [type(one) for one in wild.sent[1:]] == [Withdraw]
    wild.fill(1)  # the market was quicker
    wild.cancel()
    assert wild.at_work().place.lots == 1  # of two one is there
    assert wild.held == [1]


def test_a_turned_target_withdraws_and_goes_the_other_way() -> None:
    wild = market(**CHASE)
    wild.want(3)
    wild.fill(2)
    wild.want(-1)
    assert wild.at_work().asked
    wild.fill(1)
    assert (wild.at_work().place.direction, wild.at_work().place.lots) == (Direction.SELL, 4)


def test_a_fill_after_its_orders_end_was_told_shrinks_the_next_order() -> None:
    wild = market(**CHASE)
    wild.want(3)
    late = wild.at_work().place.number
    wild.want(2)
    wild.cancel()
    assert wild.at_work().place.lots == 2
    wild.held[0] += 1
    sent = wild.executor.on_news(News(late, NewsKind.FILLED, wild.now, 99.0, 1), wild.held[0])
    assert sent == [Withdraw(wild.at_work().place.number)]


@pytest.mark.parametrize("randomise", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("slices", [1, 7, 1_000])
def test_a_schedule_never_goes_back_and_is_through_with_its_time(randomise: float, slices: int) -> None:
    policy = TwapPolicy(TwapPlan(100.0, slices, randomise), seed=1, leg=0)
    policy.begin(Parent(1, 50, 0, 100.0))
    planned = [policy.scheduled(moment * SECOND // 10) for moment in range(1_001)]
    assert planned == sorted(planned)
    assert planned[0] <= 50 / slices + 0.5
    assert planned[-1] == 50
    for moment, lots in enumerate(planned):
        assert abs(lots / 50 - moment / 1_000) <= 1.0 / slices + 0.011


def test_a_larger_target_takes_the_rest_when_the_order_moves() -> None:
    wild = market(**CHASE)
    wild.want(3)
    wild.want(5)
    assert not wild.at_work().asked
    wild.quote(after=3)
    assert wild.at_work().asked
    wild.cancel()
    assert wild.at_work().place.lots == 5


def test_a_cancel_that_nobody_answers_is_asked_for_again() -> None:
    wild = market(**CHASE)
    wild.want(3)
    wild.want(0)
    wild.wait(ASK_AGAIN_NS / SECOND - 1)
    assert len(wild.sent) == 2
    wild.wait(1)
    assert wild.sent[1] == wild.sent[2] == Withdraw(wild.at_work().place.number)


@pytest.mark.parametrize("restart", [False, True])
def test_three_refusals_in_a_row_give_the_target_up_until_it_changes(restart: bool) -> None:
    wild = market(**CHASE)
    wild.want(3)
    for _ in range(3):
        if restart:
            document = json.loads(json.dumps(wild.document()))
            wild.executor = wild.make(wild.numbers)
            wild.executor.restore(document)
        wild.refuse(reason="margin")
        assert wild.idle()
        wild.quote(after=1)
        assert wild.idle()  # a moment is left between two attempts
        wild.quote(after=5)
    assert wild.idle()
    assert wild.executor.goal(0) is None
    (notice,) = executor(wild).notices()
    assert (notice.kind, notice.leg) == ("given_up", 0)
    assert notice.text == "3 orders in a row were refused, the last one with 'margin'."
    assert executor(wild).notices() == []
    wild.want(3)
    assert wild.idle()
    wild.want(2)
    assert wild.at_work().place.lots == 2


def test_what_was_given_up_may_be_asked_for_again_on_the_next_day() -> None:
    wild = market(**CHASE)
    wild.want(3)
    for _ in range(3):
        wild.refuse()
        wild.quote(after=6)
    wild.step(("night", 0, 0))
    wild.quote()
    wild.want(3)
    assert wild.at_work().place.lots == 3


def test_a_fill_between_them_makes_refusals_none_in_a_row() -> None:
    wild = market(kind="iceberg", show=1)
    wild.want(9)
    for _ in range(5):
        wild.refuse()
        wild.quote(after=6)
        wild.fill(1)
    assert wild.held == [5]
    assert wild.executor.goal(0) == 9


def test_not_now_is_no_refusal() -> None:
    wild = market(**CHASE)
    wild.want(3)
    for _ in range(8):
        wild.refuse(reason="market_closed")
        wild.quote(after=6)
    assert wild.at_work().place.lots == 3


def test_somebody_who_cancels_again_and_again_is_obeyed() -> None:
    wild = market(**CHASE)
    wild.want(3)
    for _ in range(3):
        wild.cancel()
        wild.quote(after=6)
    assert wild.idle()
    assert wild.executor.goal(0) is None


def test_a_day_order_is_placed_anew_on_the_next_day() -> None:
    wild = market(**CHASE)
    wild.want(3)
    wild.fill(1)
    for _ in range(5):
        wild.step(("night", 0, 0))
        assert wild.idle()
        wild.quote()
        assert wild.at_work().place.lots == 2
    assert executor(wild).notices() == []


def test_a_market_order_needs_somebody_on_the_other_side() -> None:
    wild = market(kind="market", pair=None)
    wild.want(0)
    wild.quote(99.0, nan, after=1)
    wild.want(4)
    assert wild.idle()
    wild.quote(after=1)
    assert wild.at_work().place.type is OrderType.MARKET


def test_its_remainder_waits_for_the_next_tick() -> None:
    wild = market(kind="market")
    wild.want(4)
    wild.fill(3)
    wild.cancel(reason="remainder")
    assert wild.idle()
    wild.quote(after=0.5)
    assert wild.at_work().place.lots == 1


def test_chase_moves_only_behind_others_and_after_its_time() -> None:
    wild = market(**CHASE)
    wild.want(3)
    wild.quote(100.0, 101.0, after=1)
    assert not wild.at_work().asked
    wild.quote(97.0, 98.0, after=5)  # the market came to us
    assert not wild.at_work().asked
    wild.quote(100.0, 101.0, after=1)
    assert wild.at_work().asked
    wild.cancel()
    assert wild.at_work().place.price == 100.0


def test_chase_does_not_chase_itself() -> None:
    wild = market(kind="chase", offset_ticks=1)
    wild.want(3)
    assert wild.at_work().place.price == 100.0
    for _ in range(5):
        wild.quote(100.0, 102.0, after=3)  # the best bid is our own order
    assert len(wild.sent) == 1


@pytest.mark.parametrize(("then", "kind"), [("market", OrderType.MARKET), ("stop", None)])
def test_chase_beyond_its_distance(then: str, kind: OrderType | None) -> None:
    wild = market(**CHASE, then=then)
    wild.want(3)
    wild.quote(103.0, 104.0, after=3)
    wild.cancel()
    if kind is None:
        assert wild.idle()
        text = executor(wild).notices()[0].text
        assert text == "The price has moved more than 3 ticks away from the first order's."
    else:
        assert wild.at_work().place.type is kind


def test_chase_stays_within_the_days_limits() -> None:
    wild = market(kind="chase", offset_ticks=5)
    wild.quote(105.0, nan, after=1)  # locked at the upper limit
    wild.want(3)
    assert wild.at_work().place.price == 105.0


def test_where_our_side_is_empty_it_stands_one_tick_off_the_other() -> None:
    wild = market(**CHASE)
    wild.quote(nan, 101.0, after=1)
    wild.want(3)
    assert wild.at_work().place.price == 100.0


def test_an_iceberg_at_a_price_that_the_limits_forbid_waits() -> None:
    wild = market(kind="iceberg", show=2, price="limit")
    wild.want(3, price=90.0)  # below the lower limit: a buy there would be refused
    assert wild.idle()
    wild.want(4, price=110.0)  # above the upper one: the limit is better
    assert wild.at_work().place.price == 105.0


def test_an_iceberg_goes_on_where_its_market_went() -> None:
    wild = market(kind="iceberg", show=2)
    wild.want(5)
    wild.fill(2)
    assert (wild.at_work().place.price, wild.at_work().place.lots) == (99.0, 2)
    wild.quote(100.0, 102.0, after=3)
    wild.cancel()
    assert wild.at_work().place.price == 100.0


def test_twap_goes_by_the_clock_too() -> None:
    wild = market(kind="twap", seconds=40, slices=4)
    wild.want(8)
    wild.fill(2)
    wild.wait(9.9)
    assert wild.idle()
    wild.wait(0.2)
    assert wild.at_work().place.lots == 2


def test_twap_catches_up_what_a_slice_did_not_get() -> None:
    wild = market(kind="twap", seconds=40, slices=4)
    wild.want(8)
    wild.cancel(reason="remainder")
    wild.quote(after=11)
    assert wild.at_work().place.lots == 4


def test_twap_of_fewer_lots_than_slices_spreads_them() -> None:
    wild = market(kind="twap", seconds=100, slices=10)
    wild.want(-2)
    at = []
    for second in range(100):
        wild.quote(after=1)
        if not wild.idle():
            at.append(second)
            wild.fill(1)
    assert wild.held == [-2]
    assert 40 <= at[1] - at[0] <= 60


def test_drop_takes_back_what_works_and_wants_nothing() -> None:
    wild = market(**CHASE)
    wild.want(3)
    wild.step(("drop", 0, 0))
    assert wild.at_work().asked
    wild.fill(1)
    wild.cancel()
    assert wild.idle()
    assert wild.executor.goal(0) is None
    wild.quote(after=10)
    assert (wild.held, wild.idle()) == ([1], True)


def test_news_of_a_strangers_order_is_nobodys() -> None:
    wild = market(**CHASE)
    wild.want(3)
    before = wild.document()
    wild.live[999] = wild.at_work()
    wild.live[999].left += 1
    wild.answer(999, NewsKind.FILLED, 1)
    assert wild.document() == before
