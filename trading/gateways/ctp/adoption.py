"""Trades that are in the ledger without a fill of their own: its figures were taken over from the broker with them."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from trading.domain.ctp.identity import SystemKey, TradeKey, system_key, trade_key
from trading.domain.offsets import Direction


class Adopted:
    """Of one trading day; it is kept with the account's state, for the broker tells all of a day's trades again."""

    def __init__(self) -> None:
        self.day: date | None = None
        self._rows: list[list[Any]] = []
        self.trades: set[TradeKey] = set()
        self._lots: dict[SystemKey, int] = {}

    def take(self, day: date, trades: Iterable[Mapping[str, Any]]) -> None:
        """These messages of trades tell what the figures hold already."""
        for trade in trades:
            key, order = trade_key(trade, day), system_key(trade, day)
            number = order.number if order else ""
            direction = int(key.direction) if key.direction else 0
            self._add(day, [key.exchange, key.symbol, key.number, direction, number, trade.get("Volume") or 0])

    def take_keys(self, day: date, keys: Iterable[TradeKey]) -> None:
        """Trades of our own orders that were heard and could not be booked."""
        for key in keys:
            direction = int(key.direction) if key.direction else 0
            self._add(day, [key.exchange, key.symbol, key.number, direction, "", 0])

    def lots_of(self, order: SystemKey) -> int:
        """So many lots of an order are in the figures."""
        return self._lots.get(order, 0)

    def kept(self) -> dict[str, Any]:
        """As JSON; empty where nothing was adopted."""
        return {"adopted": self._rows, "adopted_on": self.day.isoformat()} if self._rows and self.day else {}

    def restore(self, kept: Mapping[str, Any]) -> None:
        """Of :meth:`kept`."""
        if kept.get("adopted"):
            day = date.fromisoformat(kept["adopted_on"])
            for row in kept["adopted"]:
                self._add(day, row)

    def _add(self, day: date, row: list[Any]) -> None:
        if day != self.day:
            self.day, self._rows = day, []
            self.trades.clear()
            self._lots.clear()
        exchange, symbol, number, direction, order, volume = row
        key = TradeKey(day, exchange, symbol, number, Direction(direction) if direction else None)
        if key in self.trades:
            return
        self._rows.append(list(row))
        self.trades.add(key)
        if order:
            known = SystemKey(day, exchange, order)
            self._lots[known] = self._lots.get(known, 0) + volume
