"""Whatever an exchange answers, and however late: never more than wanted, and in the end what is wanted."""

import json
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strategies.domain.execution.executor import AlgoExecutor
from strategies.domain.execution.plan import parse
from strategies.domain.hosting.executor import Executor, Numbers
from strategies.domain.hosting.terms import LegTerms
from strategies.tests.domain.execution.wild import Step, Wild, steps

LEGS = (LegTerms("a.SHFE", 1.0, 10), LegTerms("b.SHFE", 1.0, 10))
PLANS = {
    "market": {"kind": "market"},
    "chase": {"kind": "chase", "reprice_seconds": 1, "max_ticks": 3},
    "chase_stop": {"kind": "chase", "offset_ticks": 1, "max_ticks": 2, "then": "stop"},
    "twap": {"kind": "twap", "seconds": 20, "slices": 4, "randomise": 0.5},
    "iceberg": {"kind": "iceberg", "show": 3, "peak_random": 0.5},
    "iceberg_limit": {"kind": "iceberg", "show": 2, "price": "limit"},
    "iceberg_opposite": {"kind": "iceberg", "show": 2, "price": "opposite"},
}
every_plan = pytest.mark.parametrize("name", PLANS)


def wild(name: str, *, standing: bool = False) -> Wild:
    plan = parse(PLANS[name])

    def make(numbers: Numbers) -> Executor:
        return AlgoExecutor(plan, LEGS[:1], numbers, seed=3, standing=standing)

    return Wild(make)


@every_plan
@given(taken=steps)
@settings(max_examples=150, deadline=None)
def test_at_work_and_filled_never_exceed_what_is_wanted(name: str, taken: list[Step]) -> None:
    market = wild(name)
    for step in taken:
        market.step(step)
        market.check()


@pytest.mark.parametrize("name", ["market", "chase", "twap", "iceberg", "iceberg_opposite"])
@given(taken=steps, target=st.integers(-10, 10))
@settings(max_examples=100, deadline=None)
def test_a_target_is_reached_once_the_market_is_calm(name: str, taken: list[Step], target: int) -> None:
    market = wild(name)
    for step in taken:
        market.step(step)
    market.step(("night", 0, 0))  # what was given up is forgiven with the day
    market.calm(1)
    market.step(("want", target + 10, 0))
    market.calm(120)
    assert market.held == [target]
    assert not market.live
    assert market.executor.goal(0) is None


@every_plan
@given(taken=steps, cut=st.integers(0, 60))
@settings(max_examples=100, deadline=None)
def test_a_restart_anywhere_changes_nothing(name: str, taken: list[Step], cut: int) -> None:
    undisturbed, killed = wild(name), wild(name)
    for number, step in enumerate(taken):
        if number == cut:
            document = json.loads(json.dumps(killed.document(), allow_nan=False))
            killed.executor = killed.make(killed.numbers)
            killed.executor.restore(document)
            assert killed.document() == document
        undisturbed.step(step)
        killed.step(step)
    assert repr(killed.sent) == repr(undisturbed.sent)
    assert killed.document() == undisturbed.document()


@given(taken=steps)
@settings(max_examples=100, deadline=None)
def test_a_standing_target_pulls_again_what_somebody_else_took(taken: list[Step]) -> None:
    market = wild("market", standing=True)
    market.step(("tick", 10, 0))
    market.step(("want", 13, 0))
    market.calm(3)
    assert market.held == [3]
    market.held[0] -= 2  # an order of the strategy's own
    market.calm(3)
    assert market.held == [3]


def test_numbers_come_from_the_hosts_sequence() -> None:
    counter = count(70)
    executor = AlgoExecutor(parse(PLANS["market"]), LEGS[:1], lambda: next(counter))
    market = Wild(lambda _numbers: executor)
    market.step(("want", 12, 0))
    market.step(("tick", 10, 0))
    assert [one.number for one in market.sent] == [70]
