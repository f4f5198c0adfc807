"""A desk that trades at random on one account, and what must hold of order, account and independent reckoning."""

from dataclasses import dataclass, field
from decimal import Decimal
from random import Random

import pytest

from marketdata.domain.instrument import FeeRates, MarginRates
from quantsite.common.errors import RuleError
from trading.domain import events
from trading.domain.account_book import AccountBook, BrokerTerms
from trading.domain.account_orders import BookOrder, Part
from trading.domain.account_statement import DayStatement
from trading.domain.ledger import Terms
from trading.domain.margin import MarginPriceType
from trading.domain.offsets import Direction, Offset, Side
from trading.domain.order import OrderState, OrderType
from trading.tests.domain.account_cases import DAY
from trading.tests.domain.slow_account import CashEntry, Entry, FillEntry, SettleEntry, SlowAccount, reckon

NAN = float("nan")
START = 300_000.0
FEES = FeeRates(0.0001, 1.0, 0.0002, 0.5, 0.0, 3.0)
MARGINS = MarginRates(0.1, 2.0, 0.12, 0.0)
GROUPED = Terms(
    300.0, FeeRates(0.000023, 0.0, 0.000023, 0.0, 0.00023, 0.0), MARGINS, larger_side=True, margin_group="ix"
)
TERMS = {
    "rb2410.SHFE": Terms(10.0, FEES, MARGINS, larger_side=True),
    "m2409.DCE": Terms(10.0, FEES, MARGINS),
    "IF2406.CFFEX": GROUPED,
    "IH2406.CFFEX": GROUPED,
}
PRICES = {"rb2410.SHFE": 4000.0, "m2409.DCE": 3000.0, "IF2406.CFFEX": 350.2, "IH2406.CFFEX": 240.4}
CODES = tuple(TERMS)
AT_LAST = BrokerTerms(margin_price_type=MarginPriceType.LAST)
OFFSETS = (Offset.OPEN, Offset.OPEN, Offset.OPEN, None, None, Offset.CLOSE, Offset.CLOSE_TODAY, Offset.CLOSE_YESTERDAY)


@dataclass
class Traced:
    """One order of the desk; ``parts`` is what is left of its flags, kept by the test itself."""

    order: BookOrder
    state: OrderState
    parts: list[Part]
    trades: int = 0


