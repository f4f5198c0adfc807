"""REST: backtests/."""

from typing import Any

import django_filters
from django.db.models import QuerySet
from django.http import HttpResponse
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import mixins, status
from rest_framework.decorators import action
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from accounts.models import User
from backtests import services
from backtests.compare import export_comparison, numbers_of
from backtests.exports import File
from backtests.models import BacktestRun, RunStatus
from backtests.permissions import find_run, visible_runs
from backtests.serializers import (
    DaySerializer,
    FillSerializer,
    RunDetailSerializer,
    RunRequestSerializer,
    RunSerializer,
    ShareSerializer,
)
from quantsite.web.csp import use_report_policy
from quantsite.web.pagination import NewestFirstCursor
from quantsite.web.renderers import OrjsonRenderer
from strategies import registry
from strategies.library_serializers import (
    BrokenStrategySerializer,
    LibrarySerializer,
    StrategySerializer,
    strategy_document,
)

ANNUAL_DAYS = OpenApiParameter(
    "annual_days", int, enum=[252, 242], description="days in a year of the standard statistics, 252 if left out"
)
LANGUAGE = OpenApiParameter("lang", str, description="en or zh-hans; without it the language of the request")

RUNS = OpenApiParameter("runs", str, required=True, description="two to ten numbers with commas, such as 12,15")


def _as(*forms: str) -> OpenApiParameter:
    """The format, as a parameter of the schema."""
    return OpenApiParameter("as", str, enum=forms, description="the format; it comes before the header Accept")


class FileRenderer(BaseRenderer):
    """Lets a caller ask for a file by ``Accept`` or ``?format=``; the action answers with the finished file."""

    charset = None

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        """Never asked for data: actions that offer files answer with them."""
        raise NotImplementedError


class CsvRenderer(FileRenderer):
    """Fills or equity as CSV."""

    media_type, format = "text/csv", "csv"


class ParquetRenderer(FileRenderer):
    """Fills or equity as Parquet."""

    media_type, format = "application/vnd.apache.parquet", "parquet"


class HtmlRenderer(FileRenderer):
    """The report as a page."""

    media_type, format = "text/html", "html"


class PdfRenderer(FileRenderer):
    """The report for paper."""

    media_type, format = "application/pdf", "pdf"


class JsonRenderer(FileRenderer):
    """Everything about a run."""

    media_type, format = "application/json", "json"


TABLES = [OrjsonRenderer, CsvRenderer, ParquetRenderer]
REPORTS = [HtmlRenderer, PdfRenderer, JsonRenderer]


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
        "compare": "backtests.view_backtestrun",
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

    @extend_schema(parameters=[_as("csv", "parquet")], responses=FillSerializer(many=True))
    @action(detail=True, renderer_classes=TABLES, filterset_class=None)
    def fills(self, request: Request, **_kwargs: Any) -> Response | HttpResponse:
        """The fills: pages of JSON, or all of them as CSV or Parquet."""
        run = self.get_object()
        form = _form(request)
        return _file(request, run, "fills", form) if form else self._page(FillCursor(), FillSerializer, run.fills.all())

    @extend_schema(parameters=[_as("csv", "parquet")], responses=DaySerializer(many=True))
    @action(detail=True, renderer_classes=TABLES, filterset_class=None)
    def equity(self, request: Request, **_kwargs: Any) -> Response | HttpResponse:
        """The trading days: pages of JSON, or all of them as CSV or Parquet."""
        run = self.get_object()
        form = _form(request)
        return _file(request, run, "equity", form) if form else self._page(DayCursor(), DaySerializer, run.days.all())

    @extend_schema(
        parameters=[LANGUAGE, ANNUAL_DAYS, _as("html", "pdf", "json")],
        responses={
            (200, "text/html"): OpenApiResponse(response=str),
            (200, "application/pdf"): OpenApiTypes.BINARY,
            (200, "application/json"): OpenApiTypes.OBJECT,
        },
    )
    @action(detail=True, renderer_classes=REPORTS, filterset_class=None)
    def report(self, request: Request, **_kwargs: Any) -> HttpResponse:
        """The report: a page that needs no network, a PDF, or everything as JSON; 409 before the run has succeeded."""
        return _file(request, self.get_object(), "report", _form(request))

    @extend_schema(
        parameters=[RUNS, LANGUAGE, _as("json", "html")],
        responses={(200, "application/json"): OpenApiTypes.OBJECT, (200, "text/html"): OpenApiResponse(response=str)},
    )
    @action(detail=False, renderer_classes=[JsonRenderer, HtmlRenderer], filterset_class=None, pagination_class=None)
    def compare(self, request: Request) -> HttpResponse:
        """Two to ten finished runs beside each other; 404 names a run that the caller may not see."""
        asked = request.query_params
        numbers = numbers_of(asked.get("runs", ""))
        return _answer(export_comparison(_caller(request), numbers, _form(request), asked.get("lang")))

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

    @extend_schema(responses=LibrarySerializer)
    @action(detail=False, filterset_class=None, pagination_class=None)
    def strategies(self, request: Request) -> Response:  # noqa: ARG002 - Django's signature
        """The strategies that can be run, their forms with the fastest first, and users' broken ones."""
        known = StrategySerializer([strategy_document(name) for name in registry.names()], many=True).data
        broken = BrokenStrategySerializer(registry.broken(), many=True).data
        return Response({"results": known, "next": None, "broken": broken})

    def _page(self, cursor: NewestFirstCursor, serializer: Any, rows: QuerySet[Any]) -> Response:
        page = cursor.paginate_queryset(rows, self.request, view=self)
        return cursor.get_paginated_response(serializer(page, many=True).data)


def _caller(request: Request) -> User:
    if not isinstance(request.user, User):
        raise TypeError("the permission class lets nobody through who is not a user")
    return request.user


def _form(request: Request) -> str:
    """The format asked for, by ``?as=`` before ``Accept``; '' for pages of JSON."""
    renderer = request.accepted_renderer
    return request.query_params.get("as") or (renderer.format if isinstance(renderer, FileRenderer) else "")


def _queued(run: BacktestRun) -> Response:
    location = reverse("backtest-detail", args=[run.pk])
    return Response(RunDetailSerializer(run).data, status.HTTP_202_ACCEPTED, headers={"Location": location})


def _file(request: Request, run: BacktestRun, kind: str, form: str) -> HttpResponse:
    """A file of the run."""
    asked = request.query_params
    chosen = {"language": asked.get("lang"), "annual_days": asked.get("annual_days")}
    return _answer(services.export_run(_caller(request), run.pk, kind, form, **chosen))


def _answer(made: File) -> HttpResponse:
    """The file; a page is sandboxed."""
    headers = {"Content-Disposition": made.disposition}
    response = HttpResponse(made.body, content_type=made.media_type, headers=headers)
    if made.name.endswith(".html"):
        use_report_policy(response)
    return response


routes = [("backtests", BacktestViewSet, "backtest")]
