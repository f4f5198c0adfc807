"""The bodies of the API of risk: limits, stops, risk events, plans and proposals. Times are UTC, money is yuan."""

from collections.abc import Mapping
from math import isfinite
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts import proposals
from accounts.models import Proposal, ProposalStatus
from quantsite.web.bodies import StrictSerializer
from trading.choices import DirectionName, OffsetName, OrderTypeName, SideName
from trading.domain.balance import risk_degree
from trading.domain.checks import Reason
from trading.domain.risk.figures import AccountView
from trading.domain.risk.limits import DEFAULT
from trading.domain.risk.rules import RULES, Rule, Stage, Unit
from trading.domain.risk.scopes import Scope
from trading.domain.risk.what_if import Compared
from trading.limit_models import KillSwitch, RiskLimit, RiskLimitChange, SwitchEffect
from trading.permissions import visible_accounts
from trading.risk_choices import BreachActionName, PlanStatus, RiskEventKind, RuleName, ScopeName, StrengthName
from trading.risk_models import FlattenPlan, RiskEvent, RiskNote
from trading.serializers import FiniteField, lots_field, price_field
from trading.verbs.limits_table import LimitCell
from trading.verbs.new_order import NewOrder
from trading.verbs.what_if import Foreseen

LONGEST_REASON = 1_000
NUL = "\x00"


def username(source: str) -> serializers.CharField:
    """Somebody by name; null for the system and for nobody."""
    return serializers.CharField(source=f"{source}.username", allow_null=True, default=None)


def reason_field() -> serializers.CharField:
    """Why something is done."""
    return serializers.CharField(max_length=LONGEST_REASON)


# --- limits ------------------------------------------------------------------------------------------------


class LimitSerializer(serializers.ModelSerializer[RiskLimit]):
    """A limit as it is set, in the rule's ``unit``. ``maximum`` null lifts the rule at this scope.

    With ``floor`` the number is the least value allowed.
    """

    rule = serializers.ChoiceField(RuleName.choices)
    scope_kind = serializers.ChoiceField(ScopeName.choices)
    action = serializers.ChoiceField(BreachActionName.choices)
    unit = serializers.SerializerMethodField()
    floor = serializers.SerializerMethodField()
    updated_by = username("updated_by")

    class Meta:
        model = RiskLimit
        fields = [
            "id",
            "rule",
            "scope_kind",
            "scope_key",
            "maximum",
            "unit",
            "floor",
            "action",
            "params",
            "updated_by",
            "updated_at",
        ]

    @extend_schema_field(serializers.ChoiceField([unit.value for unit in Unit]))
    def get_unit(self, limit: RiskLimit) -> str:
        """In what it is counted."""
        return RULES[Rule(limit.rule)].unit.value

    def get_floor(self, limit: RiskLimit) -> bool:
        """Whether it is a least value."""
        return RULES[Rule(limit.rule)].floor


class OriginSerializer(serializers.Serializer[Any]):
    """The scope where a limit is set."""

    kind = serializers.ChoiceField([*ScopeName.values, "default"], help_text="``default``: the rule's own value.")
    key = serializers.CharField(allow_blank=True)


class LimitInForceSerializer(serializers.Serializer[LimitCell]):
    """A rule at a scope with the value that counts there, and where it comes from. Null: nothing is limited."""

    rule = serializers.ChoiceField(RuleName.choices)
    unit = serializers.ChoiceField([unit.value for unit in Unit])
    stage = serializers.ChoiceField([stage.value for stage in Stage], help_text="When the rule is asked.")
    floor = serializers.BooleanField()
    maximum = serializers.FloatField(allow_null=True)
    action = serializers.CharField(allow_blank=True)
    params = serializers.DictField()
    origin = OriginSerializer(allow_null=True)
    own = serializers.BooleanField(help_text="Whether it is set at this very scope.")
    limit = serializers.IntegerField(allow_null=True, help_text="The limit's number, where it is its own.")

    def to_representation(self, instance: LimitCell) -> Any:
        """The one form of a cell."""
        spec, origin = RULES[instance.rule], instance.origin
        return {
            "rule": instance.rule.value,
            "unit": spec.unit.value,
            "stage": spec.stage.value,
            "floor": spec.floor,
            "maximum": instance.maximum,
            "action": instance.action,
            "params": dict(instance.params),
            "origin": None if origin is None else origin_of(origin),
            "own": instance.own,
            "limit": instance.limit_id,
        }


