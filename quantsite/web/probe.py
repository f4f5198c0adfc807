"""One quick question to the database: is it there?"""

from typing import Any

from django.db import connection

PROBE_SECONDS = 2.0  # a request waits longer for a connection; a probe must answer before its caller gives up


def ask_database() -> None:
    """Fetch one row. Raises Django's database errors, after ``PROBE_SECONDS`` at most where a pool is used."""
    pool: Any = getattr(connection, "pool", None)
    if pool is None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            cursor.fetchone()
        return
    pool.open()
    with connection.wrap_database_errors, pool.connection(timeout=PROBE_SECONDS) as link:
        link.execute("SELECT 1")
