"""Who may do what: the API's default permission and the one check that services use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from django.db import models
from django.utils.translation import gettext as _
from rest_framework.permissions import BasePermission

from accounts.audit import record_refusal
from accounts.models import AuditEntry, User
from quantsite.common.errors import RefusedError

if TYPE_CHECKING:  # DRF imports its default permission while its views are still being imported
    from rest_framework.request import Request
    from rest_framework.views import APIView

# DRF's own DjangoModelPermissions lets everybody read; here reading is granted like the rest.
ACTION_OF_METHOD = {
    "GET": "view",
    "HEAD": "view",
    "OPTIONS": "view",
    "POST": "add",
    "PUT": "change",
    "PATCH": "change",
    "DELETE": "delete",
}


class AuditedRefusalError(RefusedError):
    """A refusal whose audit entry is written already; :func:`keep_entry` makes sure that it stays."""

    def __init__(self, refused: Refused, text: str) -> None:
        super().__init__(refused.code, text)
        self.refused = refused
        self.entry = refused.record()


@dataclass(frozen=True, slots=True)
class Refused:
    """What was refused to whom: all that its audit entry says. ``reason`` is the code where none is given."""

    actor: User | None
    verb: str
    obj: models.Model | None
    code: str
    reason: str = ""

    def record(self) -> AuditEntry | None:
        """Write it down; None for the system, which only reaches the log."""
        return record_refusal(self.actor, self.verb, self.obj, reason=self.reason or self.code)


def keep_entry(error: AuditedRefusalError) -> None:
    """Write the refusal down once more if the transaction that it was raised in has undone its entry.

    For doors that run a verb inside a transaction of their own; call it after that transaction has ended.
    """
    if error.entry is not None and not AuditEntry.objects.filter(seq=error.entry.seq, hash=error.entry.hash).exists():
        error.entry = error.refused.record()


class DenyUnlessGranted(BasePermission):
    """Lets through who is logged in and holds the permission of the view's action; nobody else.

    A view set names permissions in ``action_permissions`` (action -> ``app.codename``, or a tuple of them);
    an action not named there needs view, add, change or delete of the view's model by its method, and a
    POST on one row its change permission. A view without a model and without an entry is refused.
    """

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Whether the caller holds the permissions; a refusal of somebody known is audited."""
        user = request.user
        if not isinstance(user, User):
            return False
        needed = permissions_for(request, view)
        if needed and user.has_perms(needed):
            return True
        # The OPTIONS answer asks for every method in turn: those questions are not refusals.
        if request._request.method != "OPTIONS":
            record_refusal(user, f"{request.method} {request.path}"[:64], reason=", ".join(needed))
        return False


def permissions_for(request: Request, view: APIView) -> tuple[str, ...]:
    """The full names of the permissions that a request needs; empty where the view declares none."""
    declared: Mapping[str, str | tuple[str, ...]] = getattr(view, "action_permissions", {})
    action = getattr(view, "action", None)
    named = declared.get(action or (request.method or "").lower())
    if named:
        return (named,) if isinstance(named, str) else tuple(named)
    model = _model_of(view)
    if model is None:
        return ()
    verb = ACTION_OF_METHOD.get(request.method or "")
    if verb == "add" and getattr(view, "detail", False):
        verb = "change"
    return (f"{model._meta.app_label}.{verb}_{model._meta.model_name}",) if verb else ()


def require(actor: User | None, permission: str, obj: models.Model | None = None) -> None:
    """Raise ``AuditedRefusalError`` unless ``actor`` holds ``permission``, on ``obj`` or on all.

    The system (None) may do everything. Call it before the transaction: the refusal's entry must stay.
    """
    if actor is None:
        return
    if actor.is_active and (actor.has_perm(permission) or (obj is not None and actor.has_perm(permission, obj))):
        return
    text = _("%(name)s lacks the permission %(permission)s.")
    refuse(actor, permission, obj, "permission_denied", text % {"name": actor.username, "permission": permission})


def refuse(  # noqa: PLR0917 - what an entry says, in its order
    actor: User | None, verb: str, obj: models.Model | None, code: str, text: str, reason: str = ""
) -> NoReturn:
    """Write the refusal down, then raise it. A transaction around it undoes the entry: see :func:`keep_entry`."""
    raise AuditedRefusalError(Refused(actor, verb, obj, code, reason), text)


def _model_of(view: Any) -> type[models.Model] | None:
    queryset = getattr(view, "queryset", None)
    if queryset is not None:
        return queryset.model  # type: ignore[no-any-return]
    return getattr(view, "model", None)
