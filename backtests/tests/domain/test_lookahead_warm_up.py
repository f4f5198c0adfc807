"""The warm-up detector: the smallest one that agrees, and a stated one that is too short."""

import pytest

from backtests.domain.engine import RunConfig
from backtests.domain.lookahead_warm_up import WarmUp, warm_ups
from backtests.tests.domain import cheats
from backtests.tests.domain.series import CODE, flat_costs
from backtests.tests.domain.walks import random_walk
from quantsite.common.errors import RuleError
from strategies import registry
from strategies.domain.forms import Form, own_forms
from strategies.domain.strategy import BaseStrategy

BARS = random_walk(3000, seed=21)
CONFIG = RunConfig(CODE, "1m", 1_000_000.0, 1.0, flat_costs())
LEGS, SETUP = [CONFIG.leg(BARS)], CONFIG.setup()
COLUMNS = [name for name in registry.names() if Form.TARGET in own_forms(registry.get(name))]


def check(cls: type[BaseStrategy], **values: object) -> WarmUp:
    (found,) = warm_ups(LEGS, lambda: cls(cls.Parameters.from_mapping(values)), SETUP)
    return found


def test_an_average_that_fades_needs_more_than_its_length() -> None:
    found = check(cheats.Ema, length=20, stated=20)
    assert found.short
    assert found.needed is not None
    assert 30 < found.needed < 400
    assert found.index is not None
    assert int(BARS.start[found.index]) == found.start
    assert {found.full, found.part} <= {"1", "-1", "0"}
    assert found.full != found.part
    assert "warm-up of 20 bars is too short" in found.sentence
    assert f"bar {found.index} (" in found.sentence
    assert f"{found.needed} bars agreed" in found.sentence

    enough = check(cheats.Ema, length=20, stated=400)
    assert not enough.short
    assert enough.needed == pytest.approx(found.needed, rel=0.5)
    assert "is long enough" in enough.sentence


@pytest.mark.parametrize(("cls", "needed"), [(cheats.LastChange, 2), (cheats.PlainAverage, 30)])
def test_the_smallest_that_agrees_is_exact_where_older_bars_leave(cls: type[BaseStrategy], needed: int) -> None:
    found = check(cls)
    assert (found.stated, found.needed, found.short) == (needed, needed, False)


def test_double_ma_needs_one_more_than_the_slow_average() -> None:
    (found,) = warm_ups(LEGS, lambda: registry.create("double_ma", {"fast": 5, "slow": 20}), SETUP)
    assert (found.method, found.stated, found.needed) == ("target_positions", 21, 21)


def test_one_bar_too_few_is_found_in_the_plain_form() -> None:
    found = check(cheats.ShortPlainAverage)
    assert (found.stated, found.needed, found.short) == (29, 30, True)
    assert found.part == "none"
    assert found.full.startswith("target")


def test_a_strategy_may_state_none_in_the_plain_form() -> None:
    found = check(cheats.SilentPlainAverage)
    assert (found.stated, found.needed, found.short) == (None, 30, False)
    assert "no warm-up is stated" in found.sentence


def test_what_never_fades_agrees_with_nothing() -> None:
    found = check(cheats.Longest)
    assert (found.needed, found.short) == (None, True)
    assert "long ago" in found.sentence


def test_orders_that_hang_on_fills_have_no_warm_up_and_flags_have() -> None:
    assert warm_ups(LEGS, lambda: cheats.Resting(cheats.NOTHING), SETUP) == []
    (flags,) = warm_ups(LEGS, lambda: cheats.FlagAhead(cheats.NOTHING), SETUP)
    assert flags.method == "flags"


def test_decisions_that_hang_on_fills_are_not_judged() -> None:
    assert warm_ups(LEGS, lambda: cheats.Stubborn(cheats.NOTHING), SETUP) == []
    assert warm_ups(LEGS, lambda: registry.create("turtle", {}), SETUP) == []


@pytest.mark.parametrize("name", COLUMNS)
def test_every_preset_states_enough(name: str) -> None:
    found = warm_ups(LEGS, lambda: registry.create(name, {}), SETUP)
    assert found
    for each in found:
        assert not each.short, each.sentence
        assert each.needed is not None
        assert each.stated is not None
        assert each.needed <= each.stated


def test_too_few_bars_for_a_long_warm_up_are_named() -> None:
    make = registry.create("double_ma", {"fast": 5, "slow": 60})
    with pytest.raises(RuleError, match="A warm-up of 61 bars takes at least 122 bars to check, there are 121"):
        warm_ups([CONFIG.leg(random_walk(121, seed=1))], lambda: make, SETUP)
    assert warm_ups([CONFIG.leg(random_walk(122, seed=1))], lambda: make, SETUP)
