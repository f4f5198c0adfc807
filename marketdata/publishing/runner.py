"""One source of ticks: takes its lease, publishes, closes bars by its market clock, and leaves in good order."""

import threading
import time
from collections.abc import Collection
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from functools import partial
from itertools import chain, islice
from queue import Empty
from typing import Any

import structlog
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection

from accounts.leases import Held, LeaseKeeper, LeaseLostError, holder_name, take_over
from marketdata import stream
from marketdata.domain.market_clock import MarketClock
from marketdata.feeds.base import LiveSource, Published, Source
from marketdata.instruments import contract_of
from marketdata.publishing.books import FeedBooks, StreamTold, Told
from marketdata.publishing.claims import epoch_above, lease_name
from marketdata.publishing.kinds import FeedOptions, Prepared, check, prepare
from marketdata.publishing.live_player import LATE_NS, LivePlayer
from marketdata.publishing.path import TickPath
from marketdata.publishing.player import Player
from marketdata.streams.publisher import Publisher
from quantsite.common.times import NS_PER_SECOND, ns_to_utc

log = structlog.get_logger(__name__)

FLUSH_SECONDS = 5.0
AHEAD_SECONDS = 60.0
"""A generator whose clock is further ahead of the wall says so in its row."""


class FeedRunner:
    """Runs one source in the thread that calls :meth:`run`, until it ends or is told to stop."""

    def __init__(self, source: str, kind: str, options: FeedOptions | None = None) -> None:
        """Raises ``RuleError`` for a kind or options that do not fit."""
        self.source = source
        self.kind = kind
        self.options = options or FeedOptions()
        check(source, kind, self.options)

    def run(self, stop: threading.Event) -> str:
        """Publish until the source ends (gives ``finished``) or ``stop`` is set (``stopped``).

        Waits for the lease of a feed that was killed. Raises ``ConflictError`` ``lease_taken`` where another process
        publishes this source, :class:`LeaseLostError` where one took it over, ``RuleError`` for files that are none.
        """
        try:
            above = epoch_above(_newest_epoch(self.source))
            held = take_over(lease_name(self.source), holder_name(), above=above, stop=stop)
            try:
                return _Run(self, held, stop).work()
            finally:
                with suppress(DatabaseError):  # it ends by itself; what brought us here must not be hidden by this
                    held.release()
        finally:
            connection.close()


