"""REST of indicators: the catalogue, and values on bars."""

from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, PolymorphicProxySerializer, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from marketdata.bar_query import DEFAULT_LIMIT, MAX_LIMIT, boundary_of, by_column, limit_of, needed, older_page
from marketdata.domain.talib_catalogue import find_indicator
from marketdata.indicators.formats import IndicatorPage, IndicatorRenderer, about_indicator, catalogue_page
from marketdata.instruments import find_instrument
from marketdata.models import Bar
from marketdata.serializers import BasisSerializer
from marketdata.services import calculate_indicators
from quantsite.common.errors import RuleError

WORDS = frozenset({"instrument", "interval", "name", "start", "end", "limit", "layout", "format"})
"""What else stands in the address is a parameter of the indicator."""


class IndicatorParameterSerializer(serializers.Serializer[Any]):
    """One parameter; bounds are included, null where there is none."""

    name = serializers.CharField()
    type = serializers.ChoiceField(["int", "float", "choice"])
    default = serializers.JSONField()
    minimum = serializers.FloatField(allow_null=True)
    maximum = serializers.FloatField(allow_null=True)
    choices = serializers.ListField(child=serializers.CharField())


class IndicatorSerializer(serializers.Serializer[Any]):
    """One indicator. ``memory``: ``window``, ``recursive`` (fades out) or ``cumulative`` (from the first bar on)."""

    name = serializers.CharField()
    aliases = serializers.ListField(child=serializers.CharField())
    title = serializers.CharField()
    inputs = serializers.ListField(child=serializers.CharField())
    parameters = IndicatorParameterSerializer(many=True)
    outputs = serializers.ListField(child=serializers.CharField())
    memory = serializers.ChoiceField(["window", "recursive", "cumulative"])


class IndicatorGroupSerializer(serializers.Serializer[Any]):
    """Indicators of one kind; ``title`` is the group's name in the reader's language."""

    group = serializers.CharField()
    title = serializers.CharField()
    indicators = IndicatorSerializer(many=True)


class LeftOutSerializer(serializers.Serializer[Any]):
    """A function of TA-Lib that can not be asked for, and why."""

    name = serializers.CharField()
    reason = serializers.CharField()


class IndicatorCatalogueSerializer(serializers.Serializer[Any]):
    """What an address without an instrument answers with."""

    groups = IndicatorGroupSerializer(many=True)
    left_out = LeftOutSerializer(many=True)


class IndicatorValuesSerializer(serializers.Serializer[Any]):
    """Values in ascending order, one row a bar: ``start``, ``trading_day`` and a number or null for each output.

    ``begins`` is the first bar that a cumulative indicator counts from. With ``layout=columns`` there is ``columns``
    in place of ``results``, an array for each name. ``next`` leads to the older ones.
    """

    instrument = serializers.CharField()
    interval = serializers.CharField()
    simulated = serializers.BooleanField()
    name = serializers.CharField()
    parameters = serializers.DictField()
    memory = serializers.ChoiceField(["window", "recursive", "cumulative"])
    begins = serializers.DateTimeField(allow_null=True)
    basis = BasisSerializer(many=True)
    results = serializers.ListField(child=serializers.DictField())
    next = serializers.URLField(allow_null=True)


class IndicatorViewSet(GenericViewSet[Bar]):
    """Technical indicators by TA-Lib's names, on bars of any interval."""

    queryset = Bar.objects.none()  # names the permission; rows are read in columns
    renderer_classes = [IndicatorRenderer]
    serializer_class = IndicatorValuesSerializer
    pagination_class = None
    filter_backends = ()

    @extend_schema(
        parameters=[
            OpenApiParameter("instrument", str, description="Such as rb88.SHFE; without one: the catalogue."),
            OpenApiParameter("interval", str, description="1m 3m 5m 15m 30m 1h 2h, any Nm, or 1d."),
            OpenApiParameter("name", str, description="Such as macd, boll or wr, in any case."),
            OpenApiParameter(
                "parameters",
                {"type": "object", "additionalProperties": {"type": "string"}},
                style="form",
                explode=True,
                description="Each parameter of the indicator under its own name: timeperiod=20.",
            ),
            OpenApiParameter("start", str, description="As of bars."),
            OpenApiParameter("end", str, description="As of bars."),
            OpenApiParameter(
                "limit",
                int,
                description=f"Values on the newest so many bars: {DEFAULT_LIMIT:,}, at most {MAX_LIMIT:,}.",
            ),
            OpenApiParameter("layout", str, enum=["rows", "columns"], description="A row a bar, or an array a column."),
        ],
        responses=PolymorphicProxySerializer(
            "IndicatorAnswer",
            [IndicatorValuesSerializer, IndicatorCatalogueSerializer, IndicatorSerializer],
            None,
            many=False,
        ),
    )
    def list(self, request: Request) -> Response:
        """The catalogue where no instrument is named; else values, the first of which are final as all others are."""
        query = request.query_params
        if "instrument" not in query:
            return Response(_catalogue(query.get("name", ""), sorted({*query} - WORDS)))
        instrument = find_instrument(needed(query, "instrument"))
        interval, name, limit = needed(query, "interval"), needed(query, "name"), limit_of(query)
        start, end, columns = boundary_of(query, "start"), boundary_of(query, "end"), by_column(query)
        parameters = {word: value for word, value in query.items() if word not in WORDS}
        found = calculate_indicators(request.user, instrument, interval, name, parameters, start, end, limit + 1)  # type: ignore[arg-type]
        older = None
        if len(found.bars) > limit:
            found = found.without_first()
            older = older_page(request, found.bars)
        page = IndicatorPage(found, instrument.simulated, older, columns)
        return Response(page, headers={"Link": f'<{older}>; rel="next"'} if older else None)


def _catalogue(name: str, words: list[str]) -> dict[str, Any]:
    if words:
        text = _("Say which %(name)s.") % {"name": "instrument"}
        raise RuleError("invalid", text, fields={"instrument": text})
    return about_indicator(find_indicator(name)) if name else catalogue_page()
