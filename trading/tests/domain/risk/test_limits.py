"""Which limit holds, against an independent search; and which limit cannot be set."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.domain.risk.limit_problems import limit_problem
from trading.domain.risk.limits import DEFAULT, Limit, effective, table_of
from trading.domain.risk.order_rules import order_reason
from trading.domain.risk.rules import RULES, Rule
from trading.domain.risk.scopes import PLATFORM, Scope, ScopeKind, scopes_of
from trading.tests.domain.risk.cases import asked

SCOPES = scopes_of(desk="main", account="A1", product="rb.SHFE", user="li", strategy="cta:1")
ELSEWHERE = [Scope(kind, f"not {key}") for kind, key in SCOPES if key]
SOME_RULES = [Rule.ORDER_VOLUME, Rule.CANCELS_INSTRUMENT, Rule.AVAILABLE]
LIMITS = st.lists(
    st.builds(
        Limit,
        rule=st.sampled_from(SOME_RULES),
        scope=st.sampled_from([*SCOPES, *ELSEWHERE]),
        maximum=st.none() | st.integers(0, 100).map(float),
    ),
    unique_by=lambda limit: (limit.rule, limit.scope),
)


def slow(limits: list[Limit], rule: Rule) -> Limit | None:
    """The limit that holds, found by sorting all that match by the width of their scope."""
    keys = {
        "platform": "", "desk": "main", "product": "rb.SHFE", "account": "A1",
        "account_product": "A1/rb.SHFE", "user": "li", "strategy": "cta:1",
    }  # fmt: skip
    fits = [each for each in limits if each.rule == rule and keys[each.scope.kind.value] == each.scope.key]
    fits.sort(key=lambda limit: list(keys).index(limit.scope.kind.value))
    if fits:
        return fits[-1] if fits[-1].maximum is not None else None
    default = RULES[rule].default
    return None if default is None else Limit(rule, DEFAULT, default)


@given(LIMITS)
def test_the_narrowest_scope_wins(limits: list[Limit]) -> None:
    found = effective(table_of(limits), SCOPES)
    for rule in SOME_RULES:
        assert found.get(rule) == slow(limits, rule)


@pytest.mark.parametrize("narrower", range(len(SCOPES) - 1))
def test_of_two_neighbours_the_narrower_one_refuses_or_lets_pass(narrower: int) -> None:
    near, far = SCOPES[narrower], SCOPES[narrower + 1]
    for mine, others, refused in ((9.0, 100.0, True), (100.0, 9.0, False), (None, 9.0, False)):
        table = table_of([Limit(Rule.ORDER_VOLUME, near, mine), Limit(Rule.ORDER_VOLUME, far, others)])
        assert (order_reason(asked(), effective(table, SCOPES)) is not None) is refused


def test_defaults_hold_where_nothing_is_set() -> None:
    assert {rule: limit.maximum for rule, limit in effective({}, SCOPES).items()} == {
        Rule.CANCELS_INSTRUMENT: 470,
        Rule.LARGE_CANCELS: 45,
        Rule.SELF_TRADE: 0,
        Rule.BURSTS: 9,
    }


SOUND: list[tuple[Rule, float | None, dict[str, Any]]] = [
    (Rule.ORDER_VOLUME, 10, {}),
    (Rule.ORDER_VOLUME, 0, {}),
    (Rule.ORDER_VOLUME, None, {}),
    (Rule.RISK_DEGREE, 0.75, {}),
    (Rule.LARGE_CANCELS, 45, {"volume": 300}),
    (Rule.DUPLICATES, 3, {"seconds": 0.5}),
    (Rule.INSTRUMENTS, 0, {"allowed": ["rb.SHFE"]}),
    (Rule.DIRECTIONS, 0, {"allowed": ["buy", "sell"]}),
    (Rule.VALUE_AT_RISK, 1e5, {"confidence": 0.99, "days": 250}),
]
UNSOUND: list[tuple[Rule, float | None, dict[str, Any], str]] = [
    (Rule.ORDER_VOLUME, -1, {}, "not -1"),
    (Rule.ORDER_VOLUME, float("nan"), {}, "not nan"),
    (Rule.MARGIN, float("inf"), {}, "not inf"),
    (Rule.ORDER_VOLUME, 1.5, {}, "no whole number"),
    (Rule.ORDER_VOLUME, 1, {"volume": 3}, "no detail 'volume'"),
    (Rule.DUPLICATES, 1, {"second": 3}, "Did you mean 'seconds'?"),
    (Rule.DUPLICATES, 1, {"seconds": 61}, "from 0.001 to 60, not 61"),
    (Rule.DUPLICATES, 1, {"seconds": "1"}, "not '1'"),
    (Rule.LARGE_CANCELS, 1, {"volume": True}, "not True"),
    (Rule.VALUE_AT_RISK, 1, {"confidence": 99}, "from 0.5 to 0.9999"),
    (Rule.INSTRUMENTS, 0, {"allowed": "rb.SHFE"}, "must be a list"),
    (Rule.INSTRUMENTS, 0, {"allowed": [5]}, "must be a list"),
    (Rule.DIRECTIONS, 0, {"allowed": ["long"]}, "'long' is none of buy, sell"),
]


@pytest.mark.parametrize(("rule", "maximum", "params"), SOUND)
def test_a_sound_limit(rule: Rule, maximum: float | None, params: dict[str, Any]) -> None:
    assert limit_problem(Limit(rule, PLATFORM, maximum, params=params)) == ""


@pytest.mark.parametrize(("rule", "maximum", "params", "told"), UNSOUND)
def test_an_unsound_limit_is_named(rule: Rule, maximum: float | None, params: dict[str, Any], told: str) -> None:
    assert told in limit_problem(Limit(rule, PLATFORM, maximum, params=params))


def test_a_scope_needs_its_key_and_the_platform_has_none() -> None:
    assert "needs its key" in limit_problem(Limit(Rule.MARGIN, Scope(ScopeKind.DESK, ""), 1))
    assert "has no key" in limit_problem(Limit(Rule.MARGIN, Scope(ScopeKind.PLATFORM, "x"), 1))
