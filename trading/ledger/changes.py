"""What one step of an account changes: gathered in memory, written in one transaction, fenced by the lease's epoch."""

from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts.leases import LeaseLostError
from trading.account_models import AccountState, TradingAccount
from trading.books_models import BookAdoption
from trading.choices import CommandStatus
from trading.ledger.row_writes import inserted, update_returning, updated, write_rows
from trading.ledger.stop_effects import tell_seconds
from trading.ledger_models import BalanceSnapshot, CashEntry, Position
from trading.limit_models import SwitchEffect
from trading.order_models import AccountCommand, AccountEvent, Fill, Order
from trading.shapes import Shape, order_shape
from trading.wake import announce

ORDER_COLUMNS = (
    "status",
    "traded",
    "average_price",
    "cancel_requested",
    "reason_code",
    "reason_text",
    "trading_day",
    "parts",
    "frozen_margin",
    "frozen_commission",
    "exchange_order_id",
    "submitted_at",
    "finished_at",
    "matching",
    "updated_seq",
)
"""What a gateway writes of an order."""

COMMAND_COLUMNS = ("status", "result", "reason_code", "reason_text", "done_at")
POSITION_COLUMNS = tuple(
    column.name
    for column in Position._meta.concrete_fields
    if column.name not in {"id", "account", "instrument", "side"}
)
STATE_KEY = {"account", "epoch", "last_seq"}
STATE_COLUMNS = tuple(column.attname for column in AccountState._meta.concrete_fields if column.name not in STATE_KEY)
ALL_OF_STATE = ", ".join(f"{name} = %({name})s" for name in STATE_COLUMNS)

Numbered = CashEntry | BookAdoption | BalanceSnapshot
"""Rows that name the event which tells of them."""

PositionKey = tuple[str, str]
"""Instrument code and side."""


@dataclass
class Changes:
    """Rows to write; ``positions`` maps a side of an instrument to its row, or to None where it is gone.

    ``corrected`` are stored fills with another commission. ``effects`` are those of stops, by the stop;
    ``moved_effects`` those of them that have ended orders in this step.
    """

    events: list[AccountEvent] = field(default_factory=list)
    orders: dict[int, Order] = field(default_factory=dict)
    fills: list[tuple[Fill, Shape]] = field(default_factory=list)
    corrected: dict[int, Fill] = field(default_factory=dict)
    cash: list[CashEntry] = field(default_factory=list)
    adoptions: list[BookAdoption] = field(default_factory=list)
    snapshots: list[BalanceSnapshot] = field(default_factory=list)
    undone: list[BalanceSnapshot] = field(default_factory=list)
    commands: list[AccountCommand] = field(default_factory=list)
    positions: dict[PositionKey, Position | None] = field(default_factory=dict)
    effects: dict[int, SwitchEffect] = field(default_factory=dict)
    moved_effects: dict[int, SwitchEffect] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.events or self.orders or self.commands or self.positions or self.undone or self.effects)

    def effect(self, row: SwitchEffect, *, ended: bool = False) -> None:
        """What a stop did is new; ``ended``: this step has ended an order, whose time is that of the commit."""
        self.effects[row.switch_id] = row
        if ended:
            self.moved_effects[row.switch_id] = row

    def done(self, command: AccountCommand, result: dict[str, Any] | None = None) -> None:
        """The command has been carried out."""
        self._close(command, CommandStatus.DONE)
        command.result = result or {}

    def failed(self, command: AccountCommand, code: str, text: str) -> None:
        """The command was refused."""
        self._close(command, CommandStatus.FAILED)
        command.reason_code, command.reason_text = code, text

    def move_up(self, by: int, after: int) -> None:
        """Others have numbered ``by`` events since these were numbered from ``after`` on: move all that names them."""
        if not by:
            return
        for event in self.events:
            event.seq += by
            if "order" in event.body:
                event.body["order"]["updated_seq"] += by
        for fill, shape in self.fills:
            fill.seq += by
            shape["seq"] += by
        numbered: tuple[Numbered, ...] = (*self.cash, *self.adoptions, *self.snapshots)
        for row in numbered:
            row.seq += by
        for order in self.orders.values():
            order.updated_seq += by if order.updated_seq > after else 0
        for command in self.commands:
            if "seq" in command.result:
                command.result["seq"] += by

    def _close(self, command: AccountCommand, status: CommandStatus) -> None:
        command.status, command.done_at = status, timezone.now()
        self.commands.append(command)


