"""What the tests' own ground promises: commits are undone, reference data stays, no way leads outside."""

import socket
from pathlib import PurePath

import pytest
from django.contrib.auth.models import Group
from django.db import connection, transaction

from accounts import audit
from accounts.models import AuditEntry, User
from accounts.roles import ROLES
from marketdata.models import Product
from quantsite.testing.cast import client_of
from quantsite.testing.measured import is_traced
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


@pytest.mark.parametrize(
    ("path", "compiled", "interpreted"),
    [
        ("trading/tests/domain/test_ledger.py", True, True),
        ("marketdata/tests/test_import_daily.py", True, True),
        ("backtests/tests/test_services.py", True, True),
        ("trading/tests/ctp/test_orders_pure.py", True, True),
        ("trading/tests/domain/risk/test_self_trade.py", True, True),
        ("trading/tests/test_self_trade.py", False, False),
        ("trading/tests/ctp/test_cases_books.py", False, False),
        ("backtests/tests/domain/test_engine_orders.py", False, True),
        ("backtests/tests/test_admin.py", False, False),
        ("backtests/tests/domain/test_presets_real_data.py", False, False),
        ("marketdata/tests/test_quotes_browser.py", False, False),
        ("quantsite/tests/test_access_matrix.py", False, False),
    ],
)
def test_rules_and_verbs_are_measured_by_their_own_tests(path: str, *, compiled: bool, interpreted: bool) -> None:
    assert is_traced(PurePath(path), interpreted=False) is compiled
    assert is_traced(PurePath(path), interpreted=True) is interpreted
