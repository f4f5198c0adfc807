"""Typed parameters with limits as fields of a form: of strategies, and of the sections of an execution."""

from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import pgettext_lazy

from strategies.domain.parameters import ParameterInfo

Fields = dict[str, forms.Field]

CHOICES: Mapping[str, str | Promise] = {
    "breakout": pgettext_lazy("choice", "with the break"),
    "close_first": pgettext_lazy("choice", "close the old contract first"),
    "complete": pgettext_lazy("choice", "fill the other leg"),
    "difference": pgettext_lazy("choice", "less the spread"),
    "flat": pgettext_lazy("choice", "stay flat"),
    "limit": pgettext_lazy("choice", "the price of the decision"),
    "market": pgettext_lazy("choice", "at the market"),
    "none": pgettext_lazy("choice", "as recorded"),
    "open_first": pgettext_lazy("choice", "open the new contract first"),
    "opposite": pgettext_lazy("choice", "best price of the other side"),
    "own": pgettext_lazy("choice", "best price of our side"),
    "ratio": pgettext_lazy("choice", "by the ratio"),
    "reversion": pgettext_lazy("choice", "against the break"),
    "stop": pgettext_lazy("choice", "give up"),
    "undo": pgettext_lazy("choice", "undo it"),
}
"""What may be chosen, in words; a choice of an author's own strategy is told as it is written."""


def choice_word(value: Any) -> str:
    """A value that may be one of a few, in words; any other as it is."""
    return str(CHOICES.get(value, value)) if isinstance(value, str) else str(value)


def fields_of(infos: Iterable[ParameterInfo], prefix: str, values: Mapping[str, Any] | None = None) -> Fields:
    """A field for each parameter, named with the prefix; filled with ``values``, else with the defaults."""
    given = values or {}
    return {prefix + info.name: _field(info, given.get(info.name, info.default)) for info in infos}


def read(infos: Iterable[ParameterInfo], prefix: str, cleaned: Mapping[str, Any]) -> dict[str, Any]:
    """What the fields say, by the parameters' own names; an empty input is left out and takes its default."""
    found = {info.name: cleaned.get(prefix + info.name) for info in infos}
    return {name: value for name, value in found.items() if value not in (None, "")}


def range_text(info: ParameterInfo) -> str:
    """Between what the value may be, and what it is when nobody says."""
    low, high = info.limits.minimum, info.limits.maximum
    known = [f"≥ {low:g}" if low is not None else "", f"≤ {high:g}" if high is not None else ""]
    default = choice_word(info.default) if info.limits.choices else info.default
    known.append(_("default %(value)s") % {"value": default})
    return " · ".join(part for part in known if part)


def _field(info: ParameterInfo, value: Any) -> forms.Field:
    """Ranges are checked with the strategy's own sentences: the inputs carry them for the browser's arrows only."""
    described = _(info.limits.description) if info.limits.description else ""
    common: dict[str, Any] = {"label": info.name, "initial": value, "help_text": described, "required": False}
    if info.kind == "bool":
        made: forms.Field = forms.BooleanField(**common)
    elif info.limits.choices:
        made = forms.ChoiceField(**common, choices=[(name, choice_word(name)) for name in info.limits.choices])
    elif info.kind == "int":
        made = forms.IntegerField(**common, widget=_number(info, info.limits.step or 1))
    elif info.kind == "float":
        made = forms.FloatField(**common, widget=_number(info, "any"))
    else:
        made = forms.CharField(**common)
    made.widget.attrs["data-range"] = range_text(info)
    return made


def _number(info: ParameterInfo, step: float | str) -> forms.NumberInput:
    bounds = {"min": info.limits.minimum, "max": info.limits.maximum}
    shown = {name: f"{value:g}" for name, value in bounds.items() if value is not None}
    return forms.NumberInput(attrs={**shown, "step": step if isinstance(step, str) else f"{step:g}"})
