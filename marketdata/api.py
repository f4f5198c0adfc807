"""REST: instruments, bars, rolls and settlements."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from urllib.parse import urlencode

import django_filters
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.viewsets import GenericViewSet, ReadOnlyModelViewSet

from marketdata.bar_formats import BarCsvRenderer, BarJsonRenderer, BarPage, BarParquetRenderer
from marketdata.daily_facts import ContractRoll, DailySettlement
from marketdata.domain.instrument import InstrumentKind
from marketdata.domain.intervals import interval_name, parse_interval
from marketdata.instruments import find_instrument
from marketdata.models import Bar, Instrument
from marketdata.quality_api import DayQualityViewSet
from marketdata.serializers import (
    BarPageSerializer,
    ContractRollSerializer,
    DailySettlementSerializer,
    InstrumentDetailSerializer,
    InstrumentSerializer,
)
from quantsite.common.errors import RuleError
from quantsite.common.times import iso_utc, ns_to_utc
from quantsite.web.pagination import NewestFirstCursor

DEFAULT_LIMIT = 5_000
MAX_LIMIT = 100_000
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
    lookup_value_regex = "[^/]+"
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
    """Stored bars."""

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
        instrument = find_instrument(_needed(query, "instrument"))
        interval = interval_name(parse_interval(_needed(query, "interval")))
        limit = _limit(query)
        start, end = _boundary(query, "start"), _boundary(query, "end")
        bars = Bar.objects.newest(instrument, interval, limit + 1, start, end)
        older = None
        if len(bars) > limit:
            bars = bars.take(slice(1, None))
            oldest = iso_utc(ns_to_utc(int(bars.start[0])))
            older = request.build_absolute_uri(f"{request.path}?{urlencode({**query.dict(), 'end': oldest})}")
        page = BarPage(bars, instrument.simulated, older, _by_column(query))
        return Response(page, headers={"Link": f'<{older}>; rel="next"'} if older else None)


def _needed(query: Mapping[str, str], name: str) -> str:
    if value := query.get(name, "").strip():
        return value
    text = _("Say which %(name)s.") % {"name": name}
    raise RuleError("invalid", text, fields={name: text})


def _limit(query: Mapping[str, str]) -> int:
    text = query.get("limit", str(DEFAULT_LIMIT))
    if text.isdecimal() and 1 <= int(text) <= MAX_LIMIT:
        return int(text)
    told = _("A whole number from 1 to %(most)d, not %(text)r.") % {"most": MAX_LIMIT, "text": text}
    raise RuleError("invalid", told, fields={"limit": told})


def _by_column(query: Mapping[str, str]) -> bool:
    layout = query.get("layout", "rows")
    if layout in ("rows", "columns"):
        return layout == "columns"
    told = _("'rows' or 'columns', not %(text)r.") % {"text": layout}
    raise RuleError("invalid", told, fields={"layout": told})


def _boundary(query: Mapping[str, str], name: str) -> date | datetime | None:
    """A trading day or an instant. Raises ``RuleError`` for anything else, an instant without a zone too."""
    text = query.get(name, "").strip()
    if not text:
        return None
    try:
        if len(text) == len("2024-01-02"):
            return date.fromisoformat(text)
        # The plus sign of +08:00, not encoded in an address, arrives as a space.
        moment = datetime.fromisoformat(text[:-6] + text[-6:].replace(" ", "+"))
    except ValueError:
        moment = None
    if moment is not None and moment.tzinfo is not None:
        return moment
    told = _("%(text)r is neither a trading day (YYYY-MM-DD) nor an instant with its zone (2024-01-02T01:00:00Z).")
    raise RuleError("invalid", told % {"text": text}, fields={name: told % {"text": text}})


routes = [
    ("instruments", InstrumentViewSet, "instrument"),
    ("bars", BarViewSet, "bar"),
    ("rolls", ContractRollViewSet, "roll"),
    ("settlements", DailySettlementViewSet, "settlement"),
    ("data-quality", DayQualityViewSet, "data-quality"),
]
urlpatterns: list[Any] = []
