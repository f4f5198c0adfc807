"""The way to an exchange, as the account's loop sees it: the simulated exchange and CTP look the same from here.

An order is handed over after it has been recorded as being handed over; what becomes of it comes back as reports. A
gateway never decides about money or positions, and never reports to anybody but the loop that asks it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple, Protocol

from marketdata.domain.ticks import Tick
from trading.domain.account_orders import Part
from trading.domain.checks import Reason
from trading.domain.events import Event
from trading.domain.offsets import Direction
from trading.domain.order import OrderType


@dataclass(frozen=True, slots=True)
class Outgoing:
    """An order for an exchange: prices in the quoted unit (NaN where the type has none), ``volume`` in lots.

    ``parts`` are the offsets it is to be sent under, in the order in which fills use them up. Of one that is restored
    after a restart ``traded`` lots are filled, and ``memory`` is what :meth:`Gateway.order_memory` gave. ``foreign``:
    another terminal sent it.
    """

    order_id: int
    instrument: str
    direction: Direction
    type: OrderType
    price: float
    stop_price: float
    volume: int
    parts: tuple[Part, ...] = ()
    cancel_requested: bool = False
    traded: int = 0
    foreign: bool = False
    memory: Mapping[str, Any] = field(default_factory=dict)


class Report(NamedTuple):
    """Something that happened to an order."""

    order_id: int
    event: Event


class Stranger(NamedTuple):
    """An order that another terminal of the account sent. ``number`` names it until it has a row: below 0.

    ``price`` is None for an order without a limit.
    """

    number: int
    client_order_id: str
    code: str
    direction: Direction
    type: OrderType
    price: float | None
    part: Part
    day: date


class Gateway(Protocol):
    """Called from one thread only."""

    resends: bool
    """Whether an order that was being handed over when the process died is handed over again at the restart."""

    @property
    def day(self) -> date | None:
        """The trading day that the exchange's side is on; None where it has none of its own, or has not told it."""
        ...

    def objection(self, order: Outgoing, *, opening: bool, live: bool) -> Reason | None:
        """Why an order is not sent, asked before anything is frozen for it; ``live``: the account may trade live."""
        ...

    def prepare(self, order: Outgoing, now: int) -> None:
        """Allot what names the order to the exchange: it is stored as its memory with the order's handing over."""
        ...

    def work(self) -> None:
        """Take what was heard, and do what is due; called in every turn."""
        ...

    def flush(self) -> None:
        """What was reported and remembered is stored: send what waited for that."""
        ...

    def strangers(self) -> list[Stranger]:
        """Orders of other terminals since the last call: each gets its row before the reports are taken."""
        ...

    def known(self, number: int, order_id: int | None) -> None:
        """The row of a stranger; None where it cannot have one."""
        ...

    def books_ready(self, day: date, *, adopted: bool = False) -> None:
        """The ledger stands on this trading day. ``adopted``: its figures are the broker's, with all heard so far."""
        ...

    def restore(self, orders: Sequence[Outgoing], memory: Mapping[str, Any]) -> None:
        """Go on where an earlier process stopped: the working orders that it had recorded as handed over."""
        ...

    def send(self, order: Outgoing, now: int) -> None:
        """Hand an order over; ``now`` is the market clock (ns UTC)."""
        ...

    def cancel(self, order_id: int, now: int) -> None:
        """Ask for the withdrawal of an order."""
        ...

    def on_tick(self, tick: Tick) -> None:
        """A tick of an instrument in which orders may rest."""
        ...

    def on_clock(self, instrument: str, now: int) -> None:
        """The market clock of an instrument has moved on."""
        ...

    def expire(self, instrument: str, now: int) -> None:
        """The trading day of an instrument is over."""
        ...

    def reports(self) -> list[Report]:
        """What happened since the last call, in order."""
        ...

    def order_memory(self, order_id: int) -> dict[str, Any]:
        """What must be kept of an order to restore it; stored in the transaction of the reports that were taken."""
        ...

    def memory(self) -> dict[str, Any]:
        """What must be kept beside the orders."""
        ...

    def doubtful(self, seconds: float) -> list[int]:
        """The orders of which nobody could tell for so long whether they have arrived."""
        ...

    def close(self) -> None:
        """Let go of everything."""
        ...
