"""What is asked of an account, its orders and fills, and every event of it as a row. Part of the app's models."""

from typing import TYPE_CHECKING, Self, TypeVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from marketdata.fact_rows import money
from marketdata.models import Instrument
from trading.account_models import TradingAccount
from trading.choices import (
    FINAL_STATUSES,
    CommandKind,
    CommandStatus,
    DirectionName,
    OffsetName,
    OrderTypeName,
    StatusName,
)

if TYPE_CHECKING:
    from accounts.models import User


RowT = TypeVar("RowT", bound=models.Model)


class AccountRows(models.QuerySet[RowT]):
    """Rows that belong to an account and are seen with it."""

    def visible_to(self, user: "User") -> Self:
        """Those of the accounts that the person may see."""
        return self.filter(account__in=TradingAccount.objects.visible_to(user))


class OrderQuerySet(AccountRows["Order"]):
    """Reads of orders."""

    def working(self) -> Self:
        """Those that may still fill."""
        return self.exclude(status__in=FINAL_STATUSES)

    def kept_by(self, account: TradingAccount) -> Self:
        """What a gateway must know after a start: the working orders that it had taken, with their fills."""
        taken = self.working().exclude(status=StatusName.PENDING).filter(account=account)
        return taken.select_related("account", "instrument").prefetch_related("fills").order_by("pk")


class Order(models.Model):
    """One order. ``parts`` are the exchange's offsets that it was split into when the gateway took it."""

    account = models.ForeignKey(TradingAccount, models.PROTECT, related_name="orders", verbose_name=_("account"))
    client_order_id = models.CharField(_("client order id"), max_length=64)
    instrument = models.ForeignKey(Instrument, models.PROTECT, related_name="+", verbose_name=_("instrument"))
    direction = models.CharField(_("direction"), max_length=4, choices=DirectionName.choices)
    offset = models.CharField(_("offset"), max_length=16, choices=OffsetName.choices)
    type = models.CharField(_("type"), max_length=8, choices=OrderTypeName.choices)
    price = money(_("price"), null=True, blank=True)
    stop_price = money(_("stop price"), null=True, blank=True)
    volume = models.PositiveIntegerField(_("volume"))
    strategy_key = models.CharField(_("strategy"), max_length=80, blank=True, help_text=_("Empty: by hand."))
    foreign = models.BooleanField(
        _("of another terminal"), default=False, editable=False, help_text=_("Sent to the broker by another program.")
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("placed by")
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    # where it stands
    status = models.CharField(_("status"), max_length=20, choices=StatusName.choices, default=StatusName.PENDING)
    traded = models.PositiveIntegerField(pgettext_lazy("order", "traded"), default=0)
    average_price = money(_("average price"), null=True, blank=True)
    cancel_requested = models.BooleanField(pgettext_lazy("order", "cancel requested"), default=False)
    reason_code = models.CharField(_("reason"), max_length=64, blank=True)
    reason_text = models.TextField(_("explanation"), blank=True)
    trading_day = models.DateField(_("trading day"), null=True, blank=True)
    parts = models.JSONField(_("parts"), default=list, blank=True)
    frozen_margin = money(_("frozen margin"), default=0)
    frozen_commission = money(_("frozen commission"), default=0)
    exchange_order_id = models.CharField(_("exchange order id"), max_length=64, blank=True)
    submitted_at = models.DateTimeField(_("submitted (market clock)"), null=True, blank=True)
    finished_at = models.DateTimeField(_("finished (market clock)"), null=True, blank=True)
    matching = models.JSONField(default=dict, blank=True)  # what its gateway keeps: a place in a book, CTP's keys
    updated_seq = models.BigIntegerField(_("last event"), default=0)

    objects = OrderQuerySet.as_manager()

    class Meta:
        verbose_name = _("order")
        verbose_name_plural = _("orders")
        ordering = ["-id"]
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(fields=["account", "client_order_id"], name="trading_order_once"),
            models.CheckConstraint(condition=Q(volume__gt=0), name="trading_order_volume"),
            models.CheckConstraint(condition=Q(traded__lte=models.F("volume")), name="trading_order_traded"),
        ]
        indexes = [
            models.Index(fields=["account", "-id"], name="trading_order_account"),
            models.Index(fields=["account"], condition=~Q(status__in=FINAL_STATUSES), name="trading_order_working"),
            models.Index(fields=["instrument", "-id"], name="trading_order_instrument"),
            models.Index(fields=["trading_day", "-id"], name="trading_order_day"),
        ]

    def __str__(self) -> str:
        return f"#{self.pk} {self.direction} {self.offset} {self.volume} {self.instrument.code}"

    @property
    def is_working(self) -> bool:
        """Whether it may still fill."""
        return self.status not in FINAL_STATUSES

    @property
    def left(self) -> int:
        """Lots not traded yet."""
        return self.volume - self.traded


