"""Orders of one control group never meet: looked at under a lock, in the transaction that commits ``submitting``.

Whoever decides on an order of an account that shares its control group holds the lock on (control group, instrument)
from before it reads the others' orders until its own is committed: of two that would meet the second one sees the
first. PostgreSQL has advisory locks for that, SQLite one writer at a time (docs/decisions/0016-self-trade.md).
"""

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import nan
from typing import Any

from django.db import connection, transaction
from django.db.models import Q

from quantsite.common.errors import RuleError
from trading.account_models import TradingAccount
from trading.choices import FINAL_STATUSES, CommandKind, CommandStatus, DirectionName, OffsetName, StatusName
from trading.domain.risk.self_trade import Standing, crossed, self_trade_reason
from trading.ledger.keeper import Keeper
from trading.ledger.orders import HELD
from trading.ledger.risk_view import is_opening
from trading.loop.risk_desk import RiskDesk
from trading.order_models import AccountCommand, Order
from trading.verbs.inbox import enqueue

SILENT = "3s"
"""Less than the others wait for an answer of the database (``runner.ANSWER_SECONDS``)."""
LOCK = f"""
SELECT set_config('idle_in_transaction_session_timeout', '{SILENT}', true), pg_advisory_xact_lock(key)
FROM unnest(%s::bigint[]) AS key"""  # noqa: S608 - our own constant
GROUP_SHIFT = 32
"""A lock's key has the control group in its upper half and the instrument in the lower one."""


@dataclass(frozen=True, slots=True)
class Met:
    """An order of the control group that another one would meet. ``owner`` is its account's number."""

    standing: Standing
    owner: int
    held: bool
    cancel_requested: bool


class WouldMeetError(RuleError):
    """An opening order would meet ``order``, which not everybody may see who sees the refused one."""

    def __init__(self, met: Met, *, named: bool) -> None:
        reason = self_trade_reason(met.standing, named=named)
        super().__init__(reason.code, reason.text)
        self.order = met.standing.order_id


class SelfTrade:
    """The orders of one account beside those of its control group."""

    def __init__(self, keeper: Keeper, desk: RiskDesk) -> None:
        self._keeper = keeper
        self._desk = desk
        self._others: list[Met] = []

    @contextmanager
    def reserved(self, commands: Iterable[AccountCommand]) -> Iterator[None]:
        """Nobody else of the control group decides on the instruments of these commands until what is decided here is
        committed. For an account that is alone in its group there is nobody to wait for, and no transaction.
        """
        placed = [each.order for each in commands if each.kind == CommandKind.PLACE and each.order is not None]
        instruments = sorted({order.instrument_id for order in placed})
        if not instruments or not self._desk.mates:
            yield
            return
        with transaction.atomic():
            lock(self._keeper.account.control_group_id, instruments)
            self._others = self._read_others(instruments, {order.direction for order in placed})
            try:
                yield
            finally:
                self._others = []

    def meets(self, order: Order, held: Iterable[Order]) -> list[Met]:
        """The orders of the control group that this one would meet; ``held`` are the account's own that wait."""
        code = order.instrument.code
        near = [each for each in self._others if each.standing.instrument == code]
        mine = [
            tracked.row
            for tracked in self._keeper.orders.values()
            if tracked.row.direction != order.direction
            and tracked.row.instrument_id == order.instrument_id
            and tracked.row.status not in _NOT_AT_WORK
        ]
        near += [_met(row, self._keeper.account.code, held=False) for row in mine]
        near += [_met(row, self._keeper.account.code, held=True) for row in held]
        if not near:
            return []
        if not is_opening(order):  # of two that wait the older one goes first
            near = [each for each in near if not each.held or each.standing.order_id < order.pk]
        by_id = {each.standing.order_id: each for each in near}
        incoming = _standing(order, self._keeper.account.code)
        return [by_id[each.order_id] for each in crossed(incoming, (each.standing for each in near))]

    def ask_to_cancel(self, met: Met) -> None:
        """Have another account's order withdrawn, unless that is on its way: its gateway does it, and tells ours."""
        number = met.standing.order_id
        on_its_way = AccountCommand.objects.filter(
            account=met.owner, order=number, kind=CommandKind.CANCEL, status=CommandStatus.QUEUED
        )
        if met.cancel_requested or on_its_way.exists():
            return
        waiting = {"holder": self._keeper.account.pk}
        enqueue(None, TradingAccount(pk=met.owner), CommandKind.CANCEL, order=Order(pk=number), payload=waiting)

    def _read_others(self, instruments: Collection[int], sides: Collection[str]) -> list[Met]:
        """The orders of the others at work or waiting in these instruments, against these sides."""
        waits = Q(status=StatusName.PENDING, reason_code=HELD)
        orders = Order.objects.working().filter(account__in=self._desk.mates.keys(), instrument__in=instruments)
        orders = orders.exclude(direction__in=sides) if len(sides) == 1 else orders
        rows = orders.filter(~Q(status=StatusName.PENDING) | waits).order_by("pk").values_list(*READ, named=True)
        return [self._met_other(row) for row in rows]

    def _met_other(self, row: Any) -> Met:
        standing = Standing(
            order_id=row.pk,
            account=self._desk.mates[row.account_id],
            instrument=self._keeper.facts.instrument(row.instrument_id).code,
            buying=row.direction == DirectionName.BUY,
            opening=row.offset == OffsetName.OPEN,
            price=nan if row.price is None else float(row.price),
        )
        return Met(standing, row.account_id, row.status == StatusName.PENDING, row.cancel_requested)


READ = ("pk", "account_id", "instrument_id", "direction", "offset", "price", "status", "cancel_requested")
_NOT_AT_WORK = {StatusName.PENDING, *FINAL_STATUSES}


def lock(group: int, instruments: Collection[int]) -> None:
    """Wait until nobody else decides on these instruments (ascending) for the control group; held until the commit.

    A gateway that falls silent meanwhile, because its network is gone, keeps the others from trading no longer than
    :data:`SILENT`: then the server ends its transaction.
    """
    if connection.vendor != "postgresql":  # SQLite: the transaction began as the only one that writes
        return
    keys = [group << GROUP_SHIFT | instrument for instrument in instruments]
    with connection.cursor() as cursor:
        cursor.execute(LOCK, [keys])


def _met(row: Order, account: str, *, held: bool) -> Met:
    return Met(_standing(row, account), row.account_id, held, row.cancel_requested)


def _standing(row: Order, account: str) -> Standing:
    return Standing(
        order_id=row.pk,
        account=account,
        instrument=row.instrument.code,
        buying=row.direction == DirectionName.BUY,
        opening=is_opening(row),
        price=nan if row.price is None else float(row.price),
    )
