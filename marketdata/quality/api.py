"""REST: how sound the data of trading days are."""

from typing import Any, ClassVar

import django_filters
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.mixins import ListModelMixin
from rest_framework.viewsets import GenericViewSet

from marketdata.domain.quality_score import grade
from marketdata.live_models import DayQuality
from quantsite.web.pagination import NewestFirstCursor


class FaultExampleSerializer(serializers.Serializer[Any]):
    """One fault: when (UTC), of which column, the value and what it was held against."""

    time = serializers.DateTimeField(allow_null=True)
    name = serializers.CharField(required=False)
    value = serializers.FloatField(required=False, allow_null=True)
    against = serializers.FloatField(required=False, allow_null=True)


class FaultSerializer(serializers.Serializer[Any]):
    """A kind of fault: how often it was found, what it takes from the score, the first twenty."""

    count = serializers.FloatField()
    cost = serializers.FloatField()
    examples = FaultExampleSerializer(many=True)


class DayQualitySerializer(serializers.ModelSerializer[DayQuality]):
    """One trading day of one instrument. ``fault`` costs most, '' for none."""

    instrument = serializers.CharField(source="instrument.code")
    grade = serializers.SerializerMethodField()
    fault = serializers.SerializerMethodField()
    faults = serializers.SerializerMethodField()

    class Meta:
        model = DayQuality
        fields = [
            "instrument",
            "interval",
            "trading_day",
            "score",
            "grade",
            "fault",
            "expected_bars",
            "bars",
            "missing",
            "zero_volume",
            "off_tick",
            "outside_limits",
            "jumps",
            "partial",
            "ticks",
            "missing_ticks",
            "crossed",
            "backward",
            "clock_skew_ms",
            "faults",
            "computed_at",
        ]

    def get_grade(self, row: DayQuality) -> str:
        """``A`` to ``E``."""
        return grade(row.score)

    def get_fault(self, row: DayQuality) -> str:
        """The kind that costs most."""
        return str(row.details.get("fault", ""))

    @extend_schema_field(serializers.DictField(child=FaultSerializer()))
    def get_faults(self, row: DayQuality) -> Any:
        """Kind -> what was found of it."""
        return row.details.get("faults", {})


class WorstFirstCursor(NewestFirstCursor):
    """Pages from the newest trading day back, of one day the worst first."""

    ordering = ("-trading_day", "score", "pk")
    page_size = 100


class DayQualityFilter(django_filters.FilterSet):
    """What narrows the list of judged days."""

    instrument = django_filters.CharFilter(field_name="instrument__code")
    interval = django_filters.CharFilter()
    start = django_filters.DateFilter(field_name="trading_day", lookup_expr="gte")
    end = django_filters.DateFilter(field_name="trading_day", lookup_expr="lte")
    below = django_filters.NumberFilter(field_name="score", lookup_expr="lt")

    class Meta:
        model = DayQuality
        fields: ClassVar[list[str]] = ["instrument", "interval", "start", "end", "below"]


class DayQualityViewSet(ListModelMixin, GenericViewSet[DayQuality]):
    """How sound the data of trading days are, the newest first; ``below`` gives the days with a lower score."""

    queryset = DayQuality.objects.select_related("instrument")
    serializer_class = DayQualitySerializer
    filterset_class = DayQualityFilter
    pagination_class = WorstFirstCursor
