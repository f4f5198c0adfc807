"""The orders of one trading day by every key that CTP names them with, and the trades that have been counted."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple

from trading.domain.ctp.folding import CtpOrder
from trading.domain.ctp.identity import Fields, SentKey, SystemKey, TradeKey, sent_key, system_key
from trading.domain.ctp.orders import End, Leg


class Found(NamedTuple):
    """An order, and which of its exchange orders is meant."""

    order: CtpOrder
    leg: Leg


@dataclass(frozen=True, slots=True)
class DayRows:
    """What the rows say of a trading day: every order with its keys, and every trade that is booked."""

    orders: Iterable[CtpOrder] = ()
    trades: Iterable[TradeKey] = ()


@dataclass
class CtpBook:
    """Orders by their number here (below 0 until a stranger's row is made), and by CTP's keys."""

    day: date | None = None
    orders: dict[int, CtpOrder] = field(default_factory=dict)
    trades: set[TradeKey] = field(default_factory=set)
    parked: dict[SystemKey, list[dict[str, Any]]] = field(default_factory=dict)
    _sent: dict[SentKey, Found] = field(default_factory=dict)
    _numbered: dict[SystemKey, Found] = field(default_factory=dict)

    def begin(self, day: date, rows: DayRows) -> None:
        """Forget another day, and know what the rows say of this one; orders at hand stay as they are."""
        if self.day not in {day, None}:
            for table in (self.orders, self.trades, self.parked, self._sent, self._numbered):
                table.clear()
        self.day = day
        self.trades.update(rows.trades)
        for order in rows.orders:
            self.add(self.orders.get(order.order_id, order))

    def add(self, order: CtpOrder) -> None:
        """Find the order by every key that it has."""
        self.orders[order.order_id] = order
        for leg in order.legs:
            self.index(order, leg)

    def index(self, order: CtpOrder, leg: Leg) -> SystemKey | None:
        """Find it by what is known of it now; gives the exchange's key of it."""
        if leg.key is not None:
            self._sent[leg.key] = Found(order, leg)
        if self.day is None or not leg.number.strip():
            return None
        key = SystemKey(self.day, order.exchange, leg.number.strip())
        self._numbered[key] = Found(order, leg)
        return key

    def rename(self, order: CtpOrder, order_id: int) -> None:
        """A stranger has its row now."""
        del self.orders[order.order_id]
        order.order_id = order_id
        self.orders[order_id] = order

    def find(self, fields: Fields) -> Found | None:
        """The order of a push, of a row of a query or of a refusal; None where it is nobody's here.

        One that was given up as never arrived is none of ours any more: what becomes of it is booked as a stranger's.
        """
        key = sent_key(fields)
        found = self._sent.get(key) if key is not None else None
        if found is None and self.day is not None:
            number = system_key(fields, self.day)
            found = self._numbered.get(number) if number is not None else None
        return None if found is None or found.leg.end is End.ABSENT else found

    def owner_of(self, trade: Fields) -> Found | None:
        """The order of a trade: it has no FrontID and no SessionID."""
        key = None if self.day is None else system_key(trade, self.day)
        return self._numbered.get(key) if key is not None else None

    def park(self, trade: dict[str, Any]) -> None:
        """Keep a trade until somebody tells which order it is of."""
        key = None if self.day is None else system_key(trade, self.day)
        if key is not None and trade not in self.parked.setdefault(key, []):
            self.parked[key].append(trade)

    def unpark(self, key: SystemKey | None) -> list[dict[str, Any]]:
        """The trades that waited for this order."""
        return self.parked.pop(key, []) if key is not None else []

    def incomplete(self) -> bool:
        """Whether an order tells of lots whose trades have not come."""
        return any(order.filled < order.traded for order in self.orders.values())

    def at_work(self) -> list[CtpOrder]:
        """Orders that may still fill."""
        return [order for order in self.orders.values() if not order.over]
