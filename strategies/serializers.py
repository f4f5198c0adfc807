"""The bodies of the API of strategy instances: what may be asked, what is answered. Money in yuan, times in UTC."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from accounts.serializers import ReceiverSerializer
from quantsite.web.bodies import StrictSerializer
from strategies.choices import (
    GATE_STAGES,
    CauseName,
    EvidenceName,
    LogLevel,
    OnFailure,
    RollState,
)
from strategies.domain.lifecycle import DEMOTIONS, verbs_from
from strategies.event_models import Evidence, Signal, StrategyLog, StrategyOrder
from strategies.instance_models import APPROVE, OPERATE, VIEW, StrategyGate, StrategyInstance
from strategies.permissions import facts_of
from strategies.state_models import StrategyDay, StrategyPosition, StrategyRoll
from strategies.verbs.terms import NewInstance
from trading.risk_serializers import ProposalSerializer, username

LEVELS = {"view": VIEW, "operate": OPERATE, "approve": APPROVE}
LONGEST_REASON = 1_000


class MoneyField(serializers.FloatField):
    """Yuan, or a price; null where there is none."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_null=True, read_only=True, **options)


class CodeField(serializers.CharField):
    """An instrument by its code."""

    def __init__(self, source: str = "instrument", **options: Any) -> None:
        super().__init__(source=f"{source}.code", read_only=True, **options)


# --- what is answered ----------------------------------------------------------------------------------------


class InstanceSerializer(serializers.ModelSerializer[StrategyInstance]):
    """An instance. ``status``: one word for stage and activity; ``possible``: the verbs that its state allows."""

    owner = username("owner")
    account = serializers.CharField(source="account.code")
    live_account = serializers.CharField(source="live_account.code", allow_null=True, default=None)
    instruments = serializers.SerializerMethodField()
    approved_by = username("approved_by")
    day_loss_limit = MoneyField()
    total_loss_limit = MoneyField()
    status = serializers.CharField()
    failure = serializers.CharField(help_text="In the reader's language; empty where nothing went wrong.")
    possible = serializers.SerializerMethodField()

    class Meta:
        model = StrategyInstance
        fields = [
            *("id", "key", "title", "note", "owner", "strategy", "parameters", "parameters_version", "account"),
            *("live_account", "interval", "instruments", "unit", "seed", "follow_main", "execution", "on_failure"),
            *("day_loss_limit", "total_loss_limit", "budget_ms", "memory_mb", "isolated", "stage", "stage_since"),
            *("activity", "activity_since", "stopping", "flatten_asked", "flatten_done", "status", "possible"),
            *("health", "failure_code", "failure", "told_at", "source_hash", "approved_by", "approved_at"),
            *("version", "created_at", "changed_at"),
        ]

    def get_instruments(self, instance: StrategyInstance) -> list[str]:
        """The codes, leg 0 first."""
        return [leg.instrument.code for leg in sorted(instance.legs.all(), key=lambda leg: leg.number)]

    def get_possible(self, instance: StrategyInstance) -> list[str]:
        """The verbs that the table has for its state, whoever asks."""
        return [verb.value for verb in verbs_from(instance.state)]


class SignalSerializer(serializers.ModelSerializer[Signal]):
    """One decision: ``target`` in units, ``position`` in lots held when it was taken, ``values`` it was based on."""

    instance = serializers.IntegerField(source="instance_id")  # type: ignore[assignment]
    key = serializers.CharField(source="instance.key")
    strategy = serializers.CharField(source="instance.strategy")
    instrument = CodeField()
    price = MoneyField()

    class Meta:
        model = Signal
        fields = [
            *("id", "instance", "key", "strategy", "number", "leg", "instrument", "bar_start", "decided_at", "target"),
            *("position", "price", "reason", "values", "late", "parameters_version"),
        ]


@extend_schema_serializer(component_name="StrategyOrder")
class StrategyOrderSerializer(serializers.ModelSerializer[StrategyOrder]):
    """An order of an instance; ``order`` is the account's, null where it was refused at once. Lots, prices as quoted.

    ``slippage``: what the fills so far cost against the price at the decision, per lot in the quoted unit, above 0 is
    worse; ``latency_ms``: from the event's arrival at the runner to the stored order.
    """

    order = serializers.IntegerField(source="order_id", allow_null=True)
    instrument = CodeField()
    cause = serializers.ChoiceField(CauseName.choices)
    price = MoneyField()
    decision_price = MoneyField()
    status = serializers.CharField(source="order.status", default="refused")
    traded = serializers.IntegerField(source="order.traded", default=0)
    average_price = MoneyField(source="order.average_price", default=None)
    slippage = serializers.FloatField(allow_null=True)
    latency_ms = serializers.FloatField(allow_null=True)

    class Meta:
        model = StrategyOrder
        fields = [
            *("id", "number", "client_order_id", "order", "leg", "instrument", "cause", "own", "direction", "type"),
            *("lots", "price", "decision_price", "decided_at", "event_at", "sent_at", "latency_ms", "trading_day"),
            *("status", "traded", "average_price", "slippage", "refused_code", "refused_text"),
        ]


