"""Backtest runs as rows: what was asked, who works on it, what came out.

A row is the truth and a message only wakes a worker (docs/backtests.md). Figures of a simulation are kept as
float8, exactly as the engine computed them: a ``numeric`` column would round inside, and the page, the report
and the file of one run could then differ from its hash.
"""

from typing import TYPE_CHECKING, ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from guardian.models import GroupObjectPermissionBase, UserObjectPermissionBase

from backtests.drift.models import DriftReport
from backtests.optimise.models import OptimizationRun
from backtests.states import FINAL_STATES, LEASE, MAX_ATTEMPTS, OPEN_STATES, RunStatus
from marketdata.models import Instrument

if TYPE_CHECKING:
    from accounts.models import User

__all__ = [
    "CHANGE_EVERY",
    "FINAL_STATES",
    "LEASE",
    "MAX_ATTEMPTS",
    "OPEN_STATES",
    "VIEW",
    "VIEW_EVERY",
    "BacktestDay",
    "BacktestFill",
    "BacktestRun",
    "BacktestRunGroupObjectPermission",
    "BacktestRunUserObjectPermission",
    "DriftReport",
    "OptimizationRun",
    "RunQuerySet",
    "RunStatus",
]

VIEW = "view_backtestrun"
VIEW_EVERY = "view_every_backtestrun"
CHANGE_EVERY = "change_every_backtestrun"


class RunQuerySet(models.QuerySet["BacktestRun"]):
    """Reads that several doors share."""

    def visible_to(self, user: "User") -> Self:
        """Own and shared runs; every run for those who may view every one; none without the model permission."""
        if not user.has_perm(f"backtests.{VIEW}"):
            return self.none()
        if user.has_perm(f"backtests.{VIEW_EVERY}"):
            return self
        by_user = BacktestRunUserObjectPermission.objects.filter(user=user, permission__codename=VIEW)
        by_group = BacktestRunGroupObjectPermission.objects.filter(
            group__in=user.groups.all(), permission__codename=VIEW
        )
        return self.filter(
            Q(owner=user) | Q(pk__in=by_user.values("content_object")) | Q(pk__in=by_group.values("content_object"))
        )

    def queued(self) -> Self:
        """Runs that wait for a worker."""
        return self.filter(status=RunStatus.QUEUED)

    def expired(self) -> Self:
        """Runs whose worker has been silent for a whole lease, by the database's clock."""
        return self.filter(status=RunStatus.RUNNING, lease_until__lt=Now())

    def claimable(self) -> Self:
        """Runs that a worker may take now: queued, or left by a silent worker with attempts to spare."""
        left = Q(status=RunStatus.RUNNING, lease_until__lt=Now(), attempt__lt=MAX_ATTEMPTS, cancel_requested=False)
        return self.filter(Q(status=RunStatus.QUEUED) | left)

    def held_by(self, run_id: int, worker: str, attempt: int) -> Self:
        """The run if exactly this claim still holds it, else nothing: every write of a worker goes through here."""
        return self.filter(pk=run_id, status=RunStatus.RUNNING, claimed_by=worker, attempt=attempt)


