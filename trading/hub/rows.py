"""What the trading hub asks the database, always off its loop: events, snapshots, and who may see them.

Who sees an account is asked here for many people at once, by one question; ``AccountQuerySet.visible_to`` says the same
of one person.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any, NamedTuple

from django.contrib.auth.models import Group, Permission
from django.db import connection, transaction
from django.db.models import Count, Max, Q, QuerySet, TextField, Value
from django.db.models.functions import Cast

from accounts.models import User
from trading.account_models import (
    TRADE,
    VIEW,
    VIEW_EVERY,
    AccountState,
    TradingAccount,
    TradingAccountGroupObjectPermission,
    TradingAccountUserObjectPermission,
)
from trading.choices import FINAL_STATUSES
from trading.ledger_models import Position
from trading.order_models import AccountEvent, Fill, Order
from trading.shapes import Shape, fill_shape, funds_shape, order_shape, position_shape

MOST_ROWS = 500
"""Ended orders, and fills, that a snapshot holds at most: it stays below the megabyte that many clients take."""
EVERY = 0
"""In the place of an account's number: the person sees all of them."""

Question = tuple[str, tuple[Any, ...]]


class EventRow(NamedTuple):
    """One event; ``body`` is its JSON as it is stored."""

    seq: int
    kind: str
    body: str
    market_time: datetime | None
    created_at: datetime


class Stamp(NamedTuple):
    """What changes with everything that a snapshot shows: an order that waits for the gateway has no event yet."""

    seq: int
    working: int
    newest: int | None


class View(NamedTuple):
    """An account as it stood at one moment."""

    stamp: Stamp
    data: Shape


@contextmanager
def one_moment() -> Iterator[None]:
    """All that is read inside is as it stood at one moment; nothing is locked."""
    if connection.vendor == "postgresql":
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield
        return
    with connection.cursor() as cursor:  # ``atomic`` would take the lock of whoever writes
        cursor.execute("BEGIN DEFERRED")
        try:
            yield
        finally:
            cursor.execute("ROLLBACK")


def events_after(account: int, seq: int, limit: int) -> list[EventRow]:
    """The events of an account with numbers above ``seq``, the first ``limit`` of them in their order."""
    rows = AccountEvent.objects.filter(account_id=account, seq__gt=seq).order_by("seq")
    stored = rows.annotate(text=Cast("body", TextField()))
    return [EventRow(*row) for row in stored.values_list("seq", "kind", "text", "market_time", "created_at")[:limit]]


def last_seqs(accounts: Collection[int]) -> dict[int, int]:
    """The number of the last event of each account."""
    return dict(AccountState.objects.filter(pk__in=accounts).values_list("pk", "last_seq"))


def codes() -> dict[int, str]:
    """Every account."""
    return dict(TradingAccount.objects.values_list("pk", "code"))


def numbers_of(wanted: Collection[str]) -> dict[str, int]:
    """The numbers of those codes that there are."""
    return dict(TradingAccount.objects.filter(code__in=wanted, state__isnull=False).values_list("code", "pk"))


def stamp(account: int) -> Stamp:
    """That of the account as it stands."""
    seq = AccountState.objects.values_list("last_seq", flat=True).get(pk=account)
    working = Order.objects.filter(account=account).working().aggregate(count=Count("pk"), newest=Max("pk"))
    return Stamp(seq, working["count"], working["newest"])


def view_of(account: int) -> View:
    """The account's working orders and those of the running day, its fills of the day, positions and funds."""
    with one_moment():
        state = AccountState.objects.select_related("account").get(pk=account)
        orders, more_orders = _orders(account, state.trading_day)
        fills, more_fills = _fills(account, state.trading_day)
        positions = Position.objects.filter(account=account).select_related("account", "instrument")
        data: Shape = {
            "account": state.account.code,
            "orders": [order_shape(order) for order in orders],
            "fills": [fill_shape(fill) for fill in fills],
            "positions": [position_shape(position) for position in positions],
            "funds": funds_shape(state),
            "last_seq": state.last_seq,
            "more": {"orders": more_orders, "fills": more_fills},
        }
        return View(stamp(account), data)


def _orders(account: int, day: date | None) -> tuple[list[Order], bool]:
    """In their order, and whether ended ones of the day were left out."""
    rows = Order.objects.filter(account=account).select_related("account", "instrument")
    ended = rows.filter(trading_day=day, status__in=FINAL_STATUSES) if day is not None else rows.none()
    newest = list(ended.order_by("-pk")[: MOST_ROWS + 1])
    found = [*rows.working(), *newest[:MOST_ROWS]]
    return sorted(found, key=lambda order: order.pk), len(newest) > MOST_ROWS


def _fills(account: int, day: date | None) -> tuple[list[Fill], bool]:
    if day is None:
        return [], False
    rows = Fill.objects.filter(account=account, trading_day=day).select_related("account", "instrument")
    newest = list(rows.order_by("-pk")[: MOST_ROWS + 1])
    return newest[:MOST_ROWS][::-1], len(newest) > MOST_ROWS


# --- who sees what ---------------------------------------------------------------------------------------------


def who_listens(users: Collection[int]) -> dict[int, bool]:
    """Whether each of these people is active and has a role that includes accounts, whichever."""
    asked = set(users)
    found = set(User.objects.filter(_holds(VIEW), pk__in=asked, is_active=True).values_list("pk", flat=True))
    return {user: user in found for user in asked}


def sights(users: Collection[int]) -> dict[int, set[int]]:
    """The accounts that each of these people may see now; ``EVERY`` among them for those who see all."""
    seen: dict[int, set[int]] = {user: set() for user in users}
    for user, account in _pairs(users, Q()):
        seen[user].add(account)
    return seen


def viewers_question(account: int, users: Collection[int]) -> Question:
    """The question which of these people see the account, made ready: it is asked before every delivery."""
    sql, params = _pairs(users, Q(content_object=account)).query.sql_with_params()
    return sql, tuple(params)


def viewers(question: Question) -> frozenset[int]:
    """Who may see the account of the question at this moment."""
    with connection.cursor() as cursor:
        cursor.execute(*question)
        return frozenset(row[0] for row in cursor.fetchall())


def _pairs(users: Collection[int], of: Q) -> "QuerySet[Any, Any]":
    """Pairs of a person and an account that he may see; in place of all accounts one pair with ``EVERY``."""
    known = User.objects.filter(pk__in=[*users, EVERY], is_active=True)  # an empty list would make no question
    holders = known.filter(_holds(VIEW))
    every = holders.filter(_holds(VIEW_EVERY)).annotate(account=Value(EVERY)).values_list("pk", "account")
    granted = Q(permission__codename__in=(VIEW, TRADE)) & of
    own = TradingAccountUserObjectPermission.objects.filter(granted, user__in=holders)
    shared = TradingAccountGroupObjectPermission.objects.filter(granted, group__user__in=holders)
    return every.union(
        own.values_list("user_id", "content_object_id"), shared.values_list("group__user", "content_object_id")
    )


def _holds(codename: str) -> Q:
    """Those who hold a permission of this app themselves, by a group or as superuser (``ModelBackend``)."""
    permission = Permission.objects.filter(codename=codename, content_type__app_label="trading")
    roles = Group.permissions.through.objects.filter(permission__in=permission).values("group")
    own = User.user_permissions.through.objects.filter(permission__in=permission).values("user")
    by_role = User.groups.through.objects.filter(group__in=roles).values("user")
    return Q(is_superuser=True) | Q(pk__in=own) | Q(pk__in=by_role)
