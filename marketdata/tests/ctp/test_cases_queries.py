"""Cases of queries: numbers 26 to 28 and 45 of CTP's list, against the scripted front."""

from collections.abc import Callable

from marketdata.domain.ctp.queries import Answer
from marketdata.domain.ctp.session import SessionState
from marketdata.tests.ctp.played import Trader
from quantsite.testing.ctp.front import Front

Traders = Callable[..., Trader]
QUESTIONS = (
    ("ReqQryInvestorPosition", "QryInvestorPositionField"),
    ("ReqQryTradingAccount", "QryTradingAccountField"),
    ("ReqQryTrade", "QryTradeField"),
)


def queries(front: Front) -> list[str]:
    return [name for name, _fields in front.heard if name.startswith("ReqQry")][1:]  # after the statement's


def test_case_26_a_query_that_is_turned_away_keeps_its_place(front: Front, trader: Traders) -> None:
    owner = trader().get_ready()
    front.on("ReqQryInvestorPosition", "rc", value=-2, times=2)
    front.on("ReqQryTradingAccount", "rc", value=-3)
    front.on("ReqQryTrade", "refuse", code=90)
    done: list[str] = []
    answers: list[Answer] = []

    def took(name: str) -> Callable[[Answer], None]:
        def take(answer: Answer) -> None:
            done.append(name)
            answers.append(answer)

        return take

    for method, struct in QUESTIONS:
        owner.session.ask(method, struct, {"BrokerID": owner.me.broker, "InvestorID": owner.me.user}, took(method))
    owner.until(lambda: len(done) == 3, seconds=0.1)
    assert done == [method for method, _struct in QUESTIONS]
    assert queries(front) == [
        *["ReqQryInvestorPosition"] * 3, *["ReqQryTradingAccount"] * 2, *["ReqQryTrade"] * 2
    ]  # fmt: skip
    assert all(answer.error is None and not answer.timed_out for answer in answers)


def test_case_26_a_front_that_turns_everything_away_is_told_as_stale(front: Front, trader: Traders) -> None:
    owner = trader(query_patience=120).get_ready()
    front.on("ReqQryTradingAccount", "rc", value=-3, times=None)
    answers = owner.ask()
    owner.pass_by(40)
    assert owner.session.stale_for() > 39
    assert set(owner.watch.troubles) == {"QUERIES_STALE"}
    assert not answers
    owner.until(lambda: answers, seconds=1)
    assert answers[0].timed_out
    assert answers[0].error is not None
    assert answers[0].error.code == -3
    owner.pass_by(2)
    assert owner.watch.troubles == {}


def test_case_26_the_pace_is_the_fronts(front: Front, trader: Traders) -> None:
    front.query_rate = 5
    owner = trader(query_spacing=1.1).get_ready()
    times: list[float] = []
    fields = {"BrokerID": owner.me.broker, "InvestorID": owner.me.user}
    for _ in range(4):
        owner.session.ask("ReqQryTrade", "QryTradeField", fields, lambda _got: times.append(owner.now))
    owner.until(lambda: len(times) == 4)
    assert 0.6 <= times[-1] - times[0] < 2


def test_case_27_an_answer_that_never_comes_ends_by_time_and_the_next_goes(front: Front, trader: Traders) -> None:
    owner = trader(query_timeout=15).get_ready()
    front.on("ReqQryTradingAccount", "silent")
    lost, following = owner.ask(), owner.ask()
    began = owner.now
    owner.until(lambda: following, seconds=0.1)
    assert 15 <= owner.now - began < 30
    assert (lost[0].timed_out, lost[0].rows, lost[0].error) == (True, [], None)
    assert (following[0].timed_out, len(following[0].rows)) == (False, 1)


def test_case_27_an_answer_without_its_last_mark_gives_what_came(front: Front, trader: Traders) -> None:
    owner = trader().get_ready()
    front.on("ReqQryTradingAccount", "no_last")
    lost, following = owner.ask(), owner.ask()
    owner.until(lambda: following, seconds=0.1)
    assert (lost[0].timed_out, len(lost[0].rows)) == (True, 1)
    assert not following[0].timed_out


def test_case_27_rows_that_come_too_late_are_nobodys(front: Front, trader: Traders) -> None:
    owner = trader(query_timeout=5).get_ready()
    front.on("ReqQryTradingAccount", "slow", seconds=0.3)
    late, following = owner.ask(), []
    owner.until(lambda: late, seconds=0.5)
    assert late[0].timed_out
    following = owner.ask()
    owner.until(lambda: following)
    assert len(following[0].rows) == 1


def test_case_28_an_empty_answer_is_an_answer(front: Front, trader: Traders) -> None:
    owner = trader().get_ready()
    answers = owner.ask("ReqQryTrade", "QryTradeField")
    owner.until(lambda: answers)
    assert (answers[0].rows, answers[0].error, answers[0].timed_out) == ([], None, False)
    assert 0 < answers[0].asked_at <= answers[0].done_at


def test_a_query_under_way_when_the_front_is_lost_is_asked_again(front: Front, trader: Traders) -> None:
    owner = trader().get_ready()
    front.on("ReqQryTradingAccount", "lost")
    first, second = owner.ask(), owner.ask("ReqQryTrade", "QryTradeField")
    owner.until(lambda: second)
    assert len(first) == len(second) == 1
    assert not first[0].timed_out
    assert len(first[0].rows) == 1


def test_an_answer_is_given_after_everything_that_was_heard_before_it(front: Front, trader: Traders) -> None:
    """Or a picture of the account would count though an order's event had fallen into it."""
    owner = trader().get_ready()
    known: list[int] = []
    owner.session.ask(
        "ReqQryTradingAccount", "QryTradingAccountField", {"BrokerID": "9999", "InvestorID": "100001"},
        lambda _got: known.append(len(owner.named("OnRtnOrder"))),
    )  # fmt: skip
    front.on("ReqQryTradingAccount", "slow", seconds=0.2)
    owner.until(lambda: "ReqQryTradingAccount" in queries(front))
    assert owner.session.insert(owner.order(LimitPrice=3400.0)) == 0
    front.wait(lambda: owner.link.heard.qsize() >= 3)  # pushes and the answer, none of them taken yet
    owner.until(lambda: known)
    assert known == [len(owner.named("OnRtnOrder"))]


def test_case_45_an_error_with_a_request_that_nobody_made_is_given_to_the_owner(front: Front, trader: Traders) -> None:
    owner = trader().get_ready()
    answers = owner.ask()
    front.tell("OnRspError", [{"ErrorID": 90, "ErrorMsg": "CTP:稍后再试"}, 987_654, True])
    owner.until(lambda: answers and owner.named("OnRspError"))
    (told,) = owner.named("OnRspError")
    assert (told.request, told.error) == (987_654, (90, "CTP:稍后再试"))
    assert not answers[0].error
    assert owner.session.state is SessionState.READY
