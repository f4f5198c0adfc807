"""The form for a new run: every strategy's parameters as typed fields, faults beside the input they belong to."""

from typing import Any, ClassVar, Protocol

from django import forms
from django.contrib.auth.models import Group
from django.db.models import Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from guardian.models import GroupObjectPermissionBase, UserObjectPermissionBase
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from accounts.models import User
from accounts.roles import shown_role
from backtests.models import (
    VIEW,
    VIEW_EVERY,
    BacktestRun,
    BacktestRunGroupObjectPermission,
    BacktestRunUserObjectPermission,
)
from backtests.request_checks import check_request
from backtests.requests import CostOptions, RunRequest
from backtests.rule_options import RULE_OPTIONS, WORDS, RuleOption, rules_from
from backtests.tick_days import TICK
from marketdata.domain.intervals import COMMON_INTERVALS
from marketdata.models import BarCoverage, Instrument
from quantsite.common.errors import RuleError
from strategies import registry
from strategies.domain.forms import Form
from strategies.domain.parameters import ParameterInfo

COST_LABELS = {
    "multiplier": (_("Multiplier"), _("Units of goods in one lot.")),
    "price_tick": (_("Price tick"), _("Smallest step of the price.")),
    "margin_rate": (_("Margin rate"), _("Fraction of the contract's value: 0.1 is ten percent.")),
    "commission_rate": (_("Commission rate"), _("Fraction of turnover: 0.0001 is one in ten thousand.")),
    "commission_per_lot": (_("Commission a lot"), _("Yuan, on top of the rate.")),
    "close_today_rate": (_("Close-today rate"), _("Fraction of turnover for lots of the same trading day.")),
    "slippage_ticks": (_("Slippage, ticks"), _("Ticks against the trader on every fill.")),
}
COST_FIELDS = tuple(f"cost_{name}" for name in COST_LABELS)
RULE_FIELDS = (*(f"rule_{option.name}" for option in RULE_OPTIONS), "form")
FORMS = {
    "": _("the fastest that the strategy knows"),
    Form.TARGET: _("whole columns"),
    Form.EVENT: _("events"),
    Form.PLAIN: _("bar by bar"),
}


def parameter_field(strategy: str, name: str) -> str:
    """The name of the form's field for one parameter of one strategy."""
    return f"{strategy}__{name}"


def parameter_fields() -> dict[str, str]:
    """Every parameter field -> the strategy that it belongs to."""
    return {parameter_field(name, info.name): name for name in registry.names() for info in registry.parameters(name)}


