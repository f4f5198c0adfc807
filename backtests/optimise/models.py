"""Optimisations as rows: what was asked, the chunks of trials that workers claim, every trial's figures.

Trials are numbered from 0. Whatever a worker or the broker does, a number belongs to one chunk, a chunk to one
worker at a time, and a number has at most one row (docs/optimisation.md).
"""

from typing import TYPE_CHECKING, ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from guardian.models import GroupObjectPermissionBase, UserObjectPermissionBase

from backtests.states import FINAL_STATES, MAX_ATTEMPTS, OPEN_STATES, RunStatus
from marketdata.models import Instrument

if TYPE_CHECKING:
    from accounts.models import User

VIEW = "view_optimizationrun"
VIEW_EVERY = "view_every_optimizationrun"
CHANGE_EVERY = "change_every_optimizationrun"


class Method(models.TextChoices):
    """How the trials are chosen."""

    GRID = "grid", _("full grid")
    RANDOM = "random", _("random")
    TPE = "tpe", _("Bayesian (TPE)")
    NSGA2 = "nsga2", _("genetic (NSGA-II)")


LEARNING = (Method.TPE, Method.NSGA2)
"""Methods that choose a generation by the results of those before it."""


class AskedRun(models.Model):
    """The columns of whatever is asked for as a backtest is, with a space to search."""

    strategy = models.CharField(_("strategy"), max_length=64)
    instrument = models.ForeignKey(Instrument, on_delete=models.PROTECT, related_name="+", verbose_name=_("instrument"))
    legs = models.JSONField(
        _("further instruments"), default=list, blank=True, help_text=_("Codes, in the order of their legs from 1 on.")
    )
    interval = models.CharField(_("interval"), max_length=8)
    start = models.DateField(_("first trading day"), null=True, blank=True)
    end = models.DateField(_("last trading day"), null=True, blank=True)
    costs = models.JSONField(_("cost options"), default=dict, blank=True)
    capital = models.FloatField(_("capital"))
    volume = models.FloatField(_("volume"))
    close_at_end = models.BooleanField(_("close at the end"), default=False)
    rules = models.JSONField(_("rules"), default=dict, blank=True, help_text=_("Those that differ from the plain run."))
    form = models.CharField(_("form"), max_length=8, blank=True, help_text=_("Empty for the fastest there is."))
    seed = models.BigIntegerField(_("seed"), default=0)
    space = models.JSONField(_("search space"), help_text=_("Parameter -> a range or a list of values."))
    fixed = models.JSONField(_("fixed parameters"), default=dict, blank=True)
    method = models.CharField(_("method"), max_length=8, choices=Method.choices, default=Method.GRID)
    objectives = models.JSONField(_("objectives"), help_text=_("Statistics with their direction, the first one leads."))
    constraints = models.JSONField(_("constraints"), default=list, blank=True)
    trials_wanted = models.PositiveBigIntegerField(_("trials asked for"), null=True, blank=True)
    request_id = models.CharField(_("request id"), max_length=64, blank=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    status = models.CharField(_("status"), max_length=12, choices=RunStatus.choices, default=RunStatus.QUEUED)
    started_at = models.DateTimeField(_("started"), null=True, blank=True)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)
    error = models.TextField(_("error"), blank=True)
    timing = models.JSONField(_("timing"), default=dict, blank=True)

    class Meta:
        abstract = True

    @property
    def is_final(self) -> bool:
        """True once nothing changes any more, unless somebody resumes it."""
        return self.status in FINAL_STATES

    def codes(self) -> list[str]:
        """The instruments, the first leg first."""
        return [self.instrument.code, *self.legs]


class WalkForwardQuerySet(models.QuerySet["WalkForwardRun"]):
    """Reads that several doors share."""

    def visible_to(self, user: "User") -> Self:
        """Own ones; every one for those who may view every optimisation."""
        if not user.has_perm("backtests.view_walkforwardrun"):
            return self.none()
        return self if user.has_perm(f"backtests.{VIEW_EVERY}") else self.filter(owner=user)


