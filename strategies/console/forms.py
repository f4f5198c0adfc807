"""Forms of instances. What they ask for is done by the verbs of ``services``; faults stand beside their inputs."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib.auth.models import Group
from django.db.models import Q
from django.utils.functional import Promise
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.roles import shown_role
from marketdata.domain.intervals import COMMON_INTERVALS
from quantsite.common.errors import RuleError
from strategies import registry
from strategies.choices import OnFailure
from strategies.console.parameter_fields import fields_of, read
from strategies.domain.forms import ANY_LEGS
from strategies.instance_models import APPROVE, OPERATE, VIEW, VIEW_EVERY, StrategyInstance
from strategies.services import NewInstance
from trading.account_models import TradingAccount
from trading.choices import AccountKind
from trading.permissions import visible_accounts

PARAMETER = "param_"
TICK = "tick"
BACKEND = "django.contrib.auth.backends.ModelBackend"
ISOLATED = {"": None, "yes": True, "no": False}
BOUNDS = ("on_failure", "day_loss_limit", "total_loss_limit")
PLAIN = ("title", "interval", "unit", "follow_main", "budget_ms", "memory_mb", "seed", "note", *BOUNDS)
WHERE = ("instruments", "interval", "account", "unit", "follow_main")
RESOURCES = ("budget_ms", "isolated", "memory_mb", "seed")
LEVELS = ((VIEW, _("may look")), (OPERATE, _("may operate")), (APPROVE, _("may approve")))


class RuledForm(forms.Form):
    """A form whose rules are those of a verb."""

    def refuse(self, error: RuleError) -> None:
        """Note what a verb refused beside the inputs that it names, else above the form."""
        for name, text in (error.fields or {"": error.text}).items():
            self.add_error(self.field_of(name), text)

    def field_of(self, name: str) -> str | None:
        """The input for a refused name; None where there is none."""
        spellings = (name, f"{PARAMETER}{name}", name.removeprefix("parameters."))
        return next((each for each in spellings if each in self.fields), None)

    def group(self, names: Iterable[str]) -> list[Any]:
        """The bound fields of these names that the form has."""
        return [self[name] for name in names if name in self.fields]


class TermsForm(RuledForm):
    """What an instance is and how it is kept in bounds, but for its strategy and parameters."""

    title = forms.CharField(label=_("Title"), max_length=120, required=False)
    account = forms.ChoiceField(label=_("Account"), help_text=_("A simulated one: going live comes later."))
    interval = forms.ChoiceField(label=_("Interval"))
    unit = forms.IntegerField(label=_("Lots a unit"), help_text=_("A target of 1 holds so many lots."), min_value=1)
    follow_main = forms.BooleanField(
        label=_("Follow the main contract"), help_text=_("It rolls when another contract becomes the main one."),
        required=False,
    )  # fmt: skip
    on_failure = forms.ChoiceField(
        label=_("On a failure"), help_text=_("Also when a loss limit is broken."), choices=OnFailure.choices
    )
    day_loss_limit = forms.DecimalField(
        label=_("Loss limit of a day, yuan"), help_text=_("Empty: none."), required=False, min_value=0
    )
    total_loss_limit = forms.DecimalField(
        label=_("Loss limit in total, yuan"), help_text=_("Empty: none."), required=False, min_value=0
    )
    budget_ms = forms.IntegerField(label=_("Time for one event, ms"), min_value=1)
    isolated = forms.ChoiceField(
        label=_("Process of its own"),
        required=False,
        help_text=_("Automatic: where its source is not the platform's own."),
        choices=[("", _("automatic")), ("yes", _("yes")), ("no", _("no"))],
    )
    memory_mb = forms.IntegerField(label=_("Memory of that process, MB"), min_value=1)
    seed = forms.IntegerField(label=_("Seed"), min_value=0, help_text=_("For strategies that draw by chance."))
    note = forms.CharField(label=_("Note"), required=False, widget=forms.Textarea(attrs={"rows": 2}))

    def __init__(
        self, user: User, strategy: str, data: Any = None, *, instance: StrategyInstance | None = None
    ) -> None:
        super().__init__(data, initial=initial_of(instance))
        self.user, self.strategy, self.instance = user, strategy, instance
        self.legs = registry.legs(strategy)
        held = [] if instance is None else [leg.instrument.code for leg in instance.legs.select_related("instrument")]
        if self.legs == ANY_LEGS:
            self.fields["instruments"] = forms.CharField(
                label=_t("Instruments"),
                initial=" ".join(held),
                max_length=2_000,
                help_text=_t("Two codes or more, such as rb2510.SHFE hc2510.SHFE; the order is that of the legs."),
                widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false"}),
            )
        for number in range(self.legs):
            label = _t("Instrument") if self.legs == 1 else _t("Instrument of leg %(number)d") % {"number": number}
            self.fields[f"leg_{number}"] = forms.CharField(
                label=label,
                max_length=24,
                initial=held[number] if number < len(held) else "",
                help_text=_t("A code such as rb2510.SHFE."),
                widget=forms.TextInput(attrs={"list": "st-codes", "autocomplete": "off", "spellcheck": "false"}),
            )
        self._choices("account", [(account.code, str(account)) for account in self._accounts()])
        intervals = [(name, name) for name in COMMON_INTERVALS]
        if registry.facts(strategy).ticks:
            intervals.append((TICK, _t("every tick")))
        self._choices("interval", intervals)

    def _accounts(self) -> Iterable[TradingAccount]:
        rows = visible_accounts(self.user).filter(is_active=True)
        kept = self.instance.account_id if self.instance is not None else 0
        return rows.filter(Q(kind=AccountKind.SIMULATED) | Q(pk=kept)).order_by("code")

    def _choices(self, name: str, choices: list[tuple[str, str]]) -> None:
        field = self.fields[name]
        if isinstance(field, forms.ChoiceField):
            field.choices = choices

    def field_of(self, name: str) -> str | None:
        """Faults of instruments stand beside the first of them."""
        return super().field_of("leg_0" if name == "instruments" and "leg_0" in self.fields else name)

    def terms(self) -> dict[str, Any]:
        """What the form says, as the verbs take it."""
        values = self.cleaned_data
        plain = (
            "title",
            "account",
            "interval",
            "unit",
            "follow_main",
            "budget_ms",
            "memory_mb",
            "seed",
            "note",
            *BOUNDS,
        )
        return {
            **{name: values[name] for name in plain},
            "isolated": ISOLATED[values["isolated"]],
            "instruments": self._codes(),
        }

    def _codes(self) -> tuple[str, ...]:
        """The codes of the legs in their order."""
        if self.legs == ANY_LEGS:
            return tuple(self.cleaned_data["instruments"].replace(",", " ").split())
        return tuple(self.cleaned_data[f"leg_{number}"].strip() for number in range(self.legs))

    @property
    def groups(self) -> list[tuple[str | Promise, list[Any]]]:
        """The fields by what they are about."""
        legs = [f"leg_{number}" for number in range(self.legs)]
        return [
            (
                _("What it trades"),
                self.group(("key", "title", *legs, *WHERE)),
            ),
            (_("How it is kept in bounds"), self.group(BOUNDS)),
            (_("Resources"), self.group(RESOURCES)),
            ("", self.group(("note",))),
        ]


class NewInstanceForm(TermsForm):
    """A new draft: terms, key and parameters."""

    key = forms.CharField(
        label=_("Key"), max_length=80, help_text=_("Its orders carry it. Letters, digits, - and _; it never changes.")
    )

    def __init__(self, user: User, strategy: str, data: Any = None) -> None:
        super().__init__(user, strategy, data)
        self.infos = registry.parameters(strategy)
        self.fields |= fields_of(self.infos, PARAMETER)

    @property
    def parameters(self) -> list[Any]:
        """The fields of the strategy's own parameters."""
        return self.group(PARAMETER + info.name for info in self.infos)

    def asked(self) -> NewInstance:
        """The instance asked for, once the fields are typed."""
        parameters = read(self.infos, PARAMETER, self.cleaned_data)
        return NewInstance(key=self.cleaned_data["key"], strategy=self.strategy, parameters=parameters, **self.terms())


