"""Each rule that is asked before an order: what passes, what just passes, what is refused and why."""

import math
from typing import Any

import pytest

from trading.domain.risk.limits import effective, table_of
from trading.domain.risk.measures import MEASURES
from trading.domain.risk.order_rules import judged, order_reason, price_limit_reason, rule_reason
from trading.domain.risk.rules import RULES, Rule, Stage
from trading.tests.domain.risk.cases import NAN, RB, asked, limit

R = Rule
PASS, EDGE, REFUSED = "pass", "edge", "refused"

# rule, limit, its params, what differs from the usual order, the outcome, the value that the text names
CASES: list[tuple[Rule, float, dict[str, Any], dict[str, Any], str, str]] = [
    (R.ORDER_VOLUME, 20, {}, {}, PASS, ""),
    (R.ORDER_VOLUME, 10, {}, {}, EDGE, ""),
    (R.ORDER_VOLUME, 9, {}, {}, REFUSED, "for 10 lots"),
    (R.ORDER_NOTIONAL, 400_000, {}, {}, PASS, ""),
    (R.ORDER_NOTIONAL, 330_000, {}, {}, EDGE, ""),
    (R.ORDER_NOTIONAL, 329_999, {}, {}, REFUSED, "330,000 yuan"),
    (R.ORDER_NOTIONAL, 329_999, {}, {"type": "market", "price": NAN}, REFUSED, "330,000 yuan"),
    (R.ORDER_NOTIONAL, 330_000, {}, {"type": "stop", "price": NAN, "stop_price": 3_400.0}, REFUSED, "340,000 yuan"),
    (R.PRICE_COLLAR, 0.02, {}, {"price": 3_350.0}, PASS, ""),
    (R.PRICE_COLLAR, 0.02, {}, {"price": 3_366.0}, EDGE, ""),
    (R.PRICE_COLLAR, 0.02, {}, {"price": 3_234.0}, EDGE, ""),
    (R.PRICE_COLLAR, 0.02, {}, {"price": 3_367.0}, REFUSED, "by 2.0303 % of it"),
    (R.PRICE_COLLAR, 0.02, {}, {"price": 3_233.0}, REFUSED, "by 2.0303 % of it"),
    (R.PRICE_COLLAR, 0.02, {}, {"type": "market", "price": NAN}, REFUSED, "by 6.36364 % of it"),
    (R.PRICE_COLLAR, 0.02, {}, {"type": "market", "price": NAN, "buying": False}, REFUSED, "by 7.57576 % of it"),
    (R.PRICE_COLLAR, 0.02, {}, {"type": "best", "price": NAN}, PASS, ""),
    (R.PRICE_COLLAR, 0.02, {}, {"last": NAN, "price": 3_345.0}, PASS, ""),
    (R.PRICE_COLLAR, 0.02, {}, {"last": NAN, "price": 3_350.0}, REFUSED, "by 2.13415 % of it"),
    (R.SETTLEMENT_COLLAR, 0.05, {}, {"price": 3_444.0}, EDGE, ""),
    (R.SETTLEMENT_COLLAR, 0.05, {}, {"price": 3_445.0}, REFUSED, "by 5.03049 % of it"),
    (R.SETTLEMENT_COLLAR, 0.05, {}, {}, PASS, ""),
    (R.POSITION_INSTRUMENT, 60, {}, {}, PASS, ""),
    (R.POSITION_INSTRUMENT, 50, {}, {}, EDGE, ""),
    (R.POSITION_INSTRUMENT, 49, {}, {}, REFUSED, "rb2501.SHFE would be 50 lots"),
    (R.POSITION_INSTRUMENT, 15, {}, {"buying": False}, EDGE, ""),
    (R.POSITION_INSTRUMENT, 14, {}, {"buying": False}, REFUSED, "15 lots"),
    (R.POSITION_INSTRUMENT, 10, {}, {"instrument": "rb2505.SHFE"}, EDGE, ""),
    (R.POSITION_PRODUCT, 80, {}, {}, PASS, ""),
    (R.POSITION_PRODUCT, 70, {}, {}, EDGE, ""),
    (R.POSITION_PRODUCT, 69, {}, {}, REFUSED, "all of rb.SHFE would be 70 lots"),
    (R.POSITION_PRODUCT, 16, {}, {"buying": False}, REFUSED, "17 lots"),
    (R.NOTIONAL, 3e6, {}, {}, PASS, ""),
    (R.NOTIONAL, 2_330_000, {}, {}, EDGE, ""),
    (R.NOTIONAL, 2_329_999, {}, {}, REFUSED, "2,330,000 yuan"),
    (R.MARGIN, 400_000, {}, {}, PASS, ""),
    (R.MARGIN, 300_000, {}, {}, EDGE, ""),
    (R.MARGIN, 299_999.5, {}, {}, REFUSED, "300,000 yuan"),
    (R.AVAILABLE, 100_000, {}, {}, PASS, ""),
    (R.AVAILABLE, 699_900, {}, {}, EDGE, ""),
    (R.AVAILABLE, 699_901, {}, {}, REFUSED, "699,900 yuan"),
    (R.ORDER_RATE, 3, {}, {"sent": [0.5, 0.9, 1.5]}, EDGE, ""),
    (R.ORDER_RATE, 3, {}, {"sent": [0.5]}, PASS, ""),
    (R.ORDER_RATE, 3, {}, {"sent": [0.0, 0.5, 0.999]}, REFUSED, "order number 4"),
    (R.ORDER_RATE, 3, {}, {"sent": [0.0, 0.5, 1.0]}, EDGE, ""),
    (R.ORDERS_INSTRUMENT, 100, {}, {"orders": 5}, PASS, ""),
    (R.ORDERS_INSTRUMENT, 100, {}, {"orders": 99}, EDGE, ""),
    (R.ORDERS_INSTRUMENT, 100, {}, {"orders": 100}, REFUSED, "order number 101 of the day in rb2501.SHFE"),
    (R.CANCELS_INSTRUMENT, 470, {}, {"cancels": 10}, PASS, ""),
    (R.CANCELS_INSTRUMENT, 470, {}, {"cancels": 469}, EDGE, ""),
    (R.CANCELS_INSTRUMENT, 470, {}, {"cancels": 470}, REFUSED, "number 471 of the day in rb2501.SHFE"),
    (R.CANCELS_INSTRUMENT, 470, {}, {"cancels": 470, "type": "fak"}, PASS, ""),
    (R.LARGE_CANCELS, 45, {"volume": 300}, {"large_cancels": 45}, PASS, ""),
    (R.LARGE_CANCELS, 45, {"volume": 300}, {"large_cancels": 44, "volume": 300}, EDGE, ""),
    (R.LARGE_CANCELS, 45, {"volume": 300}, {"large_cancels": 45, "volume": 300}, REFUSED, "cancel number 46"),
    (R.LARGE_CANCELS, 45, {"volume": 300}, {"large_cancels": 45, "volume": 300, "type": "fok"}, PASS, ""),
    (R.DUPLICATES, 2, {"seconds": 2.0}, {}, PASS, ""),
    (R.DUPLICATES, 2, {"seconds": 2.0}, {"sent": [1.9]}, EDGE, ""),
    (R.DUPLICATES, 2, {"seconds": 2.0}, {"sent": [1.9, 0.1]}, REFUSED, "sent 3 times"),
    (R.DUPLICATES, 2, {"seconds": 1.0}, {"sent": [1.9, 0.1]}, EDGE, ""),
    (R.INSTRUMENTS, 0, {"allowed": [RB]}, {}, EDGE, ""),
    (R.INSTRUMENTS, 0, {"allowed": ["cu.SHFE", "rb.SHFE"]}, {}, PASS, ""),
    (R.INSTRUMENTS, 0, {"allowed": ["cu.SHFE", "rb2505.SHFE"]}, {}, REFUSED, "rb2501.SHFE is not on the list"),
    (R.INSTRUMENTS, 5, {"allowed": []}, {}, REFUSED, "not on the list"),
    (R.DIRECTIONS, 0, {"allowed": ["buy", "sell"]}, {}, PASS, ""),
    (R.DIRECTIONS, 0, {"allowed": ["sell"]}, {"buying": False}, EDGE, ""),
    (R.DIRECTIONS, 0, {"allowed": ["sell"]}, {}, REFUSED, "direction buy"),
    (R.RISK_DEGREE, 0.5, {}, {"order_commission": 0.0}, PASS, ""),
    (R.RISK_DEGREE, 0.3, {}, {"order_commission": 0.0}, EDGE, ""),
    (R.RISK_DEGREE, 0.29, {}, {"order_commission": 0.0}, REFUSED, "would be 30 % of"),
    (R.RISK_DEGREE, 0.9, {}, {"balance": 0.0}, REFUSED, "would be ∞ of"),
    (R.RISK_DEGREE, 0.9, {}, {"balance": -5.0}, REFUSED, "would be ∞ of"),
    (R.DAILY_LOSS, 6_000, {}, {}, PASS, ""),
    (R.DAILY_LOSS, 6_000, {}, {"day_profit": -5_900.0}, EDGE, ""),
    (R.DAILY_LOSS, 6_000, {}, {"day_profit": -5_900.5}, REFUSED, "6,000.50 yuan"),
    (R.DRAWDOWN, 0.1, {}, {}, PASS, ""),
    (R.DRAWDOWN, 0.1, {}, {"drawdown": 0.1}, EDGE, ""),
    (R.DRAWDOWN, 0.1, {}, {"drawdown": 0.11}, REFUSED, "11 % of its peak"),
]


