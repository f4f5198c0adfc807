"""How often a strategy was tried on a set of instruments, by anybody and with any parameters.

Trying again under another name of the run, or deleting runs, hides nothing: the number only grows.
"""

from collections.abc import Iterable
from typing import Any

from django.db.models import F

from backtests.optimise.models import TrialCount


def count_trials(strategy: str, codes: Iterable[str], trials: int) -> None:
    """Add ``trials`` to the lineage; call it in the transaction that stores their results, as its last write."""
    lineage: dict[str, Any] = {"strategy": strategy, "instruments": "+".join(sorted(set(codes)))}
    if trials and not TrialCount.objects.filter(**lineage).update(trials=F("trials") + trials):
        TrialCount.objects.get_or_create(**lineage)
        TrialCount.objects.filter(**lineage).update(trials=F("trials") + trials)


def trials_of(strategy: str, codes: Iterable[str]) -> int:
    """All trials that the lineage has ever seen."""
    lineage = TrialCount.objects.filter(strategy=strategy, instruments="+".join(sorted(set(codes))))
    return sum(lineage.values_list("trials", flat=True))
