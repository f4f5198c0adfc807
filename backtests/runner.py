"""Computes a claimed run: bars in, engine, statistics; everything that comes out is stored in one transaction."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog
from django.db import InterfaceError, OperationalError, transaction
from django.db.models.functions import Now
from django.utils.translation import gettext_noop

from accounts.alarms import clear_alarm
from backtests.alarms import GIVEN_UP, subject_of
from backtests.claims import CancelledError, Claim, LeaseLostError
from backtests.data_quality import data_quality_of
from backtests.domain.drivers import Progress
from backtests.domain.engine import ENGINE_VERSION, prepare_legs
from backtests.domain.hosted import run_hosted
from backtests.domain.result import RunResult
from backtests.domain.result_hash import result_hash
from backtests.domain.statistics import standard
from backtests.domain.statistics_vnpy import vnpy
from backtests.domain.tick_engine import run_ticks
from backtests.evidence import show_backtest
from backtests.models import BacktestRun, RunStatus
from backtests.optimise.lineage import count_trials
from backtests.result_rows import store_days, store_fills
from backtests.run_costs import cost_document
from backtests.run_inputs import RunInputs, inputs_of
from backtests.run_legs import instruments_of
from backtests.run_warnings import warnings_of
from backtests.tick_days import TICK, hosted_days, hosted_legs, recorded_days
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
    """What a run computed, before anything of it is stored."""

    inputs: RunInputs
    strategy: BaseStrategy
    result: RunResult
    statistics: dict[str, Any]
    result_hash: str
    data_quality: dict[str, Any]


class _Clock:
    """How long each part of a run took, in seconds, in the order of the parts."""

    def __init__(self) -> None:
        self._began = self._last = time.perf_counter()
        self.parts: dict[str, float] = {}

    def lap(self, name: str) -> None:
        """The part that ends now."""
        now = time.perf_counter()
        self.parts[f"{name}_seconds"] = now - self._last
        self._last = now

    def timing(self) -> dict[str, float]:
        """The parts and, last, all from the beginning until now."""
        return {**self.parts, "total_seconds": time.perf_counter() - self._began}


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
    clock = _Clock()
    with structlog.contextvars.bound_contextvars(run=claim.run_id, attempt=claim.attempt):
        try:
            _store(claim, _compute(claim, clock), clock)
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


def _compute(claim: Claim, clock: _Clock) -> _Outcome:
    """Load, run, measure. Raises ``RuleError`` where the request does not fit the data any more."""
    asked = BacktestRun.objects.select_related("instrument__product").get(pk=claim.run_id)
    heartbeat = _Heartbeat(claim)
    heartbeat(0, 0)
    with claim.kept():
        inputs = inputs_of(asked)
        quality = data_quality_of(instruments_of(asked), inputs.bars)
    clock.lap("load")
    strategy = registry.create(asked.strategy, asked.parameters)
    drive = _road(asked, inputs)
    clock.lap("prepare")
    result = drive(strategy, heartbeat)
    clock.lap("run")
    statistics = _statistics(inputs, result)
    clock.lap("statistics")
    costs, rules = inputs.costs, inputs.setup.rules.given()
    parameters = strategy.parameters.as_dict()
    fingerprint = result_hash(parameters, costs, inputs.data_hash, result.fills, result.end_equity, rules)
    clock.lap("hash")
    return _Outcome(inputs, strategy, result, statistics, fingerprint, quality)


def _road(asked: BacktestRun, inputs: RunInputs) -> Callable[[BaseStrategy, Progress], RunResult]:
    """What runs a strategy over the inputs: bars, every tick, or bars that decide and ticks that fill."""
    if asked.interval == TICK:
        days = recorded_days(asked.instrument, asked.start, asked.end)
        return lambda strategy, progress: run_ticks(days, inputs.legs[0], strategy, inputs.setup, progress)
    if inputs.setup.rules.ticks:
        instruments = instruments_of(asked)
        hosted = partial(
            run_hosted, hosted_days(instruments, asked.start, asked.end), hosted_legs(instruments, inputs.legs)
        )
        return lambda strategy, progress: hosted(strategy, inputs.setup, interval=asked.interval, progress=progress).run
    return prepare_legs(inputs.legs, inputs.setup).run


def _statistics(inputs: RunInputs, result: RunResult) -> dict[str, Any]:
    """Both blocks; vn.py's own figures are of one instrument."""
    capital = inputs.setup.capital
    block = standard(result, capital, bars=inputs.bars, multiplier=inputs.multipliers)
    if len(inputs.legs) > 1:
        return {"standard": block, "vnpy": {}}
    return {"standard": block, "vnpy": vnpy(inputs.bars[0], result.fills, inputs.multipliers[0], capital)}


def _store(claim: Claim, outcome: _Outcome, clock: _Clock) -> None:
    """Fills, days and the finished row in one transaction, or nothing. Raises ``LeaseLostError``."""
    with transaction.atomic():
        held = claim.row().select_for_update().values_list("pk", "again_of").first()
        if held is None:
            raise LeaseLostError
        store_fills(claim.run_id, outcome.result.fills)
        store_days(claim.run_id, outcome.result.days)
        columns = _row_of(outcome)
        clock.lap("store")
        claim.row().update(
            status=RunStatus.SUCCEEDED,
            progress=1.0,
            finished_at=Now(),
            lease_until=None,
            **columns,
            timing=clock.timing(),
        )
        if held[1]:
            clear_alarm(GIVEN_UP, subject_of(held[1]))
        run = BacktestRun.objects.select_related("owner", "instrument").get(pk=claim.run_id)
        show_backtest(run, columns["source_hash"], _shown(columns))
        count_trials(outcome.strategy.name, [leg.code for leg in outcome.inputs.legs], 1)
    log.info("backtest succeeded", bars=columns["bar_count"], fills=columns["fill_count"])


def _shown(columns: dict[str, Any]) -> dict[str, Any]:
    """The figures of a run that stand beside it as evidence."""
    names = ("bar_count", "fill_count", "net_profit", "sharpe", "max_drawdown", "result_hash")
    return {name: columns[name] for name in names}


def _row_of(outcome: _Outcome) -> dict[str, Any]:
    """The columns of the run that its outcome fills."""
    result, figures, inputs = outcome.result, outcome.statistics["standard"], outcome.inputs
    return {
        "result_hash": outcome.result_hash,
        "data_hash": inputs.data_hash,
        "source_hash": registry.source_hash(type(outcome.strategy)),
        "engine_version": ENGINE_VERSION,
        "cost_table": cost_document(inputs.legs),
        "statistics": outcome.statistics,
        "warnings": [*inputs.notes, *warnings_of(result, inputs.legs, inputs.setup.rules)],
        "data_quality": outcome.data_quality,
        "bar_count": sum(len(bars) for bars in inputs.bars),
        "first_bar": ns_to_utc(min(int(bars.start[0]) for bars in inputs.bars)),
        "last_bar": ns_to_utc(max(int(bars.start[-1]) for bars in inputs.bars)),
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
