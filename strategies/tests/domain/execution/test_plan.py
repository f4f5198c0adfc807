"""What an instance's ``execution`` may say, and what is told of what it may not."""

import json

import pytest

from quantsite.common.errors import RuleError
from strategies.domain.execution.plan import ChasePlan, IcebergPlan, MarketPlan, PairPlan, RollPlan, TwapPlan, parse

WHOLE = {
    "kind": "twap",
    "seconds": 120,
    "slices": 6,
    "randomise": 0.2,
    "pair": {"seconds": 3, "then": "undo", "first": 1},
    "roll": {"order": "open_first", "slice_lots": 2, "seconds": 8, "refused": "flat"},
}


def faults(document: object, legs: int | None = None) -> dict[str, str]:
    with pytest.raises(RuleError) as refused:
        parse(document, legs)
    assert refused.value.code == "invalid_execution"
    return refused.value.fields


def test_each_kind_with_its_defaults() -> None:
    assert parse({}).leg == MarketPlan() == parse({"kind": "market"}).leg
    assert parse({"kind": "chase"}).leg == ChasePlan(0, 2.0, 10, "market")
    assert parse({"kind": "twap"}).leg == TwapPlan(300.0, 10, 0.0)
    assert parse({"kind": "iceberg", "show": 5}).leg == IcebergPlan(5, 0.0, "own", 2.0)


def test_a_document_is_read_and_written_again() -> None:
    plan = parse(WHOLE, legs=2)
    assert plan.leg == TwapPlan(120.0, 6, 0.2)
    assert plan.pair == PairPlan(3.0, "undo", 1)
    assert plan.roll == RollPlan("open_first", 2, 8.0, "flat")
    assert parse(json.loads(json.dumps(plan.document())), legs=2) == plan


def test_sections_without_a_kind_go_to_the_market() -> None:
    plan = parse({"pair": {}}, legs=2)
    assert (plan.kind, plan.pair, plan.roll) == ("market", PairPlan(), RollPlan())


@pytest.mark.parametrize(
    ("document", "field", "words"),
    [
        ({"kind": "twaap"}, "kind", ("'twaap'", "Did you mean 'twap'?")),
        ({"seconds": 3}, "kind", ("needs a 'kind'",)),
        ({"kind": "twap", "slices": 0}, "slices", ("at least 1", "0")),
        ({"kind": "twap", "seconds": "soon"}, "seconds", ("number", "'soon'")),
        ({"kind": "twap", "slice": 3}, "slice", ("'slice'", "Did you mean 'slices'?")),
        ({"kind": "chase", "then": "wait"}, "then", ("market, stop", "'wait'")),
        ({"kind": "iceberg", "price": "mine"}, "price", ("own, opposite, limit", "'mine'")),
        ({"kind": "market", "pair": 5}, "pair", ("object", "5")),
        ({"kind": "market", "pair": {"first": 2}}, "pair.first", ("at most 1", "2")),
        ({"kind": "market", "roll": {"refused": "hold"}}, "roll.refused", ("undo, flat", "'hold'")),
        ("twap", "execution", ("object", "'twap'")),
    ],
)
def test_a_refused_input_is_named_with_its_value_and_the_fix(
    document: object, field: str, words: tuple[str, ...]
) -> None:
    told = faults(document)
    assert list(told) == [field]
    assert all(word in told[field] for word in words), told[field]


def test_every_fault_is_told_at_once() -> None:
    document = {"kind": "twap", "slices": 0, "pair": {"seconds": -1}, "roll": {"order": "x"}}
    assert set(faults(document)) == {"slices", "pair.seconds", "roll.order"}


@pytest.mark.parametrize("legs", [1, 3])
def test_a_pair_has_two_legs(legs: int) -> None:
    assert str(legs) in faults({"kind": "market", "pair": {}}, legs)["pair"]