class _Run:
    """What lives from the taking of the lease to its release."""

    def __init__(self, runner: FeedRunner, held: Held, stop: threading.Event) -> None:
        self.runner = runner
        self.held = held
        self.stop = stop
        self.halt = threading.Event()
        self.lost = ""
        self.status = "starting"
        self.keeper = LeaseKeeper(held, self._on_lost).start()
        self.publisher: Publisher = stream.publisher(runner.source, held.epoch)
        self.path: TickPath | None = None
        self.clock: MarketClock | None = None
        self._live: LiveSource | None = None

    def work(self) -> str:
        """Play the source as often as the options ask; gives the last status."""
        books: FeedBooks | None = None
        ended = "stopped"
        try:
            prepared = prepare(self.runner.source, self.runner.kind, self.held.epoch, self.runner.options)
            books = self._open_books(prepared)
            log.info("feed runs", source=self.runner.source, kind=self.runner.kind, epoch=self.held.epoch)
            if prepared.live is not None:
                self._follow_live(prepared, books)
            else:
                ended = "finished" if self._play_all(prepared, books) else "stopped"
        except LeaseLostError as error:
            self._on_lost(str(error))
            raise
        finally:
            self._leave(books, ended)
        if self.lost:
            raise LeaseLostError("lease_lost", self.lost)
        return ended

    def tell(self) -> Told:
        """What stands in the row now."""
        path, clock = self.path, self.clock
        if path is None or clock is None:
            return Told(self.status, speed=self.runner.options.speed)
        now = clock.now(time.monotonic()) if clock.speed and self.status == "running" else path.market_time
        last = path.last_tick_at
        return Told(
            status=self.status if self.status != "running" or path.contracts else "waiting",
            market_time=ns_to_utc(now) if now else None,
            trading_day=date.fromisoformat(path.day) if path.day else None,
            speed=clock.speed,
            instruments=len(path.contracts),
            ticks=path.ticks,
            bars=path.bars,
            counters=self._counters(path, now),
            stream_id=self.publisher.last_id,
            last_tick_at=datetime.now(UTC) - timedelta(seconds=time.monotonic() - last) if last else None,
        )

    def _open_books(self, prepared: Prepared) -> FeedBooks:
        books = FeedBooks(
            self.runner.source,
            self.runner.kind,
            self.held,
            tell=self.tell,
            stream=lambda: StreamTold(self.publisher.trouble, self.publisher.dropped),
            introduce=prepared.introduce,
            wants=prepared.wants,
            heard=self._heard if prepared.live is not None else tuple,
        )
        books.open()
        return books

    def _heard(self) -> Collection[str]:
        """The instruments of ticks since the last call."""
        if self.path is None:
            return ()
        heard, self.path.heard = self.path.heard, set()
        return heard

    def _counters(self, path: TickPath, now: int) -> dict[str, Any]:
        publisher = self.publisher
        counters: dict[str, Any] = {
            **path.counts(),
            "pending": publisher.pending,
            "dropped": publisher.dropped,
            "sent_again": publisher.sent_again,
        }
        if self._live is not None:
            counters |= self._live.counts()
        ahead = now / NS_PER_SECOND - time.time()
        if self.runner.kind == "generator" and ahead > AHEAD_SECONDS:
            counters["ahead_of_wall_seconds"] = round(ahead)
        return counters

    def _play_all(self, prepared: Prepared, books: FeedBooks) -> bool:
        contracts = [contract_of(row) for row in prepared.instruments]
        granted = {row.code for row in books.ask(prepared.instruments)}
        while True:
            path = self._new_path(prepared)
            path.allow(contract for contract in contracts if contract.code in granted)
            finished = self._play_once(prepared.make(contracts), path, prepared, books)
            if not (finished and self.runner.options.loop):
                return finished

    def _new_path(self, prepared: Prepared) -> TickPath:
        self.path = TickPath(
            self.runner.source,
            prepared.calendar,
            self.publisher.send,
            intervals=settings.BAR_INTERVALS,
            pad=settings.PAD_BARS,
        )
        return self.path

    def _follow_live(self, prepared: Prepared, books: FeedBooks) -> None:
        """Publish what a market that does not wait for us tells, until we are to stop."""
        if prepared.live is None:
            raise TypeError("no live feed")
        source, path = prepared.live(), self._new_path(prepared)
        self._live = source
        clock = None if prepared.own_clock else MarketClock(time.time_ns() - LATE_NS, 1.0, time.monotonic())

        def follow(now: int) -> None:
            self.clock = player.clock  # that of a test front begins with its first quote
            self._follow_books(books, path, source, now)

        player = LivePlayer(path, source, clock, self.stop, self.halt.is_set, follow)
        self.clock, self.status = clock, "running"
        try:
            player.play()
        finally:
            source.close()
            self._live = None

    def _follow_books(self, books: FeedBooks, path: TickPath, source: Published, now: int) -> None:
        """What was granted meanwhile is published, what nobody wants is published no more."""
        with suppress(Empty):
            while True:
                contract = books.added.get_nowait()
                path.watch(contract, now)
                source.add(contract, now)
        with suppress(Empty):
            while True:
                code = books.removed.get_nowait()
                path.drop(code)
                source.remove(code)

    def _play_once(self, source: Source, path: TickPath, prepared: Prepared, books: FeedBooks) -> bool:
        arrivals = source.arrivals()
        first = list(islice(arrivals, 1))  # reads files: the clock begins after that
        clock = self.clock = MarketClock(prepared.begins, self.runner.options.speed, time.monotonic())
        self.status = "running"

        follow_books = partial(self._follow_books, books, path, source)
        halted, pending = self.halt.is_set, lambda: self.publisher.pending
        player = Player(path, clock, self.stop, halted, follow_books, pending, auctions=prepared.auctions)
        finished = player.play(chain(first, arrivals))
        if finished:
            path.finish()
        path.tell_clock(clock.now(time.monotonic()), 0.0)
        while finished and not self.publisher.flush(1.0) and not (self.stop.is_set() or self.halt.is_set()):
            log.warning("waiting for the stream", source=self.runner.source, pending=self.publisher.pending)
        return finished

    def _leave(self, books: FeedBooks | None, ended: str) -> None:
        """Everything published, the last state written, the instruments given up; the lease goes after that."""
        arrived = self.publisher.close(0.0 if self.lost else FLUSH_SECONDS)
        self.status = ended
        try:
            if books is not None:
                books.close(self.tell())
        finally:
            self.keeper.stop()
        log.info("feed ends", source=self.runner.source, state=ended, all_arrived=arrived)

    def _on_lost(self, reason: str) -> None:
        self.lost = self.lost or reason
        self.halt.set()


def _newest_epoch(source: str) -> int:
    """The epoch of the stream's newest frame: a database that was put back must not count below it."""
    try:
        return stream.parse_id(stream.newest_id(source)).epoch
    except stream.UnreachableError as error:
        log.warning("stream unreachable at the start", source=source, reason=str(error))
        return 0
