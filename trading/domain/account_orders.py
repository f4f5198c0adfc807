"""Working orders of an account: what each froze, and which lots its closes may take."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from trading.domain.freeze import Freeze
from trading.domain.offsets import Direction, LotChoice, Offset, OffsetSetting, Side, lots_hit
from trading.domain.order import OrderType
from trading.domain.position import Position


@dataclass(frozen=True, slots=True)
class BookOrder:
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

    @property
    def left(self) -> int:
        """Lots not filled yet."""
        return sum(part.freeze.volume for part in self.parts)

    def left_of(self, volume: int) -> Iterator[tuple[WorkingPart, int]]:
        """Which parts a fill of ``volume`` lots meets, and how much of each."""
        for part in self.parts:
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


class SideVolume(NamedTuple):
    """Lots of one side of an instrument: held, and of these held back by working closes."""

    today: int
    yesterday: int
    frozen_today: int
    frozen_yesterday: int

    @property
    def free_today(self) -> int:
        """Today's lots that may be closed."""
        return max(self.today - self.frozen_today, 0)

    @property
    def free_yesterday(self) -> int:
        """Older lots that may be closed."""
        return max(self.yesterday - self.frozen_yesterday, 0)


def closed_side(direction: Direction) -> Side:
    """The side of the position that a closing order of this direction reduces."""
    return Side.LONG if direction == Direction.SELL else Side.SHORT


def opened_side(direction: Direction) -> Side:
    """The side of the position that an opening order adds to."""
    return Side.LONG if direction == Direction.BUY else Side.SHORT


def exchange_offset(offset: Offset, setting: OffsetSetting) -> Offset:
    """The flag as the exchange takes it: where today's lots have no flag of their own, every close is ``CLOSE``."""
    return offset if offset == Offset.OPEN or setting.split else Offset.CLOSE


def side_volume(position: Position, side: Side, closings: Iterable[WorkingOrder], setting: OffsetSetting) -> SideVolume:
    """The lots of a side; what closes without a flag of their own freeze counts on the lots they take first."""
    today = int(position.today_volume(side))
    yesterday = int(position.volume(side)) - today
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
