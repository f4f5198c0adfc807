"""REST: optimizations/ and walk-forwards/."""

from typing import Any

import django_filters
from django.db.models import F, QuerySet
from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, status
from rest_framework.decorators import action
from rest_framework.pagination import LimitOffsetPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from accounts.models import User
from backtests.api import TABLES, CsvRenderer, ParquetRenderer
from backtests.optimise import services
from backtests.optimise.exports import csv_lines, parquet_bytes
from backtests.optimise.models import OptimizationRun, Trial, WalkForwardRun
from backtests.optimise.permissions import find_optimization, visible_optimizations, visible_walks
from backtests.optimise.serializers import (
    OptimizationDetailSerializer,
    OptimizationRequestSerializer,
    OptimizationSerializer,
    TrialSerializer,
    WalkForwardDetailSerializer,
    WalkForwardRequestSerializer,
    WalkForwardSerializer,
)
from backtests.serializers import ShareSerializer
from backtests.states import RunStatus
from quantsite.common.errors import RuleError

SORTS = ("number", "score", "net_profit", "fills", "sharpe")
SORT = OpenApiParameter(
    "sort", str, enum=[f"{sign}{name}" for name in SORTS for sign in ("", "-")], description="-score: best first"
)
ONLY_FEASIBLE = OpenApiParameter("feasible", bool, description="only trials that keep to every constraint")


class TrialPages(LimitOffsetPagination):
    """Pages by place: the order may be that of any figure, and finished trials do not move."""

    default_limit = 500
    max_limit = 10_000

    def get_paginated_response(self, data: Any) -> Response:
        """One page, where to go on, and how many there are."""
        return Response({"results": data, "next": self.get_next_link(), "count": self.count})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """The same shape for OpenAPI."""
        return {
            "type": "object",
            "required": ["results", "next", "count"],
            "properties": {
                "results": schema,
                "next": {"type": "string", "nullable": True, "format": "uri"},
                "count": {"type": "integer"},
            },
        }


class OptimizationFilter(django_filters.FilterSet):
    """What a list of optimisations can be narrowed by."""

    status = django_filters.MultipleChoiceFilter(choices=RunStatus.choices)
    instrument = django_filters.CharFilter(field_name="instrument__code")
    owner = django_filters.CharFilter(field_name="owner__username")

    class Meta:
        model = OptimizationRun
        fields = ["status", "strategy", "instrument", "interval", "method", "owner", "walk_forward"]


class WalkForwardFilter(django_filters.FilterSet):
    """What a list of walk-forwards can be narrowed by."""

    status = django_filters.MultipleChoiceFilter(choices=RunStatus.choices)
    instrument = django_filters.CharFilter(field_name="instrument__code")
    owner = django_filters.CharFilter(field_name="owner__username")

    class Meta:
        model = WalkForwardRun
        fields = ["status", "strategy", "instrument", "interval", "owner"]


class OptimizationViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, GenericViewSet[OptimizationRun]):
    """Optimisations: own and shared ones for researchers, every one for administrators, none for anybody else."""

    queryset = OptimizationRun.objects.all()
    serializer_class = OptimizationDetailSerializer
    filterset_class = OptimizationFilter
    lookup_value_regex = r"\d{1,18}"

    def get_queryset(self) -> QuerySet[OptimizationRun]:
        """The optimisations that the caller may see."""
        if not isinstance(self.request.user, User):
            return OptimizationRun.objects.none()
        return visible_optimizations(self.request.user).select_related("instrument", "owner")

    def get_serializer_class(self) -> type[OptimizationSerializer]:
        """The short form in lists."""
        return OptimizationSerializer if self.action == "list" else OptimizationDetailSerializer

    @extend_schema(request=OptimizationRequestSerializer, responses={202: OptimizationDetailSerializer})
    def create(self, request: Request) -> Response:
        """Queue an optimisation: 202 and its address; 400 with a sentence for each refused field."""
        body = OptimizationRequestSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        run = services.optimize(_caller(request), body.to_search())
        return _queued(OptimizationDetailSerializer(run).data, "optimization-detail", run.pk)

    @extend_schema(parameters=[SORT, ONLY_FEASIBLE], responses=TrialSerializer(many=True))
    @action(detail=True, renderer_classes=TABLES, filterset_class=None, pagination_class=TrialPages)
    def trials(self, request: Request, **_kwargs: Any) -> HttpResponseBase:
        """The trials: pages of JSON, or all of them as CSV or Parquet."""
        run = self.get_object()
        name = f"optimization-{run.pk}-trials"
        if isinstance(request.accepted_renderer, CsvRenderer):
            lines = csv_lines(run)
            return StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8", headers=_saved(f"{name}.csv"))
        if isinstance(request.accepted_renderer, ParquetRenderer):
            media_type = ParquetRenderer.media_type
            return HttpResponse(parquet_bytes(run), content_type=media_type, headers=_saved(f"{name}.parquet"))
        pages = TrialPages()
        page = pages.paginate_queryset(_sorted(run, request), request, view=self) or []
        return pages.get_paginated_response(TrialSerializer(page, many=True, context={"run": run}).data)

    @extend_schema(request=None, responses=OptimizationDetailSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        """End an optimisation; 409 for one that is over."""
        return Response(OptimizationDetailSerializer(services.cancel_optimization(_caller(request), int(pk))).data)

    @extend_schema(request=None, responses={202: OptimizationDetailSerializer})
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, pk: str) -> Response:
        """Go on with a cancelled or failed one; 409 for any other."""
        run = services.resume_optimization(_caller(request), int(pk))
        return _queued(OptimizationDetailSerializer(run).data, "optimization-detail", run.pk)

    @extend_schema(request=ShareSerializer, responses=OptimizationDetailSerializer)
    @action(detail=True, methods=["post"])
    def share(self, request: Request, pk: str) -> Response:
        """Let a person or a group see it, or not any more."""
        find_optimization(_caller(request), int(pk))
        body = ShareSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        shared = body.validated_data["shared"]
        run = services.share_optimization(_caller(request), int(pk), body.receiver(), shared=shared)
        return Response(OptimizationDetailSerializer(run).data)


class WalkForwardViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, GenericViewSet[WalkForwardRun]):
    """Walk-forwards: own ones for researchers, every one for administrators, none for anybody else."""

    queryset = WalkForwardRun.objects.all()
    serializer_class = WalkForwardDetailSerializer
    filterset_class = WalkForwardFilter
    lookup_value_regex = r"\d{1,18}"

    def get_queryset(self) -> QuerySet[WalkForwardRun]:
        """The walk-forwards that the caller may see."""
        if not isinstance(self.request.user, User):
            return WalkForwardRun.objects.none()
        return visible_walks(self.request.user).select_related("instrument", "owner")

    def get_serializer_class(self) -> type[WalkForwardSerializer]:
        """The short form in lists."""
        return WalkForwardSerializer if self.action == "list" else WalkForwardDetailSerializer

    @extend_schema(request=WalkForwardRequestSerializer, responses={202: WalkForwardDetailSerializer})
    def create(self, request: Request) -> Response:
        """Queue a walk-forward: 202 and its address; 400 with a sentence for each refused field."""
        body = WalkForwardRequestSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        walk = services.walk_forward(_caller(request), body.to_walk())
        return _queued(WalkForwardDetailSerializer(walk).data, "walk-forward-detail", walk.pk)

    @extend_schema(request=None, responses=WalkForwardDetailSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        """End a walk-forward with its optimisations; 409 for one that is over."""
        return Response(WalkForwardDetailSerializer(services.cancel_walk_forward(_caller(request), int(pk))).data)


def _caller(request: Request) -> User:
    if not isinstance(request.user, User):
        raise TypeError("the permission class lets nobody through who is not a user")
    return request.user


def _queued(data: Any, view: str, number: int) -> Response:
    return Response(data, status.HTTP_202_ACCEPTED, headers={"Location": reverse(view, args=[number])})


def _saved(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"'}


def _sorted(run: OptimizationRun, request: Request) -> QuerySet[Trial]:
    """The trials in the order asked for, undefined figures last. Raises ``RuleError`` for an unknown one."""
    sort = request.query_params.get("sort", "number")
    name = sort.removeprefix("-")
    if name not in SORTS:
        text = f"There is no order {sort!r}; known: {', '.join(SORTS)}, each with - for the other way."
        raise RuleError("unknown_sort", text, fields={"sort": text})
    rows = run.trials.all()
    if request.query_params.get("feasible", "").lower() in {"1", "true"}:
        rows = rows.filter(feasible=True)
    column = F(name)
    order = column.desc(nulls_last=True) if sort.startswith("-") else column.asc(nulls_last=True)
    return rows.order_by(order, "number")


routes = [
    ("optimizations", OptimizationViewSet, "optimization"),
    ("walk-forwards", WalkForwardViewSet, "walk-forward"),
]