class WalkForwardRun(AskedRun):
    """Windows of one period: each is optimised in sample, its best parameters then run out of sample."""

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="walk_forwards",
        verbose_name=_("owner"),
    )
    in_sample = models.PositiveIntegerField(_("in sample"), help_text=_("Trading days."))
    out_of_sample = models.PositiveIntegerField(_("out of sample"), help_text=_("Trading days."))
    step = models.PositiveIntegerField(_("step"), help_text=_("Trading days from window to window."))
    gap = models.PositiveIntegerField(_("gap"), default=0, help_text=_("Trading days left out between the two."))
    anchored = models.BooleanField(_("anchored"), default=False, help_text=_("Every window starts on the first day."))
    cancel_requested = models.BooleanField(_("cancel requested"), default=False)
    statistics = models.JSONField(_("statistics"), default=dict, blank=True, help_text=_("Out of sample, joined."))
    equity = models.JSONField(_("equity"), default=list, blank=True, help_text=_("Out of sample: day, equity, window."))
    summary = models.JSONField(_("in sample against out of sample"), default=dict, blank=True)

    objects: ClassVar[models.Manager["WalkForwardRun"]] = WalkForwardQuerySet.as_manager()

    class Meta:
        verbose_name = _("walk-forward run")
        verbose_name_plural = _("walk-forward runs")
        ordering = ["-id"]
        indexes = [models.Index(fields=["owner", "-id"], name="walk_forward_owner")]

    def __str__(self) -> str:
        return f"#{self.pk} {self.strategy} {self.instrument.code} {self.interval}"


class OptimizationQuerySet(models.QuerySet["OptimizationRun"]):
    """Reads that several doors share."""

    def visible_to(self, user: "User") -> Self:
        """Own and shared ones; every one for those who may view every one; none without the model permission."""
        if not user.has_perm(f"backtests.{VIEW}"):
            return self.none()
        if user.has_perm(f"backtests.{VIEW_EVERY}"):
            return self
        by_user = OptimizationRunUserObjectPermission.objects.filter(user=user, permission__codename=VIEW)
        by_group = OptimizationRunGroupObjectPermission.objects.filter(
            group__in=user.groups.all(), permission__codename=VIEW
        )
        return self.filter(
            Q(owner=user) | Q(pk__in=by_user.values("content_object")) | Q(pk__in=by_group.values("content_object"))
        )

    def open(self) -> Self:
        """Those that are not over."""
        return self.filter(status__in=OPEN_STATES)

    def for_the_site(self) -> Self:
        """Those that the site's workers may take: not held by a command, or by one that has gone silent."""
        return self.filter(Q(held_until=None) | Q(held_until__lt=Now()))

    def idle(self) -> Self:
        """Those on which nobody works at this moment, or of which a silent worker holds a part."""
        chunks = TrialChunk.objects.filter(run=OuterRef("pk"))
        return self.filter(
            (~Exists(chunks.filter(status=RunStatus.RUNNING, lease_until__gte=Now())) & ~Q(lease_until__gte=Now()))
            | Exists(chunks.filter(status=RunStatus.RUNNING, lease_until__lt=Now()))
        )


