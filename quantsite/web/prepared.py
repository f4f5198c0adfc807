"""Statements of PostgreSQL that are run again and again: the server keeps their plans, and one message is the whole.

On Django's own connection, so in whatever transaction that one is in. The cursors of Django put values into the text,
and have it parsed and planned each time: of a large statement that takes longer than its work.
"""

from collections.abc import Mapping
from typing import Any

import psycopg
from django.db import connection

KEPT_AFTER = 0
"""Runs before a plan is kept: none."""


def run_prepared(statement: str, values: Mapping[str, Any]) -> tuple[Any, ...] | None:
    """The first row of a statement with ``%(name)s`` in it; None where it gives none. Raises Django's errors."""
    connection.ensure_connection()
    connection.validate_no_broken_transaction()
    link = connection.connection
    if link.prepare_threshold is None:  # Django's cursors keep no plans, whatever it is
        link.prepare_threshold = KEPT_AFTER
    with connection.wrap_database_errors, psycopg.Cursor(link) as cursor:
        cursor.execute(statement, values, prepare=True)
        found: tuple[Any, ...] | None = cursor.fetchone()
    return found
