"""One account: fills go in, positions and funds come out.

The backtest, the analysis of a list of fills and live trading feed the same ledger. It refuses nothing but
what cannot be booked (a close beyond the position); whether an opening may be sent is asked before.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from marketdata.domain.instrument import FeeRates, MarginRates
from trading.domain.balance import Funds
from trading.domain.fees import commission, fee_pair
from trading.domain.margin import MarginPriceType, charged_margin, margin, margin_pair, margin_price
from trading.domain.offsets import LotChoice, Offset, Side, recorded_offset
from trading.domain.position import ClosedLot, Position


@dataclass(frozen=True, slots=True)
class Terms:
    """What an instrument costs on one trading day; ``larger_side`` as its ``MaxMarginSideAlgorithm`` says.

    Instruments of one ``margin_group`` are compared together (CFFEX: IF with IH and IC); without one each stands
    alone. The group must be the same for all that carry its name: it holds where ``larger_side`` is true.
    """

    multiplier: float
    fees: FeeRates
    margins: MarginRates
    larger_side: bool = False
    margin_group: str = ""


class Closing(NamedTuple):
    """One closed lot and the commission in yuan that its close paid, under the offset that names the fee."""

    lot: ClosedLot
    offset: Offset
    commission: float


class Figures(NamedTuple):
    """One instrument's floating profit by date and the margins of its two sides, in yuan."""

    position_profit: float
    long_margin: float
    short_margin: float


