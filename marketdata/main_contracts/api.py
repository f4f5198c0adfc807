"""REST: which contract of a product is its main one."""

from typing import Any, ClassVar

import django_filters
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.mixins import ListModelMixin
from rest_framework.viewsets import GenericViewSet

from marketdata.daily_facts import MainContractDay
from quantsite.web.pagination import NewestFirstCursor

PAGE_SIZE = 100


class WeighedContractSerializer(serializers.Serializer[Any]):
    """A contract at the close of the day that was looked at: lots as published, null where unknown."""

    contract = serializers.CharField()
    expires = serializers.DateField(allow_null=True)
    open_interest = serializers.FloatField(allow_null=True)
    volume = serializers.FloatField(allow_null=True)
    close = serializers.FloatField(allow_null=True)


class RollReasonSerializer(serializers.Serializer[Any]):
    """What the rule saw: its figures, the contract chosen, the one before, and the runner-up."""

    said = serializers.CharField()
    ratio = serializers.FloatField()
    volume_share = serializers.FloatField()
    leave_days = serializers.IntegerField()
    main = WeighedContractSerializer()
    present = WeighedContractSerializer(allow_null=True)
    rival = WeighedContractSerializer(allow_null=True)


class MainContractSerializer(serializers.ModelSerializer[MainContractDay]):
    """The main contract of one product on one trading day; ``decided_from`` is the day whose data decided it."""

    product = serializers.CharField(source="product.code")
    exchange = serializers.CharField(source="product.exchange_id")
    contract = serializers.CharField(source="instrument.code")
    reason = serializers.SerializerMethodField()

    class Meta:
        model = MainContractDay
        fields = ["product", "exchange", "trading_day", "contract", "rolled", "rule", "decided_from", "reason"]

    @extend_schema_field(RollReasonSerializer())
    def get_reason(self, row: MainContractDay) -> Any:
        """As it was stored with the decision."""
        return row.reason


class MainContractCursor(NewestFirstCursor):
    """Pages from the newest trading day back."""

    ordering = ("-trading_day", "product_id")
    page_size = PAGE_SIZE


class MainContractFilter(django_filters.FilterSet):
    """What narrows the list."""

    product = django_filters.CharFilter(field_name="product__code")
    exchange = django_filters.CharFilter(field_name="product__exchange_id")
    day = django_filters.DateFilter(field_name="trading_day")
    start = django_filters.DateFilter(field_name="trading_day", lookup_expr="gte")
    end = django_filters.DateFilter(field_name="trading_day", lookup_expr="lte")
    rolled = django_filters.BooleanFilter()

    class Meta:
        model = MainContractDay
        fields: ClassVar[list[str]] = ["product", "exchange", "day", "start", "end", "rolled"]


class MainContractViewSet(ListModelMixin, GenericViewSet[MainContractDay]):
    """Main contracts by trading day, the newest first; ``product`` such as ``rb``, ``day`` one trading day."""

    queryset = MainContractDay.objects.select_related("product", "instrument")
    serializer_class = MainContractSerializer
    filterset_class = MainContractFilter
    pagination_class = MainContractCursor
