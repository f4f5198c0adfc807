"""How an instance's targets are worked: its execution by fields, section by section, instead of JSON."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.functional import Promise
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from accounts.admin_base import actor_of
from quantsite.common.errors import MissingError, RuleError
from strategies import registry, services
from strategies.console.execution_words import KIND_WORDS
from strategies.console.forms import RuledForm
from strategies.console.parameter_fields import fields_of, read
from strategies.console.setting_pages import SettingPages, changeable, form_context, version_of
from strategies.domain.execution.plan import KINDS, PairPlan, RollPlan, parse
from strategies.domain.parameters import StrategyParameters
from strategies.instance_models import StrategyInstance


@dataclass(frozen=True)
class Section:
    """A part of the plan: its prefix among the fields, its class, and its heading."""

    prefix: str
    cls: type[StrategyParameters]
    title: str | Promise


class ExecutionForm(RuledForm):
    """The plan of one kind. Sections that every instance of so many legs has follow those of the kind."""

    def __init__(self, kind: str, legs: int, document: Mapping[str, Any], data: Any = None) -> None:
        super().__init__(data)
        self.kind = kind
        self.sections = [Section("", KINDS[kind], KIND_WORDS[kind][0])]
        if legs == 2:
            self.sections.append(Section("pair.", PairPlan, _("When one leg is filled and the other is not")))
        self.sections.append(Section("roll.", RollPlan, _("When the contract is rolled")))
        for section in self.sections:
            given = document.get(section.prefix[:-1], {}) if section.prefix else document
            self.fields |= fields_of(
                section.cls.describe(), section.prefix, given if isinstance(given, Mapping) else {}
            )

    @property
    def groups(self) -> list[tuple[str | Promise, list[Any]]]:
        """The fields by section."""
        return [
            (section.title, self.group(section.prefix + info.name for info in section.cls.describe()))
            for section in self.sections
        ]

    def document(self) -> dict[str, Any]:
        """The plan as it is stored; at the market without more it is empty where nothing else was asked for."""
        found: dict[str, Any] = {"kind": self.kind}
        for section in self.sections:
            values = read(section.cls.describe(), section.prefix, self.cleaned_data)
            found |= {section.prefix[:-1]: values} if section.prefix else values
        return found


class ExecutionPages(SettingPages):
    """The part of the instances' admin about executions."""

    def execution_view(self, request: HttpRequest, instance_id: int) -> HttpResponseBase:
        """``?kind=`` shows the fields of another kind."""
        actor = actor_of(request)
        instance = changeable(request, instance_id)
        kind = _kind(request, instance)
        form = ExecutionForm(kind, _legs(instance), instance.execution or {}, request.POST or None)
        if request.method == "POST" and form.is_valid():
            reason, version = request.POST.get("reason", ""), version_of(request)

            def work() -> services.ChangeOutcome:
                plan = parse(form.document(), _legs(instance)).document()
                return services.change_instance(actor, instance_id, {"execution": plan}, reason=reason, version=version)

            found = self.asked(request, form, work)
            if found is not None:
                return found
        choices = [{"kind": each, "title": title, "text": text} for each, (title, text) in KIND_WORDS.items()]
        context = {
            **form_context(instance, form, self.url("change", instance.pk)),
            "choices": choices,
            "chosen": kind,
        }
        title = _t("Execution of %(name)s") % {"name": instance.shown_name}
        return self.show(request, "forms/execution.html", title, context)


def _kind(request: HttpRequest, instance: StrategyInstance) -> str:
    """The kind of the form or the address, else the one that stands. Raises ``RuleError`` for none."""
    asked = request.POST.get("kind") or request.GET.get("kind") or (instance.execution or {}).get("kind") or "market"
    if asked not in KINDS:
        raise RuleError("unknown_kind", _t("Choose how targets are worked."))
    return str(asked)


def _legs(instance: StrategyInstance) -> int:
    try:
        return registry.legs(instance.strategy)
    except MissingError as error:
        raise RuleError(error.code, error.text) from error
