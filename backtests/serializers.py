"""The bodies of the backtest API: what may be asked, what is answered."""

from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.serializers import ReceiverSerializer
from backtests.models import BacktestDay, BacktestFill, BacktestRun
from backtests.requests import DEFAULT_CAPITAL, DEFAULT_VOLUME, CostOptions, RunRequest
from backtests.rule_options import RULE_NAMES, RULE_OPTIONS, RuleOption, rules_from
from backtests.run_document import costs_of, money
from backtests.run_legs import codes_of
from quantsite.web.bodies import StrictSerializer
from strategies.domain.forms import Form
from trading.domain.offsets import Direction, Offset


class CostOptionsSerializer(StrictSerializer):
    """Costs; what is left out comes from the instrument's dated tables (see docs/backtests.md)."""

    multiplier = serializers.FloatField(required=False, allow_null=True)
    price_tick = serializers.FloatField(required=False, allow_null=True)
    commission_rate = serializers.FloatField(required=False, allow_null=True)
    commission_per_lot = serializers.FloatField(required=False, allow_null=True)
    close_today_rate = serializers.FloatField(required=False, allow_null=True)
    slippage_ticks = serializers.IntegerField(required=False, allow_null=True)
    margin_rate = serializers.FloatField(required=False, allow_null=True)


def _rule_field(option: RuleOption) -> serializers.Field[Any, Any, Any, Any]:
    given: dict[str, Any] = {"required": False, "allow_null": True, "help_text": option.text}
    if option.kind is bool:
        return serializers.BooleanField(**given)
    if option.choices:
        return serializers.ChoiceField(list(option.choices), **given)
    return serializers.IntegerField(**given) if option.kind is int else serializers.FloatField(**given)


class RulesSerializer(StrictSerializer):
    """The switches of realism; what is left out is off (see docs/backtests.md)."""

    def get_fields(self) -> dict[str, Any]:
        """One field for each switch."""
        return {option.name: _rule_field(option) for option in RULE_OPTIONS}


