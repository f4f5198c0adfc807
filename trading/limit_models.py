"""Limits and stops, and what is known of their effect. Part of the app's models.

A limit that is lowered and a stop that is set count at once; the way back needs a second person
(``accounts.proposals``). Every change counts :class:`RiskRevision` up in its own transaction, by which gateways see it.
"""

from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from quantsite.web.retold import retold
from trading.account_models import TradingAccount
from trading.domain.risk.limits import Limit
from trading.domain.risk.rules import BreachAction, Rule
from trading.domain.risk.scopes import Scope, ScopeKind
from trading.domain.risk.switches import Strength, Switch
from trading.risk_choices import BreachActionName, RuleName, ScopeName, StrengthName


class ScopedRow(models.Model):
    """What stands at a scope."""

    scope_kind = models.CharField(_("scope"), max_length=16, choices=ScopeName.choices)
    scope_key = models.CharField(_("of"), max_length=120, blank=True, help_text=_("A code; empty for everything."))

    class Meta:
        abstract = True

    @property
    def scope(self) -> Scope:
        """The scope, as the domain names it."""
        return Scope(ScopeKind(self.scope_kind), self.scope_key)


class RiskLimit(ScopedRow):
    """One limit at one scope, in the rule's unit. An empty ``maximum`` lifts the rule for the scope."""

    rule = models.CharField(_("rule"), max_length=32, choices=RuleName.choices)
    maximum = models.FloatField(_("limit"), null=True, blank=True)
    action = models.CharField(
        _("on a breach"), max_length=12, choices=BreachActionName.choices, default=BreachActionName.WARN
    )
    params = models.JSONField(_("details"), default=dict, blank=True)
    updated_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("set by")
    )
    updated_at = models.DateTimeField(_("set at"), auto_now=True)

    class Meta:
        verbose_name = _("risk limit")
        verbose_name_plural = _("risk limits")
        ordering = ["rule", "scope_kind", "scope_key"]
        default_permissions = ("view", "change")
        constraints = [
            models.UniqueConstraint(fields=["rule", "scope_kind", "scope_key"], name="trading_risklimit_once"),
        ]

    def __str__(self) -> str:
        return f"{self.rule} {self.scope_kind} {self.scope_key}".rstrip()

    def to_domain(self) -> Limit:
        """The limit as the rules take it."""
        return Limit(Rule(self.rule), self.scope, self.maximum, BreachAction(self.action), self.params)


class RiskLimitChange(ScopedRow):
    """What a limit was and became, by whom and why. Empty ``after``: the limit was taken away."""

    rule = models.CharField(_("rule"), max_length=32, choices=RuleName.choices)
    before = models.JSONField(_("before"), null=True)
    after = models.JSONField(_("after"), null=True)
    reason = models.TextField(_("reason"), blank=True)
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", verbose_name=_("changed by")
    )
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", verbose_name=_("approved by")
    )
    created_at = models.DateTimeField(_("time"), auto_now_add=True)

    class Meta:
        verbose_name = _("change of a risk limit")
        verbose_name_plural = _("changes of risk limits")
        ordering = ["-id"]
        default_permissions = ("view",)
        indexes = [models.Index(fields=["rule", "scope_kind", "scope_key", "-id"], name="trading_limitchange_of")]

    def __str__(self) -> str:
        return f"{self.rule} {self.scope_kind} {self.scope_key}".rstrip()


class KillSwitchQuerySet(models.QuerySet["KillSwitch"]):
    """Reads of stops."""

    def active(self) -> Self:
        """Those that nobody has released."""
        return self.filter(released_at=None)


class KillSwitch(ScopedRow):
    """A stop, set by one person in an instant and released by two. Times are wall time."""

    strength = models.PositiveSmallIntegerField(_("strength"), choices=StrengthName.choices)
    reason = models.TextField(_("reason"))
    set_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", verbose_name=_("set by")
    )
    set_at = models.DateTimeField(_("set at"))
    released_at = models.DateTimeField(_("released at"), null=True, blank=True)
    released_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("released by")
    )
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("approved by")
    )
    release_reason = models.TextField(_("why it was released"), blank=True)

    objects = KillSwitchQuerySet.as_manager()

    class Meta:
        verbose_name = _("stop")
        verbose_name_plural = _("stops")
        ordering = ["-id"]
        default_permissions = ("view",)
        permissions = [
            ("set_killswitch", _("Can stop trading")),
            ("release_killswitch", _("Can ask for the release of a stop")),
        ]
        constraints = [
            models.CheckConstraint(condition=~Q(reason=""), name="trading_killswitch_reason"),
        ]
        indexes = [models.Index(fields=["id"], condition=Q(released_at=None), name="trading_killswitch_active")]

    def __str__(self) -> str:
        return f"#{self.pk} {self.scope_kind} {self.scope_key}".rstrip()

    @property
    def shown_reason(self) -> str:
        """The reason: a person's own words, the system's in the reader's language."""
        return retold(self.reason) if self.set_by_id is None else self.reason

    def to_domain(self) -> Switch:
        """The stop as the rules take it."""
        return Switch(self.pk, self.scope, Strength(self.strength))


class SwitchEffect(models.Model):
    """What a stop did on one account, written by the account's gateway as it happens. Times are wall time."""

    switch = models.ForeignKey(KillSwitch, models.CASCADE, related_name="effects", verbose_name=_("stop"))
    account = models.ForeignKey(TradingAccount, models.CASCADE, related_name="+", verbose_name=_("account"))
    seen_at = models.DateTimeField(_("seen by the gateway"))
    working = models.PositiveIntegerField(_("orders at work"), default=0)
    cancelled = models.PositiveIntegerField(_("orders ended"), default=0)
    last_cancel_at = models.DateTimeField(_("last order ended"), null=True)
    flat_at = models.DateTimeField(_("positions closed"), null=True)

    class Meta:
        verbose_name = _("effect of a stop")
        verbose_name_plural = _("effects of stops")
        ordering = ["switch", "account"]
        default_permissions = ("view",)
        constraints = [models.UniqueConstraint(fields=["switch", "account"], name="trading_switcheffect_once")]

    def __str__(self) -> str:
        return f"{self.switch_id} {self.account_id}"

    @property
    def seconds(self) -> float | None:
        """From the click to the end of the last order; None while orders are at work, or where there were none."""
        if self.last_cancel_at is None or self.cancelled < self.working:
            return None
        return (self.last_cancel_at - self.switch.set_at).total_seconds()


class RiskRevision(models.Model):
    """One row: a number that every change of a limit, a stop or an account's terms counts up.

    ``rates`` counts the changes of commission and margin rates, which ``number`` counts too.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    number = models.BigIntegerField(default=0)
    rates = models.BigIntegerField(default=0)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.number)
