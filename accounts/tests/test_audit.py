"""Writing the audit trail: its form, what it refuses, and that writers never fork it."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.db import DatabaseError, connection, transaction
from hypothesis import given
from hypothesis import strategies as st

from accounts import audit_chain
from accounts.audit import AuditError, record, record_refusal
from accounts.audit_verify import verify
from accounts.models import AuditEntry, AuditHead, User
from accounts.tests.tampering import write_entries

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.decimals(allow_nan=False),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(VALUES)
def test_safe_values_survive_json_and_a_second_pass(value: object) -> None:
    """What is stored is what was hashed, however often it is read and written."""
    once = audit_chain.safe(value)
    text = audit_chain.canonical(once)
    assert "\0" not in text.decode()
    assert audit_chain.safe(once) == once


@pytest.mark.embedded
@pytest.mark.django_db
def test_values_read_back_from_the_database_as_they_were_hashed() -> None:
    values = {
        "whole": 1.0,
        "huge": 1e300,
        "tiny": 1.5e-7,
        "third": 1 / 3,
        "nan": float("nan"),
        "infinite": float("inf"),
        "money": Decimal("12.300000"),
        "day": date(2026, 11, 22),
        "moment": datetime(2026, 11, 22, 9, 30, 0, 123456, tzinfo=UTC),
        "text": "螺纹钢\0\ud800\U0001f600",
        "set": {"b", "a"},
        "nested": [{"deep": (1, None, True)}],
        "": "",
    }
    with transaction.atomic():
        written = record(None, "test.values", after=values)
    assert AuditEntry.objects.get(seq=written.seq).after == written.after
    assert written.after is not None
    assert written.after["whole"] == 1
    assert written.after["moment"] == "2026-11-22T09:30:00.123456Z"
    assert verify().intact


@pytest.mark.django_db
def test_secrets_never_reach_a_row() -> None:
    said = {"password": "p1", "new_password": "p2", "refresh_token": "p3", "api-key": "p4", "inner": [{"Secret": "p5"}]}
    with transaction.atomic():
        entry = record(None, "test.secrets", before=said, after={"strategy_key": "double_ma", "monkey": "banana"})
    stored = AuditEntry.objects.get(seq=entry.seq)
    assert "p1" not in str(stored.before)
    assert {str(part) for part in (stored.before or {}).values()} <= {"[redacted]", "[{'Secret': '[redacted]'}]"}
    assert stored.after == {"strategy_key": "double_ma", "monkey": "banana"}


@pytest.mark.django_db(transaction=True)
def test_an_entry_needs_the_transaction_of_the_work() -> None:
    with pytest.raises(AuditError, match="transaction"):
        record(None, "test.verb")
    assert AuditEntry.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_an_entry_is_undone_with_the_work_and_leaves_no_gap() -> None:
    write_entries(1)
    with transaction.atomic():
        record(None, "test.undone")
        transaction.set_rollback(True)
    write_entries(1)
    assert [entry.seq for entry in AuditEntry.objects.order_by("seq")] == [1, 2]
    assert verify().intact


@pytest.mark.django_db
def test_each_link_names_the_one_before(alice: User) -> None:
    first, second = write_entries(2)
    with transaction.atomic():
        third = record(alice, "test.person", alice)
    head = AuditHead.objects.get()
    assert second.prev_hash == first.hash
    assert third.prev_hash == second.hash
    assert (head.count, head.last_hash) == (third.seq, third.hash)
    assert (third.actor_id, third.actor_name) == (alice.pk, "alice")
    assert (third.object_type, third.object_id, third.object_text) == ("accounts.user", str(alice.pk), "alice")


@pytest.mark.embedded
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE accounts_auditentry SET verb = 'x' WHERE seq = 1",
        "DELETE FROM accounts_auditentry WHERE seq = 2",
        "DELETE FROM accounts_audithead",
        "UPDATE accounts_audithead SET count = 1",
        "UPDATE accounts_audithead SET count = count",
    ],
)
def test_the_database_refuses_to_change_what_was_written(statement: str) -> None:
    write_entries(2)
    before = list(AuditEntry.objects.order_by("seq").values()), AuditHead.objects.values().get()
    with pytest.raises(DatabaseError, match="append-only"), connection.cursor() as cursor:
        cursor.execute(statement)
    assert (list(AuditEntry.objects.order_by("seq").values()), AuditHead.objects.values().get()) == before


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("table", ["accounts_auditentry", "accounts_audithead", "accounts_user CASCADE"])
def test_the_database_refuses_to_truncate(table: str) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no TRUNCATE")
    write_entries(2)
    with pytest.raises(DatabaseError, match="append-only"), connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {table}")
    assert AuditEntry.objects.count() == AuditHead.objects.get().count == 2


@pytest.mark.embedded
@pytest.mark.django_db(transaction=True)
def test_concurrent_writers_never_fork_the_chain() -> None:
    """Eight threads write at once; each entry has a number of its own and follows the one before."""

    def write(name: int) -> None:
        try:
            for index in range(10):
                with transaction.atomic():
                    record(None, f"writer.{name}", after={"index": index})
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(write, name) for name in range(8)]:
            done.result()
    report = verify()
    assert report.findings == []
    assert report.entries == AuditHead.objects.get().count == 80


@pytest.mark.django_db
def test_a_refusal_is_written_for_a_person_and_only_logged_for_a_stranger(alice: User) -> None:
    record_refusal(alice, "orders.place", "rb2501.SHFE", reason="no permission")
    entry = AuditEntry.objects.get(verb="refused")
    assert (entry.actor_name, entry.object_text) == ("alice", "rb2501.SHFE")
    assert entry.after == {"verb": "orders.place", "reason": "no permission"}
    record_refusal(None, "orders.place")
    assert AuditEntry.objects.filter(verb="refused").count() == 1
