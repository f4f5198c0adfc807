"""How much an account stands to hold of an instrument: what it holds, and what its working openings may add."""

import math
from collections.abc import Iterable
from typing import NamedTuple

from trading.domain.account_working import OnOrder, WorkingOrder
from trading.domain.offsets import Side
from trading.domain.position import Position


class Exposure(NamedTuple):
    """Lots of each side, held or on order to be opened, and the value of both sides in yuan."""

    long: int
    short: int
    value: float


def lots_of(position: Position) -> tuple[int, int]:
    """What is held, long and short."""
    return int(position.volume(Side.LONG)), int(position.volume(Side.SHORT))


def exposure_of(
    position: Position, held: tuple[int, int], on_order: OnOrder, openings: Iterable[WorkingOrder]
) -> Exposure:
    """What is held (its :func:`lots_of`) and on order at the last price, else at the previous settlement.

    Where neither is known lots count at their base price, and orders at their own (without one they count nothing).
    """
    long, short = held[0] + on_order.long, held[1] + on_order.short
    price = position.pre_settlement if math.isnan(position.last) else position.last
    if math.isnan(price):
        value = sum(position.position_cost(side) for side in Side) + _own_value(openings) * position.multiplier
    else:
        value = (long + short) * price * position.multiplier
    return Exposure(long, short, value)


def _own_value(openings: Iterable[WorkingOrder]) -> float:
    """Lots on order times the order's own price, of those that have one."""
    return sum(each.order.price * each.left for each in openings if not math.isnan(each.order.price))
