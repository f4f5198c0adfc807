"""Which changes of a limit need a second person."""

from dataclasses import replace
from typing import Any

import pytest

from trading.domain.risk.limits import Limit, table_of
from trading.domain.risk.loosening import loosens, looser
from trading.domain.risk.rules import BreachAction, Rule
from trading.domain.risk.scopes import PLATFORM, Scope, ScopeKind

MAIN, OTHER = Scope(ScopeKind.DESK, "main"), Scope(ScopeKind.DESK, "other")
ACCOUNT, PRODUCT = Scope(ScopeKind.ACCOUNT, "A1"), Scope(ScopeKind.PRODUCT, "rb.SHFE")
OF_ACCOUNT = (MAIN, PLATFORM)
VOLUME, CANCELS = Rule.ORDER_VOLUME, Rule.CANCELS_INSTRUMENT


def at(scope: Scope, maximum: float | None, rule: Rule = VOLUME, **given: Any) -> Limit:
    return Limit(rule, scope, maximum, **given)


@pytest.mark.parametrize(
    ("rule", "before", "after", "expected"),
    [
        (VOLUME, 10, 11, True),
        (VOLUME, 10, 10, False),
        (VOLUME, 10, 9, False),
        (VOLUME, 10, None, True),
        (VOLUME, None, 10, False),
        (VOLUME, None, None, False),
        (VOLUME, 10, float("nan"), True),
        (Rule.AVAILABLE, 1e5, 9e4, True),
        (Rule.AVAILABLE, 1e5, 2e5, False),
        (Rule.AVAILABLE, 1e5, 1e5, False),
        (Rule.EXPIRY, 5, 4, True),
        (Rule.EXPIRY, 5, 6, False),
        (Rule.INSTRUMENTS, 0, 7, False),
    ],
)
def test_a_number(rule: Rule, before: float | None, after: float | None, expected: bool) -> None:
    assert looser(at(MAIN, before, rule), at(MAIN, after, rule)) is expected


@pytest.mark.parametrize("before", BreachAction)
@pytest.mark.parametrize("after", BreachAction)
def test_an_action(before: BreachAction, after: BreachAction) -> None:
    order = ["warn", "no_opening", "cancel", "flatten"]
    expected = order.index(after) < order.index(before)
    assert looser(at(MAIN, 1, action=before), at(MAIN, 1, action=after)) is expected


@pytest.mark.parametrize(
    ("rule", "before", "after", "expected"),
    [
        (Rule.LARGE_CANCELS, {"volume": 300}, {"volume": 301}, True),
        (Rule.LARGE_CANCELS, {"volume": 300}, {"volume": 200}, False),
        (Rule.LARGE_CANCELS, {}, {"volume": 300}, False),
        (Rule.LARGE_CANCELS, {"volume": 200}, {}, True),
        (Rule.DUPLICATES, {"seconds": 2}, {"seconds": 1}, True),
        (Rule.DUPLICATES, {"seconds": 2}, {"seconds": 3}, False),
        (Rule.BURSTS, {"per_second": 10}, {"per_second": 11}, True),
        (Rule.VALUE_AT_RISK, {"confidence": 0.99}, {"confidence": 0.95}, True),
        (Rule.VALUE_AT_RISK, {"confidence": 0.95}, {"confidence": 0.99}, False),
        (Rule.VALUE_AT_RISK, {"days": 250}, {"days": 500}, True),
        (Rule.INSTRUMENTS, {"allowed": ["rb.SHFE"]}, {"allowed": ["rb.SHFE", "cu.SHFE"]}, True),
        (Rule.INSTRUMENTS, {"allowed": ["rb.SHFE", "cu.SHFE"]}, {"allowed": ["cu.SHFE"]}, False),
        (Rule.DIRECTIONS, {"allowed": ["buy", "sell"]}, {"allowed": ["sell", "buy"]}, False),
        (Rule.DIRECTIONS, {"allowed": ["buy"]}, {"allowed": ["sell"]}, True),
        (VOLUME, {}, {"unheard": 1}, True),
    ],
)
def test_details_and_lists(rule: Rule, before: dict[str, Any], after: dict[str, Any], expected: bool) -> None:
    assert looser(at(MAIN, 1, rule, params=before), at(MAIN, 1, rule, params=after)) is expected


