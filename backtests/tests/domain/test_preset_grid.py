"""The grid's orders, by hand and against a plain Python book of rungs."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backtests.tests.domain.preset_runs import Deal, deals
from marketdata.domain.bars import BarSeries
from strategies.domain.forms import Form
from strategies.tests.domain.bars import series, tick_bars

FORMS = pytest.mark.parametrize("form", [Form.EVENT, Form.PLAIN])


@FORMS
def test_a_buy_is_answered_by_a_sell_and_placed_anew(form: Form) -> None:
    bars = series(
        [
            (100, 100, 100, 100),  # the anchor
            (99, 99, 98, 99),  # reaches 98: bought there
            (99, 101, 97, 99),  # reaches neither 100 nor 102 nor 96 ... but 101 is above 100: the reply sells
            (99, 99, 98, 99),  # bought at 98 again
            (99, 99, 98, 99),  # the reply at 100 is not reached, and no second order lies at 98
        ]
    )
    found = deals("grid", {"levels": 2, "spacing": 2}, bars, form)
    assert found == [(1, 1, 98.0, 1.0), (2, -1, 100.0, 1.0), (3, 1, 98.0, 1.0)]


@FORMS
def test_one_bar_fills_every_price_that_it_reaches_but_no_reply_of_its_own(form: Form) -> None:
    bars = series([(100, 100, 100, 100), (100, 104, 96, 100), (100, 100, 100, 100), (100, 102, 98, 100)])
    found = deals("grid", {"levels": 2, "spacing": 2}, bars, form)
    assert found[:4] == [(1, 1, 98.0, 1.0), (1, -1, 102.0, 1.0), (1, 1, 96.0, 1.0), (1, -1, 104.0, 1.0)]
    # Replies: sell 100, buy 100, sell 98, buy 102; the open at 100 gives the last two the better price.
    assert found[4:8] == [(2, -1, 100.0, 1.0), (2, 1, 100.0, 1.0), (2, -1, 100.0, 1.0), (2, 1, 100.0, 1.0)]
    # All four are placed anew: the last bar reaches the inner two.
    assert found[8:] == [(3, 1, 98.0, 1.0), (3, -1, 102.0, 1.0)]


@FORMS
def test_an_anchor_may_be_given_and_comes_onto_the_grid(form: Form) -> None:
    bars = series([(100, 100, 100, 100), (100, 100, 100, 100), (100, 106, 100, 105), (105, 107, 105, 105)])
    assert deals("grid", {"levels": 1, "spacing": 3, "anchor": 104.2}, bars, form) == [
        (1, 1, 100.0, 1.0),  # the buy at 101 above the market: the better open
        (2, -1, 104.0, 1.0),  # its reply, three ticks above the order, not above the fill
        (3, -1, 107.0, 1.0),
    ]


def test_no_buy_at_a_price_of_nothing() -> None:
    bars = series([(5, 5, 5, 5), (5, 5, 1, 5)])
    assert deals("grid", {"levels": 3, "spacing": 2}, bars) == [(1, 1, 3.0, 1.0), (1, 1, 1.0, 1.0)]


def slow_grid(bars: BarSeries, levels: int, spacing: int) -> list[Deal]:
    """A list of orders (side, price, first bar); a filled one leaves its answer, the answer the order again."""
    found: list[Deal] = []
    book: list[tuple[int, float, int]] = []
    for at, bar in enumerate(bars.rows()):
        for order in list(book):
            side, price, first = order
            if at < first or not (bar.low <= price if side > 0 else bar.high >= price):
                continue
            got = min(price, bar.open) if side > 0 else max(price, bar.open)
            found.append((at, side, got, 1.0))
            book.remove(order)
            book.append((-side, price + side * spacing, at + 1))
        if at == 0:
            for level in range(1, levels + 1):
                book.append((1, bar.close - level * spacing, 1))
                book.append((-1, bar.close + level * spacing, 1))
    return found


@FORMS
@settings(deadline=None, max_examples=40)
@given(bars=tick_bars(least=1, most=80, swing=20), levels=st.integers(1, 6), spacing=st.integers(1, 8))
def test_fills_are_those_of_plain_python(form: Form, bars: BarSeries, levels: int, spacing: int) -> None:
    assert deals("grid", {"levels": levels, "spacing": spacing}, bars, form) == slow_grid(bars, levels, spacing)


@settings(deadline=None, max_examples=30)
@given(tick_bars(least=1, most=80, swing=30), st.integers(1, 4))
def test_the_position_is_never_more_than_its_levels(bars: BarSeries, levels: int) -> None:
    held = 0.0
    for _, side, _, volume in deals("grid", {"levels": levels, "spacing": 3}, bars):
        held += side * volume
        assert abs(held) <= levels
