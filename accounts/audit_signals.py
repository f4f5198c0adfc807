"""Logins in the audit trail: the project's only signal receivers, for Django's and axes' own signals."""

from typing import Any

from axes.helpers import get_client_ip_address
from axes.signals import user_locked_out
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.db import transaction
from django.dispatch import receiver
from django.http import HttpRequest

from accounts.audit import Actor, record
from accounts.models import User


@receiver(user_logged_in, dispatch_uid="accounts.audit.login")
def login(request: HttpRequest | None, user: User, **_kwargs: Any) -> None:
    """Somebody came in."""
    _write(user, "login", request)


@receiver(user_logged_out, dispatch_uid="accounts.audit.logout")
def logout(request: HttpRequest | None, user: User | None, **_kwargs: Any) -> None:
    """Somebody left; the end of an anonymous session is nothing."""
    if isinstance(user, User):
        _write(user, "logout", request)


@receiver(user_login_failed, dispatch_uid="accounts.audit.login_failed")
def login_failed(credentials: dict[str, Any], request: HttpRequest | None = None, **_kwargs: Any) -> None:
    """A wrong name or password. Tries during a lockout are axes' to count: the lockout itself is written once."""
    if not _during_lockout(request):
        _write(AnonymousUser(), "login.failed", request, str(credentials.get("username", "")))


@receiver(user_locked_out, dispatch_uid="accounts.audit.locked_out")
def locked_out(request: HttpRequest | None, username: str | None, **_kwargs: Any) -> None:
    """Too many wrong passwords in a row."""
    if not _during_lockout(request):
        _write(AnonymousUser(), "login.locked", request, username or "")


def address_of(request: HttpRequest | None) -> str:
    """The caller's address as axes sees it, '' where there is none (a test's login, a shell)."""
    if request is None or not request.META.get("REMOTE_ADDR"):
        return ""
    return get_client_ip_address(request) or ""


def _during_lockout(request: HttpRequest | None) -> bool:
    """Whether the lockout stood before this try: axes signals it again for each, and need not have counted it."""
    failures = getattr(request, "axes_failures_since_start", None)
    locked = getattr(request, "axes_locked_out", False)
    return bool(locked) and (failures is None or failures > settings.AXES_FAILURE_LIMIT)


def _write(actor: Actor, verb: str, request: HttpRequest | None, name: str = "") -> None:
    said = {"address": address_of(request), "path": getattr(request, "path", "")}
    with transaction.atomic():
        record(actor, verb, actor if isinstance(actor, User) else name[:150], after=said)
