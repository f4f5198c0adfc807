"""REST: instruments, bars, rolls and settlements."""

from typing import Any

import django_filters
from django.db.models import Q, QuerySet
from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.viewsets import GenericViewSet, ReadOnlyModelViewSet

from marketdata.bar_formats import BarCsvRenderer, BarJsonRenderer, BarPage, BarParquetRenderer
from marketdata.bar_query import DEFAULT_LIMIT, MAX_LIMIT, boundary_of, by_column, limit_of, needed, older_page
from marketdata.daily_facts import ContractRoll, DailySettlement
from marketdata.domain.instrument import InstrumentKind
from marketdata.domain.intervals import DAY, interval_name, parse_interval
from marketdata.indicators.api import IndicatorViewSet
from marketdata.instruments import find_instrument
from marketdata.klines import read_klines, settlement_prices
from marketdata.main_contracts.api import MainContractViewSet
from marketdata.models import Bar, Instrument
from marketdata.quality.api import DayQualityViewSet
from marketdata.serializers import (
    BarPageSerializer,
    ContractRollSerializer,
    DailySettlementSerializer,
    InstrumentDetailSerializer,
    InstrumentSerializer,
)
from marketdata.ticks.api import TickViewSet
from marketdata.ticks.latest_api import LatestTicksView
from quantsite.web.pagination import NewestFirstCursor

PAGE_SIZE = 100


class CodeCursor(NewestFirstCursor):
    """Pages in the order of codes."""

    ordering = "code"
    page_size = PAGE_SIZE


class InstrumentFilter(django_filters.FilterSet):
    """What narrows the list of instruments."""

    exchange = django_filters.CharFilter(field_name="product__exchange_id")
    product = django_filters.CharFilter(field_name="product__code")
    kind = django_filters.ChoiceFilter(choices=[(kind.value, kind.value) for kind in InstrumentKind])
    search = django_filters.CharFilter(method="filter_search")

    class Meta:
        model = Instrument
        fields = ["exchange", "product", "kind", "search"]

    def filter_search(self, queryset: QuerySet[Instrument], _name: str, value: str) -> QuerySet[Instrument]:
        """Rows whose code or name has the text in it, or whose product's English name begins with it."""
        names = Q(product__name_en__istartswith=value) | Q(product__name_zh__icontains=value)
        return queryset.filter(Q(code__icontains=value) | Q(name__icontains=value) | names)


class InstrumentViewSet(ReadOnlyModelViewSet[Instrument]):
    """Futures contracts and continuous series; one by its code, such as ``rb2501.SHFE``."""

    queryset = Instrument.objects.select_related("product")
    lookup_field = "code"
    lookup_value_regex = r"[^/\x00-\x1f]+"  # PostgreSQL refuses a question with a NUL in it
    filterset_class = InstrumentFilter
    pagination_class = CodeCursor

    def get_serializer_class(self) -> type[Serializer[Any]]:
        """More of one instrument than of many."""
        return InstrumentDetailSerializer if self.action == "retrieve" else InstrumentSerializer


class DayCursor(NewestFirstCursor):
    """Pages from the newest trading day back."""

    ordering = ("-trading_day", "instrument_id")
    page_size = PAGE_SIZE


class DayFilter(django_filters.FilterSet):
    """What narrows a list of trading days."""

    instrument = django_filters.CharFilter(field_name="instrument__code")
    start = django_filters.DateFilter(field_name="trading_day", lookup_expr="gte")
    end = django_filters.DateFilter(field_name="trading_day", lookup_expr="lte")


class ContractRollViewSet(ListModelMixin, GenericViewSet[ContractRoll]):
    """Rolls of main-contract series, the newest first; ``instrument`` such as ``rb88.SHFE``, days both included."""

    queryset = ContractRoll.objects.select_related("instrument")
    serializer_class = ContractRollSerializer
    filterset_class = DayFilter
    pagination_class = DayCursor


class DailySettlementViewSet(ListModelMixin, GenericViewSet[DailySettlement]):
    """Settlement prices and limits of trading days, the newest first; days both included."""

    queryset = DailySettlement.objects.select_related("instrument")
    serializer_class = DailySettlementSerializer
    filterset_class = DayFilter
    pagination_class = DayCursor


class BarViewSet(GenericViewSet[Bar]):
    """Bars of any interval: stored ones, else put together from finer ones; ``basis`` tells which."""

    queryset = Bar.objects.none()  # names the permission; rows are read in columns
    renderer_classes = [BarJsonRenderer, BarCsvRenderer, BarParquetRenderer]
    serializer_class = BarPageSerializer
    pagination_class = None
    filter_backends = ()

    @extend_schema(
        parameters=[
            OpenApiParameter("instrument", str, required=True, description="Such as rb88.SHFE."),
            OpenApiParameter("interval", str, required=True, description="1m 3m 5m 15m 30m 1h 2h, any Nm, or 1d."),
            OpenApiParameter(
                "start", str, description="A trading day (YYYY-MM-DD), or an instant with its zone; included."
            ),
            OpenApiParameter(
                "end", str, description="A trading day, included, or an instant with its zone, not included."
            ),
            OpenApiParameter(
                "limit", int, description=f"The newest so many bars: {DEFAULT_LIMIT:,}, at most {MAX_LIMIT:,}."
            ),
            OpenApiParameter(
                "layout", str, enum=["rows", "columns"], description="JSON: a list of bars, or an array a column."
            ),
        ],
        responses={
            (200, "application/json"): BarPageSerializer,
            (200, "text/csv"): OpenApiResponse(OpenApiTypes.STR, description="Times are Asia/Shanghai."),
            (200, "application/vnd.apache.parquet"): OpenApiTypes.BINARY,
        },
    )
    def list(self, request: Request) -> Response:
        """Bars in ascending order: the newest ones of the range; ``next`` (and the header Link) leads to older ones."""
        query = request.query_params
        instrument = find_instrument(needed(query, "instrument"))
        interval = interval_name(parse_interval(needed(query, "interval")))
        limit = limit_of(query)
        start, end = boundary_of(query, "start"), boundary_of(query, "end")
        columns = by_column(query)
        klines = read_klines(instrument, interval, start, end, limit + 1)
        older = None
        if len(klines.bars) > limit:
            klines = klines.without_first()
            older = older_page(request, klines.bars)
        settlement = settlement_prices(instrument, klines.bars) if interval == DAY else None
        page = BarPage(klines.bars, instrument.simulated, older, columns, settlement, klines.basis)
        return Response(page, headers={"Link": f'<{older}>; rel="next"'} if older else None)


routes = [
    ("main-contracts", MainContractViewSet, "main-contract"),
    ("instruments", InstrumentViewSet, "instrument"),
    ("bars", BarViewSet, "bar"),
    ("ticks", TickViewSet, "tick"),
    ("indicators", IndicatorViewSet, "indicator"),
    ("rolls", ContractRollViewSet, "roll"),
    ("settlements", DailySettlementViewSet, "settlement"),
    ("data-quality", DayQualityViewSet, "data-quality"),
]
urlpatterns: list[Any] = [path("ticks/latest/", LatestTicksView.as_view(), name="ticks-latest")]
