"""One account in the hands of whoever holds its lease: rebuilt from rows, changed by commands and reports.

Nothing here decides when; the gateway's loop (``runner.py``) and the verbs that find no gateway (``apply.py``) do. What
a step changes is gathered in :attr:`Keeper.changes` and written by :meth:`Keeper.commit` in one transaction. A keeper
whose commit failed knows more than the rows: drop it and make a new one.
"""

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import date
from typing import Any

import structlog

from accounts.leases import LeaseLostError
from marketdata.domain.calendar import to_day_number
from marketdata.instruments import trading_calendar
from quantsite.common.errors import MissingError, RuleError
from quantsite.common.times import ns_to_utc, utc_to_ns
from trading.account_models import AccountState, TradingAccount
from trading.book_rows import (
    Tracked,
    book_order,
    broker_terms,
    cost,
    order_row,
    position_row,
    read_book,
    restored_order,
    state_funds,
    told_funds,
    track,
)
from trading.changes import Changes, PositionKey, write
from trading.domain import events
from trading.domain.account_book import BookedFill
from trading.domain.account_orders import Part
from trading.domain.gateway import Outgoing, Report
from trading.domain.order import FINAL, OrderStatus
from trading.facts import Facts, moment
from trading.ledger_models import BalanceSnapshot, Position
from trading.metrics import CONTRADICTIONS, EVENTS, IGNORED
from trading.order_models import AccountCommand, AccountEvent, Fill, Order
from trading.shapes import Shape, fill_shape, funds_shape, order_shape, position_shape
from trading.statements import statement_shape

log = structlog.get_logger(__name__)

PRE = "pre_settlements"
"""Where the state keeps the previous settlement prices of the running day."""


