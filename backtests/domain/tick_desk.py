"""The desk of a run on ticks: orders go to the matcher of the simulated exchange, the same that paper trading has."""

import math
from collections import deque
from dataclasses import dataclass

import numpy as np

from backtests.domain.tick_account import TickAccount
from marketdata.domain.bars import VALUE_COLUMNS, Bar, BarSeries
from marketdata.domain.ticks import Tick
from quantsite.common.errors import RuleError
from quantsite.common.numbers import round_to_tick
from quantsite.common.texts import say, unsaid
from strategies.domain.strategy import Reply
from trading.domain.offsets import Direction
from trading.domain.order import OrderType
from trading.domain.simulated.matcher import InstrumentMatcher
from trading.domain.simulated.orders import MatchOrder
from trading.domain.simulated.outcomes import Outcome

REMEMBERED = 10_000
"""So many traded ticks ``history`` looks back on."""

_BARS_ONLY = {
    "reply": unsaid("Replies are for runs on bars: on ticks place the next order in on_order_update."),
    "to_target": unsaid("Orders to a target are for runs on bars: on ticks give the volume."),
    "wake": unsaid("Wakes are for runs on bars: on ticks look at each tick in on_tick."),
}


@dataclass(slots=True)
class Placed:
    """An order under way or at work: ``number`` is the strategy's, 0 for what a signal led to."""

    direction: Direction
    left: int
    price: float
    number: int


