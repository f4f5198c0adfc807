"""The bodies of the API of trading accounts: funds, statements, and what is asked of an account."""

from decimal import Decimal
from typing import Any

from rest_framework import serializers

from accounts.serializers import ReceiverSerializer
from quantsite.web.bodies import StrictSerializer
from trading.account_models import TRADE, VIEW, TradingAccount
from trading.choices import AccountKind, CashKind, CashSource, CommandKind, CommandStatus
from trading.ledger_models import BalanceSnapshot, CashEntry
from trading.order_models import AccountCommand
from trading.serializers import FiniteField, OrderSerializer
from trading.shapes import account_shape
from trading.verbs.settling import Preview

LEVELS = {"view": VIEW, "trade": TRADE}


class FundsSerializer(serializers.Serializer[Any]):
    """The funds of an account in yuan at the last event; ``risk_degree`` is margin over balance, null if infinite."""

    trading_day = serializers.DateField(allow_null=True)
    pre_balance = serializers.FloatField()
    deposit = serializers.FloatField()
    withdraw = serializers.FloatField()
    close_profit = serializers.FloatField()
    position_profit = serializers.FloatField()
    commission = serializers.FloatField()
    balance = serializers.FloatField()
    margin = serializers.FloatField()
    frozen_margin = serializers.FloatField()
    frozen_commission = serializers.FloatField()
    available = serializers.FloatField()
    risk_degree = serializers.FloatField(allow_null=True)


class AccountSerializer(serializers.Serializer[Any]):
    """A trading account with its funds; ``last_seq`` is the number of its last event."""

    code = serializers.CharField()
    name = serializers.CharField()
    kind = serializers.ChoiceField(AccountKind.choices)
    desk = serializers.CharField()
    control_group = serializers.CharField()
    is_active = serializers.BooleanField()
    gateway = serializers.CharField()
    market_time = serializers.DateTimeField(allow_null=True)
    funds = FundsSerializer()
    last_seq = serializers.IntegerField()

    def to_representation(self, instance: TradingAccount) -> Any:
        """The one form of an account."""
        return account_shape(instance)


class StatementSerializer(serializers.ModelSerializer[BalanceSnapshot]):
    """The end of a trading day: funds in yuan, the prices it was settled at and the positions carried on."""

    positions = serializers.JSONField(source="rows")
    settled_by = serializers.CharField(source="settled_by.username", allow_null=True, default=None)
    settled_at = serializers.DateTimeField(source="created_at")

    class Meta:
        model = BalanceSnapshot
        fields = [
            "trading_day",
            "pre_balance",
            "deposit",
            "withdraw",
            "close_profit",
            "close_profit_by_trade",
            "position_profit",
            "commission",
            "balance",
            "margin",
            "available",
            "risk_degree",
            "prices",
            "positions",
            "settled_by",
            "settled_at",
        ]


class EquitySerializer(serializers.ModelSerializer[BalanceSnapshot]):
    """One trading day of the equity curve, in yuan."""

    class Meta:
        model = BalanceSnapshot
        fields = [
            "trading_day",
            "balance",
            "deposit",
            "withdraw",
            "close_profit",
            "position_profit",
            "commission",
            "margin",
        ]


class CashSerializer(serializers.ModelSerializer[CashEntry]):
    """Money that came or went, in yuan."""

    kind = serializers.ChoiceField(CashKind.choices)
    actor = serializers.CharField(source="actor.username", allow_null=True, default=None)
    source = serializers.ChoiceField(CashSource.choices)  # type: ignore[assignment]
    client_cash_id = serializers.CharField(source="command.client_id", default="")

    class Meta:
        model = CashEntry
        fields = [
            *("id", "kind", "amount", "note", "source", "client_cash_id"),
            *("trading_day", "command", "actor", "seq", "created_at"),
        ]


class CommandSerializer(serializers.ModelSerializer[AccountCommand]):
    """Something an account's gateway was asked for; ``failed`` comes with a reason."""

    account = serializers.CharField(source="account.code")
    kind = serializers.ChoiceField(CommandKind.choices)
    status = serializers.ChoiceField(CommandStatus.choices)
    client_cash_id = serializers.CharField(source="client_id")
    actor = serializers.CharField(source="actor.username", allow_null=True, default=None)

    class Meta:
        model = AccountCommand
        fields = [
            "id",
            "account",
            "kind",
            "order",
            "client_cash_id",
            "status",
            "result",
            "reason_code",
            "reason_text",
            "actor",
            "created_at",
            "done_at",
        ]


class MoneySerializer(StrictSerializer):
    """An amount in yuan to move."""

    amount = serializers.DecimalField(max_digits=20, decimal_places=6, min_value=Decimal("0.000001"))
    note = serializers.CharField(max_length=200, required=False, default="", allow_blank=True)
    client_cash_id = serializers.CharField(
        max_length=64,
        required=False,
        default="",
        allow_blank=True,
        help_text="The caller's own name of this movement: asked again under it, the money moves once.",
    )


class SettleSerializer(StrictSerializer):
    """Settlement prices by instrument before the stored ones; ``trading_day`` is a safeguard: no other is settled."""

    prices = serializers.DictField(child=FiniteField(), required=False, default=dict)
    trading_day = serializers.DateField(required=False, allow_null=True, default=None)


class AccessSerializer(ReceiverSerializer):
    """Whom an account is granted to, and how far."""

    level = serializers.ChoiceField(sorted(LEVELS), required=False, default="view")

    def permission(self) -> str:
        """The permission that the level stands for; call it after ``is_valid``."""
        return LEVELS[self.validated_data["level"]]


class DayPriceSerializer(serializers.Serializer[Any]):
    """What an instrument would be settled at, and whose price that is; null where nobody has told one."""

    instrument = serializers.CharField()
    price = serializers.FloatField(allow_null=True)
    source = serializers.CharField(help_text="given, broker, published, last, or empty where there is none.")  # type: ignore[assignment]


class PreviewSerializer(serializers.Serializer[Preview]):
    """What a settlement would book now; orders in ``working`` would expire."""

    account = serializers.CharField(source="account.code")
    trading_day = serializers.DateField(allow_null=True)
    prices = DayPriceSerializer(many=True)
    missing = serializers.ListField(child=serializers.CharField())
    working = OrderSerializer(many=True)
    statement = serializers.JSONField(allow_null=True)
