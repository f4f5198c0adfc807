"""Who calls, for the fast reads: the token's signature is checked here, all else in the query that reads.

The query says no (a name that is null) exactly where ``tokens.DeskAuthentication`` and
``permissions.DenyUnlessGranted`` would.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from rest_framework_simplejwt.exceptions import InvalidToken
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken

from accounts.models import User
from accounts.tokens import EPOCH, LOGIN, DeskAuthentication, login_entry
from quantsite.web.fast_request import Claims

_HELD = f"""
  SELECT t.app_label || '.' || p.codename
  FROM {ContentType._meta.db_table} t JOIN {Permission._meta.db_table} p ON p.content_type_id = t.id
  WHERE %s AND (
    EXISTS (
      SELECT FROM {User.groups.through._meta.db_table} m
      JOIN {Group.permissions.through._meta.db_table} g ON g.group_id = m.group_id
      WHERE m.user_id = %%(user)s AND g.permission_id = p.id
    ) OR EXISTS (
      SELECT FROM {User.user_permissions.through._meta.db_table} d
      WHERE d.user_id = %%(user)s AND d.permission_id = p.id
    )
  )"""
_PERSON = f"""
  SELECT u.id, u.username, u.is_superuser, ARRAY({_HELD}) AS held
  FROM {User._meta.db_table} u
  WHERE u.id = %%(user)s AND u.is_active AND u.login_epoch = %%(epoch)s AND md5(u.password) = %%(password)s
    AND NOT EXISTS (
      SELECT FROM {OutstandingToken._meta.db_table} o JOIN {BlacklistedToken._meta.db_table} b ON b.token_id = o.id
      WHERE o.jti = %%(login)s
    )"""


def caller(*permissions: str) -> str:
    """SQL: ``caller``, the person whom the claims prove now (one row or none), and which of ``permissions`` they hold.

    :func:`holds` asks for one of them.
    """
    wanted = " AND ".join(
        f"{column} IN ({_quoted(words)})"
        for column, words in zip(("t.app_label", "t.model", "p.codename"), _words_of(permissions), strict=True)
    )
    return f"caller AS MATERIALIZED ({_PERSON % wanted})"


def _words_of(permissions: Sequence[str]) -> Iterator[set[str]]:
    """Apps, models and codenames of permissions: the first two narrow what the server looks through.

    A codename ends with the name of its model, as Django forms it.
    """
    apps, codenames = zip(*(name.split(".") for name in permissions), strict=True)
    yield set(apps)
    yield {codename.rpartition("_")[2] for codename in codenames}
    yield set(codenames)


def _quoted(words: Iterable[str]) -> str:
    return ", ".join(f"'{word}'" for word in sorted(words))


def holds(permission: str) -> str:
    """SQL: whether the person in ``caller`` holds a permission, as ``User.has_perm`` answers it."""
    return f"(caller.is_superuser OR '{permission}' = ANY(caller.held))"


def claims_of(raw: bytes) -> Claims | None:
    """The claims of an access token that we signed; None for any other, and for one that has ended."""
    try:
        token = DeskAuthentication().get_validated_token(raw)
    except InvalidToken:
        return None
    user, epoch, login = token.get(api_settings.USER_ID_CLAIM), token.get(EPOCH, 0), token.get(LOGIN)
    password = token.get(api_settings.REVOKE_TOKEN_CLAIM)
    if not str(user).isdecimal() or not isinstance(epoch, int) or not isinstance(password, str):
        return None
    values: Mapping[str, Any] = {
        "user": int(str(user)),
        "epoch": epoch,
        "password": password.lower(),  # md5() of the database writes small letters
        "login": login_entry(login) if login else "",
    }
    return Claims(values, float(token["exp"]))
