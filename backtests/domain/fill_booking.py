"""Fills booked one by one and settled day by day, with a row for everything that happened.

- *Offsets.* ``None`` is "auto": what is held on the other side is closed, the older lots first where the exchange
  keeps them apart, and the rest opens. A plain close takes what the exchange's setting says
  (``trading.domain.offsets``); on SHFE and INE, where it means yesterday's lots, it goes on to today's where those do
  not reach, for the fill happened: how often is counted. Every lot pays the fee of its own age.
- *Marks.* A day settles at the stored settlement price, else at the close of the day's last bar, else at the price of
  its last fill; without any of them what is held stays at its last mark.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

import numpy as np

from backtests.domain.legs import Leg
from backtests.domain.statistics_pairing import DUST
from marketdata.domain.bars import BarSeries
from marketdata.domain.calendar import from_day_number
from quantsite.common.errors import RuleError
from quantsite.common.texts import say, unsaid
from trading.domain.ledger import Closing, Ledger
from trading.domain.offsets import Direction, LotChoice, Offset, OffsetSetting, Side, lots_hit, setting_on
from trading.domain.position import Position

_BEYOND = {
    Side.LONG: unsaid(
        "%(offset)s closes %(volume)g long %(code)s, but %(today)g of today and %(older)g older are held there: mend "
        "volume or offset, add the fills that opened them, or write auto, which opens what is not held"
    ),
    Side.SHORT: unsaid(
        "%(offset)s closes %(volume)g short %(code)s, but %(today)g of today and %(older)g older are held there: mend "
        "volume or offset, add the fills that opened them, or write auto, which opens what is not held"
    ),
}


class FillFact(NamedTuple):
    """One fill as somebody reports it.

    ``leg`` is the number of its instrument, ``at`` ns UTC, ``trading_day`` days since the epoch, ``offset`` ``None``
    for auto; ``line`` says where it stands in its file.
    """

    line: int
    leg: int
    at: int
    trading_day: int
    direction: Direction
    offset: Offset | None
    price: float
    volume: float


class UnbookableError(RuleError):
    """A fill that closes more than is held; ``line`` is its own."""

    def __init__(self, line: int, text: str) -> None:
        super().__init__("close_exceeds_position", text)
        self.line = line


class Held(NamedTuple):
    """What is held of a leg on one side at the end: lots, mean open price, last mark, profit since the openings."""

    leg: int
    side: Side
    volume: float
    open_price: float
    mark: float
    open_profit: float


class FillRow(NamedTuple):
    """One row of fills; units as in ``FillTable``, ``at`` the instant of the fill itself."""

    at: int
    trading_day: int
    direction: int
    offset: int
    price: float
    volume: float
    commission: float
    profit: float
    leg: int


class TradeRow(NamedTuple):
    """One closed lot; units as in ``TradeTable``, ``entry_at`` and ``exit_at`` the instants of its fills."""

    entry_at: int
    exit_at: int
    entry_day: int
    exit_day: int
    direction: int
    entry_price: float
    exit_price: float
    volume: float
    net_profit: float
    leg: int


class DayRow(NamedTuple):
    """One settled day; units as in ``DayTable`` and ``FundsTable``."""

    equity: float
    net_profit: float
    commission: float
    margin: float
    position: float
    close_profit: float
    close_profit_by_trade: float
    position_profit: float
    fills: int


class Booking:
    """The ledger at work: ``begin`` a day, ``book`` its fills, ``settle`` it; the rows are there to be read."""

    def __init__(self, legs: Sequence[Leg], capital: float) -> None:
        self.fills: list[FillRow] = []
        self.trades: list[TradeRow] = []
        self.days: list[DayRow] = []
        self.settled = [0] * len(legs)
        self.loose = 0
        self.stale = 0
        self._legs = legs
        self._ledger = Ledger(capital)
        self._closes = [_last_closes(leg.bars) for leg in legs]
        self._traded: dict[int, float] = {}  # the day's last fill price, by leg
        self._by_trade = 0.0
        self._booked = 0

    @property
    def ledger(self) -> Ledger:
        """The account itself."""
        return self._ledger

    def begin(self, day: int) -> None:
        """Open a trading day on its terms."""
        self._traded.clear()
        self._by_trade, self._booked = 0.0, 0
        for leg in self._legs:
            terms = leg.costs.terms_on(from_day_number(day))
            self._ledger.set_terms(leg.code, terms).multiplier = terms.multiplier  # a series may change it

    def book(self, fill: FillFact) -> None:
        """Book one fill. Raises :class:`UnbookableError` where it closes more than is held; then the day is spoilt."""
        side = Side(-fill.direction)  # a buy closes short lots
        closing = 0.0 if fill.offset == Offset.OPEN else fill.volume
        if fill.offset is None:
            closing = min(fill.volume, self._position(fill.leg).volume(side))
        if closing > DUST:
            self._close(fill, side, closing)
        if fill.volume - closing > DUST:
            self._open(fill, fill.volume - closing)
        self._traded[fill.leg] = fill.price
        self._booked += 1

    def settle(self, day: int) -> None:
        """Mark what is held, note the day, carry every lot into the next one."""
        prices, stale = {}, False
        for number, leg in enumerate(self._legs):
            position = self._ledger.position(leg.code)
            price = self._mark_of(number, day)
            if price is None:
                stale = stale or not position.is_flat()
                price = position.pre_settlement
            self.settled[number] += day in leg.facts.settlements and not position.is_flat()
            prices[leg.code] = price
            self._ledger.mark(leg.code, price)
        self.stale += stale
        funds = self._ledger.funds
        entries = (funds.close_profit, self._by_trade, funds.position_profit, self._booked)
        paid, before = funds.commission, funds.pre_balance
        self._ledger.settle(prices)
        funds = self._ledger.funds
        net = sum(self._position(number).net_volume() for number in range(len(self._legs)))
        held = net if abs(net) > DUST else 0.0
        self.days.append(DayRow(funds.pre_balance, funds.pre_balance - before, paid, funds.margin, held, *entries))

    def held(self) -> Iterator[Held]:
        """What is held after the last settlement."""
        for number, leg in enumerate(self._legs):
            position = self._ledger.position(leg.code)
            for side in Side:
                volume = position.volume(side)
                if volume > DUST:
                    cost = position.open_cost(side) / position.multiplier
                    mark = position.pre_settlement
                    made = side * (mark * volume - cost) * position.multiplier
                    yield Held(number, side, volume, cost / volume, mark, made)

    def _position(self, leg: int) -> Position:
        return self._ledger.position(self._legs[leg].code)

    def _mark_of(self, leg: int, day: int) -> float | None:
        """The price at which a leg settles on a day; None where nothing of that day is known."""
        settlement = self._legs[leg].facts.settlements.get(day)
        return self._closes[leg].get(day, self._traded.get(leg)) if settlement is None else settlement

    def _open(self, fill: FillFact, volume: float) -> None:
        code, side = self._legs[fill.leg].code, Side(int(fill.direction))
        paid = self._ledger.open(code, side, fill.price, volume, at=fill.at, trading_day=fill.trading_day)
        self._note(fill, Offset.OPEN, volume, paid, 0.0)

    def _close(self, fill: FillFact, side: Side, volume: float) -> None:
        code, position = self._legs[fill.leg].code, self._position(fill.leg)
        setting = setting_on(code.rpartition(".")[2], from_day_number(fill.trading_day))
        choice = _choice(fill.offset, setting)
        today = position.today_volume(side)
        older = position.volume(side) - today
        reach = {LotChoice.TODAY_ONLY: today, LotChoice.YESTERDAY_ONLY: older}.get(choice, today + older)
        if volume > reach + DUST:
            name = "auto" if fill.offset is None else fill.offset.name.lower()
            given = {"offset": name, "volume": volume, "code": code, "today": today, "older": older}
            raise UnbookableError(fill.line, say(_BEYOND[side], **given))
        self.loose += fill.offset == Offset.CLOSE and setting.split and volume > older + DUST
        closings = self._ledger.close(code, side, fill.price, min(volume, reach), choice)
        for offset, parts in groupby(closings, key=attrgetter("offset")):
            self._note_closings(fill, offset, list(parts))

    def _note_closings(self, fill: FillFact, offset: Offset, closings: Sequence[Closing]) -> None:
        """One row for the closed lots of one age, and one trade for each lot."""
        made = sum(closing.lot.profit_by_trade for closing in closings)
        volume = sum(closing.lot.volume for closing in closings)
        self._by_trade += made
        self._note(fill, offset, volume, sum(closing.commission for closing in closings), made)
        for lot, _offset, paid in closings:
            when = (lot.opened_at, fill.at, lot.trading_day, fill.trading_day)
            net = lot.profit_by_trade - lot.open_commission - paid
            self.trades.append(TradeRow(*when, int(lot.side), lot.open_price, fill.price, lot.volume, net, fill.leg))

    def _note(self, fill: FillFact, offset: Offset, volume: float, paid: float, made: float) -> None:
        what = (int(fill.direction), int(offset), fill.price, volume, paid, made)
        self.fills.append(FillRow(fill.at, fill.trading_day, *what, fill.leg))


def _choice(offset: Offset | None, setting: OffsetSetting) -> LotChoice:
    """The lots that a closing fill takes; one that names no age takes the older first where the exchange splits."""
    names_no_age = offset in {None, Offset.CLOSE, Offset.FORCE_CLOSE}
    if names_no_age and setting.split:
        return LotChoice.FIFO
    return lots_hit(Offset.CLOSE if offset is None else offset, setting)


def _last_closes(bars: BarSeries) -> dict[int, float]:
    """The close of the last bar of each trading day."""
    day = bars.trading_day
    last = np.flatnonzero(np.diff(day, append=day[-1:] + 1))
    return dict(zip(day[last].tolist(), bars.close[last].tolist(), strict=True))
