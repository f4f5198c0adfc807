"""Connections for the fast reads: a small pool of asynchronous ones for each event loop, made when first asked."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from weakref import WeakKeyDictionary

from django.db import connections
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

MOST = 4
"""Connections of one process: a query takes less than a millisecond, and Django has a pool of its own beside."""
PATIENCE = 2.0
"""Seconds that a request waits for one, before it takes the other road."""
PREPARE_AFTER = 2
"""Runs of a query on a connection before the server keeps its plan: planning takes longer than the query."""

Pool = AsyncConnectionPool[AsyncConnection[Any]]

_pools: WeakKeyDictionary[asyncio.AbstractEventLoop, Pool] = WeakKeyDictionary()


@asynccontextmanager
async def connection() -> AsyncIterator[AsyncConnection[Any]]:
    """A connection for one statement; every statement is a transaction of its own.

    Raises ``psycopg.OperationalError`` where none is free or can be made in time.
    """
    loop = asyncio.get_running_loop()
    pool = _pools.get(loop)
    if pool is None:
        pool = _pools[loop] = _made()
    if pool.closed:
        await pool.open()
    async with pool.connection(timeout=PATIENCE) as link:
        yield link


async def close() -> None:
    """Close the connections of the running loop, if it has any."""
    pool = _pools.pop(asyncio.get_running_loop(), None)
    if pool is not None:
        await pool.close()


def _made() -> Pool:
    parameters: dict[str, Any] = connections["default"].get_connection_params()
    for of_django in ("context", "cursor_factory"):
        parameters.pop(of_django)
    if parameters["prepare_threshold"] is None:
        parameters["prepare_threshold"] = PREPARE_AFTER
    parameters["autocommit"] = True
    return AsyncConnectionPool(
        kwargs=parameters, configure=_configure, min_size=1, max_size=MOST, open=False, name="fast-reads"
    )


async def _configure(link: AsyncConnection[Any]) -> None:
    """Have a kept plan used whatever the values: the server would else plan anew where it hopes to leave out a year."""
    await link.execute("SET plan_cache_mode = force_generic_plan")
