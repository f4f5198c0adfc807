"""The verbs of the day's end: what a settlement would say, settle, and undo it until the next day opens."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.audit import record
from quantsite.common.errors import ConflictError, RuleError
from trading.account_models import SETTLE, TradingAccount
from trading.choices import CommandKind
from trading.ledger.apply import apply_now
from trading.ledger.keeper import Keeper
from trading.ledger.prices import DayPrice, day_prices
from trading.ledger_models import BalanceSnapshot
from trading.order_models import AccountCommand, Order
from trading.permissions import demand, find_account
from trading.verbs.inbox import enqueue

if TYPE_CHECKING:
    from accounts.models import User


@dataclass(frozen=True)
class Preview:
    """What a settlement would book: the price of each instrument held, the statement, and what stands against it."""

    account: TradingAccount
    trading_day: date | None
    prices: list[DayPrice]
    statement: dict[str, Any] | None
    working: list[Order]
    missing: list[str]


def settlement_preview(actor: "User | None", account_code: str, prices: Mapping[str, float] | None = None) -> Preview:
    """The running day as it would end; ``prices`` go before those that are stored. Nothing is written.

    Raises ``MissingError``, ``RefusedError``, ``RuleError`` ``invalid_price``.
    """
    account = find_account(actor, account_code)
    demand(actor, SETTLE, account)
    _check_prices(prices or {})
    keeper = Keeper(account)
    keeper.load()
    chosen = day_prices(keeper.held_codes(), keeper.trading_day, prices or {})
    missing = [row.instrument for row in chosen if row.price is None]
    statement = None
    if not missing:
        statement = keeper.statement_at({row.instrument: row.price for row in chosen if row.price is not None})
    working = list(Order.objects.filter(account=account).working().select_related("instrument", "account"))
    return Preview(account, keeper.trading_day, chosen, statement, working, missing)


def settle(
    actor: "User | None", account_code: str, prices: Mapping[str, float] | None = None, day: date | None = None
) -> AccountCommand:
    """End the running trading day of an account at settlement prices: ``prices`` by code, else those that are stored.

    Working orders expire. ``day`` is a safeguard: another running day is refused. The command that comes back says what
    became of it. Raises ``MissingError``, ``RefusedError``, ``RuleError`` ``invalid_price``.
    """
    account = find_account(actor, account_code)
    demand(actor, SETTLE, account)
    _check_prices(prices or {})
    payload = {"prices": dict(prices or {}), "day": day.isoformat() if day else None}
    with transaction.atomic():
        command = enqueue(actor, account, CommandKind.SETTLE, payload=payload)
        record(actor, "account.settle", account, after=payload)
    return apply_now(account, command)


def undo_settlement(actor: "User | None", account_code: str) -> AccountCommand:
    """Take the last settlement back, as long as nothing was ordered or traded since.

    Raises ``MissingError``, ``RefusedError``, ``ConflictError`` ``nothing_to_undo``.
    """
    account = find_account(actor, account_code)
    demand(actor, SETTLE, account)
    last = BalanceSnapshot.objects.filter(account=account, undone_at=None).first()
    if last is None:
        raise ConflictError("nothing_to_undo", _("Account %(code)s has no settlement.") % {"code": account.code})
    with transaction.atomic():
        command = enqueue(actor, account, CommandKind.UNDO_SETTLEMENT, payload={"snapshot": last.pk})
        record(actor, "account.undo_settlement", account, before={"trading_day": last.trading_day.isoformat()})
    return apply_now(account, command)


def _check_prices(prices: Mapping[str, float]) -> None:
    for code, price in prices.items():
        if not 0 < price < 1e12:
            told = _("A settlement price is above 0: %(price)s of %(code)s is none.") % {"price": price, "code": code}
            raise RuleError("invalid_price", told, fields={code: told})
