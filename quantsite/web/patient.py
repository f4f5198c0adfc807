"""Connections to PostgreSQL that do not wait for an answer for ever.

A server that is stopped, or a network that swallows what is sent, keeps its connections open and says nothing. Whoever
must do something else then says for how long an answer is worth waiting for; after that the connection is closed, and
whether the statement was carried out is unknown, as with every connection that breaks.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import psycopg
from psycopg.errors import IdleInTransactionSessionTimeout
from psycopg.pq import TransactionStatus
from psycopg.pq.abc import PGconn

_seconds: ContextVar[float | None] = ContextVar("seconds", default=None)


@contextmanager
def answers_within(seconds: float) -> Iterator[None]:
    """Inside, in this thread and what inherits its context, no statement waits longer for the database.

    One that does raises ``OperationalError``, Django's where Django asked. Without PostgreSQL nothing changes.
    """
    before = _seconds.set(seconds)
    try:
        yield
    finally:
        _seconds.reset(before)


class PatientConnection(psycopg.Connection[Any]):
    """Keeps to :func:`answers_within`; for the pool (``quantsite.env.postgres``)."""

    def wait(self, gen: Any, *given: Any, **named: Any) -> Any:
        """What the server says. Raises ``OperationalError`` where it says nothing in time."""
        try:
            return super().wait(gen, *given, **{"timeout": _seconds.get(), **named})
        except psycopg.OperationalError as error:
            _give_up(self.pgconn, error)
            raise
        except IdleInTransactionSessionTimeout as error:  # the server has gone, which psycopg calls an internal error
            raise psycopg.OperationalError(str(error)) from error


class PatientAsyncConnection(psycopg.AsyncConnection[Any]):
    """The same on an event loop; for the fast roads (``fast_link.py``)."""

    async def wait(self, gen: Any, *given: Any, **named: Any) -> Any:
        """What the server says. Raises ``OperationalError`` where it says nothing in time."""
        try:
            return await super().wait(gen, *given, **{"timeout": _seconds.get(), **named})
        except psycopg.OperationalError as error:
            _give_up(self.pgconn, error)
            raise


def _give_up(server: PGconn, error: psycopg.OperationalError) -> None:
    """Close a connection that still waits: an answer that came now would be taken for that of the next statement.

    Raises ``OperationalError`` that says so; where the connection broke by itself there is nothing to do.
    """
    seconds = _seconds.get()
    if seconds is None or server.transaction_status != TransactionStatus.ACTIVE:
        return
    server.finish()
    raise psycopg.OperationalError(f"the database did not answer within {seconds:g} s") from error
