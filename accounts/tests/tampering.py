"""What somebody with the database's password could do: change audit rows with the triggers out of the way."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction

from accounts.audit import record
from accounts.models import AuditEntry


@contextmanager
def triggers_off() -> Iterator[None]:
    """The audit tables without their triggers, which stand again afterwards."""
    tables = (AuditEntry._meta.db_table, "accounts_audithead")
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            for table in tables:
                cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
            yield
            for table in tables:
                cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
            return
        cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name IN (%s, %s)", tables)
        triggers = cursor.fetchall()
        for name, _ in triggers:
            cursor.execute(f"DROP TRIGGER {name}")
        yield
        for _, definition in triggers:
            cursor.execute(definition)


def write_entries(number: int) -> list[AuditEntry]:
    """That many links by the system."""
    entries = []
    for index in range(number):
        with transaction.atomic():
            entries.append(record(None, "test.verb", f"thing {index}", after={"index": index, "price": 3500.5}))
    return entries
