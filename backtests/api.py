"""REST: backtests/."""

from io import StringIO
from typing import Any

import django_filters
from django.db.models import QuerySet
from django.http import HttpResponse
from django.urls import reverse
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import mixins, status
from rest_framework.decorators import action
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from accounts.models import User
from backtests import services
from backtests.models import BacktestRun, RunStatus
from backtests.permissions import find_run, visible_runs
from backtests.reports.tables import write_equity_csv, write_fills_csv
from backtests.result_rows import read_days, read_fills
from backtests.serializers import (
    DaySerializer,
    FillSerializer,
    RunDetailSerializer,
    RunRequestSerializer,
    RunSerializer,
    ShareSerializer,
    StrategySerializer,
)
from quantsite.web.csp import use_report_policy
from quantsite.web.pagination import NewestFirstCursor
from quantsite.web.renderers import OrjsonRenderer
from strategies import registry

LANGUAGE = OpenApiParameter("lang", str, description="en or zh-hans; without it the language of the request")


class CsvRenderer(BaseRenderer):
    """Lets a caller ask for CSV by ``Accept: text/csv`` or ``?format=csv``; the action writes the file itself."""

    media_type = "text/csv"
    format = "csv"

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        """Never asked for data: actions that offer CSV answer with a finished file."""
        raise NotImplementedError


class HtmlRenderer(CsvRenderer):
    """The same for the report."""

    media_type = "text/html"
    format = "html"


class FillCursor(NewestFirstCursor):
    """Fills in the order in which they happened."""

    ordering = "seq"
    page_size = 1_000
    max_page_size = 10_000


class DayCursor(FillCursor):
    """Trading days in their order."""

    ordering = "trading_day"


class RunFilter(django_filters.FilterSet):
    """What a list of runs can be narrowed by."""

    status = django_filters.MultipleChoiceFilter(choices=RunStatus.choices)
    instrument = django_filters.CharFilter(field_name="instrument__code")
    owner = django_filters.CharFilter(field_name="owner__username")

    class Meta:
        model = BacktestRun
        fields = ["status", "strategy", "instrument", "interval", "owner"]


class BacktestViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, GenericViewSet[BacktestRun]):
    """Backtests: own and shared runs for researchers, every run for administrators, none for anybody else."""

    queryset = BacktestRun.objects.all()
    serializer_class = RunDetailSerializer
    filterset_class = RunFilter
    lookup_value_regex = r"\d{1,18}"
    action_permissions = {
        "run_again": ("backtests.view_backtestrun", "backtests.add_backtestrun"),
        "strategies": "backtests.view_backtestrun",
    }

    def get_queryset(self) -> QuerySet[BacktestRun]:
        """The runs that the caller may see."""
        if not isinstance(self.request.user, User):
            return BacktestRun.objects.none()
        return visible_runs(self.request.user).select_related("instrument", "owner")

    def get_serializer_class(self) -> type[RunSerializer]:
        """The short form in lists."""
        return RunSerializer if self.action == "list" else RunDetailSerializer

    @extend_schema(request=RunRequestSerializer, responses={202: RunDetailSerializer})
    def create(self, request: Request) -> Response:
        """Queue a run: 202 and its address; 400 with a sentence for each refused field."""
        body = RunRequestSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        return _queued(services.run_backtest(_caller(request), body.to_request()))

    @extend_schema(responses=FillSerializer(many=True))
    @action(detail=True, renderer_classes=[OrjsonRenderer, CsvRenderer], filterset_class=None)
    def fills(self, request: Request, **_kwargs: Any) -> Response | HttpResponse:
        """The fills: pages of JSON, or all of them as CSV."""
        run = self.get_object()
        if _wants(request, CsvRenderer):
            file = StringIO(newline="")
            write_fills_csv(file, read_fills(run), run.instrument.code)
            return _file(file.getvalue(), "text/csv", f"backtest-{run.pk}-fills.csv")
        return self._page(FillCursor(), FillSerializer, run.fills.all())

    @extend_schema(responses=DaySerializer(many=True))
    @action(detail=True, renderer_classes=[OrjsonRenderer, CsvRenderer], filterset_class=None)
    def equity(self, request: Request, **_kwargs: Any) -> Response | HttpResponse:
        """The trading days: pages of JSON, or all of them as CSV."""
        run = self.get_object()
        if _wants(request, CsvRenderer):
            file = StringIO(newline="")
            write_equity_csv(file, read_days(run))
            return _file(file.getvalue(), "text/csv", f"backtest-{run.pk}-equity.csv")
        return self._page(DayCursor(), DaySerializer, run.days.all())

    @extend_schema(parameters=[LANGUAGE], responses={(200, "text/html"): OpenApiResponse(response=str)})
    @action(detail=True, renderer_classes=[HtmlRenderer], filterset_class=None)
    def report(self, request: Request, **_kwargs: Any) -> HttpResponse:
        """The report as one HTML file that needs no network; 409 before the run has succeeded."""
        run = self.get_object()
        html = services.generate_report(_caller(request), run.pk, request.query_params.get("lang"))
        response = HttpResponse(html, content_type="text/html; charset=utf-8")
        use_report_policy(response)
        return response

    @extend_schema(request=None, responses=RunDetailSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        """End a queued run, or ask the worker of a running one to stop; 409 for a run that is over."""
        run = services.cancel_run(_caller(request), int(pk))
        return Response(RunDetailSerializer(run).data)

    @extend_schema(request=None, responses={202: RunDetailSerializer})
    @action(detail=True, methods=["post"], url_path="run-again")
    def run_again(self, request: Request, pk: str) -> Response:
        """Queue the same request once more, as the caller's own run."""
        return _queued(services.run_again(_caller(request), int(pk)))

    @extend_schema(request=ShareSerializer, responses=RunDetailSerializer)
    @action(detail=True, methods=["post"])
    def share(self, request: Request, pk: str) -> Response:
        """Let a person or a group see the run, or not any more."""
        find_run(_caller(request), int(pk))
        body = ShareSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        shared = body.validated_data["shared"]
        run = services.share_run(_caller(request), int(pk), body.receiver(), shared=shared)
        return Response(RunDetailSerializer(run).data)

    @extend_schema(responses=StrategySerializer(many=True))
    @action(detail=False, filterset_class=None, pagination_class=None)
    def strategies(self, request: Request) -> Response:  # noqa: ARG002 - Django's signature
        """The strategies that can be run, with their parameters."""
        known = [
            {
                "name": name,
                "description": (registry.get(name).__doc__ or "").strip(),
                "parameters": registry.parameters(name),
            }
            for name in registry.names()
        ]
        return Response({"results": StrategySerializer(known, many=True).data, "next": None})

    def _page(self, cursor: NewestFirstCursor, serializer: Any, rows: QuerySet[Any]) -> Response:
        page = cursor.paginate_queryset(rows, self.request, view=self)
        return cursor.get_paginated_response(serializer(page, many=True).data)


def _caller(request: Request) -> User:
    if not isinstance(request.user, User):
        raise TypeError("the permission class lets nobody through who is not a user")
    return request.user


def _wants(request: Request, renderer: type[BaseRenderer]) -> bool:
    return isinstance(request.accepted_renderer, renderer)


def _queued(run: BacktestRun) -> Response:
    location = reverse("backtest-detail", args=[run.pk])
    return Response(RunDetailSerializer(run).data, status.HTTP_202_ACCEPTED, headers={"Location": location})


def _file(text: str, media_type: str, name: str) -> HttpResponse:
    """A download."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(text, content_type=f"{media_type}; charset=utf-8", headers=headers)


routes = [("backtests", BacktestViewSet, "backtest")]
