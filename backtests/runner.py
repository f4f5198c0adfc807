"""Computes a claimed run: bars in, engine, statistics; everything that comes out is stored in one transaction."""

import time
from dataclasses import dataclass
from typing import Any

import structlog
from django.db import InterfaceError, OperationalError, transaction
from django.db.models.functions import Now
from django.utils.translation import gettext_noop

from accounts.alarms import clear_alarm
from backtests.alarms import GIVEN_UP, subject_of
from backtests.claims import CancelledError, Claim, LeaseLostError
from backtests.domain.costs import CostTable
from backtests.domain.engine import ENGINE_VERSION, RunConfig, run
from backtests.domain.result import RunResult
from backtests.domain.result_hash import result_hash
from backtests.domain.statistics import standard
from backtests.domain.statistics_vnpy import vnpy
from backtests.models import BacktestRun, RunStatus
from backtests.requests import CostOptions
from backtests.result_rows import store_days, store_fills
from backtests.run_costs import cost_table
from backtests.run_warnings import warnings_of
from marketdata.domain.bars import BarSeries
from marketdata.domain.calendar import from_day_number
from marketdata.models import Bar
from quantsite.common.errors import RuleError
from quantsite.common.times import ns_to_utc
from strategies import registry
from strategies.domain.strategy import BaseStrategy

RENEW_SECONDS = 0.5
"""Progress is written at most this often: sockets and pages look no more often than that."""

INTERNAL_ERROR = gettext_noop("The run stopped on an internal error; the log has the details.")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What a run computed and how long it took, before anything of it is stored."""

    bars: BarSeries
    strategy: BaseStrategy
    costs: CostTable
    data_hash: str
    result: RunResult
    statistics: dict[str, Any]
    load_seconds: float
    run_seconds: float


class _Heartbeat:
    """The engine's reports of progress, passed on as renewals of the claim."""

    def __init__(self, claim: Claim) -> None:
        self._claim = claim
        self._due = 0.0

    def __call__(self, done: int, total: int) -> None:
        """Renew if it is time to. Raises ``LeaseLostError`` or ``CancelledError``."""
        now = time.monotonic()
        if now >= self._due:
            self._due = now + RENEW_SECONDS
            self._claim.renew(done / total if total else 0.0)


def execute(claim: Claim) -> None:
    """Compute the run and store what came of it: a result, an error sentence, or that it was cancelled.

    A claim that was lost meanwhile stores nothing. Raises only where the database is away: the lease then runs
    out and the sweep lets another worker try.
    """
    started = time.perf_counter()
    with structlog.contextvars.bound_contextvars(run=claim.run_id, attempt=claim.attempt):
        try:
            _store(claim, _compute(claim), started)
        except LeaseLostError:
            log.warning("backtest lost its lease")
        except CancelledError:
            _end(claim, RunStatus.CANCELLED)
        except RuleError as error:
            _end(claim, RunStatus.FAILED, error.text)
        except (OperationalError, InterfaceError):
            raise
        except Exception:  # a strategy may raise anything; the row must say that the run is over
            log.exception("backtest failed")
            _end(claim, RunStatus.FAILED, INTERNAL_ERROR)
        except KeyboardInterrupt:
            _end(claim, RunStatus.CANCELLED)
            raise


def _compute(claim: Claim) -> _Outcome:
    """Load, run, measure. Raises ``RuleError`` where the request does not fit the data any more."""
    asked = BacktestRun.objects.select_related("instrument__product").get(pk=claim.run_id)
    heartbeat = _Heartbeat(claim)
    heartbeat(0, 0)
    loading = time.perf_counter()
    costs = cost_table(asked.instrument, CostOptions.from_mapping(asked.costs))
    with claim.kept():
        bars = Bar.objects.series(asked.instrument, asked.interval, asked.start, asked.end)
    if not len(bars):
        raise RuleError("no_bars", f"{asked.instrument.code} has no {asked.interval} bars in this period.")
    costs = costs.until(from_day_number(int(bars.trading_day[-1])))
    data_hash = bars.data_hash()
    running = time.perf_counter()
    strategy = registry.create(asked.strategy, asked.parameters)
    config = RunConfig(
        asked.instrument.code, asked.interval, asked.capital, asked.volume, costs, close_at_end=asked.close_at_end
    )
    result = run(bars, strategy, config, heartbeat)
    statistics = {
        "standard": standard(result, asked.capital, bars=bars, multiplier=costs.multiplier),
        "vnpy": vnpy(bars, result.fills, costs.multiplier, asked.capital),
    }
    done = time.perf_counter()
    return _Outcome(bars, strategy, costs, data_hash, result, statistics, running - loading, done - running)


def _store(claim: Claim, outcome: _Outcome, started: float) -> None:
    """Fills, days and the finished row in one transaction, or nothing. Raises ``LeaseLostError``."""
    with transaction.atomic():
        held = claim.row().select_for_update().values_list("pk", "again_of").first()
        if held is None:
            raise LeaseLostError
        store_fills(claim.run_id, outcome.result.fills)
        store_days(claim.run_id, outcome.result.days)
        claim.row().update(
            status=RunStatus.SUCCEEDED,
            progress=1.0,
            finished_at=Now(),
            lease_until=None,
            **_row_of(outcome),
            timing={
                "load_seconds": outcome.load_seconds,
                "run_seconds": outcome.run_seconds,
                "total_seconds": time.perf_counter() - started,
            },
        )
        if held[1]:
            clear_alarm(GIVEN_UP, subject_of(held[1]))
    log.info("backtest succeeded", bars=len(outcome.bars), fills=len(outcome.result.fills))


def _row_of(outcome: _Outcome) -> dict[str, Any]:
    """The columns of the run that its outcome fills."""
    result, figures, bars = outcome.result, outcome.statistics["standard"], outcome.bars
    parameters = outcome.strategy.parameters.as_dict()
    return {
        "result_hash": result_hash(parameters, outcome.costs, outcome.data_hash, result.fills, result.end_equity),
        "data_hash": outcome.data_hash,
        "source_hash": registry.source_hash(type(outcome.strategy)),
        "engine_version": ENGINE_VERSION,
        "cost_table": outcome.costs.document(),
        "statistics": outcome.statistics,
        "warnings": warnings_of(result, outcome.costs),
        "bar_count": len(bars),
        "first_bar": ns_to_utc(int(bars.start[0])),
        "last_bar": ns_to_utc(int(bars.start[-1])),
        "fill_count": len(result.fills),
        "end_equity": result.end_equity,
        "net_profit": result.net_profit,
        "commission": result.commission,
        "slippage": result.slippage,
        "total_return": figures["total_return"],
        "max_drawdown": figures["max_drawdown"],
        "sharpe": figures["sharpe"],
        "trade_count": figures["trade_count"],
    }


def _end(claim: Claim, status: RunStatus, error: str = "") -> None:
    """The run is over without a result, if the claim still holds."""
    claim.row().update(status=status, error=error, finished_at=Now(), lease_until=None)
    log.info("backtest ended", status=status.value, error=error)
