"""Access tokens: many at once count exactly as one by one."""

from datetime import timedelta
from typing import Any, cast

import pytest
from rest_framework.test import APIClient
from rest_framework_simplejwt.exceptions import AuthenticationFailed, InvalidToken
from rest_framework_simplejwt.tokens import AccessToken

from accounts.models import User
from accounts.tokens import DeskAuthentication
from quantsite.testing.cast import PASSWORD

pytestmark = pytest.mark.django_db


def log_in() -> dict[str, str]:
    """The tokens of a new login of Alice."""
    given: dict[str, str] = APIClient().post("/api/v1/auth/token/", {"username": "alice", "password": PASSWORD}).json()
    return given


def counts(raw: str) -> User | None:
    """Whom a single call with this token would be of."""
    authentication = DeskAuthentication()
    try:
        return cast(User, authentication.get_user(authentication.get_validated_token(raw.encode())))
    except (AuthenticationFailed, InvalidToken):
        return None


def test_many_tokens_count_exactly_as_one_does(
    alice: User, bob: User, charlie: User, rita: User, django_assert_num_queries: Any
) -> None:
    ended, live = (log_in() for _ in range(2))
    client = APIClient(headers={"Authorization": f"Bearer {ended['access']}"})
    assert client.post("/api/v1/auth/logout/", {"refresh": ended["refresh"]}).status_code == 204
    old = AccessToken.for_user(alice)
    old.set_exp(lifetime=-timedelta(seconds=1))
    stranger = User(pk=10**6, password="!")
    plain, inactive, new_password, later_epoch, nobody = (
        str(AccessToken.for_user(user)) for user in (alice, bob, charlie, rita, stranger)
    )
    nameless = str(AccessToken())
    User.objects.filter(pk=bob.pk).update(is_active=False)
    charlie.set_password("another battery staple")
    charlie.save()
    User.objects.filter(pk=rita.pk).update(login_epoch=1)
    tokens = [
        plain, live["access"], ended["access"], str(old), live["refresh"], "nonsense", plain[:-3] + "abc",
        inactive, new_password, later_epoch, nobody, nameless,
    ]  # fmt: skip
    one_by_one = {raw: user for raw in tokens if (user := counts(raw))}
    assert set(one_by_one) == {plain, live["access"]}
    with django_assert_num_queries(2):
        found = DeskAuthentication().get_users(tokens)
    assert {raw: user for raw, (user, _expires) in found.items()} == one_by_one
    assert found[plain][1] == AccessToken(plain)["exp"]  # type: ignore[arg-type]
