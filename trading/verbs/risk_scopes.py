"""Scopes as people name them: checked, found, and what stands in them. No limit or stop holds for what is not there."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from accounts.models import User
from marketdata.models import Product
from quantsite.common.errors import MissingError, RuleError
from quantsite.common.texts import did_you_mean, sentences
from trading.account_models import Desk, TradingAccount
from trading.domain.risk.scopes import PLATFORM, Scope, ScopeKind
from trading.limit_models import KillSwitch, RiskLimit
from trading.order_models import Order
from trading.permissions import sees_every_account, visible_accounts

if TYPE_CHECKING:
    from django.db.models import QuerySet

LONGEST_KEY = 120


def find_scope(actor: User | None, kind: str, key: str, *, unborn: bool = False) -> Scope:
    """The scope of this kind and key.

    Raises ``RuleError`` ``unknown_scope_kind`` or ``invalid_scope_key``, and ``MissingError`` ``unknown_scope`` (with
    the likely name) where there is no such thing that the actor may see. ``unborn`` takes a strategy without an order.
    """
    named = _kind(kind)
    if named is ScopeKind.PLATFORM:
        if key:
            raise _bad_key(key)
        return PLATFORM
    if not key or len(key) > LONGEST_KEY or not key.isprintable():
        raise _bad_key(key)
    if named is ScopeKind.ACCOUNT_PRODUCT:
        account, slash, product = key.partition("/")
        if not slash:
            told = _("A product on an account is written account/product, such as A1/rb.SHFE, not %(key)s.")
            told %= {"key": repr(key)}
            raise RuleError("invalid_scope_key", told, fields={"scope_key": told})
        _demand(actor, ScopeKind.ACCOUNT, account)
        _demand(actor, ScopeKind.PRODUCT, product)
    elif not (unborn and named is ScopeKind.STRATEGY):
        _demand(actor, named, key)
    return Scope(named, key)


def product_of(key: str) -> "QuerySet[Product]":
    """The product of a key such as ``rb.SHFE``: none or one."""
    code, _dot, exchange = key.rpartition(".")
    return Product.objects.filter(code=code, exchange_id=exchange)


def accounts_in(actor: User | None, scope: Scope) -> "QuerySet[TradingAccount]":
    """The visible open accounts that a stop at the scope reaches: for a product, a person or a strategy every one."""
    accounts: QuerySet[TradingAccount] = visible_accounts(actor).filter(is_active=True)
    if scope.kind is ScopeKind.DESK:
        return accounts.filter(desk__code=scope.key)
    if scope.kind in {ScopeKind.ACCOUNT, ScopeKind.ACCOUNT_PRODUCT}:
        return accounts.filter(code=scope.key.partition("/")[0])
    return accounts


def account_of(scope: Scope) -> TradingAccount | None:
    """The account that a scope is about; None where it is about more than one."""
    if scope.kind not in {ScopeKind.ACCOUNT, ScopeKind.ACCOUNT_PRODUCT}:
        return None
    return TradingAccount.objects.filter(code=scope.key.partition("/")[0]).first()


def product_key(scope: Scope) -> str:
    """The product that a scope is about; empty where it is about all."""
    if scope.kind is ScopeKind.PRODUCT:
        return scope.key
    return scope.key.partition("/")[2] if scope.kind is ScopeKind.ACCOUNT_PRODUCT else ""


def _kind(kind: str) -> ScopeKind:
    try:
        return ScopeKind(kind)
    except ValueError as error:
        told = _("%(kind)s is no scope: there are %(known)s.") % {"kind": repr(kind), "known": ", ".join(ScopeKind)}
        raise RuleError("unknown_scope_kind", told, fields={"scope_kind": told}) from error


def _bad_key(key: str) -> RuleError:
    told = _("A scope has the code of a desk, an account or a product, a username or a strategy; everything has none.")
    told = sentences(told, _("It was %(key)s.") % {"key": repr(key[:LONGEST_KEY])})
    return RuleError("invalid_scope_key", told, fields={"scope_key": told})


def _demand(actor: User | None, kind: ScopeKind, key: str) -> None:
    if _known(actor, kind, key):
        return
    near = get_close_matches(key, _all(actor, kind), n=1, cutoff=0.5)
    told = _("There is no %(kind)s %(key)s.") % {"kind": _WORDS[kind](), "key": repr(key)}
    told = sentences(told, did_you_mean(near[0] if near else None))
    raise MissingError("unknown_scope", told, fields={"scope_key": told})


def _known(actor: User | None, kind: ScopeKind, key: str) -> bool:
    if kind is ScopeKind.PRODUCT:
        return product_of(key).exists()
    if kind is ScopeKind.STRATEGY:
        return Order.objects.filter(strategy_key=key).exists() or _noted_strategy(key)
    return key in set(_all(actor, kind))


def _noted_strategy(key: str) -> bool:
    """Whether a limit or a stop names the strategy, though it has ordered nothing yet."""
    named = {"scope_kind": ScopeKind.STRATEGY.value, "scope_key": key}
    return RiskLimit.objects.filter(**named).exists() or KillSwitch.objects.filter(**named).exists()


def _all(actor: User | None, kind: ScopeKind) -> Iterable[str]:
    """Every key of the kind that the actor may know."""
    if kind is ScopeKind.ACCOUNT:
        return visible_accounts(actor).order_by().values_list("code", flat=True)
    if kind is ScopeKind.DESK:
        desks = Desk.objects.all()
        if actor is not None and not sees_every_account(actor):
            desks = desks.filter(accounts__in=visible_accounts(actor)).distinct()
        return desks.values_list("code", flat=True)
    if kind is ScopeKind.PRODUCT:
        return [str(product) for product in Product.objects.all()]
    if kind is ScopeKind.USER:
        return _usernames(actor)
    return Order.objects.exclude(strategy_key="").order_by().values_list("strategy_key", flat=True).distinct()


def _usernames(actor: User | None) -> list[str]:
    people = User.objects.all()
    if actor is not None and not sees_every_account(actor):
        people = people.filter(pk=actor.pk)
    return list(people.values_list("username", flat=True))


_WORDS = {
    ScopeKind.DESK: lambda: _("desk"),
    ScopeKind.ACCOUNT: lambda: _("account"),
    ScopeKind.PRODUCT: lambda: _("product"),
    ScopeKind.USER: lambda: pgettext("scope", "person"),
    ScopeKind.STRATEGY: lambda: _("strategy"),
}
