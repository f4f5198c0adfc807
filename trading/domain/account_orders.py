"""An order as an account sees it, and how a close is split over the lots that are free."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from quantsite.common.errors import RuleError
from trading.domain.account_refusals import close_exceeds
from trading.domain.offsets import Direction, LotChoice, Offset, OffsetSetting, Side, lots_hit, split_auto
from trading.domain.order import OrderType


class BookOrder(NamedTuple):
    """An order as the account sees it. ``offset`` ``None`` leaves the closing flags to the platform (``auto``).

    ``price`` is NaN for an order without a limit; ``upper_limit`` and ``lower_limit`` are the day's price limits, NaN
    where unknown.
    """

    order_id: int
    instrument: str
    direction: Direction
    offset: Offset | None
    type: OrderType
    price: float
    volume: int
    upper_limit: float
    lower_limit: float


class Part(NamedTuple):
    """So many lots of an order under one flag as the exchange takes it."""

    offset: Offset
    volume: int


class SideVolume(NamedTuple):
    """Lots of one side of an instrument: held, and of these held back by working closes."""

    today: int
    yesterday: int
    frozen_today: int
    frozen_yesterday: int

    @property
    def held(self) -> int:
        """Lots of both kinds."""
        return self.today + self.yesterday

    @property
    def frozen(self) -> int:
        """Lots of both kinds held back."""
        return self.frozen_today + self.frozen_yesterday

    @property
    def free_today(self) -> int:
        """Today's lots that may be closed."""
        return max(self.today - self.frozen_today, 0)

    @property
    def free_yesterday(self) -> int:
        """Older lots that may be closed."""
        return max(self.yesterday - self.frozen_yesterday, 0)

    def free(self, choice: LotChoice) -> int:
        """Lots that a new order with this choice may close."""
        if choice == LotChoice.TODAY_ONLY:
            return self.free_today
        if choice == LotChoice.YESTERDAY_ONLY:
            return self.free_yesterday
        return self.free_today + self.free_yesterday


def closed_side(direction: Direction) -> Side:
    """The side of the position that a closing order of this direction reduces."""
    return Side.LONG if direction == Direction.SELL else Side.SHORT


def opened_side(direction: Direction) -> Side:
    """The side of the position that an opening order adds to."""
    return Side.LONG if direction == Direction.BUY else Side.SHORT


def exchange_offset(offset: Offset, setting: OffsetSetting) -> Offset:
    """The flag as the exchange takes it: where today's lots have no flag of their own, every close is ``CLOSE``."""
    return offset if offset == Offset.OPEN or setting.split else Offset.CLOSE


def offsets_paid(offset: Offset, volumes: SideVolume, setting: OffsetSetting) -> Sequence[Offset]:
    """The recorded offsets, which name the fee, that a fill of this part may get."""
    if offset == Offset.OPEN:
        return (Offset.OPEN,)
    choice = lots_hit(offset, setting)
    if choice == LotChoice.TODAY_ONLY:
        return (Offset.CLOSE_TODAY,)
    if choice == LotChoice.YESTERDAY_ONLY or not volumes.today:
        return (Offset.CLOSE,)
    return (Offset.CLOSE, Offset.CLOSE_TODAY) if volumes.yesterday else (Offset.CLOSE_TODAY,)


def closing_parts(order: BookOrder, volumes: SideVolume, setting: OffsetSetting) -> tuple[Part, ...]:
    """What the exchange gets of a closing order, the older lots first.

    Raises ``RuleError`` ``close_exceeds_position`` where the lots that its flag reaches are not free.
    """
    offset = None if order.offset is None else exchange_offset(order.offset, setting)
    free = volumes.free(LotChoice.FIFO if offset is None else lots_hit(offset, setting))
    if order.volume > free:
        raise _exceeds(order, volumes, free)
    if offset is not None:
        return (Part(offset, order.volume),)
    split = split_auto(order.volume, volumes.free_today, volumes.free_yesterday, setting)
    return tuple(Part(flag, int(volume)) for flag, volume in split)


def check_reach(order: BookOrder, met: Iterable[Part], volumes: SideVolume, setting: OffsetSetting) -> None:
    """Raise ``RuleError`` ``close_exceeds_position`` unless every part of a split fill finds its lots.

    Fills from elsewhere may have taken them; a fill is booked wholly or not at all.
    """
    wanted = dict.fromkeys(LotChoice, 0)
    for part in met:
        wanted[lots_hit(part.offset, setting)] += part.volume
    short = wanted[LotChoice.TODAY_ONLY] > volumes.today or wanted[LotChoice.YESTERDAY_ONLY] > volumes.yesterday
    if short or sum(wanted.values()) > volumes.held:
        raise _exceeds(order, volumes, volumes.held)


def _exceeds(order: BookOrder, volumes: SideVolume, reach: int) -> RuleError:
    return close_exceeds(
        order.instrument,
        closed_side(order.direction),
        volume=order.volume,
        today=volumes.today,
        older=volumes.yesterday,
        frozen=volumes.frozen,
        reach=reach,
        propose_auto=order.offset is not None and reach < order.volume <= volumes.free(LotChoice.FIFO),
    )
