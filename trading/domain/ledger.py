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


MOVING = frozenset({MarginPriceType.LAST, MarginPriceType.AVERAGE})
"""Under these every price moves the margin of today's lots."""


class Ledger:
    """Funds and positions of one account, kept fill by fill and settled day by day."""

    def __init__(self, balance: float, margin_price_type: MarginPriceType = MarginPriceType.OPEN) -> None:
        self.margin_price_type = margin_price_type
        self._funds = Funds(pre_balance=balance)
        self._positions: dict[str, Position] = {}
        self._terms: dict[str, Terms] = {}
        self._figures: dict[str, Figures] = {}
        self._profits: dict[str, float] = {}
        self._charged: dict[str, float] = {}  # what an instrument that stands alone is charged
        self._group_of: dict[str, str] = {}  # '' for one that stands alone
        self._members: dict[str, list[str]] = {}  # of a group, in the order of their first terms
        self._charged_groups: dict[str, float] = {}
        self._stale: set[str] = set()  # instruments whose figures are computed when somebody looks
        self._marked: set[str] = set()  # those of which only the profit is

    @property
    def funds(self) -> Funds:
        """The account's entries, with position profit and margin as of now: ask again after a mark or a fill."""
        if self._stale or self._marked:
            self._refresh()
        return self._funds

    def set_terms(self, instrument: str, terms: Terms) -> Position:
        """Trade ``instrument`` on these terms from now on; returns its position (made empty when new)."""
        self._terms[instrument] = terms
        self._profits.setdefault(instrument, 0.0)
        self._charged.setdefault(instrument, 0.0)
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
        if position.last == price and (math.isnan(average) or position.average == average):
            return
        position.last = price
        if not math.isnan(average):
            position.average = average
        (self._stale if self.margin_price_type in MOVING else self._marked).add(instrument)

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
        """Compute what is stale; the sums are those over every instrument, in the order of their first terms."""
        for code in self._marked - self._stale:
            figures = Figures(self._positions[code].position_profit(), *self._figures[code][1:])
            self._figures[code], self._profits[code] = figures, figures.position_profit
        self._marked.clear()
        if self._stale:
            self._refresh_margins()
        self._funds.position_profit = sum(self._profits.values())

    def _refresh_margins(self) -> None:
        """All figures of what is stale, and the margin that they are charged together with the rest."""
        groups = set()
        for code in self._stale:
            figures, terms = self._figures_of(code), self._terms[code]
            self._profits[code] = figures.position_profit
            grouped = terms.margin_group if terms.larger_side else ""
            groups |= {grouped, self._group_of.get(code, "")}
            if grouped != self._group_of.get(code):
                self._group_of[code] = grouped
                self._members.clear()
            alone = not grouped
            self._charged[code] = charged_margin(*figures[1:], larger_side=terms.larger_side) if alone else 0.0
        for group in groups - {""}:
            self._charged_groups[group] = self._charged_group(group)
        self._funds.margin = sum(self._charged_groups.values(), sum(self._charged.values()))
        self._stale.clear()

    def _charged_group(self, group: str) -> float:
        """What a margin group is charged."""
        if group not in self._members:
            self._members[group] = [code for code in self._terms if self._group_of.get(code) == group]
        together = [self._figures[code] for code in self._members[group]]
        long, short = sum([each.long_margin for each in together]), sum([each.short_margin for each in together])
        return charged_margin(long, short, larger_side=True)

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
