"""The desk of a hosted strategy: the same doors that the backtest's has, over the host's own tables."""

import math
from collections.abc import Callable, Sequence

from marketdata.domain.bars import BarSeries
from quantsite.common.errors import RuleError
from quantsite.common.texts import say, unsaid
from strategies.domain.hosting.intents import Cause
from strategies.domain.hosting.legs import LegState
from strategies.domain.hosting.own_orders import OwnOrder, OwnOrders
from strategies.domain.hosting.sight import Sight
from strategies.domain.strategy import Reply
from strategies.domain.waking import Waking
from trading.domain.offsets import Direction
from trading.domain.order import OrderType

_BARS_ONLY = {
    "reply": unsaid("Replies are for instances on bars: on ticks place the next order in on_order_update."),
    "to_target": unsaid("Orders to a target are for instances on bars: on ticks give the volume."),
    "wake": unsaid("Wakes are for instances on bars: on ticks look at each tick in on_tick."),
}


class LiveDesk(Waking):
    """Volumes are in units of the instance's volume, ``unit`` lots; prices are as the strategy sees them.

    ``now`` gives the market time of the call that the strategy is in.
    """

    def __init__(
        self, legs: Sequence[LegState], orders: OwnOrders, unit: int, now: Callable[[], int], *, on_ticks: bool
    ) -> None:
        super().__init__()
        self._legs, self._orders, self._unit, self._now, self._on_ticks = legs, orders, unit, now, on_ticks

    def position(self, leg: int = 0) -> float:
        """Held now by fills of this instance, signed, in units of its volume."""
        return self._legs[leg].lots.net / self._unit

    def history(self, count: int, leg: int = 0) -> BarSeries:
        """The last ``count`` closed bars (on ticks: ticks that traded), the newest last.

        Fewer at the beginning; raises ``RuleError`` ``history_too_long`` where there were more that are not kept.
        """
        return self._legs[leg].bars.last(count)

    def tick(self, leg: int = 0) -> float:
        """The price tick."""
        return self._legs[leg].terms.price_tick

    def market(self, volume: float, leg: int = 0) -> int:
        """An order at the market. Returns its number."""
        return self._place(leg, OrderType.MARKET, _side(volume), volume, math.nan, None, to_target=False)

    def limit(
        self, volume: float, price: float, *, reply: Reply | None = None, to_target: bool = False, leg: int = 0
    ) -> int:
        """A resting limit order; with ``to_target`` it goes to the position ``volume`` from the side it lies on."""
        side = _side(volume if not to_target else volume - self.position(leg))
        return self._place(leg, OrderType.LIMIT, side, volume, price, reply, to_target=to_target)

    def stop(
        self,
        volume: float,
        price: float,
        *,
        side: Direction | None = None,
        reply: Reply | None = None,
        to_target: bool = False,
        leg: int = 0,
    ) -> int:
        """A stop order, kept by the host; with ``to_target`` it goes to the position ``volume``, from ``side``."""
        own = side if side is not None else _side(volume if not to_target else volume - self.position(leg))
        return self._place(leg, OrderType.STOP, own, volume, price, reply, to_target=to_target)

    def cancel(self, order: int) -> bool:
        """Take an order back; False where it does not rest any more."""
        return self._orders.cancel(order)

    def cancel_all(self, leg: int | None = None) -> int:
        """Take all orders back (of one leg, or of all); returns how many."""
        found = self._orders.on_leg(leg)
        for order in found:
            self._orders.cancel(order.number)
        return len(found)

    def wake_at(self, time: int) -> None:
        """Wake the strategy when the first later bar that starts at or after ``time`` (ns UTC) has closed."""
        self._on_bars_only("wake", asked=True)
        self.timers.append(int(time))

    def wake_on(self, price: float, leg: int = 0) -> None:
        """Wake the strategy once, when a later bar reaches ``price`` and has closed."""
        self._on_bars_only("wake", asked=True)
        self.levels.append((leg, _finite("price", price)))

    def _place(  # noqa: PLR0917 - private, and every call names what it passes
        self, leg: int, kind: OrderType, side: Direction, volume: float, price: float, reply: Reply | None, *,
        to_target: bool,
    ) -> int:  # fmt: skip
        self._on_bars_only("reply", asked=reply is not None)
        self._on_bars_only("to_target", asked=to_target)
        lots = self._lots(volume, to_target=to_target)
        tick, sight = self.tick(leg), self._legs[leg].sight
        if kind is not OrderType.MARKET:
            price = sight.resting(_finite("price", price), tick)
        distance = _distance(reply, tick, sight, to_target=to_target)
        repeat = reply is not None and reply.repeat
        number, now = self._orders.next_number(), self._now()
        seen = self._legs[leg].last if math.isnan(price) else price
        order = OwnOrder(
            number, leg, kind, side, lots, abs(lots), price, distance, repeat, to_target, Cause.ORDER, seen, now
        )
        self._orders.add(order, now)
        return number

    def _lots(self, volume: float, *, to_target: bool) -> int:
        lots = _finite("volume", volume) * self._unit
        if not lots.is_integer() or (lots == 0 and not to_target):
            text = say("An order must be of whole lots and not 0, not %(lots)r.", lots=lots)
            raise RuleError("invalid_order", text)
        return int(lots) if to_target else abs(int(lots))

    def _on_bars_only(self, name: str, *, asked: bool) -> None:
        """Raises ``RuleError`` ``invalid_order`` for what the backtest on ticks has not got either."""
        if asked and self._on_ticks:
            raise RuleError("invalid_order", say(_BARS_ONLY[name]))


def _distance(reply: Reply | None, tick: float, sight: Sight, *, to_target: bool) -> float:
    """The reply's distance on the contract's grid, 0 for none. Raises ``RuleError`` ``invalid_order``."""
    if reply is None:
        return 0.0
    if to_target:
        raise RuleError("invalid_order", say("An order to a target has no volume that a reply could repeat."))
    if not (math.isfinite(reply.distance) and reply.distance > 0):
        text = say("A reply's distance must be above 0, not %(distance)r.", distance=reply.distance)
        raise RuleError("invalid_order", text)
    # Less than half a tick would be no distance at all, and so no reply.
    return sight.distance(reply.distance, tick)


def _side(volume: float) -> Direction:
    return Direction.BUY if volume > 0 else Direction.SELL


def _finite(name: str, value: float) -> float:
    if not math.isfinite(value):
        text = say("An order's %(name)s must be a number, not %(value)r.", name=name, value=value)
        raise RuleError("invalid_order", text)
    return float(value)