class Ledger:
    """Funds and positions of one account, kept fill by fill and settled day by day."""

    def __init__(self, balance: float, margin_price_type: MarginPriceType = MarginPriceType.OPEN) -> None:
        self.margin_price_type = margin_price_type
        self._funds = Funds(pre_balance=balance)
        self._positions: dict[str, Position] = {}
        self._terms: dict[str, Terms] = {}
        self._figures: dict[str, Figures] = {}
        self._stale: set[str] = set()  # instruments whose figures are computed when somebody looks

    @property
    def funds(self) -> Funds:
        """The account's entries, with position profit and margin as of now: ask again after a mark or a fill."""
        if self._stale:
            self._refresh()
        return self._funds

    def set_terms(self, instrument: str, terms: Terms) -> Position:
        """Trade ``instrument`` on these terms from now on; returns its position (made empty when new)."""
        self._terms[instrument] = terms
        self._stale.add(instrument)
        return self._positions.setdefault(instrument, Position(terms.multiplier))

    def terms(self, instrument: str) -> Terms:
        """The terms in force; ``KeyError`` where none have been set."""
        return self._terms[instrument]

    @property
    def instruments(self) -> tuple[str, ...]:
        """Every instrument whose terms have been set, held or not, in the order of the first time."""
        return tuple(self._positions)

    def position(self, instrument: str) -> Position:
        """The position in an instrument whose terms have been set; ``KeyError`` otherwise."""
        return self._positions[instrument]

    def mark(self, instrument: str, price: float, average: float = math.nan) -> None:
        """Mark the position at the last price; an ``average`` that is given is the day's (for its margin price)."""
        position = self._positions[instrument]
        position.last = price
        if not math.isnan(average):
            position.average = average
        self._stale.add(instrument)

    def set_pre_settlement(self, instrument: str, price: float) -> None:
        """The previous settlement price as the exchange tells it; the lots keep the base they were carried at."""
        self._positions[instrument].pre_settlement = price
        self._stale.add(instrument)

    def side_margin(self, instrument: str, side: Side) -> float:
        """The margin of one side in yuan, before the larger side's relief."""
        figures = self._figures_of(instrument)
        return figures.long_margin if side == Side.LONG else figures.short_margin

    def opening_need(self, instrument: str, side: Side, price: float, volume: float) -> float:
        """Margin and commission in yuan that an opening at ``price`` would take out of the available funds."""
        terms = self._terms[instrument]
        position = self._positions[instrument]
        at = margin_price(True, self.margin_price_type, price, position.last, position.average, position.pre_settlement)
        added = margin(at, volume, terms.multiplier, *margin_pair(terms.margins, side))
        long, short = self._compared_margins(instrument)
        held = charged_margin(long, short, terms.larger_side)
        if side == Side.LONG:
            needed = charged_margin(long + added, short, terms.larger_side) - held
        else:
            needed = charged_margin(long, short + added, terms.larger_side) - held
        return needed + commission(price, volume, terms.multiplier, *fee_pair(terms.fees, Offset.OPEN))

    def open(self, instrument: str, side: Side, price: float, volume: float, *, at: int, trading_day: int) -> float:
        """Book an opening fill; returns its commission in yuan. ``at`` in ns UTC, the day since the epoch."""
        terms = self._terms[instrument]
        paid = commission(price, volume, terms.multiplier, *fee_pair(terms.fees, Offset.OPEN))
        self._positions[instrument].open(side, price, volume, paid, at=at, trading_day=trading_day)
        self._funds.commission += paid
        self._stale.add(instrument)
        return paid

    def close(
        self, instrument: str, side: Side, price: float, volume: float, choice: LotChoice = LotChoice.FIFO
    ) -> list[Closing]:
        """Book a closing fill of a position's ``side``; returns the closed lots in the order they were hit.

        Each lot pays the close-today fee if it was opened this trading day, else the close fee. Raises
        ``RuleError`` and books nothing when more is closed than ``choice`` reaches.
        """
        terms = self._terms[instrument]
        closings = []
        for lot in self._positions[instrument].close(side, price, volume, choice):
            offset = recorded_offset(today=lot.today)
            paid = commission(price, lot.volume, terms.multiplier, *fee_pair(terms.fees, offset))
            self._funds.commission += paid
            self._funds.close_profit += lot.profit_by_date
            closings.append(Closing(lot, offset, paid))
        self._stale.add(instrument)
        return closings

    def expire(self, instrument: str) -> None:
        """The contract has ended: its lots are gone at the settlement price that they were last carried at."""
        self._positions[instrument].clear()
        self._stale.add(instrument)

    def settle(self, prices: Mapping[str, float]) -> None:
        """End the trading day at these settlement prices, one for every instrument held.

        The balance becomes the previous balance, the day's entries become zero, every lot is carried and
        margined at its settlement price. Raises ``KeyError`` and changes nothing where a price is missing.
        """
        held = {code: prices[code] for code, position in self._positions.items() if not position.is_flat()}
        for code, price in held.items():
            self.mark(code, price)
        self.funds.roll()
        for code, position in self._positions.items():
            if code in prices:
                position.settle(prices[code])
                self._stale.add(code)

    def _refresh(self) -> None:
        position_profit = charged = 0.0
        groups: dict[str, tuple[float, float]] = {}
        for code, terms in self._terms.items():
            figures = self._figures_of(code)
            position_profit += figures.position_profit
            if terms.larger_side and terms.margin_group:
                long, short = groups.get(terms.margin_group, (0.0, 0.0))
                groups[terms.margin_group] = (long + figures.long_margin, short + figures.short_margin)
            else:
                charged += charged_margin(figures.long_margin, figures.short_margin, terms.larger_side)
        for long, short in groups.values():
            charged += charged_margin(long, short, larger_side=True)
        self._funds.position_profit = position_profit
        self._funds.margin = charged
        self._stale.clear()

    def _figures_of(self, instrument: str) -> Figures:
        if instrument in self._stale or instrument not in self._figures:
            position = self._positions[instrument]
            margins = self._side_margins(position, self._terms[instrument])
            self._figures[instrument] = Figures(position.position_profit(), *margins)
        return self._figures[instrument]

    def _compared_margins(self, instrument: str) -> tuple[float, float]:
        """The margins of both sides that are compared where the larger one is charged: the group's, or its own."""
        own = self._terms[instrument]
        together = [instrument]
        if own.larger_side and own.margin_group:
            together = [code for code, terms in self._terms.items() if terms.margin_group == own.margin_group]
        figures = [self._figures_of(code) for code in together]
        return sum(row.long_margin for row in figures), sum(row.short_margin for row in figures)

    def _side_margins(self, position: Position, terms: Terms) -> tuple[float, float]:
        return self._lots_margin(Side.LONG, position, terms), self._lots_margin(Side.SHORT, position, terms)

    def _lots_margin(self, side: Side, position: Position, terms: Terms) -> float:
        lots = position.lots(side)
        if not lots:
            return 0.0
        by_money, by_volume = margin_pair(terms.margins, side)
        last, average, settled = position.last, position.average, position.pre_settlement
        total = 0.0
        for lot in lots:
            price = margin_price(lot.today, self.margin_price_type, lot.open_price, last, average, settled)
            total += margin(price, lot.volume, terms.multiplier, by_money, by_volume)
        return total
