"""What somebody asks for when asking for an optimisation or a walk-forward; the same from command, API and page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from backtests.optimise.models import Method
from backtests.requests import RunRequest


@dataclass(frozen=True, slots=True)
class OptimizationRequest:
    """``run`` is the backtest that every trial makes, its ``parameters`` those that stay fixed.

    ``space`` maps the others to what they may be (``domain.search_space``), ``objectives`` and ``constraints`` are
    texts (``domain.objectives``), ``trials`` is needed unless the method is the full grid. The seed of the run's
    rules is that of the search too.
    """

    run: RunRequest
    space: Mapping[str, Any]
    objectives: Sequence[Any] = ("sharpe",)
    constraints: Sequence[str] = field(default_factory=tuple)
    method: str = Method.GRID
    trials: int | None = None


@dataclass(frozen=True, slots=True)
class WalkForwardRequest:
    """``search`` is what is done in every window; lengths in trading days, ``step`` None for ``out_of_sample``."""

    search: OptimizationRequest
    in_sample: int
    out_of_sample: int
    step: int | None = None
    gap: int = 0
    anchored: bool = False
