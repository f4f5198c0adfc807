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
from marketdata.ticks.api import TickSerializer
from marketdata.ticks.models import Tick
from quantsite.common.errors import RuleError

MOST = 200
"""Instruments in one question."""


class LatestTickSerializer(TickSerializer):
    """A tick as the market socket tells it: with its instrument, and ``depth`` level by level (2 to 5)."""

    instrument = serializers.CharField()
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
