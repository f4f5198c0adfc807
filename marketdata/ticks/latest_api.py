"""REST of the newest ticks."""

from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from marketdata.bar_query import needed
from marketdata.hub.messages import tick_data
from marketdata.services import get_realtime_data
from marketdata.ticks.models import Tick
from quantsite.common.errors import RuleError

MOST = 200
"""Instruments in one question."""


class LatestTickSerializer(serializers.Serializer[Any]):
    """One tick. Instants are UTC, prices null where there is no quote; ``depth`` is levels 2 to 5."""

    instrument = serializers.CharField()
    trading_day = serializers.DateField()
    seq = serializers.IntegerField()
    time = serializers.DateTimeField()
    received = serializers.DateTimeField(allow_null=True)
    last = serializers.FloatField(allow_null=True)
    volume = serializers.IntegerField()
    turnover = serializers.FloatField(allow_null=True)
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
    flags = serializers.IntegerField()
    depth = serializers.ListField(child=serializers.DictField(), allow_null=True)


class LatestTicksSerializer(serializers.Serializer[Any]):
    """The newest tick of each instrument that has had one."""

    results = LatestTickSerializer(many=True)


class LatestTicksView(APIView):
    """The newest ticks."""

    queryset = Tick.objects.none()  # names the permission

    @extend_schema(
        operation_id="ticks_latest",
        parameters=[
            OpenApiParameter(
                "instruments", str, required=True, description=f"Codes with commas between them, at most {MOST}."
            )
        ],
        responses=LatestTicksSerializer,
    )
    def get(self, request: Request) -> Response:
        """The newest tick of each instrument in the order asked for; one that never had a tick is left out."""
        codes = [code.strip() for code in needed(request.query_params, "instruments").split(",") if code.strip()]
        if len(codes) > MOST:
            text = _("At most %(most)d instruments at once, not %(count)d.") % {"most": MOST, "count": len(codes)}
            raise RuleError("invalid", text, fields={"instruments": text})
        ticks = get_realtime_data(request.user, list(dict.fromkeys(codes)))  # type: ignore[arg-type]
        return Response({"results": [tick_data(tick) for tick in ticks]})
