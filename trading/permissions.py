"""Who may do what with a trading account, and so with its orders, positions and ledger; asked here and nowhere else.

A trader's role says what may be done at all, a grant on the account says where. Risk officers see every account and may
cancel and close everywhere. ``None`` as actor is the system.
"""

from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from accounts.permissions import refuse
from quantsite.common.errors import MissingError
from trading.account_models import (
    FUND,
    REDUCE_EVERY,
    SETTLE,
    SHARE,
    TRADE,
    TRADE_EVERY,
    AccountQuerySet,
    TradingAccount,
)
from trading.order_models import Order, OrderQuerySet

if TYPE_CHECKING:
    from accounts.models import User


def visible_accounts(actor: "User | None") -> AccountQuerySet:
    """The accounts that ``actor`` may see."""
    accounts = TradingAccount.objects.select_related("desk", "control_group", "state")
    return accounts if actor is None else accounts.visible_to(actor)


def find_account(actor: "User | None", code: str) -> TradingAccount:
    """The account of this code. Raises ``MissingError`` where there is none that the actor may see."""
    found = visible_accounts(actor).filter(code=code).first() if code.isprintable() else None
    if found is None:
        raise MissingError("unknown_account", _("There is no account %(code)s.") % {"code": repr(code[:64])})
    return found


def visible_orders(actor: "User | None") -> OrderQuerySet:
    """The orders that ``actor`` may see."""
    orders = Order.objects.select_related("account", "instrument")
    return orders if actor is None else orders.visible_to(actor)


def find_order(actor: "User | None", order_id: int) -> Order:
    """The order. Raises ``MissingError`` where there is none that the actor may see."""
    found = visible_orders(actor).filter(pk=order_id).first()
    if found is None:
        raise MissingError("unknown_order", _("There is no order %(id)s.") % {"id": order_id})
    return found


def may_trade(actor: "User | None", account: TradingAccount) -> bool:
    """Whether orders of every kind may be placed."""
    if actor is None or _has(actor, TRADE_EVERY):
        return True
    return _has(actor, TRADE) and TradingAccount.objects.granted(actor, TRADE).filter(pk=account.pk).exists()


def may_reduce(actor: "User | None", account: TradingAccount) -> bool:
    """Whether orders may be cancelled and positions closed."""
    return actor is None or _has(actor, REDUCE_EVERY) or may_trade(actor, account)


def demand_trade(actor: "User | None", account: TradingAccount) -> None:
    """Raises ``RefusedError`` (audited) unless the actor may trade."""
    if not may_trade(actor, account):
        _refuse(actor, TRADE, account)


def demand_reduce(actor: "User | None", account: TradingAccount) -> None:
    """Raises ``RefusedError`` (audited) unless the actor may cancel and close."""
    if not may_reduce(actor, account):
        _refuse(actor, REDUCE_EVERY, account)


def demand(actor: "User | None", verb: str, account: TradingAccount) -> None:
    """Raises ``RefusedError`` (audited) unless the actor holds ``verb``: ``FUND``, ``SETTLE`` or ``SHARE``."""
    if verb not in {FUND, SETTLE, SHARE}:
        raise ValueError(f"{verb} is asked for otherwise")
    if actor is not None and not _has(actor, verb):
        _refuse(actor, verb, account)


def _has(actor: "User", codename: str) -> bool:
    return actor.is_active and actor.has_perm(f"trading.{codename}")


def _refuse(actor: "User | None", verb: str, account: TradingAccount) -> None:
    name = "" if actor is None else actor.username
    text = _("%(name)s may not do this with account %(code)s.") % {"name": name, "code": account.code}
    refuse(actor, f"trading.{verb}", account, "permission_denied", text)
