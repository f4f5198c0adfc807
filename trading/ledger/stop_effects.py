"""How far a stop has come on an account: which orders it withdraws, and the rows that say so as they end."""

from collections.abc import Iterable

from trading.account_models import TradingAccount
from trading.domain.risk.scopes import Scope, ScopeKind, scopes_of
from trading.limit_models import KillSwitch, SwitchEffect
from trading.metrics import SWITCH_SECONDS
from trading.order_models import Order


def order_scopes(account: TradingAccount, order: Order, *, user: str | None = None) -> tuple[Scope, ...]:
    """Every scope that an order stands in, the narrowest first. ``user``: who placed it, where that is known."""
    who = user if user is not None else order.created_by.username if order.created_by else ""
    return scopes_of(
        desk=account.desk.code,
        account=account.code,
        product=str(order.instrument.product),
        user=who,
        strategy=order.strategy_key,
    )


def reaches(stop: KillSwitch, account: TradingAccount) -> bool:
    """Whether a stop may concern orders of the account; reads its ``desk``."""
    kind = ScopeKind(stop.scope_kind)
    if kind is ScopeKind.DESK:
        return stop.scope_key == account.desk.code
    if kind in {ScopeKind.ACCOUNT, ScopeKind.ACCOUNT_PRODUCT}:
        return stop.scope_key.partition("/")[0] == account.code
    return True


class StopEffects:
    """The stops at work on one account. What has changed of their rows goes into the next step's transaction."""

    def __init__(self) -> None:
        self._awaited: dict[int, list[SwitchEffect]] = {}

    def load(self, account: TradingAccount, orders: Iterable[Order]) -> None:
        """Take up the stops that a process before was at: its cancels are asked for, and not all confirmed."""
        self._awaited.clear()
        rows = SwitchEffect.objects.filter(account=account).select_related("switch")
        unfinished = [row for row in rows if row.cancelled < row.working]
        asked = [order for order in orders if order.cancel_requested] if unfinished else []
        for effect in unfinished:
            self.await_ends(effect, [row for row in asked if effect.switch.scope in order_scopes(account, row)])

    def await_ends(self, effect: SwitchEffect, orders: Iterable[Order]) -> None:
        """Count these orders as they end."""
        for order in orders:
            self._awaited.setdefault(order.pk, []).append(effect)

    def ended(self, order: int) -> list[SwitchEffect]:
        """An order is over: the stops that waited for it, with one more order ended each."""
        found = self._awaited.pop(order, [])
        for effect in found:
            effect.cancelled += 1
        return found


def tell_seconds(effects: Iterable[SwitchEffect]) -> None:
    """Observe how long each stop took whose last order has ended."""
    for effect in effects:
        if effect.seconds is not None:
            SWITCH_SECONDS.observe(max(effect.seconds, 0.0))
