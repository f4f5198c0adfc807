"""One hub a process and event loop: reads the streams once, knows the market, and sends each message encoded once.

Whoever listens is a :class:`~marketdata.hub.clients.Client`; what can be listened to is a channel. The hub works
while somebody is connected and a little longer, so that a crowd that reconnects finds it warm.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from weakref import WeakKeyDictionary

import structlog
from channels.db import database_sync_to_async
from django.conf import settings
from django.db import DatabaseError
from django.utils.translation import gettext as _

from marketdata.domain.ticks import BarMessage, Clock, Message, Tick
from marketdata.hub import rows as hub_rows
from marketdata.hub.channels import Channel
from marketdata.hub.clients import Batch, Client
from marketdata.hub.forming import Forming
from marketdata.hub.lag import observe_lag
from marketdata.hub.opener import Shelf
from marketdata.hub.reader import StreamFollower
from marketdata.hub.state import Market
from marketdata.streams.reading import readable
from quantsite.common.errors import RuleError

log = structlog.get_logger(__name__)

BEAT_SECONDS = 0.25
"""Forming bars and live indicators are told at most so often: nobody reads ten a second."""
SWEEP_BEATS = 4
"""Once a second: the status channel, dead connections, idle channels."""
IDLE_SECONDS = 30.0
"""What nobody listens to any more stays warm for so long."""


class Hub:
    """The channels and connections of one event loop. Everything here runs on that loop."""

    def __init__(self) -> None:
        self.market = Market()
        self.forming = Forming()
        self.batch = Batch()
        self.shelf = Shelf(self.batch, self.market, self.forming)
        self.clients: set[Client] = set()
        self._asked: Counter[int] = Counter()
        self._reading: asyncio.Task[None] | None = None
        self._beating: asyncio.Task[None] | None = None
        self._wanted: set[str] = set()
        self._alone_since = 0.0
        self._past = False

    # --- connections ---------------------------------------------------------------------------------------

    def join(self, client: Client) -> None:
        """A new connection; with the first one the work begins."""
        self.clients.add(client)
        if self._beating is None or self._beating.done():
            self._beating = asyncio.create_task(self._beats())

    def part(self, client: Client) -> None:
        """The connection is gone; doing it twice changes nothing."""
        if client not in self.clients:
            return
        self.leave(client, list(client.channels))
        client.ended()
        self.clients.discard(client)
        self._alone_since = time.monotonic()

    def reserve(self, client: Client, names: Iterable[str]) -> None:
        """Count channels towards the user's limit, whichever of his sockets they are on.

        Raises :class:`RuleError` ``too_many_channels`` and counts none where they are too many.
        """
        new = set(names) - client.channels
        limit = settings.MARKET_CHANNELS
        if self._asked[client.user_id] + len(new) > limit:
            text = _("A user may listen to %(limit)s channels at a time: unsubscribe from some first.")
            raise RuleError("too_many_channels", text % {"limit": limit})
        self._asked[client.user_id] += len(new)
        client.channels |= new

    def listen(self, client: Client, channel: Channel) -> None:
        """Send the snapshot and every message after it. The name must be reserved."""
        if client.closed:
            return
        client.offer(channel.snapshot(), conflate=False)
        channel.listeners[client.wire][client] = None
        channel.idle_since = None

    def leave(self, client: Client, names: Iterable[str]) -> None:
        """Listen no more; names that were not asked for are ignored."""
        for name in names:
            if name not in client.channels:
                continue
            client.channels.discard(name)
            client.forget(name)
            self._count_down(client.user_id)
            channel = self.shelf.channels.get(name)
            if channel is not None:
                channel.listeners[client.wire].pop(client, None)
                if not channel.count:
                    channel.idle_since = time.monotonic()

    def _count_down(self, user_id: int) -> None:
        self._asked[user_id] -= 1
        if not self._asked[user_id]:
            del self._asked[user_id]

    # --- the market ----------------------------------------------------------------------------------------

    def on_frame(self, source: str, name: str, frame: bytes) -> None:
        """Take one frame of a stream; ``name`` is its id. One that cannot be read is logged and left out.

        What it brings waits in the batch: flush it before the loop goes on.
        """
        for message in readable(source, name, frame):
            try:
                self._on_message(source, message)
            except RuleError as error:  # such as a trading day that the calendar read at our start does not have
                log.warning("message left out", source=source, frame=name, reason=error.text)

    def on_past(self, source: str, name: str, frame: bytes) -> None:
        """Take a frame that the stream had before we came: nobody is told its ticks, minutes or hours old, as news."""
        self._past = True
        try:
            self.on_frame(source, name, frame)
        finally:
            self._past = False

    def warmed(self, source: str) -> None:
        """The past of a source is known: tell the newest tick of each instrument that somebody listens to."""
        self.market.warmed(source)
        for code, channel in self.shelf.ticks.items():
            newest = self.market.latest_tick(code)
            if newest is not None and self.market.comes_from(source, code):
                channel.on_tick(newest)

    def _on_message(self, source: str, message: Message) -> None:
        if not self.market.on_message(source, message):
            return
        if isinstance(message, Tick):
            self.forming.on_tick(message)
            channel = self.shelf.ticks.get(message.instrument)
            if channel is not None and not self._past:
                channel.on_tick(message)
        elif isinstance(message, BarMessage):
            if message.final:
                self._on_bar(message)
        elif isinstance(message, Clock):
            self.forming.on_clock(message.now, partial(self.market.comes_from, source))

    def _on_bar(self, bar: BarMessage) -> None:
        self.shelf.on_bar(bar)
        for longer in self.forming.on_bar(bar):
            if longer.interval not in settings.BAR_INTERVALS:  # those come from the feed
                self.shelf.on_bar(longer)

    # --- what happens by the clock -------------------------------------------------------------------------

    async def _beats(self) -> None:
        """Four times a second, while there is somebody, and ``IDLE_SECONDS`` longer."""
        with suppress(DatabaseError):
            await database_sync_to_async(hub_rows.clear_stale)()
        beat = 0
        while self.clients or time.monotonic() - self._alone_since < IDLE_SECONDS:
            self._keep_reading()
            due = time.monotonic() + BEAT_SECONDS
            await asyncio.sleep(BEAT_SECONDS)
            observe_lag(time.monotonic() - due)
            beat += 1
            try:
                self._tell_forming()
                if beat % SWEEP_BEATS == 0:
                    self._sweep()
                    await self._ask_database()
            except Exception:  # one instrument's trouble, whatever it is, must not silence all others
                log.exception("a beat of the market hub failed")
        self._rest()

    def _keep_reading(self) -> None:
        """Start the reader; one that has come to an end is told of and started again, warm."""
        if self._reading is not None and not self._reading.done():
            return
        if self._reading is not None and not self._reading.cancelled():
            log.error("the reader of the market hub ended", exc_info=self._reading.exception())
        follower = StreamFollower(self.on_frame, self.batch.flush, self.on_past, self.warmed)
        self._reading = asyncio.create_task(follower.run())

    def _tell_forming(self) -> None:
        moved, self.forming.moved = self.forming.moved, set()
        self.shelf.on_forming(moved)
        self.batch.flush()

    def _sweep(self) -> None:
        """Tell the status, cut dead connections, forget what has been idle for long."""
        now = time.monotonic()
        if self.shelf.status is not None:
            self.shelf.status.beat()
            self.batch.flush()
        for client in [client for client in self.clients if client.dead(now)]:
            log.info("dead socket cut", user=client.user_id, waiting=client.waiting)
            client.cut()
        idle = [
            name
            for name, channel in self.shelf.channels.items()
            if channel.idle_since is not None and now - channel.idle_since > IDLE_SECONDS
        ]
        if idle:
            self.shelf.drop(idle)

    async def _ask_database(self) -> None:
        """Learn the contracts of new codes, and let the feeds know what is wanted."""
        try:
            await self.shelf.learn(self.forming.unknown())
            wanted = self.shelf.codes()
            if wanted != self._wanted:
                await database_sync_to_async(hub_rows.want)(wanted)
                self._wanted = wanted
        except DatabaseError:
            log.warning("the hub could not use the database", exc_info=True)

    def _rest(self) -> None:
        """Nobody is left: stop reading, forget everything."""
        if self._reading is not None:
            self._reading.cancel()
        _hubs.pop(asyncio.get_running_loop(), None)


_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = WeakKeyDictionary()


def hub() -> Hub:
    """The hub of the running event loop (a web process has one)."""
    loop = asyncio.get_running_loop()
    found = _hubs.get(loop)
    if found is None:
        found = _hubs[loop] = Hub()
    return found


def hubs() -> list[Hub]:
    """Every hub of this process, for its figures."""
    return list(_hubs.values())
