"""One connection of the fast roads: a read is prepared once and then costs one round trip, without a cursor's objects.

It speaks through ``psycopg.pq``, psycopg's own door to libpq: cursor, pool and conversions of rows were the largest
part of what a read cost the serving process. So values go out as text, as PostgreSQL reads them, and what comes back is
the bytes of one row. What needs values as objects asks by the cursor, on the same connection.
"""

import asyncio
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import psycopg
from psycopg import AsyncConnection, pq

from quantsite.web.patient import PatientAsyncConnection

Row = tuple[bytes | None, ...]

ANSWER = 5.0
"""Seconds that a statement waits for its answer, before the connection is given up."""
STATEMENTS = 200
"""Plans kept by a connection; one with more of them is not used again, which lets go of them all."""
SETTINGS = (
    "plan_cache_mode = force_generic_plan",
    "enable_seqscan = off",
    "enable_bitmapscan = off",
    "enable_hashjoin = off",
    "enable_mergejoin = off",
    "datestyle = ISO",
    "extra_float_digits = 1",
)
"""A page along an index and its neighbours by their keys, always.

A plan is kept for all values, and made when a table may still have been empty. The server would else plan anew where
it hopes to leave out a year, and read a whole season of bars to sort fifty.
Days and numbers are written as JSON has them, whatever the server's own settings.
"""
_PLACE = re.compile(r"%\((\w+)\)s")


class _Statement(NamedTuple):
    text: bytes
    names: tuple[str, ...]


class FastLink:
    """A connection on the running event loop. After any failure it is closed: only :meth:`run` what ``usable`` is."""

    def __init__(self, connection: AsyncConnection[Any]) -> None:
        self._connection = connection
        self._server = connection.pgconn
        self._prepared: dict[str, bytes] = {}
        self._waiting: asyncio.Future[pq.abc.PGresult] | None = None
        self._result: pq.abc.PGresult | None = None
        self._socket = self._server.socket
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._socket, self._arrived)

    @classmethod
    async def made(cls, parameters: Mapping[str, Any]) -> "FastLink":
        """A new connection with our settings. Raises ``psycopg.OperationalError`` where the server is away."""
        connection = await PatientAsyncConnection.connect(**{**parameters, "autocommit": True})
        await connection.execute("; ".join(f"SET {setting}" for setting in SETTINGS))
        return cls(connection)

    @property
    def usable(self) -> bool:
        """Whether it is open, idle and not full of plans."""
        return self._server.transaction_status == pq.TransactionStatus.IDLE and len(self._prepared) < STATEMENTS

    async def run(self, sql: str, values: Mapping[str, bytes]) -> Row | None:
        """The one row of a query with ``%(name)s`` in it, a transaction of its own; None where there is none.

        Raises ``psycopg.Error`` where the server refuses it or is gone; that closes the connection, as a cancelled
        wait does.
        """
        statement = _statement(sql)
        try:
            name = self._prepared.get(sql) or await self._prepare(sql, statement)
            self._server.send_query_prepared(name, [values[key] for key in statement.names])
            return _first(await self._answered())
        except BaseException:
            await self.close()
            raise

    async def fetch(self, sql: str, values: Mapping[str, Any]) -> tuple[Any, ...] | None:
        """The first row by psycopg's cursor, values and columns as Python's objects. Raises ``psycopg.Error``."""
        self._loop.remove_reader(self._socket)  # the cursor waits by a reader of its own
        try:
            cursor = await self._connection.execute(sql, values, binary=True)
            return await cursor.fetchone()
        finally:
            if self._server.status == pq.ConnStatus.OK:
                self._loop.add_reader(self._socket, self._arrived)

    async def close(self) -> None:
        """Let go of the server; a second call does nothing."""
        if self._server.status == pq.ConnStatus.OK:
            self._loop.remove_reader(self._socket)
        await self._connection.close()

    async def _prepare(self, sql: str, statement: _Statement) -> bytes:
        name = b"fast_%d" % len(self._prepared)
        self._server.send_prepare(name, statement.text)
        await self._answered()
        self._prepared[sql] = name
        return name

    async def _answered(self) -> pq.abc.PGresult:
        """What the server says to what was sent."""
        if self._server.flush():  # it is less than the smallest buffer, and nothing else is on its way
            raise psycopg.OperationalError("the server does not take a query")
        self._waiting = self._loop.create_future()
        try:
            async with asyncio.timeout(ANSWER):
                result = await self._waiting
        except TimeoutError as error:
            raise psycopg.OperationalError(f"the database did not answer within {ANSWER:g} s") from error
        if result.status not in (pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK):
            raise psycopg.DatabaseError(result.error_message.decode(errors="replace").strip())
        return result

    def _arrived(self) -> None:
        """Read what the server sent; where nobody waits it is a notice, or its end."""
        try:
            self._server.consume_input()
            while self._waiting is not None and not self._server.is_busy():
                self._take(self._server.get_result())
        except psycopg.Error as error:
            self._loop.remove_reader(self._socket)
            self._server.finish()
            if self._waiting is not None and not self._waiting.done():
                self._waiting.set_exception(error)

    def _take(self, result: pq.abc.PGresult | None) -> None:
        """Keep a result; behind the last one comes None."""
        if result is not None:
            self._result = result
            return
        waiting, told = self._waiting, self._result
        self._waiting = self._result = None
        if waiting is not None and told is not None and not waiting.done():
            waiting.set_result(told)


@lru_cache(2_048)
def _statement(sql: str) -> _Statement:
    """The query with numbered places, and the names of its values in their order."""
    names = tuple(dict.fromkeys(_PLACE.findall(sql)))
    return _Statement(_PLACE.sub(lambda place: f"${names.index(place[1]) + 1}", sql).encode(), names)


def _first(result: pq.abc.PGresult) -> Row | None:
    if not result.ntuples:
        return None
    return tuple(result.get_value(0, column) for column in range(result.nfields))


def written(value: object) -> bytes:
    """A value as PostgreSQL reads it: a text, a number, a time in ISO 8601, or a sequence of plain words."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        return b"{%b}" % b",".join(written(item) for item in value)
    return str(value).encode()
