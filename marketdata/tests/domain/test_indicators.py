"""Indicators against plain Python that follows the formulas of their docstrings, one bar after the other."""

import math
import subprocess
import sys
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketdata.domain import indicators
from marketdata.domain.bars import FloatColumn
from marketdata.tests.domain import slow_indicators as slow

NAN = math.nan
ticks = st.lists(st.integers(-40, 40), max_size=200)
lengths = st.integers(1, 25)


def walk(moves: Sequence[int]) -> FloatColumn:
    """Closes on a grid of 0.2 around 4000, as IF has it."""
    return np.round(4000.0 + 0.2 * np.cumsum(np.array(moves, dtype=np.float64)), 1)


def ranges(close: FloatColumn, widths: Sequence[int]) -> tuple[FloatColumn, FloatColumn]:
    """Highs and lows around closes."""
    wide = 0.2 * np.abs(np.array(widths[: len(close)], dtype=np.float64))
    return close + wide, close - wide[::-1]


def same(found: FloatColumn, meant: Sequence[float], within: float = 1e-8) -> None:
    """Equal to ``within``, NaN where NaN is meant and nowhere else."""
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, np.array(meant, dtype=np.float64), rtol=0.0, atol=within)


def test_by_hand() -> None:
    values = np.array([1.0, 2.0, 6.0, 3.0])
    same(indicators.sma(values, 2), [NAN, 1.5, 4.0, 4.5])
    same(indicators.ema(values, 2), [NAN, 1.5, 4.5, 3.5])
    same(indicators.rsi(values, 2), [NAN, NAN, 100.0, 100 * 1.25 / 2.75])  # rises 1, 4; then 2.5 / 2, fall 3 / 2
    lower, middle, upper = indicators.bollinger(values, 2, 3.0)
    same(lower, [NAN, 0.0, -2.0, 0.0])
    same(middle, [NAN, 1.5, 4.0, 4.5])
    same(upper, [NAN, 3.0, 10.0, 9.0])
    same(indicators.atr(values + 1, values - 1, values, 2), [NAN, NAN, 3.5, 3.75])  # true ranges 2, 5, 4
    lower, middle, upper = indicators.donchian(values + 1, values - 1, 3)
    same(lower, [NAN, NAN, 0.0, 1.0])
    same(middle, [NAN, NAN, 3.5, 4.0])
    same(upper, [NAN, NAN, 7.0, 7.0])


def test_macd_by_hand() -> None:
    # ema(2) starts on the third value too, as the mean of two, then moves by 2/3; ema(3) by half
    line, signal = indicators.macd(np.array([1.0, 2.0, 6.0, 5.0, 1.0]), 2, 3, 2)
    lines = [4.0 - 3.0, 14 / 3 - 4.0, 20 / 9 - 2.5]
    same(line, [NAN, NAN, NAN, *lines[1:]])  # shown from where the signal is there
    start = (lines[0] + lines[1]) / 2
    same(signal, [NAN, NAN, NAN, start, start + 2 / 3 * (lines[2] - start)])


@settings(deadline=None)
@given(ticks, lengths)
def test_sma(moves: list[int], length: int) -> None:
    same(indicators.sma(walk(moves), length), slow.sma(walk(moves).tolist(), length))


@settings(deadline=None)
@given(ticks, lengths)
def test_ema(moves: list[int], length: int) -> None:
    same(indicators.ema(walk(moves), length), slow.ema(walk(moves).tolist(), length))


@settings(deadline=None)
@given(ticks, st.integers(2, 12), st.integers(1, 12), st.integers(1, 9))
def test_macd(moves: list[int], fast: int, more: int, signal: int) -> None:
    line, average = slow.macd(walk(moves).tolist(), fast, fast + more, signal)
    found = indicators.macd(walk(moves), fast, fast + more, signal)
    same(found.line, line)
    same(found.signal, average)


@settings(deadline=None)
@given(ticks, st.integers(2, 25))
def test_rsi(moves: list[int], length: int) -> None:
    same(indicators.rsi(walk(moves), length), slow.rsi(walk(moves).tolist(), length), 1e-6)


def test_a_price_that_does_not_move_has_an_rsi_of_fifty() -> None:
    still = indicators.rsi(np.full(400, 4000.2), 14)
    assert np.isnan(still[:14]).all()
    assert (still[14:] == 50.0).all()
    after_a_fall = indicators.rsi(np.concatenate([[4100.0], np.full(400, 4000.2)]), 14)
    assert after_a_fall[20] == 0.0
    assert after_a_fall[-1] == 50.0, "after 400 still bars the fall is forgotten"


@settings(deadline=None)
@given(ticks, st.integers(1, 25), st.sampled_from([0.5, 2.0, 3.0]))
def test_bollinger(moves: list[int], length: int, width: float) -> None:
    values = walk(moves)
    middle = slow.sma(values.tolist(), length)
    half = slow.deviation(values.tolist(), length)
    lower, centre, upper = indicators.bollinger(values, length, width)
    same(centre, middle)
    same(upper, [line + width * by for line, by in zip(middle, half, strict=True)])
    same(lower, [line - width * by for line, by in zip(middle, half, strict=True)])


