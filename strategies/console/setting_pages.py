"""The forms of instances: a new one, its terms, its parameters, how its targets are worked, who else may reach it."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _

from accounts.admin_base import actor_of
from accounts.admin_pages import answered, attempt
from accounts.permissions import require
from quantsite.common.errors import MissingError, RefusedError, RuleError
from strategies import registry, services
from strategies.choices import ActivityName
from strategies.console.forms import GrantForm, NewInstanceForm, ParametersForm, TermsForm, receiver_of
from strategies.console.library_page import broken_files, codes, shelf
from strategies.instance_models import ADD, VIEW, StrategyInstance
from strategies.permissions import demand_change, demand_share, find_instance
from strategies.services import ChangeOutcome


class SettingPages:
    """The part of the instances' admin that sets what they are."""

    url: Callable[..., str]
    show: Callable[..., HttpResponse]
    demand_view: Callable[[HttpRequest], None]

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponseBase:  # noqa: ARG002
        """First the strategy, then the form with its parameters."""
        self.demand_view(request)
        return answered(request, lambda: self._add(request), self.url("changelist"))

    def _add(self, request: HttpRequest) -> HttpResponseBase:
        actor = actor_of(request)
        require(actor, f"strategies.{ADD}")
        name = request.GET.get("strategy", "")
        if not name:
            offered = {"shelf": shelf(), "broken": broken_files()}
            return self.show(request, "forms/choose.html", _("New strategy"), offered)
        form = NewInstanceForm(actor, _known(name), request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                made = services.create_instance(actor, form.asked())
            except RefusedError:
                raise
            except RuleError as error:
                form.refuse(error)
            else:
                messages.success(request, _("A draft: it runs once its gates are open. %(key)s") % {"key": made.key})
                return HttpResponseRedirect(self.url("change", made.pk))
        context = {"form": form, "facts": registry.facts(name), "codes": codes(), "back": self.url("changelist")}
        return self.show(request, "forms/new.html", _("New strategy: %(name)s") % {"name": name}, context)

    def terms_view(self, request: HttpRequest, instance_id: int) -> HttpResponseBase:
        """What it is and how it is kept in bounds. Much of it only while it is stopped, or holds nothing."""
        actor = actor_of(request)
        instance = changeable(request, instance_id)
        form = TermsForm(actor, _known(instance.strategy), request.POST or None, instance=instance)
        if request.method == "POST" and form.is_valid():
            changes = {name: value for name, value in form.terms().items() if name in _touched(form)}
            reason, version = request.POST.get("reason", ""), version_of(request)
            found = self.asked(
                request,
                form,
                lambda: services.change_instance(actor, instance_id, changes, reason=reason, version=version),
            )
            if found is not None:
                return found
        context = {**form_context(instance, form, self.url("change", instance.pk)), "codes": codes()}
        title = _("Terms of %(name)s") % {"name": instance.shown_name}
        return self.show(request, "forms/terms.html", title, context)

    def parameters_view(self, request: HttpRequest, instance_id: int) -> HttpResponseBase:
        """Other parameters: of one that runs they count from the next bar on."""
        actor = actor_of(request)
        instance = changeable(request, instance_id)
        _known(instance.strategy)
        form = ParametersForm(instance, request.POST or None)
        if request.method == "POST" and form.is_valid():
            values, reason, version = form.values(), form.cleaned_data["reason"], version_of(request)
            found = self.asked(
                request,
                form,
                lambda: services.set_parameters(actor, instance_id, values, reason=reason, version=version),
            )
            if found is not None:
                return found
        context = form_context(instance, form, self.url("change", instance.pk))
        title = _("Parameters of %(name)s") % {"name": instance.shown_name}
        return self.show(request, "forms/parameters.html", title, context)

    def share_view(self, request: HttpRequest, instance_id: int) -> HttpResponseBase:
        """Grant the instance, or take a grant back; a GET only goes back to the page."""
        actor = actor_of(request)
        instance = find_instance(actor, instance_id)
        there = self.url("change", instance.pk)
        if request.method != "POST":
            return HttpResponseRedirect(there)
        demand_share(actor, instance, VIEW)
        key, level = request.POST.get("receiver", ""), request.POST.get("level", "")

        def work() -> str:
            if level not in dict(GrantForm.base_fields["level"].choices):  # type: ignore[attr-defined]
                raise RuleError("unknown_level", _("Choose what they may do."))
            if request.POST.get("take"):
                services.revoke_instance(actor, instance.pk, receiver_of(key), level)
                return _("Taken back.")
            services.grant_instance(actor, instance.pk, receiver_of(key), level)
            return _("Let in.")

        return attempt(request, work, there)

    def asked(self, request: HttpRequest, form: Any, work: Callable[[], ChangeOutcome]) -> HttpResponseBase | None:
        """Do ``work`` and go back to the page; None where a rule is broken, which the form says then."""
        try:
            outcome = work()
        except (RefusedError, MissingError):
            raise
        except RuleError as error:
            form.refuse(error)
            return None
        messages.success(request, _said(outcome))
        return HttpResponseRedirect(self.url("change", outcome.instance.pk))


def _said(outcome: ChangeOutcome) -> str:
    if outcome.proposal is not None:
        return _("It was approved as it is: the change is proposed, and waits for a second person.")
    if outcome.instance.activity != ActivityName.STOPPED:
        return _("Changed: it counts from the next bar on.")
    return _("Changed.")


def changeable(request: HttpRequest, instance_id: int) -> StrategyInstance:
    """The instance, for whom may change its terms. Raises ``MissingError``, ``RefusedError`` (audited)."""
    actor = actor_of(request)
    instance = find_instance(actor, instance_id)
    demand_change(actor, instance)
    return instance


def _known(name: str) -> str:
    """The name of a strategy that can be loaded. Raises ``RuleError`` with what is wrong."""
    try:
        registry.facts(name)
    except MissingError as error:
        raise RuleError(error.code, error.text) from error
    return name


def _touched(form: TermsForm) -> set[str]:
    """The terms whose inputs were changed: only these are asked for."""
    names = {name for name in form.changed_data if not name.startswith("leg_")}
    return names | ({"instruments"} if any(name.startswith("leg_") for name in form.changed_data) else set())


def version_of(request: HttpRequest) -> int | None:
    """The version that the person has looked at; None where the form did not tell."""
    text = request.POST.get("version", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def form_context(instance: StrategyInstance, form: Any, back: str) -> dict[str, Any]:
    """What every form of an instance shows around its fields."""
    return {
        "instance": instance,
        "form": form,
        "running": instance.activity != ActivityName.STOPPED,
        "approved": instance.stage in {"approved", "live"},
        "back": back,
    }
