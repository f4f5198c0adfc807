"""What is told of an account: numbered events, each with the funds and the positions that it has changed."""

from collections.abc import Sequence
from typing import Any

from trading.ledger.book_rows import position_row, told_funds
from trading.ledger.facts import moment
from trading.ledger.in_hand import AccountInHand
from trading.metrics import EVENTS
from trading.order_models import AccountEvent, Order
from trading.shapes import Shape, order_shape, position_shape


class ToldAccount(AccountInHand):
    """An account whose every change becomes an event of the step that is gathered."""

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