class LogSerializer(serializers.ModelSerializer[StrategyLog]):
    """A line of an instance's log, in the reader's language."""

    level = serializers.ChoiceField(LogLevel.choices)
    text = serializers.CharField(source="told")

    class Meta:
        model = StrategyLog
        fields = ["id", "at", "market_time", "level", "kind", "text", "details"]


class StrategyPositionSerializer(serializers.ModelSerializer[StrategyPosition]):
    """What an instance holds by its own fills: ``lots`` signed, ``profit`` in total after commission."""

    instrument = CodeField()
    average = MoneyField()
    realised = MoneyField()
    commission = MoneyField()
    turnover = MoneyField()
    marked = MoneyField()
    profit = MoneyField()
    day_profit = serializers.SerializerMethodField()

    class Meta:
        model = StrategyPosition
        fields = [
            *("instrument", "leg", "lots", "average", "realised", "commission", "turnover", "marked", "profit"),
            *("day_profit", "trading_day", "updated_at"),
        ]

    def get_day_profit(self, position: StrategyPosition) -> float:
        """The profit of the trading day, in yuan."""
        return float(position.profit - position.day_base)


class StrategyDaySerializer(serializers.ModelSerializer[StrategyDay]):
    """One trading day of an instance."""

    profit = MoneyField()
    commission = MoneyField()
    slippage = MoneyField()
    turnover = MoneyField()

    class Meta:
        model = StrategyDay
        fields = [
            *("trading_day", "stage", "source_hash", "parameters_version", "profit", "commission", "slippage"),
            *("turnover", "fills", "orders", "cancels", "refusals", "signals", "bars", "ticks", "errors", "gaps"),
            *("worst_latency_ms", "ended"),
        ]


class StrategyRollSerializer(serializers.ModelSerializer[StrategyRoll]):
    """A change from one contract to the next; seconds by the market clock."""

    from_instrument = CodeField("from_instrument")
    to_instrument = CodeField("to_instrument")
    state = serializers.ChoiceField(RollState.choices)
    closed_price = MoneyField()
    opened_price = MoneyField()

    class Meta:
        model = StrategyRoll
        fields = [
            *("id", "leg", "from_instrument", "to_instrument", "lots", "state", "exposure_seconds"),
            *("closed_price", "opened_price", "trading_day", "started_at", "ended_at"),
        ]


class EvidenceSerializer(serializers.ModelSerializer[Evidence]):
    """What was shown of a source; ``instance`` is null where it stands for the strategy.

    ``facts`` of others' backtests and checks are shown to second persons alone.
    """

    kind = serializers.ChoiceField(EvidenceName.choices)
    instance = serializers.IntegerField(source="instance_id", allow_null=True)  # type: ignore[assignment]
    created_by = username("created_by")
    facts = serializers.SerializerMethodField()

    class Meta:
        model = Evidence
        fields = [
            *("id", "kind", "strategy", "source_hash", "parameters_hash", "interval", "instance", "trading_day"),
            *("passed", "facts", "reference", "created_by", "created_at"),
        ]

    def get_facts(self, evidence: Evidence) -> dict[str, Any]:
        """The figures that the caller may know."""
        return facts_of(self.context["user"], evidence)


class VerdictSerializer(serializers.Serializer[Any]):
    """One gate and how far it is met; ``missing`` is empty where it is open, else it says what to do."""

    stage = serializers.ChoiceField(GATE_STAGES, source="gate.stage")
    kind = serializers.ChoiceField(EvidenceName.choices, source="gate.kind")
    minimum = serializers.IntegerField(source="gate.minimum")
    have = serializers.IntegerField()
    missing = serializers.CharField()


class StateSerializer(serializers.Serializer[Any]):
    """Where an instance stands now: what it holds, its newest signal of each leg, its day, its working orders."""

    instance = InstanceSerializer()
    source_changed = serializers.BooleanField(help_text="The strategy's code is not what the instance was tested with.")
    held = serializers.DictField(child=serializers.IntegerField(), help_text="Signed lots by code, from its own fills.")
    positions = StrategyPositionSerializer(many=True)
    day = StrategyDaySerializer(allow_null=True)
    signals = SignalSerializer(many=True)
    working_orders = serializers.ListField(child=serializers.IntegerField())
    market_time = serializers.DateTimeField(allow_null=True)
    proposals = ProposalSerializer(many=True)


class GateSerializer(serializers.ModelSerializer[StrategyGate]):
    """What an instance must show before it may enter a stage."""

    updated_by = username("updated_by")

    class Meta:
        model = StrategyGate
        fields = [
            *("id", "stage", "kind", "minimum", "same_parameters", "max_age_days", "is_active"),
            *("updated_by", "updated_at"),
        ]


# --- what may be asked ---------------------------------------------------------------------------------------


