"""The lots held in one instrument: long and short apart, today's and older ones told apart, oldest first.

What working closes freeze is the account's to know (``account_working.py``): here all that is held may be closed.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

from quantsite.common.errors import RuleError
from quantsite.common.texts import say, unsaid
from trading.domain.offsets import LotChoice, Side
from trading.domain.profit import profit

_OUT_OF_REACH = {
    Side.LONG: unsaid("cannot close %(volume)g long (%(choice)s): %(reach)g there"),
    Side.SHORT: unsaid("cannot close %(volume)g short (%(choice)s): %(reach)g there"),
}


@dataclass(slots=True)
class Lot:
    """What one opening fill left; ``volume`` and ``commission`` (of the opening) shrink as it is closed.

    ``base_price`` is the open price until the first settlement, then the last settlement price. ``opened_at``
    is in ns UTC, ``trading_day`` in days since the epoch.
    """

    side: Side
    open_price: float
    base_price: float
    volume: float
    commission: float
    opened_at: int
    trading_day: int
    today: bool = True


class ClosedLot(NamedTuple):
    """The part of a lot that a close took, with its profit by date and by trade in yuan, before commissions.

    ``open_commission`` is its share of the opening's, ``today`` says whether it was opened this trading day.
    """

    side: Side
    volume: float
    open_price: float
    close_price: float
    today: bool
    opened_at: int
    trading_day: int
    open_commission: float
    profit_by_date: float
    profit_by_trade: float


class Position:
    """The lots of one instrument and the prices they are marked at; unknown prices are NaN."""

    __slots__ = ("average", "last", "longs", "multiplier", "pre_settlement", "shorts")

    def __init__(self, multiplier: float) -> None:
        self.multiplier = multiplier
        self.longs: list[Lot] = []
        self.shorts: list[Lot] = []
        self.last = math.nan
        self.average = math.nan
        self.pre_settlement = math.nan

    def volume(self, side: Side) -> float:
        """Lots held on a side."""
        return sum([lot.volume for lot in self.lots(side)])

    def today_volume(self, side: Side) -> float:
        """Lots of a side opened this trading day; the rest are yesterday's."""
        return sum(lot.volume for lot in self.lots(side) if lot.today)

    def lots(self, side: Side) -> list[Lot]:
        """The lots of a side, oldest first: the list itself, to look at."""
        return self.longs if side == Side.LONG else self.shorts

    def is_flat(self) -> bool:
        """True where neither side holds a lot."""
        return not (self.longs or self.shorts)

    def net_volume(self) -> float:
        """Long less short lots."""
        return self.volume(Side.LONG) - self.volume(Side.SHORT)

    def open(self, side: Side, price: float, volume: float, commission: float, *, at: int, trading_day: int) -> Lot:
        """Add a lot of today and return it. Raises ``RuleError`` unless ``volume`` is positive."""
        _check_volume(volume)
        lot = Lot(side, price, price, volume, commission, at, trading_day)
        self.lots(side).append(lot)
        return lot

    def close(self, side: Side, price: float, volume: float, choice: LotChoice) -> list[ClosedLot]:
        """Close ``volume`` lots of a side and return what was taken, in the order it was taken.

        Raises ``RuleError`` and changes nothing when the choice of lots does not reach (CTP's errors 50, 51).
        """
        _check_volume(volume)
        lots = self.lots(side)
        candidates = _candidates(lots, choice)
        reach = sum(lot.volume for lot in candidates)
        if volume > reach:
            text = say(_OUT_OF_REACH[side], volume=volume, choice=choice, reach=reach)
            raise RuleError("close_exceeds_position", text)
        closed = []
        for lot in candidates:
            if volume <= 0:
                break
            part = min(volume, lot.volume)
            closed.append(self._take(lot, part, price))
            volume -= part
        lots[:] = [lot for lot in lots if lot.volume > 0]
        return closed

    def _take(self, lot: Lot, part: float, price: float) -> ClosedLot:
        share = lot.commission * part / lot.volume
        lot.commission -= share
        lot.volume -= part
        by_date = profit(lot.side, lot.base_price, price, part, self.multiplier)
        by_trade = profit(lot.side, lot.open_price, price, part, self.multiplier)
        return ClosedLot(
            lot.side, part, lot.open_price, price, lot.today, lot.opened_at, lot.trading_day, share, by_date, by_trade
        )

    def mark_price(self, lot: Lot) -> float:
        """Where a lot is marked: the last price, else the previous settlement, else its own base price."""
        if not math.isnan(self.last):
            return self.last
        return lot.base_price if math.isnan(self.pre_settlement) else self.pre_settlement

    def position_profit(self) -> float:
        """Floating profit by date in yuan: since the previous settlement, or the opening if that is later."""
        total = 0.0
        for lot in (*self.longs, *self.shorts):
            total += profit(lot.side, lot.base_price, self.mark_price(lot), lot.volume, self.multiplier)
        return total

    def open_profit(self) -> float:
        """Floating profit by trade in yuan: since each lot's opening."""
        total = 0.0
        for lot in (*self.longs, *self.shorts):
            total += profit(lot.side, lot.open_price, self.mark_price(lot), lot.volume, self.multiplier)
        return total

    def position_cost(self, side: Side) -> float:
        """Value of a side at its base prices in yuan."""
        return sum(lot.base_price * lot.volume for lot in self.lots(side)) * self.multiplier

    def open_cost(self, side: Side) -> float:
        """Value of a side at its open prices in yuan."""
        return sum(lot.open_price * lot.volume for lot in self.lots(side)) * self.multiplier

    def clear(self) -> None:
        """Hold nothing any more."""
        self.longs.clear()
        self.shorts.clear()

    def settle(self, price: float) -> None:
        """End the trading day: every lot becomes yesterday's and is carried at the settlement price."""
        for lot in (*self.longs, *self.shorts):
            lot.base_price = price
            lot.today = False
        self.pre_settlement = price
        self.last = self.average = math.nan


def _check_volume(volume: float) -> None:
    if not volume > 0:
        raise RuleError("volume_not_positive", say("a fill's volume must be above 0, not %(volume)g", volume=volume))


def _candidates(lots: list[Lot], choice: LotChoice) -> list[Lot]:
    """The lots that a close may take, in its order; ``lots`` are oldest first."""
    if choice == LotChoice.TODAY_ONLY:
        return [lot for lot in lots if lot.today]
    if choice == LotChoice.YESTERDAY_ONLY:
        return [lot for lot in lots if not lot.today]
    if choice == LotChoice.TODAY_FIRST:
        return sorted(lots, key=lambda lot: not lot.today)
    return lots
