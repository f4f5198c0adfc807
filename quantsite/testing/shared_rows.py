"""Rows that cost long to make, made once for the tests of a file."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction
from pytest_django import DjangoDbBlocker


@contextmanager
def shared_rows(blocker: DjangoDbBlocker) -> Iterator[None]:
    """What is written inside stands to the end of the block; around it each test has its own transaction.

    For a fixture of a file whose tests do not commit; what it gives out may be changed only in a copy.
    """
    with blocker.unblock(), transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:  # what is computed in between may take its time
                cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        yield
        transaction.set_rollback(True)
