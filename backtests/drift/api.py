"""REST: strategies/{id}/drift/."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from accounts.models import User
from backtests.drift.models import DriftReport
from backtests.drift.reading import ask_again, report_rows, reports_for
from strategies.instance_models import OPERATE, VIEW
from strategies.permissions import demand_operate, find_instance


class DriftSerializer(serializers.ModelSerializer[DriftReport]):
    """A comparison without its rows."""

    strategy = serializers.CharField(source="instance.key", read_only=True)
    error = serializers.CharField(source="told_error", read_only=True)

    class Meta:
        model = DriftReport
        fields = [
            "id", "strategy", "trading_day", "status", "error", "passed", "unexplained", "alike", "counts", "costs",
            "cost", "began", "source_hash", "run_source_hash", "rows_left_out", "created_at", "finished_at",
        ]  # fmt: skip
        read_only_fields = fields


class DriftDetailSerializer(DriftSerializer):
    """The whole comparison; each row has the sentence of its class in the caller's language."""

    rows = serializers.SerializerMethodField()

    class Meta(DriftSerializer.Meta):
        fields = [*DriftSerializer.Meta.fields, "rows"]

    def get_rows(self, report: DriftReport) -> list[dict[str, Any]]:
        """The differences, in the order of time."""
        return report_rows(report)


class DriftRequestSerializer(serializers.Serializer[Any]):
    """The day to be compared."""

    trading_day = serializers.DateField()


class DriftViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, GenericViewSet[DriftReport]):
    """A strategy's days held against the backtester, for those who see the instance."""

    queryset = DriftReport.objects.all()
    serializer_class = DriftDetailSerializer
    lookup_field = "trading_day"
    lookup_value_regex = r"\d{4}-\d\d-\d\d"
    filterset_fields = ["status", "passed"]
    action_permissions = {
        "list": f"strategies.{VIEW}",
        "retrieve": f"strategies.{VIEW}",
        "create": f"strategies.{OPERATE}",
    }

    def get_queryset(self) -> QuerySet[DriftReport]:
        """Those of the instance in the address. Raises ``MissingError`` for one that the caller does not see."""
        user = self.request.user
        if getattr(self, "swagger_fake_view", False) or not isinstance(user, User):
            return DriftReport.objects.none()
        instance = find_instance(user, int(self.kwargs["instance"]))
        return reports_for(instance, user).select_related("instance")

    def get_serializer_class(self) -> type[DriftSerializer]:
        """The short form in lists."""
        return DriftSerializer if self.action == "list" else DriftDetailSerializer

    @extend_schema(request=DriftRequestSerializer, responses={202: DriftSerializer})
    def create(self, request: Request, **_kwargs: Any) -> Response:
        """Have a day compared, once more where it was: 202; 409 while that is under way."""
        actor = request.user if isinstance(request.user, User) else None
        demand_operate(actor, find_instance(actor, int(self.kwargs["instance"])))
        body = DriftRequestSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        report = ask_again(actor, int(self.kwargs["instance"]), body.validated_data["trading_day"])
        return Response(DriftSerializer(report).data, status=status.HTTP_202_ACCEPTED)


routes = [(r"strategies/(?P<instance>\d{1,18})/drift", DriftViewSet, "strategy-drift")]