class TickDesk:
    """What a strategy may see and do on ticks; volumes are in units of the run's volume, ``unit`` lots.

    An order is matched at the tick at which it was placed, or after the latency. What the exchange answers waits in
    ``told`` until the strategy has returned.
    """

    def __init__(self, account: TickAccount, unit: float) -> None:
        self.account = account
        self.orders: dict[int, Placed] = {}
        self.told: list[Outcome] = []
        self.refused: list[tuple[Placed, int]] = []
        """Orders that the funds did not reach for, and when."""
        self._unit = unit
        self._matcher: InstrumentMatcher | None = None
        self._tick: Tick | None = None
        self._bars: deque[Bar] = deque(maxlen=REMEMBERED)
        self._numbers = 0
        self._target: float | None = None
        self._chasing = 0

    def begin(self, matcher: InstrumentMatcher) -> None:
        """A trading day and its exchange begin."""
        self._matcher, self._tick = matcher, None

    def end(self) -> None:
        """The trading day is over: no order is taken before the next."""
        self._matcher = None

    def see(self, tick: Tick) -> Bar | None:
        """Take in a sound tick; gives it as a bar of a single price, None where nothing was traded."""
        before, self._tick = self._tick, tick
        if math.isnan(tick.last):
            return None
        self.account.mark(tick.last)
        volume = tick.volume - (before.volume if before else 0)
        if volume <= 0:
            return None
        turnover = tick.turnover - (before.turnover if before else 0.0)
        price = tick.last
        bar = Bar(tick.time, tick.trading_day, price, price, price, price, volume, turnover, tick.open_interest)
        self._bars.append(bar)
        return bar

    def aim(self, target: float) -> None:
        """A signal: from now on ``target`` units are to be held."""
        lots = target * self._unit
        if not lots.is_integer():
            raise RuleError("invalid_signal", say("A signal's target must be whole lots, not %(lots)r.", lots=lots))
        self._target = lots

    def chase(self) -> None:
        """Send a market order for what the target lacks, unless one is under way."""
        if self._target is None or self._chasing in self.orders:
            return
        gap = round(self._target - self.account.held())
        if gap:
            self._chasing = self._send(OrderType.MARKET, gap, math.nan, math.nan, own=False)
            if self._chasing not in self.orders:
                self._target = None  # dropped until the next signal, as on bars

    def position(self, leg: int = 0) -> float:  # noqa: ARG002 - a run on ticks has one leg
        """Held now, signed, in units of the run's volume."""
        return self.account.held() / self._unit

    def history(self, count: int, leg: int = 0) -> BarSeries:  # noqa: ARG002 - as above
        """The last ``count`` ticks that traded (of at most 10,000) as bars of a single price, the newest last."""
        rows = list(self._bars)[-count:] if count > 0 else []
        columns = [np.array([row[at] for row in rows], dtype=np.float64) for at in range(2, 2 + len(VALUE_COLUMNS))]
        starts, days = (np.array([row[at] for row in rows], dtype=np.int64) for at in (0, 1))
        return BarSeries(self.account.legs[0].code, "tick", starts, days.astype(np.int32), *columns)

    def tick(self, leg: int = 0) -> float:  # noqa: ARG002 - as above
        """The price tick of the running trading day."""
        return self.account.price_tick()

    def market(self, volume: float, leg: int = 0) -> int:  # noqa: ARG002 - as above
        """An order for what the other side displays; what is not filled ends. Returns its number."""
        return self._place(OrderType.MARKET, volume, math.nan, math.nan)

    def limit(
        self,
        volume: float,
        price: float,
        *,
        reply: Reply | None = None,
        to_target: bool = False,
        leg: int = 0,  # noqa: ARG002 - as above
    ) -> int:
        """A limit order: it takes what is displayed up to its price, the rest waits there until the day ends."""
        _on_bars_only(reply=reply is not None, to_target=to_target)
        return self._place(OrderType.LIMIT, volume, self._on_grid(price), math.nan)

    def stop(
        self,
        volume: float,
        price: float,
        *,
        side: Direction | None = None,  # noqa: ARG002 - told by the volume
        reply: Reply | None = None,
        to_target: bool = False,
        leg: int = 0,  # noqa: ARG002 - as above
    ) -> int:
        """A stop order: a market order once the last price reaches ``price``; it ends with the day."""
        _on_bars_only(reply=reply is not None, to_target=to_target)
        return self._place(OrderType.STOP, volume, math.nan, self._on_grid(price))

    def cancel(self, order: int) -> bool:
        """Ask for an order to be taken back; False where it does not work any more."""
        found = [order_id for order_id, placed in self.orders.items() if placed.number == order and order]
        self._cancel(found)
        return bool(found)

    def cancel_all(self, leg: int | None = None) -> int:  # noqa: ARG002 - as above
        """Ask for all orders to be taken back; returns how many."""
        found = [order_id for order_id, placed in self.orders.items() if placed.number]
        self._cancel(found)
        return len(found)

    def wake_at(self, time: int) -> None:  # noqa: ARG002 - refused
        """Raises ``RuleError``: a run on ticks has no wakes."""
        _on_bars_only(wake=True)

    def wake_on(self, price: float, leg: int = 0) -> None:  # noqa: ARG002 - refused
        """Raises ``RuleError``: a run on ticks has no wakes."""
        _on_bars_only(wake=True)

    def _place(self, kind: OrderType, volume: float, price: float, stop: float) -> int:
        lots = volume * self._unit
        if not (math.isfinite(lots) and lots and lots.is_integer()):
            text = say("An order on ticks must be of whole lots and not 0, not %(lots)r.", lots=lots)
            raise RuleError("invalid_order", text)
        return self._send(kind, int(lots), price, stop, own=True)

    def _send(self, kind: OrderType, lots: int, price: float, stop: float, *, own: bool) -> int:
        """Give an order to the exchange; 0 where none is there, before the day's first tick or after its end."""
        tick, matcher = self._tick, self._matcher
        if tick is None or matcher is None:
            return 0
        self._numbers += 1
        order_id = self._numbers
        direction = Direction.BUY if lots > 0 else Direction.SELL
        placed = Placed(direction, abs(lots), stop if math.isnan(price) else price, order_id if own else 0)
        known = (price, stop, tick.last, tick.pre_settlement, 0.0)
        around = next(value for value in known if not math.isnan(value))
        if not self.account.affords(order_id, direction, abs(lots), around):
            self.refused.append((placed, tick.time))
            return order_id
        self.orders[order_id] = placed
        self.told += matcher.submit(MatchOrder(order_id, direction, kind, abs(lots), price, stop), tick.time)
        return order_id

    def _cancel(self, order_ids: list[int]) -> None:
        if self._matcher is not None and self._tick is not None:
            for order_id in order_ids:
                self.told += self._matcher.cancel(order_id, self._tick.time)

    def _on_grid(self, price: float) -> float:
        if not math.isfinite(price):
            text = say("An order's %(name)s must be a number, not %(value)r.", name="price", value=price)
            raise RuleError("invalid_order", text)
        return round_to_tick(price, self.account.price_tick())


def _on_bars_only(**asked: bool) -> None:
    """Raises ``RuleError`` ``invalid_order`` for what only a run on bars can do."""
    for name, given in asked.items():
        if given:
            raise RuleError("invalid_order", say(_BARS_ONLY[name]))
