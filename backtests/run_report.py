"""A stored run as the value that reports and charts are made of."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from django.utils.translation import gettext_noop

from backtests.domain.statistics_annual import with_annual_days
from backtests.domain.statistics_conventions import STANDARD_ANNUAL_DAYS, conventions_with
from backtests.models import BacktestRun
from backtests.reports.report_input import ReportInput
from backtests.result_rows import read_days, read_fills
from backtests.run_legs import data_hash_of, instruments_of
from backtests.tick_days import bars_built, built_interval, tick_hash
from marketdata.domain.bars import BarSeries
from marketdata.domain.calendar import from_day_number
from marketdata.domain.intervals import parse_interval
from marketdata.instruments import session_table
from marketdata.models import Instrument
from marketdata.series_cache import load
from quantsite.common.errors import RuleError

DATA_CHANGED = gettext_noop("The stored bars have changed since this run: the price chart shows those of today.")


def bars_of(run: BacktestRun) -> tuple[BarSeries, ...]:
    """The bars of the run's period as they are stored now, of each of its instruments, the first one first.

    Of a run on ticks the bars that they make.

    Raises ``RuleError`` for an instrument that is gone.
    """
    built, instruments = built_interval(run.interval, run.rules), instruments_of(run)
    if built is not None:
        return tuple(bars_built(instrument, built, run.start, run.end)[0] for instrument in instruments)
    return tuple(load(instrument, run.interval, run.start, run.end)[0] for instrument in instruments)


def _data_hash(run: BacktestRun, bars: Sequence[BarSeries]) -> str:
    """The data hash of the run's data as they are stored now; ``bars`` are those of today."""
    if built_interval(run.interval, run.rules) is not None:
        return data_hash_of([tick_hash(instrument, run.start, run.end) for instrument in instruments_of(run)])
    return data_hash_of([leg.data_hash() for leg in bars])


def statistics_of(run: BacktestRun, annual_days: int) -> dict[str, Any]:
    """Both blocks of a succeeded run, the standard one with ``annual_days`` in a year."""
    return {**run.statistics, "standard": with_annual_days(run.statistics["standard"], annual_days)}


def missing_bars(run: BacktestRun, bars: BarSeries) -> int | None:
    """How many bars between the first and the last one the session table expects and the data lacks.

    Of the first instrument. None where nobody has told the product's hours or the calendar ends before the bars do.
    """
    if not len(bars):
        return None
    first, last = (from_day_number(int(bars.trading_day[place])) for place in (0, -1))
    try:
        grid, _days = session_table(run.instrument.product).grid_between(first, last, parse_interval(run.interval))
    except RuleError:
        return None
    within = grid[(grid >= bars.start[0]) & (grid <= bars.start[-1])]
    return int(np.count_nonzero(~np.isin(within, bars.start, assume_unique=True)))


def _is_simulated(run: BacktestRun) -> bool:
    """Whether any of the instruments is made up."""
    further = Instrument.objects.filter(code__in=run.legs, simulated=True)
    return run.instrument.simulated or (bool(run.legs) and further.exists())


def report_input(
    run: BacktestRun,
    bars: Sequence[BarSeries] = (),
    *,
    red_up: bool = True,
    annual_days: int = STANDARD_ANNUAL_DAYS,
) -> ReportInput:
    """A succeeded run with its rows; with ``bars_of(run)`` a warning if they are no longer the run's."""
    first = bars[0] if bars else None
    changed = [DATA_CHANGED] if bars and _data_hash(run, bars) != run.data_hash else []
    return ReportInput(
        strategy=run.strategy,
        instrument=" + ".join((run.instrument.code, *run.legs)),
        interval=run.interval,
        parameters=run.parameters,
        costs=run.cost_table,
        capital=run.capital,
        volume=run.volume,
        bars=first,
        further=tuple(bars[1:]),
        fills=read_fills(run),
        days=read_days(run),
        statistics=statistics_of(run, annual_days),
        end_equity=run.end_equity or 0.0,
        result_hash=run.result_hash,
        engine_version=run.engine_version,
        source_hash=run.source_hash,
        data_hash=run.data_hash,
        warnings=(*run.warnings, *changed),
        simulated=_is_simulated(run),
        missing_bars=None if first is None else missing_bars(run, first),
        run=run.pk,
        owner=run.owner.get_username() if run.owner else "",
        finished_at=run.finished_at,
        seed=run.seed,
        rules=run.rules,
        data_quality=run.data_quality,
        red_up=red_up,
        conventions=conventions_with(annual_days),
    )
