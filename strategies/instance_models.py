"""Strategy instances: what people ask for, and whom they are shared with. Part of the app's models.

People write what an instance is and what it shall do (``strategies/services.py``); only the holder of the lease
``strategies`` writes ``health``, ``failure_*``, ``flatten_done`` and ``told_at``.
"""

from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from guardian.models import GroupObjectPermissionBase, UserObjectPermissionBase

from marketdata.fact_rows import money
from marketdata.models import Instrument
from quantsite.web.retold import retold_values
from strategies.choices import GATE_STAGES, ActivityName, EvidenceName, Health, OnFailure, StageName
from strategies.domain.gates import EvidenceKind, Gate
from strategies.domain.lifecycle import ON_PAPER, RUNNABLE, Activity, Stage, State, status
from trading.account_models import TradingAccount

if TYPE_CHECKING:
    from accounts.models import User

VIEW = "view_strategyinstance"
VIEW_EVERY = "view_every_strategyinstance"
ADD = "add_strategyinstance"
CHANGE = "change_strategyinstance"
CHANGE_EVERY = "change_every_strategyinstance"
OPERATE = "operate_strategyinstance"
OPERATE_EVERY = "operate_every_strategyinstance"
HALT_EVERY = "halt_every_strategyinstance"
APPROVE = "approve_strategyinstance"
SHARE = "share_strategyinstance"

LEASE = "strategies"
"""The lease that makes its holder the one that runs strategies; with ``:<n>`` behind it, one shard of them."""

RAN = tuple(stage.value for stage in RUNNABLE)


class InstanceQuerySet(models.QuerySet["StrategyInstance"]):
    """Reads that several doors share."""

    def visible_to(self, user: "User") -> Self:
        """Own and granted instances; every one for those who may view every one; none without the model permission."""
        if not user.has_perm(f"strategies.{VIEW}"):
            return self.none()
        if user.has_perm(f"strategies.{VIEW_EVERY}"):
            return self
        return self.filter(Q(owner=user) | Q(pk__in=self.granted(user, VIEW, OPERATE, APPROVE).values("pk")))

    def granted(self, user: "User", *codenames: str) -> "models.QuerySet[StrategyInstance]":
        """Those on which the person or a group of theirs holds one of these permissions as a grant of its own."""
        wanted = {"permission__codename__in": codenames}
        own = StrategyInstanceUserObjectPermission.objects.filter(user=user, **wanted)
        shared = StrategyInstanceGroupObjectPermission.objects.filter(group__in=user.groups.all(), **wanted)
        given = Q(pk__in=own.values("content_object")) | Q(pk__in=shared.values("content_object"))
        return StrategyInstance.objects.filter(given).order_by()

    def to_run(self) -> Self:
        """Those that a runner must look after: running, paused, or asked to close what they hold."""
        wanted = ~Q(activity=ActivityName.STOPPED) | Q(flatten_done__lt=F("flatten_asked"))
        return self.filter(wanted).exclude(stage=StageName.RETIRED)

    def on_duty(self) -> Self:
        """Those that people want to run or have paused."""
        return self.filter(stage__in=RAN).exclude(activity=ActivityName.STOPPED)


