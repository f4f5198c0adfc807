"""One account as a desk sees it: the ledger, and what its working orders hold back.

Orders are checked here against funds and positions when they are placed; a fill is a fact and is booked whatever the
funds say. A call that raises has changed nothing.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import date
from typing import NamedTuple, Self

from quantsite.common.errors import RuleError
from quantsite.common.texts import say
from trading.domain.account_document import (
    FUND_ENTRIES,
    VERSION,
    Document,
    read_position,
    read_terms,
    write_position,
    write_terms,
)
from trading.domain.account_orders import (
    BookOrder,
    Part,
    SideVolume,
    WorkingOrder,
    WorkingPart,
    closed_side,
    exchange_offset,
    offsets_paid,
    opened_side,
    side_volume,
)
from trading.domain.account_positions import PositionFigures, figures_of
from trading.domain.account_refusals import close_exceeds, funds_short, withdrawal_short
from trading.domain.account_statement import DayStatement
from trading.domain.balance import Funds, ProfitAlgorithm
from trading.domain.freeze import (
    Freeze,
    OrderPrices,
    freeze_price,
    freeze_setting_on,
    frozen_commission,
    frozen_margin,
    limit_of,
)
from trading.domain.ledger import Closing, Ledger, Terms
from trading.domain.margin import MarginPriceType
from trading.domain.offsets import (
    Direction,
    LotChoice,
    Offset,
    OffsetSetting,
    Side,
    lots_hit,
    setting_on,
    split_auto,
)

DUST = 1e-6
"""Yuan by which a sum of floats may be short and still suffice."""


@dataclass(frozen=True, slots=True)
class BrokerTerms:
    """What a broker chooses for an account (CTP's trading parameters)."""

    margin_price_type: MarginPriceType = MarginPriceType.PRE_SETTLEMENT
    algorithm: ProfitAlgorithm = ProfitAlgorithm.ALL
    include_close_profit: bool = True


class BookedFill(NamedTuple):
    """What one fill did to lots of one kind: profits in yuan before ``commission``, 0 for an opening.

    ``offset`` is the recorded one: it names the fee that was paid, and replays to the same lots.
    """

    direction: Direction
    offset: Offset
    price: float
    volume: int
    commission: float
    close_profit_by_date: float
    close_profit_by_trade: float


class Frozen(NamedTuple):
    """What one order holds back, in yuan."""

    margin: float
    commission: float


@dataclass(slots=True)
class _Trading:
    """How an instrument is traded on the running day."""

    exchange: str
    day: date
    setting: OffsetSetting


class AccountBook:
    """Funds, positions and working orders of one account."""

    def __init__(self, balance: float, broker: BrokerTerms) -> None:
        self.broker = broker
        self.close_profit_by_trade = 0.0
        self._ledger = Ledger(balance, broker.margin_price_type)
        self._ledger.funds.algorithm = broker.algorithm
        self._ledger.funds.include_close_profit = broker.include_close_profit
        self._trading: dict[str, _Trading] = {}
        self._working: dict[int, WorkingOrder] = {}
        self._closing: dict[tuple[str, Side], dict[int, WorkingOrder]] = {}

    def set_terms(self, instrument: str, exchange: str, day: date, terms: Terms) -> None:
        """Trade ``instrument`` on these terms from trading day ``day`` on."""
        self._trading[instrument] = _Trading(exchange, day, setting_on(exchange, day))
        self._ledger.set_terms(instrument, terms)

    def mark(self, instrument: str, last: float, average: float = math.nan) -> None:
        """Mark at the last price; NaN leaves the mark (and the average) as it was. ``KeyError`` without terms."""
        if not math.isnan(last):
            self._ledger.mark(instrument, last, average)

    def set_pre_settlement(self, instrument: str, price: float) -> None:
        """The previous settlement price as the exchange tells it. ``KeyError`` without terms."""
        self._ledger.set_pre_settlement(instrument, price)

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

    @property
    def known(self) -> AbstractSet[str]:
        """The instruments whose terms have been set."""
        return self._trading.keys()

    @property
    def funds(self) -> Funds:
        """The account's entries as of now, what orders freeze included: ask again after anything has happened."""
        funds = self._ledger.funds
        frozen = [part.freeze for working in self._working.values() for part in working.parts]
        funds.frozen_margin = sum((freeze.margin for freeze in frozen), 0.0)
        funds.frozen_commission = sum((freeze.commission for freeze in frozen), 0.0)
        return funds

    @property
    def working(self) -> tuple[int, ...]:
        """The ids of the orders that hold something back, oldest first."""
        return tuple(self._working)

    def frozen(self, order_id: int) -> Frozen:
        """What one order holds back; nothing for one that does not work."""
        working = self._working.get(order_id)
        parts = working.parts if working else []
        return Frozen(
            sum((part.freeze.margin for part in parts), 0.0), sum((part.freeze.commission for part in parts), 0.0)
        )

    def parts_left(self, order_id: int) -> tuple[Part, ...]:
        """What is left of an order to be filled, in the order in which fills use it up; empty when not working."""
        working = self._working.get(order_id)
        parts = working.parts if working else []
        return tuple(Part(part.offset, part.freeze.volume) for part in parts if part.freeze.volume)

    def place(self, order: BookOrder) -> tuple[Part, ...]:
        """Freeze what the order needs and return the parts that the exchange gets, older lots first.

        Raises ``RuleError``: ``terms_unknown``; ``insufficient_funds`` for an opening, never for a close;
        ``close_exceeds_position``; ``price_unknown`` where nothing tells at which price to freeze.
        """
        trading = self._trading_of(order.instrument)
        if order.offset == Offset.OPEN:
            parts: tuple[Part, ...] = (Part(Offset.OPEN, order.volume),)
        else:
            parts = self._closing_parts(order, trading.setting)
        working = self._freeze(order, parts, trading)
        if order.offset == Offset.OPEN:
            needed = sum(part.freeze.margin + part.freeze.commission for part in working.parts)
            available = self.funds.available
            if needed > available + DUST:
                raise funds_short(order.volume, needed, available)
        self._add(working)
        return parts

    def restore(self, order: BookOrder, parts: Sequence[Part]) -> None:
        """Put back a working order of a rebuilt account, with the parts that are left; nothing is checked.

        Raises ``RuleError`` as :meth:`place` does for terms or prices that are not known.
        """
        self._add(self._freeze(order, parts, self._trading_of(order.instrument)))

    def release(self, order_id: int, keep: int = 0) -> None:
        """An order has ended: let go of what it froze.

        ``keep`` lots stay frozen that a report told as traded while their fills have not come. An order that holds
        nothing back is nothing to do.
        """
        working = self._working.get(order_id)
        if working is None:
            return
        working.release(max(working.left - keep, 0))
        self._drop_if_done(order_id, working)

    def fill(self, order_id: int, price: float, volume: int, at: int, trading_day: int) -> list[BookedFill]:
        """Book a fill of a working order, whatever the funds say; one row for each kind of lot that it touched.

        ``at`` in ns UTC, ``trading_day`` in days since the epoch. Raises ``RuleError``: ``unknown_order``;
        ``fill_exceeds_order``; ``close_exceeds_position`` where fills from elsewhere have taken the lots.
        """
        working = self._working.get(order_id)
        if working is None or not 0 < volume <= working.left:
            raise _unfillable(order_id, volume, working)
        order, setting = working.order, self._trading[working.order.instrument].setting
        met = list(working.left_of(volume))
        self._check_reach(order, ((part.offset, taken) for part, taken in met), setting)
        booked = []
        for part, taken in met:
            booked += self._book(order.instrument, order.direction, part.offset, price, taken, at, trading_day)
            part.freeze.release(taken)
        self._drop_if_done(order_id, working)
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

        Raises ``RuleError``: ``terms_unknown``; ``close_exceeds_position``.
        """
        self._trading_of(instrument)
        return self._book(instrument, direction, offset, price, volume, at, trading_day)

    def volumes(self, instrument: str, side: Side) -> SideVolume:
        """Lots held on a side, and those held back by working closes. ``RuleError`` ``terms_unknown``."""
        setting = self._trading_of(instrument).setting
        closings = self._closing.get((instrument, side), {})
        return side_volume(self._ledger.position(instrument), side, closings.values(), setting)

    def positions(self) -> list[PositionFigures]:
        """Every side that holds lots, in the order of the instruments' first terms, long before short."""
        held = []
        for instrument in self._ledger.instruments:
            position = self._ledger.position(instrument)
            for side in Side:
                if position.lots(side):
                    margin = self._ledger.side_margin(instrument, side)
                    held.append(figures_of(instrument, side, position, self.volumes(instrument, side), margin))
        return held

    def settle(self, prices: Mapping[str, float]) -> DayStatement:
        """End the trading day at these settlement prices, one for every instrument held, and return its statement.

        Raises ``RuleError``: ``working_orders`` while an order holds anything back; ``settlement_price_missing``.
        """
        self._check_settlement(prices)
        for row in self.positions():
            self._ledger.mark(row.instrument, prices[row.instrument])
        rows = self.positions()
        funds = replace(self.funds)
        by_trade, self.close_profit_by_trade = self.close_profit_by_trade, 0.0
        self._ledger.settle(prices)
        after = self.funds
        return DayStatement(
            pre_balance=funds.pre_balance,
            deposit=funds.deposit,
            withdraw=funds.withdraw,
            cash_in=funds.cash_in,
            close_profit=funds.close_profit,
            close_profit_by_trade=by_trade,
            position_profit=funds.position_profit,
            commission=funds.commission,
            balance=funds.balance,
            margin=after.margin,
            available=after.available,
            risk_degree=after.risk_degree,
            rows=tuple(replace(row, margin=self._ledger.side_margin(row.instrument, row.side)) for row in rows),
        )

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

    def _trading_of(self, instrument: str) -> _Trading:
        trading = self._trading.get(instrument)
        if trading is None:
            text = say("the account has no terms (fees, margin) for %(instrument)s", instrument=instrument)
            raise RuleError("terms_unknown", text)
        return trading

    def _closing_parts(self, order: BookOrder, setting: OffsetSetting) -> tuple[Part, ...]:
        side = closed_side(order.direction)
        volumes = self.volumes(order.instrument, side)
        free = volumes.free_today + volumes.free_yesterday
        if order.offset is None:
            if order.volume > free:
                raise close_exceeds(order, side, volumes, free)
            split = split_auto(order.volume, volumes.free_today, volumes.free_yesterday, setting)
            return tuple(Part(offset, int(volume)) for offset, volume in split)
        offset = exchange_offset(order.offset, setting)
        choice = lots_hit(offset, setting)
        reach = {LotChoice.TODAY_ONLY: volumes.free_today, LotChoice.YESTERDAY_ONLY: volumes.free_yesterday}
        if order.volume > reach.get(choice, free):
            raise close_exceeds(order, side, volumes, reach.get(choice, free))
        return (Part(offset, order.volume),)

    def _freeze(self, order: BookOrder, parts: Iterable[Part], trading: _Trading) -> WorkingOrder:
        """The order with what it holds back; nothing is kept yet."""
        terms, position = self._ledger.terms(order.instrument), self._ledger.position(order.instrument)
        prices = OrderPrices(order.price, order.upper_limit, order.lower_limit, position.last, position.pre_settlement)
        limit = limit_of(order.direction, prices)
        if math.isnan(limit):
            text = say(
                "%(instrument)s has no price yet to freeze an order without a limit at", instrument=order.instrument
            )
            raise RuleError("price_unknown", text)
        margin_at = freeze_price(order.direction, prices, self.broker.margin_price_type, freeze_setting_on(trading.day))
        working = WorkingOrder(order)
        for offset, volume in parts:
            margin, paid = 0.0, [Offset.OPEN]
            if offset == Offset.OPEN:
                side = opened_side(order.direction)
                margin = frozen_margin(margin_at, volume, terms.multiplier, terms.margins, side)
            else:
                volumes = self.volumes(order.instrument, closed_side(order.direction))
                paid = list(offsets_paid(offset, volumes, trading.setting))
            fee = frozen_commission(limit, volume, terms.multiplier, terms.fees, paid)
            working.parts.append(WorkingPart(offset, Freeze(volume, margin, fee)))
        return working

    def _add(self, working: WorkingOrder) -> None:
        order = working.order
        self._working[order.order_id] = working
        if order.offset != Offset.OPEN:
            self._closing.setdefault((order.instrument, closed_side(order.direction)), {})[order.order_id] = working

    def _drop_if_done(self, order_id: int, working: WorkingOrder) -> None:
        if working.left:
            return
        del self._working[order_id]
        if working.order.offset != Offset.OPEN:
            del self._closing[working.order.instrument, closed_side(working.order.direction)][order_id]

    def _check_reach(self, order: BookOrder, met: Iterable[tuple[Offset, int]], setting: OffsetSetting) -> None:
        """Raise unless the lots of every closing part are there, so that a fill is booked wholly or not at all."""
        if order.offset == Offset.OPEN:
            return
        side = closed_side(order.direction)
        volumes = self.volumes(order.instrument, side)
        left = {True: volumes.today, False: volumes.yesterday}
        for offset, taken in met:
            choice = lots_hit(offset, setting)
            if choice in {LotChoice.TODAY_ONLY, LotChoice.YESTERDAY_ONLY}:
                left[choice == LotChoice.TODAY_ONLY] -= taken
            else:
                left[True] -= taken if sum(left.values()) < taken else 0
        if min(left.values()) < 0:
            raise close_exceeds(order, side, volumes, volumes.today + volumes.yesterday)

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
        if offset == Offset.OPEN:
            side = opened_side(direction)
            paid = self._ledger.open(instrument, side, price, float(volume), at=at, trading_day=trading_day)
            return [BookedFill(direction, offset, price, volume, paid, 0.0, 0.0)]
        choice = lots_hit(offset, self._trading[instrument].setting)
        closings = self._ledger.close(instrument, closed_side(direction), price, float(volume), choice)
        self.close_profit_by_trade += sum(closing.lot.profit_by_trade for closing in closings)
        return _by_offset(direction, price, closings)

    def _check_settlement(self, prices: Mapping[str, float]) -> None:
        if self._working:
            numbers = ", ".join(str(order_id) for order_id in self._working)
            text = say("orders %(orders)s still work: let them end before the settlement", orders=numbers)
            raise RuleError("working_orders", text)
        held = {row.instrument for row in self.positions()}
        missing = sorted(code for code in held if not prices.get(code, math.nan) > 0)
        if missing:
            text = say("a settlement price above 0 is missing for %(codes)s", codes=", ".join(missing))
            raise RuleError("settlement_price_missing", text)


def _by_offset(direction: Direction, price: float, closings: Sequence[Closing]) -> list[BookedFill]:
    """One row for today's lots and one for older ones, in the order in which they were hit."""
    rows: dict[Offset, BookedFill] = {}
    for closing in closings:
        lot = closing.lot
        before = rows.get(closing.offset) or BookedFill(direction, closing.offset, price, 0, 0.0, 0.0, 0.0)
        rows[closing.offset] = before._replace(
            volume=before.volume + int(lot.volume),
            commission=before.commission + closing.commission,
            close_profit_by_date=before.close_profit_by_date + lot.profit_by_date,
            close_profit_by_trade=before.close_profit_by_trade + lot.profit_by_trade,
        )
    return list(rows.values())


def _positive(amount: float) -> float:
    if not (amount > 0 and math.isfinite(amount)):
        raise RuleError("amount_not_positive", say("an amount must be above 0, not %(amount)g", amount=amount))
    return amount


def _unfillable(order_id: int, volume: int, working: WorkingOrder | None) -> RuleError:
    if working is None:
        return RuleError("unknown_order", say("order %(order)d does not work on this account", order=order_id))
    given = {"order": order_id, "volume": volume, "left": working.left}
    text = say("order %(order)d cannot fill %(volume)d: %(left)d lots are left of it", **given)
    return RuleError("fill_exceeds_order", text)
