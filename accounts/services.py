"""The verbs of people and alarms. Each checks permission first, changes rows, and ends with its audit entry.

The refusal of a permission is audited on its own, before the transaction (``permissions.require``).
"""

from collections.abc import Sequence
from dataclasses import asdict

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group
from django.db import IntegrityError, models, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from guardian.shortcuts import assign_perm, remove_perm

from accounts import rules, sessions
from accounts.alarms import AUDIT, AUDIT_CHAIN_BROKEN, clear_alarm, raise_alarm
from accounts.audit import record
from accounts.audit_verify import Progress, Report, verify
from accounts.locks import lock_administrators, lock_alarm, lock_user
from accounts.models import Alarm, AuditCheck, User
from accounts.permissions import require
from quantsite.common.errors import ConflictError, RuleError


def register_user(username: str, password: str, email: str = "", *, active: bool = False) -> User | None:
    """A new person, waiting for approval unless ``active``; None where the name is taken.

    The caller answers the same in both cases, and both take the time of one password hash, so that nobody
    learns which names exist. Raises ``RuleError`` for a name or password that is not acceptable.
    """
    user = User(username=User.normalize_username(username), email=email, is_active=active, is_staff=False)
    rules.check_new_user(user, password)
    user.password = make_password(password)
    user.approved_at = timezone.now() if active else None
    with transaction.atomic():
        if not _insert(user):
            return None
        record(user, "user.register", user, after={"email": email, "active": active})
    return user


def create_user(actor: User | None, username: str, password: str, roles: Sequence[str], email: str = "") -> User:
    """An active person with roles, made by an administrator or from the shell.

    Raises ``RefusedError``, ``ConflictError`` for a name in use, ``RuleError`` for what is not acceptable.
    """
    require(actor, "accounts.add_user")
    require(actor, "accounts.assign_groups")
    groups = rules.find_groups(roles)
    rules.check_not_above(actor, groups, "user.create")
    user = User(username=User.normalize_username(username), email=email, is_staff=bool(groups))
    rules.check_new_user(user, password)
    user.set_password(password)
    user.approved_at = timezone.now()
    with transaction.atomic():
        if not _insert(user):
            raise ConflictError("name_taken", _("The name %(name)s is in use.") % {"name": user.username})
        user.groups.set(groups)
        record(actor, "user.create", user, after={"email": email, "roles": rules.names(groups)})
    return user


def approve_user(actor: User | None, user: User, reason: str = "") -> User:
    """Let a person in who waits or was deactivated. Raises ``RefusedError``, ``ConflictError`` if active already."""
    require(actor, "accounts.approve_user", user)
    with transaction.atomic():
        user = lock_user(user.pk)
        if user.is_active:
            raise ConflictError("already_active", _("%(name)s is active already.") % {"name": user.username})
        user.is_active, user.approved_at = True, timezone.now()
        user.save(update_fields=["is_active", "approved_at"])
        record(actor, "user.approve", user, before={"is_active": False}, after={"is_active": True, "reason": reason})
    return user


def deactivate_user(actor: User | None, user: User, reason: str = "") -> User:
    """Shut a person out at once: sessions end, refresh tokens are blacklisted, access tokens are refused.

    Raises ``RefusedError``, and ``ConflictError`` if inactive already or the last administrator.
    """
    require(actor, "accounts.deactivate_user", user)
    with transaction.atomic():
        lock_administrators()
        user = lock_user(user.pk)
        if not user.is_active:
            raise ConflictError("already_inactive", _("%(name)s is inactive already.") % {"name": user.username})
        rules.check_not_last_administrator(user)
        user.is_active = False
        user.approved_at = user.approved_at or user.date_joined  # not waiting: createsuperuser asks for no approval
        tokens = _shut_out(user, "is_active", "approved_at")
        after = {"is_active": False, "reason": reason, "refresh_blacklisted": tokens}
        record(actor, "user.deactivate", user, before={"is_active": True}, after=after)
    return user


def set_groups(actor: User | None, user: User, roles: Sequence[str], reason: str = "") -> User:
    """Give a person exactly these roles (names of groups); a person with a role may enter the console.

    Raises ``RefusedError`` (also for one's own roles, and for a role that may more than the actor),
    ``RuleError`` for an unknown role, ``ConflictError`` where the last administrator would go.
    """
    require(actor, "accounts.assign_groups", user)
    groups = rules.find_groups(roles)
    rules.check_may_assign(actor, user, groups)
    with transaction.atomic():
        lock_administrators()
        user = lock_user(user.pk)
        before = rules.names(user.groups.all())
        if not rules.administers(groups):
            rules.check_not_last_administrator(user)
        user.groups.set(groups)
        user.is_staff = bool(groups) or user.is_superuser
        user.save(update_fields=["is_staff"])
        after = {"roles": rules.names(groups), "reason": reason}
        record(actor, "user.set_roles", user, before={"roles": before}, after=after)
    return user


