"""The bars that benchmarks run on: always the same, made by the project's own generator."""

from datetime import date

from marketdata.domain.bars import BarSeries
from marketdata.domain.instrument import InstrumentKind, InstrumentSpec
from marketdata.domain.reference import reference_session_table
from marketdata.domain.simulation import simulate_bars

CODE = "simrb88.SIM"
FOUR_YEARS = 330_000
SPEC = InstrumentSpec(
    code=CODE, exchange="SIM", product="simrb", multiplier=10.0, price_tick=1.0, kind=InstrumentKind.CONTINUOUS,
    simulated=True,
)  # fmt: skip


def random_walk(bars: int) -> BarSeries:
    """The first ``bars`` one-minute bars of a simulated rb: from 2022 on, from 2010 on for more than four years hold.

    345 a day, so at most about 330,000 and 1,300,000.
    """
    table = reference_session_table("SIM", "simrb")
    first = date(2022, 1, 4) if bars <= FOUR_YEARS else date(2010, 1, 4)
    made = simulate_bars(SPEC, table, first, date(2025, 12, 31), minutes=1, seed=1, start_price=3_600.0)
    return made.take(slice(0, bars))