class LimitValuesSerializer(StrictSerializer):
    """What a limit says. ``maximum`` null lifts the rule at the scope; a list needs only ``params``."""

    maximum = FiniteField(allow_null=True, min_value=0)
    action = serializers.ChoiceField(BreachActionName.choices, required=False, default="warn")
    params = serializers.DictField(required=False, default=dict)
    reason = reason_field()

    def validate_params(self, params: dict[str, Any]) -> dict[str, Any]:
        """Details that a row can keep. Raises ``ValidationError``."""
        if _has_nul(params):
            raise serializers.ValidationError("Null characters are not allowed.")
        return params


class NewLimitSerializer(LimitValuesSerializer):
    """A limit and where it stands."""

    rule = serializers.CharField(max_length=64)
    scope_kind = serializers.ChoiceField(ScopeName.choices)
    scope_key = serializers.CharField(max_length=120, required=False, default="", allow_blank=True)


class LimitChangeSerializer(serializers.ModelSerializer[RiskLimitChange]):
    """What a limit was and became. ``after`` null: it was taken away. ``approved_by``: the second person, if any."""

    changed_by = username("changed_by")
    approved_by = username("approved_by")

    class Meta:
        model = RiskLimitChange
        fields = [
            "id",
            "rule",
            "scope_kind",
            "scope_key",
            "before",
            "after",
            "reason",
            "changed_by",
            "approved_by",
            "created_at",
        ]


# --- proposals ---------------------------------------------------------------------------------------------


class DifferenceSerializer(serializers.Serializer[Any]):
    """One thing that a proposal changes."""

    name = serializers.CharField()
    before = serializers.JSONField(allow_null=True)
    after = serializers.JSONField(allow_null=True)


class ProposalSerializer(serializers.ModelSerializer[Proposal]):
    """A change that waits for a second person, or what became of it. ``diff`` is made of ``before`` and ``after``."""

    title = serializers.SerializerMethodField()
    about = serializers.SerializerMethodField()
    diff = serializers.SerializerMethodField()
    status = serializers.ChoiceField(ProposalStatus.choices)
    proposed_by = username("proposed_by")
    decided_by = username("decided_by")

    class Meta:
        model = Proposal
        fields = [
            "id",
            "kind",
            "title",
            "target",
            "about",
            "before",
            "after",
            "diff",
            "reason",
            "status",
            "proposed_by",
            "proposed_at",
            "expires_at",
            "decided_by",
            "decided_at",
            "decision_reason",
        ]

    def get_title(self, proposal: Proposal) -> str:
        """What is proposed, in the reader's language."""
        return proposals.title_of(proposal)

    def get_about(self, proposal: Proposal) -> str:
        """What it is about, in the reader's language."""
        return proposals.about(proposal)

    @extend_schema_field(DifferenceSerializer(many=True))
    def get_diff(self, proposal: Proposal) -> Any:
        """What would change, name by name."""
        return DifferenceSerializer(proposals.diff_of(proposal), many=True).data


class NewProposalSerializer(StrictSerializer):
    """A proposal that no other address makes: ``target`` is the number of a stop, or the code of an account."""

    kind = serializers.ChoiceField(["release_switch", "enable_live", "reset_peak", "adopt_broker"])
    target = serializers.CharField(max_length=64)
    reason = reason_field()


class RiskReasonSerializer(StrictSerializer):
    """Why."""

    reason = reason_field()


class PossibleRiskReasonSerializer(StrictSerializer):
    """Why, for who wants to say it."""

    reason = serializers.CharField(max_length=LONGEST_REASON, required=False, default="", allow_blank=True)


