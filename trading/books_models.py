"""What a broker told of an account's books, how they compared with ours, and when its figures became ours.

Part of the app's models. The account's gateway writes all of it.
"""

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from marketdata.domain.instrument import FeeRates, MarginRates
from marketdata.models import Instrument
from trading.account_models import TradingAccount
from trading.order_models import AccountCommand, AccountRows

if TYPE_CHECKING:
    from trading.domain.ctp.rates import ToldRates


class BrokerSession(models.Model):
    """Where the session with the broker stands, as the gateway told it last; ``updated_at`` says how old that is."""

    account = models.OneToOneField(
        TradingAccount, models.CASCADE, primary_key=True, related_name="broker_session", verbose_name=_("account")
    )
    state = models.CharField(_("state"), max_length=16)
    since = models.DateTimeField(_("since"), null=True)
    front = models.CharField(_("front"), max_length=128, blank=True)
    trading_day = models.DateField(_("trading day"), null=True)
    login_at = models.DateTimeField(_("logged in"), null=True)
    code = models.IntegerField(_("broker's code"), default=0)
    text = models.TextField(_("broker's words"), blank=True)
    updated_at = models.DateTimeField(_("at"), auto_now=True)

    class Meta:
        verbose_name = _("session with a broker")
        verbose_name_plural = _("sessions with brokers")
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.account_id}: {self.state}"


class BrokerRate(models.Model):
    """What the broker charges the account for an instrument, as it answered on a trading day; it holds from then on.

    ``fees`` and ``margins`` have the names of the domain's rates; null where the broker did not tell them.
    """

    account = models.ForeignKey(TradingAccount, models.CASCADE, related_name="broker_rates", verbose_name=_("account"))
    instrument = models.ForeignKey(Instrument, models.CASCADE, related_name="+", verbose_name=_("instrument"))
    trading_day = models.DateField(_("trading day"))
    fees = models.JSONField(_("commission"), null=True)
    margins = models.JSONField(_("margin"), null=True)
    told_at = models.DateTimeField(_("told at"), auto_now=True)

    objects = AccountRows.as_manager()

    class Meta:
        verbose_name = _("broker's rate")
        verbose_name_plural = _("broker's rates")
        ordering = ["account", "instrument", "-trading_day"]
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(fields=["account", "instrument", "trading_day"], name="trading_brokerrate_once")
        ]

    def __str__(self) -> str:
        return f"{self.instrument} {self.trading_day}"

    @property
    def fee_rates(self) -> FeeRates | None:
        """The commission, if it was told."""
        return None if self.fees is None else FeeRates(**self.fees)

    @property
    def margin_rates(self) -> MarginRates | None:
        """The margin, if it was told."""
        return None if self.margins is None else MarginRates(**self.margins)

    def says(self, told: "ToldRates") -> bool:
        """Whether it says what was told."""
        return (self.fee_rates, self.margin_rates) == (told.fees, told.margins)


class BrokerStatement(models.Model):
    """A settlement statement as the broker wrote it. Until it is confirmed CTP takes no orders of the day."""

    account = models.ForeignKey(
        TradingAccount, models.PROTECT, related_name="broker_statements", verbose_name=_("account")
    )
    trading_day = models.DateField(_("trading day"))
    text = models.TextField(_("statement"), blank=True)
    confirmed_at = models.DateTimeField(_("confirmed at"), null=True, blank=True)
    confirmed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("confirmed by"),
    )
    created_at = models.DateTimeField(_("received at"), auto_now_add=True)

    objects = AccountRows.as_manager()

    class Meta:
        verbose_name = _("broker's statement")
        verbose_name_plural = _("broker's statements")
        ordering = ["-trading_day", "-id"]
        default_permissions = ("view",)
        permissions = [("confirm_brokerstatement", _("Can confirm a broker's statement"))]
        constraints = [models.UniqueConstraint(fields=["account", "trading_day"], name="trading_brokerstatement_once")]

    def __str__(self) -> str:
        return f"{self.trading_day}"


class BrokerComparison(models.Model):
    """One look at the broker's books beside ours, after event ``seq``.

    ``successive`` counts the looks without a break that found a difference, this one included. ``lines`` are kept of
    those that did, and of the newest.
    """

    account = models.ForeignKey(TradingAccount, models.CASCADE, related_name="comparisons", verbose_name=_("account"))
    trading_day = models.DateField(_("trading day"))
    asked_at = models.DateTimeField(_("asked at"))
    told_at = models.DateTimeField(_("answered at"))
    differences = models.PositiveIntegerField(_("differences"))
    successive = models.PositiveIntegerField(_("in a row"), default=0)
    lines = models.JSONField(_("fields"), null=True)
    seq = models.BigIntegerField(_("event"))
    created_at = models.DateTimeField(_("compared at"), auto_now_add=True)

    objects = AccountRows.as_manager()

    class Meta:
        verbose_name = _("comparison with the broker")
        verbose_name_plural = _("comparisons with the broker")
        ordering = ["-id"]
        default_permissions = ("view",)
        indexes = [
            models.Index(fields=["account", "-id"], name="trading_comparison_account"),
            models.Index(fields=["created_at"], name="trading_comparison_at"),
        ]

    def __str__(self) -> str:
        return f"#{self.pk} {self.differences}"


class BookAdoption(models.Model):
    """The broker's figures became ours: an account is rebuilt from the newest of these and of its settlements.

    ``book`` is what it stands on since event ``seq``, ``changes`` what that changed, field by field.
    """

    account = models.ForeignKey(TradingAccount, models.PROTECT, related_name="adoptions", verbose_name=_("account"))
    trading_day = models.DateField(_("trading day"))
    book = models.JSONField(default=dict)
    changes = models.JSONField(_("what changed"), default=list)
    command = models.OneToOneField(
        AccountCommand, models.PROTECT, null=True, related_name="adoption", verbose_name=_("command")
    )
    adopted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("approved by")
    )
    seq = models.BigIntegerField(_("event"))
    created_at = models.DateTimeField(_("adopted at"), auto_now_add=True)

    objects = AccountRows.as_manager()

    class Meta:
        verbose_name = _("adoption of the broker's figures")
        verbose_name_plural = _("adoptions of the broker's figures")
        ordering = ["-id"]
        default_permissions = ("view",)
        permissions = [("adopt_broker_figures", _("Can propose to adopt the broker's figures"))]
        constraints = [
            models.UniqueConstraint(fields=["account"], condition=Q(command=None), name="trading_adoption_first_once"),
        ]

    def __str__(self) -> str:
        return f"{self.account_id} {self.trading_day}"
