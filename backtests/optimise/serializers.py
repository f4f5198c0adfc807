"""The bodies of the optimisation API: what may be asked, what is answered."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from backtests.optimise.document import objectives_of, walk_document, window_document
from backtests.optimise.models import Method, OptimizationRun, Trial, WalkForwardRun
from backtests.optimise.requests import OptimizationRequest, WalkForwardRequest
from backtests.optimise.sentences import sentences_of
from backtests.serializers import MoneyField, RunRequestSerializer


class OptimizationRequestSerializer(RunRequestSerializer):
    """One optimisation to be made; the same options as ``manage.py optimize``.

    ``parameters`` are those that stay fixed, ``space`` says what the others may be: ``"5:24:1"`` (both ends
    included), a list, or ``{"low": 5, "high": 24, "step": 1}``.
    """

    space = serializers.DictField(child=serializers.JSONField(), allow_empty=False)
    objectives = serializers.ListField(child=serializers.CharField(max_length=64), required=False, default=["sharpe"])
    constraints = serializers.ListField(child=serializers.CharField(max_length=100), required=False, default=list)
    method = serializers.ChoiceField(Method.choices, required=False, default=Method.GRID)
    trials = serializers.IntegerField(required=False, allow_null=True, default=None)

    def to_search(self) -> OptimizationRequest:
        """The request, once valid. Raises ``RuleError`` for rules without sense."""
        values = self.validated_data
        names = ("space", "objectives", "constraints", "method", "trials")
        search = {name: values.pop(name) for name in names}
        return OptimizationRequest(self.to_request(), **search)


class WalkForwardRequestSerializer(OptimizationRequestSerializer):
    """One walk-forward to be made; the same options as ``manage.py walk_forward``. Lengths are trading days."""

    in_sample = serializers.IntegerField()
    out_of_sample = serializers.IntegerField()
    step = serializers.IntegerField(required=False, allow_null=True, default=None)
    gap = serializers.IntegerField(required=False, default=0)
    anchored = serializers.BooleanField(required=False, default=False)

    def to_walk(self) -> WalkForwardRequest:
        """The request, once valid."""
        names = ("in_sample", "out_of_sample", "step", "gap", "anchored")
        windows = {name: self.validated_data.pop(name) for name in names}
        return WalkForwardRequest(self.to_search(), **windows)


ASKED = (
    "strategy",
    "instrument",
    "legs",
    "interval",
    "start",
    "end",
    "space",
    "fixed",
    "method",
    "objectives",
    "constraints",
)


class OptimizationSerializer(serializers.ModelSerializer[OptimizationRun]):
    """An optimisation in a list: what it is, where it stands, and the numbers that matter."""

    id = serializers.IntegerField(source="pk", read_only=True)
    instrument = serializers.CharField(source="instrument.code", read_only=True)
    owner = serializers.CharField(source="owner.username", read_only=True, default=None)
    progress = serializers.FloatField(read_only=True)
    deflated_sharpe = serializers.SerializerMethodField()
    pbo = serializers.SerializerMethodField()

    class Meta:
        model = OptimizationRun
        fields: tuple[str, ...] = (
            "id",
            "status",
            "progress",
            *ASKED,
            "owner",
            "walk_forward",
            "total",
            "done",
            "skipped",
            "failed",
            "feasible",
            "best",
            "deflated_sharpe",
            "pbo",
            "error",
            "created_at",
            "started_at",
            "finished_at",
        )
        read_only_fields = fields

    def get_deflated_sharpe(self, run: OptimizationRun) -> float | None:
        """Probability that the best Sharpe ratio is beyond luck."""
        value: float | None = run.overfitting.get("deflated_sharpe")
        return value

    def get_pbo(self, run: OptimizationRun) -> float | None:
        """Probability of overfitting."""
        value: float | None = run.overfitting.get("pbo")
        return value


class OptimizationDetailSerializer(OptimizationSerializer):
    """A whole optimisation but for its trials, which have pages of their own."""

    overfitting = serializers.SerializerMethodField()

    class Meta(OptimizationSerializer.Meta):
        fields = (
            *OptimizationSerializer.Meta.fields,
            "capital",
            "volume",
            "close_at_end",
            "costs",
            "cost_table",
            "rules",
            "form",
            "seed",
            "trials_wanted",
            "generation",
            "front",
            "overfitting",
            "warnings",
            "timing",
            "data_hash",
            "source_hash",
            "engine_version",
            "request_id",
        )
        read_only_fields = fields

    @extend_schema_field(serializers.DictField())
    def get_overfitting(self, run: OptimizationRun) -> dict[str, Any]:
        """The honest figures and, in ``sentences``, what each of them means."""
        return {**run.overfitting, "sentences": sentences_of(run.overfitting)}


class TrialSerializer(serializers.ModelSerializer[Trial]):
    """One trial."""

    net_profit = MoneyField(read_only=True)
    objectives = serializers.SerializerMethodField()

    class Meta:
        model = Trial
        fields = (
            "number",
            "parameters",
            "net_profit",
            "fills",
            "result_hash",
            "feasible",
            "objectives",
            "generation",
            "statistics",
            "error",
        )
        read_only_fields = fields

    @extend_schema_field(serializers.DictField(child=serializers.FloatField(allow_null=True)))
    def get_objectives(self, trial: Trial) -> dict[str, float | None]:
        """Name -> value, as the statistics have it."""
        return objectives_of(self.context["run"], trial)


class WalkForwardSerializer(serializers.ModelSerializer[WalkForwardRun]):
    """A walk-forward in a list."""

    id = serializers.IntegerField(source="pk", read_only=True)
    instrument = serializers.CharField(source="instrument.code", read_only=True)
    owner = serializers.CharField(source="owner.username", read_only=True, default=None)

    class Meta:
        model = WalkForwardRun
        fields: tuple[str, ...] = (
            "id",
            "status",
            *ASKED,
            "owner",
            "in_sample",
            "out_of_sample",
            "step",
            "gap",
            "anchored",
            "summary",
            "error",
            "created_at",
            "started_at",
            "finished_at",
        )
        read_only_fields = fields


class WalkForwardDetailSerializer(WalkForwardSerializer):
    """A whole walk-forward: its windows and the joined days out of sample."""

    windows = serializers.SerializerMethodField()
    equity = serializers.SerializerMethodField()

    class Meta(WalkForwardSerializer.Meta):
        fields = (
            *WalkForwardSerializer.Meta.fields,
            "capital",
            "volume",
            "close_at_end",
            "costs",
            "rules",
            "form",
            "seed",
            "trials_wanted",
            "windows",
            "statistics",
            "equity",
            "request_id",
        )
        read_only_fields = fields

    @extend_schema_field(serializers.ListField(child=serializers.DictField()))
    def get_windows(self, walk: WalkForwardRun) -> list[dict[str, Any]]:
        """Days, optimisation, parameters and statistics of each window."""
        windows = walk.windows.select_related("optimization").order_by("number")
        return [window_document(window) for window in windows]

    @extend_schema_field(serializers.ListField(child=serializers.DictField()))
    def get_equity(self, walk: WalkForwardRun) -> list[dict[str, Any]]:
        """Trading day, equity and window of every day out of sample."""
        rows: list[dict[str, Any]] = walk_document(walk)["equity"]
        return rows