class AccountCommand(models.Model):
    """Something that an account's gateway is to do, in the order of the rows."""

    account = models.ForeignKey(TradingAccount, models.PROTECT, related_name="commands", verbose_name=_("account"))
    kind = models.CharField(_("what"), max_length=16, choices=CommandKind.choices)
    order = models.ForeignKey(Order, models.PROTECT, null=True, blank=True, related_name="commands")
    payload = models.JSONField(_("details"), default=dict, blank=True)
    client_id = models.CharField(_("client id"), max_length=64, blank=True, help_text=_("The caller's own name of it."))
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("asked by")
    )
    status = models.CharField(
        _("state"), max_length=8, choices=CommandStatus.choices, default=CommandStatus.QUEUED, editable=False
    )
    result = models.JSONField(_("result"), default=dict, blank=True)
    reason_code = models.CharField(_("reason"), max_length=64, blank=True)
    reason_text = models.TextField(_("explanation"), blank=True)
    request_id = models.CharField(_("request"), max_length=64, blank=True)
    created_at = models.DateTimeField(_("asked at"), auto_now_add=True)
    done_at = models.DateTimeField(_("done at"), null=True, blank=True)

    objects = AccountRows.as_manager()

    class Meta:
        verbose_name = _("command to a gateway")
        verbose_name_plural = _("commands to gateways")
        ordering = ["-id"]
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(
                fields=["account", "client_id"], condition=~Q(client_id=""), name="trading_command_once"
            ),
        ]
        indexes = [
            models.Index(fields=["account", "id"], condition=Q(status="queued"), name="trading_command_queued"),
        ]

    def __str__(self) -> str:
        return f"#{self.pk} {self.kind} {self.status}"


class Fill(models.Model):
    """One trade of an account, in one offset; profits in yuan by date and by trade, before commission."""

    account = models.ForeignKey(TradingAccount, models.PROTECT, related_name="fills", verbose_name=_("account"))
    order = models.ForeignKey(
        Order, models.PROTECT, null=True, blank=True, related_name="fills", verbose_name=_("order")
    )
    instrument = models.ForeignKey(Instrument, models.PROTECT, related_name="+", verbose_name=_("instrument"))
    trading_day = models.DateField(_("trading day"))
    trade_id = models.CharField(_("trade id"), max_length=64, help_text=_("The exchange's, within the trading day."))
    part = models.PositiveSmallIntegerField(_("part"), default=0, help_text=_("Of a trade over several lots."))
    direction = models.CharField(_("direction"), max_length=4, choices=DirectionName.choices)
    offset = models.CharField(_("offset"), max_length=16, choices=OffsetName.choices)
    price = money(_("price"))
    volume = models.PositiveIntegerField(_("volume"))
    commission = money(_("commission"))
    close_profit = money(_("close profit by date"), default=0)
    close_profit_by_trade = money(_("close profit by trade"), default=0)
    traded_at = models.DateTimeField(_("traded (market clock)"))
    strategy_key = models.CharField(_("strategy"), max_length=80, blank=True)
    seq = models.BigIntegerField(_("event"))
    created_at = models.DateTimeField(_("stored"), auto_now_add=True)

    objects = AccountRows.as_manager()

    class Meta:
        verbose_name = _("fill")
        verbose_name_plural = _("fills")
        ordering = ["-id"]
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(
                fields=["account", "trading_day", "instrument", "trade_id", "direction", "part"],
                name="trading_fill_once",
            ),
            models.CheckConstraint(condition=Q(volume__gt=0), name="trading_fill_volume"),
        ]
        indexes = [
            models.Index(fields=["account", "-id"], name="trading_fill_account"),
            models.Index(fields=["account", "seq"], name="trading_fill_seq"),
            models.Index(fields=["instrument", "-id"], name="trading_fill_instrument"),
        ]

    def __str__(self) -> str:
        return f"#{self.pk} {self.direction} {self.offset} {self.volume} @ {self.price}"


class AccountEvent(models.Model):
    """One thing that happened to an account, numbered without a gap in the order of the commits.

    ``body`` holds what changed, whole and as the API shows it: ``order``, ``fills``, ``positions``, ``funds``,
    ``command``. A reader that folds the events over a snapshot stands where the API does.
    """

    pk = models.CompositePrimaryKey("account_id", "seq")
    account = models.ForeignKey(TradingAccount, models.PROTECT, related_name="events", db_index=False)
    seq = models.BigIntegerField(_("event"))
    kind = models.CharField(_("kind"), max_length=24)
    order = models.ForeignKey(Order, models.PROTECT, null=True, related_name="events", db_constraint=False)
    body = models.JSONField(_("what changed"), default=dict)
    market_time = models.DateTimeField(_("market clock"), null=True)
    created_at = models.DateTimeField(_("stored"), auto_now_add=True)

    class Meta:
        verbose_name = _("event of an account")
        verbose_name_plural = _("events of accounts")
        ordering = ["seq"]
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.account_id}/{self.seq} {self.kind}"
