"""Cases of logging in, and in again: numbers 20 to 22, 24, 25 and 41 of CTP's list, against the scripted front."""

import itertools
import math
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from marketdata.ctp.settings import Trouble
from marketdata.domain.ctp.session import SessionState
from marketdata.tests.ctp.played import Reader, Trader, terms_of
from quantsite.testing.ctp.books import Investor
from quantsite.testing.ctp.front import Front

Traders = Callable[..., Trader]


def asked(front: Front, method: str) -> int:
    """How many requests of this name have arrived."""
    return [name for name, _fields in front.heard].count(method)


def test_a_login_goes_through_all_states_and_confirms_the_statement_that_it_fetched(
    front: Front, trader: Traders
) -> None:
    owner = trader().get_ready()
    owner.turn()
    assert owner.states() == [
        "connecting", "connected", "authenticated", "logged_in", "confirmed", "synchronising", "ready"
    ]  # fmt: skip
    assert [name for name, _fields in front.heard] == [
        "ReqAuthenticate", "ReqUserLogin", "ReqQrySettlementInfo", "ReqSettlementInfoConfirm"
    ]  # fmt: skip
    (statement,) = owner.named("settlement")
    assert statement.fields is not None
    assert statement.fields["trading_day"] == date(2026, 11, 23)
    assert "交易结算单" in statement.fields["text"]
    assert owner.session.facts is not None
    assert owner.session.facts.trading_day == date(2026, 11, 23)


@pytest.mark.parametrize("code", [3, 63, 75, 131, 140, 141])
def test_case_20_a_refused_login_waits_for_a_person(front: Front, trader: Traders, code: int) -> None:
    step = "ReqAuthenticate" if code == 63 else "ReqUserLogin"
    front.on(step, "refuse", code=code, times=None)
    owner = trader()
    owner.until(lambda: owner.session.state is SessionState.REFUSED)
    owner.pass_by(600, step=5)
    front.lose()
    owner.pass_by(60)
    assert asked(front, step) == 1
    assert owner.states().count("refused") == 1
    assert front.peers == {}
    told = owner.watch.troubles["REFUSED"]
    assert (told["step"], told["code"]) == (step, code)
    assert str(code) in str(told["reason"])


def test_case_20_a_person_lets_it_try_again_with_another_password(front: Front, me: Investor, trader: Traders) -> None:
    owner = trader(login=terms_of(me, password="mistaken"))
    owner.until(lambda: owner.session.state is SessionState.REFUSED)
    owner.session.resume(terms_of(me))
    owner.get_ready()
    owner.pass_by(2)
    assert asked(front, "ReqUserLogin") == 2
    assert owner.watch.troubles == {}


def test_a_refusal_with_a_number_of_the_brokers_own_is_not_tried_again(front: Front, trader: Traders) -> None:
    front.on("ReqUserLogin", "refuse", code=7001, text="请联系期货公司", times=None)
    owner = trader()
    owner.until(lambda: owner.session.state is SessionState.REFUSED)
    assert "请联系期货公司" in str(owner.session.troubles[Trouble.REFUSED]["reason"])


@pytest.mark.parametrize("code", [7, 90])
@pytest.mark.parametrize("way", ["", "OnRspError"])
def test_case_21_not_ready_is_tried_again_ever_later(front: Front, trader: Traders, code: int, way: str) -> None:
    front.on("ReqUserLogin", "refuse", code=code, times=4, by=way)
    owner = trader(retry_first=2.0, retry_longest=60.0)
    times = []
    known = 0

    def counted() -> bool:
        nonlocal known
        if asked(front, "ReqUserLogin") > known:
            known = asked(front, "ReqUserLogin")
            times.append(owner.now)
        return owner.session.state is SessionState.READY

    owner.until(counted, seconds=0.05)
    pauses = [later - earlier for earlier, later in itertools.pairwise(times)]
    # The clock is played and runs on while the front's own thread answers: a pause may look longer, never shorter.
    assert [int(math.log2(pause + 0.1)) for pause in pauses] == [1, 2, 3, 4], pauses
    owner.pass_by(2)
    assert owner.watch.troubles == {}


def test_case_22_losses_without_a_connection_change_nothing(front: Front, trader: Traders) -> None:
    front.listen(False)
    owner = trader(connect_seconds=1_000)
    owner.turn()
    for _ in range(20):
        front.lose_unconnected()
        owner.pass_by(2)
    assert owner.states() == ["connecting"]
    assert owner.watch.troubles == {}
    front.listen()
    owner.get_ready()


def test_case_22_a_front_that_breaks_every_two_seconds_is_one_trouble(front: Front, trader: Traders) -> None:
    owner = trader(connect_seconds=30).get_ready()
    front.listen(False)
    front.lose()
    for _ in range(60):
        front.lose_unconnected()
        owner.pass_by(2)
    assert owner.states()[-1] == "lost"
    assert owner.states().count("lost") == 1
    raised = [bool(troubles) for _state, troubles in owner.watch.shown]
    assert raised == sorted(raised)  # no trouble, then one that stays
    assert set(owner.watch.troubles) == {"UNREACHABLE"}
    assert front.connects == 1