class LimitOutcomeSerializer(serializers.Serializer[Any]):
    """What became of a wish: ``limit`` as it stands now (null: none is set), and the proposal where one waits."""

    limit = LimitSerializer(allow_null=True)
    proposal = ProposalSerializer(allow_null=True)


# --- stops -------------------------------------------------------------------------------------------------


class EffectSerializer(serializers.ModelSerializer[SwitchEffect]):
    """What a stop did on one account. ``seconds``: from the click to the end of the last order; null until then."""

    account = serializers.CharField(source="account.code")
    seconds = serializers.FloatField(allow_null=True)

    class Meta:
        model = SwitchEffect
        fields = ["account", "seen_at", "working", "cancelled", "last_cancel_at", "flat_at", "seconds"]


class SwitchSerializer(serializers.ModelSerializer[KillSwitch]):
    """A stop, with its effects on the accounts that the caller may see."""

    scope_kind = serializers.ChoiceField(ScopeName.choices)
    strength = serializers.ChoiceField(StrengthName.choices)
    active = serializers.SerializerMethodField()
    set_by = username("set_by")
    released_by = username("released_by")
    approved_by = username("approved_by")
    effects = serializers.SerializerMethodField()

    class Meta:
        model = KillSwitch
        fields = [
            "id",
            "scope_kind",
            "scope_key",
            "strength",
            "reason",
            "active",
            "set_by",
            "set_at",
            "released_by",
            "released_at",
            "approved_by",
            "release_reason",
            "effects",
        ]

    def get_active(self, switch: KillSwitch) -> bool:
        """Whether it holds."""
        return switch.released_at is None

    @extend_schema_field(EffectSerializer(many=True))
    def get_effects(self, switch: KillSwitch) -> Any:
        """By account, of those that the caller may see."""
        seen = self._seen()
        rows = [effect for effect in switch.effects.all() if effect.account_id in seen]
        for effect in rows:
            effect.switch = switch
        return EffectSerializer(rows, many=True).data

    def _seen(self) -> set[int]:
        """The accounts of the caller, asked once for a whole page."""
        asked: Any = self.context
        if "seen_accounts" not in asked:
            accounts = visible_accounts(asked["request"].user).order_by()
            asked["seen_accounts"] = set(accounts.values_list("pk", flat=True))
        known: set[int] = asked["seen_accounts"]
        return known


class StopSerializer(StrictSerializer):
    """Where to stop, and how far: 1 no opening, 2 cancel all orders too, 3 close all positions too."""

    scope_kind = serializers.ChoiceField(ScopeName.choices)
    scope_key = serializers.CharField(max_length=120, required=False, default="", allow_blank=True)
    strength = serializers.ChoiceField(StrengthName.choices)


class NewSwitchSerializer(StopSerializer):
    """A stop and why."""

    reason = reason_field()


class StopPreviewSerializer(serializers.Serializer[Any]):
    """What a stop would reach now, counted over all accounts in its scope."""

    accounts = serializers.IntegerField()
    working = serializers.IntegerField(help_text="Orders that may still fill.")
    positions = serializers.IntegerField()
    lots = serializers.IntegerField()


# --- events and plans --------------------------------------------------------------------------------------


class RiskNoteSerializer(serializers.ModelSerializer[RiskNote]):
    """What somebody wrote or did about a risk event."""

    author = username("author")

    class Meta:
        model = RiskNote
        fields = ["verb", "text", "author", "created_at"]


class RiskEventSerializer(serializers.ModelSerializer[RiskEvent]):
    """Something that a rule found; repeats are counted. ``level`` is the share of the limit, 1 where it is broken."""

    account = serializers.CharField(source="account.code", allow_null=True, default=None)
    kind = serializers.ChoiceField(RiskEventKind.choices)
    text = serializers.SerializerMethodField()
    assigned_to = username("assigned_to")
    acknowledged_by = username("acknowledged_by")
    closed_by = username("closed_by")

    class Meta:
        model = RiskEvent
        fields = [
            "id",
            "account",
            "kind",
            "rule",
            "scope_kind",
            "scope_key",
            "subject",
            "level",
            "value",
            "limit",
            "order",
            "switch",
            "reason_code",
            "text",
            "count",
            "trading_day",
            "market_time",
            "created_at",
            "last_at",
            "assigned_to",
            "acknowledged_by",
            "acknowledged_at",
            "closed_by",
            "closed_at",
        ]

    def get_text(self, event: RiskEvent) -> str:
        """The sentence in the reader's language."""
        return event.shown_text


