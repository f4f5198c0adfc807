"""One account in the hands of whoever holds its lease: rebuilt from rows, changed by commands and reports.

Nothing here decides when; the gateway's loop (``loop/``) and the verbs that find no gateway (``apply.py``) do. What
a step changes is gathered in :attr:`Keeper.changes` and written by :meth:`Keeper.commit` in one transaction. A keeper
whose commit failed knows more than the rows: drop it and make a new one.
"""

from collections.abc import Mapping
from typing import Any

from accounts.leases import LeaseLostError
from quantsite.common.errors import RuleError
from trading.account_models import AccountState
from trading.ledger.book_rows import broker_terms, read_book, restored_order, state_funds, track
from trading.ledger.changes import Changes, write
from trading.ledger.statements import statement_shape
from trading.ledger.strangers import StrangersAccount
from trading.ledger_models import BalanceSnapshot, Position
from trading.limit_models import RiskRevision
from trading.order_models import AccountCommand, Order
from trading.shapes import funds_shape

PRE = "pre_settlements"
"""Where the state keeps the previous settlement prices of the running day."""


class Keeper(StrangersAccount):
    """The account between its rows and its holder: read when the lease is taken, written step by step."""

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
        self.rates = RiskRevision.objects.filter(pk=1).values_list("rates", flat=True).first() or 0
        self.state = AccountState.objects.get(account=self.account)
        self.state.account = self.account
        self.state.epoch = self.epoch  # not what the row says: it may be a later holder's
        self.committed = self.state.last_seq
        self.told = funds_shape(self.state)
        self.broker = broker_terms(self.account)
        self.pre_settlements = dict(self.state.positions.get(PRE, {}))
        self.settled_day, self.book = read_book(self.account, self.state.trading_day, self.broker, self.facts)
        self.orders = {row.pk: track(row) for row in Order.objects.kept_by(self.account)}
        self.counters.load([self.account.pk], self.state.trading_day)
        self.stops.load(self.account, [tracked.row for tracked in self.orders.values()])
        for code in self.working_codes():
            self.know_or_keep(code)
        rows = Position.objects.filter(account=self.account).select_related("account", "instrument")
        self.positions = {(row.instrument.code, row.side): row for row in rows}
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
