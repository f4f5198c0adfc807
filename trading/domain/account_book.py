"""One account as a desk sees it: the ledger, and what its working orders hold back.

Orders are checked here against funds and positions when they are placed; a fill is a fact and is booked whatever the
funds say. A call that raises has changed nothing.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import date
from typing import Self

from trading.domain.account_document import (
    FUND_ENTRIES,
    VERSION,
    Document,
    read_position,
    read_terms,
    write_position,
    write_terms,
)
from trading.domain.account_exposure import Exposure, exposure_of, lots_of
from trading.domain.account_fills import BookedFill, booked_fills
from trading.domain.account_orders import (
    BookOrder,
    Part,
    SideVolume,
    check_reach,
    closed_side,
    closing_parts,
    opened_side,
)
from trading.domain.account_positions import PositionFigures, figures_of
from trading.domain.account_refusals import (
    funds_short,
    no_settlement_price,
    no_terms,
    not_positive,
    still_working,
    withdrawal_short,
)
from trading.domain.account_statement import DayStatement
from trading.domain.account_working import (
    FreezeRules,
    Frozen,
    WorkingOrder,
    WorkingOrders,
    WorkingPart,
    freeze_order,
    frozen_again,
    side_volume,
)
from trading.domain.balance import Funds, ProfitAlgorithm
from trading.domain.freeze import freeze_setting_on
from trading.domain.ledger import Ledger, Terms
from trading.domain.margin import MarginPriceType
from trading.domain.offsets import Direction, Offset, Side, lots_hit, setting_on

__all__ = ["AccountBook", "BookedFill", "BrokerTerms", "Frozen"]

NOTHING = SideVolume(0, 0, 0, 0)
"""What an opening closes."""
DUST = 1e-6
"""Yuan by which a sum of floats may be short and still suffice."""


@dataclass(frozen=True, slots=True)
class BrokerTerms:
    """What a broker chooses for an account (CTP's trading parameters)."""

    margin_price_type: MarginPriceType = MarginPriceType.PRE_SETTLEMENT
    algorithm: ProfitAlgorithm = ProfitAlgorithm.ALL
    include_close_profit: bool = True


@dataclass(frozen=True, slots=True)
class _Trading:
    """The settings that an instrument is traded under on the running day."""

    exchange: str
    day: date
    rules: FreezeRules


class AccountBook:
    """Funds, positions and working orders of one account."""

    def __init__(self, balance: float, broker: BrokerTerms) -> None:
        self.broker = broker
        self.close_profit_by_trade = 0.0
        self._ledger = Ledger(balance, broker.margin_price_type)
        self._ledger.funds.algorithm = broker.algorithm
        self._ledger.funds.include_close_profit = broker.include_close_profit
        self._trading: dict[str, _Trading] = {}
        self._working = WorkingOrders()
        self._held: dict[str, tuple[int, int]] = {}  # lots long and short, as far as somebody has asked since a fill

    def set_terms(self, instrument: str, exchange: str, day: date, terms: Terms) -> None:
        """Trade ``instrument`` on these terms from trading day ``day`` on."""
        rules = FreezeRules(setting_on(exchange, day), freeze_setting_on(day), self.broker.margin_price_type)
        self._trading[instrument] = _Trading(exchange, day, rules)
        self._working.moved.add(instrument)
        self._ledger.set_terms(instrument, terms)

    def mark(self, instrument: str, last: float, average: float = math.nan) -> None:
        """Mark at the last price; NaN leaves the mark (and the average) as it was. ``KeyError`` without terms."""
        if not math.isnan(last):
            self._ledger.mark(instrument, last, average)
            self._working.moved.add(instrument)

    def set_pre_settlement(self, instrument: str, price: float) -> None:
        """The previous settlement price as the exchange tells it. ``KeyError`` without terms."""
        self._ledger.set_pre_settlement(instrument, price)
        self._working.moved.add(instrument)

    def deposit(self, amount: float) -> None:
        """Money in, in yuan. Raises ``RuleError`` ``amount_not_positive``."""
        self._ledger.funds.deposit += _positive(amount)

    def withdraw(self, amount: float) -> None:
        """Money out, at most what is available. ``RuleError`` ``amount_not_positive``, ``insufficient_funds``."""
        available = self.funds.available
        if _positive(amount) > available + DUST:
            raise withdrawal_short(amount, available)
        self._ledger.funds.withdraw += amount

    def withdraw_anyway(self, amount: float) -> None:
        """Book a withdrawal that was possible when it was made. Raises ``RuleError`` ``amount_not_positive``."""
        self._ledger.funds.withdraw += _positive(amount)

    def correct_commission(self, more: float) -> None:
        """Charge so much more (below 0: less) in yuan for fills than the terms in force say."""
        self._ledger.funds.commission += more

    @property
    def known(self) -> AbstractSet[str]:
        """The instruments whose terms have been set."""
        return self._trading.keys()

    @property
    def funds(self) -> Funds:
        """The account's entries as of now, what orders freeze included: ask again after anything has happened."""
        funds = self._ledger.funds
        funds.frozen_margin, funds.frozen_commission = self._working.frozen
        return funds

    @property
    def working(self) -> tuple[int, ...]:
        """The ids of the orders that hold something back, oldest first."""
        return self._working.ids

    def frozen(self, order_id: int) -> Frozen:
        """What one order holds back; nothing for one that does not work."""
        return self._working.frozen_by(order_id)

    def parts_left(self, order_id: int) -> tuple[Part, ...]:
        """What is left of an order to be filled, in the order in which fills use it up; empty when not working."""
        return self._working.parts_of(order_id)

    def take_moved(self) -> set[str]:
        """The instruments whose :meth:`exposure` may have changed since this was asked last; for one asker only."""
        moved, self._working.moved = self._working.moved, set()
        return moved

    def exposure(self, instrument: str) -> Exposure:
        """What is held or on order of an instrument whose terms have been set; ``KeyError`` otherwise."""
        position, working = self._ledger.position(instrument), self._working
        held = self._held.get(instrument)
        if held is None:
            held = self._held[instrument] = lots_of(position)
        return exposure_of(position, held, working.on_order(instrument), working.openings(instrument))

    def opening_need(self, order: BookOrder) -> Frozen:
        """What an opening would hold back. Raises ``RuleError`` ``terms_unknown``, ``price_unknown``."""
        self._trading_of(order.instrument)
        return self._freeze(order, (Part(Offset.OPEN, order.volume),)).frozen

    def place(self, order: BookOrder) -> tuple[Part, ...]:
        """Freeze what the order needs and return the parts that the exchange gets, older lots first.

        Raises ``RuleError``: ``terms_unknown``; ``insufficient_funds`` for an opening, never for a close;
        ``close_exceeds_position``; ``price_unknown`` where nothing tells at which price to freeze.
        """
        offsets = self._trading_of(order.instrument).rules.offsets
        opens = order.offset == Offset.OPEN
        parts = (Part(Offset.OPEN, order.volume),) if opens else closing_parts(order, self._closed(order), offsets)
        working = self._freeze(order, parts)
        if opens:
            needed = sum(working.frozen)
            available = self.funds.available
            if needed > available + DUST:
                raise funds_short(order.volume, needed, available)
        self._working.add(working)
        return parts

    def restore(self, order: BookOrder, parts: Sequence[Part], frozen: Frozen | None = None) -> None:
        """Put back a working order of a rebuilt account, with the parts that are left; nothing is checked.

        ``frozen`` is what it held back: no price is needed then, as none may be known after a restart. Without it
        raises ``RuleError`` ``terms_unknown``, ``price_unknown`` as :meth:`place` does.
        """
        self._working.add(self._freeze(order, parts) if frozen is None else frozen_again(order, parts, frozen))

    def release(self, order_id: int, keep: int = 0) -> None:
        """An order has ended: let go of what it froze.

        ``keep`` lots stay frozen that a report told as traded while their fills have not come. For an order that holds
        nothing back there is nothing to do.
        """
        self._working.release(order_id, keep)

    def demand_fill(self, order_id: int, volume: int, offset: Offset | None = None) -> None:
        """Raise ``RuleError`` as :meth:`fill` would, for a fill that could not be booked; change nothing."""
        self._met(order_id, volume, offset)

    def fill(  # noqa: PLR0917 - the columns of a fill
        self, order_id: int, price: float, volume: int, at: int, trading_day: int, offset: Offset | None = None
    ) -> list[BookedFill]:
        """Book a fill of a working order, whatever the funds say; one row for each kind of lot that it touched.

        ``at`` in ns UTC, ``trading_day`` in days since the epoch; ``offset`` is the flag it was traded under, where the
        order has several. Raises ``RuleError``: ``unknown_order``; ``fill_exceeds_order``; ``close_exceeds_position``
        where fills from elsewhere have taken the lots.
        """
        working, met = self._met(order_id, volume, offset)
        order, booked = working.order, []
        for part, taken in met:
            flag = part.offset if offset is None else offset
            booked += self._book(order.instrument, order.direction, flag, price, taken, at, trading_day)
            part.freeze.release(taken)
        self._working.drop_if_done(working)
        return booked

    def foreign_fill(  # noqa: PLR0917 - the columns of a fill
        self,
        instrument: str,
        direction: Direction,
        offset: Offset,
        price: float,
        volume: int,
        at: int,
        trading_day: int,
    ) -> list[BookedFill]:
        """Book a fill of no order here (another terminal's, a list's, a stored one again), as :meth:`fill` does.

        Raises ``RuleError``: ``terms_unknown``; ``close_exceeds_position``; ``volume_not_positive``.
        """
        self._trading_of(instrument)
        return self._book(instrument, direction, offset, price, volume, at, trading_day)

    def volumes(self, instrument: str, side: Side) -> SideVolume:
        """Lots held on a side, and those held back by working closes. ``RuleError`` ``terms_unknown``."""
        setting = self._trading_of(instrument).rules.offsets
        return side_volume(self._ledger.position(instrument), side, self._working.closings(instrument, side), setting)

    def positions(self, instruments: Iterable[str] | None = None) -> list[PositionFigures]:
        """Every side that holds lots, long before short; of these instruments only, or of all in the order of terms."""
        chosen = (
            self._ledger.instruments if instruments is None else [code for code in instruments if code in self.known]
        )
        return [
            figures_of(
                instrument,
                side,
                self._ledger.position(instrument),
                self.volumes(instrument, side),
                self._ledger.side_margin(instrument, side),
            )
            for instrument in chosen
            for side in Side
            if self._ledger.position(instrument).lots(side)
        ]

    def terms(self, instrument: str) -> Terms:
        """What an instrument costs here; ``KeyError`` where no terms have been set."""
        return self._ledger.terms(instrument)

    def settle(self, prices: Mapping[str, float]) -> DayStatement:
        """End the trading day at these settlement prices, one for every instrument held, and return its statement.

        Raises ``RuleError``: ``working_orders`` while an order holds anything back; ``settlement_price_missing``.
        """
        if self.working:
            raise still_working(self.working)
        held = {row.instrument for row in self.positions()}
        missing = [code for code in held if not 0.0 < prices.get(code, math.nan) < math.inf]
        if missing:
            raise no_settlement_price(missing)
        for code in held:
            self._ledger.mark(code, prices[code])
        rows, day = self.positions(), replace(self.funds)
        self._ledger.settle(prices)
        self._working.moved.update(self.known)
        by_trade, self.close_profit_by_trade = self.close_profit_by_trade, 0.0
        carried = (replace(row, margin=self._ledger.side_margin(row.instrument, row.side)) for row in rows)
        return DayStatement.between(day, self.funds, by_trade, carried)

    def expire(self, instrument: str) -> None:
        """After the settlement of a contract's last day: its lots are gone at that price, which booked their profit.

        So CFFEX index futures end, in cash. Delivery of goods, and its fee, is not modelled: whoever holds into the
        last day of such a contract is settled the same way.
        """
        self._ledger.expire(instrument)
        self._moved(instrument)

    def to_document(self) -> Document:
        """Lots, prices, terms and the day's entries, JSON-able; working orders are left out."""
        funds = self._ledger.funds
        return {
            "version": VERSION,
            "funds": {name: getattr(funds, name) for name in FUND_ENTRIES},
            "close_profit_by_trade": self.close_profit_by_trade,
            "instruments": {
                code: {
                    "terms": write_terms(trading.exchange, trading.day, self._ledger.terms(code)),
                    "position": write_position(self._ledger.position(code)),
                }
                for code, trading in self._trading.items()
            },
        }

    @classmethod
    def from_document(cls, document: Document, broker: BrokerTerms) -> Self:
        """The account of :meth:`to_document`, float for float. Raises ``ValueError`` for another version."""
        if document["version"] != VERSION:
            raise ValueError(f"an account document of version {document['version']} is not known, only {VERSION}")
        book = cls(0.0, broker)
        for name in FUND_ENTRIES:
            setattr(book._ledger.funds, name, document["funds"][name])
        book.close_profit_by_trade = document["close_profit_by_trade"]
        for code, row in document["instruments"].items():
            book.set_terms(code, *read_terms(row["terms"]))
            read_position(row["position"], book._ledger.position(code))
        return book

    def _met(
        self, order_id: int, volume: int, offset: Offset | None
    ) -> tuple[WorkingOrder, list[tuple[WorkingPart, int]]]:
        """The order and the parts that a fill meets. Raises ``RuleError`` where it cannot be booked."""
        working, met = self._working.meeting(order_id, volume, offset)
        order = working.order
        if order.offset != Offset.OPEN:
            wanted = (Part(part.offset if offset is None else offset, taken) for part, taken in met)
            check_reach(order, wanted, self._closed(order), self._trading[order.instrument].rules.offsets)
        return working, met

    def _trading_of(self, instrument: str) -> _Trading:
        trading = self._trading.get(instrument)
        if trading is None:
            raise no_terms(instrument)
        return trading

    def _moved(self, instrument: str) -> None:
        """Lots come or go."""
        self._working.moved.add(instrument)
        self._held.pop(instrument, None)

    def _closed(self, order: BookOrder) -> SideVolume:
        """The side that the order closes, or would."""
        return self.volumes(order.instrument, closed_side(order.direction))

    def _freeze(self, order: BookOrder, parts: Iterable[Part]) -> WorkingOrder:
        """The order with what it holds back; nothing is kept yet."""
        trading, code = self._trading_of(order.instrument), order.instrument
        return freeze_order(
            order,
            parts,
            self._ledger.terms(code),
            self._ledger.position(code),
            closed=NOTHING if order.offset == Offset.OPEN else self._closed(order),
            rules=trading.rules,
        )

    def _book(  # noqa: PLR0917 - the columns of a fill
        self,
        instrument: str,
        direction: Direction,
        offset: Offset,
        price: float,
        volume: int,
        at: int,
        trading_day: int,
    ) -> list[BookedFill]:
        self._moved(instrument)
        if offset == Offset.OPEN:
            side = opened_side(direction)
            paid = self._ledger.open(instrument, side, price, float(volume), at=at, trading_day=trading_day)
            return [BookedFill(direction, offset, price, volume, paid, 0.0, 0.0)]
        choice = lots_hit(offset, self._trading[instrument].rules.offsets)
        closings = self._ledger.close(instrument, closed_side(direction), price, float(volume), choice)
        for closing in closings:
            self.close_profit_by_trade += closing.lot.profit_by_trade
        return booked_fills(direction, price, closings)


def _positive(amount: float) -> float:
    if not (amount > 0 and math.isfinite(amount)):
        raise not_positive(amount)
    return amount
