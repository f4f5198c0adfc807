"""A stored run as the value that reports and charts are made of."""

from django.utils.translation import gettext_noop

from backtests.models import BacktestRun
from backtests.reports.report_input import ReportInput
from backtests.result_rows import read_days, read_fills
from marketdata.domain.bars import BarSeries
from marketdata.models import Bar

DATA_CHANGED = gettext_noop("The stored bars have changed since this run: the price chart shows those of today.")


def bars_of(run: BacktestRun) -> BarSeries:
    """The bars of the run's period as they are stored now."""
    return Bar.objects.series(run.instrument, run.interval, run.start, run.end)


def report_input(run: BacktestRun, bars: BarSeries | None = None, *, red_up: bool = True) -> ReportInput:
    """A succeeded run with its rows; with ``bars`` for the price chart a warning if they are no longer the run's."""
    changed = [DATA_CHANGED] if bars is not None and bars.data_hash() != run.data_hash else []
    return ReportInput(
        strategy=run.strategy,
        instrument=run.instrument.code,
        interval=run.interval,
        parameters=run.parameters,
        costs=run.cost_table,
        capital=run.capital,
        volume=run.volume,
        bars=bars,
        fills=read_fills(run),
        days=read_days(run),
        statistics=run.statistics,
        end_equity=run.end_equity or 0.0,
        result_hash=run.result_hash,
        engine_version=run.engine_version,
        source_hash=run.source_hash,
        data_hash=run.data_hash,
        warnings=(*run.warnings, *changed),
        simulated=run.instrument.simulated,
        run=run.pk,
        owner=run.owner.get_username() if run.owner else "",
        finished_at=run.finished_at,
        seed=run.seed,
        red_up=red_up,
    )
