"""What the trading hub asks the database, always off its loop: events, snapshots, and who may see them.

Who sees an account is asked here for many people at once, by one question; ``AccountQuerySet.visible_to`` says the same
of one person.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

from django.contrib.auth.models import Group, Permission
from django.db import connection, transaction
from django.db.models import Count, IntegerField, Max, Q, QuerySet, Value
from django.db.models.functions import Cast

from accounts.models import User
from quantsite.web.renderers import dumps
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
from trading.risk_models import AccountRisk
from trading.shapes import Shape, fill_shape, funds_shape, order_shape, position_shape

MOST_ROWS = 500
"""Ended orders, and fills, that a snapshot holds at most: it stays below the megabyte that many clients take."""
EVERY = 0
"""In the place of an account's number: the person sees all of them."""

PERSON, RIGHT, GRANT = range(3)
"""Kinds of facts: somebody active (1: a superuser), a permission that he holds, an account that is granted to him."""


class Question(NamedTuple):
    """Who of ``users`` may see what: a statement that is made once and asked again and again.

    ``view`` and ``every`` are the numbers of the permissions to view accounts, and every account.
    """

    users: frozenset[int]
    view: int
    every: int
    sql: str
    params: tuple[Any, ...]


class EventRow(NamedTuple):
    """One event; ``body`` is its JSON as it is stored."""

    seq: int
    kind: str
    body: str
    market_time: datetime | None
    created_at: datetime | None


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
    with connection.cursor() as cursor:
        cursor.execute(_EVENTS, (account, seq, limit))
        return [
            EventRow(number, kind, body, _moment(market), _moment(written))
            for number, kind, body, market, written in cursor.fetchall()
        ]


# Asked with every news: to have it made by the query set each time would take longer than it runs.
_EVENTS = f"""
    SELECT seq, kind, CAST(body AS text), CAST(market_time AS text), CAST(created_at AS text)
    FROM {AccountEvent._meta.db_table}
    WHERE account_id = %s AND seq > %s
    ORDER BY seq
    LIMIT %s
"""  # noqa: S608 - the model's own name


def _moment(text: str | None) -> datetime | None:
    """A moment as the database writes it, in UTC: SQLite says no more of it."""
    if text is None:
        return None
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def risk_rows(accounts: Collection[int]) -> list[tuple[int, str, datetime, bytes]]:
    """Number, code, moment and figures of these accounts' pictures; the figures as JSON with the code in it."""
    found = AccountRisk.objects.filter(pk__in=accounts).values_list("pk", "account__code", "updated_at", "figures")
    return [(number, code, at, dumps({"account": code, **figures})) for number, code, at, figures in found]


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


def make_question(users: Collection[int], account: int | None = None) -> Question:
    """The question which accounts these people may see, or whether they may see the one; ready to be asked often."""
    named = Permission.objects.filter(content_type__app_label="trading", codename__in=(VIEW, VIEW_EVERY, TRADE))
    numbers = dict(named.values_list("codename", "pk"))
    view, every, trade = numbers[VIEW], numbers[VIEW_EVERY], numbers[TRADE]
    facts = _facts([*users, EVERY], (view, every), (view, trade), account)  # an empty list would make no question
    sql, params = facts.query.sql_with_params()
    return Question(frozenset(users), view, every, sql, tuple(params))


def sights(question: Question) -> dict[int, set[int]]:
    """The accounts that each of the people asked about may see now; ``EVERY`` among them for those who see all.

    As ``AccountQuerySet.visible_to``: who is active and holds the permission to view sees what is granted to him or
    to a group of his, or everything if he holds that permission or is a superuser.
    """
    people: dict[int, int] = {}
    rights: set[tuple[int, int]] = set()
    grants: dict[int, set[int]] = {user: set() for user in question.users}
    with connection.cursor() as cursor:
        cursor.execute(question.sql, question.params)
        for kind, user, value in cursor.fetchall():
            if kind == PERSON:
                people[user] = value
            elif kind == RIGHT:
                rights.add((user, value))
            else:
                grants[user].add(value)
    seen: dict[int, set[int]] = {user: set() for user in question.users}
    for user, is_superuser in people.items():
        if is_superuser or {(user, question.view), (user, question.every)} <= rights:
            seen[user] = {EVERY}
        elif (user, question.view) in rights:
            seen[user] = grants[user]
    return seen


def viewers(question: Question, account: int) -> frozenset[int]:
    """Who of them may see the account at this moment."""
    return frozenset(user for user, seen in sights(question).items() if seen & {account, EVERY})


def _facts(
    users: Collection[int], rights: Collection[int], grants: Collection[int], account: int | None
) -> "QuerySet[Any, Any]":
    """What decides who sees what, as rows ``(kind, user, value)`` of one statement.

    Five simple selects: one that decided by itself would be planned for longer than it runs.
    """
    memberships = User.groups.through.objects
    of = Q() if account is None else Q(content_object=account)
    own = TradingAccountUserObjectPermission.objects.filter(of, user__in=users, permission__in=grants)
    shared = TradingAccountGroupObjectPermission.objects.filter(of, group__user__in=users, permission__in=grants)
    people = User.objects.filter(pk__in=users, is_active=True).annotate(root=Cast("is_superuser", IntegerField()))
    direct = User.user_permissions.through.objects.filter(user__in=users, permission__in=rights)
    by_role = memberships.filter(user__in=users, group__permissions__in=rights)
    return people.values_list(Value(PERSON), "pk", "root").union(
        direct.values_list(Value(RIGHT), "user_id", "permission_id"),
        by_role.values_list(Value(RIGHT), "user_id", "group__permissions"),
        own.values_list(Value(GRANT), "user_id", "content_object_id"),
        shared.values_list(Value(GRANT), "group__user", "content_object_id"),
        all=True,
    )


def _holds(codename: str) -> Q:
    """Those who hold a permission of this app themselves, by a group or as superuser (``ModelBackend``)."""
    permission = Permission.objects.filter(codename=codename, content_type__app_label="trading")
    roles = Group.permissions.through.objects.filter(permission__in=permission).values("group")
    own = User.user_permissions.through.objects.filter(permission__in=permission).values("user")
    by_role = User.groups.through.objects.filter(group__in=roles).values("user")
    return Q(is_superuser=True) | Q(pk__in=own) | Q(pk__in=by_role)
