"""The base of every page of the console: nothing without a permission, nothing without a trace."""

from collections.abc import Callable, Iterable, Sequence
from functools import update_wrapper
from typing import Any, TypeVar

from django.contrib import messages
from django.core import checks
from django.core.exceptions import ObjectDoesNotExist, PermissionDenied, ValidationError
from django.db import models, transaction
from django.forms import BaseFormSet, ModelForm
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.urls import URLPattern, reverse
from unfold.admin import ModelAdmin
from unfold.checks import UnfoldModelAdminChecks
from unfold.forms import BaseDialogForm

from accounts.audit import record, record_refusal
from accounts.commands import sentence
from accounts.models import User
from accounts.permissions import AuditedRefusalError, keep_entry
from quantsite.common.errors import RefusedError, RuleError

View = Callable[..., HttpResponseBase]
Row = TypeVar("Row", bound=models.Model)


def actor_of(request: HttpRequest) -> User:
    """The person behind a request of the console. Raises ``PermissionDenied`` for anybody else."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


def nobody(_page: Any, _request: HttpRequest, _obj: models.Model | None = None) -> bool:
    """In place of a ``has_..._permission`` method: no one may, whatever was granted."""
    return False


def find_row(model: type[Row], object_id: str) -> Row:
    """The row that an address of the console names. Raises ``Http404``, for ids that are no ids too."""
    try:
        return model._default_manager.get(pk=object_id)
    except (ObjectDoesNotExist, ValueError, ValidationError) as error:
        raise Http404 from error


def snapshot(obj: models.Model) -> dict[str, Any]:
    """Column -> value of a row, and the texts of its many-to-many links."""
    values: dict[str, Any] = {field.attname: getattr(obj, field.attname) for field in obj._meta.concrete_fields}
    for field in obj._meta.many_to_many:
        values[field.name] = sorted(str(item) for item in getattr(obj, field.name).all())
    return values


def difference(before: dict[str, Any], after: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The two sides of what changed."""
    changed = [name for name in after if before.get(name) != after[name]]
    return {name: before.get(name) for name in changed}, {name: after[name] for name in changed}


def run_dialog(
    request: HttpRequest, form: BaseDialogForm, dialog: dict[str, Any], *, work: Callable[[], str], to: str
) -> HttpResponse:
    """Do a dialog's ``work`` and go to the page ``to`` with the message that it returns.

    A broken rule stays in the dialog, as an error of its last field (the theme shows errors of fields only).
    """
    try:
        messages.success(request, work())
    except RuleError as error:
        last = [name for name in form.fields if not name.startswith("_")][-1]
        form.add_error(last, sentence(error))
        context = {"dialog": dialog, "form": form, "form_submit_text": dialog.get("form_submit_text", "")}
        return render(request, "unfold/helpers/dialog.html", context)
    return HttpResponse(headers={"HX-Redirect": to})


class AuditedModelAdminChecks(UnfoldModelAdminChecks):  # type: ignore[misc]
    """The theme's checks, and that every action says who may run it."""

    def check(self, admin_obj: Any, **kwargs: Any) -> list[checks.CheckMessage]:
        """Error ``accounts.E001`` for each action without ``permissions``."""
        kinds = ("list", "detail", "row", "submit_line")
        actions = {name: function for function, name, _description in admin_obj._get_base_actions()}
        for kind in kinds:
            actions |= {found.action_name: found.method for found in getattr(admin_obj, f"_get_base_actions_{kind}")()}
        text = "The action %r of %s says nobody who may run it: add permissions=[...] to its @action."
        errors = [
            checks.Error(text % (name, type(admin_obj).__name__), obj=type(admin_obj), id="accounts.E001")
            for name, function in actions.items()
            if not getattr(function, "allowed_permissions", ())
        ]
        return [*super().check(admin_obj, **kwargs), *errors]