@pytest.mark.parametrize("length", [1, 2, 20, 300, 4999, 5000])
def test_bands_of_a_long_series_are_those_of_each_window(length: int) -> None:
    values = walk(np.random.default_rng(5).integers(-9, 10, 5_000).tolist())
    lower, middle, upper = indicators.bollinger(values, length, 2.0)
    for at in (length - 1, length, 2 * length, 3333, 4999):
        if length - 1 <= at < 5_000:
            window = values[at - length + 1 : at + 1]
            assert middle[at] == pytest.approx(window.mean(), rel=1e-13)
            assert upper[at] - lower[at] == pytest.approx(4 * window.std(), rel=1e-10, abs=1e-10)


def test_bands_are_talibs_where_those_are_exact() -> None:
    talib = pytest.importorskip("talib")
    values = walk(np.random.default_rng(6).integers(-9, 10, 2_000).tolist()) - 3_900.0
    upper, middle, lower = talib.BBANDS(values, timeperiod=20, nbdevup=2.0, nbdevdn=2.0, matype=0)
    found = indicators.bollinger(values, 20, 2.0)
    same(found.upper, upper.tolist())
    same(found.middle, middle.tolist())
    same(found.lower, lower.tolist())


def test_a_price_that_does_not_move_has_no_band_whatever_came_before() -> None:
    wild = walk(np.random.default_rng(7).integers(-99, 100, 1_000).tolist())
    lower, middle, upper = indicators.bollinger(np.concatenate([wild, np.full(200, 4000.1)]), 20, 2.0)
    assert (lower[-150:] == 4000.1).all()
    assert (middle[-150:] == 4000.1).all()
    assert (upper[-150:] == 4000.1).all()


@settings(deadline=None)
@given(ticks, st.lists(st.integers(0, 30), min_size=200, max_size=200), lengths)
def test_atr(moves: list[int], widths: list[int], length: int) -> None:
    close = walk(moves)
    high, low = ranges(close, widths)
    meant = slow.wilder(slow.true_range(high.tolist(), low.tolist(), close.tolist()), length)
    same(indicators.atr(high, low, close, length), meant)


@settings(deadline=None)
@given(ticks, st.lists(st.integers(0, 30), min_size=200, max_size=200), lengths)
def test_donchian(moves: list[int], widths: list[int], length: int) -> None:
    high, low = ranges(walk(moves), widths)
    lower, middle, upper = indicators.donchian(high, low, length)
    full = range(length - 1, len(high))
    lead = [NAN] * min(length - 1, len(high))
    same(lower, lead + [min(low[at - length + 1 : at + 1]) for at in full], 0.0)
    same(upper, lead + [max(high[at - length + 1 : at + 1]) for at in full], 0.0)
    same(middle, ((lower + upper) / 2).tolist(), 0.0)


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_values_than_the_look_back_give_nan(count: int) -> None:
    values = np.full(count, 5.0)
    lines = [
        indicators.sma(values, 3),
        indicators.ema(values, 3),
        *indicators.macd(values, 2, 3, 2),
        indicators.rsi(values, 3),
        *indicators.bollinger(values, 3, 2.0),
        indicators.atr(values, values, values, 3),
        *indicators.donchian(values, values, 3),
    ]
    assert all(line.shape == (count,) and np.isnan(line).all() for line in lines)


@pytest.mark.parametrize("length", [1, 2, 9, 26, 500])
def test_an_average_has_forgotten_where_it_started_after_its_memory(length: int) -> None:
    ema_length, wilder_length = indicators.ema_memory(length), indicators.wilder_memory(length)
    assert (1 - 2 / (length + 1)) ** ema_length <= 1.0000001e-15
    assert (1 - 1 / length) ** wilder_length <= 1.0000001e-15
    assert length == 1 or (1 - 2 / (length + 1)) ** (ema_length - 1) > 1e-15
    values = np.random.default_rng(1).uniform(3_000, 5_000, length + ema_length)
    other = np.concatenate([values[:length] / 2, values[length:]])
    assert indicators.ema(values, length)[-1] == pytest.approx(indicators.ema(other, length)[-1], rel=1e-12)


@pytest.mark.parametrize(
    "broken",
    [
        lambda values: indicators.sma(values, 0),
        lambda values: indicators.ema(values, -1),
        lambda values: indicators.rsi(values, 1),
        lambda values: indicators.macd(values, 5, 5, 2),
        lambda values: indicators.macd(values, 1, 5, 2),
        lambda values: indicators.macd(values, 2, 5, 0),
        lambda values: indicators.bollinger(values, 0, 2.0),
        lambda values: indicators.atr(values, values, values, 0),
        lambda values: indicators.donchian(values, values, 0),
    ],
)
def test_a_length_that_makes_no_sense_is_refused(broken: object) -> None:
    with pytest.raises(ValueError, match=r"must be (at least|below)"):
        broken(np.ones(10))  # type: ignore[operator]


def test_importing_indicators_and_strategies_does_not_load_talib() -> None:
    code = (
        "import sys; import marketdata.domain.indicators; from strategies import registry; registry.names();"
        "print(sorted({'talib', 'pandas', 'numba', 'django'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
