"""The verbs of an account itself: open it, fund it, close it, grant it to people."""

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import Group
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _
from guardian.shortcuts import assign_perm, remove_perm

from accounts.audit import record
from accounts.permissions import require
from quantsite.common.errors import ConflictError, RuleError
from trading.account_models import FUND, SHARE, TRADE, VIEW, AccountState, ControlGroup, Desk, TradingAccount
from trading.choices import AccountKind, CommandKind, CommandStatus
from trading.ledger.apply import apply_now
from trading.order_models import AccountCommand
from trading.permissions import demand, find_account
from trading.verbs import risk_revision
from trading.verbs.broker_login import set_broker_login
from trading.verbs.inbox import enqueue
from trading.verbs.new_order import CLIENT_ID
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
    login: Mapping[str, Any] | None = None,
    **terms: object,
) -> TradingAccount:
    """A new account with its first deposit; ``terms`` are the broker's (columns of the account).

    One of kind ``ctp`` takes what :func:`set_broker_login` does as ``login``, and no capital: the broker has it.

    A desk that does not exist is made; the control group is one of its own unless named. Raises ``RefusedError``,
    ``RuleError`` for what is not acceptable, ``ConflictError`` ``account_exists``.
    """
    require(actor, "trading.add_tradingaccount")
    if capital != 0 and not _storable(capital):
        told = _("The capital is no amount of yuan that an account can hold: %(capital)s.") % {"capital": capital}
        raise RuleError("invalid_capital", told, fields={"capital": told})
    _demand_one_purse(kind, capital, login)
    account = TradingAccount(code=code, kind=kind, name=name, created_by=actor, **terms)
    account.clean_fields(exclude=["desk", "control_group"])
    with transaction.atomic():
        if TradingAccount.objects.filter(code=code).exists():
            raise ConflictError("account_exists", _("There is an account %(code)s already.") % {"code": code})
        account.desk = Desk.objects.get_or_create(code=desk)[0]
        account.control_group = ControlGroup.objects.get_or_create(code=control_group or code)[0]
        account.save(force_insert=True)
        AccountState.objects.create(account=account)
        risk_revision.bump()  # its control group's gateways know of it before it can trade
        record(actor, "account.add", account, after={"kind": kind, "desk": desk, "capital": str(capital)})
        if login is not None:
            set_broker_login(actor, account.code, **login)
        if capital:
            enqueue(actor, account, CommandKind.DEPOSIT, payload={"amount": str(capital), "note": ""})
    if capital:
        apply_now(account)
    return account


def _demand_one_purse(kind: str, capital: Decimal, login: Mapping[str, Any] | None) -> None:
    """Raises ``RuleError`` where an account at a broker is given money here, or another one a login."""
    at_broker = kind == AccountKind.CTP
    if at_broker and capital:
        told = _("An account at a broker has its money there: leave the capital out.")
        raise RuleError("invalid_capital", told, fields={"capital": told})
    if login is not None and not at_broker:
        told = _("Only an account of kind ctp logs in at a broker.")
        raise RuleError("not_at_a_broker", told, fields={"kind": told})


def deposit(
    actor: "User | None", account_code: str, amount: Decimal, note: str = "", client_cash_id: str = ""
) -> AccountCommand:
    """Money into an account, by its gateway or, where none runs, at once. Raises as :func:`withdraw`."""
    return _move(actor, account_code, CommandKind.DEPOSIT, amount, note, client_cash_id=client_cash_id)


def withdraw(
    actor: "User | None", account_code: str, amount: Decimal, note: str = "", client_cash_id: str = ""
) -> AccountCommand:
    """Money out of an account, as far as it is available: the command that comes back says whether it was.

    Asked again under the same ``client_cash_id`` the command is the one of before. Raises ``MissingError``,
    ``RefusedError``, ``RuleError`` ``invalid_amount``, ``invalid_client_cash_id``, ``ConflictError``
    ``client_cash_id_used`` where the id names another movement.
    """
    return _move(actor, account_code, CommandKind.WITHDRAW, amount, note, client_cash_id=client_cash_id)


def set_active(actor: "User | None", account_code: str, *, active: bool) -> TradingAccount:
    """Open or close an account for orders; what waits for its gateway is rejected when it is closed.

    Raises ``MissingError``, ``RefusedError``.
    """
    require(actor, "trading.change_tradingaccount")
    account = find_account(actor, account_code)
    closing: AccountCommand | None = None
    with transaction.atomic():
        risk_revision.hold()  # first, as wherever both are locked
        changed = TradingAccount.objects.filter(pk=account.pk).exclude(is_active=active).update(is_active=active)
        if changed:
            risk_revision.bump()
            record(actor, "account.open" if active else "account.close", account)
        if changed and not active:
            closing = enqueue(actor, account, CommandKind.CLOSE)
    account.is_active = active
    if closing is not None:
        apply_now(account, closing)
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


def _move(
    actor: "User | None", account_code: str, kind: CommandKind, amount: Decimal, note: str, *, client_cash_id: str
) -> AccountCommand:
    account = find_account(actor, account_code)
    demand(actor, FUND, account)
    if account.kind == AccountKind.CTP:
        told = _("The money of account %(code)s is at its broker: move it there.") % {"code": account.code}
        raise RuleError("money_at_broker", told)
    _check_movement(amount, client_cash_id)
    payload = {"amount": str(amount), "note": note[:200]}
    command = _asked_before(account, client_cash_id)
    if command is None:
        try:
            with transaction.atomic():
                command = enqueue(actor, account, kind, payload=payload, client_id=client_cash_id)
                record(actor, f"account.{kind}", account, after=payload)
        except IntegrityError:  # asked for twice in the same moment
            command = _asked_before(account, client_cash_id)
            if command is None:
                raise
    _demand_same(command, kind, amount, payload["note"])
    return apply_now(account, command) if command.status == CommandStatus.QUEUED else command


def _check_movement(amount: Decimal, client_cash_id: str) -> None:
    """Raises ``RuleError`` for what no row can keep."""
    if not _storable(amount):
        told = _("An amount is above 0 and below 10 trillion yuan, with six decimals at most, not %(amount)s.")
        told %= {"amount": amount}
        raise RuleError("invalid_amount", told, fields={"amount": told})
    if client_cash_id and not CLIENT_ID.fullmatch(client_cash_id):
        told = _("A client cash id is one to 64 printable ASCII characters without a blank.")
        raise RuleError("invalid_client_cash_id", told, fields={"client_cash_id": told})


def _asked_before(account: TradingAccount, client_cash_id: str) -> AccountCommand | None:
    if not client_cash_id:
        return None
    return AccountCommand.objects.filter(account=account, client_id=client_cash_id).first()


def _demand_same(command: AccountCommand, kind: CommandKind, amount: Decimal, note: str) -> None:
    """Raises ``ConflictError`` where the command moves other money than this."""
    before = (command.kind, Decimal(command.payload["amount"]), command.payload["note"])
    if before != (kind, amount, note):
        text = _("The client cash id %(id)s of account %(account)s names another movement: choose a new one.")
        told = text % {"id": repr(command.client_id), "account": command.account.code}
        raise ConflictError("client_cash_id_used", told, fields={"client_cash_id": told})
