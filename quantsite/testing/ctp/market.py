"""Quotes of the fake front: prices that a test sets, and recorded ticks, told to md subscribers."""

import csv
import gzip
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from quantsite.testing.ctp.books import Investor
from quantsite.testing.ctp.contracts import money
from quantsite.testing.ctp.exchange import Exchange
from quantsite.testing.ctp.lines import Asked
from quantsite.testing.ctp.structs import STRUCTS

DEPTH = STRUCTS["CThostFtdcDepthMarketDataField"]
EMPTY = {name: None for name, zero in zip(DEPTH.NAMES, DEPTH.ZEROS, strict=True) if isinstance(zero, float)}
TEXTS = frozenset(name for name, zero in zip(DEPTH.NAMES, DEPTH.ZEROS, strict=True) if isinstance(zero, str))
COUNTS = frozenset(name for name, zero in zip(DEPTH.NAMES, DEPTH.ZEROS, strict=True) if isinstance(zero, int))


def recorded(path: Path) -> Iterator[dict[str, Any]]:
    """Depth messages of a recorded file, missing prices as None (told as DBL_MAX)."""
    with gzip.open(path, "rt", newline="") as lines:
        for row in csv.DictReader(lines):
            yield {name: _read(name, text) for name, text in row.items() if name in DEPTH.PLACES}


def _read(name: str, text: str) -> Any:
    if name in TEXTS:
        return text
    if name in COUNTS:
        return int(text or 0)
    return None if text in ("", "N/A") else float(text)


class Market(Exchange):
    """Base of :class:`Front`: prices."""

    investors: dict[tuple[str, str], Investor]

    def accounts(self) -> list[Investor]:
        return list(self.investors.values())

    def price(
        self, symbol: str, last: float, bid: float | None = None, ask: float | None = None, **fields: Any
    ) -> None:
        """A new price: resting orders that it crosses trade, subscribers hear a tick."""
        with self.lock:
            contract = self.contracts[symbol]
            contract.last = money(last)
            contract.bid = money(last if bid is None else bid)
            contract.ask = money(last if ask is None else ask)
            self.crossed(symbol)
            self.tick(symbol, **fields)

    def tick(self, symbol: str, **fields: Any) -> None:
        """A depth message with the contract's prices and any ``fields`` of its own (None is DBL_MAX)."""
        contract = self.contracts[symbol]
        dates = {"TradingDay": self.day, "ActionDay": self.natural or self.day}
        if self.natural:
            dates |= {"DCE": {"ActionDay": self.day}, "CZCE": {"TradingDay": self.natural}}.get(contract.exchange, {})
        self.depth({**EMPTY, **contract.snapshot(), **dates, "UpdateTime": self.time, **fields})

    def depth(self, message: dict[str, Any]) -> None:
        """Tell one depth message to who subscribed its instrument; it is the snapshot of later subscribers."""
        with self.lock:
            symbol = message["InstrumentID"]
            known = self.contracts.get(symbol)
            if known is not None:
                known.depth = message
            for peer in self.peers.values():
                if symbol in peer.symbols and peer.connected:
                    self.say(peer, "OnRtnDepthMarketData", (message,))

    def play(self, messages: Iterable[dict[str, Any]], rate: float, count: int) -> int:
        """Tell up to ``count`` messages at ``rate`` a second from this thread; gives how many were told."""
        told, start = 0, time.perf_counter()
        for message in messages:
            if told >= count:
                break
            wait = start + told / rate - time.perf_counter()
            if wait > 0:
                time.sleep(wait)
            self.depth(message)
            told += 1
        return told

    def subscribed(self, asked: Asked) -> None:
        """``SubscribeMarketData``: an answer each, and the last snapshot, however old it is."""
        for number, symbol in enumerate(asked.fields, 1):
            asked.peer.symbols.add(symbol)
            row, last = {"InstrumentID": symbol}, number == len(asked.fields)
            self.say(asked.peer, "OnRspSubMarketData", (row, {"ErrorID": 0, "ErrorMsg": ""}, asked.number, last))
            contract = self.contracts.get(symbol)
            if contract is not None and contract.depth:
                self.say(asked.peer, "OnRtnDepthMarketData", (contract.depth,))

    def unsubscribed(self, asked: Asked) -> None:
        """``UnSubscribeMarketData``."""
        for number, symbol in enumerate(asked.fields, 1):
            asked.peer.symbols.discard(symbol)
            row, last = {"InstrumentID": symbol}, number == len(asked.fields)
            self.say(asked.peer, "OnRspUnSubMarketData", (row, None, asked.number, last))
