"""Somebody who trades on a stream of ticks over REST, by a seed, and a client of the trading socket beside him."""

import json
import random
import threading
from contextlib import suppress
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from marketdata import stream
from marketdata.domain.ticks import Tick, unframe
from trading.tests.desk_processes import Client
from trading.tests.folding import Fold

STEP = 5.0
"""The price tick of rubber."""


class Quotes(threading.Thread):
    """The newest tick of the stream, as a trader's screen has it."""

    def __init__(self, source: str) -> None:
        super().__init__(daemon=True)
        self.source = source
        self.tick: Tick | None = None
        self.heard = 0
        self.over = threading.Event()

    @property
    def time(self) -> int:
        """The market's time as the last tick tells it (ns UTC); 0 before."""
        return 0 if self.tick is None else self.tick.time

    def run(self) -> None:
        reader = stream.reader(self.source)
        while not self.over.is_set():
            for _name, data in reader.read(100, 500):
                for message in unframe(data):
                    if isinstance(message, Tick):
                        self.tick = self.tick if message.flags else message
                        self.heard += 1
        reader.close()


class Listener(threading.Thread):
    """A client of the trading socket that folds what it hears."""

    def __init__(self, origin: str, token: str) -> None:
        super().__init__(daemon=True)
        self.fold = Fold()
        protocols: Any = ["quantsite.v1", f"bearer.{token}"]
        address = origin.replace("http", "ws") + "/ws/trading/"
        self.address, self.protocols = address, protocols
        self.link: ClientConnection | None = None

    def run(self) -> None:
        with connect(self.address, subprotocols=self.protocols) as self.link:
            self._hear(self.link)

    def end(self) -> None:
        """Hang up."""
        if self.link is not None:
            self.link.close()
        self.join()

    def _hear(self, link: ClientConnection) -> None:
        link.send(json.dumps({"op": "subscribe", "id": 1, "channels": ["accounts"]}))
        with suppress(ConnectionClosed):
            for text in link:
                message = json.loads(text)
                if (message["channel"] or "").startswith("account:"):
                    self.fold.hear(message)


class Trader:
    """Draws what to do next from a seed and the quotes."""

    def __init__(self, client: Client, quotes: Quotes, account: str, instrument: str, seed: int) -> None:
        self.client = client
        self.names = {"account": account, "instrument": instrument}
        self.quotes = quotes
        self.drawn = random.Random(seed)  # noqa: S311 - repeatable, not secret
        self.placed = self.cancelled = 0
        self.numbers: list[int] = []
        self.working: list[int] = []
        self.days: set[int] = set()

    def act(self) -> None:
        """One order, or a cancel of one that may still work."""
        tick = self.quotes.tick
        if tick is None or tick.bid_price <= 0 or tick.ask_price <= 0:
            return
        begins = tick.trading_day not in self.days
        if begins and len(self.days) == 0:
            self.days.add(tick.trading_day)
            for direction, volume in (("buy", 9), ("sell", 7)):  # carried over the night
                self._send(tick, direction, "open", "limit", 4, volume)
        elif self.working and self.drawn.random() < 0.25:
            self._cancel()
        else:
            self.days.add(tick.trading_day)
            offsets = ["open", "open", "auto", "close_today", "close"] if len(self.days) > 1 else ["open"]
            direction, offset = self.drawn.choice(["buy", "sell"]), self.drawn.choice(offsets)
            kind = self.drawn.choice(["limit", "limit", "limit", "fak", "fok", "stop"])
            self._send(tick, direction, offset, kind, self.drawn.randrange(-6, 3), self.drawn.randrange(1, 6))

    def untaken(self, fold: Fold) -> int:
        """How many of the orders placed the desk has not taken, as far as the socket has told."""
        taken = {number for number, order in list(fold.orders.items()) if order["status"] != "pending"}
        return len(set(self.numbers) - taken)

    def _send(self, tick: Tick, direction: str, offset: str, kind: str, better: int, volume: int) -> None:
        """``better``: ticks beyond the other side's quote."""
        sign = 1 if direction == "buy" else -1
        price = (tick.ask_price if sign > 0 else tick.bid_price) + sign * better * STEP
        body = {
            **self.names,
            "direction": direction,
            "offset": offset,
            "type": kind,
            "volume": volume,
            "client_order_id": f"t-{self.placed}",
            "price": None if kind == "stop" else price,
            "stop_price": tick.last + sign * STEP * self.drawn.randrange(1, 4) if kind == "stop" else None,
        }
        told = self.client.post("orders/", body)
        assert told.status_code == 201, told.text
        if self.placed % 10 == 0:  # an answer that got lost: the same again
            again = self.client.post("orders/", body)
            assert (again.status_code, again.json()["id"]) == (200, told.json()["id"])
        self.placed += 1
        self.numbers.append(told.json()["id"])
        self.working.append(told.json()["id"])

    def _cancel(self) -> None:
        number = self.working.pop()  # the newest one may still work
        told = self.client.post(f"orders/{number}/cancel/")
        assert told.status_code == 202 or told.json()["code"] == "order_final", told.text
        self.cancelled += told.status_code == 202
