"""The people of the tests: always the same five, so that a test says who does what by a name alone.

Alice researches, Bob trades, Rita watches risk, Ada administers, Charlie has no role and must see nothing.
"""

import pytest
from django.contrib.auth.models import Group
from rest_framework.test import APIClient
from rest_framework_simplejwt.tokens import RefreshToken

from accounts.models import User
from accounts.roles import ADMINISTRATOR, RESEARCHER, RISK_OFFICER, TRADER
from accounts.tokens import mark

PASSWORD = "correct horse battery staple"  # noqa: S105
STAFF_ROLES = {ADMINISTRATOR, RISK_OFFICER, TRADER, RESEARCHER}


def make_user(username: str, role: str | None = None) -> User:
    """An active user with ``PASSWORD``, in the role's group; whoever has a role may enter the console."""
    user = User.objects.create_user(
        username=username, email=f"{username}@example.com", password=PASSWORD, is_staff=role in STAFF_ROLES
    )
    if role:
        user.groups.add(Group.objects.get(name=role))
    return user


def client_of(user: User | None = None) -> APIClient:
    """An API client with a fresh access token of ``user``; None: anonymous."""
    client = APIClient()
    if user:
        token = RefreshToken.for_user(user)
        mark(token, user)
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {token.access_token}")
    return client


@pytest.fixture
def alice(db: None) -> User:
    """A researcher."""
    return make_user("alice", RESEARCHER)


@pytest.fixture
def bob(db: None) -> User:
    """A trader."""
    return make_user("bob", TRADER)


@pytest.fixture
def rita(db: None) -> User:
    """A risk officer."""
    return make_user("rita", RISK_OFFICER)


@pytest.fixture
def ada(db: None) -> User:
    """An administrator."""
    return make_user("ada", ADMINISTRATOR)


@pytest.fixture
def charlie(db: None) -> User:
    """Somebody without a role."""
    return make_user("charlie")
