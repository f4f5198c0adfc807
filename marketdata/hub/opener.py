"""Opens channels: looks whether there is such a thing, loads the bars behind it, and shares both among all who ask."""

import asyncio
from collections.abc import Hashable, Iterable
from functools import partial
from typing import Any

from channels.db import database_sync_to_async

from marketdata.domain.intervals import DAY
from marketdata.domain.live_indicator import live_indicator
from marketdata.domain.ticks import BarMessage
from marketdata.hub import rows as hub_rows
from marketdata.hub.books import SHOWN, Book
from marketdata.hub.channels import BarChannel, Channel, StatusChannel, TickChannel
from marketdata.hub.clients import Batch
from marketdata.hub.forming import MINUTE, Forming
from marketdata.hub.indicators import IndicatorChannel, bars_before
from marketdata.hub.names import STATUS, ChannelName, parse_channel
from marketdata.hub.state import Market

BookKey = tuple[str, str]
BarListener = BarChannel | IndicatorChannel


class Shelf:
    """The open channels and books of a hub, by what they are about."""

    def __init__(self, batch: Batch, market: Market, forming: Forming) -> None:
        self._batch = batch
        self.channels: dict[str, Channel] = {}
        self.ticks: dict[str, TickChannel] = {}
        self.books: dict[BookKey, Book] = {}
        self.bars: dict[BookKey, list[BarListener]] = {}
        self.status: StatusChannel | None = None
        self._market = market
        self._forming = forming
        self._learned: set[str] = set()
        self._opening: dict[str, asyncio.Task[Channel]] = {}
        self._loading: dict[BookKey, asyncio.Task[Book]] = {}

    async def open(self, text: str) -> Channel:
        """The channel of this name, opened if need be.

        Raises :class:`RuleError` for a name that leads nowhere, with the likely one.
        """
        name = parse_channel(text)
        key = str(name)
        found = self.channels.get(key)
        if found is not None:
            return found
        task = self._opening.get(key)
        if task is None:
            task = self._opening[key] = asyncio.create_task(self._make(key, name))
            task.add_done_callback(partial(_finished, self._opening, key))
        return await asyncio.shield(task)  # one of those who wait may leave

    def drop(self, names: Iterable[str]) -> None:
        """Forget channels, and books that no channel rests on any more."""
        for name in names:
            channel = self.channels.pop(name)
            about = parse_channel(name)
            if about.kind == STATUS:
                self.status = None
            elif about.kind == "tick":
                self.ticks.pop(about.code)
            elif isinstance(channel, BarChannel | IndicatorChannel):
                self.bars[about.code, about.interval].remove(channel)
        for key in [key for key, listeners in self.bars.items() if not listeners]:
            del self.bars[key]
        opening = {(name.code, name.interval) for name in map(parse_channel, self._opening)}
        needed = set(self.bars) | opening | set(self._loading)
        used = needed | {(code, MINUTE) for code, _interval in needed}
        for code, interval in [key for key in self.books if key not in used]:
            del self.books[code, interval]
            self._forming.leave(code, interval)

    def codes(self) -> set[str]:
        """The instruments that open channels are about."""
        return {parse_channel(name).code for name in self.channels} - {""}

    def on_bar(self, bar: BarMessage) -> None:
        """A closed bar from the stream: into its book, and on to its channels."""
        key = (bar.instrument, bar.interval)
        book = self.books.get(key)
        if book is not None:
            book.add(bar)
            for listener in self.bars.get(key, ()):
                listener.on_bar(bar)

    def on_forming(self, codes: set[str]) -> None:
        """Tell the forming bars of instruments that moved."""
        for (code, interval), listeners in self.bars.items():
            if code in codes:
                self.books[code, interval].forming = self._forming.current(code, interval)
                for listener in listeners:
                    listener.on_forming()

    async def learn(self, codes: Iterable[str]) -> None:
        """Make the forming bars of these instruments from now on; those that are not stored are asked for once."""
        new = [code for code in codes if code not in self._learned]
        self._learned.update(new)
        try:
            found = await database_sync_to_async(hub_rows.contracts)(new) if new else []
        except BaseException:  # a database that was away is asked again
            self._learned.difference_update(new)
            raise
        for contract in found:
            self._forming.add(contract, self._market.now(contract.code))

    async def _make(self, key: str, name: ChannelName) -> Channel:
        if name.kind == STATUS:
            self.status = StatusChannel(key, self._batch, self._market)
            self.channels[key] = self.status
            return self.status
        await database_sync_to_async(hub_rows.check_instrument)(name.code)
        if name.kind == "tick":
            self.ticks[name.code] = TickChannel(key, self._batch, name.code, self._market)
            self.channels[key] = self.ticks[name.code]
            return self.channels[key]
        channel = await (self._indicator(key, name) if name.indicator else self._bar(key, name))
        self.bars.setdefault((name.code, name.interval), []).append(channel)
        self.channels[key] = channel
        return channel

    async def _bar(self, key: str, name: ChannelName) -> BarListener:
        return BarChannel(key, self._batch, await self._book(name.code, name.interval))

    async def _indicator(self, key: str, name: ChannelName) -> BarListener:
        # In a thread: the first one loads TA-Lib, which takes a second.
        live = await asyncio.to_thread(live_indicator, name.indicator, dict(name.parameters))
        book = await self._book(name.code, name.interval)
        bars = await database_sync_to_async(hub_rows.last_bars)(name.code, name.interval, bars_before(live))
        channel = IndicatorChannel(key, self._batch, book, live)
        channel.warm(bars)
        return channel

    async def _book(self, code: str, interval: str) -> Book:
        key = (code, interval)
        book = self.books.get(key)
        if book is not None and book.loaded:
            return book
        task = self._loading.get(key)
        if task is None:
            task = self._loading[key] = asyncio.create_task(self._load(code, interval))
            task.add_done_callback(partial(_finished, self._loading, key))
        return await asyncio.shield(task)

    async def _load(self, code: str, interval: str) -> Book:
        """Bars that close while the stored ones are read go into the book already."""
        book = self.books[code, interval] = Book(code, interval)
        for bar in self._market.recent_bars(code, interval):
            book.add(bar)
        book.load(await database_sync_to_async(hub_rows.last_bars)(code, interval, SHOWN))
        await self.learn([code])
        if interval not in (MINUTE, DAY):
            minutes = await self._book(code, MINUTE)
            self._forming.follow(code, interval, minutes.newest())
        book.forming = self._forming.current(code, interval)
        return book


def _finished(tasks: dict[Any, Any], key: Hashable, task: asyncio.Task[Any]) -> None:
    """Forget a task; its error was told to those who still waited."""
    tasks.pop(key, None)
    if not task.cancelled():
        task.exception()
