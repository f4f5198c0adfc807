"""Days on paper as evidence: each trading day that an instance ran on a simulated account, once it is over.

A day passes that was run as a whole by one set of parameters: begun with the day, without a failure, a stop, a pause or
missed market data. What the runner has written of the day says so; beat looks for days without evidence.
"""

from datetime import datetime, timedelta

import structlog
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from marketdata.domain.calendar import to_day_number
from marketdata.instruments import contract_of
from quantsite.common.times import ns_to_utc
from strategies.choices import StageName
from strategies.domain.gates import EvidenceKind
from strategies.event_models import Evidence, StrategyLog
from strategies.metrics import PAPER_DAYS
from strategies.state_models import StrategyDay, StrategyState
from strategies.verbs.evidence import Finding, write_evidence

LATE = timedelta(minutes=15)
"""A day that was begun so long after its first session is no whole one; contracts without trades begin it late."""
QUIET = timedelta(minutes=90)
"""Where nobody tells the clock behind the close, nothing written for so long says that the day is over."""
AT_MOST = 200
"""Days judged by one look; the next one goes on."""

SPOILS = ("error", "failed", "flatten", "gap", "parameters", "paused", "stopped")
"""Lines that the runner writes of an instance; a day with one of them is no day of undisturbed running."""

NO_OPENING, BEGUN_LATE, NO_TICKS, ERRORS, GAPS = "no_opening", "begun_late", "no_ticks", "errors", "gaps"

log = structlog.get_logger(__name__)


def show_days() -> int:
    """Write the evidence of every day on paper that is over and has none; gives how many."""
    written = 0
    for day in _unshown()[:AT_MOST]:
        hours = _hours(day)
        if _is_over(day, hours[1]):
            _show(day, hours)
            written += 1
    return written


def faults(day: StrategyDay, opens: datetime, closes: datetime) -> list[str]:
    """Why a day is no whole one without a failure: codes, none where it is one. The hours are its sessions'."""
    found = []
    begun = _begun(day)
    if begun is None:
        found.append(NO_OPENING)
    elif begun > opens + LATE:
        found.append(BEGUN_LATE)
    found += [code for code, wrong in ((NO_TICKS, not day.ticks), (ERRORS, day.errors), (GAPS, day.gaps)) if wrong]
    lines = StrategyLog.objects.filter(instance=day.instance_id, kind__in=SPOILS, market_time__lt=closes)
    lines = lines.filter(market_time__gte=min(begun or opens, opens))
    return found + sorted(set(lines.values_list("kind", flat=True)))


def _unshown() -> QuerySet[StrategyDay]:
    shown = Evidence.objects.filter(
        kind=EvidenceKind.PAPER_DAY, instance=OuterRef("instance"), trading_day=OuterRef("trading_day")
    )
    days = StrategyDay.objects.filter(stage=StageName.PAPER).exclude(Exists(shown))
    return days.select_related("instance").order_by("trading_day", "pk")


def _hours(day: StrategyDay) -> tuple[datetime, datetime]:
    """When the first session of its contracts opens and the last one closes."""
    number = to_day_number(day.trading_day)
    legs = day.instance.legs.select_related("instrument__product__exchange")
    plans = [contract_of(leg.instrument).table.plan(number) for leg in legs]
    return ns_to_utc(min(plan.opens for plan in plans)), ns_to_utc(max(plan.closes for plan in plans))


def _is_over(day: StrategyDay, closes: datetime) -> bool:
    """The instance is in a later day, its clock is behind the close, or it came near it and fell silent."""
    if day.ended:
        return True
    state = StrategyState.objects.filter(pk=day.instance_id, trading_day__gte=day.trading_day).first()
    if state is None or state.trading_day is None or state.at is None:
        return False
    if state.trading_day > day.trading_day:
        return True
    silent = day.updated_at < timezone.now() - QUIET
    return state.at >= closes or (silent and state.at >= closes - LATE)


def _begun(day: StrategyDay) -> datetime | None:
    at = day.opening.get("at")
    return None if at is None else ns_to_utc(at)


def _show(day: StrategyDay, hours: tuple[datetime, datetime]) -> None:
    instance, found = day.instance, faults(day, *hours)
    finding = Finding(
        kind=EvidenceKind.PAPER_DAY,
        strategy=instance.strategy,
        passed=not found,
        parameters=day.parameters,
        interval=day.opening.get("interval", instance.interval),
        source_hash=day.opening.get("source_hash") or day.source_hash,
        instance_id=instance.pk,
        trading_day=day.trading_day,
        facts={
            "faults": found, "signals": day.signals, "orders": day.orders, "fills": day.fills,
            "profit": float(day.profit), "slippage": float(day.slippage),
        },
        reference=f"{instance.key} {day.trading_day}",
    )  # fmt: skip
    write_evidence(None, finding)
    PAPER_DAYS.labels("passed" if not found else "failed").inc()
    log.info("day on paper", strategy=instance.key, day=str(day.trading_day), passed=not found, faults=found)
