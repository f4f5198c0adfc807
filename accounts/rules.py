"""What must hold when people and their roles change; each function raises and changes nothing."""

from collections.abc import Iterable, Sequence

from django.contrib.auth.models import Group, Permission
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.utils.translation import gettext as _

from accounts.audit import ANONYMOUS, SYSTEM
from accounts.models import User
from accounts.permissions import refuse
from accounts.roles import ADMINISTRATOR
from quantsite.common.errors import ConflictError, RuleError

RESERVED = {SYSTEM, ANONYMOUS}
"""What the audit trail calls those who are nobody in particular."""


def names(groups: Iterable[Group]) -> list[str]:
    """The groups' names in order."""
    return sorted(group.name for group in groups)


def find_groups(roles: Sequence[str]) -> list[Group]:
    """The groups of these names. Raises ``RuleError`` that names the unknown ones."""
    groups = list(Group.objects.filter(name__in=roles))
    if unknown := set(roles) - {group.name for group in groups}:
        known = ", ".join(Group.objects.order_by("name").values_list("name", flat=True))
        text = _("There is no role %(unknown)s; there are: %(known)s.")
        text %= {"unknown": ", ".join(sorted(unknown)), "known": known}
        raise RuleError("unknown_role", text, fields={"roles": text})
    return groups


def check_new_user(user: User, password: str) -> None:
    """Raise ``RuleError`` unless name, address and password are acceptable; whether the name is free is not asked."""
    try:
        user.clean_fields(exclude=["password"])
    except ValidationError as error:
        fields = {name: " ".join(texts) for name, texts in error.message_dict.items()}
        raise RuleError("invalid", _("This person cannot be made."), fields=fields) from error
    if user.username.casefold() in RESERVED:
        text = _("The name %(name)s is the platform's own: choose another.") % {"name": user.username}
        raise RuleError("invalid", text, fields={"username": text})
    check_password(password, user, field="password")


def check_password(password: str, user: User, *, field: str) -> None:
    """Raise ``RuleError`` with the validators' sentences under ``field``."""
    try:
        validate_password(password, user)
    except ValidationError as error:
        text = " ".join(error.messages)
        raise RuleError("weak_password", text, fields={field: text}) from error


def administers(groups: Iterable[Group]) -> bool:
    """Whether the administrators' group is among them."""
    return any(group.name == ADMINISTRATOR for group in groups)


def check_may_assign(actor: User | None, user: User, groups: Sequence[Group]) -> None:
    """Raise ``AuditedRefusalError`` for one's own roles and for roles that may more than the actor."""
    if actor is not None and actor.pk == user.pk:
        text = _("Nobody changes their own roles: ask another administrator.")
        refuse(actor, "user.set_roles", user, "own_roles", text)
    touched = set(groups) ^ set(user.groups.all())
    check_not_above(actor, touched, "user.set_roles", user, superuser=user.is_superuser)


def check_not_above(
    actor: User | None, groups: Iterable[Group], verb: str, user: User | None = None, *, superuser: bool = False
) -> None:
    """Raise ``AuditedRefusalError`` where a group, or a superuser, may more than the actor who wants ``verb``."""
    if excess := beyond(actor, groups, superuser=superuser):
        refuse(actor, verb, user, "above_you", above_text(), f"above the actor: {', '.join(excess[:3])}")


def beyond(actor: User | None, groups: Iterable[Group], *, superuser: bool = False) -> list[str]:
    """What the groups (or a superuser) may and the actor may not, in order; empty for the system."""
    if actor is None or actor.is_superuser:
        return []
    granted = Permission.objects.filter(group__in=[group.pk for group in groups]).select_related("content_type")
    names = {f"{item.content_type.app_label}.{item.codename}" for item in granted}
    return sorted(names - actor.get_all_permissions()) + ["superuser"] * superuser


def above_text() -> str:
    """The sentence for who reaches above themselves."""
    return _("You cannot give, take or hold for others what you may not do yourself.")


def check_not_last_administrator(user: User) -> None:
    """Raise ``ConflictError`` where nobody else could administer; the caller holds ``lock_administrators``."""
    able = User.objects.filter(Q(groups__name=ADMINISTRATOR) | Q(is_superuser=True), is_active=True).distinct()
    if able.filter(pk=user.pk).exists() and not able.exclude(pk=user.pk).exists():
        text = _("%(name)s is the last administrator: name another one first.")
        raise ConflictError("last_administrator", text % {"name": user.username})
