"""REST of the quote page: a person's watchlist, and when an instrument trades."""

from datetime import date
from typing import Any, cast

import numpy as np
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.models import User
from marketdata.domain.calendar import from_day_number, to_day_number
from marketdata.instruments import find_instrument, session_table
from marketdata.models import Instrument
from marketdata.quotes import watchlist
from marketdata.serializers import InstrumentSerializer
from quantsite.common.errors import RuleError
from quantsite.common.times import ns_to_utc, utc_to_ns


class WatchedSerializer(InstrumentSerializer):
    """One line of a watchlist: the instrument, its product's names, and the source of its ticks, null for none."""

    feed = serializers.CharField(source="feed.source", default=None, allow_null=True)
    product_name = serializers.CharField(source="product.name_en")
    product_name_zh = serializers.CharField(source="product.name_zh")

    class Meta(InstrumentSerializer.Meta):
        fields = [*InstrumentSerializer.Meta.fields, "product_name", "product_name_zh", "feed"]


class WatchSerializer(serializers.Serializer[Any]):
    """What to put on the list."""

    instrument = serializers.CharField()


class OrderSerializer(serializers.Serializer[Any]):
    """The codes of the list in their new order."""

    instruments = serializers.ListField(child=serializers.CharField(), max_length=watchlist.MOST)


class HoursPartSerializer(serializers.Serializer[Any]):
    """One unbroken stretch of trading, UTC."""

    start = serializers.DateTimeField()
    end = serializers.DateTimeField()


class HoursSerializer(serializers.Serializer[Any]):
    """When an instrument trades on one trading day: ``auction`` is when its opening auction begins, UTC."""

    instrument = serializers.CharField()
    trading_day = serializers.DateField()
    auction = serializers.DateTimeField()
    parts = HoursPartSerializer(many=True)


class WatchlistView(APIView):
    """The caller's own watchlist."""

    action_permissions = {
        "get": "marketdata.view_subscription",
        "head": "marketdata.view_subscription",
        "options": "marketdata.view_subscription",
        "post": "marketdata.add_subscription",
        "put": "marketdata.add_subscription",
    }

    @extend_schema(responses=WatchedSerializer(many=True))
    def get(self, request: Request) -> Response:
        """The contracts in their order."""
        return Response(_lines(_caller(request)))

    @extend_schema(request=WatchSerializer, responses={201: WatchedSerializer(many=True)})
    def post(self, request: Request) -> Response:
        """Put a contract at the end of the list; feeds subscribe it. Again: nothing changes."""
        asked = WatchSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        watchlist.watch(_caller(request), find_instrument(asked.validated_data["instrument"]))
        return Response(_lines(_caller(request)), status=status.HTTP_201_CREATED)

    @extend_schema(request=OrderSerializer, responses=WatchedSerializer(many=True))
    def put(self, request: Request) -> Response:
        """Give the list another order."""
        asked = OrderSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        watchlist.reorder(_caller(request), asked.validated_data["instruments"])
        return Response(_lines(_caller(request)))


class WatchedView(APIView):
    """One contract of the caller's watchlist."""

    action_permissions = {"delete": "marketdata.delete_subscription"}

    @extend_schema(responses={204: None})
    def delete(self, request: Request, code: str) -> Response:
        """Take it off the list."""
        watchlist.unwatch(_caller(request), find_instrument(code))
        return Response(status=status.HTTP_204_NO_CONTENT)


class HoursView(APIView):
    """When an instrument trades."""

    queryset = Instrument.objects.none()  # names the permission

    @extend_schema(
        parameters=[OpenApiParameter("trading_day", date, description="YYYY-MM-DD; today's trading day by default.")],
        responses=HoursSerializer,
    )
    def get(self, request: Request, code: str) -> Response:
        """The sessions of one trading day, night first."""
        instrument = find_instrument(code)
        table = session_table(instrument.product)
        text = request.query_params.get("trading_day", "")
        day = to_day_number(_day(text)) if text else int(table.trading_days(np.array([utc_to_ns(timezone.now())]))[0])
        plan = table.plan(day)
        body = {
            "instrument": instrument.code,
            "trading_day": from_day_number(day),
            "auction": ns_to_utc(plan.accepts),
            "parts": [{"start": ns_to_utc(part.start), "end": ns_to_utc(part.end)} for part in plan.parts],
        }
        return Response(HoursSerializer(body).data)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        told = _("%(text)r is no trading day (YYYY-MM-DD).") % {"text": text}
        raise RuleError("invalid", told, fields={"trading_day": told}) from None


def _lines(user: User) -> Any:
    return WatchedSerializer(watchlist.watched(user), many=True).data


def _caller(request: Request) -> User:
    """The caller; the permission was asked before, so it is somebody."""
    return cast(User, request.user)


routes: list[Any] = []
urlpatterns = [
    path("watchlist/", WatchlistView.as_view(), name="watchlist"),
    path("watchlist/<str:code>/", WatchedView.as_view(), name="watched"),
    path("instruments/<str:code>/hours/", HoursView.as_view(), name="instrument-hours"),
]
