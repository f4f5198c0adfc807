"""What the rules of risk found, what people did about it, and where each account stands. Part of the app's models."""

import re
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from quantsite.web.retold import retold, retold_values
from trading.account_models import TradingAccount
from trading.choices import SideName
from trading.limit_models import KillSwitch, ScopedRow
from trading.order_models import AccountRows, Order
from trading.risk_choices import PlanStatus, RiskEventKind, RuleName

MOMENT = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d)")


class RiskEvent(ScopedRow):
    """Something that a rule found: repeats of an open one with the same subject are counted, not listed.

    ``value`` and ``limit`` are in the rule's unit. ``text`` stands as in the source with the places of ``values``:
    each reader's language.
    """

    account = models.ForeignKey(
        TradingAccount, models.PROTECT, null=True, blank=True, related_name="risk_events", verbose_name=_("account")
    )
    key = models.CharField(max_length=400, editable=False)  # what makes two of them the same, while one is open
    kind = models.CharField(_("what"), max_length=12, choices=RiskEventKind.choices)
    rule = models.CharField(_("rule"), max_length=32, choices=RuleName.choices, blank=True)
    level = models.FloatField(_("share of the limit"), null=True)
    value = models.FloatField(_("value"), null=True)
    limit = models.FloatField(_("limit"), null=True)
    subject = models.CharField(
        _("about"), max_length=120, blank=True, help_text=_("Instrument, product, month or exchange.")
    )
    order = models.ForeignKey(
        Order, models.PROTECT, null=True, blank=True, related_name="risk_events", verbose_name=_("order")
    )
    switch = models.ForeignKey(
        KillSwitch, models.PROTECT, null=True, blank=True, related_name="events", verbose_name=_("stop")
    )
    reason_code = models.CharField(_("reason"), max_length=64, blank=True)
    text = models.TextField(_("text"), blank=True)
    values = models.JSONField(default=dict, blank=True)
    count = models.PositiveIntegerField(_("times"), default=1)
    trading_day = models.DateField(_("trading day"), null=True)
    market_time = models.DateTimeField(_("market clock"), null=True)
    created_at = models.DateTimeField(_("first"), auto_now_add=True)
    last_at = models.DateTimeField(_("last"))
    assigned_to = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("taken by")
    )
    acknowledged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("seen by")
    )
    acknowledged_at = models.DateTimeField(_("seen at"), null=True, blank=True)
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("closed by")
    )
    closed_at = models.DateTimeField(_("closed at"), null=True, blank=True)

    objects = AccountRows.as_manager()

    class Meta:
        verbose_name = _("risk event")
        verbose_name_plural = _("risk events")
        ordering = ["-last_at", "-id"]
        default_permissions = ("view",)
        permissions = [("handle_riskevent", _("Can take, comment and close risk events"))]
        constraints = [
            models.UniqueConstraint(fields=["key"], condition=Q(closed_at=None), name="trading_riskevent_one_open"),
        ]
        indexes = [
            models.Index(fields=["account", "-id"], name="trading_riskevent_account"),
            models.Index(fields=["trading_day", "-id"], name="trading_riskevent_day"),
        ]

    def __str__(self) -> str:
        return f"#{self.pk} {self.kind} {self.rule}"

    @property
    def shown_text(self) -> str:
        """The sentence in the reader's language, moments by the clock of Shanghai."""
        if not self.values:
            return retold(self.text)
        told = {name: _by_the_clock(value) for name, value in retold_values(self.values).items()}
        return gettext(self.text) % told


class RiskNote(models.Model):
    """What a person wrote or did about a risk event."""

    event = models.ForeignKey(RiskEvent, models.PROTECT, related_name="notes", verbose_name=_("risk event"))
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", verbose_name=_("by")
    )
    verb = models.CharField(_("what"), max_length=16, default="comment")
    text = models.TextField(_("text"), blank=True)
    created_at = models.DateTimeField(_("time"), auto_now_add=True)

    class Meta:
        verbose_name = _("note on a risk event")
        verbose_name_plural = _("notes on risk events")
        ordering = ["id"]
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"{self.event_id} {self.verb}"


