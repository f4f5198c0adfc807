"""How much of a limit is used, and that a level is told once."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.domain.risk.figures import DayCounts
from trading.domain.risk.levels import GAP, LevelMemory, usages
from trading.domain.risk.rules import Rule
from trading.domain.risk.shares import MOST, breaks, level_of, share_of
from trading.domain.risk.standing import Measured, account_values, count_values, position_values
from trading.tests.domain.risk.cases import PRODUCT, RB, limit, view

DEGREE, FUNDS, DAYS = Rule.RISK_DEGREE, Rule.AVAILABLE, Rule.EXPIRY


@pytest.mark.parametrize(
    ("rule", "maximum", "value", "share", "broken"),
    [
        (DEGREE, 0.8, 0.4, 0.5, False),
        (DEGREE, 0.8, 0.8, 1.0, False),
        (DEGREE, 0.8, 0.88, 1.1, True),
        (DEGREE, 0.8, -1.0, 0.0, False),
        (DEGREE, 0.0, 0.0, 0.0, False),
        (DEGREE, 0.0, 0.1, MOST, True),
        (DEGREE, 0.8, math.inf, MOST, True),
        (DEGREE, 0.8, math.nan, MOST, True),
        (DEGREE, math.nan, 0.1, MOST, True),
        (FUNDS, 1e5, 1e6, 0.1, False),
        (FUNDS, 1e5, 1e5, 1.0, False),
        (FUNDS, 1e5, 8e4, 1.25, True),
        (FUNDS, 1e5, 0.0, MOST, True),
        (FUNDS, 1e5, -5.0, MOST, True),
        (FUNDS, 0.0, 0.0, 0.0, False),
        (FUNDS, 0.0, -1.0, MOST, True),
        (FUNDS, 1e5, math.nan, MOST, True),
        (DAYS, 5, 8, 0.625, False),
        (DAYS, 5, 0, MOST, True),
        (Rule.PRICE_COLLAR, 0.02, (3_366.0 - 3_300.0) / 3_300.0, 1.0, False),  # a sum of floats just above
        (Rule.MARGIN, 1e8, 1e8 + 0.05, 1.0, False),  # as far as sums of such money may be off
        (Rule.MARGIN, 1e8, 1e8 + 0.2, 1.0, True),
        (Rule.MARGIN, 1e-3, 1e-3 + 2e-9, 1.000002, True),
    ],
)
def test_the_share_of_a_limit(rule: Rule, maximum: float, value: float, share: float, broken: bool) -> None:
    ours = limit(rule, maximum)
    assert share_of(value, ours) == pytest.approx(share)
    assert breaks(value, ours) is broken
    assert (share_of(value, ours) > 1.0) is broken


@given(
    st.sampled_from([DEGREE, FUNDS]),
    st.floats(1e-6, 1e9) | st.sampled_from([0.0, math.nan]),
    st.floats() | st.just(0.5),
)
def test_a_share_and_a_break_tell_the_same_and_a_quiet_value_is_near_nothing(
    rule: Rule, maximum: float, value: float
) -> None:
    ours = limit(rule, maximum)
    assert (share_of(value, ours) > 1.0) is breaks(value, ours)
    assert 0.0 <= share_of(value, ours) <= MOST
    if ours.is_quiet(value):
        assert level_of(share_of(value, ours)) == 0.0


@pytest.mark.parametrize(
    ("share", "level"), [(0.0, 0), (0.59, 0), (0.6, 0.6), (0.8, 0.8), (0.95, 0.95), (1.0, 0.95), (1.01, 1)]
)
def test_levels(share: float, level: float) -> None:
    assert level_of(share) == level


@pytest.mark.parametrize(
    ("rule", "maximum", "value", "level"),
    [
        (Rule.ORDER_VOLUME, 10, 5, 0.0),
        (Rule.ORDER_VOLUME, 10, 6, 0.6),
        (Rule.ORDER_VOLUME, 10, 8, 0.8),
        (Rule.ORDER_VOLUME, 20, 19, 0.95),
        (Rule.ORDER_VOLUME, 10, 10, 0.95),
        (Rule.ORDER_VOLUME, 10, 11, 1.0),
        (Rule.MARGIN, 1e6, 6e5, 0.6),
        (Rule.MARGIN, 1e6, 6e5 - 0.01, 0.0),
        (Rule.MARGIN, 1e6, 6e5 - 1e-5, 0.6),  # dust of floats
        (Rule.MARGIN, 0.7, 0.7 * 0.6, 0.6),
        (Rule.MARGIN, 0.0, 0.0, 0.0),
        (Rule.RISK_DEGREE, 0.9, 0.54, 0.6),
        (Rule.RISK_DEGREE, 0.3, 0.3 * 0.8, 0.8),
        (Rule.CANCELS_INSTRUMENT, 470, 282, 0.6),
        (Rule.CANCELS_INSTRUMENT, 470, 281, 0.0),
        (FUNDS, 6e4, 1e5, 0.6),  # of a floor the limit divided by the value
        (FUNDS, 6e4, 1e5 + 0.01, 0.0),
        (FUNDS, 8e4, 1e5, 0.8),
        (FUNDS, 0.0, 1.0, 0.0),
        (DAYS, 3, 5, 0.6),
        (DAYS, 3, 6, 0.0),
    ],
)
def test_a_warning_level_is_reached_at_the_share_itself(rule: Rule, maximum: float, value: float, level: float) -> None:
    ours = limit(rule, maximum)
    assert level_of(share_of(value, ours)) == level
    assert ours.is_quiet(value) is (level == 0.0)


def risen(memory: LevelMemory, *degrees: float) -> list[float]:
    """The levels that are told while the risk degree moves so, of a limit of 1."""
    limits = {DEGREE: limit(DEGREE, 1.0)}
    told = []
    for degree in degrees:
        told += [finding.level for finding in memory.risen(usages([Measured(DEGREE, degree)], limits))]
    return told


def test_each_level_is_told_once_on_the_way_up() -> None:
    assert risen(LevelMemory(), 0.5, 0.6, 0.61, 0.79, 0.8, 0.95, 1.0, 1.2, 1.3) == [0.6, 0.8, 0.95, 1.0]
    assert risen(LevelMemory(), 1.5) == [1.0]


def test_a_figure_around_a_level_does_not_flutter() -> None:
    assert risen(LevelMemory(), *[0.81, 0.79, 0.8, 0.775] * 20) == [0.8]
    assert risen(LevelMemory(), *[1.01, 0.99] * 20) == [1.0]


def test_a_level_is_told_again_after_a_clear_fall() -> None:
    assert risen(LevelMemory(), 0.81, 0.8 - GAP - 0.001, 0.81) == [0.8, 0.8]
    assert risen(LevelMemory(), 1.1, 0.2, 0.7, 1.1) == [1.0, 0.6, 1.0]


@given(st.lists(st.floats(0, 2), max_size=40))
def test_what_is_told_is_reached_and_only_rises_until_a_clear_fall(shares: list[float]) -> None:
    memory, before, low = LevelMemory(), 0.0, 0.0
    for share in shares:
        low = min(low, share)
        told = risen(memory, share)
        assert told in ([], [level_of(share)])
        if told:
            assert told[0] > before or low < before - GAP or before >= 1.0 > low + GAP - 1e-12
            before, low = told[0], share


def test_an_unknown_value_breaks_nothing_and_stands_first() -> None:
    limits = {DEGREE: limit(DEGREE, 0.5), FUNDS: limit(FUNDS, 1e5)}
    rows = usages([Measured(DEGREE, 0.6), Measured(FUNDS, math.nan)], limits)
    assert [(row.limit.rule, row.share, row.broken) for row in rows] == [(FUNDS, None, False), (DEGREE, 1.2, True)]
    memory = LevelMemory()
    assert [finding.rule for finding in memory.risen(rows)] == [DEGREE]
    assert memory.broken() == [(DEGREE, "")]
    memory.forget_all_but([])
    assert memory.broken() == []


def test_the_figures_of_a_limit_are_plain_json() -> None:
    rows = usages(
        [Measured(DEGREE, math.inf), Measured(FUNDS, 2e5)], {DEGREE: limit(DEGREE, 0.5), FUNDS: limit(FUNDS, 1e5)}
    )
    told = json.loads(json.dumps([row.as_figures() for row in rows], allow_nan=False))
    assert told[0] == {
        "rule": "max_risk_degree", "scope_kind": "desk", "scope_key": "main", "subject": "", "used": None,
        "maximum": 0.5, "share": 1000.0, "unit": "fraction", "floor": False, "action": "warn",
    }  # fmt: skip
    assert (told[1]["used"], told[1]["share"], told[1]["floor"]) == (2e5, 0.5, True)


def test_the_standing_values_of_an_account() -> None:
    account = view(day_profit=-700.0, long={RB: 40, "rb2505.SHFE": 3}, short={RB: 45})
    assert {measured.rule: measured.value for measured in account_values(account)} == {
        Rule.NOTIONAL: 2e6,
        Rule.MARGIN: 250_000.0,
        Rule.AVAILABLE: 750_000.0,
        Rule.RISK_DEGREE: 0.25,
        Rule.DAILY_LOSS: 700.0,
        Rule.DRAWDOWN: 0.01,
    }
    assert set(position_values(account)) == {
        (Rule.POSITION_INSTRUMENT, 45, RB),
        (Rule.POSITION_INSTRUMENT, 3, "rb2505.SHFE"),
        (Rule.POSITION_PRODUCT, 60, PRODUCT),
    }
    assert [row.value for row in count_values({RB: DayCounts(3, 2, 1)})] == [3, 2, 1]
    assert math.isnan(dict(row[:2] for row in account_values(view(day_profit=math.nan)))[Rule.DAILY_LOSS])
