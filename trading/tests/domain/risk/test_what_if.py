"""Margin and limits before and after an order that nobody has sent."""

import json

import pytest

from trading.domain.risk.limits import Limit
from trading.domain.risk.rules import Rule
from trading.domain.risk.what_if import filled_view, what_if
from trading.tests.domain.risk.cases import NAN, PRODUCT, RB, asked, limit

R = Rule
LIMITS: dict[Rule, Limit] = {
    rule: limit(rule, maximum)
    for rule, maximum in (
        (R.MARGIN, 500_000.0),
        (R.RISK_DEGREE, 0.5),
        (R.AVAILABLE, 70_000.0),
        (R.POSITION_INSTRUMENT, 100.0),
        (R.POSITION_PRODUCT, 80.0),
        (R.NOTIONAL, 4e6),
        (R.ORDERS_INSTRUMENT, 10.0),
        (R.ORDER_VOLUME, 40.0),
        (R.INSTRUMENTS, 0.0),
        (R.VALUE_AT_RISK, 1.0),
    )
}
LIMITS[R.INSTRUMENTS] = limit(R.INSTRUMENTS, 0.0, allowed=[PRODUCT])


def shares(**given: object) -> dict[Rule, tuple[float | None, float | None]]:
    found = what_if(asked(orders=4, **given), LIMITS, released=20_000.0)
    return {row.after.limit.rule: (row.before.share if row.before else None, row.after.share) for row in found.limits}


def test_an_opening_order_in_every_limit() -> None:
    assert shares() == {
        R.MARGIN: (pytest.approx(0.5), pytest.approx(0.6)),
        R.RISK_DEGREE: (pytest.approx(0.5), pytest.approx(0.3 / 0.9999 / 0.5)),
        R.AVAILABLE: (pytest.approx(70 / 750), pytest.approx(70_000 / 699_900)),
        R.POSITION_INSTRUMENT: (0.4, 0.5),
        R.POSITION_PRODUCT: (0.75, 0.875),
        R.NOTIONAL: (0.5, pytest.approx(2.33 / 4)),
        R.ORDERS_INSTRUMENT: (0.4, 0.5),
        R.ORDER_VOLUME: (None, 0.25),
    }


def test_a_closing_order_frees_margin_lots_and_value() -> None:
    assert shares(buying=False, opening=False, order_margin=0.0) == {
        R.MARGIN: (pytest.approx(0.5), pytest.approx(0.46)),
        R.RISK_DEGREE: (pytest.approx(0.5), pytest.approx(0.23 / 0.9999 / 0.5)),
        R.AVAILABLE: (pytest.approx(70 / 750), pytest.approx(70_000 / 769_900)),
        R.POSITION_INSTRUMENT: (0.4, 0.3),
        R.POSITION_PRODUCT: (0.75, 0.625),
        R.NOTIONAL: (0.5, pytest.approx(1.67 / 4)),
        R.ORDERS_INSTRUMENT: (0.4, 0.5),
    }


def test_the_reason_is_that_of_the_order_and_the_most_used_limit_comes_first() -> None:
    found = what_if(asked(volume=50), LIMITS)
    assert found.reason is not None
    assert found.reason.code == "max_order_volume"
    told = [row.after.share or 0.0 for row in found.limits]
    assert told == sorted(told, reverse=True)
    assert what_if(asked(), LIMITS).reason is None


def test_the_account_of_the_question_stays_as_it_is() -> None:
    case = asked()
    after = filled_view(case)
    assert case.view.long == {RB: 40}
    assert (after.long[RB], after.long_product[PRODUCT], after.short) == (50, 70, {RB: 5})
    assert (after.margin, after.available, after.balance) == (250_000.0, 699_900.0, 999_900.0)
    short = filled_view(asked(buying=False))
    assert (short.long[RB], short.short[RB], short.short_product[PRODUCT]) == (40, 15, 17)


def test_without_a_price_what_depends_on_it_is_not_known_and_is_plain_json_still() -> None:
    found = what_if(asked(price=NAN, type="market", last=NAN, pre_settlement=NAN), LIMITS)
    assert found.limits[0].after.limit.rule == R.NOTIONAL
    assert found.limits[0].after.share is None
    assert json.dumps([row.after.as_figures() for row in found.limits], allow_nan=False)
    assert found.reason is not None
    assert found.reason.code == "risk_check_failed"
