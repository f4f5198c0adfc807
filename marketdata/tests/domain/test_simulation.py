import time
from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from marketdata.domain.bars import VALUE_COLUMNS, BarSeries
from marketdata.domain.instrument import InstrumentKind, InstrumentSpec
from marketdata.domain.simulation import simulate_bars
from marketdata.tests.domain.recorded import table
from quantsite.common.errors import RuleError
from quantsite.common.numbers import on_grid_array

SPEC = InstrumentSpec("simrb88.SIM", "SIM", "simrb", 10.0, 1.0, InstrumentKind.CONTINUOUS, simulated=True)
TABLE = table("SIM", "simrb")
FIRST, LAST = date(2021, 1, 4), date(2022, 12, 30)


def simulated(seed: int = 1, spec: InstrumentSpec = SPEC, start_price: float = 4000) -> BarSeries:
    return simulate_bars(spec, TABLE, FIRST, LAST, minutes=5, seed=seed, start_price=start_price)


def test_bars_stand_on_the_session_grid() -> None:
    bars = simulated()
    start, trading_day = TABLE.grid_between(FIRST, LAST, 5)

    assert (bars.instrument, bars.interval) == ("simrb88.SIM", "5m")
    assert bars.start.tolist() == start.tolist()
    assert bars.trading_day.tolist() == trading_day.tolist()


@pytest.mark.parametrize(("tick", "start_price"), [(1.0, 4000), (0.02, 400), (0.2, 3800), (0.005, 101.5), (5.0, 15)])
def test_prices_are_sound(tick: float, start_price: float) -> None:
    bars = simulated(spec=replace(SPEC, price_tick=tick), start_price=start_price)

    assert (bars.high >= np.maximum(bars.open, bars.close)).all()
    assert (bars.low <= np.minimum(bars.open, bars.close)).all()
    assert bars.low.min() >= tick
    assert all(on_grid_array(column, tick).all() for column in (bars.open, bars.high, bars.low, bars.close))


def test_volume_and_turnover_are_sound() -> None:
    bars = simulated()
    average = bars.turnover / bars.volume / SPEC.multiplier

    assert bars.volume.min() >= 1
    assert (bars.volume == np.rint(bars.volume)).all()
    assert (bars.open_interest > 0).all()
    assert ((bars.low <= average + 1e-9) & (average <= bars.high + 1e-9)).all()
    openings = np.isin(bars.start, [TABLE.grid(date(2021, 1, 5), 5)[0], TABLE.grid(date(2022, 3, 1), 5)[0]])
    assert bars.volume[openings].min() > np.median(bars.volume)


def test_it_moves_like_a_market() -> None:
    bars = simulated()
    returns = np.diff(np.log(bars.close))
    centred = returns - returns.mean()

    assert 0.0005 < returns.std() < 0.004  # rb's five minutes: 0.0016
    assert (centred**4).mean() / returns.var() ** 2 > 5  # fat tails
    assert 0.3 < bars.close.min() / bars.close.max() < 0.95
    squares = centred**2 - returns.var()
    assert (squares[:-1] * squares[1:]).mean() > 0  # clustered volatility


def test_the_seed_decides() -> None:
    assert simulated(seed=7).data_hash() == simulated(seed=7).data_hash()
    assert simulated(seed=7).data_hash() != simulated(seed=8).data_hash()


def test_no_day_no_bar() -> None:
    empty = simulate_bars(SPEC, TABLE, date(2021, 10, 1), date(2021, 10, 7), minutes=5, seed=1, start_price=4000)

    assert len(empty) == 0


def test_a_real_instrument_gets_no_made_up_bars() -> None:
    with pytest.raises(RuleError) as refused:
        simulated(spec=replace(SPEC, code="rb88.SHFE", simulated=False))

    assert refused.value.code == "not_simulated"


@pytest.mark.parametrize("price", [0.0, -5.0, 0.5, float("nan")])
def test_a_start_price_below_a_tick_is_refused(price: float) -> None:
    with pytest.raises(RuleError) as refused:
        simulated(start_price=price)

    assert refused.value.code == "invalid_start_price"


def test_five_years_in_less_than_a_second() -> None:
    begun = time.thread_time()
    bars = simulate_bars(SPEC, TABLE, date(2021, 1, 4), date(2025, 12, 31), minutes=5, seed=1, start_price=4000)

    assert time.thread_time() - begun < 1  # measured at 20 ms
    assert len(bars) > 80_000
    assert all(np.isfinite(getattr(bars, name)).all() for name in VALUE_COLUMNS)
