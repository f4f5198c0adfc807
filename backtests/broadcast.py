"""One look at the rows for every socket of a process, twice a second, and none while nobody listens.

Worker and web process share rows only (an in-process channel layer would not cross), so the rows are asked.
"""

import asyncio
from datetime import timedelta
from typing import Any, Protocol
from weakref import WeakKeyDictionary

import structlog
from channels.db import database_sync_to_async
from django.db import DatabaseError
from django.db.models import F, Q
from django.db.models.functions import Now

from backtests.models import OPEN_STATES, BacktestRun, RunQuerySet

POLL_SECONDS = 0.5
DELIVERY_SECONDS = 2.0

JUST_FINISHED = timedelta(seconds=30)
"""Final states stay in view for this long: a poll that failed or came late still finds them."""

RunState = dict[str, Any]
"""What a socket tells of a run; keys as in the API's list."""

STATE_COLUMNS = (
    "status",
    "progress",
    "attempt",
    "cancel_requested",
    "strategy",
    "interval",
    "total_return",
    "max_drawdown",
    "sharpe",
    "trade_count",
    "error",
    "created_at",
    "started_at",
    "finished_at",
)

log = structlog.get_logger(__name__)


class Listener(Protocol):
    """A socket that wants to hear of runs."""

    async def deliver(self, states: list[RunState]) -> None:
        """Take the states of all runs that may have changed; pick what is new and allowed."""


def states_of(runs: RunQuerySet) -> list[RunState]:
    """The states of ``runs``, newest first."""
    rows = runs.order_by("-pk").values(*STATE_COLUMNS, run=F("pk"), code=F("instrument__code"))
    return [{"run": row.pop("run"), "instrument": row.pop("code"), **row} for row in rows]


def live_states() -> list[RunState]:
    """The runs that are open or have just come to their end."""
    recent = Q(status__in=OPEN_STATES) | Q(finished_at__gt=Now() - JUST_FINISHED)
    return states_of(BacktestRun.objects.all().filter(recent))


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
                states = await database_sync_to_async(live_states)()
            except DatabaseError:
                log.warning("backtest sockets could not read the rows", exc_info=True)
                continue
            for listener in list(self._listeners):
                await self._deliver(listener, states)

    async def _deliver(self, listener: Listener, states: list[RunState]) -> None:
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
