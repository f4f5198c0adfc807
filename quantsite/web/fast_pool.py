"""Connections for the fast roads: a few for each event loop, made when first asked."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from weakref import WeakKeyDictionary

import psycopg
from django.db import connections

from quantsite.web.fast_link import ANSWER, FastLink
from quantsite.web.patient import answers_within

MOST = 4
"""Connections of one process: a query takes less than a millisecond, and Django has a pool of its own beside."""
PATIENCE = 2.0
"""Seconds that a request waits for one, before it takes the other road."""
PREPARE_AFTER = 2
"""Runs of a statement by the cursor before the server keeps its plan: planning takes longer than the query."""


class _Links:
    """Those of one event loop: the idle ones, of which the last one used is used next, and turns for the rest."""

    def __init__(self) -> None:
        self.idle: list[FastLink] = []
        self.turns = asyncio.Semaphore(MOST)

    async def take(self) -> FastLink:
        """A connection, to be given back. Raises ``psycopg.OperationalError`` where there is none in time."""
        if self.idle and not self.turns.locked() and self.idle[-1].usable:
            await self.turns.acquire()  # at once
            return self.idle.pop()
        try:
            async with asyncio.timeout(PATIENCE):
                await self.turns.acquire()
                return await self._one()
        except TimeoutError as error:
            raise psycopg.OperationalError(f"no connection within {PATIENCE:g} s") from error

    def give_back(self, link: FastLink) -> None:
        """For whoever is next; whether it still is of use is looked at then."""
        self.idle.append(link)
        self.turns.release()

    async def _one(self) -> FastLink:
        """An idle one or a new one; where there is neither the turn is given back."""
        try:
            while self.idle:
                link = self.idle.pop()
                if link.usable:
                    return link
                await link.close()
            return await FastLink.made(_parameters())
        except BaseException:
            self.turns.release()
            raise


_links: WeakKeyDictionary[asyncio.AbstractEventLoop, _Links] = WeakKeyDictionary()


@asynccontextmanager
async def connection() -> AsyncIterator[FastLink]:
    """A connection; every statement on it is a transaction of its own.

    Raises ``psycopg.OperationalError`` where none is free or can be made in time, or no answer comes.
    """
    loop = asyncio.get_running_loop()
    links = _links.get(loop)
    if links is None:
        links = _links[loop] = _Links()
    link = await links.take()
    try:
        with answers_within(ANSWER):
            yield link
    finally:
        links.give_back(link)


async def close() -> None:
    """Close the idle connections of the running loop, if it has any."""
    links = _links.pop(asyncio.get_running_loop(), None)
    for link in links.idle if links else ():
        await link.close()


def _parameters() -> Mapping[str, Any]:
    parameters: dict[str, Any] = connections["default"].get_connection_params()
    for of_django in ("context", "cursor_factory"):
        parameters.pop(of_django)
    if parameters["prepare_threshold"] is None:
        parameters["prepare_threshold"] = PREPARE_AFTER
    return parameters
