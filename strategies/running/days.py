"""What an instance has done on a trading day: the counts of one row of ``StrategyDay``."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING

from django.db.models import F
from django.utils import timezone

from marketdata.domain.calendar import from_day_number
from quantsite.web.json_rows import upsert
from strategies.state_models import StrategyDay

if TYPE_CHECKING:
    from strategies.running.instance import Instance


DAY_COLUMNS = (
    "stage", "source_hash", "parameters_version", "profit", "commission", "slippage", "turnover", "fills", "orders",
    "cancels", "refusals", "signals", "bars", "ticks", "errors", "gaps", "worst_latency_ms", "ended", "updated_at",
)  # fmt: skip


@dataclass(slots=True)
class DayCount:
    """Counts since the day began; money in yuan. ``slippage`` is what fills cost against the decision's price."""

    ticks: int = 0
    bars: int = 0
    signals: int = 0
    orders: int = 0
    cancels: int = 0
    refusals: int = 0
    fills: int = 0
    errors: int = 0
    gaps: int = 0
    slippage: float = 0.0
    commission: float = 0.0
    turnover: float = 0.0
    worst_latency_ms: float = 0.0
    ended: bool = False

    def filled(self, worth: float, paid: float, commission: float) -> None:
        """One trade ``worth`` so many yuan, ``paid`` yuan worse than decided."""
        self.fills += 1
        self.slippage += paid if isfinite(paid) else 0.0
        self.commission += commission
        self.turnover += worth

    def took(self, milliseconds: float) -> None:
        """An order was stored so long after its cause had reached the runner."""
        self.worst_latency_ms = max(self.worst_latency_ms, milliseconds)


def day_row(instance: "Instance") -> StrategyDay:
    """The running day of an instance as it stands."""
    count = instance.count
    return StrategyDay(
        instance_id=instance.pk,
        trading_day=from_day_number(instance.day),
        stage=instance.row.stage,
        source_hash=instance.row.source_hash,
        parameters_version=instance.parameters_version,
        profit=round(instance.book.day_profit, 6),
        commission=round(count.commission, 6),
        slippage=round(count.slippage, 6),
        turnover=round(count.turnover, 6),
        fills=count.fills,
        orders=count.orders,
        cancels=count.cancels,
        refusals=count.refusals,
        signals=count.signals,
        bars=count.bars,
        ticks=count.ticks,
        errors=count.errors,
        gaps=count.gaps,
        worst_latency_ms=count.worst_latency_ms or None,
        ended=count.ended,
        updated_at=timezone.now(),
    )


def keep_days(rows: Sequence[StrategyDay]) -> None:
    """Write days as they stand now."""
    upsert(StrategyDay, rows, unique=("instance", "trading_day"), changes=DAY_COLUMNS)


def add_to_day(instance: int, day: int, change: float) -> None:
    """A day that is over has made so much more (yuan): at its settlement prices instead of its last ones."""
    rows = StrategyDay.objects.filter(instance=instance, trading_day=from_day_number(day))
    rows.update(profit=F("profit") + round(change, 6))
