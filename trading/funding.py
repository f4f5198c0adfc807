"""The verbs of an account itself: open it, fund it, close it, grant it to people."""

from decimal import Decimal
from typing import TYPE_CHECKING

from django.contrib.auth.models import Group
from django.db import transaction
from django.utils.translation import gettext as _
from guardian.shortcuts import assign_perm, remove_perm

from accounts.audit import record
from accounts.permissions import require
from quantsite.common.errors import ConflictError, RuleError
from trading.account_models import FUND, SHARE, TRADE, VIEW, AccountState, ControlGroup, Desk, TradingAccount
from trading.apply import apply_now
from trading.choices import AccountKind, CommandKind
from trading.inbox import enqueue
from trading.order_models import AccountCommand
from trading.permissions import demand, find_account
from trading.wake import announce

if TYPE_CHECKING:
    from accounts.models import User

LEVELS = (VIEW, TRADE)
MOST_AMOUNT = Decimal(10) ** 13
PLACES = 6
"""Decimals of the columns of money."""
HOUSE = "house"
"""The desk of accounts for which none is named."""


def add_account(
    actor: "User | None",
    code: str,
    *,
    kind: str = AccountKind.SIMULATED,
    capital: Decimal = Decimal(0),
    name: str = "",
    desk: str = HOUSE,
    control_group: str = "",
    **terms: object,
) -> TradingAccount:
    """A new account with its first deposit; ``terms`` are the broker's (columns of the account).

    A desk that does not exist is made; the control group is one of its own unless named. Raises ``RefusedError``,
    ``RuleError`` for what is not acceptable, ``ConflictError`` ``account_exists``.
    """
    require(actor, "trading.add_tradingaccount")
    if capital != 0 and not _storable(capital):
        told = _("The capital is no amount of yuan that an account can hold: %(capital)s.") % {"capital": capital}
        raise RuleError("invalid_capital", told, fields={"capital": told})
    account = TradingAccount(code=code, kind=kind, name=name, created_by=actor, **terms)
    account.clean_fields(exclude=["desk", "control_group"])
    with transaction.atomic():
        if TradingAccount.objects.filter(code=code).exists():
            raise ConflictError("account_exists", _("There is an account %(code)s already.") % {"code": code})
        account.desk = Desk.objects.get_or_create(code=desk)[0]
        account.control_group = ControlGroup.objects.get_or_create(code=control_group or code)[0]
        account.save(force_insert=True)
        AccountState.objects.create(account=account)
        record(actor, "account.add", account, after={"kind": kind, "desk": desk, "capital": str(capital)})
        if capital:
            enqueue(actor, account, CommandKind.DEPOSIT, payload={"amount": str(capital), "note": ""})
    if capital:
        apply_now(account)
    return account


def deposit(actor: "User | None", account_code: str, amount: Decimal, note: str = "") -> AccountCommand:
    """Money into an account, by its gateway or, where none runs, at once. Raises as :func:`withdraw`."""
    return _move(actor, account_code, CommandKind.DEPOSIT, amount, note)


def withdraw(actor: "User | None", account_code: str, amount: Decimal, note: str = "") -> AccountCommand:
    """Money out of an account, as far as it is available: the command that comes back says whether it was.

    Raises ``MissingError``, ``RefusedError``, ``RuleError`` ``invalid_amount``.
    """
    return _move(actor, account_code, CommandKind.WITHDRAW, amount, note)


def set_active(actor: "User | None", account_code: str, *, active: bool) -> TradingAccount:
    """Open or close an account for orders. Raises ``MissingError``, ``RefusedError``."""
    require(actor, "trading.change_tradingaccount")
    account = find_account(actor, account_code)
    with transaction.atomic():
        changed = TradingAccount.objects.filter(pk=account.pk).exclude(is_active=active).update(is_active=active)
        if changed:
            record(actor, "account.open" if active else "account.close", account)
    account.is_active = active
    return account


def grant_account(actor: "User | None", account_code: str, to: "User | Group", level: str) -> None:
    """Let a person or a group see an account (``VIEW``) or trade on it (``TRADE``), as far as the role allows.

    Raises ``MissingError``, ``RefusedError``.
    """
    account = _shared(actor, account_code, level)
    with transaction.atomic():
        assign_perm(level, to, account)
        record(actor, "account.grant", account, after={"to": str(to), "level": level})
    announce(account.pk)


def revoke_account(actor: "User | None", account_code: str, of: "User | Group", level: str) -> None:
    """Take a grant back: its streams end with the next event, and at the latest a second later.

    Raises ``MissingError``, ``RefusedError``.
    """
    account = _shared(actor, account_code, level)
    with transaction.atomic():
        remove_perm(level, of, account)
        record(actor, "account.revoke", account, before={"of": str(of), "level": level})
        transaction.on_commit(lambda: announce(account.pk))


def _shared(actor: "User | None", account_code: str, level: str) -> TradingAccount:
    if level not in LEVELS:
        raise ValueError(f"{level!r} is granted to nobody: {LEVELS}")
    account = find_account(actor, account_code)
    demand(actor, SHARE, account)
    return account


def _storable(amount: Decimal) -> bool:
    """Whether an amount of money is one, and its column keeps it as it is."""
    return amount.is_finite() and 0 < amount < MOST_AMOUNT and amount == round(amount, PLACES)


def _move(actor: "User | None", account_code: str, kind: CommandKind, amount: Decimal, note: str) -> AccountCommand:
    account = find_account(actor, account_code)
    demand(actor, FUND, account)
    if not _storable(amount):
        told = _("An amount is above 0 and below 10 trillion yuan, with six decimals at most, not %(amount)s.")
        told %= {"amount": amount}
        raise RuleError("invalid_amount", told, fields={"amount": told})
    payload = {"amount": str(amount), "note": note[:200]}
    with transaction.atomic():
        command = enqueue(actor, account, kind, payload=payload)
        record(actor, f"account.{kind}", account, after=payload)
    return apply_now(account, command)