class NewRunForm(forms.ModelForm[BacktestRun]):
    """Everything that ``run_backtest`` takes; what is left empty has the same meaning as there."""

    strategy = forms.ChoiceField(label=_("Strategy"), widget=UnfoldAdminSelectWidget)
    interval = forms.ChoiceField(label=_("Interval"), widget=UnfoldAdminSelectWidget)
    legs = forms.CharField(
        label=_("Further instruments"),
        help_text=_("Codes on the same account, such as hc88.SHFE; the order is that of the strategy's legs."),
        required=False,
        widget=UnfoldAdminTextInputWidget,
    )
    form = forms.ChoiceField(
        label=_("Form"),
        help_text=_("How the strategy is driven; the result is the same."),
        required=False,
        choices=list(FORMS.items()),
        widget=UnfoldAdminSelectWidget,
    )

    class Meta:
        model = BacktestRun
        fields = ["instrument", "start", "end", "capital", "volume", "close_at_end"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        stored = BarCoverage.objects.filter(bars__gt=0).values_list("interval", flat=True)
        intervals = sorted(set(stored), key=_length) or COMMON_INTERVALS
        self._choice("strategy").choices = [(name, name) for name in registry.names()]
        self._choice("interval").choices = [*((name, name) for name in intervals), (TICK, _("every tick"))]

    def _choice(self, name: str) -> forms.ChoiceField:
        field = self.fields[name]
        if not isinstance(field, forms.ChoiceField):
            raise TypeError(name)
        return field

    def clean(self) -> dict[str, Any]:
        """The values; whatever the rules refuse is noted beside its field."""
        cleaned = super().clean() or {}
        if not self.errors:
            try:
                check_request(self.to_request(), ticks=True)
            except RuleError as error:
                for name, text in (error.fields or {"": error.text}).items():
                    self.add_error(self._field_of(name), text)
        return cleaned

    def _post_clean(self) -> None:
        """No row is built from the form: the service does that, after the same checks for every door."""

    def _field_of(self, name: str) -> str | None:
        """The form's field for a refused input; None shows the sentence above the form."""
        spellings = (name, f"cost_{name}", f"rule_{name}", parameter_field(self.cleaned_data["strategy"], name))
        return next((field for field in spellings if field in self.fields), None)

    def to_request(self) -> RunRequest:
        """The request, once the fields are typed."""
        values = self.cleaned_data
        instrument: Instrument = values["instrument"]
        strategy = values["strategy"]
        asked = {info.name: values[parameter_field(strategy, info.name)] for info in registry.parameters(strategy)}
        return RunRequest(
            strategy=strategy,
            instrument=instrument.code,
            interval=values["interval"],
            start=values["start"],
            end=values["end"],
            parameters={name: value for name, value in asked.items() if value not in (None, "")},
            capital=values["capital"],
            volume=values["volume"],
            costs=CostOptions(**{name: values[f"cost_{name}"] for name in CostOptions.names()}),
            close_at_end=values["close_at_end"],
            legs=tuple(values["legs"].replace(",", " ").split()),
            rules=rules_from({option.name: values[f"rule_{option.name}"] for option in RULE_OPTIONS}),
            form=values["form"],
        )


def new_run_form() -> type[NewRunForm]:
    """:class:`NewRunForm` with the cost options, the rules and the parameters of every registered strategy."""
    fields: dict[str, Any] = {f"cost_{name}": _cost_field(name) for name in COST_LABELS}
    fields |= {f"rule_{option.name}": _rule_field(option) for option in RULE_OPTIONS}
    for strategy in registry.names():
        for info in registry.parameters(strategy):
            fields[parameter_field(strategy, info.name)] = _parameter_field(info)
    return type("NewRunForm", (NewRunForm,), fields)


def initial_of(run: BacktestRun) -> dict[str, Any]:
    """The form filled with what led to ``run``."""
    same = {name: getattr(run, name) for name in ("strategy", "interval", "start", "end", "capital", "volume", "form")}
    costs = {f"cost_{name}": value for name, value in run.costs.items()}
    chosen = {parameter_field(run.strategy, name): value for name, value in run.parameters.items()}
    rules = {f"rule_{name}": value for name, value in run.rules.items()}
    legs = {"instrument": run.instrument_id, "legs": " ".join(run.legs), "close_at_end": run.close_at_end}
    filled = {**same, **legs, **costs, **rules, **chosen}
    return {name: _short(value) for name, value in filled.items()}


def _short(value: Any) -> Any:
    """A whole number without the ".0" of a float."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _length(interval: str) -> tuple[int, str]:
    return (COMMON_INTERVALS.index(interval) if interval in COMMON_INTERVALS else len(COMMON_INTERVALS), interval)


def _cost_field(name: str) -> forms.Field:
    label, text = COST_LABELS[name]
    if name == "slippage_ticks":
        return forms.IntegerField(label=label, help_text=text, required=False, widget=UnfoldAdminIntegerFieldWidget)
    return forms.FloatField(label=label, help_text=text, required=False, widget=_number_widget())


def _rule_field(option: RuleOption) -> forms.Field:
    """One switch; ranges are checked by the rules themselves."""
    common: dict[str, Any] = {
        "label": option.label,
        "help_text": option.text,
        "initial": _short(option.default),
        "required": False,
    }
    if option.kind is bool:
        return forms.BooleanField(**common, widget=UnfoldBooleanSwitchWidget)
    if option.choices:
        words = [(word, WORDS[word]) for word in option.choices]
        return forms.ChoiceField(**common, choices=words, widget=UnfoldAdminSelectWidget)
    if option.kind is int:
        return forms.IntegerField(**common, widget=UnfoldAdminIntegerFieldWidget)
    return forms.FloatField(**common, widget=_number_widget())


def _number_widget() -> UnfoldAdminDecimalFieldWidget:
    return UnfoldAdminDecimalFieldWidget(attrs={"step": "any"})


def _parameter_field(info: ParameterInfo) -> forms.Field:
    """Ranges are checked with the strategy's own sentences, so the fields only carry the type."""
    common: dict[str, Any] = {
        "label": info.name,
        "initial": info.default,
        "help_text": _range_text(info),
        "required": False,
    }
    if info.kind == "bool":
        return forms.BooleanField(**common, widget=UnfoldBooleanSwitchWidget)
    if info.limits.choices:
        return forms.ChoiceField(
            **common, choices=[(name, name) for name in info.limits.choices], widget=UnfoldAdminSelectWidget
        )
    if info.kind == "int":
        return forms.IntegerField(**common, widget=UnfoldAdminIntegerFieldWidget)
    if info.kind == "float":
        return forms.FloatField(**common, widget=_number_widget())
    return forms.CharField(**common, widget=UnfoldAdminTextInputWidget)


def _range_text(info: ParameterInfo) -> str:
    low, high = info.limits.minimum, info.limits.maximum
    described = gettext(info.limits.description) if info.limits.description else ""
    known = [f"≥ {low:g}" if low is not None else "", f"≤ {high:g}" if high is not None else ""]
    return " · ".join(part for part in (described, *known) if part)


class OwnedRun(Protocol):
    """What is shared: a row that may have an owner."""

    owner_id: int | None


class ShareForm(forms.Form):
    """Whom to show a run: people and groups to whom that makes a difference. What is shared may be another kind."""

    people_rights: ClassVar[type[UserObjectPermissionBase]] = BacktestRunUserObjectPermission
    group_rights: ClassVar[type[GroupObjectPermissionBase]] = BacktestRunGroupObjectPermission
    view: ClassVar[str] = VIEW
    view_every: ClassVar[str] = VIEW_EVERY

    receiver = forms.ChoiceField(label=_("Share with"), widget=UnfoldAdminSelectWidget)
    shared = forms.BooleanField(required=False)

    def __init__(self, run: OwnedRun, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Whoever was named once can be taken off again, whatever the role has become.
        told_people = self.people_rights.objects.filter(content_object=run).values("user")
        told_groups = self.group_rights.objects.filter(content_object=run).values("group")
        people = User.objects.filter(Q(pk__in=self._people_who_gain(run)) | Q(pk__in=told_people))
        see_all = Group.objects.filter(permissions__codename=self.view_every)
        groups = Group.objects.filter(~Q(pk__in=see_all.values("pk")) | Q(pk__in=told_groups))
        receivers = self.fields["receiver"]
        if isinstance(receivers, forms.ChoiceField):
            receivers.choices = [
                (_("People"), [(f"user:{user.pk}", user.get_username()) for user in people.order_by("username")]),
                (_("Groups"), [(f"group:{row.pk}", shown_role(row.name)) for row in groups.order_by("name")]),
            ]

    def to_receiver(self) -> User | Group:
        """The person or group, once valid."""
        kind, _colon, key = self.cleaned_data["receiver"].partition(":")
        return User.objects.get(pk=key) if kind == "user" else Group.objects.get(pk=key)

    def _people_who_gain(self, run: OwnedRun) -> list[int]:
        """Those whose role includes this kind, but neither the owner nor those who see every one anyway."""
        backend = "django.contrib.auth.backends.ModelBackend"
        see_all = User.objects.with_perm(f"backtests.{self.view_every}", backend=backend)
        able = User.objects.with_perm(f"backtests.{self.view}", backend=backend)
        gain = able.exclude(pk=run.owner_id or 0).exclude(pk__in=see_all.values("pk"))
        return list(gain.values_list("pk", flat=True))
