"""The working orders of an account: what each holds back, and which lots its closes may still take."""

import math
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from trading.domain.account_orders import BookOrder, Part, SideVolume, closed_side, offsets_paid, opened_side
from trading.domain.account_refusals import fill_too_large, no_price, not_working
from trading.domain.exact_sum import ExactSum
from trading.domain.freeze import (
    Freeze,
    FreezeSetting,
    OrderPrices,
    freeze_price,
    frozen_commission,
    frozen_margin,
    limit_of,
)
from trading.domain.ledger import Terms
from trading.domain.margin import MarginPriceType
from trading.domain.offsets import Direction, LotChoice, Offset, OffsetSetting, Side, lots_hit
from trading.domain.position import Position


class Frozen(NamedTuple):
    """What is held back, in yuan."""

    margin: float
    commission: float


NOTHING_FROZEN = Frozen(0.0, 0.0)


class OnOrder(NamedTuple):
    """Lots of an instrument that working openings may add to each side."""

    long: int
    short: int


NONE_ON_ORDER = OnOrder(0, 0)


@dataclass(slots=True)
class WorkingPart:
    """A part with what it still freezes; its freeze's volume is what has not been filled."""

    offset: Offset
    freeze: Freeze


@dataclass(slots=True)
class WorkingOrder:
    """An order with its parts in the order in which fills use them up."""

    order: BookOrder
    parts: list[WorkingPart] = field(default_factory=list)
    counted: Frozen = NOTHING_FROZEN
    """What of it is in the account's sum."""
    counted_left: int = 0
    """The lots of it that the account's lots on order have in them; a close has none."""

    @property
    def left(self) -> int:
        """Lots not filled yet."""
        left = 0
        for part in self.parts:  # asked for each working order again and again: a generator takes twice as long
            left += part.freeze.volume
        return left

    @property
    def frozen(self) -> Frozen:
        """What all its parts hold back."""
        if len(self.parts) == 1:
            freeze = self.parts[0].freeze
            return Frozen(freeze.margin, freeze.commission)
        freezes = [part.freeze for part in self.parts]
        return Frozen(math.fsum([each.margin for each in freezes]), math.fsum([each.commission for each in freezes]))

    def met_by(self, volume: int, offset: Offset | None = None) -> Iterator[tuple[WorkingPart, int]]:
        """Which parts a fill of ``volume`` lots meets, and how much of each; with an ``offset`` that part first."""
        for part in sorted(self.parts, key=lambda each: each.offset != offset) if offset is not None else self.parts:
            taken = min(volume, part.freeze.volume)
            if taken:
                yield part, taken
                volume -= taken

    def release(self, volume: int) -> None:
        """Let go of the last ``volume`` lots: a withdrawal leaves what the earlier parts may still be filled with."""
        for part in reversed(self.parts):
            taken = min(volume, part.freeze.volume)
            part.freeze.release(taken)
            volume -= taken


def frozen_again(order: BookOrder, parts: Sequence[Part], frozen: Frozen) -> WorkingOrder:
    """An order with what it held back before a restart, by lots over its parts; the last one takes the remainder."""
    working = WorkingOrder(order)
    whole = Freeze(sum(part.volume for part in parts), frozen.margin, frozen.commission)
    for part in parts:
        before = Frozen(whole.margin, whole.commission)
        whole.release(part.volume)
        share = Freeze(part.volume, before.margin - whole.margin, before.commission - whole.commission)
        working.parts.append(WorkingPart(part.offset, share))
    return working