class OptimizationRun(AskedRun):
    """One optimisation: the request, how far it is, and what came out.

    ``claimed_by``, ``lease_until`` and ``attempt`` are those of the one *step* that only one worker may do at a
    time: choosing the next generation, or finishing. ``held_by`` and ``held_until`` keep an optimisation of a
    command from the site's workers while the command lives.
    """

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="optimizations",
        verbose_name=_("owner"),
        help_text=_("Empty for runs of the system, which administrators see."),
    )
    walk_forward = models.ForeignKey(
        WalkForwardRun, on_delete=models.CASCADE, null=True, blank=True, related_name="optimizations"
    )
    # how far it is
    total = models.PositiveBigIntegerField(_("trials"), help_text=_("Numbers to be worked off, refused ones too."))
    next_trial = models.PositiveBigIntegerField(_("next trial"), default=0)
    done = models.PositiveBigIntegerField(_("trials done"), default=0)
    skipped = models.PositiveBigIntegerField(_("refused combinations"), default=0)
    failed = models.PositiveBigIntegerField(_("failed trials"), default=0)
    feasible = models.PositiveBigIntegerField(_("feasible trials"), default=0)
    generation = models.PositiveIntegerField(_("generation"), default=0)
    trial_seconds = models.FloatField(_("seconds a trial"), null=True, blank=True)
    claimed_by = models.CharField(_("worker"), max_length=128, blank=True)
    lease_until = models.DateTimeField(_("lease until"), null=True, blank=True)
    attempt = models.PositiveSmallIntegerField(_("attempt"), default=0)
    held_by = models.CharField(_("held by"), max_length=128, blank=True)
    held_until = models.DateTimeField(_("held until"), null=True, blank=True)
    woken_at = models.DateTimeField(_("last woken"), null=True, blank=True)
    # what came out
    best = models.JSONField(_("best trial"), default=dict, blank=True)
    front = models.JSONField(_("Pareto front"), default=list, blank=True, help_text=_("Numbers of trials."))
    overfitting = models.JSONField(_("overfitting"), default=dict, blank=True)
    warnings = models.JSONField(_("warnings"), default=list, blank=True)
    data_hash = models.CharField(_("data hash"), max_length=64, blank=True)
    source_hash = models.CharField(_("source hash"), max_length=64, blank=True)
    engine_version = models.CharField(_("engine version"), max_length=32, blank=True)
    cost_table = models.JSONField(_("cost table"), default=dict, blank=True)

    objects: ClassVar[models.Manager["OptimizationRun"]] = OptimizationQuerySet.as_manager()

    class Meta:
        verbose_name = _("optimisation")
        verbose_name_plural = _("optimisations")
        ordering = ["-id"]
        permissions = [
            (VIEW_EVERY, _("Can view every optimisation")),
            (CHANGE_EVERY, _("Can cancel and share every optimisation")),
        ]
        indexes = [
            # the list of one researcher, newest first
            models.Index(fields=["owner", "-id"], name="optimization_owner"),
            # the sockets' poller asks for what has just finished
            models.Index(fields=["finished_at"], name="optimization_finished"),
            # the sweep and the poller look at open ones only: few of many
            models.Index(fields=["status"], name="optimization_open", condition=Q(status__in=OPEN_STATES)),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(capital__gt=0), name="optimization_capital"),
            models.CheckConstraint(condition=Q(volume__gte=1), name="optimization_volume"),
        ]

    def __str__(self) -> str:
        return f"#{self.pk} {self.strategy} {self.instrument.code} {self.interval}"

    @property
    def progress(self) -> float:
        """The share of the numbers that are worked off, 0 to 1."""
        worked_off = self.done + self.failed + (self.skipped if self.method == Method.GRID else 0)
        return worked_off / self.total if self.total else 0.0


class ChunkQuerySet(models.QuerySet["TrialChunk"]):
    """The states of a claim."""

    def claimable(self) -> Self:
        """Chunks that a worker may take now: planned, or left by a silent worker with attempts to spare."""
        left = Q(status=RunStatus.RUNNING, lease_until__lt=Now(), attempt__lt=MAX_ATTEMPTS)
        return self.filter(Q(status=RunStatus.QUEUED) | left)

    def held_by(self, chunk_id: int, worker: str, attempt: int) -> Self:
        """The chunk if exactly this claim still holds it and its optimisation goes on, else nothing."""
        return self.filter(
            pk=chunk_id,
            status=RunStatus.RUNNING,
            claimed_by=worker,
            attempt=attempt,
            run__status=RunStatus.RUNNING,
        )