def test_case_24_nothing_is_asked_before_a_front_has_shaken_hands(front: Front, trader: Traders) -> None:
    front.silent = True
    owner = trader()
    answers = owner.ask()
    owner.pass_by(25)
    assert (front.heard, answers, owner.session.state) == ([], [], SessionState.CONNECTING)
    assert owner.session.insert(owner.order()) == -1


def test_case_23_no_front_answers_in_time(front: Front, trader: Traders) -> None:
    front.listen(False)
    owner = trader(connect_seconds=30)
    owner.pass_by(29)
    assert owner.watch.troubles == {}
    owner.pass_by(4)
    told = owner.watch.troubles["UNREACHABLE"]
    assert told["seconds"] >= 30
    assert owner.session.link.fronts[0] in told["fronts"]
    owner.until(lambda: owner.session.troubles[Trouble.UNREACHABLE]["found"], seconds=0.01)
    assert "Nothing listens at tcp://127.0.0.1:41205." in owner.session.troubles[Trouble.UNREACHABLE]["found"]


def test_case_23_fronts_are_tried_in_another_order_until_one_has_answered(front: Front, trader: Traders) -> None:
    front.listen(False)
    owner = trader(connect_seconds=30)
    first = owner.link.fronts
    owner.pass_by(35)
    assert owner.link.fronts == (*first[1:], first[0])
    front.listen()
    owner.get_ready()
    turned = owner.link.fronts
    front.listen(False)
    front.lose()
    owner.pass_by(600, step=5)
    assert owner.link.fronts == turned  # never a second instance because of a loss
    front.listen()
    owner.get_ready()


def test_case_25_after_a_loss_everything_begins_again(front: Front, trader: Traders) -> None:
    owner = trader().get_ready()
    before = owner.session.facts
    front.lose()
    owner.until(lambda: owner.session.state is SessionState.LOST)
    front.max_ref = "000000000500"
    owner.get_ready()
    after = owner.session.facts
    assert before is not None
    assert after is not None
    assert before.session_id != after.session_id
    assert int(owner.session.next_ref()) == 501
    owner.turn()
    assert owner.states()[7:] == [
        "lost", "connected", "authenticated", "logged_in", "confirmed", "synchronising", "ready"
    ]  # fmt: skip
    assert asked(front, "ReqSettlementInfoConfirm") == 1  # once a trading day
    assert asked(front, "ReqQrySettlementInfo") == 1


@pytest.mark.parametrize("told", ["", "   ", "none"])
def test_case_25_order_references_grow_whatever_the_front_says(front: Front, trader: Traders, told: str) -> None:
    front.max_ref = told
    owner = trader().get_ready()
    first = [int(owner.session.next_ref()) for _ in range(3)]
    front.lose()
    owner.until(lambda: owner.session.state is SessionState.LOST)
    owner.get_ready()
    assert [*first, int(owner.session.next_ref())] == [1, 2, 3, 4]


def test_case_25_quotes_are_subscribed_again(front: Front, me: Investor, reader: Callable[..., Reader]) -> None:
    owner = reader()
    owner.session.want(["rb2701"])
    owner.until(lambda: asked(front, "SubscribeMarketData"))
    front.lose(kind="md")
    owner.until(lambda: asked(front, "SubscribeMarketData") == 2)
    front.price("rb2701", 3510)
    owner.until(lambda: owner.named("OnRtnDepthMarketData"))
    assert owner.named("OnRtnDepthMarketData")[0].fields["InstrumentID"] == "rb2701"  # type: ignore[index]


def test_case_41_an_order_refused_for_want_of_the_confirmation_confirms_once(front: Front, trader: Traders) -> None:
    owner = trader().get_ready()
    front.on("ReqOrderInsert", "refuse", code=42, times=2)
    assert owner.session.insert(owner.order()) == 0
    owner.until(lambda: len(owner.named("OnRspOrderInsert")) == 1)
    assert owner.session.insert(owner.order()) == 0
    owner.until(lambda: len(owner.named("OnRspOrderInsert")) == 2)
    owner.pass_by(2)
    assert asked(front, "ReqSettlementInfoConfirm") == 2  # the day's own, and one more: not one an order
    assert len(owner.named("confirmed")) == 2
    assert owner.session.state is SessionState.READY


def test_a_statement_that_a_person_confirms_keeps_orders_back(front: Front, me: Investor, trader: Traders) -> None:
    owner = trader(login=terms_of(me, confirm="person"))
    owner.until(lambda: owner.named("settlement"))
    owner.pass_by(60)
    assert owner.session.state is SessionState.LOGGED_IN
    assert set(owner.watch.troubles) == {"UNCONFIRMED"}
    assert asked(front, "ReqSettlementInfoConfirm") == 0
    owner.session.confirm()
    owner.get_ready()
    owner.pass_by(2)
    assert owner.watch.troubles == {}