def write(state: AccountState, committed_seq: int, changes: Changes) -> None:
    """Write everything, or nothing: raises :class:`LeaseLostError` where another holder has the account.

    ``state`` is the row as it is to stand, ``committed_seq`` the last event that its holder knew of: others may have
    told of new orders since, and the numbers given meanwhile move up. Readers are woken after the commit.
    """
    with transaction.atomic(savepoint=False):  # the caller's, where it has begun one to decide in
        newest = _advance(state, len(changes.events))
        changes.move_up(newest - len(changes.events) - committed_seq, committed_seq)
        state.last_seq = newest
        _write_ledger(state.account_id, changes)
        for event in changes.events:
            event.created_at = state.updated_at
        write_rows(
            updated(Order, list(changes.orders.values()), ORDER_COLUMNS),
            updated(AccountCommand, changes.commands, COMMAND_COLUMNS),
            inserted(AccountEvent, changes.events),
        )
        _write_effects(changes, state.updated_at)
        if changes.events:
            transaction.on_commit(partial(announce, state.account_id))


def tell(account: TradingAccount, kind: str, order: Order | None = None, **body: Any) -> None:
    """One event that somebody else than the account's loop tells of, in the transaction of what it tells."""
    if order is not None:
        body["order"] = order_shape(order)
    state = AccountState(account=account)
    seq = update_returning(AccountState, "last_seq = last_seq + 1", "account_id = %(account_id)s", state, "last_seq")
    event = AccountEvent(account=account, seq=seq, kind=kind, order=order, body=body)
    event.created_at = timezone.now()
    write_rows(inserted(AccountEvent, [event]))
    transaction.on_commit(partial(announce, account.pk))


def _advance(state: AccountState, events: int) -> int:
    """Lock and count up the one row that serialises all events of an account; gives its last number."""
    state.updated_at = timezone.now()
    newest = update_returning(
        AccountState,
        f"{ALL_OF_STATE}, last_seq = last_seq + {events:d}",
        "account_id = %(account_id)s AND epoch = %(epoch)s",
        state,
        "last_seq",
    )
    if newest is None:
        raise LeaseLostError("lease_lost", f"account {state.account_id} is written by another gateway")
    return int(newest)


def _write_effects(changes: Changes, now: datetime) -> None:
    """Write how far stops have come; the orders that this step has ended have ended ``now``."""
    for effect in changes.moved_effects.values():
        effect.last_cancel_at = now
    for effect in changes.effects.values():
        effect.save(force_insert=effect.pk is None)
    if changes.moved_effects:
        transaction.on_commit(partial(tell_seconds, list(changes.moved_effects.values())))


def _write_ledger(account: int, changes: Changes) -> None:
    if changes.fills:
        stored = Fill.objects.bulk_create([fill for fill, _shape in changes.fills])
        for fill, (_fill, shape) in zip(stored, changes.fills, strict=True):
            shape["id"] = fill.pk  # the events that tell of it are written after it
    write_rows(updated(Fill, list(changes.corrected.values()), ("commission",)))
    CashEntry.objects.bulk_create(changes.cash)
    BookAdoption.objects.bulk_create(changes.adoptions)
    write_rows(updated(BalanceSnapshot, changes.undone, ("undone_at", "undone_by_id")))  # first: a day is settled once
    BalanceSnapshot.objects.bulk_create(changes.snapshots)
    kept = [row for row in changes.positions.values() if row is not None]
    if kept:
        Position.objects.bulk_create(
            kept,
            update_conflicts=True,
            unique_fields=["account", "instrument", "side"],
            update_fields=list(POSITION_COLUMNS),
        )
    for code, side in [key for key, row in changes.positions.items() if row is None]:
        Position.objects.filter(account=account, instrument__code=code, side=side).delete()