class WorkingOrders:
    """Those orders of one account that hold something back, by id, oldest first."""

    def __init__(self) -> None:
        self.moved: set[str] = set()
        """Instruments in which orders have come, filled or gone; whoever looks after them empties it."""
        self._orders: dict[int, WorkingOrder] = {}
        self._by_code: dict[str, dict[int, WorkingOrder]] = {}
        self._closings: dict[tuple[str, Side], dict[int, WorkingOrder]] = {}
        self._on_order: dict[str, OnOrder] = {}
        self._margin, self._commission = ExactSum(), ExactSum()

    @property
    def ids(self) -> tuple[int, ...]:
        """The orders, oldest first."""
        return tuple(self._orders)

    @property
    def frozen(self) -> Frozen:
        """What all of them hold back; nothing is left over of those that have ended."""
        return Frozen(self._margin.value, self._commission.value)

    def frozen_by(self, order_id: int) -> Frozen:
        """What one order holds back; nothing for one that does not work."""
        working = self._orders.get(order_id)
        return working.frozen if working else NOTHING_FROZEN

    def parts_of(self, order_id: int) -> tuple[Part, ...]:
        """What is left of an order to be filled, in the order in which fills use it up; empty when not working."""
        working = self._orders.get(order_id)
        return (
            tuple(Part(part.offset, part.freeze.volume) for part in working.parts if part.freeze.volume)
            if working
            else ()
        )

    def openings(self, instrument: str) -> Iterator[WorkingOrder]:
        """The opening orders in an instrument."""
        return (each for each in self._by_code.get(instrument, {}).values() if each.order.offset is Offset.OPEN)

    def on_order(self, instrument: str) -> OnOrder:
        """What the opening orders in an instrument have left to be filled."""
        return self._on_order.get(instrument, NONE_ON_ORDER)

    def closings(self, instrument: str, side: Side) -> Collection[WorkingOrder]:
        """The closing orders against one side."""
        return self._closings.get((instrument, side), {}).values()

    def add(self, working: WorkingOrder) -> None:
        """One more order; its id is new."""
        order = working.order
        self._orders[order.order_id] = working
        self._by_code.setdefault(order.instrument, {})[order.order_id] = working
        self._count(working)
        if order.offset != Offset.OPEN:
            self._closings.setdefault(_closed(order), {})[order.order_id] = working

    def meeting(
        self, order_id: int, volume: int, offset: Offset | None = None
    ) -> tuple[WorkingOrder, list[tuple[WorkingPart, int]]]:
        """The order that a fill of ``volume`` lots belongs to, and how much of which parts it takes.

        Raises ``RuleError`` ``unknown_order``, ``fill_exceeds_order``.
        """
        working = self._orders.get(order_id)
        if working is None:
            raise not_working(order_id)
        if not 0 < volume <= working.left:
            raise fill_too_large(order_id, volume, working.left)
        return working, list(working.met_by(volume, offset))

    def release(self, order_id: int, keep: int) -> None:
        """Let go of all but ``keep`` lots; nothing to do for an order that does not work."""
        working = self._orders.get(order_id)
        if working is not None:
            working.release(max(working.left - keep, 0))
            self.drop_if_done(working)

    def drop_if_done(self, working: WorkingOrder) -> None:
        """Forget the order if nothing of it is left; it holds back less than before."""
        order = working.order
        self._count(working)
        if working.left:
            return
        del self._orders[order.order_id]
        del self._by_code[order.instrument][order.order_id]
        if order.offset != Offset.OPEN:
            del self._closings[_closed(order)][order.order_id]

    def _count(self, working: WorkingOrder) -> None:
        """The order has come, or some of it has gone: the sums take the difference."""
        order, frozen, before = working.order, working.frozen, working.counted
        self.moved.add(order.instrument)
        self._margin.change(before.margin, frozen.margin)
        self._commission.change(before.commission, frozen.commission)
        working.counted = frozen
        if order.offset is Offset.OPEN:
            more = working.left - working.counted_left
            working.counted_left += more
            long, short = self.on_order(order.instrument)
            buys = order.direction is Direction.BUY
            self._on_order[order.instrument] = OnOrder(long + more, short) if buys else OnOrder(long, short + more)


def side_volume(
    position: Position, side: Side, closings: Collection[WorkingOrder], setting: OffsetSetting
) -> SideVolume:
    """The lots of a side; what closes without a flag of their own freeze counts on the lots they take first."""
    today = int(position.today_volume(side))
    yesterday = int(position.volume(side)) - today
    if not closings:
        return SideVolume(today, yesterday, 0, 0)
    of_today = of_yesterday = of_any = 0
    for working in closings:
        for part in working.parts:
            choice = lots_hit(part.offset, setting)
            if choice == LotChoice.TODAY_ONLY:
                of_today += part.freeze.volume
            elif choice == LotChoice.YESTERDAY_ONLY:
                of_yesterday += part.freeze.volume
            else:
                of_any += part.freeze.volume
    if setting.plain_close == LotChoice.TODAY_FIRST:
        first = min(of_any, max(today - of_today, 0))
        return SideVolume(today, yesterday, of_today + first, of_yesterday + of_any - first)
    first = min(of_any, max(yesterday - of_yesterday, 0))
    return SideVolume(today, yesterday, of_today + of_any - first, of_yesterday + first)


class FreezeRules(NamedTuple):
    """How a broker and an exchange treat an order on the running day."""

    offsets: OffsetSetting
    freezing: FreezeSetting
    price_type: MarginPriceType


def freeze_order(
    order: BookOrder, parts: Iterable[Part], terms: Terms, position: Position, *, closed: SideVolume, rules: FreezeRules
) -> WorkingOrder:
    """The order with what its parts hold back; ``closed`` is the side that it closes, or would.

    Raises ``RuleError`` ``price_unknown`` where nothing tells at which price to freeze.
    """
    prices = OrderPrices(order.price, order.upper_limit, order.lower_limit, position.last, position.pre_settlement)
    limit = limit_of(order.direction, prices)
    if math.isnan(limit):
        raise no_price(order.instrument)
    at = freeze_price(order.direction, prices, rules.price_type, rules.freezing)
    working = WorkingOrder(order)
    for offset, volume in parts:
        margin = 0.0
        if offset == Offset.OPEN:
            margin = frozen_margin(at, volume, terms.multiplier, terms.margins, opened_side(order.direction))
        paid = offsets_paid(offset, closed, rules.offsets)
        commission = frozen_commission(limit, volume, terms.multiplier, terms.fees, paid)
        working.parts.append(WorkingPart(offset, Freeze(volume, margin, commission)))
    return working


def _closed(order: BookOrder) -> tuple[str, Side]:
    return order.instrument, closed_side(order.direction)
