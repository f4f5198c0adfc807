"""Spells under water against a walk through the days, one after the other."""

import math

import numpy as np
import pytest
from hypothesis import given, settings

from backtests.domain.statistics import standard
from backtests.domain.statistics_drawdown import Spell, Water, max_drawdown
from backtests.tests.domain.statistics_cases import equity_curves, result_of


def _spells(equity: list[float]) -> list[Spell]:
    """Every spell in the order of time; day n of the run is number ``n - 1``, the start is place 0."""
    path = [100.0, *equity]
    found, top, lowest = [], 0, 0
    for place in range(1, len(path)):
        if path[place] >= path[top]:
            if lowest:
                found.append(_spell(path, top, lowest, place))
            top, lowest = place, 0
        elif not lowest or path[place] / path[top] - 1 < path[lowest] / path[top] - 1:
            lowest = place
    return [*found, _spell(path, top, lowest, None)] if lowest else found


def _spell(path: list[float], top: int, lowest: int, back: int | None) -> Spell:
    return Spell(
        depth=path[lowest] / path[top] - 1,
        peak_day=top - 1 if top else None,
        trough_day=lowest - 1,
        recovery_day=None if back is None else back - 1,
        to_trough=lowest - top,
        to_recover=None if back is None else back - lowest,
        length=(len(path) - 1 if back is None else back) - top,
    )


@given(equity_curves())
@settings(max_examples=80, deadline=None)
def test_all_spells_and_the_five_worst(equity: list[float]) -> None:
    expected = _spells(equity)
    water = Water.of(np.array(equity), 100.0)
    assert water is not None
    every = water.worst(np.arange(len(equity), dtype=np.int32), count=len(equity))
    in_time = sorted(every, key=lambda spell: spell.trough_day)
    assert [spell.depth for spell in in_time] == pytest.approx([spell.depth for spell in expected], rel=1e-9)
    for spell, other in zip(in_time, expected, strict=True):
        if spell.trough_day == other.trough_day:  # days equal but for rounding may swap
            assert spell._replace(depth=0.0) == other._replace(depth=0.0)
    assert [spell.depth for spell in every] == sorted(spell.depth for spell in every)
    assert water.worst(np.arange(len(equity), dtype=np.int32)) == every[:5]


@given(equity_curves())
@settings(max_examples=80, deadline=None)
def test_the_deepest_in_the_block(equity: list[float]) -> None:
    figures = standard(result_of(equity), 100.0)
    path = [100.0, *equity]
    lost = [value - max(path[: place + 1]) for place, value in enumerate(path)]
    assert figures["max_drawdown_money"] == pytest.approx(min(lost), abs=1e-9)
    deepest = min(_spells(equity), key=lambda spell: spell.depth, default=None)
    if deepest is None:
        assert figures["max_drawdown"] == 0.0
        return
    assert figures["max_drawdown"] == pytest.approx(deepest.depth, rel=1e-9)
    days = [figures["max_drawdown_to_trough"], figures["max_drawdown_to_recover"]]
    rivals = [spell for spell in _spells(equity) if math.isclose(spell.depth, deepest.depth, rel_tol=1e-9)]
    assert days in [[spell.to_trough, spell.to_recover] for spell in rivals]


@pytest.mark.parametrize(("equity", "capital"), [([], 100.0), ([90.0], 0.0)])
def test_without_a_day_or_a_capital_there_is_none(equity: list[float], capital: float) -> None:
    assert Water.of(np.array(equity), capital) is None
    assert max_drawdown(np.array(equity), capital) is None


def test_a_run_that_only_rose_has_no_spell() -> None:
    water = Water.of(np.array([100.0, 101.0, 101.0]), 100.0)
    assert water is not None
    assert water.worst(np.arange(3, dtype=np.int32)) == []
    assert max_drawdown(np.array([100.0, 101.0]), 100.0) == 0.0
