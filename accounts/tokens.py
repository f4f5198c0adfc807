"""Tokens that end: each says of which login it is and of which epoch of its person.

The epoch is raised by whatever shuts a person out everywhere (a new password, a deactivation, a logout without a
token); a single login ends when its refresh token is logged out. A token without these claims counts as of epoch
0 and of no login.
"""

from collections.abc import Iterable
from typing import Any, cast
from uuid import uuid4

from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.exceptions import AuthenticationFailed, InvalidToken, TokenError
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken
from rest_framework_simplejwt.tokens import RefreshToken, Token
from rest_framework_simplejwt.utils import get_md5_hash_password

from accounts.models import User

EPOCH = "epoch"
LOGIN = "login"


def mark(token: Token, user: User) -> None:
    """Put the claims of a new login into a refresh token; its access tokens and successors inherit them."""
    token[EPOCH] = user.login_epoch
    token[LOGIN] = uuid4().hex


def is_over(token: Token, user: User) -> bool:
    """Whether the login of a token has ended, or all of the person's have since."""
    if token.get(EPOCH, 0) != user.login_epoch:
        return True
    login = token.get(LOGIN)
    return bool(login) and BlacklistedToken.objects.filter(token__jti=login_entry(login)).exists()


def end_login(user: User, token: Token) -> None:
    """End the login that a refresh token stands for: its access tokens are refused from now on."""
    if login := token.get(LOGIN):
        until = timezone.now() + cast(Any, api_settings.ACCESS_TOKEN_LIFETIME)
        row, _made = OutstandingToken.objects.get_or_create(
            jti=login_entry(login), defaults={"user": user, "expires_at": until, "created_at": timezone.now()}
        )
        BlacklistedToken.objects.get_or_create(token=row)


def login_entry(login: str | None) -> str:
    """The login among the identifiers of tokens."""
    return f"{LOGIN}-{login}"


class OnceRefreshToken(RefreshToken):
    """A refresh token that exactly one of several callers at the same time may exchange."""

    def blacklist(self) -> BlacklistedToken:
        """Use it up. Raises ``TokenError`` where somebody was quicker."""
        # The library returns what ``get_or_create`` does, whatever its signature says.
        row, made = cast(tuple[BlacklistedToken, bool], super().blacklist())
        if not made:
            raise TokenError(_("Token is blacklisted"))
        return row


class DeskAuthentication(JWTAuthentication):
    """An access token proves who calls until it expires, or its login ends."""

    def get_user(self, validated_token: Token) -> Any:
        """The active person. Raises ``AuthenticationFailed``, also after a logout."""
        user = cast(User, super().get_user(validated_token))
        if is_over(validated_token, user):
            raise AuthenticationFailed(_("This login has ended: log in again."), code="login_ended")
        return user

    def get_users(self, raw_tokens: Iterable[str]) -> dict[str, tuple[User, float]]:
        """Whom each of many tokens proves and when it ends (epoch seconds), by two questions; the others are left out.

        A token counts here exactly when :meth:`get_user` takes it.
        """
        tokens = self._valid(raw_tokens)
        users = User.objects.in_bulk({int(token[api_settings.USER_ID_CLAIM]) for token in tokens.values()})
        entries = {login_entry(login) for token in tokens.values() if (login := token.get(LOGIN))}
        ended = set(BlacklistedToken.objects.filter(token__jti__in=entries).values_list("token__jti", flat=True))
        found = {}
        for raw, token in tokens.items():
            user = users.get(int(token[api_settings.USER_ID_CLAIM]))
            if user is not None and _counts(token, user) and login_entry(token.get(LOGIN)) not in ended:
                found[raw] = (user, float(token["exp"]))
        return found

    def _valid(self, raw_tokens: Iterable[str]) -> dict[str, Token]:
        """The tokens that we signed, that have not expired and that name somebody."""
        valid = {}
        for raw in raw_tokens:
            try:
                token = self.get_validated_token(raw.encode())
            except InvalidToken:
                continue
            if api_settings.USER_ID_CLAIM in token:
                valid[raw] = token
        return valid


def _counts(token: Token, user: User) -> bool:
    """Whether the person is active, with the password of then, and in the token's epoch."""
    return (
        user.is_active
        and token.get(api_settings.REVOKE_TOKEN_CLAIM) == get_md5_hash_password(user.password)
        and token.get(EPOCH, 0) == user.login_epoch
    )
