"""Loss limits: looked at once a second, by what the books are worth at the newest prices."""

from collections.abc import Sequence
from decimal import Decimal

import structlog

from strategies import services
from strategies.metrics import FAILURES
from strategies.running.instance import Instance

log = structlog.get_logger(__name__)

CENT = Decimal("0.01")


class Limits:
    """Takes back who has lost too much; the loop ends it when it sees the row."""

    def __init__(self) -> None:
        self._told: dict[int, int] = {}

    def look(self, instances: Sequence[Instance]) -> bool:
        """Whether anybody was taken back."""
        found = [instance for instance in instances if instance.hosted and not instance.closing]
        return bool([instance for instance in found if self._look_at(instance)])

    def _look_at(self, instance: Instance) -> bool:
        row = instance.row
        if row.day_loss_limit is None and row.total_loss_limit is None:
            return False
        day, whole = (Decimal(value).quantize(CENT) for value in (instance.book.day_profit, instance.book.profit))
        limit = services.breached_limit(row, day, whole)
        if not limit or self._told.get(row.pk) == row.version:
            return False
        self._told[row.pk] = row.version
        loss = -(day if limit == "day_loss_limit" else whole)
        log.error("strategy has lost too much", strategy=row.key, limit=limit, loss=str(loss))
        FAILURES.labels("loss_limit").inc()
        return services.take_back(row.pk, limit, loss)
