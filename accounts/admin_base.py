"""The base of every page of the console: nothing without a permission, nothing without a trace."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.core import checks
from django.core.exceptions import PermissionDenied
from django.db import models, transaction
from django.forms import BaseFormSet, ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from unfold.admin import ModelAdmin
from unfold.checks import UnfoldModelAdminChecks

from accounts.audit import record, record_refusal
from accounts.models import User


def actor_of(request: HttpRequest) -> User:
    """The person behind a request of the console. Raises ``PermissionDenied`` for anybody else."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


def snapshot(obj: models.Model) -> dict[str, Any]:
    """Column -> value of a row, and the keys of its many-to-many links."""
    values: dict[str, Any] = {field.attname: getattr(obj, field.attname) for field in obj._meta.concrete_fields}
    for field in obj._meta.many_to_many:
        values[field.name] = sorted(str(item) for item in getattr(obj, field.name).all())
    return values


def difference(before: dict[str, Any], after: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The two sides of what changed."""
    changed = [name for name in after if before.get(name) != after[name]]
    return {name: before.get(name) for name in changed}, {name: after[name] for name in changed}


class AuditedModelAdminChecks(UnfoldModelAdminChecks):  # type: ignore[misc]
    """Django's checks, and that every action says who may run it."""

    def check(self, admin_obj: Any, **kwargs: Any) -> list[checks.CheckMessage]:
        """Error ``accounts.E001`` for each action without ``permissions``."""
        open_actions = [
            name
            for function, name, _description in admin_obj._get_base_actions()
            if not getattr(function, "allowed_permissions", ())
        ]
        text = "The action %r of %s says nobody who may run it: add permissions=[...] to its @action."
        return [
            *super().check(admin_obj, **kwargs),
            *(
                checks.Error(text % (name, type(admin_obj).__name__), obj=type(admin_obj), id="accounts.E001")
                for name in open_actions
            ),
        ]


class AuditedModelAdmin(ModelAdmin):  # type: ignore[misc]
    """Model admin that writes every save, deletion and action, and every refusal, into the audit trail."""

    checks_class = AuditedModelAdminChecks
    compressed_fields = True
    warn_unsaved_form = True

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
        for obj in getattr(formset, "new_objects", []):
            record(actor, "admin.add", obj, after=snapshot(obj))
        for obj, names in getattr(formset, "changed_objects", []):
            record(actor, "admin.change", obj, after={name: snapshot(obj).get(name, "") for name in names})
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

    def changelist_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Django's list; a refusal is written down."""
        with _refusals_recorded(self, request):
            return super().changelist_view(request, *args, **kwargs)  # type: ignore[no-any-return]

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Django's form; a refusal is written down after its transaction is undone."""
        with _refusals_recorded(self, request):
            return super().changeform_view(request, *args, **kwargs)  # type: ignore[no-any-return]

    def delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Django's delete page; a refusal is written down."""
        with _refusals_recorded(self, request):
            return super().delete_view(request, *args, **kwargs)  # type: ignore[no-any-return]

    def history_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Django's history page; a refusal is written down."""
        with _refusals_recorded(self, request):
            return super().history_view(request, *args, **kwargs)  # type: ignore[no-any-return]


class ReadOnlyModelAdmin(AuditedModelAdmin):
    """Pages that show rows to whoever may view them, and change none."""

    actions: Sequence[Any] = ()
    list_display_links: Any = None

    def _nobody(self, request: HttpRequest, obj: models.Model | None = None) -> bool:  # noqa: ARG002
        """No one may, whatever was granted."""
        return False

    has_add_permission = has_change_permission = has_delete_permission = _nobody


class _refusals_recorded:  # noqa: N801 - reads as a statement
    """Writes ``PermissionDenied`` into the audit trail on its way out."""

    def __init__(self, page: ModelAdmin, request: HttpRequest) -> None:
        self.page, self.request = page, request

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, PermissionDenied):
            verb = f"{self.request.method} {self.request.path}"[:64]
            record_refusal(self.request.user, verb, self.page.opts.label_lower)


def _remembered(request: HttpRequest) -> dict[Any, dict[str, Any]]:
    """Rows as they were before this request saved them, by primary key."""
    if not hasattr(request, "_audit_before"):
        request._audit_before = {}  # type: ignore[attr-defined]
    return request._audit_before  # type: ignore[attr-defined,no-any-return]
