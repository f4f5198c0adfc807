"""Ending what lets somebody in: sessions by their hash, refresh tokens by the blacklist."""

from django.utils.translation import gettext as _
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken
from rest_framework_simplejwt.tokens import RefreshToken

from accounts.models import User
from accounts.tokens import end_login
from quantsite.common.errors import RuleError


def end_sessions(user: User) -> None:
    """Make every session of the person invalid; the caller saves ``login_epoch``."""
    user.login_epoch += 1


def blacklist_tokens(user: User) -> int:
    """Blacklist every refresh token of the person that is not yet; returns how many."""
    valid = OutstandingToken.objects.filter(user=user, blacklistedtoken=None)
    blacklisted = [BlacklistedToken(token=token) for token in valid]
    BlacklistedToken.objects.bulk_create(blacklisted, ignore_conflicts=True)
    return len(blacklisted)


def blacklist_token(user: User, encoded: str) -> None:
    """Blacklist one refresh token and end its login. Raises ``RuleError`` for an invalid, a used or another's one."""
    try:
        token = RefreshToken(encoded)  # type: ignore[arg-type]
    except TokenError as error:
        raise _bad_token() from error
    if str(token.payload.get("user_id")) != str(user.pk):
        raise _bad_token()
    token.blacklist()
    end_login(user, token)


def _bad_token() -> RuleError:
    text = _("This is not a valid refresh token of yours.")
    return RuleError("bad_token", text, fields={"refresh": text})
