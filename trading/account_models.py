"""Accounts, whom they belong to, and who may do what with them. Part of the app's models.

Only the holder of an account's lease ``gateway:<code>`` writes its state, orders, fills, positions and ledger; pages
and programs ask for it by rows of :class:`AccountCommand`.
"""

from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from guardian.models import GroupObjectPermissionBase, UserObjectPermissionBase

from marketdata.fact_rows import money
from trading.choices import AccountKind, MarginPrice, ProfitChoice, QueueModel

if TYPE_CHECKING:
    from accounts.models import User

VIEW = "view_tradingaccount"
VIEW_EVERY = "view_every_tradingaccount"
TRADE = "trade_tradingaccount"
TRADE_EVERY = "trade_every_tradingaccount"
REDUCE_EVERY = "reduce_every_tradingaccount"
FUND = "fund_tradingaccount"
SETTLE = "settle_tradingaccount"
SHARE = "share_tradingaccount"

LEASE_PREFIX = "gateway:"
"""With an account's code behind it: the lease that makes its holder the account's one writer."""


class Desk(models.Model):
    """People and accounts that trade together; limits of the desk hold for all of its accounts."""

    code = models.SlugField(_("code"), max_length=32, unique=True)
    name = models.CharField(_("name"), max_length=80, blank=True)

    class Meta:
        verbose_name = _("desk")
        verbose_name_plural = _("desks")
        ordering = ["code"]

    def __str__(self) -> str:
        return self.name or self.code


class ControlGroup(models.Model):
    """Accounts under one actual control: exchanges count their self-trades, cancels and positions together."""

    code = models.SlugField(_("code"), max_length=32, unique=True)
    name = models.CharField(_("name"), max_length=80, blank=True)

    class Meta:
        verbose_name = _("control group")
        verbose_name_plural = _("control groups")
        ordering = ["code"]

    def __str__(self) -> str:
        return self.name or self.code


class AccountQuerySet(models.QuerySet["TradingAccount"]):
    """Reads that several doors share."""

    def visible_to(self, user: "User") -> Self:
        """Every account for those who may view every one, else those granted to the person or to a group of theirs.

        None without the model permission, and none for somebody deactivated.
        """
        if not user.has_perm(f"trading.{VIEW}"):
            return self.none()
        if user.has_perm(f"trading.{VIEW_EVERY}"):
            return self
        return self.granted(user, VIEW, TRADE)

    def granted(self, user: "User", *codenames: str) -> Self:
        """Those on which the person or a group of theirs holds one of these permissions as a grant of its own."""
        wanted = {"permission__codename__in": codenames}
        own = TradingAccountUserObjectPermission.objects.filter(user=user, **wanted)
        shared = TradingAccountGroupObjectPermission.objects.filter(group__in=user.groups.all(), **wanted)
        return self.filter(Q(pk__in=own.values("content_object")) | Q(pk__in=shared.values("content_object")))


