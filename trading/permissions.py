"""Who may do what with a trading account, and so with its orders, positions and ledger; asked here and nowhere else.

A trader's role says what may be done at all, a grant on the account says where. Risk officers see every account and may
cancel and close everywhere. ``None`` as actor is the system.
"""

from typing import TYPE_CHECKING

from django.db import connection
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
    VIEW,
    VIEW_EVERY,
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
    found = visible_accounts(None).filter(code=code).first() if code.isprintable() else None
    if found is None or not _may_view(actor, found):
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
    return _has(actor, TRADE) and TRADE in _grants(actor, account)


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


def _may_view(actor: "User | None", account: TradingAccount) -> bool:
    """What ``AccountQuerySet.visible_to`` says of one account."""
    if actor is None:
        return True
    if not actor.has_perm(f"trading.{VIEW}"):
        return False
    return actor.has_perm(f"trading.{VIEW_EVERY}") or bool(_grants(actor, account) & {VIEW, TRADE})


def _grants(actor: "User", account: TradingAccount) -> set[str]:
    """What the person, or a group of theirs, holds on the account as a grant of its own.

    It is asked with every order, so in plain SQL: putting the question together took longer than its answer.
    """
    with connection.cursor() as cursor:
        cursor.execute(_GRANTED, [actor.pk, account.pk, actor.pk, account.pk])
        return {codename for (codename,) in cursor.fetchall()}


_GRANTED = """
    SELECT held.codename FROM trading_tradingaccountuserobjectpermission own
    JOIN auth_permission held ON held.id = own.permission_id
    WHERE own.user_id = %s AND own.content_object_id = %s
    UNION
    SELECT held.codename FROM trading_tradingaccountgroupobjectpermission shared
    JOIN auth_permission held ON held.id = shared.permission_id
    JOIN accounts_user_groups member ON member.group_id = shared.group_id
    WHERE member.user_id = %s AND shared.content_object_id = %s
"""


def _has(actor: "User", codename: str) -> bool:
    return actor.is_active and actor.has_perm(f"trading.{codename}")


def _refuse(actor: "User | None", verb: str, account: TradingAccount) -> None:
    name = "" if actor is None else actor.username
    text = _("%(name)s may not do this with account %(code)s.") % {"name": name, "code": account.code}
    refuse(actor, f"trading.{verb}", account, "permission_denied", text)