class TrialChunk(models.Model):
    """The trials ``first`` to ``last`` (both included) of an optimisation: a second or so of work for one worker."""

    run = models.ForeignKey(OptimizationRun, on_delete=models.CASCADE, related_name="chunks")
    first = models.PositiveBigIntegerField(_("first trial"))
    last = models.PositiveBigIntegerField(_("last trial"))
    points = models.JSONField(
        _("points"), null=True, blank=True, help_text=_("Parameters by number; empty where the number says them.")
    )
    generation = models.PositiveIntegerField(_("generation"), default=0)
    status = models.CharField(_("status"), max_length=12, choices=RunStatus.choices, default=RunStatus.QUEUED)
    claimed_by = models.CharField(_("worker"), max_length=128, blank=True)
    lease_until = models.DateTimeField(_("lease until"), null=True, blank=True)
    attempt = models.PositiveSmallIntegerField(_("attempt"), default=0)
    seconds = models.FloatField(_("seconds"), default=0.0)
    returns = models.BinaryField(_("daily returns"), null=True, blank=True)

    objects: ClassVar[models.Manager["TrialChunk"]] = ChunkQuerySet.as_manager()

    class Meta:
        verbose_name = _("chunk of trials")
        verbose_name_plural = _("chunks of trials")
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["run", "first"], name="trial_chunk_first")]
        indexes = [
            # a worker looks for what is left; done chunks are never looked at again
            models.Index(
                fields=["run", "status", "lease_until"], name="trial_chunk_open", condition=Q(status__in=OPEN_STATES)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.run_id}/{self.first}-{self.last}"


class Trial(models.Model):
    """One point of the space: its parameters and its figures; ``error`` where the strategy failed on it."""

    pk = models.CompositePrimaryKey("run_id", "number")
    run = models.ForeignKey(OptimizationRun, on_delete=models.CASCADE, related_name="trials", db_index=False)
    number = models.PositiveBigIntegerField(_("number"))
    parameters = models.JSONField(_("parameters"))
    net_profit = models.FloatField(_("net profit"), null=True)
    fills = models.PositiveBigIntegerField(_("fills"), null=True)
    result_hash = models.CharField(_("result hash"), max_length=64, blank=True)
    sharpe = models.FloatField(_("Sharpe"), null=True)
    score = models.FloatField(_("score"), null=True, help_text=_("The first objective, the higher the better."))
    objectives = models.JSONField(_("objectives"), default=list)
    feasible = models.BooleanField(_("feasible"), default=False)
    generation = models.PositiveIntegerField(_("generation"), default=0)
    statistics = models.JSONField(_("statistics"), default=dict)
    error = models.TextField(_("error"), blank=True)

    class Meta:
        verbose_name = _("trial")
        verbose_name_plural = _("trials")
        default_permissions = ()
        indexes = [
            # the result page shows the best first
            models.Index(fields=["run", "-score", "number"], name="trial_score"),
        ]

    def __str__(self) -> str:
        return f"{self.run_id}/{self.number}"


class TrialCount(models.Model):
    """How many trials a lineage (a strategy on a set of instruments) has ever seen; never lowered."""

    strategy = models.CharField(_("strategy"), max_length=64)
    instruments = models.CharField(_("instruments"), max_length=255, help_text=_("Codes in order, joined by +."))
    trials = models.PositiveBigIntegerField(_("trials"), default=0)

    class Meta:
        verbose_name = _("number of trials")
        verbose_name_plural = _("numbers of trials")
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["strategy", "instruments"], name="trial_count_lineage")]

    def __str__(self) -> str:
        return f"{self.strategy} {self.instruments}: {self.trials}"


class WalkForwardWindow(models.Model):
    """One window: its days, its optimisation in sample, and what its best parameters did out of sample."""

    pk = models.CompositePrimaryKey("run_id", "number")
    run = models.ForeignKey(WalkForwardRun, on_delete=models.CASCADE, related_name="windows", db_index=False)
    number = models.PositiveIntegerField(_("number"))
    in_first = models.DateField(_("first day in sample"))
    in_last = models.DateField(_("last day in sample"))
    out_first = models.DateField(_("first day out of sample"))
    out_last = models.DateField(_("last day out of sample"))
    optimization = models.OneToOneField(
        OptimizationRun, on_delete=models.PROTECT, related_name="window", verbose_name=_("optimisation")
    )
    parameters = models.JSONField(_("parameters"), default=dict, blank=True)
    in_statistics = models.JSONField(_("statistics in sample"), default=dict, blank=True)
    out_statistics = models.JSONField(_("statistics out of sample"), default=dict, blank=True)

    class Meta:
        verbose_name = _("walk-forward window")
        verbose_name_plural = _("walk-forward windows")
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.run_id}/{self.number}"


class OptimizationRunUserObjectPermission(UserObjectPermissionBase):
    """An optimisation shared with one person."""

    content_object = models.ForeignKey(OptimizationRun, on_delete=models.CASCADE)

    class Meta(UserObjectPermissionBase.Meta):
        verbose_name = _("shared with a person")
        verbose_name_plural = _("shared with people")
        default_permissions = ()


class OptimizationRunGroupObjectPermission(GroupObjectPermissionBase):
    """An optimisation shared with a group."""

    content_object = models.ForeignKey(OptimizationRun, on_delete=models.CASCADE)

    class Meta(GroupObjectPermissionBase.Meta):
        verbose_name = _("shared with a group")
        verbose_name_plural = _("shared with groups")
        default_permissions = ()