class RiskEventNotesSerializer(RiskEventSerializer):
    """With what people wrote and did about it."""

    notes = RiskNoteSerializer(many=True)

    class Meta(RiskEventSerializer.Meta):
        fields = [*RiskEventSerializer.Meta.fields, "notes"]


class AssignSerializer(StrictSerializer):
    """Who is to take care."""

    to = serializers.CharField(max_length=150, help_text="A username; yours to take it yourself.")


class CommentSerializer(StrictSerializer):
    """What to write."""

    text = serializers.CharField(max_length=4_000)


class PlanSerializer(serializers.ModelSerializer[FlattenPlan]):
    """How positions are to be closed: ``steps`` in their order, each with what is ``done`` of it."""

    account = serializers.CharField(source="account.code")
    status = serializers.ChoiceField(PlanStatus.choices)
    created_by = username("created_by")
    stopped_by = username("stopped_by")

    class Meta:
        model = FlattenPlan
        fields = [
            "id",
            "account",
            "product",
            "strategy_key",
            "side",
            "switch",
            "event",
            "steps",
            "status",
            "reason",
            "starts_at",
            "created_by",
            "created_at",
            "stopped_by",
            "ended_at",
        ]


class PlanScopeSerializer(StrictSerializer):
    """What to close: everything of an account, or of it a product, a strategy's lots, a side."""

    account = serializers.CharField(max_length=32)
    product = serializers.CharField(max_length=32, required=False, default="", allow_blank=True)
    strategy_key = serializers.CharField(max_length=80, required=False, default="", allow_blank=True)
    side = serializers.ChoiceField(SideName.choices, required=False, default="", allow_blank=True)


class NewPlanSerializer(PlanScopeSerializer):
    """What to close, and why."""

    reason = reason_field()


class StepSerializer(serializers.Serializer[Any]):
    """One side of one instrument: ``slice`` lots an order, ``collar`` as a fraction of the last price."""

    instrument = serializers.CharField()
    product = serializers.CharField()
    side = serializers.ChoiceField(SideName.choices)
    volume = serializers.IntegerField()
    slice = serializers.IntegerField()
    collar = serializers.FloatField()
    margin = serializers.FloatField()
    minutes = serializers.FloatField(allow_null=True)
    done = serializers.IntegerField()


class PlanPreviewSerializer(serializers.Serializer[Any]):
    """The steps of a plan as it would be made now."""

    steps = StepSerializer(many=True)


class AccountRiskSerializer(serializers.Serializer[Any]):
    """Where an account stands, as its gateway computed it at ``updated_at``; ``figures`` null until it ran once."""

    account = serializers.CharField()
    figures = serializers.DictField(allow_null=True)
    trading_day = serializers.DateField(allow_null=True)
    market_time = serializers.DateTimeField(allow_null=True)
    updated_at = serializers.DateTimeField(allow_null=True)


# --- what if -----------------------------------------------------------------------------------------------


class WhatIfOrderSerializer(StrictSerializer):
    """An order that nobody places. Prices in the quoted unit, volume in lots."""

    instrument = serializers.CharField(max_length=32)
    direction = serializers.ChoiceField(DirectionName.choices)
    offset = serializers.ChoiceField(OffsetName.choices)
    type = serializers.ChoiceField(OrderTypeName.choices, required=False, default="limit")
    price = price_field(required=False, default=None)
    stop_price = price_field(required=False, default=None)
    volume = lots_field()
    strategy_key = serializers.CharField(max_length=80, required=False, default="", allow_blank=True)

    def to_order(self) -> NewOrder:
        """The order; call it after ``is_valid``."""
        values = {name: value for name, value in self.validated_data.items() if name != "strategy_key"}
        return NewOrder(**values, client_order_id="what-if")


