"""Adjusted series: by hand, and what must hold for any rolls."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketdata.domain.adjust import ADJUSTED_SERIES, Splice, adjusted, aligned, factors, offsets
from marketdata.domain.bars import BarSeries
from quantsite.common.errors import RuleError

DAYS = np.array([1, 1, 2, 2, 3, 3, 4], dtype=np.int32)
"""A roll on day 2 from a contract at 100 to one at 110, on day 4 from 120 to 90."""
SPLICES = [Splice(4, 120.0, 90.0), Splice(2, 100.0, 110.0)]


def series(days: np.ndarray, close: np.ndarray) -> BarSeries:
    """Bars whose high and low lie one beside the close."""
    money = np.full(len(days), 5.0)
    start = np.arange(len(days), dtype=np.int64)
    return BarSeries("x88.SHFE", "1h", start, days, close, close + 1, close - 1, close, money, money, money)


def test_by_difference_the_newest_or_the_oldest_stays() -> None:
    assert offsets(DAYS, SPLICES, "888").tolist() == [-20, -20, -30, -30, -30, -30, 0]
    assert offsets(DAYS, SPLICES, "889").tolist() == [0, 0, -10, -10, -10, -10, 20]


def test_by_ratio_the_newest_or_the_oldest_stays() -> None:
    np.testing.assert_allclose(factors(DAYS, SPLICES, "888r"), [1.1 * 0.75] * 2 + [0.75] * 4 + [1.0], rtol=1e-15)
    np.testing.assert_allclose(
        factors(DAYS, SPLICES, "889r"), [1.0] * 2 + [1 / 1.1] * 4 + [1 / (1.1 * 0.75)], rtol=1e-15
    )


def test_a_flat_market_is_flat_after_adjustment() -> None:
    """Each contract stands still; only the rolls move the raw series."""
    raw = series(DAYS, np.array([100.0, 100, 110, 110, 110, 110, 80]))
    splices = [Splice(2, 100.0, 110.0), Splice(4, 110.0, 80.0)]
    levels = {"888": 80.0, "889": 100.0, "888r": 80.0, "889r": 100.0}
    for name, level in levels.items():
        smooth = adjusted(raw, splices, name, f"x{name}.SHFE")
        np.testing.assert_allclose(smooth.close, level, rtol=1e-12)
        assert smooth.instrument == f"x{name}.SHFE"
        assert smooth.volume.tolist() == raw.volume.tolist()


def test_888_counts_closes_and_889_the_opens_where_they_are_known() -> None:
    known = [Splice(2, 100.0, 110.0, old_open=101.0, new_open=113.0)]
    assert offsets(DAYS, known, "888")[0] == 10.0
    assert offsets(DAYS, known, "889")[-1] == -12.0
    half = [Splice(2, 100.0, 110.0, old_open=101.0)]
    assert offsets(DAYS, half, "889")[-1] == -10.0


def test_rolls_outside_the_bars_change_nothing() -> None:
    outside = [Splice(0, 1.0, 2.0), Splice(1, 1.0, 2.0), Splice(5, 1.0, 2.0)]
    for name in ("888", "889"):
        assert not offsets(DAYS, outside, name).any()
    assert factors(DAYS, outside, "889r").tolist() == [1.0] * 7
    assert offsets(DAYS[:0], SPLICES, "889").tolist() == []


def test_another_form_is_refused() -> None:
    with pytest.raises(RuleError) as caught:
        adjusted(series(DAYS, np.ones(7)), SPLICES, "99", "x99.SHFE")
    assert caught.value.code == "unknown_series"
    assert "888r" in caught.value.text


PRICE = st.floats(min_value=10, max_value=1e5)
ROLLS = st.lists(
    st.tuples(st.integers(min_value=0, max_value=40), PRICE, PRICE), max_size=6, unique_by=lambda roll: roll[0]
)


@given(rolls=ROLLS, lengths=st.lists(st.integers(min_value=1, max_value=3), min_size=1, max_size=40))
def test_any_rolls(rolls: list, lengths: list) -> None:
    days = np.repeat(np.arange(len(lengths)), lengths).astype(np.int32)
    splices = [Splice(day, old, new) for day, old, new in rolls]
    raw = series(days, np.linspace(1_000, 2_000, len(days)))
    forms = {name: adjusted(raw, splices, name, "y.SHFE") for name in ADJUSTED_SERIES}
    assert forms["889"].close[0] == forms["889r"].close[0] == raw.close[0], "the oldest stays"
    assert forms["888"].close[-1] == forms["888r"].close[-1] == raw.close[-1], "the newest stays"
    between = forms["889"].close - forms["888"].close
    np.testing.assert_allclose(between, between[0], atol=1e-6)
    quotient = forms["889r"].close / forms["888r"].close
    np.testing.assert_allclose(quotient, quotient[0], rtol=1e-9)


@given(rolls=ROLLS, cut=st.integers(min_value=1, max_value=39))
def test_what_was_seen_of_889_never_changes(rolls: list, cut: int) -> None:
    """A cut at any bar gives the beginning of the whole: no roll that comes later shows."""
    days = np.arange(40, dtype=np.int32)
    splices = [Splice(day, old, new) for day, old, new in rolls]
    raw = series(days, np.linspace(1_000, 2_000, 40))
    for name in ("889", "889r"):
        whole = adjusted(raw, splices, name, "y.SHFE")
        begun = adjusted(raw.take(slice(0, cut)), splices, name, "y.SHFE")
        assert begun.close.tolist() == whole.close[:cut].tolist()


def jumping(at: int, old: float, new: float) -> BarSeries:
    """Two bars a day over ten days; the contract changes with the first bar of day ``at``, nothing else moves."""
    days = np.repeat(np.arange(10), 2).astype(np.int32)
    return series(days, np.where(days < at, old, new))


@pytest.mark.parametrize("shift", [-2, -1, 0, 1, 2])
def test_a_roll_is_placed_where_the_bars_change(shift: int) -> None:
    (placed,) = aligned([Splice(5, 100.0, 93.0)], jumping(5 + shift, 100.0, 93.0))
    assert placed == Splice(5 + shift, 100.0, 93.0)


def test_a_roll_stays_where_nothing_speaks_against_it() -> None:
    far, small = Splice(5, 100.0, 93.0), Splice(5, 100.0, 100.5)
    assert aligned([far], jumping(8, 100.0, 93.0)) == [far], "three days away is another story"
    assert aligned([far], jumping(4, 100.0, 105.0)) == [far], "a jump the other way is no roll"
    assert aligned([small], jumping(4, 100.0, 100.5)) == [small], "a spread this small does not stand out"
    outside = [Splice(0, 100.0, 93.0), Splice(-3, 100.0, 93.0), Splice(50, 100.0, 93.0)]
    assert aligned(outside, jumping(1, 100.0, 93.0)) == sorted(outside, key=lambda splice: splice.trading_day)


def test_an_ordinary_move_of_the_night_before_moves_no_roll() -> None:
    """The bars jump by -7 % on the roll's day and fell by 3 % the night before."""
    days = np.repeat(np.arange(10), 2).astype(np.int32)
    close = np.select([days < 4, days < 5], [100.0, 97.0], 97.0 * 0.93)
    roll = Splice(5, 97.0, 97.0 * 0.93)
    assert aligned([roll], series(days, close)) == [roll]


def test_a_roll_by_which_the_bars_were_joined_is_moved_by_no_jump() -> None:
    exact = Splice(5, 100.0, 93.0, exact=True)
    assert aligned([exact], jumping(4, 100.0, 93.0)) == [exact]