def test_a_statement_that_was_confirmed_before_the_restart_is_not_asked_for(front: Front, trader: Traders) -> None:
    owner = trader()
    owner.session.confirmed_day = date(2026, 11, 23)
    owner.get_ready()
    assert asked(front, "ReqQrySettlementInfo") + asked(front, "ReqSettlementInfoConfirm") == 0


def test_a_login_without_an_answer_is_tried_again(front: Front, trader: Traders) -> None:
    front.on("ReqUserLogin", "silent", times=2)
    owner = trader(answer_seconds=10)
    owner.until(lambda: owner.session.state is SessionState.READY, seconds=0.2)
    assert asked(front, "ReqUserLogin") == 3


def test_a_front_that_forgets_the_login_is_logged_in_at_again(front: Front, trader: Traders) -> None:
    owner = trader().get_ready()
    front.on("ReqQryTradingAccount", "refuse", code=6)
    answers = owner.ask()
    owner.until(lambda: answers)
    assert answers[0].error is None
    assert answers[0].rows
    assert asked(front, "ReqUserLogin") == 2


def test_an_old_front_that_knows_no_authentication_is_logged_in_at_without(front: Front, trader: Traders) -> None:
    front.authentication = False
    front.on("ReqAuthenticate", "refuse", code=77, times=None)
    assert trader().get_ready().session.facts is not None


def test_a_term_that_no_field_takes_waits_for_a_person(front: Front, me: Investor, trader: Traders) -> None:
    owner = trader(login=terms_of(me, password="x" * 60))
    owner.until(lambda: owner.session.state is SessionState.REFUSED)
    reason = str(owner.session.troubles[Trouble.REFUSED]["reason"])
    assert "Password" in reason
    assert "xxx" not in reason


@pytest.mark.parametrize("fault", [{"kind": "silent"}, {"kind": "rc", "value": -2}, {"kind": "refuse", "code": -1}])
def test_a_front_that_gives_no_statement_and_answers_no_confirmation_is_gone_on_with(
    front: Front, trader: Traders, fault: dict[str, Any]
) -> None:
    for step in ("ReqQrySettlementInfo", "ReqSettlementInfoConfirm"):
        front.on(step, times=None, **fault)
    owner = trader()
    began = owner.now
    owner.until(lambda: owner.session.state is SessionState.READY, seconds=0.1)
    assert owner.now - began < 70
    assert owner.session.confirmed_day is None


class Hours:
    """A calendar that the test turns."""

    def __init__(self, *, wanted: bool) -> None:
        self.wanted = wanted

    def __call__(self, _now: int) -> bool:
        return self.wanted


def test_a_session_of_the_market_begins_with_a_connection_of_its_own(front: Front, trader: Traders) -> None:
    hours = Hours(wanted=True)
    owner = trader(should_connect=hours).get_ready()
    hours.wanted = False
    owner.pass_by(600, step=5)
    assert owner.session.state is SessionState.READY  # what lasts is kept
    front.next_day("20261124")
    front.listen(False)
    owner.until(lambda: owner.session.state is SessionState.RESTING, seconds=1)
    owner.pass_by(3_600, step=20)
    assert owner.watch.troubles == {}
    assert front.peers == {}
    front.listen()
    hours.wanted = True
    owner.get_ready()
    assert owner.session.facts is not None
    assert owner.session.facts.trading_day == date(2026, 11, 24)
    assert asked(front, "ReqSettlementInfoConfirm") == 2  # a new trading day


def test_a_front_that_was_not_restarted_is_left_for_the_new_session(front: Front, trader: Traders) -> None:
    hours = Hours(wanted=True)
    owner = trader(should_connect=hours).get_ready()
    hours.wanted = False
    owner.pass_by(2)
    front.day = "20261124"
    hours.wanted = True
    owner.until(lambda: owner.session.state is not SessionState.READY, seconds=0.5)
    owner.get_ready()
    assert owner.session.facts is not None
    assert owner.session.facts.trading_day == date(2026, 11, 24)
    assert front.connects == 2


def test_a_session_that_is_started_outside_of_the_hours_is_tried_and_then_rests(front: Front, trader: Traders) -> None:
    front.listen(False)
    owner = trader(should_connect=Hours(wanted=False), connect_seconds=30)
    owner.pass_by(40)
    assert owner.states() == ["connecting", "resting"]
    assert owner.watch.troubles == {}
    assert not owner.link.started
    front.listen()
    assert trader(should_connect=Hours(wanted=False)).get_ready().session.facts is not None


def test_a_person_may_resume_outside_of_the_hours(front: Front, trader: Traders) -> None:
    front.on("ReqUserLogin", "refuse", code=3)
    owner = trader(should_connect=Hours(wanted=False))
    owner.until(lambda: owner.session.state is SessionState.REFUSED)
    owner.session.resume()
    owner.get_ready()