class AccountRisk(models.Model):
    """Where an account stands, as its gateway computed it last: the one picture for pages, sockets and programs.

    ``figures`` are those of ``trading.domain.risk``; ``peak`` is the highest balance since it was reset, moved by
    deposits and withdrawals, from which the drawdown counts. ``reset`` is the last time that people set it anew, with
    a number; a picture says in its figures which one it has taken in.
    """

    account = models.OneToOneField(TradingAccount, models.CASCADE, primary_key=True, related_name="risk")
    figures = models.JSONField(default=dict)
    peak = models.FloatField(null=True)
    reset = models.JSONField(null=True)
    revision = models.BigIntegerField(_("limits as of"), default=0)
    trading_day = models.DateField(_("trading day"), null=True)
    market_time = models.DateTimeField(_("market clock"), null=True)
    updated_at = models.DateTimeField(_("at"))

    class Meta:
        verbose_name = _("risk of an account")
        verbose_name_plural = _("risks of accounts")
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.account_id)


class FlattenPlan(models.Model):
    """How the positions of an account are to be closed: seen by a person before it begins, and to be stopped.

    ``steps`` are in their order: instrument, side, volume, slice (lots of one order), collar (fraction of the last
    price), each with what has been done of it. ``starts_at`` is wall time.
    """

    account = models.ForeignKey(TradingAccount, models.PROTECT, related_name="flatten_plans", verbose_name=_("account"))
    switch = models.ForeignKey(KillSwitch, models.PROTECT, null=True, blank=True, related_name="plans")
    event = models.ForeignKey(RiskEvent, models.PROTECT, null=True, blank=True, related_name="plans")
    product = models.CharField(_("product"), max_length=32, blank=True, help_text=_("Empty: everything."))
    strategy_key = models.CharField(_("strategy"), max_length=80, blank=True)
    side = models.CharField(_("side"), max_length=5, choices=SideName.choices, blank=True)
    steps = models.JSONField(_("steps"), default=list)
    status = models.CharField(_("state"), max_length=8, choices=PlanStatus.choices, default=PlanStatus.WAITING)
    reason = models.TextField(_("reason"), blank=True)
    starts_at = models.DateTimeField(_("begins"))
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", verbose_name=_("made by")
    )
    created_at = models.DateTimeField(_("made at"), auto_now_add=True)
    stopped_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("stopped by")
    )
    ended_at = models.DateTimeField(_("ended at"), null=True, blank=True)

    objects = AccountRows.as_manager()

    class Meta:
        verbose_name = _("plan to close positions")
        verbose_name_plural = _("plans to close positions")
        ordering = ["-id"]
        default_permissions = ("view",)
        indexes = [
            models.Index(
                fields=["account"],
                condition=Q(status__in=(PlanStatus.WAITING, PlanStatus.RUNNING)),
                name="trading_flattenplan_open",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.pk} {self.account_id} {self.status}"

    @property
    def shown_reason(self) -> str:
        """The reason: a person's own words, the system's in the reader's language."""
        return retold(self.reason) if self.created_by_id is None else self.reason

    @property
    def lots(self) -> int:
        """That are to be closed, all steps together."""
        return sum(step.get("volume", 0) for step in self.steps)

    @property
    def closed(self) -> int:
        """Of these, so far."""
        return sum(step.get("done", 0) for step in self.steps)


def _by_the_clock(value: Any) -> Any:
    """A moment as people read it; anything else as it is."""
    found = MOMENT.fullmatch(value) and parse_datetime(value) if isinstance(value, str) else None
    return timezone.localtime(found).strftime("%m-%d %H:%M:%S") if found else value
