"""What every trial of an optimisation shares: bars, costs and the engine made ready; kept by a worker process.

Bars come by memory map where the series is cached, so that the processes of one machine share their pages.
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import Any

from backtests.domain.engine import Progress, prepare_legs
from backtests.domain.objectives import Goal
from backtests.domain.result import RunResult
from backtests.domain.result_hash import result_hash
from backtests.domain.search_space import SearchSpace, read_space
from backtests.domain.statistics import standard
from backtests.domain.version import ENGINE_VERSION
from backtests.optimise.models import AskedRun, Method
from backtests.run_costs import cost_document
from backtests.run_inputs import inputs_of
from strategies import registry

PREPARED_AT_ONCE = 3
"""Optimisations that one worker process keeps ready; a million bars and their columns take about 100 MB."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One trial computed."""

    result: RunResult
    statistics: dict[str, Any]
    result_hash: str


class Inputs:
    """An optimisation as its trials see it."""

    def __init__(self, asked: AskedRun) -> None:
        """Raises ``RuleError`` where the request does not fit the data any more."""
        self.interval = asked.interval
        self.capital = asked.capital
        self.rules = asked.rules
        found = inputs_of(asked)
        self.legs, self.setup, self.data_hash = found.legs, found.setup, found.data_hash
        self.bars, self.costs, self.multipliers = found.bars, found.costs, found.multipliers
        self.prepared = prepare_legs(self.legs, self.setup)
        self.space = space_of(asked)
        self.goal = Goal.read(asked.objectives, asked.constraints)
        # Every trial is of the class that the first one was, whatever is written to its file meanwhile.
        self.strategy = registry.get(asked.strategy)
        self.source_hash = registry.source_hash(self.strategy)

    def run(self, parameters: Mapping[str, Any], progress: Progress | None = None) -> Outcome:
        """One trial, the same as a single run with these parameters. Raises what the strategy raises."""
        result = self.prepared.run(registry.create(self.strategy, parameters), progress)
        fingerprint = result_hash(parameters, self.costs, self.data_hash, result.fills, result.end_equity, self.rules)
        return Outcome(result, self.statistics(result), fingerprint)

    def statistics(self, result: RunResult) -> dict[str, Any]:
        """The standard block of one result."""
        return standard(result, self.capital, bars=self.bars, multiplier=self.multipliers)

    def facts(self) -> dict[str, Any]:
        """What must not change while an optimisation runs, as columns of its row."""
        return {
            "data_hash": self.data_hash,
            "source_hash": self.source_hash,
            "engine_version": ENGINE_VERSION,
            "cost_table": cost_document(self.legs),
        }


def space_of(asked: AskedRun) -> SearchSpace:
    """The search space of a stored request."""
    parameters = registry.get(asked.strategy).Parameters
    return read_space(parameters, asked.space, asked.fixed, grid=asked.method == Method.GRID)


class _Cache:
    """The inputs of the last optimisations of this process, by number."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[int, datetime], Inputs] = OrderedDict()
        self._lock = Lock()

    def get(self, asked: AskedRun) -> Inputs:
        """Those of ``asked``, made on the first question. Threads of one process take turns."""
        # A number alone may come again: a database that was put back counts from where it was.
        key = (asked.pk, asked.created_at)
        with self._lock:
            if key not in self._kept:
                self._kept[key] = Inputs(asked)
                if len(self._kept) > PREPARED_AT_ONCE:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(key)
            return self._kept[key]

    def clear(self) -> None:
        """Forget all: for tests that change bars beneath the same numbers."""
        with self._lock:
            self._kept.clear()


INPUTS = _Cache()
