"""What the tests' own ground promises: commits are undone, reference data stays, no way leads outside."""

import socket

import pytest
from django.contrib.auth.models import Group
from django.db import connection, transaction

from accounts import audit
from accounts.models import AuditEntry, User
from accounts.roles import ROLES
from marketdata.models import Product
from quantsite.testing.cast import client_of
from quantsite.testing.network import OutsideNetworkError


@pytest.fixture(params=[1, 2])
def turn(request: pytest.FixtureRequest) -> int:
    """The same test twice: the second finds what the first left."""
    return int(request.param)


@pytest.mark.embedded
@pytest.mark.django_db(transaction=True)
def test_what_a_test_commits_is_gone_and_reference_data_is_back(turn: int, alice: User) -> None:
    assert User.objects.count() == 1
    assert AuditEntry.objects.count() == 0
    assert set(Group.objects.values_list("name", flat=True)) == set(ROLES)
    products = Product.objects.count()
    assert products > 60

    with transaction.atomic():
        audit.record(alice, "test.commit", alice)
    Group.objects.all().delete()
    assert AuditEntry.objects.count() == 1


@pytest.mark.embedded
@pytest.mark.django_db(transaction=True)
def test_triggers_stand_after_the_clean_up(turn: int, alice: User) -> None:
    with transaction.atomic():
        audit.record(alice, "test.commit", alice)
    with pytest.raises(Exception, match="append"), connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_auditentry SET verb = 'other'")


@pytest.mark.django_db
def test_a_token_says_who_calls(alice: User) -> None:
    answer = client_of(alice).get("/api/v1/users/me/")

    assert answer.status_code == 200
    assert answer.json()["username"] == "alice"


@pytest.mark.parametrize("host", ["192.0.2.1", "example.com", "8.8.8.8"])
def test_other_machines_are_out_of_reach(host: str) -> None:
    with pytest.raises(OutsideNetworkError, match=host):
        socket.create_connection((host, 80), timeout=1)


def test_loopback_is_open() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        with socket.create_connection(listener.getsockname(), timeout=1) as reached:
            assert reached.getpeername() == listener.getsockname()
