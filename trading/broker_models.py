"""What a CTP account is at its broker. Part of the app's models."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from marketdata.ctp_login import CtpLogin
from marketdata.domain.ctp.login import Confirm, LoginTerms
from trading.account_models import TradingAccount
from trading.choices import ConfirmChoice


class BrokerLogin(CtpLogin):
    """How an account's gateway logs in at its broker, and what it may do there by itself."""

    account = models.OneToOneField(
        TradingAccount, models.CASCADE, primary_key=True, related_name="login", verbose_name=_("account")
    )
    confirm = models.CharField(
        _("settlement statement is confirmed"),
        max_length=8,
        choices=ConfirmChoice.choices,
        default=ConfirmChoice.AUTO,
        help_text=_("Before the first order of a trading day CTP wants it confirmed."),
    )
    market_as_limit = models.BooleanField(
        _("market orders as limit orders"),
        default=False,
        help_text=_("Where an exchange takes no market orders, they go as limit orders at the price limit."),
    )

    class Meta:
        verbose_name = _("login at a broker")
        verbose_name_plural = _("logins at brokers")
        ordering = ["account__code"]
        default_permissions = ("add", "change", "view")

    def __str__(self) -> str:
        return f"{self.account.code}: {self.user_id} @ {self.broker_id}"

    @property
    def place(self) -> str:
        """What the secrets are bound to."""
        return f"account:{self.account.code}"

    def login(self) -> LoginTerms:
        """See :meth:`CtpLogin.terms`."""
        return self.terms(confirm=Confirm(self.confirm))
