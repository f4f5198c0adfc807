"""A strategy's trading day held against a run on the day's recorded data. Part of the app's models.

The row is asked for, claimed and filled like a backtest run: whoever computes it holds it by a guarded update.
"""

from typing import TYPE_CHECKING, ClassVar, Self

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from backtests.states import MAX_ATTEMPTS, OPEN_STATES, RunStatus
from quantsite.common.texts import respoken
from strategies.models import StrategyInstance

if TYPE_CHECKING:
    from accounts.models import User


class DriftQuerySet(models.QuerySet["DriftReport"]):
    """Reads of comparisons."""

    def visible_to(self, user: "User") -> Self:
        """Those of the instances that the person may see."""
        return self.filter(instance__in=StrategyInstance.objects.visible_to(user).order_by())

    def claimable(self) -> Self:
        """Those that a worker may take now: queued, or left by a silent worker with attempts to spare."""
        left = Q(status=RunStatus.RUNNING, lease_until__lt=Now(), attempt__lt=MAX_ATTEMPTS)
        return self.filter(Q(status=RunStatus.QUEUED) | left)

    def held_by(self, report_id: int, worker: str, attempt: int) -> Self:
        """The report if exactly this claim still holds it, else nothing."""
        return self.filter(pk=report_id, status=RunStatus.RUNNING, claimed_by=worker, attempt=attempt)


class DriftReport(models.Model):
    """One instance, one trading day. ``rows`` are the differences, each with its class; ``alike`` counts the rest.

    ``counts`` and ``costs`` are by class; a cost is by how many yuan the day ended worse live, before commission.
    ``passed``: every difference is explained, and the code that decided is the code that was run.
    """

    instance = models.ForeignKey(
        StrategyInstance, models.PROTECT, related_name="drift", verbose_name=_("strategy"), db_index=False
    )
    trading_day = models.DateField(_("trading day"))
    status = models.CharField(_("status"), max_length=12, choices=RunStatus.choices, default=RunStatus.QUEUED)
    claimed_by = models.CharField(_("worker"), max_length=128, blank=True)
    lease_until = models.DateTimeField(_("lease until"), null=True, blank=True)
    attempt = models.PositiveSmallIntegerField(_("attempt"), default=0)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    started_at = models.DateTimeField(_("started"), null=True, blank=True)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)
    error = models.JSONField(_("error"), null=True, blank=True)
    # what came out
    source_hash = models.CharField(_("source hash"), max_length=64, blank=True)
    run_source_hash = models.CharField(_("source hash of the run"), max_length=64, blank=True)
    began = models.CharField(_("began from"), max_length=8, blank=True)
    alike = models.JSONField(_("alike"), default=dict, blank=True)
    counts = models.JSONField(_("differences by class"), default=dict, blank=True)
    costs = models.JSONField(_("cost by class (yuan)"), default=dict, blank=True)
    rows = models.JSONField(_("differences"), default=list, blank=True)
    rows_left_out = models.PositiveIntegerField(_("differences left out"), default=0)
    unexplained = models.PositiveIntegerField(_("unexplained"), default=0)
    cost = models.FloatField(_("cost (yuan)"), default=0.0)
    passed = models.BooleanField(_("passed"), null=True, blank=True)

    objects: ClassVar[models.Manager["DriftReport"]] = DriftQuerySet.as_manager()

    class Meta:
        verbose_name = _("day held against the backtester")
        verbose_name_plural = _("days held against the backtester")
        ordering = ["-trading_day", "instance"]
        default_permissions = ()  # seen with the instance
        constraints = [models.UniqueConstraint(fields=["instance", "trading_day"], name="backtest_drift_once")]
        indexes = [
            # the worker looks at open ones only: few of many
            models.Index(
                fields=["status", "lease_until"], name="backtest_drift_open", condition=Q(status__in=OPEN_STATES)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.instance_id} {self.trading_day} {self.status}"

    @property
    def told_error(self) -> str:
        """Why there is no result, in the reader's language; empty where there is one."""
        return str(respoken(self.error)) if self.error else ""
