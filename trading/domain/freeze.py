"""What a working order holds back: the margin of an opening, the commission of anything, until it fills or ends.

No exchange publishes at which price a broker freezes, so the rule is a dated setting [general knowledge]: at the
previous settlement where the broker margins today's lots there, else at the order's own limit price, and for an
order without one at the price limit of its side.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from marketdata.domain.instrument import FeeRates, MarginRates
from trading.domain.fees import commission, fee_pair
from trading.domain.margin import MarginPriceType, margin, margin_pair
from trading.domain.offsets import Direction, Offset, Side


@dataclass(frozen=True, slots=True)
class FreezeSetting:
    """From ``valid_from`` on the margin is frozen at the previous settlement under these margin price types."""

    valid_from: date
    at_pre_settlement: frozenset[MarginPriceType]


SETTINGS: tuple[FreezeSetting, ...] = (FreezeSetting(date.min, frozenset({MarginPriceType.PRE_SETTLEMENT})),)


def freeze_setting_on(day: date, settings: Sequence[FreezeSetting] = SETTINGS) -> FreezeSetting:
    """The setting in force on a trading day. Raises ``ValueError`` where none is."""
    return max((row for row in settings if row.valid_from <= day), key=lambda row: row.valid_from)


class OrderPrices(NamedTuple):
    """The prices that an order may be frozen at; NaN where there is none."""

    limit: float
    upper_limit: float
    lower_limit: float
    last: float
    pre_settlement: float


def limit_of(direction: Direction, prices: OrderPrices) -> float:
    """The worst price that the order may fill at: its limit, else the price limit of its side.

    Where the day's price limits are not known either, the last price or the previous settlement has to do; NaN where
    nothing is known at all.
    """
    if prices.limit == prices.limit:  # not NaN: nearly every order has one
        return prices.limit
    at_limit = prices.upper_limit if direction == Direction.BUY else prices.lower_limit
    return _first_known((at_limit, prices.last, prices.pre_settlement))


def freeze_price(
    direction: Direction, prices: OrderPrices, price_type: MarginPriceType, setting: FreezeSetting
) -> float:
    """The price that an opening's margin is frozen at; NaN where no price is known at all."""
    settled = prices.pre_settlement
    if price_type in setting.at_pre_settlement and not math.isnan(settled):
        return settled
    return limit_of(direction, prices)


def frozen_margin(price: float, volume: int, multiplier: float, margins: MarginRates, side: Side) -> float:
    """Margin in yuan that an opening of ``side`` freezes; the larger side's relief comes with the fill only."""
    return margin(price, volume, multiplier, *margin_pair(margins, side))


def frozen_commission(price: float, volume: int, multiplier: float, fees: FeeRates, offsets: Iterable[Offset]) -> float:
    """Commission in yuan, the dearest of the rates that the fill may pay."""
    return max([commission(price, volume, multiplier, *fee_pair(fees, offset)) for offset in offsets])


@dataclass(slots=True)
class Freeze:
    """What ``volume`` lots of an order hold back, in yuan."""

    volume: int
    margin: float
    commission: float

    def release(self, volume: int) -> None:
        """Let go of a part, pro rata; the last one takes the remainder exactly. At most ``volume`` lots are left."""
        if volume >= self.volume:
            self.volume, self.margin, self.commission = 0, 0.0, 0.0
            return
        self.margin -= self.margin * volume / self.volume
        self.commission -= self.commission * volume / self.volume
        self.volume -= volume


def _first_known(prices: Iterable[float]) -> float:
    return next((price for price in prices if not math.isnan(price)), math.nan)