class StrategyInstance(models.Model):
    """One strategy with its parameters, on its instruments and one account.

    ``version`` goes up with every change of its terms and of its stage: who decides on what he has seen names it.
    Its orders carry ``key`` as their strategy. Its virtual position is what its own orders have filled.
    """

    key = models.SlugField(_("key"), max_length=80, unique=True, help_text=_("Its orders carry it as their strategy."))
    title = models.CharField(_("title"), max_length=120, blank=True)
    note = models.TextField(_("note"), blank=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="strategy_instances",
        verbose_name=_("owner"),
        help_text=_("Empty for those of the system, which administrators see."),
    )
    # what it is
    strategy = models.CharField(_("strategy"), max_length=64)
    parameters = models.JSONField(_("parameters"), default=dict, blank=True)
    parameters_version = models.PositiveIntegerField(_("version of the parameters"), default=1, editable=False)
    account = models.ForeignKey(
        TradingAccount, models.PROTECT, related_name="strategies", verbose_name=_("account"), help_text=_("In use now.")
    )
    live_account = models.ForeignKey(
        TradingAccount,
        models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
        verbose_name=_("account for going live"),
        help_text=_("Approved together with the instance."),
    )
    interval = models.CharField(_("interval"), max_length=8, help_text=_("Of its bars, or tick."))
    unit = models.PositiveIntegerField(_("lots a unit"), default=1, help_text=_("A target of 1 holds so many lots."))
    seed = models.BigIntegerField(_("seed"), default=0)
    follow_main = models.BooleanField(
        _("follow the main contract"),
        default=False,
        help_text=_("It rolls when another contract becomes the main one."),
    )
    execution = models.JSONField(_("execution"), default=dict, blank=True, help_text=_("Empty: market orders at once."))
    # how it is kept in bounds
    on_failure = models.CharField(_("on a failure"), max_length=8, choices=OnFailure.choices, default=OnFailure.CANCEL)
    day_loss_limit = money(_("loss limit of a day"), null=True, blank=True, help_text=_("Yuan; empty: none."))
    total_loss_limit = money(_("loss limit in total"), null=True, blank=True, help_text=_("Yuan; empty: none."))
    budget_ms = models.PositiveIntegerField(_("time for one event (ms)"), default=200)
    memory_mb = models.PositiveIntegerField(_("memory (MB)"), default=512, help_text=_("Of a process of its own."))
    isolated = models.BooleanField(
        _("process of its own"),
        null=True,
        blank=True,
        help_text=_("Empty: where its source is not the platform's own."),
    )
    # where people want it
    stage = models.CharField(
        _("stage"), max_length=12, choices=StageName.choices, default=StageName.DRAFT, editable=False
    )
    stage_since = models.DateTimeField(_("in this stage since"), auto_now_add=True)
    activity = models.CharField(
        _("activity"), max_length=8, choices=ActivityName.choices, default=ActivityName.STOPPED, editable=False
    )
    activity_since = models.DateTimeField(_("so since"), auto_now_add=True)
    stopping = models.CharField(
        _("on stopping"), max_length=8, choices=OnFailure.choices, default=OnFailure.CANCEL, editable=False
    )
    flatten_asked = models.PositiveIntegerField(_("times asked to close"), default=0, editable=False)
    flatten_done = models.PositiveIntegerField(_("times closed"), default=0, editable=False)
    source_hash = models.CharField(_("source hash"), max_length=64, editable=False)
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
        verbose_name=_("approved by"),
    )
    approved_at = models.DateTimeField(_("approved"), null=True, blank=True, editable=False)
    version = models.PositiveIntegerField(_("version"), default=1, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    changed_at = models.DateTimeField(_("changed"), auto_now_add=True)
    # what the runner says
    health = models.CharField(_("health"), max_length=8, choices=Health.choices, default=Health.OFF, editable=False)
    failure_code = models.CharField(_("failure"), max_length=64, blank=True, editable=False)
    failure_text = models.TextField(_("explanation"), blank=True, editable=False)
    failure_values = models.JSONField(default=dict, blank=True, editable=False)
    told_at = models.DateTimeField(_("last word of the runner"), null=True, blank=True, editable=False)

    objects = InstanceQuerySet.as_manager()

    class Meta:
        verbose_name = _("strategy instance")
        verbose_name_plural = _("strategy instances")
        ordering = ["key"]
        default_permissions = ("add", "change", "view")  # one that has traded is retired, never deleted
        permissions = [
            (VIEW_EVERY, _("Can view every strategy instance")),
            (CHANGE_EVERY, _("Can change every strategy instance")),
            (OPERATE, _("Can start, pause and stop a strategy instance")),
            (OPERATE_EVERY, _("Can start, pause and stop every strategy instance")),
            (HALT_EVERY, _("Can pause, stop and demote every strategy instance")),
            (APPROVE, _("Can approve strategy instances of others")),
            (SHARE, _("Can grant a strategy instance to people")),
        ]
        indexes = [
            models.Index(fields=["owner", "key"], name="strategies_instance_owner"),
            # the runner and the monitoring page look at few of many
            models.Index(
                fields=["activity"], name="strategies_instance_duty", condition=~Q(activity=ActivityName.STOPPED)
            ),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(unit__gte=1), name="strategies_instance_unit"),
            models.CheckConstraint(condition=Q(seed__gte=0), name="strategies_instance_seed"),
            models.CheckConstraint(
                condition=Q(budget_ms__gte=1, memory_mb__gte=1), name="strategies_instance_resources"
            ),
            models.CheckConstraint(
                condition=(Q(day_loss_limit__isnull=True) | Q(day_loss_limit__gt=0))
                & (Q(total_loss_limit__isnull=True) | Q(total_loss_limit__gt=0)),
                name="strategies_instance_loss_limits",
            ),
            # what lifecycle.STATES says
            models.CheckConstraint(
                condition=Q(activity=ActivityName.STOPPED) | Q(stage__in=RAN), name="strategies_instance_state"
            ),
            # two persons, whoever writes the row: the approver is known, and is not the owner
            models.CheckConstraint(
                condition=~Q(stage__in=(StageName.APPROVED, StageName.LIVE))
                | (
                    Q(approved_by__isnull=False, approved_at__isnull=False, live_account__isnull=False)
                    & (Q(owner__isnull=True) | ~Q(approved_by=F("owner")))
                ),
                name="strategies_instance_approved",
            ),
            models.CheckConstraint(
                condition=Q(flatten_done__lte=F("flatten_asked")), name="strategies_instance_flatten"
            ),
        ]

    def __str__(self) -> str:
        return self.key

    @property
    def state(self) -> State:
        """Where it stands, as the domain names it."""
        return State(Stage(self.stage), Activity(self.activity))

    @property
    def status(self) -> str:
        """One word: draft, backtested, paper, approved, live, paused, stopped or retired."""
        return status(self.state)

    @property
    def shown_status(self) -> str:
        """That word in the reader's language."""
        word = self.status
        return str(StageName(word).label if word in StageName.values else ActivityName(word).label)

    @property
    def on_paper(self) -> bool:
        """Whether it trades, if it trades, on a simulated account."""
        return self.state.stage in ON_PAPER

    @property
    def failure(self) -> str:
        """What went wrong, in the reader's language; empty where nothing did."""
        return gettext(self.failure_text) % retold_values(self.failure_values) if self.failure_text else ""

    @property
    def shown_name(self) -> str:
        """Its title, or else its key."""
        return self.title or self.key


