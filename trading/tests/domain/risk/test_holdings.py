"""Concentration, margin stress, expiries and closed markets of what an account holds."""

import itertools
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketdata.domain.calendar import TradingCalendar
from marketdata.domain.instrument import MarginRates
from trading.domain.risk.bursts import programme_days
from trading.domain.risk.concentration import by_month, by_product
from trading.domain.risk.expiry import days_left, expiring
from trading.domain.risk.holdings import Holding, total_margin
from trading.domain.risk.resting import Resting, resting_closed
from trading.domain.risk.rules import RULES, Rule, Stage
from trading.domain.risk.standing import Measured, account_values, day_values, holding_values
from trading.domain.risk.stress import margin_stress
from trading.domain.risk.tail_risk import TailRisk
from trading.tests.domain.risk.cases import NAN, PRODUCT, RB, view

TENTH = MarginRates(0.1, 0.0, 0.1, 0.0)
HELD = Holding(RB, PRODUCT, 10, 0, 10.0, 3_300.0, 3_500.0, 3_100.0, 33_000.0, 0.0, TENTH, expires=date(2025, 1, 15))


def held(**given: Any) -> Holding:
    return replace(HELD, **given)


def test_values_of_a_holding() -> None:
    both = held(short=4)
    assert (both.net, both.exposure, both.value) == (6, 198_000.0, 462_000.0)
    assert held(long=2, short=5).exposure == -99_000.0
    assert held(long=0, last=NAN).value == held(long=0, last=NAN).exposure == 0.0


def test_shares_of_margin_by_product_and_by_month_of_the_last_day() -> None:
    rows = [
        held(),
        held(instrument="rb2505.SHFE", long_margin=11_000.0, expires=date(2025, 5, 15)),
        held(instrument="cu2501.SHFE", product="cu.SHFE", long_margin=0.0, short_margin=44_000.0),
        held(instrument="IF.CFFEX", product="IF.CFFEX", long_margin=9.0, short_margin=12_000.0, larger_side=True,
             expires=None),
        held(instrument="au.SHFE", product="au.SHFE", long_margin=0.0),
    ]  # fmt: skip
    assert by_product(rows) == [
        ("cu.SHFE", 44_000.0, 0.44),
        ("rb.SHFE", 44_000.0, 0.44),
        ("IF.CFFEX", 12_000.0, 0.12),
    ]
    assert by_month(rows) == [("2025-01", 77_000.0, 0.77), ("", 12_000.0, 0.12), ("2025-05", 11_000.0, 0.11)]
    assert by_product([]) == []


def test_a_long_and_a_short_position_at_their_limits_by_hand() -> None:
    short = held(instrument="cu2501.SHFE", long=0, short=2, multiplier=5.0, last=70_000.0, upper=75_000.0,
                 lower=65_000.0, long_margin=0.0, short_margin=70_000.0)  # fmt: skip
    found = margin_stress(120_000.0, [HELD, short])
    # rb loses 10 * 10 * 200 and is margined at 3,100; cu loses 2 * 5 * 5,000 and is margined at 75,000
    assert found.balance == 120_000.0 - 20_000.0 - 50_000.0
    assert found.margin == 31_000.0 + 75_000.0
    assert found.call == 56_000.0
    assert [(hit.holding.instrument, hit.price) for hit in found.hits] == [("cu2501.SHFE", 75_000.0), (RB, 3_100.0)]
    assert [hit.strain for hit in found.hits] == [55_000.0, 18_000.0]


def test_long_and_short_of_one_instrument_offset_each_other() -> None:
    found = margin_stress(100_000.0, [held(short=10, short_margin=33_000.0)])
    assert found.balance == 100_000.0
    assert found.hits[0].price == 3_500.0  # nothing is lost anywhere, but there the margin is higher
    assert found.margin == 70_000.0
    assert margin_stress(100_000.0, [held(short=10, short_margin=33_000.0, larger_side=True)]).margin == 35_000.0


