"""One look at the rows for every socket of a process, twice a second, and none while nobody listens.

Worker and web process share rows only (an in-process channel layer would not cross), so the rows are asked.
"""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Protocol
from weakref import WeakKeyDictionary

import structlog
from channels.db import database_sync_to_async
from django.db import DatabaseError

from backtests.models import RunQuerySet
from backtests.topics import BACKTESTS, TOPICS, State, Topic

POLL_SECONDS = 0.5
DELIVERY_SECONDS = 2.0

log = structlog.get_logger(__name__)


class Listener(Protocol):
    """A socket that wants to hear of runs or strategies."""

    def topics(self) -> set[Topic]:
        """What it listens to."""

    async def deliver(self, states: Mapping[str, list[State]]) -> None:
        """Take the states of all that may have changed, by topic; pick what is new and allowed."""


def states_of(runs: RunQuerySet) -> list[State]:
    """The states of backtest runs, newest first."""
    return BACKTESTS.states(runs)


def live_states(topics: Iterable[Topic] = TOPICS) -> dict[str, list[State]]:
    """Of each topic, by the name of its channel of all, what is open or has just come to its end."""
    return {topic.every: topic.live() for topic in topics}


class RunHub:
    """The listeners of one event loop and the task that looks at the rows for them."""

    def __init__(self) -> None:
        self._listeners: set[Listener] = set()
        self._task: asyncio.Task[None] | None = None

    def add(self, listener: Listener) -> None:
        """Start to listen; adding twice changes nothing."""
        self._listeners.add(listener)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._watch())

    def remove(self, listener: Listener) -> None:
        """Stop listening; with the last one the looking ends."""
        self._listeners.discard(listener)
        if not self._listeners and self._task is not None:
            self._task.cancel()
            self._task = None

    async def _watch(self) -> None:
        while self._listeners:
            await asyncio.sleep(POLL_SECONDS)
            try:
                states = await database_sync_to_async(live_states)(self._wanted())
            except DatabaseError:
                log.warning("backtest sockets could not read the rows", exc_info=True)
                continue
            for listener in list(self._listeners):
                await self._deliver(listener, states)

    def _wanted(self) -> list[Topic]:
        """The topics that somebody listens to: rows of others are not read."""
        wanted = set[Topic]().union(*(listener.topics() for listener in self._listeners))
        return [topic for topic in TOPICS if topic in wanted]

    async def _deliver(self, listener: Listener, states: Mapping[str, list[State]]) -> None:
        """One socket that is closing, or whose reader has stopped, neither ends nor holds up the others."""
        try:
            async with asyncio.timeout(DELIVERY_SECONDS):
                await listener.deliver(states)
        except DatabaseError:
            log.warning("backtest sockets could not read the rows", exc_info=True)
        except Exception:  # whatever the server raises for a socket on its way out
            log.info("backtest socket let go", exc_info=True)
            self._listeners.discard(listener)


_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, RunHub] = WeakKeyDictionary()


def hub() -> RunHub:
    """The hub of the running event loop (a web process has one)."""
    return _hubs.setdefault(asyncio.get_running_loop(), RunHub())
