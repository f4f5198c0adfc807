"""The plan to close positions: order, slices and prices."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.domain.risk.figures import Quote
from trading.domain.risk.flatten import FlattenTerms, Liquidity, flatten_plan, slice_price, slice_volume
from trading.domain.risk.holdings import Holding

TERMS = FlattenTerms(part=0.1, collar=0.01, seconds=6.0, most=50)


def held(code: str, product: str, **given: Any) -> Holding:
    return Holding(code, product, multiplier=10.0, **{"long": 0, "short": 0, **given})


def test_what_frees_most_margin_a_minute_goes_first() -> None:
    rows = [
        held("slow1", "slow", long=100, long_margin=1e6),
        held("fast1", "fast", long=100, long_margin=3e5),
        held("fast2", "fast", short=10, short_margin=2e5),
        held("dark1", "dark", long=5, long_margin=9e6),
    ]
    liquid = {"slow1": Liquidity(10.0), "fast1": Liquidity(1_000.0), "fast2": Liquidity(1_000.0)}
    plan = flatten_plan(rows, liquid, TERMS)
    # minutes: slow 100 / 1, fast1 100 / 100, fast2 10 / 100; nobody knows the dark market
    assert [(step.instrument, step.side, step.minutes) for step in plan] == [
        ("fast2", "short", 0.1),
        ("fast1", "long", 1.0),
        ("slow1", "long", 100.0),
        ("dark1", "long", math.inf),
    ]


@pytest.mark.parametrize(
    ("lots", "market", "size"),
    [
        (100, Liquidity(1_000.0), 10),  # a tenth of 100 lots in six seconds
        (7, Liquidity(1_000.0), 7),
        (1_000, Liquidity(1e6), 50),
        (1_000, Liquidity(1e6, 30), 30),
        (1_000, Liquidity(1.0), 1),
        (1_000, Liquidity(), 1),
    ],
)
def test_slices_keep_to_a_part_of_the_market(lots: int, market: Liquidity, size: int) -> None:
    (step,) = flatten_plan([held("rb2501", "rb", long=lots)], {"rb2501": market}, TERMS)
    assert (step.volume, step.slice, step.collar) == (lots, size, 0.01)


def test_a_step_is_stored_with_nothing_done() -> None:
    (step,) = flatten_plan([held("rb2501", "rb", short=3, short_margin=5.0)], {}, TERMS)
    assert step.as_row() == {
        "instrument": "rb2501", "product": "rb", "side": "short", "volume": 3, "slice": 1, "collar": 0.01,
        "margin": 5.0, "minutes": None, "done": 0,
    }  # fmt: skip


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50), st.floats(0, 1e6), st.floats(0, 1e4)), max_size=6))
def test_every_lot_is_in_the_plan_once(drawn: list[tuple[int, int, float, float]]) -> None:
    rows = [
        held(f"i{number}", f"p{number % 2}", long=long, short=short, long_margin=margin, short_margin=margin)
        for number, (long, short, margin, _) in enumerate(drawn)
    ]
    plan = flatten_plan(rows, {f"i{number}": Liquidity(pace) for number, (*_, pace) in enumerate(drawn)})
    wanted = {(row.instrument, side): lots for row in rows for side, lots in (("long", row.long), ("short", row.short))}
    assert {(step.instrument, step.side): step.volume for step in plan} == {key: n for key, n in wanted.items() if n}
    assert len(plan) == sum(lots > 0 for lots in wanted.values())
    assert all(1 <= step.slice <= step.volume for step in plan)
    products = [step.product for step in plan]
    assert products == sorted(products, key=products.index)  # one product after the other


QUOTE = Quote(last=3_300.0, pre_settlement=3_280.0, upper=3_340.0, lower=3_260.0)


@pytest.mark.parametrize(
    ("buying", "collar", "quote", "price"),
    [
        (True, 0.01, QUOTE, 3_333.0),
        (False, 0.01, QUOTE, 3_267.0),
        (True, 0.0001, QUOTE, 3_300.0),
        (True, 0.05, QUOTE, 3_340.0),
        (False, 0.05, QUOTE, 3_260.0),
        (True, 0.05, Quote(last=3_300.0), 3_465.0),
        (False, 0.01, Quote(pre_settlement=3_280.0), 3_247.0),
    ],
)
def test_a_slice_goes_to_the_collar_and_never_beyond_the_price_limits(
    buying: bool, collar: float, quote: Quote, price: float
) -> None:
    assert slice_price(buying, quote, collar, 1.0) == price


def test_without_a_price_there_is_no_limit_to_send() -> None:
    assert math.isnan(slice_price(True, Quote(), 0.01, 1.0))


@pytest.mark.parametrize(("left", "working", "lots"), [(25, 0, 10), (4, 0, 4), (25, 10, 0), (0, 0, 0), (-1, 0, 0)])
def test_one_slice_at_a_time(left: int, working: int, lots: int) -> None:
    assert slice_volume(left, working, 10) == lots