def test_an_unknown_limit_is_named_and_keeps_its_margin() -> None:
    found = margin_stress(20_000.0, [held(lower=NAN), held(instrument="rb2505.SHFE", last=0.0)])
    assert found.unknown == (RB, "rb2505.SHFE")
    assert (found.balance, found.margin, found.call, found.hits) == (20_000.0, 66_000.0, 46_000.0, ())


def test_a_balance_that_suffices_gives_no_call() -> None:
    assert margin_stress(1e6, [HELD]).call == 0.0
    assert margin_stress(0.0, []).call == 0.0


HOLDINGS = st.lists(
    st.builds(
        held,
        instrument=st.uuids().map(str),
        long=st.integers(0, 20),
        short=st.integers(0, 20),
        last=st.floats(3_100, 3_500),
        larger_side=st.just(False),
    ),
    max_size=4,
)


@given(HOLDINGS, st.floats(-1e5, 1e7))
def test_the_stress_is_the_worst_of_every_choice_of_limits(rows: list[Holding], balance: float) -> None:
    calls = [0.0]
    for prices in itertools.product(*[(row.lower, row.upper) for row in rows]):
        need = sum((row.long + row.short) * price * 10 * 0.1 for row, price in zip(rows, prices, strict=True))
        won = sum((row.long - row.short) * 10 * (price - row.last) for row, price in zip(rows, prices, strict=True))
        calls.append(need - balance - won)
    assert margin_stress(balance, rows).call == pytest.approx(max(calls), abs=1e-6)


def test_groups_are_charged_their_larger_side_together() -> None:
    group = held(larger_side=True, margin_group="index")
    rows = [(group, 10.0, 0.0), (group, 0.0, 25.0), (held(larger_side=True), 5.0, 7.0), (HELD, 1.0, 2.0)]
    assert total_margin(rows) == 25.0 + 7.0 + 3.0


CALENDAR = TradingCalendar([date(2025, 1, 1)], date(2024, 12, 1), date(2025, 2, 28))


@pytest.mark.parametrize(
    ("day", "expires", "days"),
    [
        (date(2025, 1, 15), date(2025, 1, 15), 0),
        (date(2025, 1, 14), date(2025, 1, 15), 1),
        (date(2024, 12, 31), date(2025, 1, 3), 2),  # New Year's Day is none
        (date(2025, 1, 10), date(2025, 1, 13), 1),  # over a weekend
        (date(2025, 1, 16), date(2025, 1, 15), 0),
        (date(2025, 2, 27), date(2025, 12, 15), 1),  # the calendar knows no more
    ],
)
def test_trading_days_left(day: date, expires: date, days: int) -> None:
    assert days_left(CALENDAR, day, expires) == days


def test_what_expires_soonest_comes_first_and_what_is_not_held_does_not() -> None:
    rows = [
        held(instrument="rb2502.SHFE", expires=date(2025, 2, 17), short=1),
        HELD,
        held(instrument="rb2503.SHFE", long=0),
        held(instrument="rb88.SHFE", expires=None),
    ]
    found = expiring(rows, CALENDAR, date(2025, 1, 13))
    assert [(row.instrument, row.days, row.long, row.short) for row in found] == [
        (RB, 2, 10, 0),
        ("rb2502.SHFE", 25, 10, 1),
    ]


def test_orders_that_rest_while_it_is_closed() -> None:
    opens = {"a": 100, "b": 500, "c": 300}
    orders = [Resting(number, code, True, 1) for number, code in enumerate("abcb")]
    found = resting_closed(orders, lambda code: opens[code], 100)
    assert [(order.order_id, at) for order, at in found] == [(1, 500), (3, 500), (2, 300)]


def test_every_rule_that_is_watched_is_measured() -> None:
    measured: list[Measured] = [
        *account_values(view()),
        *holding_values([HELD], margin_stress(1.0, [HELD]), TailRisk(1.0, 2.0, 250, ())),
        *day_values(expiring([HELD], CALENDAR, date(2025, 1, 13)), [1, 2], programme_days([])),
    ]
    watched = {rule for rule, spec in RULES.items() if spec.stage != Stage.ORDER}
    assert watched - {row.rule for row in measured} == {Rule.BURSTS}  # nothing was sent
    assert [row.value for row in measured if row.rule == Rule.RESTING_CLOSED] == [2]