# limits that stand, scope of the change, what comes (None: taken away), scopes known around it, whether it loosens
INHERITED: list[tuple[list[Limit], Limit | Scope, tuple[Scope, ...], bool]] = [
    ([], at(ACCOUNT, 10), OF_ACCOUNT, False),  # nothing held before
    ([at(MAIN, 20)], at(ACCOUNT, 10), OF_ACCOUNT, False),
    ([at(MAIN, 20)], at(ACCOUNT, 30), OF_ACCOUNT, True),
    ([at(OTHER, 20)], at(ACCOUNT, 30), OF_ACCOUNT, False),  # another desk's
    ([at(Scope(ScopeKind.ACCOUNT, "A2"), 20)], at(ACCOUNT, 30), OF_ACCOUNT, False),  # another account's
    ([at(MAIN, 50), at(PLATFORM, 20)], at(ACCOUNT, 30), OF_ACCOUNT, False),  # the desk hides the platform
    ([at(PLATFORM, 20)], at(ACCOUNT, 30), OF_ACCOUNT, True),
    ([at(PLATFORM, 20)], at(ACCOUNT, 30), (), True),
    ([at(MAIN, 50), at(PRODUCT, 20)], at(ACCOUNT, 30), OF_ACCOUNT, True),  # orders of that product were at 20
    ([at(MAIN, 20)], at(PRODUCT, 30), (), True),  # any desk's limit is hidden by the product's
    ([at(MAIN, 50)], at(PRODUCT, 30), (), False),
    ([at(MAIN, 20), at(PLATFORM, 50)], at(PRODUCT, 30), (PLATFORM,), True),
    ([at(ACCOUNT, 10), at(MAIN, 20)], ACCOUNT, OF_ACCOUNT, True),
    ([at(ACCOUNT, 30), at(MAIN, 20)], ACCOUNT, OF_ACCOUNT, False),
    ([at(ACCOUNT, 30)], ACCOUNT, OF_ACCOUNT, True),
    ([at(ACCOUNT, None), at(MAIN, 20)], ACCOUNT, OF_ACCOUNT, False),  # it lifted the desk's
    ([at(MAIN, 20)], at(ACCOUNT, None), OF_ACCOUNT, True),
    ([at(ACCOUNT, 10), at(MAIN, 5)], at(ACCOUNT, 9), OF_ACCOUNT, False),  # its own before and after
    ([at(ACCOUNT, 10), at(MAIN, 50)], at(ACCOUNT, 11), OF_ACCOUNT, True),
    ([], ACCOUNT, OF_ACCOUNT, False),  # nothing to take away
    ([], at(PLATFORM, 10), (), False),
    ([at(PLATFORM, 10)], at(PLATFORM, 11), (), True),
    ([at(PLATFORM, 10)], PLATFORM, (), True),
    ([], at(MAIN, 480, CANCELS), (PLATFORM,), True),  # the default is 470
    ([], at(MAIN, 400, CANCELS), (PLATFORM,), False),
    ([], at(PLATFORM, 480, CANCELS), (), True),
    ([at(PLATFORM, 400, CANCELS)], PLATFORM, (), True),
    ([at(PLATFORM, 480, CANCELS)], PLATFORM, (), False),
    ([at(MAIN, 480, CANCELS)], MAIN, (PLATFORM,), False),
]


@pytest.mark.parametrize(("standing", "change", "wider", "expected"), INHERITED)
def test_what_is_inherited_counts(
    standing: list[Limit], change: Limit | Scope, wider: tuple[Scope, ...], expected: bool
) -> None:
    rule = standing[0].rule if standing else VOLUME
    if isinstance(change, Limit):
        assert loosens(table_of(standing), change.scope, change.rule, change, wider) is expected
    else:
        assert loosens(table_of(standing), change, rule, None, wider) is expected


def test_a_tighter_number_with_a_milder_action_loosens() -> None:
    before = at(MAIN, 10, Rule.RISK_DEGREE, action=BreachAction.FLATTEN)
    assert looser(before, replace(before, maximum=9, action=BreachAction.WARN))