class Keeper:
    """The account's book and working orders, its running trading day, and the changes that are not written yet."""

    def __init__(self, account: TradingAccount, epoch: int = 0, facts: Facts | None = None) -> None:
        self.account = account
        self.epoch = epoch
        self.facts = facts or Facts()
        self.changes = Changes()
        self.orders: dict[int, Tracked] = {}
        self.now: int | None = None
        self._costed: set[str] = set()

    def claim(self) -> None:
        """Shut out every earlier holder: what it still writes fails from now on. Call it before :meth:`load`.

        Raises :class:`LeaseLostError` where a later holder has been here already.
        """
        AccountState.objects.get_or_create(account=self.account)
        mine = AccountState.objects.filter(account=self.account, epoch__lte=self.epoch)
        if not mine.update(epoch=self.epoch):
            raise LeaseLostError("lease_lost", f"account {self.account.code} is written by a later gateway")

    def load(self) -> None:
        """Rebuild the account from its last settlement and everything after it."""
        self.state = AccountState.objects.get(account=self.account)
        self.state.account = self.account
        self.state.epoch = self.epoch  # not what the row says: it may be a later holder's
        self.committed = self.state.last_seq
        self.told = funds_shape(self.state)
        self.broker = broker_terms(self.account)
        self.pre_settlements: dict[str, float] = dict(self.state.positions.get(PRE, {}))
        self.settled_day, self.book = read_book(self.account, self.state.trading_day, self.broker, self.facts)
        self.orders = {row.pk: track(row) for row in Order.objects.kept_by(self.account)}
        for code in self.working_codes():
            self._know_or_keep(code)
        rows = Position.objects.filter(account=self.account).select_related("account", "instrument")
        self.positions: dict[PositionKey, Position] = {(row.instrument.code, row.side): row for row in rows}
        self._reprice()
        for tracked in self.orders.values():
            self.book.restore(*restored_order(tracked))

    def rebuild(self, without: BalanceSnapshot) -> None:
        """The book as it stood before a settlement that is being undone."""
        self._costed.clear()  # a fresh book knows no terms but those of its fills
        self.settled_day, self.book = read_book(self.account, self.trading_day, self.broker, self.facts, without)
        self._reprice()

    def statement_at(self, prices: Mapping[str, float]) -> dict[str, Any]:
        """What a settlement at these prices would say; the keeper is of no further use."""
        day = self.trading_day
        for order_id in self.book.working:
            self.book.release(order_id)
        return {} if day is None else statement_shape(self.book.settle(prices), day)

    @property
    def market_now(self) -> int:
        """The market clock (ns UTC) as this account heard of it last; 0 before it ever did."""
        if self.now is None and self.state.market_time is not None:
            return utc_to_ns(self.state.market_time)
        return self.now or 0

    @property
    def trading_day(self) -> date | None:
        """The running trading day; None before the first order."""
        return self.state.trading_day

    @property
    def cash_day(self) -> date | None:
        """The trading day whose statement counts what comes or goes now: the next one, once the running one is settled.

        None where no calendar tells it.
        """
        day = self.trading_day
        if day is None or self.settled_day != day:
            return day
        with suppress(RuleError):
            return trading_calendar().next_after(day)
        return None

    def held_codes(self) -> list[str]:
        """Instruments in which lots are held."""
        return sorted({row.instrument for row in self.book.positions()})

    def working_codes(self) -> set[str]:
        """Instruments in which orders may still fill."""
        return {tracked.row.instrument.code for tracked in self.orders.values()}

    def begin_day(self, day: date) -> None:
        """Trade on ``day`` from now on; everything held is costed by its terms."""
        self.state.trading_day = day
        self.pre_settlements.clear()
        self._costed.clear()
        self.facts.forget_days_before(day)
        for code in self.held_codes():
            self._know_or_keep(code)

    def know(self, code: str) -> None:
        """Have the terms of an instrument on the running day. Raises ``MissingError`` where there are none."""
        day = self.trading_day
        if day is None:
            raise ValueError("no trading day runs yet")
        cost(self.book, code, day, self.facts)
        self._costed.add(code)
        before = self.pre_settlements.get(code)
        if before is not None and self.settled_day != day:  # told before a restart, when nothing asked for it
            self.book.set_pre_settlement(code, before)

    def knows(self, code: str) -> bool:
        """Whether an instrument is costed by the terms of the running day."""
        return code in self._costed

    def settled_before(self, code: str, price: float) -> None:
        """The previous settlement price of an instrument, for the running day; it is kept with the state."""
        self.pre_settlements[code] = price
        self.book.set_pre_settlement(code, price)

    def price(self, code: str, last: float, average: float = math.nan) -> None:
        """Mark an instrument that the account knows."""
        if code in self.book.known and last > 0:  # NaN is not, and 0 is how some front says that there is none
            self.book.mark(code, last, average)

    def holds(self, code: str) -> bool:
        """Whether lots of an instrument are held."""
        return bool(self.book.positions([code]))

    def carried(self, code: str) -> bool:
        """Whether lots of an instrument are held since before the running day."""
        return any(row.yesterday for row in self.book.positions([code]))

    def last_price(self, code: str) -> float | None:
        """Where an instrument is marked; None where nothing is held of it."""
        return next((row.last_price for row in self.book.positions([code])), None)

    # --- orders ------------------------------------------------------------------------------------------------

    def adopt(self, row: Order) -> Tracked:
        """Take a pending order into the books' sight; nothing is frozen yet."""
        tracked = self.orders[row.pk] = track(row)
        return tracked

    def place(self, tracked: Tracked, at: int, limits: tuple[float, float]) -> Outgoing:
        """Freeze what the order needs and record that it is being handed over.

        ``limits`` are the day's upper and lower price limits, NaN where unknown. Raises ``RuleError`` and changes
        nothing where funds or positions do not allow it.
        """
        row = tracked.row
        parts = self.book.place(book_order(row, limits))
        row.parts = [[int(part.offset), part.volume] for part in parts]
        row.trading_day = self.trading_day
        row.submitted_at = moment(at)
        self.apply(Report(row.pk, events.Submitting(at=at)))
        return self.outgoing(tracked, parts)

    def reject(self, tracked: Tracked, at: int, code: str, text: str) -> None:
        """The desk refuses a pending order."""
        tracked.row.trading_day = tracked.row.trading_day or self.trading_day
        refused = events.Rejected(at=at, reason_code=code, text=text, by=events.Refuser.DESK)
        self.apply(Report(tracked.row.pk, refused))

    def outgoing(self, tracked: Tracked, parts: Sequence[Part] | None = None) -> Outgoing:
        """The order as a gateway takes it."""
        return order_row(tracked, parts)

    def apply(self, report: Report) -> bool:
        """Take one event of an order in; false where it told nothing new or cannot be true, which is counted."""
        tracked = self.orders.get(report.order_id) or self._revive(report.order_id)
        if tracked is None:
            return self._odd(report, "no order of this account")
        event = report.event
        if isinstance(event, events.Traded) and self._cannot_book(tracked, event):
            return False
        try:
            changed = tracked.state.apply(event)
        except RuleError as error:
            return self._odd(report, error.text)
        if not changed:
            IGNORED.inc()
            return False
        booked: list[BookedFill] = []
        if isinstance(event, events.Traded):
            day = to_day_number(self._day_of(tracked))
            booked = self.book.fill(report.order_id, event.price, event.volume, event.at, day)
        elif tracked.state.status in FINAL:
            self.book.release(report.order_id, keep=max(tracked.state.missing, 0))
        self._tell_order(tracked, event, booked)
        return True

    def expire_all(self, at: int) -> None:
        """The day is over for every order that was handed over."""
        for order_id, tracked in list(self.orders.items()):
            if tracked.state.status is not OrderStatus.PENDING:
                self.apply(Report(order_id, events.Expired(at=at)))

    # --- telling -----------------------------------------------------------------------------------------------

    def event(
        self, kind: str, *, order: Order | None = None, codes: Sequence[str] = (), at: int | None = None, **body: Any
    ) -> int:
        """Number one event and keep what it says; gives its number.

        ``codes`` are the instruments whose positions it may have changed; the funds are told with every event.
        """
        self.state.last_seq += 1
        if order is not None:
            order.updated_seq = self.state.last_seq
            body["order"] = order_shape(order)
        changed = self._changed_positions(codes)
        if changed:
            body["positions"] = changed
        body["funds"] = self.told = told_funds(self.book.funds, self.trading_day)
        when = moment(self.now if at is None else at)
        self.state.market_time = when or self.state.market_time
        row = AccountEvent(
            account=self.account, seq=self.state.last_seq, kind=kind, order=order, body=body, market_time=when
        )
        self.changes.events.append(row)
        EVENTS.labels(kind).inc()
        return self.state.last_seq

    def tell_marks(self) -> bool:
        """Tell what the last prices made of positions and funds, if they changed anything; gives whether they did."""
        changed = self._changed_positions(self.held_codes())
        if not changed and told_funds(self.book.funds, self.trading_day) == self.told:
            return False
        self.event("mark", positions=changed) if changed else self.event("mark")
        return True

    def commit(self, positions: Mapping[str, Any] | None = None) -> bool:
        """Write what has gathered; ``positions`` is what the gateway must find again. False: there was nothing.

        Raises :class:`LeaseLostError` and database errors, after which this keeper is of no use any more.
        """
        kept = {name: value for name, value in self.state.positions.items() if name != PRE}
        moved = positions is not None and positions != kept
        if not self.changes and not moved:
            return False
        if positions is not None:
            self.state.positions = {**positions, PRE: dict(self.pre_settlements)}
        changes, self.changes = self.changes, Changes()
        if changes.events:
            state_funds(self.state, self.told)
        write(self.state, self.committed, changes)
        self.committed = self.state.last_seq
        for order_id in [key for key, tracked in self.orders.items() if tracked.over]:
            del self.orders[order_id]
        return True

    def finish(self, command: AccountCommand, result: dict[str, Any] | None = None) -> None:
        """A command has been carried out."""
        self.changes.done(command, result)

    def refuse(self, command: AccountCommand, error: RuleError) -> None:
        """A command was refused."""
        self.changes.failed(command, error.code, error.text)

    def _know_or_keep(self, code: str) -> None:
        """As :meth:`know`; where nobody tells the terms any more, those of the day before hold on."""
        try:
            self.know(code)
        except MissingError as error:
            if code not in self.book.known:
                raise
            log.error("terms missing", account=self.account.code, instrument=code, reason=error.text)

    # --- parts -------------------------------------------------------------------------------------------------

    def _tell_order(self, tracked: Tracked, event: events.Event, booked: Sequence[BookedFill]) -> None:
        tracked.show(self.book.frozen(tracked.row.pk), event.at)
        self.changes.orders[tracked.row.pk] = tracked.row
        shapes: list[Shape] = []
        for part, fill in enumerate(booked):
            row = self._fill_row(tracked, event, fill, part)
            shapes.append(fill_shape(row))
            self.changes.fills.append((row, shapes[-1]))
        told: dict[str, Any] = {"fills": shapes} if shapes else {}
        kind = str(type(event).__struct_config__.tag)
        self.event(kind, order=tracked.row, codes=[tracked.row.instrument.code], at=event.at, **told)

    def _fill_row(self, tracked: Tracked, event: events.Event, fill: BookedFill, part: int) -> Fill:
        if not isinstance(event, events.Traded):
            raise TypeError(f"{event!r} is no fill")
        row = tracked.row
        return Fill(
            account=self.account,
            order=row,
            instrument=row.instrument,
            trading_day=self._day_of(tracked),
            trade_id=event.trade_id,
            part=part,
            direction=row.direction,
            offset=fill.offset.name.lower(),
            price=round(fill.price, 6),
            volume=fill.volume,
            commission=round(fill.commission, 6),
            close_profit=round(fill.close_profit_by_date, 6),
            close_profit_by_trade=round(fill.close_profit_by_trade, 6),
            traded_at=ns_to_utc(event.at),
            strategy_key=row.strategy_key,
            seq=self.state.last_seq + 1,
        )

    def _day_of(self, tracked: Tracked) -> date:
        day = self.trading_day or tracked.row.trading_day
        if day is None:
            raise ValueError(f"order {tracked.row.pk} was traded on no trading day")
        return day

    def _cannot_book(self, tracked: Tracked, event: events.Traded) -> bool:
        """Whether the ledger has no lots for a fill that is news: told and counted, for nobody may invent lots."""
        known = event.trade_id in tracked.state.trades
        left = sum(part.volume for part in self.book.parts_left(tracked.row.pk))
        if known or event.volume <= left:
            return False
        return not self._odd(Report(tracked.row.pk, event), f"{left} lots of the order are left")

    def _odd(self, report: Report, reason: str) -> bool:
        CONTRADICTIONS.inc()
        log.error("order event contradicts", account=self.account.code, order=report.order_id, reason=reason)
        return False

    def _revive(self, order_id: int) -> Tracked | None:
        """An order that had ended and is heard of once more."""
        row = Order.objects.select_related("account", "instrument").filter(account=self.account, pk=order_id).first()
        return None if row is None else self.adopt(row)

    def _reprice(self) -> None:
        """The prices that the rows were marked at, and the previous settlements of the running day.

        After its settlement they are the day's own settlement prices, which the book carries with the lots.
        """
        self.pre_settlements = dict(self.state.positions.get(PRE, {}))
        running = self.settled_day != self.trading_day
        for code, price in self.pre_settlements.items():
            if running and code in self.book.known:
                self.book.set_pre_settlement(code, price)
        for (code, _side), row in self.positions.items():
            if row.last_price is not None:
                self.price(code, float(row.last_price))

    def _changed_positions(self, codes: Sequence[str]) -> list[Shape]:
        """The rows of these instruments as they stand now, where they differ from what was told before."""
        shapes: list[Shape] = []
        figures = {(row.instrument, row.side.name.lower()): row for row in self.book.positions(codes)}
        gone = [key for key in self.positions if key[0] in codes and key not in figures]
        for key, figure in figures.items():
            row = position_row(self.account, self.facts.row(key[0]), figure)
            shape = position_shape(row)
            before = self.positions.get(key)
            if before is None or position_shape(before) != shape:
                self.positions[key] = self.changes.positions[key] = row
                shapes.append(shape)
        for key in gone:
            row = self.positions.pop(key)
            row.volume = row.today = row.frozen = row.frozen_today = 0
            self.changes.positions[key] = None
            shapes.append(position_shape(row))
        return shapes