@extend_schema_field(
    {"oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}], "maxLength": 24}
)
class CodesField(serializers.ListField):
    """One code, or the codes of several instruments on one account."""

    def to_internal_value(self, data: Any) -> list[str]:
        """The codes as a list."""
        codes: list[str] = super().to_internal_value([data] if isinstance(data, str) else data)
        return codes


class RunRequestSerializer(StrictSerializer):
    """One backtest to be made; the same options as ``manage.py run_backtest``.

    The options of ``costs`` and of ``rules`` may also stand beside the others, as on the command line.
    """

    groups = {"costs": CostOptions.names(), "rules": RULE_NAMES}
    also_known = (*CostOptions.names(), *RULE_NAMES)

    strategy = serializers.CharField(max_length=64)
    instrument = CodesField(child=serializers.CharField(max_length=24), allow_empty=False)
    legs = serializers.ListField(
        child=serializers.CharField(max_length=24), required=False, help_text="Codes of further instruments."
    )
    interval = serializers.CharField(max_length=8)
    start = serializers.DateField(required=False, allow_null=True)
    end = serializers.DateField(required=False, allow_null=True)
    parameters = serializers.DictField(required=False, default=dict)
    capital = serializers.FloatField(required=False, default=DEFAULT_CAPITAL)
    volume = serializers.FloatField(required=False, default=DEFAULT_VOLUME)
    costs = CostOptionsSerializer(required=False)
    close_at_end = serializers.BooleanField(required=False, default=False)

    form = serializers.ChoiceField([form.value for form in Form], required=False, allow_blank=True, default="")
    rules = RulesSerializer(required=False)

    def to_internal_value(self, data: Any) -> Any:
        """The typed values, costs and rules in their groups. Raises ``ValidationError``, also for one given twice."""
        if isinstance(data, dict):
            for group, names in self.groups.items():
                data = _gathered(data, group, names)
        return super().to_internal_value(data)

    def to_request(self) -> RunRequest:
        """The request, once valid. Raises ``RuleError`` for rules without sense."""
        values: dict[str, Any] = dict(self.validated_data)
        codes: list[str] = values.pop("instrument") + values.pop("legs", [])
        costs = CostOptions.from_mapping(values.pop("costs", None) or {})
        rules = rules_from(values.pop("rules", None) or {})
        return RunRequest(**values, instrument=codes[0], legs=tuple(codes[1:]), costs=costs, rules=rules)


def _gathered(data: dict[str, Any], group: str, names: tuple[str, ...]) -> dict[str, Any]:
    """The body with the options of ``group`` that stand beside it moved into it. Raises ``ValidationError``."""
    flat = {name: data[name] for name in names if name in data}
    inside = data.get(group) or {}
    if not flat or not isinstance(inside, dict):
        return data
    if twice := sorted(set(flat) & set(inside)):
        text = _("It is given twice: beside %(group)s and in it.") % {"group": group}
        raise serializers.ValidationError({name: [text] for name in twice})
    rest = {name: value for name, value in data.items() if name not in flat}
    return {**rest, group: {**inside, **flat}}


class PoorDaySerializer(serializers.Serializer[Any]):
    """One day of poor data; ``fault`` is the kind that costs it most."""

    instrument = serializers.CharField()
    trading_day = serializers.DateField()
    interval = serializers.CharField()
    score = serializers.FloatField()
    fault = serializers.CharField()


class DataQualitySerializer(serializers.Serializer[Any]):
    """On how sound data a run rests: its trading days (of all legs together), and the worst of the poor ones."""

    days = serializers.IntegerField()
    judged = serializers.IntegerField()
    unjudged = serializers.IntegerField()
    poor = serializers.IntegerField()
    poor_below = serializers.FloatField()
    worst = PoorDaySerializer(many=True)


class MoneyField(serializers.FloatField):
    """Yuan, rounded on the way out."""

    def to_representation(self, value: Any) -> Any:
        """Six decimals."""
        return money(value)


class RunSerializer(serializers.ModelSerializer[BacktestRun]):
    """A run in a list: what it is, where it stands, and the numbers that matter."""

    id = serializers.IntegerField(source="pk", read_only=True)
    run = serializers.IntegerField(source="pk", read_only=True)
    instrument = serializers.CharField(source="instrument.code", read_only=True)
    owner = serializers.CharField(source="owner.username", read_only=True, default=None)
    fills = serializers.IntegerField(source="fill_count", read_only=True)
    net_profit = MoneyField(read_only=True)

    class Meta:
        model = BacktestRun
        fields: tuple[str, ...] = (
            "id",
            "run",
            "status",
            "progress",
            "strategy",
            "instrument",
            "interval",
            "start",
            "end",
            "parameters",
            "owner",
            "total_return",
            "max_drawdown",
            "sharpe",
            "trade_count",
            "net_profit",
            "fills",
            "result_hash",
            "error",
            "created_at",
            "started_at",
            "finished_at",
        )


class RunDetailSerializer(RunSerializer):
    """A whole run, with every key that ``run_backtest --json`` prints."""

    bars = serializers.IntegerField(source="bar_count", read_only=True)
    costs = serializers.SerializerMethodField()
    data_quality = serializers.SerializerMethodField()
    end_equity = MoneyField(read_only=True)
    commission = MoneyField(read_only=True)
    slippage = MoneyField(read_only=True)

    class Meta(RunSerializer.Meta):
        fields = (
            *RunSerializer.Meta.fields,
            "capital",
            "volume",
            "close_at_end",
            "legs",
            "rules",
            "form",
            "costs",
            "bars",
            "first_bar",
            "last_bar",
            "end_equity",
            "commission",
            "slippage",
            "statistics",
            "warnings",
            "data_quality",
            "timing",
            "data_hash",
            "source_hash",
            "engine_version",
            "seed",
            "again_of",
            "attempt",
            "cancel_requested",
            "request_id",
        )

    @extend_schema_field(DataQualitySerializer(allow_null=True))
    def get_data_quality(self, run: BacktestRun) -> dict[str, Any] | None:
        """Null for a run that has none: not finished, or from before days were judged."""
        return run.data_quality or None

    @extend_schema_field(serializers.DictField())
    def get_costs(self, run: BacktestRun) -> dict[str, Any]:
        """The options as given and the table that was charged by."""
        return costs_of(run)


class FillSerializer(serializers.ModelSerializer[BacktestFill]):
    """One fill; ``start`` is the start of the bar that filled."""

    instrument = serializers.SerializerMethodField()
    direction = serializers.SerializerMethodField()
    offset = serializers.SerializerMethodField()
    commission = MoneyField(read_only=True)
    slippage = MoneyField(read_only=True)
    profit = MoneyField(read_only=True)

    class Meta:
        model = BacktestFill
        fields = (
            "seq",
            "start",
            "trading_day",
            "leg",
            "instrument",
            "direction",
            "offset",
            "price",
            "volume",
            "commission",
            "slippage",
            "profit",
        )

    def get_instrument(self, fill: BacktestFill) -> str:
        """The code of the leg's instrument."""
        return codes_of(fill.run)[fill.leg]

    @extend_schema_field(serializers.ChoiceField([side.name.lower() for side in Direction]))
    def get_direction(self, fill: BacktestFill) -> str:
        """``buy`` or ``sell``."""
        return Direction(fill.direction).name.lower()

    @extend_schema_field(serializers.ChoiceField([flag.name.lower() for flag in Offset]))
    def get_offset(self, fill: BacktestFill) -> str:
        """``open``, ``close``, ``close_today``."""
        return Offset(fill.offset).name.lower()


class DaySerializer(serializers.ModelSerializer[BacktestDay]):
    """One trading day; drawdown is a fraction of 0 or below."""

    equity = MoneyField(read_only=True)
    net_profit = MoneyField(read_only=True)
    commission = MoneyField(read_only=True)
    slippage = MoneyField(read_only=True)
    margin = MoneyField(read_only=True)

    class Meta:
        model = BacktestDay
        fields = ("trading_day", "equity", "net_profit", "commission", "slippage", "drawdown", "margin", "position")


class ShareSerializer(ReceiverSerializer):
    """A person or a group that may see the run; ``shared: false`` takes it back."""

    shared = serializers.BooleanField(required=False, default=True)