class ParametersForm(RuledForm):
    """Other parameters for an instance, and why."""

    reason = forms.CharField(
        label=_("Reason (kept in the audit trail)"), max_length=1000, widget=forms.Textarea(attrs={"rows": 2})
    )

    def __init__(self, instance: StrategyInstance, data: Any = None) -> None:
        super().__init__(data)
        self.infos = registry.parameters(instance.strategy)
        self.fields |= fields_of(self.infos, PARAMETER, instance.parameters)

    @property
    def parameters(self) -> list[Any]:
        """The fields of the strategy's own parameters."""
        return self.group(PARAMETER + info.name for info in self.infos)

    def values(self) -> dict[str, Any]:
        """By the parameters' own names."""
        return read(self.infos, PARAMETER, self.cleaned_data)


class GrantForm(forms.Form):
    """Whom to let see, operate or approve an instance: those whose role allows it, but not its owner."""

    receiver = forms.ChoiceField(label=_("Person or group"))
    level = forms.ChoiceField(label=_("What"), choices=LEVELS)

    def __init__(self, instance: StrategyInstance, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        able = User.objects.with_perm(f"strategies.{VIEW}", backend=BACKEND).exclude(pk=instance.owner_id or 0)
        see_all = User.objects.with_perm(f"strategies.{VIEW_EVERY}", backend=BACKEND).values("pk")
        people = able.exclude(pk__in=see_all).order_by("username")
        groups = Group.objects.filter(permissions__codename=VIEW).exclude(permissions__codename=VIEW_EVERY)
        receivers = self.fields["receiver"]
        if isinstance(receivers, forms.ChoiceField):
            receivers.choices = [
                (_("People"), [(f"user:{user.pk}", user.get_username()) for user in people]),
                (_("Groups"), [(f"group:{group.pk}", shown_role(group.name)) for group in groups.order_by("name")]),
            ]

    def drop(self, codename: str) -> None:
        """Do not offer a level."""
        level = self.fields["level"]
        if isinstance(level, forms.ChoiceField):
            level.choices = [(value, word) for value, word in LEVELS if value != codename]


def receiver_of(key: str) -> User | Group:
    """The person or group that ``user:3`` or ``group:2`` names. Raises ``RuleError`` for nobody."""
    kind, _colon, number = key.partition(":")
    model: type[User] | type[Group] = User if kind == "user" else Group
    found = model.objects.filter(pk=number).first() if number.isascii() and number.isdigit() else None
    if found is None:
        raise RuleError("unknown_receiver", _t("Choose a person or a group."))
    return found


def initial_of(instance: StrategyInstance | None) -> dict[str, Any]:
    """What the form of an instance begins with; that of a new one with what most take."""
    if instance is None:
        return {
            "interval": "5m",
            "unit": 1,
            "on_failure": OnFailure.CANCEL,
            "budget_ms": 200,
            "memory_mb": 512,
            "seed": 0,
        }
    isolated = next(word for word, value in ISOLATED.items() if value is instance.isolated)
    return {**{name: getattr(instance, name) for name in PLAIN}, "account": instance.account.code, "isolated": isolated}