class AuditedModelAdmin(ModelAdmin):  # type: ignore[misc]
    """Model admin that writes every save, deletion, action and refusal into the audit trail.

    A ``RuleError`` on any of its pages undoes the request and is shown as a message.
    """

    checks_class = AuditedModelAdminChecks
    compressed_fields = True
    warn_unsaved_form = True

    def get_urls(self) -> list[URLPattern]:
        """The theme's addresses, each behind ``_guarded``."""
        patterns: list[URLPattern] = super().get_urls()
        for pattern in patterns:
            pattern.callback = self._guarded(pattern.callback)
        return patterns

    def save_model(self, request: HttpRequest, obj: models.Model, form: ModelForm[Any], change: bool) -> None:
        """Remember what the row was, for ``log_change``, then save it."""
        if change:
            stored = type(obj)._default_manager.get(pk=obj.pk)
            _remembered(request)[obj.pk] = snapshot(stored)
        super().save_model(request, obj, form, change)

    def save_formset(self, request: HttpRequest, form: Any, formset: BaseFormSet[Any], change: bool) -> None:
        """Save inline rows and write each of them down."""
        super().save_formset(request, form, formset, change)
        actor = actor_of(request)
        initial = {inner.instance.pk: inner.initial for inner in formset.forms}
        for obj in getattr(formset, "new_objects", []):
            record(actor, "admin.add", obj, after=snapshot(obj))
        for obj, names in getattr(formset, "changed_objects", []):
            was, now = initial.get(obj.pk, {}), snapshot(obj)
            before = {name: was.get(name) for name in names}
            record(actor, "admin.change", obj, before=before, after={name: now.get(name) for name in names})
        for obj in getattr(formset, "deleted_objects", []):
            record(actor, "admin.delete", obj, before={"text": str(obj)})

    def log_addition(self, request: HttpRequest, obj: models.Model, message: Any) -> Any:
        """Django's log and the audit trail: a new row with all its values."""
        entry = super().log_addition(request, obj, message)
        record(actor_of(request), "admin.add", obj, after=snapshot(obj))
        return entry

    def log_change(self, request: HttpRequest, obj: models.Model, message: Any) -> Any:
        """Django's log and the audit trail: what was and what is, of the columns that changed."""
        entry = super().log_change(request, obj, message)
        stored = type(obj)._default_manager.get(pk=obj.pk)
        before, after = difference(_remembered(request).pop(obj.pk, {}), snapshot(stored))
        record(actor_of(request), "admin.change", obj, before=before, after=after)
        return entry

    def log_deletions(self, request: HttpRequest, queryset: Iterable[models.Model]) -> Any:
        """Django's log and the audit trail: each row as it was."""
        rows: Sequence[models.Model] = list(queryset)
        with transaction.atomic():
            entry = super().log_deletions(request, rows)
            for obj in rows:
                record(actor_of(request), "admin.delete", obj, before=snapshot(obj))
        return entry

    def response_action(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> Any:
        """Run an action in one transaction and write down its name and the rows it was run on."""
        name = request.POST.get("action", "")
        chosen = request.POST.getlist("_selected_action")
        with transaction.atomic():
            response = super().response_action(request, queryset)
            if name in self.get_actions(request) and chosen:
                record(actor_of(request), "admin.action", self.opts.label_lower, after={"action": name, "rows": chosen})
        return response

    def _guarded(self, view: View) -> View:
        """``view`` with refusals written down after their transaction is undone, and broken rules as messages."""

        def inner(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            try:
                return view(request, *args, **kwargs)
            except PermissionDenied:
                self._record_refusal(request)
                raise
            except RuleError as error:
                if isinstance(error, AuditedRefusalError):
                    keep_entry(error)  # the page's transaction has undone it together with the page's work
                elif isinstance(error, RefusedError):
                    self._record_refusal(request, error.code)
                messages.error(request, sentence(error))
                # A page that fails when it is read would be sent round in circles.
                back = request.path if request.method == "POST" else reverse("admin:index")
                return HttpResponseRedirect(back)

        return update_wrapper(inner, view)

    def _record_refusal(self, request: HttpRequest, reason: str = "") -> None:
        record_refusal(request.user, f"{request.method} {request.path}"[:200], self.opts.label_lower, reason=reason)


class ReadOnlyModelAdmin(AuditedModelAdmin):
    """Pages that show rows to whoever may view them, and change none."""

    actions: Sequence[Any] = ()

    has_add_permission = has_change_permission = has_delete_permission = nobody


def _remembered(request: HttpRequest) -> dict[Any, dict[str, Any]]:
    """Rows as they were before this request saved them, by primary key."""
    if not hasattr(request, "_audit_before"):
        request._audit_before = {}  # type: ignore[attr-defined]
    return request._audit_before  # type: ignore[attr-defined,no-any-return]