@extend_schema_field({"type": "array", "items": {"type": "string"}, "minItems": 1})
class CodesField(serializers.ListField):
    """Codes of instruments, leg 0 first."""

    child = serializers.CharField(max_length=32)


class TermsSerializer(StrictSerializer):
    """What an instance is; for a change all may be left out."""

    title = serializers.CharField(max_length=120, required=False, allow_blank=True)
    note = serializers.CharField(max_length=10_000, required=False, allow_blank=True)
    strategy = serializers.CharField(max_length=64, required=False)
    instruments = CodesField(required=False, max_length=50)
    account = serializers.CharField(max_length=32, required=False)
    interval = serializers.CharField(max_length=8, required=False, help_text=str(_("Of its bars, or tick.")))
    parameters = serializers.DictField(required=False)
    unit = serializers.IntegerField(required=False)
    seed = serializers.IntegerField(required=False)
    follow_main = serializers.BooleanField(required=False)
    execution = serializers.DictField(required=False)
    on_failure = serializers.ChoiceField(OnFailure.choices, required=False)
    day_loss_limit = serializers.DecimalField(20, 6, required=False, allow_null=True)
    total_loss_limit = serializers.DecimalField(20, 6, required=False, allow_null=True)
    budget_ms = serializers.IntegerField(required=False)
    memory_mb = serializers.IntegerField(required=False)
    isolated = serializers.BooleanField(required=False, allow_null=True)


class NewInstanceSerializer(TermsSerializer):
    """A new instance; what is left out takes its default."""

    key = serializers.CharField(max_length=80)
    strategy = serializers.CharField(max_length=64)
    instruments = CodesField(max_length=50)
    account = serializers.CharField(max_length=32)
    interval = serializers.CharField(max_length=8)

    def to_instance(self) -> NewInstance:
        """The instance as asked for; call it after ``is_valid``."""
        given: dict[str, Any] = {**self.validated_data}
        return NewInstance(**{**given, "instruments": tuple(given["instruments"])})


def reason_field() -> serializers.CharField:
    """Why something is done; may be left out."""
    return serializers.CharField(max_length=LONGEST_REASON, required=False, default="", allow_blank=True)


def needed_reason() -> serializers.CharField:
    """Why something is done."""
    return serializers.CharField(max_length=LONGEST_REASON)


class SeenSerializer(StrictSerializer):
    """``version``: what the caller has looked at; where it was changed since, nothing is done (409)."""

    version = serializers.IntegerField(required=False, allow_null=True, default=None, min_value=1)
    reason = reason_field()


class WhySerializer(StrictSerializer):
    """A reason that may be left out."""

    reason = reason_field()


class ChangeSerializer(TermsSerializer):
    """Other terms; a reason is needed where a second person must agree."""

    version = serializers.IntegerField(required=False, allow_null=True, default=None, min_value=1)
    reason = reason_field()


class ParametersSerializer(SeenSerializer):
    """Those parameters that are to change."""

    parameters = serializers.DictField()


class StrategyStopSerializer(WhySerializer):
    """What becomes of orders and lots."""

    then = serializers.ChoiceField(OnFailure.choices, required=False, default=OnFailure.CANCEL)


class RollNowSerializer(StrictSerializer):
    """The leg, the contract that it is to trade, and why."""

    leg = serializers.IntegerField(required=False, default=0, min_value=0, max_value=99)
    to = serializers.CharField(max_length=40)
    reason = needed_reason()


class DemoteSerializer(StrictSerializer):
    """Where to, why, and what becomes of orders and lots: its policy for failures unless said."""

    to = serializers.ChoiceField([stage.value for stage in DEMOTIONS])
    reason = needed_reason()
    then = serializers.ChoiceField(OnFailure.choices, required=False, allow_null=True, default=None)


class RetireSerializer(StrictSerializer):
    """Why it ends."""

    reason = needed_reason()


class AskApprovalSerializer(StrictSerializer):
    """For which account, and why a second person should agree."""

    account = serializers.CharField(max_length=32)
    reason = needed_reason()


class InstanceAccessSerializer(ReceiverSerializer):
    """Whom an instance is granted to, and how far."""

    level = serializers.ChoiceField(sorted(LEVELS), required=False, default="view")

    def permission(self) -> str:
        """The permission that the level stands for; call it after ``is_valid``."""
        return LEVELS[self.validated_data["level"]]


class NewGateSerializer(StrictSerializer):
    """A gate as it shall stand; a reason is needed where it asks for less than before."""

    stage = serializers.ChoiceField(GATE_STAGES)
    kind = serializers.ChoiceField(EvidenceName.choices)
    minimum = serializers.IntegerField(required=False, default=1, min_value=1, max_value=1_000)
    same_parameters = serializers.BooleanField(required=False, default=False)
    max_age_days = serializers.IntegerField(required=False, default=None, allow_null=True, min_value=1, max_value=1_000)
    is_active = serializers.BooleanField(required=False, default=True)
    reason = reason_field()