class TradingAccount(models.Model):
    """One account at a broker, or a simulated one, with the broker's terms."""

    code = models.SlugField(_("code"), max_length=32, unique=True)
    name = models.CharField(_("name"), max_length=80, blank=True)
    kind = models.CharField(_("kind"), max_length=12, choices=AccountKind.choices, default=AccountKind.SIMULATED)
    desk = models.ForeignKey(Desk, models.PROTECT, related_name="accounts", verbose_name=_("desk"))
    control_group = models.ForeignKey(
        ControlGroup, models.PROTECT, related_name="accounts", verbose_name=_("control group")
    )
    is_active = models.BooleanField(
        pgettext_lazy("account", "open"), default=True, help_text=_("A closed account takes no orders.")
    )
    margin_price = models.PositiveSmallIntegerField(
        _("margin price"), choices=MarginPrice.choices, default=MarginPrice.PRE_SETTLEMENT
    )
    profit_algorithm = models.PositiveSmallIntegerField(
        _("available profit"), choices=ProfitChoice.choices, default=ProfitChoice.ALL
    )
    include_close_profit = models.BooleanField(_("close profit is available"), default=True)
    latency_ms = models.FloatField(
        _("latency (ms)"), default=0.0, help_text=_("Of the simulated exchange, on the market clock.")
    )
    queue_model = models.CharField(_("queue"), max_length=12, choices=QueueModel.choices, default=QueueModel.DISPLAYED)
    live_enabled = models.BooleanField(
        _("live trading"), default=False, editable=False, help_text=_("Two persons allow it; one ends it.")
    )
    cancel_when_blind = models.BooleanField(
        _("cancel without the database"),
        default=False,
        help_text=_("While its lease runs, the gateway withdraws what rests if the database cannot be reached."),
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("made by")
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    objects = AccountQuerySet.as_manager()

    class Meta:
        verbose_name = _("trading account")
        verbose_name_plural = _("trading accounts")
        ordering = ["code"]
        default_permissions = ("add", "change", "view")  # an account with entries is closed, never deleted
        permissions = [
            (VIEW_EVERY, _("Can view every trading account")),
            (TRADE, _("Can trade on an account")),
            (TRADE_EVERY, _("Can trade on every account")),
            (REDUCE_EVERY, _("Can cancel and close on every account")),
            (FUND, _("Can deposit and withdraw")),
            (SETTLE, _("Can settle")),
            (SHARE, _("Can grant an account to people")),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(latency_ms__gte=0), name="trading_account_latency"),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.name}".rstrip()


class AccountState(models.Model):
    """What an account's gateway says of it: the one row that every event of the account locks and counts up.

    Money in yuan as of ``updated_at``. ``positions`` are the ids in the streams of ticks up to which the simulated
    exchange has matched.
    """

    account = models.OneToOneField(TradingAccount, models.CASCADE, primary_key=True, related_name="state")
    last_seq = models.BigIntegerField(_("last event"), default=0)
    epoch = models.PositiveBigIntegerField(_("epoch"), default=0)
    gateway = models.CharField(_("gateway"), max_length=16, default="stopped")
    market_time = models.DateTimeField(_("market clock"), null=True)
    trading_day = models.DateField(_("trading day"), null=True)
    pre_balance = money(_("balance before"), default=0)
    deposit = money(_("deposits"), default=0)
    withdraw = money(_("withdrawals"), default=0)
    close_profit = money(_("close profit"), default=0)
    position_profit = money(_("position profit"), default=0)
    commission = money(_("commission"), default=0)
    balance = money(_("balance"), default=0)
    margin = money(_("margin"), default=0)
    frozen_margin = money(_("frozen margin"), default=0)
    frozen_commission = money(_("frozen commission"), default=0)
    available = money(_("available"), default=0)
    risk_degree = models.FloatField(_("risk degree"), null=True, help_text=_("Margin over balance; empty: infinite."))
    positions = models.JSONField(default=dict)
    updated_at = models.DateTimeField(_("at"), auto_now=True)

    class Meta:
        verbose_name = _("state of an account")
        verbose_name_plural = _("states of accounts")
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.account_id}: {self.last_seq}"


class TradingAccountUserObjectPermission(UserObjectPermissionBase):
    """An account granted to one person."""

    content_object = models.ForeignKey(TradingAccount, on_delete=models.CASCADE)

    class Meta(UserObjectPermissionBase.Meta):
        verbose_name = _("granted to a person")
        verbose_name_plural = _("granted to people")
        default_permissions = ()


class TradingAccountGroupObjectPermission(GroupObjectPermissionBase):
    """An account granted to a group."""

    content_object = models.ForeignKey(TradingAccount, on_delete=models.CASCADE)

    class Meta(GroupObjectPermissionBase.Meta):
        verbose_name = _("granted to a group")
        verbose_name_plural = _("granted to groups")
        default_permissions = ()
