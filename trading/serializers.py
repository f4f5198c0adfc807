"""The bodies of the API of orders, fills and positions: what may be asked, what is answered.

What is answered has one form, ``trading.shapes``; the classes here declare it for the schema.
"""

import math
from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from quantsite.web.bodies import StrictSerializer
from trading.choices import DirectionName, OffsetName, OrderTypeName, SideName, StatusName
from trading.ledger_models import Position
from trading.order_models import Fill, Order
from trading.shapes import fill_shape, order_shape, position_shape
from trading.verbs.new_order import NewOrder

CLIENT_ID = r"^[\x21-\x7e]{1,64}$"
MOST_LOTS = 1_000_000_000
"""More than any exchange takes; the contract's own bounds are asked for later."""
HIGHEST_PRICE = 1e9


class FiniteField(serializers.FloatField):
    """A number as JSON knows it: the texts ``nan`` and ``inf`` are none."""

    def to_internal_value(self, data: Any) -> float:
        """The number. Raises ``ValidationError``."""
        value = super().to_internal_value(data)
        if not math.isfinite(value):
            self.fail("invalid")
        return value


def price_field(**options: Any) -> FiniteField:
    """A price that its column can keep."""
    return FiniteField(min_value=-HIGHEST_PRICE, max_value=HIGHEST_PRICE, allow_null=True, **options)


def lots_field(**options: Any) -> serializers.IntegerField:
    """A number of lots."""
    return serializers.IntegerField(min_value=1, max_value=MOST_LOTS, **options)


def client_id_field(**options: Any) -> serializers.RegexField:
    """The caller's own name of an order."""
    text = _("One to 64 printable ASCII characters without a blank; yours alone within the account.")
    return serializers.RegexField(CLIENT_ID, help_text=str(text), **options)


@extend_schema_serializer(component_name="TradingOrder")
class OrderSerializer(serializers.Serializer[Any]):
    """An order and where it stands: money in yuan, prices in the quoted unit, volumes in lots, times in UTC."""

    id = serializers.IntegerField()
    account = serializers.CharField()
    client_order_id = serializers.CharField()
    instrument = serializers.CharField()
    direction = serializers.ChoiceField(DirectionName.choices)
    offset = serializers.ChoiceField(OffsetName.choices)
    type = serializers.ChoiceField(OrderTypeName.choices)
    price = serializers.FloatField(allow_null=True)
    stop_price = serializers.FloatField(allow_null=True)
    volume = serializers.IntegerField()
    traded = serializers.IntegerField()
    average_price = serializers.FloatField(allow_null=True)
    status = serializers.ChoiceField(StatusName.choices)
    cancel_requested = serializers.BooleanField()
    reason_code = serializers.CharField()
    reason_text = serializers.CharField()
    trading_day = serializers.DateField(allow_null=True)
    frozen_margin = serializers.FloatField()
    frozen_commission = serializers.FloatField()
    strategy_key = serializers.CharField()
    created_at = serializers.DateTimeField()
    submitted_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
    updated_seq = serializers.IntegerField()

    def to_representation(self, instance: Order) -> Any:
        """The one form of an order."""
        return order_shape(instance)


@extend_schema_serializer(component_name="TradingFill")
class FillSerializer(serializers.Serializer[Any]):
    """A fill in one offset: money in yuan, profits before commission."""

    id = serializers.IntegerField()
    account = serializers.CharField()
    order = serializers.IntegerField(allow_null=True)
    instrument = serializers.CharField()
    trading_day = serializers.DateField()
    trade_id = serializers.CharField()
    direction = serializers.ChoiceField(DirectionName.choices)
    offset = serializers.ChoiceField(OffsetName.choices)
    price = serializers.FloatField()
    volume = serializers.IntegerField()
    commission = serializers.FloatField()
    close_profit = serializers.FloatField()
    close_profit_by_trade = serializers.FloatField()
    traded_at = serializers.DateTimeField()
    strategy_key = serializers.CharField()
    seq = serializers.IntegerField()

    def to_representation(self, instance: Fill) -> Any:
        """The one form of a fill."""
        return fill_shape(instance)


class PositionSerializer(serializers.Serializer[Any]):
    """One side of an instrument: money in yuan, prices in the quoted unit, volumes in lots."""

    account = serializers.CharField()
    instrument = serializers.CharField()
    side = serializers.ChoiceField(SideName.choices)
    volume = serializers.IntegerField()
    today = serializers.IntegerField()
    frozen = serializers.IntegerField()
    frozen_today = serializers.IntegerField()
    open_price = serializers.FloatField()
    base_price = serializers.FloatField()
    last_price = serializers.FloatField(allow_null=True)
    margin = serializers.FloatField()
    position_profit = serializers.FloatField()
    open_profit = serializers.FloatField()
    position_cost = serializers.FloatField()
    open_cost = serializers.FloatField()

    def to_representation(self, instance: Position) -> Any:
        """The one form of a position."""
        return position_shape(instance)


class NewOrderSerializer(StrictSerializer):
    """An order to place. The same body again gives the same order."""

    account = serializers.CharField(max_length=32)
    instrument = serializers.CharField(max_length=64)
    direction = serializers.ChoiceField(DirectionName.choices)
    offset = serializers.ChoiceField(OffsetName.choices)
    type = serializers.ChoiceField(OrderTypeName.choices)
    price = price_field(required=False)
    stop_price = price_field(required=False)
    volume = lots_field()
    client_order_id = client_id_field()

    def to_order(self) -> NewOrder:
        """The order as services take it; call it after ``is_valid``."""
        given = self.validated_data
        return NewOrder(
            instrument=given["instrument"],
            direction=given["direction"],
            offset=given["offset"],
            type=given["type"],
            volume=given["volume"],
            client_order_id=given["client_order_id"],
            price=given.get("price"),
            stop_price=given.get("stop_price"),
        )


class CancelAllSerializer(StrictSerializer):
    """Which working orders to cancel; what is left out narrows nothing."""

    account = serializers.CharField(max_length=32, required=False)
    instrument = serializers.CharField(max_length=64, required=False)
    strategy_key = serializers.CharField(max_length=80, required=False, allow_blank=True)


class CancelledSerializer(serializers.Serializer[Any]):
    """The orders whose cancellation was asked for."""

    orders = serializers.ListField(child=serializers.IntegerField())


class CloseSerializer(StrictSerializer):
    """A position to close: all that is free unless ``volume`` is given, at any price unless ``price`` is."""

    account = serializers.CharField(max_length=32)
    instrument = serializers.CharField(max_length=64)
    side = serializers.ChoiceField(SideName.choices)
    volume = lots_field(required=False)
    price = price_field(required=False)
    client_order_id = client_id_field(required=False)
