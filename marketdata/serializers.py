"""Instruments and their figures in JSON; numbers are numbers."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from marketdata.daily_facts import ContractRoll, DailySettlement
from marketdata.instruments import costs_for
from marketdata.models import BarCoverage, Instrument


class InstrumentSerializer(serializers.ModelSerializer[Instrument]):
    """One line of the list."""

    exchange = serializers.CharField(source="product.exchange_id")
    product = serializers.CharField(source="product.code")
    multiplier = serializers.FloatField()
    price_tick = serializers.FloatField()

    class Meta:
        model = Instrument
        fields = [
            "code",
            "symbol",
            "exchange",
            "product",
            "name",
            "kind",
            "series",
            "delivery_year",
            "delivery_month",
            "multiplier",
            "price_tick",
            "listed",
            "expires",
            "expiry_by_rule",
            "simulated",
        ]


class CoverageSerializer(serializers.ModelSerializer[BarCoverage]):
    """What bars of one interval are stored."""

    class Meta:
        model = BarCoverage
        fields = ["interval", "bars", "first_start", "last_start", "first_day", "last_day"]


class FeeRateSerializer(serializers.Serializer[Any]):
    """Commission rates from a day on: by money a fraction of turnover, by volume yuan a lot."""

    valid_from = serializers.DateField()
    open_by_money = serializers.FloatField(source="value.open_by_money")
    open_by_volume = serializers.FloatField(source="value.open_by_volume")
    close_by_money = serializers.FloatField(source="value.close_by_money")
    close_by_volume = serializers.FloatField(source="value.close_by_volume")
    close_today_by_money = serializers.FloatField(source="value.close_today_by_money")
    close_today_by_volume = serializers.FloatField(source="value.close_today_by_volume")


class MarginRateSerializer(serializers.Serializer[Any]):
    """Margin rates from a day on: by money a fraction of the contract's value, by volume yuan a lot."""

    valid_from = serializers.DateField()
    long_by_money = serializers.FloatField(source="value.long_by_money")
    long_by_volume = serializers.FloatField(source="value.long_by_volume")
    short_by_money = serializers.FloatField(source="value.short_by_money")
    short_by_volume = serializers.FloatField(source="value.short_by_volume")


class InstrumentDetailSerializer(InstrumentSerializer):
    """One instrument with order limits, stored bars and dated rates."""

    product_name = serializers.CharField(source="product.name_en")
    product_name_zh = serializers.CharField(source="product.name_zh")
    coverage = serializers.SerializerMethodField()
    fees = serializers.SerializerMethodField()
    margins = serializers.SerializerMethodField()

    class Meta(InstrumentSerializer.Meta):
        fields = [
            *InstrumentSerializer.Meta.fields,
            "product_name",
            "product_name_zh",
            "min_limit_volume",
            "max_limit_volume",
            "min_market_volume",
            "max_market_volume",
            "max_margin_side",
            "coverage",
            "fees",
            "margins",
        ]

    @extend_schema_field(CoverageSerializer(many=True))
    def get_coverage(self, instrument: Instrument) -> Any:
        """The stored bars, by interval; an interval whose bars were never written is left out."""
        return CoverageSerializer(instrument.coverage.filter(bars__gt=0), many=True).data

    @extend_schema_field(FeeRateSerializer(many=True))
    def get_fees(self, instrument: Instrument) -> Any:
        """Commission, ascending by day."""
        return FeeRateSerializer(costs_for(instrument)[1], many=True).data

    @extend_schema_field(MarginRateSerializer(many=True))
    def get_margins(self, instrument: Instrument) -> Any:
        """Margin, ascending by day."""
        return MarginRateSerializer(costs_for(instrument)[2], many=True).data


class BarSerializer(serializers.Serializer[Any]):
    """One bar. ``start`` is UTC; turnover is yuan; null where unknown. ``settlement`` is there for daily bars only."""

    start = serializers.DateTimeField()
    trading_day = serializers.DateField()
    open = serializers.FloatField()
    high = serializers.FloatField()
    low = serializers.FloatField()
    close = serializers.FloatField()
    volume = serializers.IntegerField()
    turnover = serializers.FloatField(allow_null=True)
    open_interest = serializers.FloatField(allow_null=True)
    settlement = serializers.FloatField(allow_null=True, required=False)


class BasisSerializer(serializers.Serializer[Any]):
    """A stretch of an answer whose bars come from stored bars of ``interval``: the asked one, or a finer one."""

    interval = serializers.CharField()
    first = serializers.DateTimeField()
    last = serializers.DateTimeField()
    bars = serializers.IntegerField()


class BarPageSerializer(serializers.Serializer[Any]):
    """Bars in ascending order; ``next`` leads to the older ones."""

    instrument = serializers.CharField()
    interval = serializers.CharField()
    simulated = serializers.BooleanField()
    basis = BasisSerializer(many=True)
    results = BarSerializer(many=True)
    next = serializers.URLField(allow_null=True)


class ContractRollSerializer(serializers.ModelSerializer[ContractRoll]):
    """One roll; ``trading_day`` is the first one of the new contract."""

    instrument = serializers.CharField(source="instrument.code")

    class Meta:
        model = ContractRoll
        fields = [
            "instrument",
            "trading_day",
            "from_contract",
            "to_contract",
            "old_close",
            "new_close",
            "closes_day",
            "old_open",
            "new_open",
        ]


class DailySettlementSerializer(serializers.ModelSerializer[DailySettlement]):
    """One instrument's settlement of one trading day; null where unknown."""

    instrument = serializers.CharField(source="instrument.code")

    class Meta:
        model = DailySettlement
        fields = ["instrument", "trading_day", "settlement_price", "pre_settlement", "upper_limit", "lower_limit"]
