"""What instances decide, send and report: rows that the runner writes. Part of the app's models."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self, TypeVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from marketdata.fact_rows import money
from marketdata.models import Instrument
from quantsite.common.texts import sentences
from quantsite.web.retold import retold_values
from strategies.choices import CauseName, EvidenceName, LogLevel, OnFailure, StageName
from strategies.domain.gates import EvidenceKind, Shown
from strategies.instance_models import VIEW, VIEW_EVERY, StrategyInstance
from strategies.labels import COLUMNS, FAILURES, Words, listed, word
from trading.choices import DirectionName, OrderTypeName
from trading.order_models import Order

if TYPE_CHECKING:
    from accounts.models import User

RowT = TypeVar("RowT", bound=models.Model)

SECOND_PART = 1_000_000_000
"""Added to the number of an order that goes out as two: its second part opens what the first has left to open."""


class InstanceRows(models.QuerySet[RowT]):
    """Rows that belong to an instance and are seen with it."""

    def visible_to(self, user: "User") -> Self:
        """Those of the instances that the person may see."""
        if user.has_perms((f"strategies.{VIEW}", f"strategies.{VIEW_EVERY}")):
            return self
        return self.filter(instance__in=StrategyInstance.objects.visible_to(user).order_by())


class Signal(models.Model):
    """One decision: the position wished for in units, and what it was based on. ``number`` ascends per instance.

    ``position``: lots held when it was taken. ``late``: decided while the strategy caught up on bars, so that nothing
    was sent for it then.
    """

    instance = models.ForeignKey(
        StrategyInstance, models.PROTECT, related_name="signals", verbose_name=_("strategy"), db_index=False
    )
    number = models.PositiveBigIntegerField(_("number"))
    leg = models.PositiveSmallIntegerField(_("leg"), default=0)
    instrument = models.ForeignKey(Instrument, models.PROTECT, related_name="+", verbose_name=_("instrument"))
    bar_start = models.DateTimeField(_("bar"), null=True, blank=True, help_text=_("Its start; empty on ticks."))
    decided_at = models.DateTimeField(_("decided (market clock)"))
    target = models.FloatField(_("target (units)"))
    position = models.IntegerField(_("lots held"), default=0)
    price = money(_("price"), null=True, blank=True)
    reason = models.CharField(_("reason"), max_length=64, blank=True)
    values = models.JSONField(_("based on"), default=dict, blank=True)
    late = models.BooleanField(_("late"), default=False)
    parameters_version = models.PositiveIntegerField(_("version of the parameters"), default=1)
    created_at = models.DateTimeField(_("stored"), default=timezone.now)

    objects = InstanceRows.as_manager()

    class Meta:
        verbose_name = _("signal")
        verbose_name_plural = _("signals")
        ordering = ["-id"]
        default_permissions = ("view",)
        constraints = [models.UniqueConstraint(fields=["instance", "number"], name="strategies_signal_once")]
        indexes = [
            models.Index(fields=["instance", "-id"], name="strategies_signal_instance"),
            models.Index(fields=["instrument", "-id"], name="strategies_signal_instrument"),
            models.Index(fields=["decided_at"], name="strategies_signal_decided"),  # a day's, for the evening's drift
        ]

    def __str__(self) -> str:
        return f"{self.instance_id}/{self.number} {self.target:g}"


class StrategyOrder(models.Model):
    """An order as its instance asked for it; ``order`` is the account's, empty where it was refused at once.

    ``number`` ascends per instance for ever and is in the account's ``client_order_id``: a repetition finds it again.
    ``own`` is the strategy's own number of the order, 0 where the host asked. Latency is ``sent_at - event_at``.
    """

    instance = models.ForeignKey(
        StrategyInstance, models.PROTECT, related_name="orders", verbose_name=_("strategy"), db_index=False
    )
    number = models.PositiveBigIntegerField(_("number"))
    order = models.OneToOneField(
        Order, models.PROTECT, null=True, blank=True, related_name="strategy_order", verbose_name=_("order")
    )
    leg = models.PositiveSmallIntegerField(_("leg"), default=0)
    instrument = models.ForeignKey(Instrument, models.PROTECT, related_name="+", verbose_name=_("instrument"))
    cause = models.CharField(_("cause"), max_length=8, choices=CauseName.choices)
    own = models.PositiveBigIntegerField(_("the strategy's own number"), default=0)
    direction = models.CharField(_("direction"), max_length=4, choices=DirectionName.choices)
    type = models.CharField(_("type"), max_length=8, choices=OrderTypeName.choices)
    lots = models.PositiveIntegerField(_("lots"))
    price = money(_("price"), null=True, blank=True)
    decision_price = money(_("price at the decision"), null=True, blank=True)
    decided_at = models.DateTimeField(_("decided (market clock)"))
    event_at = models.DateTimeField(_("event reached the runner"), null=True, blank=True)
    sent_at = models.DateTimeField(_("sent"), null=True, blank=True)
    trading_day = models.DateField(_("trading day"), null=True, blank=True)
    refused_code = models.CharField(_("refused"), max_length=64, blank=True)
    refused_text = models.TextField(_("explanation"), blank=True)

    objects = InstanceRows.as_manager()

    class Meta:
        verbose_name = _("order of a strategy")
        verbose_name_plural = _("orders of strategies")
        ordering = ["-id"]
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(fields=["instance", "number"], name="strategies_order_once"),
            models.CheckConstraint(condition=Q(lots__gt=0), name="strategies_order_lots"),
        ]
        indexes = [
            models.Index(fields=["instance", "-id"], name="strategies_order_instance"),
            models.Index(fields=["instance", "trading_day"], name="strategies_order_day"),
        ]

    def __str__(self) -> str:
        return f"{self.instance_id}/{self.number} {self.direction} {self.lots}"

    @property
    def client_order_id(self) -> str:
        """The name under which the account knows it."""
        return client_order_id(self.instance_id, self.number)

    @property
    def latency_ms(self) -> float | None:
        """From the event's arrival at the runner to the stored order, in ms; None where one is unknown."""
        if self.event_at is None or self.sent_at is None:
            return None
        return (self.sent_at - self.event_at).total_seconds() * 1e3

    @property
    def slippage(self) -> float | None:
        """What its fills cost against the price at the decision, per lot in the quoted unit; above 0 is worse."""
        filled = self.order.average_price if self.order is not None else None
        if filled is None or self.decision_price is None:
            return None
        worse = filled - self.decision_price
        return float(worse if self.direction == DirectionName.BUY else -worse)


