"""With what instances begin a trading day, kept for the evening's comparison (``backtests.drift``): once a day.

It is taken before the first thing of the day that a host is given, and written before any state that comes after it:
a runner that dies in between takes it again from the same state. A host elsewhere tells it (``StandIn``).
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from marketdata.domain.calendar import from_day_number
from strategies.domain.hosting.snapshot import decode
from strategies.state_models import StrategyDay

if TYPE_CHECKING:
    from strategies.running.instance import Instance


@dataclass(slots=True)
class Opening:
    """What stood when ``day`` (a day number) began: everything up to ``at`` (ns UTC, market clock) was taken in.

    ``gather`` are the bars that wait for other legs; ``document`` is the host's, None until one elsewhere tells it.
    """

    day: int
    at: int
    source_hash: str
    parameters_version: int
    gather: dict[str, Any]
    document: dict[str, Any] | None = None

    def row(self) -> dict[str, Any]:
        """As ``StrategyDay.opening`` has it; parameters are the complete ones by which the host decides."""
        assert self.document is not None  # noqa: S101 - told by the caller
        return {
            "document": {"host": self.document, "gather": self.gather},
            "at": self.at,
            "parameters": decode(self.document["host"])["parameters"],
            "parameters_version": self.parameters_version,
            "source_hash": self.source_hash,
        }


def store_openings(instances: Iterable["Instance"]) -> None:
    """Write those that are told; a day that has one keeps it, whatever a later start within it begins with."""
    due: defaultdict[int, dict[int, Instance]] = defaultdict(dict)
    for instance in instances:
        opening = instance.opening
        if opening is not None and opening.document is not None:
            due[opening.day][instance.pk] = instance
    for day, mine in due.items():
        date = from_day_number(day)
        had = StrategyDay.objects.filter(instance__in=mine, trading_day=date).exclude(opening={})
        for pk in had.values_list("instance", flat=True):
            mine.pop(pk).opening = None
        rows = [_row(instance) for instance in mine.values()]
        StrategyDay.objects.bulk_create(
            rows, update_conflicts=True, unique_fields=["instance", "trading_day"], update_fields=["opening"]
        )
        for instance in mine.values():
            instance.opening = None


def _row(instance: "Instance") -> StrategyDay:
    opening = instance.opening
    assert opening is not None  # noqa: S101 - told by the caller
    return StrategyDay(
        instance_id=instance.pk,
        trading_day=from_day_number(opening.day),
        opening=opening.row(),
        stage=instance.row.stage,
        source_hash=opening.source_hash,
        parameters_version=opening.parameters_version,
        updated_at=timezone.now(),
    )
