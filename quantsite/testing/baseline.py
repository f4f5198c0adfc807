"""Puts the test database back to what the migrations left, after a test that committed.

Django's own flush would meet the triggers of append-only tables and remove reference data (exchanges,
calendar, roles). So the rows that stand after ``migrate`` are copied aside once; after each transactional
test every table whose rows are others now is emptied with triggers off and gets its first rows back.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

PREFIX = "baseline__"


def take() -> None:
    """Copy each table that has rows. Once, right after the test database is made; not if it came with the copies."""
    if PREFIX + "django_migrations" in connection.introspection.table_names():
        return
    with connection.cursor() as cursor:
        for table in _tables():
            cursor.execute(f"SELECT EXISTS (SELECT 1 FROM {_name(table)})")  # noqa: S608
            if cursor.fetchone()[0]:
                cursor.execute(f"CREATE TABLE {_name(PREFIX + table)} AS SELECT * FROM {_name(table)}")  # noqa: S608


def restore() -> None:
    """Give every table that a test has changed the rows copied by ``take``, or none."""
    copied = {name for name in connection.introspection.table_names() if name.startswith(PREFIX)}
    changed = _changed(copied)
    if not changed:
        return
    with _triggers_off() as cursor:
        for table in changed:
            cursor.execute(f"DELETE FROM {_name(table)}")  # noqa: S608
            if PREFIX + table in copied:
                columns = ", ".join(_name(column) for column in _stored_columns(cursor, table))
                source = _name(PREFIX + table)
                cursor.execute(f"INSERT INTO {_name(table)} ({columns}) SELECT {columns} FROM {source}")  # noqa: S608


def _changed(copied: set[str]) -> list[str]:
    """The tables whose rows are not those after ``migrate``, found in one query: most tests change few of them."""
    parts = [f"SELECT '{table}' WHERE {_differs(table, PREFIX + table in copied)}" for table in _tables()]
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(parts))
        return [row[0] for row in cursor.fetchall()]


def _differs(table: str, has_copy: bool) -> str:
    """A condition: rows in a table that had none, or rows missing, added or altered since the copy."""
    now, then = f"SELECT * FROM {_name(table)}", f"SELECT * FROM {_name(PREFIX + table)}"  # noqa: S608
    return f"EXISTS ({now} EXCEPT {then}) OR EXISTS ({then} EXCEPT {now})" if has_copy else f"EXISTS ({now})"


def _tables() -> list[str]:
    """The tables of all models and the one of the migrations' record."""
    return [*connection.introspection.django_table_names(only_existing=True, include_views=False), "django_migrations"]


def _name(table: str) -> str:
    return connection.ops.quote_name(table)


def _stored_columns(cursor: CursorWrapper, table: str) -> list[str]:
    """Columns that can be written: generated ones cannot."""
    if connection.vendor == "postgresql":
        cursor.execute(
            "SELECT column_name FROM information_schema.columns"
            " WHERE table_schema = current_schema() AND table_name = %s AND is_generated = 'NEVER'",
            [table],
        )
    else:
        cursor.execute("SELECT name FROM pragma_table_info(%s)", [table])
    return [row[0] for row in cursor.fetchall()]


@contextmanager
def _triggers_off() -> Iterator[CursorWrapper]:
    """A cursor in a transaction where neither triggers nor foreign keys are looked at."""
    if connection.vendor == "postgresql":
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL session_replication_role = replica")
            cursor.execute("SET LOCAL lock_timeout = '20s'")  # a thread that a test forgot must not hang the run
            yield cursor
        return
    with connection.constraint_checks_disabled(), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
        triggers = cursor.fetchall()
        for name, _ in triggers:
            cursor.execute(f"DROP TRIGGER {_name(name)}")
        yield cursor
        for _, definition in triggers:
            cursor.execute(definition)
