"""REST: the lists that belong to one instance: signals, orders, log, days, positions, rolls, evidence, gates."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from quantsite.common.errors import RuleError
from quantsite.web.pagination import NewestFirstCursor
from strategies.domain.lifecycle import LADDER, Stage
from strategies.event_models import Evidence
from strategies.filters import EvidenceFilter, LogFilter, SignalFilter, StrategyOrderFilter
from strategies.instance_models import VIEW, StrategyInstance
from strategies.permissions import find_instance
from strategies.serializers import (
    EvidenceSerializer,
    LogSerializer,
    SignalSerializer,
    StrategyDaySerializer,
    StrategyOrderSerializer,
    StrategyPositionSerializer,
    StrategyRollSerializer,
    VerdictSerializer,
)
from strategies.services import gates_for
from trading.risk_api import caller_of

STAGE = OpenApiParameter("stage", str, enum=[stage.value for stage in LADDER[1:]], description="live if left out")


class StrategyDayCursor(NewestFirstCursor):
    """Trading days, the newest first."""

    ordering = "-trading_day"


class InstanceRowsMixin:
    """Reads below one instance, each with the permission to view such rows; the newest first."""

    row_permissions = {
        name: (f"strategies.{VIEW}", f"strategies.view_{model}")
        for name, model in (
            ("signals", "signal"),
            ("orders", "strategyorder"),
            ("log", "strategylog"),
            ("days", "strategyday"),
            ("positions", "strategyposition"),
            ("rolls", "strategyroll"),
            ("evidence", "evidence"),
        )
    }

    @extend_schema(responses=SignalSerializer(many=True))
    @action(detail=True, filterset_class=SignalFilter, pagination_class=NewestFirstCursor)
    def signals(self, request: Request, pk: str) -> Response:
        """What it has decided."""
        rows = self._instance(request, pk).signals.select_related("instance", "instrument")
        return self._rows(rows, SignalSerializer)

    @extend_schema(responses=StrategyOrderSerializer(many=True))
    @action(detail=True, filterset_class=StrategyOrderFilter, pagination_class=NewestFirstCursor)
    def orders(self, request: Request, pk: str) -> Response:
        """What it has asked its account for, and what became of it."""
        rows = self._instance(request, pk).orders.select_related("order", "instrument")
        return self._rows(rows, StrategyOrderSerializer)

    @extend_schema(responses=LogSerializer(many=True))
    @action(detail=True, filterset_class=LogFilter, pagination_class=NewestFirstCursor)
    def log(self, request: Request, pk: str) -> Response:
        """What was done to it and what it has met."""
        return self._rows(self._instance(request, pk).log.all(), LogSerializer)

    @extend_schema(responses=StrategyDaySerializer(many=True))
    @action(detail=True, filterset_class=None, pagination_class=StrategyDayCursor)
    def days(self, request: Request, pk: str) -> Response:
        """Its trading days."""
        return self._rows(self._instance(request, pk).days.all(), StrategyDaySerializer)

    @extend_schema(responses=StrategyPositionSerializer(many=True))
    @action(detail=True, filterset_class=None, pagination_class=NewestFirstCursor)
    def positions(self, request: Request, pk: str) -> Response:
        """What it holds and has earned, by instrument."""
        rows = self._instance(request, pk).positions.select_related("instrument")
        return self._rows(rows, StrategyPositionSerializer)

    @extend_schema(responses=StrategyRollSerializer(many=True))
    @action(detail=True, filterset_class=None, pagination_class=NewestFirstCursor)
    def rolls(self, request: Request, pk: str) -> Response:
        """Its changes from one contract to the next."""
        rows = self._instance(request, pk).rolls.select_related("from_instrument", "to_instrument")
        return self._rows(rows, StrategyRollSerializer)

    @extend_schema(responses=EvidenceSerializer(many=True))
    @action(detail=True, filterset_class=EvidenceFilter, pagination_class=NewestFirstCursor)
    def evidence(self, request: Request, pk: str) -> Response:
        """What was shown of the source that it stands for."""
        rows = Evidence.objects.all().about(self._instance(request, pk)).order_by("-pk")
        return self._rows(rows.select_related("created_by"), EvidenceSerializer)

    @extend_schema(parameters=[STAGE], responses=VerdictSerializer(many=True))
    @action(detail=True, filterset_class=None, pagination_class=None)
    def gates(self, request: Request, pk: str) -> Response:
        """Every gate up to a stage, and what is missing."""
        asked = request.query_params.get("stage", Stage.LIVE.value)
        known = [stage.value for stage in LADDER[1:]]
        if asked not in known:
            told = f"stage: {', '.join(known)}"
            raise RuleError("unknown_stage", told, fields={"stage": told})
        verdicts = gates_for(self._instance(request, pk), Stage(asked))
        return Response(VerdictSerializer(verdicts, many=True).data)

    def _instance(self, request: Request, pk: str) -> StrategyInstance:
        return find_instance(caller_of(request), int(pk))

    def _rows(self, rows: QuerySet[Any], kind: type[BaseSerializer[Any]]) -> Response:
        """One page of the rows, narrowed by what the address says."""
        view: Any = self
        page = view.paginate_queryset(view.filter_queryset(rows))
        told = kind(page, many=True, context={"user": caller_of(view.request)})
        return view.get_paginated_response(told.data)  # type: ignore[no-any-return]