class WhyNotSerializer(serializers.Serializer[Any]):
    """Why an order would be refused."""

    code = serializers.CharField()
    text = serializers.CharField()


class WhatIfFundsSerializer(serializers.Serializer[Any]):
    """Figures of the account in yuan; null where nobody knows a price."""

    balance = serializers.FloatField(allow_null=True)
    available = serializers.FloatField(allow_null=True)
    margin = serializers.FloatField(allow_null=True)
    frozen_margin = serializers.FloatField(allow_null=True)
    risk_degree = serializers.FloatField(allow_null=True)
    notional = serializers.FloatField(allow_null=True)


class UsedSerializer(serializers.Serializer[Any]):
    """What is used of a limit, and which share of it that is."""

    value = serializers.FloatField(allow_null=True)
    share = serializers.FloatField(allow_null=True)


class WhatIfLimitSerializer(serializers.Serializer[Any]):
    """A limit without and with the order; ``before`` null where it is about single orders."""

    rule = serializers.ChoiceField(RuleName.choices)
    subject = serializers.CharField(allow_blank=True)
    unit = serializers.ChoiceField([unit.value for unit in Unit])
    maximum = serializers.FloatField(allow_null=True)
    origin = OriginSerializer()
    before = UsedSerializer(allow_null=True)
    after = UsedSerializer()


class WhatIfSerializer(serializers.Serializer[Foreseen]):
    """The account without and with the order, the most used limits first."""

    refused = WhyNotSerializer(allow_null=True)
    stopped = WhyNotSerializer(allow_null=True)
    order_margin = serializers.FloatField(allow_null=True, help_text="What the order would bind, in yuan.")
    before = WhatIfFundsSerializer()
    after = WhatIfFundsSerializer()
    limits = WhatIfLimitSerializer(many=True)

    def to_representation(self, instance: Foreseen) -> Any:
        """The one form of an answer."""
        found = instance.outcome
        return {
            "refused": _why(found.reason),
            "stopped": _why(instance.stop),
            "order_margin": _number(found.after.margin - found.before.margin),
            "before": _funds(found.before),
            "after": _funds(found.after),
            "limits": [_compared(row) for row in found.limits],
        }


def _why(reason: Reason | None) -> Any:
    return None if reason is None else {"code": reason.code, "text": reason.text}


def _funds(view: AccountView) -> dict[str, Any]:
    names = ("balance", "available", "margin", "frozen_margin", "notional")
    told = {name: _number(getattr(view, name)) for name in names}
    return {**told, "risk_degree": _number(risk_degree(view.margin, view.balance))}


def _compared(row: Compared) -> dict[str, Any]:
    limit = row.after.limit
    return {
        "rule": limit.rule.value,
        "subject": row.after.subject,
        "unit": RULES[limit.rule].unit.value,
        "maximum": limit.maximum,
        "origin": origin_of(limit.scope),
        "before": row.before and {"value": _number(row.before.value), "share": _number(row.before.share)},
        "after": {"value": _number(row.after.value), "share": _number(row.after.share)},
    }


def _number(value: float | None) -> float | None:
    """A number as JSON has it; None for one that is infinite or not known."""
    return None if value is None or not isfinite(value) else value


def origin_of(scope: Scope) -> dict[str, str]:
    """Where a limit is set, as JSON."""
    return {"kind": "default", "key": ""} if scope == DEFAULT else {"kind": scope.kind.value, "key": scope.key}


def _has_nul(value: Any) -> bool:
    """Whether a text of PostgreSQL could not keep something of a value."""
    if isinstance(value, str):
        return NUL in value
    if isinstance(value, Mapping):
        return any(_has_nul(name) or _has_nul(part) for name, part in value.items())
    return isinstance(value, list) and any(_has_nul(part) for part in value)
