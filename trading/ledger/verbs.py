"""What an account's commands do to its book, orders apart: money in and out, the day's end, and its undoing."""

import time
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from quantsite.common.errors import ConflictError, RuleError
from trading.books_models import BrokerSession
from trading.choices import CashKind, CommandKind, StatusName
from trading.ledger.book_rows import Tracked
from trading.ledger.keeper import Keeper
from trading.ledger.prices import DayPrice, day_prices
from trading.ledger.statements import statement_columns, statement_shape
from trading.ledger_models import BalanceSnapshot, CashEntry
from trading.order_models import AccountCommand, AccountEvent, Order

QUIET = ("mark", "deposit", "withdraw", "settled", "settlement_undone", "placed", "rejected")
"""Events after a settlement that do not stand against undoing it: an order that the desk refused moved nothing."""

CLOSED = gettext_noop("Account %(account)s is closed: it takes no orders.")

MOST_YUAN = 1e13
"""What an account may hold: its columns keep ten times as much, and profits must fit too."""

SESSION_FRESH = timedelta(seconds=60)
"""A gateway tells the session every few seconds."""
NOT_LOGGED_IN = ("resting", "connecting", "lost", "refused", "closed")

EndOrders = Callable[[], None]
"""Ends what rests at the exchange, once it is certain that the day is settled."""


def carry_out(keeper: Keeper, command: AccountCommand, end_orders: EndOrders | None = None) -> None:
    """Do what a command asks and note what became of it; a refusal changes nothing but the command."""
    try:
        if command.kind == CommandKind.SETTLE:
            result = _settle(keeper, command, end_orders)
        else:
            result = _VERBS[CommandKind(command.kind)](keeper, command)
    except RuleError as error:
        keeper.refuse(command, error)
    else:
        keeper.finish(command, result)


def settle_at(
    keeper: Keeper, command: AccountCommand | None, prices: list[DayPrice], end_orders: EndOrders | None = None
) -> BalanceSnapshot:
    """End the running day at these prices: orders expire, the statement is stored, the lots are carried on."""
    day = _running_day(keeper)
    missing = ", ".join(row.instrument for row in prices if row.price is None)
    if missing:
        text = _("There is no settlement price of %(day)s for %(codes)s: give one.") % {"day": day, "codes": missing}
        raise RuleError("settlement_price_missing", text)
    if end_orders is not None:
        end_orders()
    keeper.expire_all(keeper.market_now)
    statement = keeper.book.settle({row.instrument: row.price for row in prices if row.price is not None})
    held = [row.instrument for row in prices]
    for code in held:
        last = keeper.facts.row(code).expires
        if last is not None and last <= day:
            keeper.book.expire(code)
    snapshot = BalanceSnapshot(
        account=keeper.account,
        trading_day=day,
        prices={row.instrument: {"price": row.price, "source": row.source} for row in prices},
        book=keeper.book.to_document(),
        command=command,
        settled_by=command.actor if command else None,
        **statement_columns(statement),
    )
    snapshot.seq = keeper.event("settled", codes=held, statement=statement_shape(statement, day))
    keeper.changes.snapshots.append(snapshot)
    keeper.settled_day = day
    return snapshot


def _deposit(keeper: Keeper, command: AccountCommand) -> dict[str, Any]:
    amount = _amount(command)
    if keeper.book.funds.balance + float(amount) > MOST_YUAN:
        text = _("An account holds at most %(most)d yuan.") % {"most": MOST_YUAN}
        raise RuleError("balance_too_large", text)
    keeper.book.deposit(float(amount))
    return _note_cash(keeper, command, CashKind.DEPOSIT, amount)


def _withdraw(keeper: Keeper, command: AccountCommand) -> dict[str, Any]:
    amount = _amount(command)
    keeper.book.withdraw(float(amount))
    return _note_cash(keeper, command, CashKind.WITHDRAW, amount)


def _note_cash(keeper: Keeper, command: AccountCommand, kind: CashKind, amount: Decimal) -> dict[str, Any]:
    told = {"kind": kind.value, "amount": float(amount), "note": command.payload.get("note", "")}
    seq = keeper.event(kind.value, cash=told)
    entry = CashEntry(
        account=keeper.account,
        kind=kind,
        amount=amount,
        note=told["note"],
        trading_day=keeper.cash_day,
        command=command,
        actor=command.actor,
        seq=seq,
    )
    keeper.changes.cash.append(entry)
    return {"seq": seq}