@pytest.mark.parametrize(("rule", "maximum", "params", "given", "outcome", "told"), CASES)
def test_a_rule_passes_its_edge_and_refuses_beyond_it(
    rule: Rule, maximum: float, params: dict[str, Any], given: dict[str, Any], outcome: str, told: str
) -> None:
    ours = limit(rule, maximum, **params)
    reason = order_reason(asked(**given), {rule: ours})
    assert rule_reason(rule, asked(**given), ours) == reason
    if outcome != REFUSED:
        assert reason is None
        return
    assert reason is not None
    assert reason.code == rule.value
    assert told in reason.text
    assert "from desk main" in reason.text


def test_every_rule_before_an_order_has_all_three_cases() -> None:
    asked_before = {rule for rule, spec in RULES.items() if spec.stage != Stage.AFTER} - {Rule.SELF_TRADE}
    assert set(MEASURES) == asked_before
    assert {(rule, outcome) for rule, *_rest, outcome, _told in CASES} == {
        (rule, outcome) for rule in asked_before for outcome in (PASS, EDGE, REFUSED)
    }


def test_the_text_names_rule_limit_origin_value_and_who_can_help() -> None:
    reason = order_reason(asked(order_commission=0.0), {Rule.RISK_DEGREE: limit(Rule.RISK_DEGREE, 0.02)})
    assert reason is not None
    assert reason.text == (
        "With this order the risk degree would be 30 % of the balance. The limit is 2 % from desk main; "
        "a risk officer can propose a looser one, which a second person must approve."
    )


