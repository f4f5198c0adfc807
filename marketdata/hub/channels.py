"""Channels: what is told on each, its number, and who listens."""

from typing import Any

from marketdata.domain.ticks import BarMessage, Tick
from marketdata.hub.books import Book
from marketdata.hub.clients import FIGURES, Batch, Client, Wire
from marketdata.hub.messages import Message, bar_data, tick_data
from marketdata.hub.state import Market


class Channel:
    """One channel of a hub: every message of it has the next number, the same for all who listen.

    ``idle_since`` is when the last listener left (``time.monotonic()``), None while there is one.
    """

    def __init__(self, name: str, batch: Batch) -> None:
        self.name = name
        self._batch = batch
        self.seq = 0
        self.idle_since: float | None = None
        self.listeners: dict[Wire, dict[Client, None]] = {wire: {} for wire in Wire}
        self._snapshot: Message | None = None

    @property
    def count(self) -> int:
        """How many listen."""
        return sum(len(clients) for clients in self.listeners.values())

    def state(self) -> Any:
        """What the channel would tell somebody new."""
        raise NotImplementedError

    def snapshot(self) -> Message:
        """The state with the number that it stands at; made once for all who come before the next message."""
        if self._snapshot is None or self._snapshot.seq != self.seq:
            self._snapshot = Message("snapshot", self.name, self.seq, self.state())
        return self._snapshot

    def publish(self, data: Any, *, conflate: bool) -> None:
        """Give ``data`` to the batch for all who listen, each form of it made once."""
        self.seq += 1
        message = Message("update", self.name, self.seq, data)
        FIGURES.messages += 1
        for wire, clients in self.listeners.items():
            if not clients:
                continue
            FIGURES.sent += len(clients)
            self._batch.add(clients, message, wire.form(message), conflate=conflate)


class TickChannel(Channel):
    """The ticks of one instrument."""

    def __init__(self, name: str, batch: Batch, code: str, market: Market) -> None:
        super().__init__(name, batch)
        self._code = code
        self._market = market

    def state(self) -> Any:
        """The newest tick, None before the first."""
        tick = self._market.latest_tick(self._code)
        return None if tick is None else tick_data(tick)

    def on_tick(self, tick: Tick) -> None:
        """Tell a tick."""
        self.publish(tick_data(tick), conflate=True)


class BarChannel(Channel):
    """The bars of one instrument and interval."""

    def __init__(self, name: str, batch: Batch, book: Book) -> None:
        super().__init__(name, batch)
        self._book = book
        self._told: BarMessage | None = None

    def state(self) -> Any:
        """The last closed bars, oldest first, and the one that is forming."""
        forming = self._book.forming
        return {
            "bars": [bar_data(bar) for bar in self._book.newest()],
            "forming": None if forming is None else bar_data(forming),
        }

    def on_bar(self, bar: BarMessage) -> None:
        """Tell a closed bar: it reaches everybody."""
        self.publish(bar_data(bar), conflate=False)

    def on_forming(self) -> None:
        """Tell the forming bar, if it has changed."""
        forming = self._book.forming
        if forming is not None and forming != self._told:
            self._told = forming
            self.publish(bar_data(forming), conflate=True)


class StatusChannel(Channel):
    """Sources, market clocks and data age, once a second."""

    def __init__(self, name: str, batch: Batch, market: Market) -> None:
        super().__init__(name, batch)
        self._market = market

    def state(self) -> Any:
        """As :meth:`Market.status`."""
        return self._market.status()

    def beat(self) -> None:
        """Tell how things stand."""
        self.publish(self.state(), conflate=True)
