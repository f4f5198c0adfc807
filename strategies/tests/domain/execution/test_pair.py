"""Two legs of one position: how long they may be filled unequally, and what follows."""

import json
from typing import Any

import pytest
from hypothesis import given, settings

from strategies.domain.execution.executor import AlgoExecutor
from strategies.domain.execution.pair import MOVES, Exposed, Pair, PairState
from strategies.domain.execution.plan import parse
from strategies.domain.hosting.terms import LegTerms
from strategies.tests.domain.execution.wild import SECOND, Step, Wild, steps
from trading.domain.order_status import OrderType

LEGS = [LegTerms("a.SHFE", 1.0, 10), LegTerms("b.SHFE", 1.0, 10)]


def market(kind: str = "chase", **pair: Any) -> Wild:
    """Both legs quoted 99 against 101; a chase that stays where it is for the time of these tests."""
    section = {"reprice_seconds": 600} if kind == "chase" else {}
    plan = parse({"kind": kind, **section, "pair": pair}, legs=2)
    wild = Wild(lambda numbers: AlgoExecutor(plan, LEGS, numbers), legs=2)
    quoted(wild)
    return wild


def quoted(wild: Wild, after: float = 0.0) -> None:
    wild.quote(leg=0, after=after)
    wild.quote(leg=1)


def executor(wild: Wild) -> AlgoExecutor:
    assert isinstance(wild.executor, AlgoExecutor)
    return wild.executor


def pair_of(wild: Wild) -> Pair:
    pair = executor(wild).pair
    assert pair is not None
    return pair


def want(wild: Wild, first: int, second: int) -> None:
    wild.want(first, 0)
    wild.want(second, 1)


def test_both_legs_set_off_together() -> None:
    wild = market()
    wild.want(4, 0)
    assert wild.idle(0)
    wild.want(-4, 1)
    assert (wild.at_work(0).left, wild.at_work(1).left) == (4, 4)
    assert pair_of(wild).state is PairState.EVEN


def test_one_leg_that_is_wanted_alone_sets_off_with_the_next_event() -> None:
    wild = market()
    wild.want(4, 0)
    wild.quote(leg=1, after=1)
    assert wild.at_work(0).left == 4
    assert pair_of(wild).state is PairState.IDLE


def test_the_timer_runs_while_one_leg_is_in_front() -> None:
    wild = market(seconds=5)
    want(wild, 4, -4)
    wild.fill(3, 0)
    assert executor(wild).exposed == Exposed(wild.now, 3)
    since = wild.now
    wild.wait(2)
    wild.fill(1, 1)
    assert executor(wild).exposed == Exposed(since, 2)
    wild.fill(2, 1)
    assert executor(wild).exposed is None
    wild.wait(1)
    wild.fill(1, 0)
    assert executor(wild).exposed == Exposed(wild.now, 1)  # it begins anew


def test_lots_are_compared_by_their_share_of_the_target() -> None:
    wild = market(seconds=5)
    want(wild, 2, -6)
    wild.fill(1, 0)
    assert executor(wild).exposed == Exposed(wild.now, 1)
    wild.fill(3, 1)
    assert executor(wild).exposed is None
    wild.fill(1, 1)  # a third of what belongs to one lot of the other: not a whole lot too much
    assert executor(wild).exposed == Exposed(wild.now, 1)


def test_after_the_time_the_other_leg_is_completed_at_the_market() -> None:
    wild = market(seconds=5, then="complete")
    want(wild, 4, -4)
    wild.fill(3, 0)
    wild.wait(4.9)
    assert not wild.at_work(1).asked
    wild.wait(0.1)
    assert pair_of(wild).state is PairState.COMPLETING
    assert wild.at_work(1).asked
    wild.cancel(1)
    place = wild.at_work(1).place
    assert (place.type, place.lots) == (OrderType.MARKET, 3)
    assert wild.at_work(0).asked  # the leg in front waits meanwhile
    wild.cancel(0)
    assert wild.idle(0)
    wild.fill(3, 1)
    assert pair_of(wild).state is PairState.EVEN
    assert (wild.at_work(0).place.type, wild.at_work(0).left) == (OrderType.LIMIT, 1)
    assert (wild.at_work(1).place.type, wild.at_work(1).left) == (OrderType.LIMIT, 1)
    wild.fill(1, 1)
    wild.fill(1, 0)
    assert wild.held == [4, -4]
    assert wild.executor.goal(0) is wild.executor.goal(1) is None


def test_after_the_time_the_leg_in_front_is_undone() -> None:
    wild = market(seconds=5, then="undo")
    want(wild, 4, -4)
    wild.fill(3, 0)
    wild.fill(1, 1)
    wild.wait(5)
    assert pair_of(wild).state is PairState.UNDOING
    wild.cancel(1)
    wild.cancel(0)
    place = wild.at_work(0).place
    assert (place.type, place.direction, place.lots) == (OrderType.MARKET, -1, 2)
    wild.fill(2, 0)
    assert (wild.held, pair_of(wild).state) == ([1, -1], PairState.ENDED)
    (notice,) = executor(wild).notices()
    assert (notice.kind, notice.leg) == ("pair_undone", None)
    assert notice.text == "The other leg was not filled in time, so this one was undone."