class StrategyLeg(models.Model):
    """One instrument that an instance trades, numbered from 0. A roll puts the next contract in its place."""

    instance = models.ForeignKey(StrategyInstance, models.CASCADE, related_name="legs", verbose_name=_("strategy"))
    number = models.PositiveSmallIntegerField(_("leg"))
    instrument = models.ForeignKey(Instrument, models.PROTECT, related_name="+", verbose_name=_("instrument"))

    class Meta:
        verbose_name = _("instrument of a strategy")
        verbose_name_plural = _("instruments of strategies")
        ordering = ["instance", "number"]
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["instance", "number"], name="strategies_leg_once"),
            models.UniqueConstraint(fields=["instance", "instrument"], name="strategies_leg_instrument"),
        ]

    def __str__(self) -> str:
        return f"{self.instance_id}/{self.number} {self.instrument.code}"


class StrategyGate(models.Model):
    """What an instance must show before it may enter a stage; see ``strategies/domain/gates.py``."""

    stage = models.CharField(_("to enter"), max_length=12, choices=GATE_STAGES)
    kind = models.CharField(_("evidence"), max_length=12, choices=EvidenceName.choices)
    minimum = models.PositiveSmallIntegerField(_("how many"), default=1)
    same_parameters = models.BooleanField(
        _("with its parameters"), default=False, help_text=_("And with its interval, where the evidence has one.")
    )
    max_age_days = models.PositiveIntegerField(_("not older than (days)"), null=True, blank=True)
    is_active = models.BooleanField(_("in force"), default=True)
    updated_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
        verbose_name=_("set by"),
    )
    updated_at = models.DateTimeField(_("set at"), auto_now=True)

    class Meta:
        verbose_name = _("gate")
        verbose_name_plural = _("gates")
        ordering = ["pk"]
        default_permissions = ("view", "change")
        constraints = [
            models.UniqueConstraint(fields=["stage", "kind"], name="strategies_gate_once"),
            models.CheckConstraint(condition=Q(minimum__gte=1), name="strategies_gate_minimum"),
        ]

    def __str__(self) -> str:
        return f"{self.stage} {self.kind} {self.minimum}"

    def to_domain(self) -> Gate:
        """The gate as the rules take it."""
        return Gate(Stage(self.stage), EvidenceKind(self.kind), self.minimum, self.same_parameters, self.max_age_days)


class StrategyInstanceUserObjectPermission(UserObjectPermissionBase):
    """A strategy instance granted to one person."""

    content_object = models.ForeignKey(StrategyInstance, on_delete=models.CASCADE)

    class Meta(UserObjectPermissionBase.Meta):
        verbose_name = _("strategy granted to a person")
        verbose_name_plural = _("strategies granted to people")
        default_permissions = ()


class StrategyInstanceGroupObjectPermission(GroupObjectPermissionBase):
    """A strategy instance granted to a group."""

    content_object = models.ForeignKey(StrategyInstance, on_delete=models.CASCADE)

    class Meta(GroupObjectPermissionBase.Meta):
        verbose_name = _("strategy granted to a group")
        verbose_name_plural = _("strategies granted to groups")
        default_permissions = ()
