"""The look-ahead detector: cheats are found with the bar and the values, honest strategies are not suspected."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backtests.domain.engine import RunConfig, run
from backtests.domain.legs import Leg
from backtests.domain.lookahead import FaultKind, LookAhead, look_ahead
from backtests.domain.lookahead_market import changed_after
from backtests.tests.domain import cheats
from backtests.tests.domain.series import CODE, flat_costs
from backtests.tests.domain.walks import random_walk
from quantsite.common.errors import RuleError
from quantsite.common.numbers import on_grid_array
from strategies import registry
from strategies.domain.forms import Form
from strategies.domain.strategy import BaseStrategy

BARS = random_walk(1500, seed=11)
CONFIG = RunConfig(CODE, "1m", 1_000_000.0, 1.0, flat_costs(1.0))
SETUP = CONFIG.setup()
LEGS = [CONFIG.leg(BARS)]
OTHER = random_walk(1500, seed=12)
PAIR = [*LEGS, Leg("hc88.SHFE", OTHER.take(OTHER.start % 7 != 0), flat_costs(1.0))]


SHORT = {"momentum_portfolio": {"length": 60}}
"""Parameters where the defaults would decide little on so few bars."""


def check(cls: type[BaseStrategy], **options: int) -> LookAhead:
    return look_ahead(LEGS[: cls.legs], lambda: cls(cls.Parameters()), SETUP, **options)


@pytest.mark.parametrize(
    "cls", [cheats.NextClose, cheats.FullMean, cheats.CentredAverage, cheats.DayHigh, cheats.FlagAhead]
)
def test_cheats_are_found(cls: type[BaseStrategy]) -> None:
    found = check(cls)
    (fault,) = found.faults
    assert fault.kind in {FaultKind.TRUNCATED, FaultKind.CHANGED}
    assert fault.form == found.forms[0]
    assert fault.full != fault.part
    assert fault.cut is not None
    assert fault.start < fault.cut, "a decision of before the cut has changed"
    assert int(BARS.start[fault.index]) == fault.start
    assert "looks ahead" in fault.sentence
    for word in (f"bar {fault.index} (", fault.full, fault.part):
        assert word in fault.sentence


def test_the_next_close_is_named_by_bar_and_values() -> None:
    """It holds still on the last bar that it is given: the one before the cut."""
    (fault,) = check(cheats.NextClose).faults
    follows = float(np.sign(BARS.close[fault.index + 1] - BARS.close[fault.index]))
    assert (fault.what, fault.full, fault.part) == (f"target_positions[{fault.index}]", f"{follows:g}", "0")
    assert fault.cut == int(BARS.start[fault.index + 1])


def test_a_cheat_makes_money_where_nobody_can() -> None:
    """That these strategies are worth finding: on a random walk the honest one loses, the cheat does not."""
    cheat, honest = (run(BARS, cls(cheats.NOTHING), CONFIG) for cls in (cheats.CentredAverage, cheats.LastChange))
    assert run(BARS, cheats.NextClose(cheats.NOTHING), CONFIG).net_profit > 5_000 > honest.net_profit
    assert cheat.net_profit != honest.net_profit


@pytest.mark.parametrize("cls", [cheats.Dice, cheats.WholeRunResting])
def test_what_differs_from_run_to_run_is_found(cls: type[BaseStrategy]) -> None:
    cheats.WholeRunResting.lowest.clear()
    (fault,) = check(cls).faults
    assert (fault.kind, fault.cut) == (FaultKind.REPEATED, None)
    assert "another result on the same bars" in fault.sentence


@pytest.mark.parametrize(
    "cls",
    [cheats.LastChange, cheats.Resting, cheats.SeededDice, cheats.PlainAverage, cheats.Ema, cheats.Longest],
)
def test_the_honest_are_not_suspected(cls: type[BaseStrategy]) -> None:
    found = check(cls, cuts=15)
    assert found.faults == ()
    assert all(len(cuts) > 8 for cuts in found.cuts.values())
    result = run(BARS, cls(cls.Parameters()), CONFIG)
    assert len(result.fills) > 10, "there was something to compare"


@pytest.mark.parametrize("name", [name for name in registry.library_names() if registry.forms(name)])
def test_every_preset_is_honest_in_all_its_forms(name: str) -> None:
    legs = PAIR[: registry.legs(name) or 2]
    values = SHORT.get(name, {})
    found = look_ahead(legs, lambda: registry.create(name, values), SETUP, cuts=5)
    assert found.faults == ()
    assert found.forms


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 20), st.integers(1, 30), st.integers(0, 10**6))
def test_no_parameters_make_double_ma_suspect(fast: int, more: int, seed: int) -> None:
    bars = random_walk(200, seed=seed)
    parameters = {"fast": fast, "slow": fast + more}
    legs = [CONFIG.leg(bars)]
    found = look_ahead(legs, lambda: registry.create("double_ma", parameters), SETUP, cuts=3, seed=seed)
    assert found.faults == ()


def test_the_seed_chooses_the_cuts() -> None:
    assert check(cheats.LastChange, seed=1) == check(cheats.LastChange, seed=1)
    assert check(cheats.LastChange, seed=1).cuts != check(cheats.LastChange, seed=2).cuts
    assert check(cheats.LastChange).forms == (Form.TARGET,)


def test_the_other_future_begins_at_the_cut_and_is_bars() -> None:
    bars = random_walk(300, seed=3, price_tick=0.2)
    changed = changed_after(bars, 120)
    for name in ("open", "high", "low", "close", "volume"):
        assert getattr(changed, name)[:120].tolist() == getattr(bars, name)[:120].tolist()
    assert (changed.close[120:] != bars.close[120:]).mean() > 0.9
    assert (changed.low <= np.minimum(changed.open, changed.close)).all()
    assert (changed.high >= np.maximum(changed.open, changed.close)).all()
    assert on_grid_array(changed.close, 0.2).all()
    assert changed.close.min() > 0
    assert changed.start.tolist() == bars.start.tolist()


def test_a_cheat_on_two_legs_is_found() -> None:
    found = look_ahead(PAIR, lambda: cheats.PairAhead(cheats.NOTHING), SETUP)
    (fault,) = found.faults
    assert (fault.kind, fault.form) == (FaultKind.REPEATED, Form.PLAIN)
    assert "leg 1" in fault.full + fault.part


def test_refusals_name_what_is_missing() -> None:
    few = [CONFIG.leg(random_walk(19, seed=1))]
    with pytest.raises(RuleError, match="There are 19 bars: at least 20"):
        look_ahead(few, lambda: cheats.LastChange(cheats.NOTHING), SETUP)
    with pytest.raises(RuleError, match="cuts must be at least 1, not 0"):
        check(cheats.LastChange, cuts=0)
    with pytest.raises(RuleError, match="spread trades 2 instruments at a time, not 1") as refusal:
        look_ahead(LEGS, lambda: registry.create("spread", {}), SETUP)
    assert refusal.value.code == "wrong_legs"
