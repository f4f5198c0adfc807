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


def sees_every_account(actor: "User | None") -> bool:
    """Whether every account may be seen, and so what concerns more than one of them."""
    return actor is None or (_has(actor, VIEW) and _has(actor, VIEW_EVERY))


def may_trade(actor: "User | None", account: TradingAccount) -> bool:
    """Whether orders of every kind may be placed."""
    if actor is None or _has(actor, TRADE_EVERY):
        return True
    return _has(actor, TRADE) and TRADE in _grants(actor, account)


def may_trade_now(user: int, account: int) -> bool:
    """Whether a person (by number) sees an account and may trade on it, as the rows say at this moment.

    What :func:`find_account` and :func:`may_trade` answer for somebody just logged in, in one query: a program that
    decides for a person asks it with every order.
    """
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {standing_rule('%(user)s', '%(account)s')}", {"user": user, "account": account})
        return bool(cursor.fetchone()[0])


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


def standing_rule(user: str, account: str) -> str:
    """The rule of :func:`may_trade_now` as an expression of SQL, of a person's and an account's number."""
    sees = f"{_any('has', VIEW)} AND ({_any('has', VIEW_EVERY)} OR {_any('granted', VIEW, TRADE)})"
    trades = f"({_any('has', TRADE_EVERY)} OR {_any('has', TRADE)} AND {_any('granted', TRADE)})"
    stands = _STANDS % {"user": user, "account": account}
    return f"(SELECT COALESCE({sees} AND {trades}, FALSE) FROM ({stands}) AS stands)"  # noqa: S608 - our own words


def _any(kind: str, *names: str) -> str:
    told = ", ".join(f"'{name}'" for name in names)
    return f"MAX(CASE WHEN stands.kind = '{kind}' AND stands.name IN ({told}) THEN 1 ELSE 0 END) = 1"


_STANDS = f"""
    SELECT 'has' AS kind, p.codename AS name FROM auth_permission p
    JOIN django_content_type t ON t.id = p.content_type_id AND t.app_label = 'trading' AND t.model = 'tradingaccount'
    JOIN accounts_user u ON u.id = %(user)s AND u.is_active
    WHERE p.codename IN ('{VIEW}', '{VIEW_EVERY}', '{TRADE}', '{TRADE_EVERY}') AND (
      u.is_superuser
      OR EXISTS (SELECT 1 FROM accounts_user_user_permissions d WHERE d.user_id = u.id AND d.permission_id = p.id)
      OR EXISTS (
        SELECT 1 FROM accounts_user_groups m JOIN auth_group_permissions g ON g.group_id = m.group_id
        WHERE m.user_id = u.id AND g.permission_id = p.id
      )
    )
    UNION ALL
    SELECT 'granted', held.codename FROM trading_tradingaccountuserobjectpermission own
    JOIN auth_permission held ON held.id = own.permission_id
    WHERE own.user_id = %(user)s AND own.content_object_id = %(account)s
    UNION ALL
    SELECT 'granted', held.codename FROM trading_tradingaccountgroupobjectpermission shared
    JOIN auth_permission held ON held.id = shared.permission_id
    JOIN accounts_user_groups member ON member.group_id = shared.group_id
    WHERE member.user_id = %(user)s AND shared.content_object_id = %(account)s
"""  # noqa: S608 - names of permissions


def _has(actor: "User", codename: str) -> bool:
    return actor.is_active and actor.has_perm(f"trading.{codename}")


def _refuse(actor: "User | None", verb: str, account: TradingAccount) -> None:
    name = "" if actor is None else actor.username
    text = _("%(name)s may not do this with account %(code)s.") % {"name": name, "code": account.code}
    refuse(actor, f"trading.{verb}", account, "permission_denied", text)
