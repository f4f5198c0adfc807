"""Computes a claimed comparison: the live day, the run on its recorded data, and why they differ where they do."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import F, Max, QuerySet
from django.db.models.functions import Now

from accounts.alarms import clear_alarm, raise_alarm
from accounts.models import Severity
from backtests.alarms import DRIFT, UNEXPLAINED, drift_subject
from backtests.claims import Leased, LeaseLostError, worker_name
from backtests.domain.drift.classes import Drift, drift
from backtests.drift.circumstances import circumstances
from backtests.drift.live import Window, live_record
from backtests.drift.models import DriftReport
from backtests.drift.replay import instruments_on, replay
from backtests.drift.rows import document_of
from backtests.states import LEASE, RunStatus
from marketdata.domain.calendar import to_day_number
from marketdata.instruments import contract_of
from quantsite.common.errors import RuleError
from quantsite.common.texts import Kept, kept, stored
from quantsite.common.times import ns_to_utc
from strategies.domain.gates import EvidenceKind
from strategies.models import StrategyDay, StrategyInstance
from strategies.services import Finding, write_evidence

MOST_ROWS = 1_000
"""Differences kept with a report: who has more has one cause, and the counts have all of them."""

AFTER = timedelta(minutes=20)
"""So long after the last session decisions still belong to the day: the last bar closes by the clock."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class DriftClaim(Leased):
    """The right to write to one report."""

    report_id: int
    worker: str
    attempt: int

    def row(self) -> QuerySet[Any]:
        """The report while the claim holds, else nothing."""
        return DriftReport.objects.all().held_by(self.report_id, self.worker, self.attempt)


def claim_report(report_id: int) -> DriftClaim | None:
    """Take a report; None where it is not to be had."""
    worker = worker_name()
    with transaction.atomic():
        taken = DriftReport.objects.all().claimable().filter(pk=report_id).update(
            status=RunStatus.RUNNING,
            claimed_by=worker,
            lease_until=Now() + LEASE,
            attempt=F("attempt") + 1,
            started_at=Now(),
        )  # fmt: skip
        if not taken:
            return None
        attempt = DriftReport.objects.values_list("attempt", flat=True).get(pk=report_id)
    return DriftClaim(report_id, worker, attempt)


def execute(claim: DriftClaim) -> None:
    """Compare and store; a fault is stored as its sentence. Raises only where the database is away."""
    with structlog.contextvars.bound_contextvars(drift=claim.report_id, attempt=claim.attempt):
        try:
            report = DriftReport.objects.select_related("instance__account", "instance__owner").get(pk=claim.report_id)
            with claim.kept():
                found, columns = compared(report)
            _store(claim, report, found, columns)
        except LeaseLostError:
            log.warning("comparison lost its lease")
        except RuleError as error:
            _fail(claim, Kept(error.text.replace("%", "%%")))
        except (OperationalError, InterfaceError):
            raise
        except Exception:  # a strategy may raise anything; the row must say that it is over
            log.exception("comparison failed")
            _fail(claim, kept("The comparison stopped on an internal error; the log has the details."))


def compared(report: DriftReport) -> tuple[Drift, dict[str, Any]]:
    """The comparison of a day and the columns that it fills. Raises ``RuleError``."""
    instance = report.instance
    day = StrategyDay.objects.get(instance=instance, trading_day=report.trading_day)
    window = window_of(instance, report)
    other = replay(instance, day)
    live = live_record(instance, day, window, tuple(other.record.positions))
    found = drift(live, other.record, circumstances(instance, day, other, window))
    columns = {
        **document_of(found, other.instruments, MOST_ROWS),
        "source_hash": live.source_hash,
        "run_source_hash": other.record.source_hash,
        "began": other.began,
    }
    return found, columns


def window_of(instance: StrategyInstance, report: DriftReport) -> Window:
    """From the opening auction of the day to a while after its last session."""
    number = to_day_number(report.trading_day)
    plans = [contract_of(each).table.plan(number) for each in instruments_on(instance, report.trading_day)]
    return Window(ns_to_utc(min(plan.accepts for plan in plans)), ns_to_utc(max(plan.closes for plan in plans)) + AFTER)


def _store(claim: DriftClaim, report: DriftReport, found: Drift, columns: dict[str, Any]) -> None:
    """The result, its evidence and its alarm in one transaction, or nothing. Raises ``LeaseLostError``."""
    with transaction.atomic():
        if not claim.row().select_for_update().exists():
            raise LeaseLostError
        claim.row().update(status=RunStatus.SUCCEEDED, finished_at=Now(), lease_until=None, error=None, **columns)
        _show(report, found, columns)
        _tell(report, found)
    log.info("day compared", instance=report.instance.key, passed=found.passed, **found.counts)


def _show(report: DriftReport, found: Drift, columns: dict[str, Any]) -> None:
    instance = report.instance
    day = StrategyDay.objects.get(instance=instance, trading_day=report.trading_day)
    finding = Finding(
        kind=EvidenceKind.DRIFT,
        strategy=instance.strategy,
        passed=found.passed,
        parameters=day.parameters,
        interval=instance.interval,
        source_hash=columns["source_hash"] or columns["run_source_hash"],
        instance_id=instance.pk,
        trading_day=report.trading_day,
        facts={"alike": columns["alike"], "counts": found.counts, "cost": found.cost, "report": report.pk},
        reference=f"drift {report.pk}",
    )
    write_evidence(None, finding)


def _tell(report: DriftReport, found: Drift) -> None:
    """An alarm while the newest compared day has differences that nothing explains."""
    newest = DriftReport.objects.filter(instance=report.instance, status=RunStatus.SUCCEEDED)
    if newest.aggregate(day=Max("trading_day"))["day"] != report.trading_day:
        return
    subject = drift_subject(report.instance.key)
    if found.unexplained:
        given: dict[str, str | int | Kept | list[Kept]] = {
            "key": report.instance.key,
            "day": str(report.trading_day),
            "count": found.unexplained,
        }
        raise_alarm(DRIFT, subject, UNEXPLAINED, Severity.WARNING, given)
    else:
        clear_alarm(DRIFT, subject)


def _fail(claim: DriftClaim, error: Any) -> None:
    claim.row().update(status=RunStatus.FAILED, error=stored(error), finished_at=Now(), lease_until=None)
