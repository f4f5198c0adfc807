"""A worker's part: the trials of one chunk are computed, then stored together or not at all."""

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import structlog
from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext_noop

from backtests.claims import LeaseLostError
from backtests.domain.statistics_returns import simple_returns
from backtests.optimise.chunks import ChunkClaim
from backtests.optimise.inputs import INPUTS, Inputs, Outcome
from backtests.optimise.lineage import count_trials
from backtests.optimise.models import Method, OptimizationRun
from backtests.optimise.returns import kept_numbers, pack
from backtests.optimise.rows import TrialRow, store_trials
from backtests.states import RunStatus
from quantsite.common.errors import RuleError

RENEW_SECONDS = 3.0
"""How often a chunk is renewed while it is computed; it hears of a cancellation at the same time."""

WHOLE_BLOCK = 20_000
"""Up to so many trials the whole standard block is stored with each; of larger optimisations ``CHOSEN`` only."""

CHOSEN = (
    "total_return",
    "annual_return",
    "annual_volatility",
    "sharpe",
    "sortino",
    "calmar",
    "max_drawdown",
    "win_rate",
    "payoff_ratio",
    "profit_factor",
    "trade_count",
    "net_profit",
)
"""Beside the statistics that objectives and constraints name."""

CHANGED = gettext_noop("Bars, costs or the strategy changed while the optimisation ran: its trials do not compare.")
TRIAL_ERROR = gettext_noop("The strategy failed on these parameters; the log has the details.")

log = structlog.get_logger(__name__)

Point = tuple[int, dict[str, Any] | None]


class ChangedError(RuleError):
    """Workers do not agree on what they compute."""

    def __init__(self) -> None:
        super().__init__("inputs_changed", CHANGED)


def compute(claim: ChunkClaim) -> None:
    """Compute and store a chunk.

    Raises ``LeaseLostError`` where the chunk is no longer ours (nothing is stored) and ``RuleError`` where the
    optimisation cannot go on.
    """
    with claim.kept():
        inputs = INPUTS.get(claim.run)
    work = _Work(claim, inputs)
    work.run()
    work.store()


class _Work:
    """The trials of one chunk."""

    def __init__(self, claim: ChunkClaim, inputs: Inputs) -> None:
        self.claim = claim
        self.inputs = inputs
        self.trials: list[TrialRow] = []
        self.kept: dict[int, npt.NDArray[np.float32]] = {}
        self.refused = 0
        self.seconds = 0.0
        self._due = time.monotonic() + RENEW_SECONDS
        self._wanted = kept_numbers(claim.run.total, claim.run.seed)
        whole = claim.run.total <= WHOLE_BLOCK
        self._names = None if whole else inputs.goal.names().union(CHOSEN)

    def run(self) -> None:
        """Compute every trial."""
        started = time.perf_counter()
        for number, parameters in self._points():
            self._beat()
            if parameters is None:
                self.refused += 1
            else:
                self.trials.append(self._trial(number, parameters))
        self.seconds = time.perf_counter() - started

    def _points(self) -> Iterator[Point]:
        """Number and parameters of every trial; None where the strategy refuses the point."""
        run, chunk, space = self.claim.run, self.claim.chunk, self.inputs.space
        for number in range(chunk.first, chunk.last + 1):
            if chunk.points is not None:
                yield number, chunk.points[number - chunk.first]
            elif run.method == Method.RANDOM:
                point, refused = space.draw(run.seed, number)
                self.refused += refused
                yield number, point
            else:
                yield number, space.accept(space.point(number))

    def _trial(self, number: int, parameters: dict[str, Any]) -> TrialRow:
        try:
            outcome = self.inputs.run(parameters, self._progress)
        except LeaseLostError:
            raise
        except RuleError as error:
            return TrialRow(number, parameters, error=error.text)
        except Exception:  # a strategy may raise anything; the others' results still count
            log.exception("trial failed", run=self.claim.run.pk, trial=number, parameters=parameters)
            return TrialRow(number, parameters, error=TRIAL_ERROR)
        self._keep(number, outcome)
        goal, figures = self.inputs.goal, outcome.statistics
        return TrialRow(
            number,
            parameters,
            net_profit=outcome.result.net_profit,
            fills=len(outcome.result.fills),
            result_hash=outcome.result_hash,
            sharpe=figures["sharpe"],
            scores=goal.scores(figures),
            feasible=goal.feasible(figures),
            statistics={name: value for name, value in figures.items() if self._names is None or name in self._names},
        )

    def _keep(self, number: int, outcome: Outcome) -> None:
        if self._wanted is None or number in self._wanted:
            returns = simple_returns(outcome.result.days.equity, self.inputs.capital)
            if returns is not None:
                self.kept[number] = returns.astype(np.float32)

    def _beat(self) -> None:
        """Renew the claim if it is time to. Raises ``LeaseLostError``."""
        if time.monotonic() >= self._due:
            self.claim.renew()
            self._due = time.monotonic() + RENEW_SECONDS

    def _progress(self, _done: int, _total: int) -> None:
        self._beat()

    def store(self) -> None:
        """Trials, returns and the counts of the optimisation in one transaction, or nothing."""
        claim = self.claim
        with transaction.atomic():
            if claim.row().select_for_update(of=("self",), no_key=True).only("pk").first() is None:
                raise LeaseLostError(f"chunk {claim.chunk} is no longer held by {claim.worker}")
            store_trials(claim.run.pk, claim.chunk.generation, self.trials)
            claim.row().update(
                status=RunStatus.SUCCEEDED,
                lease_until=None,
                seconds=self.seconds,
                returns=pack(list(self.kept), list(self.kept.values())),
            )
            self._count(OptimizationRun.objects.select_for_update(no_key=True).get(pk=claim.run.pk))

    def _count(self, run: OptimizationRun) -> None:
        """Add this chunk to the row, which is locked from here to the end of the transaction."""
        facts = self.inputs.facts()
        if run.status != RunStatus.RUNNING:
            raise LeaseLostError(f"optimisation {run.pk} is {run.status}")
        if run.data_hash and any(getattr(run, name) != value for name, value in facts.items()):
            raise ChangedError
        failed = sum(bool(trial.error) for trial in self.trials)
        numbers = self.claim.chunk.last - self.claim.chunk.first + 1
        pace = self.seconds / numbers
        OptimizationRun.objects.filter(pk=run.pk).update(
            done=F("done") + len(self.trials) - failed,
            failed=F("failed") + failed,
            skipped=F("skipped") + self.refused,
            feasible=F("feasible") + sum(trial.feasible for trial in self.trials),
            trial_seconds=pace if run.trial_seconds is None else (run.trial_seconds + pace) / 2,
            **facts,
        )
        count_trials(run.strategy, run.codes(), len(self.trials))
