"""REST: recorded ticks by range, those that were archived too."""

from collections.abc import Mapping
from datetime import date
from typing import Any
from urllib.parse import urlencode

from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from marketdata.bar_query import DEFAULT_LIMIT, MAX_LIMIT, boundary_of, by_column, limit_of, needed
from marketdata.domain.calendar import from_day_number
from marketdata.domain.tick_series import TickSeries
from marketdata.instruments import find_instrument
from marketdata.ticks.formats import Listing, TickCsvRenderer, TickJsonRenderer, TickPage, TickParquetRenderer
from marketdata.ticks.models import Tick
from marketdata.ticks.rows import Key
from quantsite.common.errors import RuleError


class TickSerializer(serializers.Serializer[Any]):
    """One tick. Prices are null where there was no quote; volume and turnover count from the opening of the day."""

    time = serializers.DateTimeField(help_text="Of the exchange, UTC.")
    trading_day = serializers.DateField()
    seq = serializers.IntegerField(help_text="Ascending within an instrument's trading day.")
    received = serializers.DateTimeField(allow_null=True, help_text="By this platform, UTC.")
    last = serializers.FloatField(allow_null=True)
    volume = serializers.IntegerField()
    turnover = serializers.FloatField(allow_null=True, help_text="Yuan.")
    open_interest = serializers.FloatField(allow_null=True)
    bid_price = serializers.FloatField(allow_null=True)
    bid_volume = serializers.IntegerField()
    ask_price = serializers.FloatField(allow_null=True)
    ask_volume = serializers.IntegerField()
    open = serializers.FloatField(allow_null=True)
    high = serializers.FloatField(allow_null=True)
    low = serializers.FloatField(allow_null=True)
    close = serializers.FloatField(allow_null=True)
    average = serializers.FloatField(allow_null=True)
    settlement = serializers.FloatField(allow_null=True)
    pre_settlement = serializers.FloatField(allow_null=True)
    pre_close = serializers.FloatField(allow_null=True)
    pre_open_interest = serializers.FloatField(allow_null=True)
    upper_limit = serializers.FloatField(allow_null=True)
    lower_limit = serializers.FloatField(allow_null=True)
    flags = serializers.IntegerField(help_text="1 outside the hours, 2 stale, 4 back in time.")
    depth = serializers.ListField(
        child=serializers.FloatField(allow_null=True),
        required=False,
        help_text="Bid prices, bid volumes, ask prices, ask volumes of levels 2 to 5.",
    )


class TickPageSerializer(serializers.Serializer[Any]):
    """Ticks in the order of trading day and number; ``next`` leads to the older ones."""

    instrument = serializers.CharField()
    simulated = serializers.BooleanField()
    results = TickSerializer(many=True)
    next = serializers.URLField(allow_null=True)


class TickViewSet(GenericViewSet[Tick]):
    """Recorded ticks, whether they are in the database still or in files."""

    queryset = Tick.objects.none()  # names the permission; rows are read in columns
    renderer_classes = [TickJsonRenderer, TickCsvRenderer, TickParquetRenderer]
    serializer_class = TickPageSerializer
    pagination_class = None
    filter_backends = ()

    @extend_schema(
        parameters=[
            OpenApiParameter("instrument", str, required=True, description="Such as ru1901.SHFE."),
            OpenApiParameter(
                "start", str, description="A trading day (YYYY-MM-DD), or an instant with its zone; included."
            ),
            OpenApiParameter(
                "end", str, description="A trading day, included, or an instant with its zone, not included."
            ),
            OpenApiParameter(
                "before", str, description="Ticks before this one only: trading day, colon, number (2018-10-09:1200)."
            ),
            OpenApiParameter(
                "limit", int, description=f"The newest so many ticks: {DEFAULT_LIMIT:,}, at most {MAX_LIMIT:,}."
            ),
            OpenApiParameter(
                "layout", str, enum=["rows", "columns"], description="JSON: a list of ticks, or an array a column."
            ),
        ],
        responses={
            (200, "application/json"): TickPageSerializer,
            (200, "text/csv"): OpenApiResponse(OpenApiTypes.STR, description="CTP's field names, Asia/Shanghai."),
            (200, "application/vnd.apache.parquet"): OpenApiTypes.BINARY,
        },
    )
    def list(self, request: Request) -> Response:
        """Ticks in their order: the newest ones of the range; ``next`` (and the header Link) leads to older ones."""
        query = request.query_params
        instrument = find_instrument(needed(query, "instrument"))
        limit, columns = limit_of(query), by_column(query)
        span = (boundary_of(query, "start"), boundary_of(query, "end"), before_of(query))
        ticks = Tick.objects.newest(instrument, limit + 1, *span)
        older = None
        if len(ticks) > limit:
            ticks = ticks.take(slice(1, None))
            older = _older(request, ticks)
        page = TickPage(ticks, Listing.of(instrument), instrument.simulated, older, columns)
        return Response(page, headers={"Link": f'<{older}>; rel="next"'} if older else None)


def before_of(query: Mapping[str, str]) -> Key | None:
    """The place before which ticks are asked for. Raises ``RuleError`` for what is no place."""
    text = query.get("before", "").strip()
    if not text:
        return None
    day, _colon, number = text.partition(":")
    try:
        if number.isdecimal() and len(number) < 19:
            return date.fromisoformat(day), int(number)
    except ValueError:
        pass  # no date: refused below
    told = _("A trading day, a colon and a number (2018-10-09:1200), not %(text)r.") % {"text": text}
    raise RuleError("invalid", told, fields={"before": told})


def _older(request: Request, ticks: TickSeries) -> str:
    """The address of the same question for the ticks before these."""
    before = f"{from_day_number(int(ticks.trading_day[0]))}:{ticks.seq[0]}"
    return request.build_absolute_uri(f"{request.path}?{urlencode({**request.query_params.dict(), 'before': before})}")