def test_a_limit_that_nobody_set_says_so() -> None:
    reason = order_reason(asked(cancels=470), effective(table_of([]), []))
    assert reason is not None
    assert "The limit is 470, the default of the rule;" in reason.text


@pytest.mark.parametrize("name", ["balance", "available", "margin", "frozen_margin", "day_profit", "notional"])
@pytest.mark.parametrize("figure", [math.nan, math.inf, -math.inf])
def test_without_sound_figures_nothing_is_opened_even_without_limits(name: str, figure: float) -> None:
    reason = order_reason(asked(**{name: figure}), {})
    assert reason is not None
    assert reason.code == "risk_check_failed"
    assert name in reason.text


def test_a_limit_whose_figure_is_missing_refuses() -> None:
    collar = {Rule.PRICE_COLLAR: limit(Rule.PRICE_COLLAR, 0.02)}
    reason = order_reason(asked(last=NAN, pre_settlement=NAN), collar)
    assert reason is not None
    assert reason.code == "risk_check_failed"
    assert "price_collar" in reason.text


@pytest.mark.parametrize("opening", [True, False])
@pytest.mark.parametrize(("price", "refused"), [(3_510.0, False), (3_511.0, True), (3_050.0, False), (3_049.0, True)])
def test_the_price_limits_of_the_exchange_hold_for_every_order(price: float, refused: bool, opening: bool) -> None:
    reason = order_reason(asked(price=price, opening=opening), {})
    assert (reason is not None) is refused
    if reason is not None:
        assert reason.code == "outside_price_limits"
        assert "3050 to 3510" in reason.text


@pytest.mark.parametrize(("price", "refused"), [(3_510.2 + 1e-10, False), (3_510.2 + 1e-6, True)])
def test_binary_dust_of_a_price_is_within_the_limits(price: float, refused: bool) -> None:
    case = asked(price=price, upper=3_510.2, price_tick=0.2)
    assert (price_limit_reason(case.order, case.quote) is not None) is refused
    below = asked(price=3_050.2 - (price - 3_510.2), lower=3_050.2, price_tick=0.2)
    assert (price_limit_reason(below.order, below.quote) is not None) is refused


def test_unknown_price_limits_refuse_nothing() -> None:
    case = asked(price=9_999.0, upper=NAN, lower=NAN)
    assert price_limit_reason(case.order, case.quote) is None


def test_limits_that_come_near_are_told() -> None:
    limits = {
        Rule.ORDER_VOLUME: limit(Rule.ORDER_VOLUME, 16),
        Rule.POSITION_INSTRUMENT: limit(Rule.POSITION_INSTRUMENT, 62),
        Rule.MARGIN: limit(Rule.MARGIN, 310_000),
        Rule.NOTIONAL: limit(Rule.NOTIONAL, 1e9),
        Rule.AVAILABLE: limit(Rule.AVAILABLE, 600_000),
    }
    judgement = judged(asked(), limits)
    assert judgement.reason is None
    told = {finding.rule: (finding.level, finding.subject) for finding in judgement.findings}
    assert told == {
        Rule.ORDER_VOLUME: (0.6, ""),
        Rule.POSITION_INSTRUMENT: (0.8, RB),
        Rule.MARGIN: (0.95, ""),
        Rule.AVAILABLE: (0.8, ""),
    }
    assert str(judgement.findings[1].text) == "With this order the position in rb2501.SHFE would be 50 lots."


def test_a_broken_limit_is_among_the_findings() -> None:
    judgement = judged(asked(), {Rule.MARGIN: limit(Rule.MARGIN, 100_000)})
    assert [(finding.level, finding.share, finding.broken) for finding in judgement.findings] == [(1.0, 3.0, True)]