def _settle(keeper: Keeper, command: AccountCommand, end_orders: EndOrders | None) -> dict[str, Any]:
    day = _running_day(keeper)
    wanted = command.payload.get("day")
    if wanted and wanted != day.isoformat():
        text = _("Account %(code)s trades on %(day)s, not on %(wanted)s.")
        given = {"code": keeper.account.code, "day": day, "wanted": wanted}
        raise ConflictError("other_trading_day", text % given)
    if _broker_trades(keeper, day):
        text = _("The broker still trades on %(day)s: account %(code)s is settled when its day ends.")
        raise ConflictError("broker_day_runs", text % {"day": day, "code": keeper.account.code})
    prices = day_prices(keeper.held_codes(), day, command.payload.get("prices", {}))
    snapshot = settle_at(keeper, command, prices, end_orders)
    return {"trading_day": day.isoformat(), "balance": float(snapshot.balance), "seq": snapshot.seq}


def _broker_trades(keeper: Keeper, day: date) -> bool:
    """Whether the account is logged in at its broker on this trading day."""
    lately = timezone.now() - SESSION_FRESH
    sessions = BrokerSession.objects.filter(account=keeper.account, trading_day=day, updated_at__gt=lately)
    return sessions.exclude(state__in=NOT_LOGGED_IN).exists()


def _undo(keeper: Keeper, command: AccountCommand) -> dict[str, Any]:
    last = BalanceSnapshot.objects.filter(account=keeper.account, undone_at=None).order_by("-seq").first()
    if last is None or last.pk != command.payload.get("snapshot"):
        raise ConflictError("nothing_to_undo", _("This settlement is not the last one that counts."))
    after = AccountEvent.objects.filter(account=keeper.account, seq__gt=last.seq).exclude(kind__in=QUIET)
    if last.trading_day != keeper.trading_day or after.exists():
        text = _("The settlement of %(day)s stands: the next trading day has begun.") % {"day": last.trading_day}
        raise ConflictError("next_day_open", text)
    last.undone_at, last.undone_by = timezone.now(), command.actor
    keeper.changes.undone.append(last)
    keeper.rebuild(without=last)
    seq = keeper.event("settlement_undone", codes=keeper.held_codes(), trading_day=last.trading_day.isoformat())
    return {"trading_day": last.trading_day.isoformat(), "seq": seq}


def _close(keeper: Keeper, command: AccountCommand) -> dict[str, Any]:  # noqa: ARG001 - a verb's form
    """The account is closed: orders that no gateway has taken yet are rejected. Those at the exchange stay there."""
    waiting = Order.objects.filter(account=keeper.account, status=StatusName.PENDING).exclude(pk__in=keeper.orders)
    for order in waiting.select_related("account", "instrument").order_by("pk"):
        reject_closed(keeper, keeper.adopt(order), keeper.market_now or time.time_ns())
    return {}


def reject_closed(keeper: Keeper, tracked: Tracked, at: int) -> None:
    """Reject an order that was still waiting when its account was closed."""
    keeper.reject(tracked, at, "account_closed", CLOSED % {"account": keeper.account.code})


def _running_day(keeper: Keeper) -> date:
    day = keeper.trading_day
    if day is None:
        text = _("Account %(code)s has not traded yet: there is no trading day to settle.")
        raise ConflictError("nothing_to_settle", text % {"code": keeper.account.code})
    if keeper.settled_day is not None and keeper.settled_day >= day:
        text = _("%(day)s of account %(code)s is settled already.") % {"day": day, "code": keeper.account.code}
        raise ConflictError("day_settled", text)
    return day


def _amount(command: AccountCommand) -> Decimal:
    payload: Mapping[str, Any] = command.payload
    try:
        return Decimal(str(payload["amount"]))
    except (InvalidOperation, KeyError) as error:
        raise RuleError("invalid_amount", _("The command names no amount.")) from error


_VERBS = {
    CommandKind.DEPOSIT: _deposit,
    CommandKind.WITHDRAW: _withdraw,
    CommandKind.UNDO_SETTLEMENT: _undo,
    CommandKind.CLOSE: _close,
}