@dataclass
class Desk:
    """An account under random orders; ``entries`` is all that the independent reckoning is told."""

    random: Random
    broker: BrokerTerms = AT_LAST
    day: int = 19786
    entries: list[Entry] = field(default_factory=list)
    orders: dict[int, Traced] = field(default_factory=dict)
    placed: int = 0

    def __post_init__(self) -> None:
        self.book = AccountBook(START, self.broker)
        self.marks = dict(PRICES)
        for code, terms in TERMS.items():
            self.book.set_terms(code, code.rpartition(".")[2], DAY, terms)
            self.book.mark(code, PRICES[code])

    def step(self) -> None:
        """One thing at random, mostly about orders."""
        kind = self.random.random()
        if kind < 0.4:
            self.place()
        elif kind < 0.8 and self.orders:
            self.report(self.random.choice(list(self.orders.values())))
        elif kind < 0.9:
            self.mark()
        elif kind < 0.95:
            self.cash()
        else:
            self.foreign()

    def place(self) -> None:
        self.placed += 1
        code = self.random.choice(CODES)
        price = NAN if self.random.random() < 0.1 else self.near(code)
        order = BookOrder(
            order_id=self.placed,
            instrument=code,
            direction=self.random.choice((Direction.BUY, Direction.SELL)),
            offset=self.random.choice(OFFSETS),
            type=OrderType.LIMIT,
            price=price,
            volume=self.random.randint(1, 4),
            upper_limit=PRICES[code] * 1.1,
            lower_limit=PRICES[code] * 0.9,
        )
        try:
            parts = self.book.place(order)
        except RuleError:
            assert order.order_id not in self.book.working
            return
        assert sum(part.volume for part in parts) == order.volume
        traced = self.orders[order.order_id] = Traced(order, OrderState(order.order_id, order.volume), list(parts))
        traced.state.apply(events.Submitting(at=0))

    def report(self, traced: Traced) -> None:
        """Something is heard of an order, true or not; what cannot be true must change nothing."""
        state = traced.state
        event = self._rumour(traced)
        before = (state.status, state.traded, dict(state.trades), state.reported)
        try:
            changed = state.apply(event)
        except RuleError:
            assert (state.status, state.traded, state.trades, state.reported) == before
            return
        if changed and isinstance(event, events.Traded):
            self._book(traced, event.price, event.volume)
        elif not state.is_working:
            self.book.release(traced.order.order_id, keep=state.missing)
        if not state.is_working and not state.missing:
            del self.orders[traced.order.order_id]

    def _rumour(self, traced: Traced) -> events.Event:
        state, kind = traced.state, self.random.random()
        if kind < 0.5:
            return self._trade(traced)
        if kind < 0.7:
            return events.Cancelled(at=0, traded=self.random.choice((None, state.traded, state.traded + 1)))
        any_of: tuple[events.Event, ...] = (
            events.Submitted(at=0),
            events.Accepted(at=0, traded=state.traded),
            events.Accepted(at=0, traded=state.traded + 1),
            events.CancelRequested(at=0),
            events.CancelRefused(at=0),
            events.InDoubt(at=0),
            events.Rejected(at=0, reason_code="x"),
            events.NotSent(at=0),
            events.Expired(at=0, traded=state.reported),
        )
        return self.random.choice(any_of)

    def _trade(self, traced: Traced) -> events.Traded:
        """A new fill, an old one again, or one too many."""
        if traced.trades and self.random.random() < 0.2:
            name = str(self.random.randint(1, traced.trades))
            known = traced.state.trades.get(name)
            if known is not None:
                return events.Traded(at=0, trade_id=name, price=known.price, volume=known.volume)
        traced.trades += 1
        volume = self.random.randint(1, traced.order.volume)
        price = self.near(traced.order.instrument)
        return events.Traded(at=0, trade_id=str(traced.trades), price=price, volume=volume)

    def _book(self, traced: Traced, price: float, volume: int) -> None:
        order = traced.order
        fills = self.book.fill(order.order_id, price, volume, 1, self.day)
        assert sum(fill.volume for fill in fills) == volume
        while volume:
            part = traced.parts.pop(0)
            taken = min(volume, part.volume)
            self.entries.append(FillEntry(order.instrument, order.direction, part.offset, price, taken))
            volume -= taken
            if taken < part.volume:
                traced.parts.insert(0, Part(part.offset, part.volume - taken))

    def mark(self) -> None:
        code = self.random.choice(CODES)
        self.marks[code] = self.near(code)
        self.book.mark(code, self.marks[code])

    def near(self, code: str) -> float:
        tick = 0.2 if code.endswith("CFFEX") else 1.0
        return round(PRICES[code] + tick * self.random.randint(-60, 60), 4)

    def cash(self) -> None:
        amount = round(self.random.uniform(0.01, 20_000.0), 2)
        if self.random.random() < 0.5:
            self.book.deposit(amount)
        else:
            try:
                self.book.withdraw(amount)
            except RuleError:
                assert amount > self.book.funds.available
                return
            amount = -amount
        self.entries.append(CashEntry(amount))

    def foreign(self) -> None:
        """Another terminal opens, or closes what no order of ours has frozen."""
        code, direction = self.random.choice(CODES), self.random.choice((Direction.BUY, Direction.SELL))
        offset = Offset.OPEN
        volumes = self.book.volumes(code, Side.SHORT if direction is Direction.BUY else Side.LONG)
        if volumes.free_today and self.random.random() < 0.7:
            offset = Offset.CLOSE_TODAY
        price = self.near(code)
        self.book.foreign_fill(code, direction, offset, price, 1, 1, self.day)
        self.entries.append(FillEntry(code, direction, offset, price, 1))

    def end_orders(self) -> None:
        """Deliver the fills that were told, and let the rest expire."""
        for traced in list(self.orders.values()):
            state = traced.state
            while state.missing:
                state.apply(
                    event := events.Traded(
                        at=0, trade_id=f"late{state.traded}", price=self.near(traced.order.instrument), volume=1
                    )
                )
                self._book(traced, event.price, 1)
            if state.is_working:
                state.apply(events.Expired(at=0, traded=state.traded))
            self.book.release(traced.order.order_id)
            del self.orders[traced.order.order_id]

    def settle(self) -> DayStatement:
        """End the day; its statement against the independent reckoning."""
        self.end_orders()
        prices = {code: self.near(code) for code in CODES}
        slow = self.reckon()
        at = {code: Decimal(price) for code, price in prices.items()}
        statement = self.book.settle(prices)
        self.entries.append(SettleEntry(prices))
        self.marks, self.day = dict(prices), self.day + 1
        for code, price in prices.items():
            self.book.mark(code, price)
        assert statement.balance == near(slow.balance(at))
        assert statement.position_profit == near(slow.position_profit(at))
        assert statement.close_profit_by_trade == near(slow.close_profit_by_trade)
        assert statement.margin == near(self.reckon().margin(at))
        return statement

    def reckon(self) -> SlowAccount:
        return reckon(self.entries, START, TERMS, self.broker.margin_price_type)

    def check_account(self) -> None:
        """Funds and positions against the independent reckoning."""
        slow, funds = self.reckon(), self.book.funds
        marks = {code: Decimal(price) for code, price in self.marks.items()}
        pairs = (
            (funds.pre_balance, slow.pre_balance),
            (funds.deposit, slow.deposit),
            (funds.withdraw, slow.withdraw),
            (funds.commission, slow.commission),
            (funds.close_profit, slow.close_profit),
            (self.book.close_profit_by_trade, slow.close_profit_by_trade),
            (funds.position_profit, slow.position_profit(marks)),
            (funds.margin, slow.margin(marks)),
            (funds.balance, slow.balance(marks)),
        )
        for ours, theirs in pairs:
            assert ours == near(theirs)
        held = {(row.instrument, int(row.side)): (row.volume, row.today) for row in self.book.positions()}
        lots = {key: (len(lots), sum(lot.today for lot in lots)) for key, lots in slow.lots.items() if lots}
        assert held == lots

    def check_orders(self) -> None:
        """What is frozen belongs to working orders, and to lots that are there."""
        funds = self.book.funds
        assert set(self.book.working) == set(self.orders)
        assert self.book.working or (funds.frozen_margin, funds.frozen_commission) == (0.0, 0.0)
        assert funds.available == near(
            Decimal(funds.balance) - Decimal(funds.margin + funds.frozen_margin + funds.frozen_commission)
        )
        closing = dict.fromkeys(((code, side) for code in CODES for side in Side), 0)
        for order_id, traced in self.orders.items():
            left = traced.state.left if traced.state.is_working else traced.state.missing
            assert sum(part.volume for part in self.book.parts_left(order_id)) == left
            if traced.order.offset is not Offset.OPEN:
                closing[traced.order.instrument, Side(-traced.order.direction)] += left
        for (code, side), frozen in closing.items():
            volumes = self.book.volumes(code, side)
            assert volumes.frozen == frozen
            assert 0 <= volumes.frozen_today <= volumes.today
            assert 0 <= volumes.frozen_yesterday <= volumes.yesterday

    def close_everything(self) -> None:
        """Nothing held, nothing frozen, no margin."""
        self.end_orders()
        for row in self.book.positions():
            order = BookOrder(
                self.placed + 1,
                row.instrument,
                Direction(-row.side),
                None,
                OrderType.LIMIT,
                100.0,
                row.volume,
                NAN,
                NAN,
            )
            self.placed += 1
            traced = Traced(order, OrderState(order.order_id, order.volume), list(self.book.place(order)))
            self._book(traced, 100.0, row.volume)
        funds = self.book.funds
        assert (funds.margin, funds.position_profit, funds.frozen_margin, funds.frozen_commission) == (0.0,) * 4
        assert self.book.positions() == []
        assert funds.balance == funds.available == near(self.reckon().balance({}))


def near(value: Decimal) -> object:
    """Equal but for the dust of floats: a millionth of a yuan."""
    return pytest.approx(float(value), abs=1e-6)
