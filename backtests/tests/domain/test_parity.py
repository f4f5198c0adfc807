"""Every preset on recorded days, bars alone against bars that decide with ticks that fill: docs/parity.md."""

from pathlib import Path

import pytest

from backtests.domain.parity import Roads
from benchmarks.parity import SERIES, VALUES, roads_of
from marketdata.tests.domain.recorded import DATA, needs_data

pytestmark = [needs_data, pytest.mark.real_data]

APPLE, RUBBER = SERIES["AP010, one day"], SERIES["ru1901, two days"]
BY_TARGETS = ("double_ma", "macd", "bollinger", "rsi", "spread")
"""Presets that decide by prices alone, and reach each target with one order."""


def decided(roads: Roads) -> None:
    """Bar for bar the same decisions, and some at all."""
    assert roads.decided_bars == roads.same_decisions > 0


@pytest.mark.parametrize("name", BY_TARGETS)
def test_presets_of_targets_decide_and_order_the_same_bar_for_bar(name: str) -> None:
    roads = roads_of(name, APPLE, DATA)
    decided(roads)
    ours = {(step.start, step.leg): (step.ordered, step.filled) for step in roads.steps[0]}
    theirs = {(step.start, step.leg): (step.ordered, step.filled) for step in roads.steps[1]}
    assert len(ours) == roads.same_orders > 0
    assert {key: theirs[key] for key in ours} == ours
    # What the last bar decides has no next bar; on ticks it is sent and waits for the market to go on.
    last = max(decision.start for decision in roads.decisions[1])
    assert all(start == last and theirs[start, leg][1] == 0 for start, leg in theirs.keys() - ours.keys())


def test_what_a_fill_costs_more_on_ticks_is_the_spread_of_the_book() -> None:
    paid = roads_of("spread", APPLE, DATA).paid_ticks
    assert len(paid) > 100
    assert 0 < sum(paid) / len(paid) < 1.5
    assert max(paid) <= 5


@pytest.mark.parametrize("name", ["grid", "dual_thrust"])
def test_presets_of_resting_orders_place_the_same_ones(name: str) -> None:
    roads = roads_of(name, RUBBER, DATA)
    decided(roads)
    on_bars, on_ticks = (len(fills) for fills in roads.fills)
    assert on_bars > 0
    assert on_bars * 0.8 <= on_ticks <= on_bars * 1.5


def test_turtle_decides_the_same_until_a_fill_at_another_price_sets_them_apart() -> None:
    decided(roads_of("turtle", APPLE, DATA))
    roads = roads_of("turtle", RUBBER, DATA)
    ours, theirs = roads.decisions
    same = next(number for number, pair in enumerate(zip(ours, theirs, strict=False)) if pair[0] != pair[1])
    first = min(ours[same].start, theirs[same].start)
    steps = [pair for pair in zip(*roads.steps, strict=False) if pair[0].start < first]
    assert any(before.price != after.price for before, after in steps)
    assert roads.same_decisions > 0.85 * roads.decided_bars


def test_the_document_has_a_line_of_every_preset() -> None:
    text = (Path(__file__).parents[3] / "docs" / "parity.md").read_text(encoding="utf-8")
    for name in VALUES:
        for title in SERIES:
            assert f"\n| {name} | {title} | " in text