class BacktestRun(models.Model):
    """One backtest: the request, the claim of a worker on it, and its result."""

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="backtest_runs",
        verbose_name=_("owner"),
        help_text=_("Empty for runs of the system, which administrators see."),
    )
    # what was asked
    strategy = models.CharField(_("strategy"), max_length=64)
    instrument = models.ForeignKey(Instrument, on_delete=models.PROTECT, related_name="+", verbose_name=_("instrument"))
    interval = models.CharField(_("interval"), max_length=8)
    start = models.DateField(_("first trading day"), null=True, blank=True)
    end = models.DateField(_("last trading day"), null=True, blank=True)
    parameters = models.JSONField(_("parameters"), default=dict, blank=True)
    costs = models.JSONField(_("cost options"), default=dict, blank=True)
    capital = models.FloatField(_("capital"))
    volume = models.FloatField(_("volume"))
    close_at_end = models.BooleanField(_("close at the end"), default=False)
    seed = models.BigIntegerField(_("seed"), null=True, blank=True)
    rules = models.JSONField(_("rules"), default=dict, blank=True, help_text=_("Those that differ from the plain run."))
    legs = models.JSONField(
        _("further instruments"), default=list, blank=True, help_text=_("Codes, in the order of their legs from 1 on.")
    )
    form = models.CharField(_("form"), max_length=8, blank=True, help_text=_("Empty for the fastest there is."))
    again_of = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="again", verbose_name=_("again of")
    )
    request_id = models.CharField(_("request id"), max_length=64, blank=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    # who works on it
    status = models.CharField(_("status"), max_length=12, choices=RunStatus.choices, default=RunStatus.QUEUED)
    progress = models.FloatField(_("progress"), default=0.0)
    claimed_by = models.CharField(_("worker"), max_length=128, blank=True)
    lease_until = models.DateTimeField(_("lease until"), null=True, blank=True)
    attempt = models.PositiveSmallIntegerField(_("attempt"), default=0)
    cancel_requested = models.BooleanField(_("cancel requested"), default=False)
    woken_at = models.DateTimeField(_("last woken"), null=True, blank=True)
    started_at = models.DateTimeField(_("started"), null=True, blank=True)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)
    # what came out
    error = models.TextField(_("error"), blank=True)
    warnings = models.JSONField(_("warnings"), default=list, blank=True)
    # On how sound data the run rests, as it was known then (data_quality.py); no part of the result.
    data_quality = models.JSONField(_("data quality"), default=dict, blank=True)
    result_hash = models.CharField(_("result hash"), max_length=64, blank=True)
    data_hash = models.CharField(_("data hash"), max_length=64, blank=True)
    source_hash = models.CharField(_("source hash"), max_length=64, blank=True)
    engine_version = models.CharField(_("engine version"), max_length=32, blank=True)
    cost_table = models.JSONField(_("cost table"), default=dict, blank=True)
    statistics = models.JSONField(_("statistics"), default=dict, blank=True)
    timing = models.JSONField(_("timing"), default=dict, blank=True)
    bar_count = models.PositiveBigIntegerField(_("bars"), null=True, blank=True)
    first_bar = models.DateTimeField(_("first bar"), null=True, blank=True)
    last_bar = models.DateTimeField(_("last bar"), null=True, blank=True)
    fill_count = models.PositiveBigIntegerField(_("fills"), null=True, blank=True)
    end_equity = models.FloatField(_("end equity"), null=True, blank=True)
    net_profit = models.FloatField(_("net profit"), null=True, blank=True)
    commission = models.FloatField(_("commission"), null=True, blank=True)
    slippage = models.FloatField(_("slippage"), null=True, blank=True)
    # out of the statistics, so that a list of runs can be sorted by them
    total_return = models.FloatField(_("net return"), null=True, blank=True)
    max_drawdown = models.FloatField(_("max drawdown"), null=True, blank=True)
    sharpe = models.FloatField(_("Sharpe"), null=True, blank=True)
    trade_count = models.PositiveBigIntegerField(_("trades"), null=True, blank=True)

    objects: ClassVar[models.Manager["BacktestRun"]] = RunQuerySet.as_manager()

    class Meta:
        verbose_name = _("backtest run")
        verbose_name_plural = _("backtest runs")
        ordering = ["-id"]
        permissions = [
            (VIEW_EVERY, _("Can view every backtest run")),
            (CHANGE_EVERY, _("Can cancel and share every backtest run")),
        ]
        indexes = [
            # the list of one researcher, newest first
            models.Index(fields=["owner", "-id"], name="backtest_run_owner"),
            # the sockets' poller asks for what has just finished, the metrics for the last hours
            models.Index(fields=["finished_at"], name="backtest_run_finished"),
            # the sweep and the poller look at open runs only: few of many
            models.Index(
                fields=["status", "lease_until"], name="backtest_run_open", condition=Q(status__in=OPEN_STATES)
            ),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(capital__gt=0), name="backtest_run_capital"),
            models.CheckConstraint(condition=Q(volume__gte=1), name="backtest_run_volume"),
        ]

    def __str__(self) -> str:
        return f"#{self.pk} {self.strategy} {self.shown_instruments} {self.interval}"

    @property
    def shown_instruments(self) -> str:
        """The first instrument's code, and how many more there are."""
        return self.instrument.code + (f" +{len(self.legs)}" if self.legs else "")

    @property
    def is_final(self) -> bool:
        """True once nothing about the run can change any more."""
        return self.status in FINAL_STATES


class BacktestFill(models.Model):
    """One fill of a run, in the order of the fills; ``start`` is the start of the bar that filled.

    PostgreSQL checks no reference here: one by one they took a third of a run's time. They are inserted while the
    run's row is locked, and a trigger deletes them with it (migration 0006).
    """

    pk = models.CompositePrimaryKey("run_id", "seq")
    run = models.ForeignKey(
        BacktestRun, on_delete=models.CASCADE, related_name="fills", db_index=False, db_constraint=False
    )
    seq = models.PositiveIntegerField(_("number"))
    start = models.DateTimeField(_("bar"))
    trading_day = models.DateField(_("trading day"))
    direction = models.SmallIntegerField(_("direction"))
    offset = models.SmallIntegerField(_("offset"))
    price = models.FloatField(_("price"))
    volume = models.FloatField(_("volume"))
    commission = models.FloatField(_("commission"))
    slippage = models.FloatField(_("slippage"))
    profit = models.FloatField(_("close profit"))
    leg = models.SmallIntegerField(_("leg"), default=0)

    class Meta:
        verbose_name = _("backtest fill")
        verbose_name_plural = _("backtest fills")
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.run_id}/{self.seq}"


class BacktestDay(models.Model):
    """One trading day of a run, marked at its last bar's close."""

    pk = models.CompositePrimaryKey("run_id", "trading_day")
    run = models.ForeignKey(
        BacktestRun, on_delete=models.CASCADE, related_name="days", db_index=False, db_constraint=False
    )
    trading_day = models.DateField(_("trading day"))
    equity = models.FloatField(_("equity"))
    net_profit = models.FloatField(_("net profit"))
    commission = models.FloatField(_("commission"))
    slippage = models.FloatField(_("slippage"))
    drawdown = models.FloatField(_("drawdown"))
    margin = models.FloatField(_("margin"))
    position = models.FloatField(_("position"))

    class Meta:
        verbose_name = _("backtest day")
        verbose_name_plural = _("backtest days")
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.run_id}/{self.trading_day}"


class BacktestRunUserObjectPermission(UserObjectPermissionBase):
    """A run shared with one person."""

    content_object = models.ForeignKey(BacktestRun, on_delete=models.CASCADE)

    class Meta(UserObjectPermissionBase.Meta):
        verbose_name = _("shared with a person")
        verbose_name_plural = _("shared with people")
        default_permissions = ()


class BacktestRunGroupObjectPermission(GroupObjectPermissionBase):
    """A run shared with a group."""

    content_object = models.ForeignKey(BacktestRun, on_delete=models.CASCADE)

    class Meta(GroupObjectPermissionBase.Meta):
        verbose_name = _("shared with a group")
        verbose_name_plural = _("shared with groups")
        default_permissions = ()
