"""What a reader of an optimisation must know first: findings on its honesty, and warnings."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from django.utils.translation import gettext_noop

from backtests.domain.honesty import honesty_summary
from backtests.optimise.models import OptimizationRun

FEW_TRADES = 30

NO_BEST = gettext_noop("No trial met every constraint with every objective defined: there is no best one.")
FAILED_TRIALS = gettext_noop("The strategy failed on some of the trials; they are listed with their error.")
EDGE = gettext_noop("The best trial lies on the edge of the search space: a better one may lie beyond it.")
FEW = gettext_noop("The best trial has fewer than 30 closed trades: its figures say little.")
NOT_REPRODUCED = gettext_noop(
    "The best trial gave another result when it was run again: the strategy is not determined."
)


def warnings_of(run: OptimizationRun, best: Mapping[str, Any], figures: Mapping[str, Any]) -> list[str]:
    """Sentences in English, translated where they are shown."""
    if not best:
        return [NO_BEST]
    told = {
        FAILED_TRIALS: run.failed > 0,
        NOT_REPRODUCED: not figures.get("reproduced", True),
        EDGE: _on_edge(run, best["parameters"]),
        FEW: (best["statistics"].get("trade_count") or 0) < FEW_TRADES,
    }
    return [text for text, holds in told.items() if holds]


def _on_edge(run: OptimizationRun, parameters: Mapping[str, Any]) -> bool:
    """Whether a range ends at the best trial's value."""
    ranges = {name: asked for name, asked in run.space.items() if isinstance(asked, dict)}
    return any(parameters[name] in (asked["low"], asked["high"]) for name, asked in ranges.items())


def sentences_of(figures: Mapping[str, Any]) -> list[dict[str, Any]]:
    """``code``, ``severity``, ``value`` and ``sentence`` of each honest figure, in the reader's language."""
    return [asdict(finding) for finding in honesty_summary(figures)] if "sharpe" in figures else []
