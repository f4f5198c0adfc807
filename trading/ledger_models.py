"""What an account holds, what came and went, and its statements. Part of the app's models.

``Position`` rows are a picture for readers: an account is rebuilt from its last :class:`BalanceSnapshot`, and the
fills and :class:`CashEntry` rows after it.
"""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from marketdata.fact_rows import money
from marketdata.models import Instrument
from trading.account_models import TradingAccount
from trading.choices import CashKind, CashSource, SideName
from trading.order_models import AccountCommand, AccountRows


class Position(models.Model):
    """The lots that an account holds on one side of an instrument; profits in yuan at the mark ``last_price``."""

    account = models.ForeignKey(TradingAccount, models.PROTECT, related_name="positions", verbose_name=_("account"))
    instrument = models.ForeignKey(Instrument, models.PROTECT, related_name="+", verbose_name=_("instrument"))
    side = models.CharField(_("side"), max_length=5, choices=SideName.choices)
    volume = models.PositiveIntegerField(_("volume"))
    today = models.PositiveIntegerField(_("of today"))
    frozen = models.PositiveIntegerField(_("frozen"), default=0)
    frozen_today = models.PositiveIntegerField(_("frozen of today"), default=0)
    open_price = money(_("average open price"))
    base_price = money(_("average price by date"))
    last_price = money(_("marked at"), null=True, blank=True)
    margin = money(_("margin"), default=0)
    position_profit = money(_("profit by date"), default=0)
    open_profit = money(_("profit by trade"), default=0)
    position_cost = money(_("cost by date"), default=0)
    open_cost = money(_("cost by trade"), default=0)
    updated_at = models.DateTimeField(_("at"), auto_now=True)

    objects = AccountRows.as_manager()

    class Meta:
        verbose_name = _("position")
        verbose_name_plural = _("positions")
        ordering = ["account", "instrument", "side"]
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(fields=["account", "instrument", "side"], name="trading_position_once"),
            models.CheckConstraint(condition=Q(volume__gt=0), name="trading_position_volume"),
        ]

    def __str__(self) -> str:
        return f"{self.instrument.code} {self.side} {self.volume}"


class CashEntry(models.Model):
    """Money that came or went. A wrong one is set right by another one, never changed."""

    account = models.ForeignKey(TradingAccount, models.PROTECT, related_name="cash_entries", verbose_name=_("account"))
    kind = models.CharField(_("kind"), max_length=8, choices=CashKind.choices)
    amount = money(_("amount (yuan)"))
    note = models.CharField(_("note"), max_length=200, blank=True)
    trading_day = models.DateField(_("trading day"), null=True, blank=True)
    source = models.CharField(
        _("told by"), max_length=8, choices=CashSource.choices, default=CashSource.PERSON, editable=False
    )
    command = models.OneToOneField(
        AccountCommand, models.PROTECT, null=True, related_name="cash_entry", verbose_name=_("command")
    )
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("by")
    )
    seq = models.BigIntegerField(_("event"))
    created_at = models.DateTimeField(_("time"), auto_now_add=True)

    objects = AccountRows.as_manager()

    class Meta:
        verbose_name = _("deposit or withdrawal")
        verbose_name_plural = _("deposits and withdrawals")
        ordering = ["-id"]
        default_permissions = ("view",)
        constraints = [models.CheckConstraint(condition=Q(amount__gt=0), name="trading_cash_positive")]
        indexes = [models.Index(fields=["account", "seq"], name="trading_cash_seq")]

    def __str__(self) -> str:
        return f"{self.kind} {self.amount}"


class BalanceSnapshot(models.Model):
    """The end of one trading day: the statement's figures, and the lots carried on (``book``).

    ``seq`` is the account's last event before the next day. ``prices`` are those it was settled at, by code;
    ``rows`` the positions as the statement prints them. One that was undone stays, and counts no more.
    """

    account = models.ForeignKey(TradingAccount, models.PROTECT, related_name="snapshots", verbose_name=_("account"))
    trading_day = models.DateField(_("trading day"))
    pre_balance = money(_("balance before"))
    deposit = money(_("deposits"), default=0)
    withdraw = money(_("withdrawals"), default=0)
    close_profit = money(_("close profit by date"), default=0)
    close_profit_by_trade = money(_("close profit by trade"), default=0)
    position_profit = money(_("position profit"), default=0)
    commission = money(_("commission"), default=0)
    balance = money(_("balance"))
    margin = money(_("margin"), default=0)
    available = money(_("available"), default=0)
    risk_degree = models.FloatField(_("risk degree"), null=True)
    prices = models.JSONField(_("settlement prices"), default=dict)
    rows = models.JSONField(_("positions"), default=list)
    book = models.JSONField(default=dict)
    seq = models.BigIntegerField(_("event"))
    command = models.OneToOneField(
        AccountCommand, models.PROTECT, null=True, related_name="snapshot", verbose_name=_("command")
    )
    settled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("settled by")
    )
    created_at = models.DateTimeField(_("settled at"), auto_now_add=True)
    undone_at = models.DateTimeField(_("undone at"), null=True, blank=True)
    undone_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("undone by")
    )

    objects = AccountRows.as_manager()

    class Meta:
        verbose_name = _("statement")
        verbose_name_plural = _("statements")
        ordering = ["-trading_day", "-id"]
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(
                fields=["account", "trading_day"], condition=Q(undone_at=None), name="trading_settled_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.trading_day}"