def test_what_fills_while_it_is_undone_is_undone_too() -> None:
    wild = market(seconds=5, then="undo")
    want(wild, 4, -4)
    wild.fill(3, 0)
    wild.wait(5)
    wild.cancel(0)
    wild.fill(3, 0)
    assert pair_of(wild).state is PairState.UNDOING  # the other leg's cancel is not answered yet
    wild.fill(2, 1)
    wild.cancel(1)
    wild.fill(2, 1)
    assert (wild.held, pair_of(wild).state) == ([0, 0], PairState.ENDED)


def refuse_for_good(wild: Wild, leg: int) -> None:
    for _ in range(3):
        wild.refuse(leg)
        quoted(wild, after=6)


@pytest.mark.parametrize("then", ["complete", "undo"])
def test_where_one_leg_is_refused_the_other_is_undone(then: str) -> None:
    wild = market(seconds=600, then=then)
    want(wild, 4, -4)
    wild.fill(3, 0)
    refuse_for_good(wild, 1)
    wild.cancel(0)
    assert wild.at_work(0).place.lots == 3
    wild.fill(3, 0)
    assert (wild.held, pair_of(wild).state) == ([0, 0], PairState.ENDED)
    assert executor(wild).notices()[0].text == "One leg was refused, so the other was undone."


def test_where_both_are_refused_nothing_happens() -> None:
    wild = market(seconds=600)
    want(wild, 4, -4)
    for _ in range(3):
        wild.refuse(0)
        if not wild.idle(1):
            wild.refuse(1)
        quoted(wild, after=6)
    assert (wild.held, wild.live, pair_of(wild).state) == ([0, 0], {}, PairState.ENDED)


def test_the_same_targets_are_not_tried_again_until_they_change() -> None:
    wild = market(seconds=600)
    want(wild, 4, -4)
    refuse_for_good(wild, 1)
    wild.cancel(0)
    want(wild, 4, -4)
    quoted(wild, after=6)
    assert not wild.live
    want(wild, 3, -3)
    assert (wild.at_work(0).left, wild.at_work(1).left) == (3, 3)


def test_what_cannot_be_undone_is_told() -> None:
    wild = market(seconds=5, then="undo")
    want(wild, 4, -4)
    wild.fill(4, 0)
    wild.wait(5)
    wild.cancel(1)
    refuse_for_good(wild, 0)
    assert pair_of(wild).state is PairState.FAILED
    assert [notice.kind for notice in executor(wild).notices()] == ["pair_failed"]
    assert executor(wild).exposed is not None


def test_one_leg_may_go_first() -> None:
    wild = market(first=1)
    want(wild, 4, -4)
    assert wild.idle(0)
    wild.fill(1, 1)
    assert wild.at_work(0).left == 1
    wild.fill(2, 1)
    wild.fill(1, 0)
    assert wild.at_work(0).left == 2
    wild.fill(1, 1)
    wild.fill(2, 0)
    wild.fill(1, 0)
    assert wild.held == [4, -4]


def test_new_targets_begin_from_what_is_held() -> None:
    wild = market(seconds=5)
    want(wild, 4, -4)
    wild.fill(3, 0)
    wild.fill(2, 1)
    want(wild, 0, 0)
    wild.cancel(0)
    wild.cancel(1)
    assert (wild.at_work(0).left, wild.at_work(1).left) == (3, 2)
    assert pair_of(wild).state is PairState.EVEN


def test_the_same_targets_again_disturb_nothing() -> None:
    wild = market(seconds=5)
    want(wild, 4, -4)
    wild.fill(3, 0)
    since = wild.now
    wild.now += SECOND
    want(wild, 4, -4)
    assert executor(wild).exposed == Exposed(since, 3)
    assert len(wild.sent) == 2


def balanced(wild: Wild) -> bool:
    """By the share of what was to be done (minus two of the second leg to each of the first) within a lot."""
    exposed = executor(wild).exposed
    return exposed is None or pair_of(wild).state is PairState.FAILED


@pytest.mark.parametrize("then", ["complete", "undo"])
@pytest.mark.parametrize("first", [-1, 0])
@given(taken=steps)
@settings(max_examples=100, deadline=None)
def test_whatever_happens_it_ends_even_or_says_so(then: str, first: int, taken: list[Step]) -> None:
    wild = market("chase", seconds=3, then=then, first=first)
    for step in taken:
        wild.step(step)
    wild.calm(200)
    assert not wild.live
    assert balanced(wild), pair_of(wild).state


@pytest.mark.parametrize("first", [-1, 1])
@given(taken=steps)
@settings(max_examples=100, deadline=None)
def test_a_restart_at_every_step_changes_nothing(first: int, taken: list[Step]) -> None:
    calm, dying = (market("iceberg", seconds=3, first=first) for _ in range(2))
    for step in taken:
        document = json.loads(json.dumps(dying.document(), allow_nan=False))
        dying.executor = dying.make(dying.numbers)
        dying.executor.restore(document)
        calm.step(step)
        dying.step(step)
    assert repr(dying.sent) == repr(calm.sent)
    assert dying.document() == calm.document()


def test_every_state_can_be_left_but_for_new_targets() -> None:
    assert set(MOVES) == set(PairState)
    assert {state for states in MOVES.values() for state in states} == set(PairState)
