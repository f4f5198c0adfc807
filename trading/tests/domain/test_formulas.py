"""The leaf rules: hand-computed values, and the same from the compiled function as from the plain one."""

import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from marketdata.domain.instrument import FeeRates, MarginRates
from trading.domain import balance, fees, margin, matching, profit
from trading.domain.margin import MarginPriceType
from trading.domain.offsets import Offset, Side

NAN = math.nan
jit: Any = njit  # its stubs know the decorator form only


def test_commission_adds_both_terms() -> None:
    # 4016 x 10 x 2 = 80,320; 0.01 % of it is 8.032; 2 lots at 1 yuan
    assert fees.commission(4016.0, 2.0, 10.0, 0.0001, 1.0) == pytest.approx(10.032, abs=1e-12)


def test_every_offset_pays_its_own_pair() -> None:
    rates = FeeRates(1.0, 2.0, 3.0, 4.0, 5.0, 6.0)
    assert fees.fee_pair(rates, Offset.OPEN) == (1.0, 2.0)
    assert fees.fee_pair(rates, Offset.CLOSE) == (3.0, 4.0)
    assert fees.fee_pair(rates, Offset.FORCE_CLOSE) == (3.0, 4.0)
    assert fees.fee_pair(rates, Offset.CLOSE_YESTERDAY) == (3.0, 4.0)
    assert fees.fee_pair(rates, Offset.CLOSE_TODAY) == (5.0, 6.0)


def test_margin_adds_both_terms_and_sides_differ() -> None:
    rates = MarginRates(long_by_money=0.1, long_by_volume=5.0, short_by_money=0.12, short_by_volume=0.0)
    # 4000 x 10 x 3 = 120,000; 10 % and 3 lots at 5 yuan; 12 %
    assert margin.margin(4000.0, 3.0, 10.0, *margin.margin_pair(rates, Side.LONG)) == pytest.approx(12_015.0)
    assert margin.margin(4000.0, 3.0, 10.0, *margin.margin_pair(rates, Side.SHORT)) == pytest.approx(14_400.0)


@pytest.mark.parametrize(
    ("price_type", "expected"),
    [
        (MarginPriceType.PRE_SETTLEMENT, 1.0),
        (MarginPriceType.LAST, 2.0),
        (MarginPriceType.AVERAGE, 3.0),
        (MarginPriceType.OPEN, 4.0),
    ],
)
def test_margin_price_of_a_lot_of_today_is_the_brokers_choice(price_type: MarginPriceType, expected: float) -> None:
    assert margin.margin_price(True, price_type, 4.0, 2.0, 3.0, 1.0) == expected
    assert margin.margin_price(False, price_type, 4.0, 2.0, 3.0, 1.0) == 1.0, "older lots: previous settlement"
    assert margin.margin_price(True, price_type, 4.0, NAN, NAN, NAN) == 4.0, "unknown prices: the open price"


def test_larger_side_charges_one_side_only() -> None:
    assert margin.charged_margin(300.0, 200.0, True) == 300.0
    assert margin.charged_margin(300.0, 200.0, False) == 500.0


def test_profit_has_the_sign_of_the_side() -> None:
    assert profit.profit(Side.LONG, 4016.0, 4039.0, 2.0, 10.0) == 460.0
    assert profit.profit(Side.SHORT, 4016.0, 4039.0, 2.0, 10.0) == -460.0


def test_slippage_is_against_the_trader() -> None:
    assert matching.fill_price(4015.0, 1, 2.0, 0.5) == 4016.0
    assert matching.fill_price(4015.0, -1, 2.0, 0.5) == 4014.0
    assert matching.slippage_cost(3.0, 10.0, 2.0, 0.5) == 30.0


def test_balance_and_available() -> None:
    # 1000 + 200 - 50 + 30 + 40 + 5 - 7
    equity = balance.balance(1000.0, 200.0, 50.0, 30.0, 40.0, 5.0, 7.0)
    assert equity == 1218.0
    # less margin 300, frozen margin 20, frozen commission 3, frozen cash 1, withheld 70
    assert balance.available(equity, 300.0, 20.0, 3.0, 1.0, 70.0) == 824.0


@pytest.mark.parametrize(
    ("algorithm", "of_gain", "of_loss"),
    [
        (balance.ProfitAlgorithm.ALL, 0.0, 0.0),
        (balance.ProfitAlgorithm.LOSSES_ONLY, 30.0, 0.0),
        (balance.ProfitAlgorithm.GAINS_ONLY, 0.0, -30.0),
        (balance.ProfitAlgorithm.NONE, 30.0, -30.0),
    ],
)
def test_withheld_floating_profit(algorithm: int, of_gain: float, of_loss: float) -> None:
    assert balance.withheld_profit(30.0, 40.0, algorithm, True) == of_gain
    assert balance.withheld_profit(-30.0, 40.0, algorithm, True) == of_loss
    assert balance.withheld_profit(30.0, 40.0, algorithm, False) == of_gain + 40.0
    assert balance.withheld_profit(30.0, -40.0, algorithm, False) == of_gain, "a realised loss is gone in any case"


def test_risk_degree_guards_an_empty_account() -> None:
    assert balance.risk_degree(250.0, 1000.0) == 0.25
    assert balance.risk_degree(0.0, -5.0) == 0.0
    assert balance.risk_degree(250.0, 0.0) == math.inf


LEAVES: list[tuple[Callable[..., float], tuple[Any, ...]]] = [
    (fees.commission, (4016.0, 2.0, 10.0, 0.0001, 1.0)),
    (margin.margin, (4016.0, 2.0, 10.0, 0.1, 1.0)),
    (margin.margin_price, (True, 3, 4.0, 2.0, NAN, 1.0)),
    (margin.margin_price, (False, 4, 4.0, 2.0, 3.0, 1.0)),
    (margin.margin_price, (True, 1, 4.0, 2.0, 3.0, 1.5)),
    (margin.charged_margin, (300.0, 200.0, True)),
    (profit.profit, (-1, 4016.0, 4039.0, 2.0, 10.0)),
    (matching.fill_price, (4015.2, -1, 1.0, 0.2)),
    (matching.slippage_cost, (3.0, 10.0, 2.0, 0.2)),
    (balance.balance, (1000.0, 200.0, 50.0, 30.0, 40.0, 5.0, 7.0)),
    (balance.withheld_profit, (30.0, 40.0, 2, False)),
    (balance.available, (1218.0, 300.0, 20.0, 3.0, 1.0, 70.0)),
    (balance.risk_degree, (250.0, -1.0)),
]


@pytest.mark.parametrize(("leaf", "arguments"), LEAVES, ids=lambda value: getattr(value, "__name__", ""))
def test_numba_compiles_the_leaf_as_it_stands(leaf: Callable[..., float], arguments: tuple[Any, ...]) -> None:
    assert jit(leaf)(*arguments) == leaf(*arguments)


_compiled_commission = jit(fees.commission)
_price = st.floats(0.01, 1e6)
_rate = st.floats(0.0, 0.01)


@settings(max_examples=200, deadline=None)
@given(_price, st.integers(1, 10_000), st.sampled_from([1.0, 5.0, 10.0, 300.0, 1000.0]), _rate, st.floats(0.0, 100.0))
def test_compiled_commission_is_the_plain_one(
    price: float, volume: int, multiplier: float, by_money: float, by_volume: float
) -> None:
    plain = fees.commission(price, float(volume), multiplier, by_money, by_volume)
    assert _compiled_commission(price, float(volume), multiplier, by_money, by_volume) == pytest.approx(
        plain, rel=1e-14
    )