def client_order_id(instance_id: int, number: int) -> str:
    """The name that an instance's order has with its account."""
    return f"s{instance_id}-{number}"


class StrategyLog(models.Model):
    """A line of an instance's log. ``text`` is a template of the catalogue with ``%(name)s`` for its ``values``."""

    instance = models.ForeignKey(
        StrategyInstance, models.CASCADE, related_name="log", verbose_name=_("strategy"), db_index=False
    )
    at = models.DateTimeField(_("at"), default=timezone.now)
    level = models.CharField(_("level"), max_length=8, choices=LogLevel.choices, default=LogLevel.INFO)
    kind = models.CharField(_("kind"), max_length=32)
    text = models.TextField(_("text"))
    values = models.JSONField(default=dict, blank=True)
    details = models.JSONField(_("details"), default=dict, blank=True)
    market_time = models.DateTimeField(_("market clock"), null=True, blank=True)

    objects = InstanceRows.as_manager()

    class Meta:
        verbose_name = _("line of a strategy's log")
        verbose_name_plural = _("log of strategies")
        ordering = ["-id"]
        default_permissions = ("view",)
        indexes = [models.Index(fields=["instance", "-id"], name="strategies_log_instance")]

    def __str__(self) -> str:
        return f"{self.instance_id} {self.level} {self.kind}"

    @property
    def told(self) -> str:
        """The line in the reader's language; a reason that its template has no place for follows it."""
        told = gettext(self.text) % _named(retold_values(self.values)) if self.values else gettext(self.text)
        reason = "" if "%(reason)s" in self.text else str(self.values.get("reason", ""))
        return sentences(told, reason)


NAMES: Mapping[str, Words] = {
    "stage": dict(StageName.choices),
    "then": dict(OnFailure.choices),
    "code": FAILURES,
    "limit": COLUMNS,
}
"""Values of a line that are words of ours, told by their names."""


def _named(values: Mapping[str, Any]) -> dict[str, Any]:
    """The same values for a reader: stages, policies and the like by their names in the active language."""
    words = {name: word(NAMES[name], str(values[name])) for name in values.keys() & NAMES.keys()}
    if isinstance(values.get("names"), str):
        words["names"] = listed(COLUMNS, values["names"].split(", "))
    return {**values, **words}


class EvidenceQuerySet(models.QuerySet["Evidence"]):
    """Reads of evidence."""

    def about(self, instance: StrategyInstance) -> Self:
        """What counts for an instance: of its strategy with no instance of its own, and what is about itself."""
        own = Q(instance=instance) | Q(instance__isnull=True, strategy=instance.strategy)
        return self.filter(own, source_hash=instance.source_hash).order_by("pk")

    def visible_to(self, user: "User") -> Self:
        """What is about visible instances, and what stands for a strategy as such."""
        seen = StrategyInstance.objects.visible_to(user).order_by()
        return self.filter(Q(instance__isnull=True) | Q(instance__in=seen))


class Evidence(models.Model):
    """Something shown of a strategy's source: by a backtest, a check, a day on paper or the evening's comparison.

    Upper apps write it by ``strategies.services.write_evidence``; gates read it. Rows are only ever added.
    """

    kind = models.CharField(_("kind"), max_length=12, choices=EvidenceName.choices)
    strategy = models.CharField(_("strategy"), max_length=64)
    source_hash = models.CharField(_("source hash"), max_length=64)
    parameters_hash = models.CharField(_("hash of the parameters"), max_length=64, blank=True)
    interval = models.CharField(_("interval"), max_length=8, blank=True)
    instance = models.ForeignKey(
        StrategyInstance,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="evidence",
        verbose_name=_("instance"),
        help_text=_("Empty where it stands for the strategy."),
    )
    trading_day = models.DateField(_("trading day"), null=True, blank=True)
    passed = models.BooleanField(_("passed"))
    facts = models.JSONField(_("figures"), default=dict, blank=True)
    reference = models.CharField(_("reference"), max_length=120, blank=True, help_text=_("Such as backtest 17."))
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("made by")
    )
    created_at = models.DateTimeField(_("at"), auto_now_add=True)

    objects = EvidenceQuerySet.as_manager()

    class Meta:
        verbose_name = _("evidence")
        verbose_name_plural = pgettext_lazy("plural", "evidence")
        ordering = ["-id"]
        default_permissions = ("view",)
        indexes = [
            models.Index(fields=["strategy", "source_hash", "-id"], name="strategies_evidence_source"),
            models.Index(fields=["instance", "-id"], name="strategies_evidence_instance"),
        ]

    def __str__(self) -> str:
        return f"#{self.pk} {self.kind} {self.strategy}"

    def to_domain(self) -> Shown:
        """The evidence as the gates take it."""
        return Shown(
            EvidenceKind(self.kind),
            self.passed,
            self.source_hash,
            self.created_at.date(),
            self.parameters_hash,
            self.interval,
            self.trading_day,
        )