def change_password(user: User, old: str, new: str) -> None:
    """A person's own change; every session and token made before ends.

    Raises ``RuleError`` for a wrong old or an unacceptable new password.
    """
    if not user.check_password(old):
        text = _("The old password is not right.")
        raise RuleError("wrong_password", text, fields={"old_password": text})
    rules.check_password(new, user, field="new_password")
    with transaction.atomic():
        _set_password(user.pk, new)
        record(user, "user.change_password", user)


def reset_password(actor: User | None, user: User, new: str) -> None:
    """A new password by an administrator; the person's sessions and tokens end.

    Raises ``RefusedError`` (also for somebody who may more than the actor) and ``RuleError``.
    """
    require(actor, "accounts.change_user", user)
    rules.check_not_above(actor, user.groups.all(), "user.reset_password", user, superuser=user.is_superuser)
    rules.check_password(new, user, field="password")
    with transaction.atomic():
        _set_password(user.pk, new)
        record(actor, "user.reset_password", user)


def update_profile(user: User, *, email: str | None = None, language: str | None = None) -> User:
    """A person's own e-mail address and language; None leaves as it is."""
    wanted = {"email": email, "language": language}
    with transaction.atomic():
        user = lock_user(user.pk)
        after = {name: value for name, value in wanted.items() if value not in (None, getattr(user, name))}
        before = {name: getattr(user, name) for name in after}
        for name, value in after.items():
            setattr(user, name, value)
        if after:
            user.save(update_fields=list(after))
            record(user, "user.update_profile", user, before=before, after=after)
    return user


def logout(user: User, refresh: str = "") -> None:
    """Blacklist the given refresh token; without one all of the person's, and end every session.

    Raises ``RuleError`` for a token that is invalid or another's.
    """
    with transaction.atomic():
        if refresh:
            sessions.blacklist_token(user, refresh)
        else:
            _shut_out(lock_user(user.pk))
        record(user, "logout", user, after={"everywhere": not refresh})


def grant_object_permission(actor: User | None, permission: str, subject: User | Group, obj: models.Model) -> None:
    """Let ``subject`` do ``permission`` on one row. The caller has checked that ``actor`` may grant it."""
    with transaction.atomic():
        assign_perm(permission, subject, obj)
        record(actor, "permission.grant", obj, after={"permission": permission, "to": str(subject)})


def revoke_object_permission(actor: User | None, permission: str, subject: User | Group, obj: models.Model) -> None:
    """Take back what ``grant_object_permission`` gave. The caller has checked that ``actor`` may."""
    with transaction.atomic():
        remove_perm(permission, subject, obj)
        record(actor, "permission.revoke", obj, before={"permission": permission, "to": str(subject)})


def acknowledge_alarm(actor: User | None, alarm: Alarm, note: str = "") -> Alarm:
    """Take an open alarm into somebody's hands. Raises ``RefusedError``, ``ConflictError`` if taken or cleared."""
    require(actor, "accounts.acknowledge_alarm")
    with transaction.atomic():
        alarm = lock_alarm(alarm.pk)
        if alarm.cleared_at or alarm.acknowledged_at:
            raise ConflictError("not_open", _("This alarm is acknowledged or cleared already."))
        alarm.acknowledged_by, alarm.acknowledged_at = actor, timezone.now()
        alarm.save(update_fields=["acknowledged_by", "acknowledged_at"])
        record(actor, "alarm.acknowledge", alarm, after={"note": note})
    return alarm


def check_audit(actor: User | None, progress: Progress | None = None, anchor: tuple[int, str] | None = None) -> Report:
    """Verify the audit trail (``audit_verify.verify``) and remember the result for the console.

    A broken chain is an alarm until a later check is clean. Raises ``RefusedError``.
    """
    require(actor, "accounts.view_auditentry")
    report = verify(progress, anchor)
    findings = [asdict(finding) for finding in report.findings]
    with transaction.atomic():
        AuditCheck.objects.create(entries=report.entries, last_hash=report.last_hash, findings=findings)
        if report.intact:
            clear_alarm(AUDIT_CHAIN_BROKEN, AUDIT)
        else:
            text = "; ".join(finding.text for finding in report.findings[:10])
            raise_alarm(AUDIT_CHAIN_BROKEN, AUDIT, text, "critical")
    return report


def _insert(user: User) -> bool:
    """Store a new person; False where the name is taken, in upper or lower case."""
    try:
        with transaction.atomic():
            user.save(force_insert=True)
    except IntegrityError:
        return False
    return True


def _set_password(pk: int, new: str) -> None:
    user = lock_user(pk)
    user.set_password(new)
    _shut_out(user, "password")


def _shut_out(user: User, *fields: str) -> int:
    """End sessions and refresh tokens, saving ``fields`` too; returns how many tokens were blacklisted."""
    sessions.end_sessions(user)
    user.save(update_fields=["login_epoch", *fields])
    return sessions.blacklist_tokens(user)
