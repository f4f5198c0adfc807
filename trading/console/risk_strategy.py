"""One strategy over all accounts that the person may see: its orders, fills, lots from them, profit, limits, stops."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, F, Max, Q, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from accounts.admin_base import actor_of
from accounts.models import User
from trading.choices import DirectionName
from trading.console.account_page import fill_line
from trading.console.figures import tone
from trading.console.risk_desk import page_context
from trading.console.risk_words import amount, gain, rule_word, yuan
from trading.console.strategy_links import page_of
from trading.domain.risk.rules import RULES, Rule
from trading.domain.risk.scopes import ScopeKind
from trading.ledger_models import Position
from trading.limit_models import KillSwitch, RiskLimit
from trading.order_models import Fill, Order
from trading.permissions import visible_accounts, visible_orders
from trading.risk_permissions import visible_scoped

LATEST = 50


@dataclass(slots=True)
class Lots:
    """What the fills of a strategy sum up to in one instrument of an account: lots, and money that came in, in yuan."""

    net: int = 0
    cash: float = 0.0
    commission: float = 0.0
    price: float | None = None
    multiplier: float = 0.0

    @property
    def profit(self) -> float | None:
        """Since the first fill, after commission, the lots that are left valued at the last price."""
        if self.net == 0:
            return self.cash - self.commission
        return None if self.price is None else self.cash + self.net * self.price * self.multiplier - self.commission


def strategy_page(request: HttpRequest) -> HttpResponse:
    """``?key=``; without one every strategy that has ordered on a visible account."""
    user, key = actor_of(request), request.GET.get("key", "").replace("\0", "")[:80]
    if not key:
        context = {"title": _("Strategies"), "strategies": _strategies(user)}
        return render(request, "admin/trading/risk/strategies.html", page_context(request, context))
    orders = visible_orders(user).filter(strategy_key=key).order_by("-pk")
    lots = lots_of(user, key)
    profits = [row.profit for row in lots.values()]
    total = None if None in profits else sum(profit for profit in profits if profit is not None)
    fills = _fills(user, key).select_related("instrument", "account").order_by("-pk")[:LATEST]
    shown: dict[str, Any] = {
        "title": _("Strategy %(key)s") % {"key": key},
        "key": key,
        "own_page": page_of(user, key),
        "profit": gain(total),
        "profit_tone": tone(total),
        "commission": yuan(sum(row.commission for row in lots.values())),
        "working": orders.working().count(),
        "orders": list(orders[:LATEST]),
        "fills": [fill_line(row) for row in fills],
        "lots": [_lots_line(*pair, row) for pair, row in sorted(lots.items())],
        "limits": [_limit(row) for row in visible_scoped(user, RiskLimit.objects.filter(**_scope(key)))],
        "stops": list(visible_scoped(user, KillSwitch.objects.active().filter(**_scope(key)).select_related("set_by"))),
    }
    return render(request, "admin/trading/risk/strategy.html", page_context(request, shown))


def lots_of(user: User, key: str) -> dict[tuple[str, str], Lots]:
    """By account and instrument."""
    found: defaultdict[tuple[str, str], Lots] = defaultdict(Lots)
    named = _fills(user, key).order_by().values_list("account__code", "instrument__code", "direction")
    value = Sum(F("price") * F("volume"))
    sums = named.annotate(lots=Sum("volume"), value=value, paid=Sum("commission"))
    for account, instrument, direction, volume, money, commission in sums:
        row, sign = found[account, instrument], 1 if direction == DirectionName.BUY else -1
        row.net += sign * volume
        row.cash -= sign * float(money)
        row.commission += float(commission)
    _priced(user, key, found)
    return dict(found)


def _priced(user: User, key: str, found: dict[tuple[str, str], Lots]) -> None:
    """Put the contracts' multipliers to the sums, and the prices at which their accounts are marked."""
    named = _fills(user, key).order_by().values_list("account__code", "instrument__code", "instrument__multiplier")
    for account, instrument, multiplier in named.distinct():
        row = found[account, instrument]
        row.multiplier = float(multiplier)
        row.cash *= row.multiplier
    held = Position.objects.filter(account__in=visible_accounts(user), last_price__isnull=False)
    for account, instrument, price in held.values_list("account__code", "instrument__code", "last_price"):
        if price is not None and (account, instrument) in found:
            found[account, instrument].price = float(price)


def _fills(user: User, key: str) -> Any:
    return Fill.objects.visible_to(user).filter(Q(strategy_key=key) | Q(order__strategy_key=key))


def _scope(key: str) -> dict[str, str]:
    return {"scope_kind": ScopeKind.STRATEGY.value, "scope_key": key}


def _lots_line(account: str, instrument: str, row: Lots) -> dict[str, Any]:
    exposure = None if row.price is None else row.net * row.price * row.multiplier
    return {
        "account": account,
        "instrument": instrument,
        "net": f"{row.net:+,}" if row.net else "0",
        "exposure": gain(exposure if row.net else 0.0),
        "profit": gain(row.profit),
        "tone": tone(row.profit),
    }


def _limit(row: RiskLimit) -> dict[str, Any]:
    unit = RULES[Rule(row.rule)].unit.value
    lifted = row.maximum is None
    return {
        "title": rule_word(row.rule),
        "maximum": _("lifted") if lifted else amount(row.maximum, unit),
        "action": row.get_action_display(),
    }


def _strategies(user: User) -> list[dict[str, Any]]:
    """Each with how many of its orders work, those with most first."""
    rows = Order.objects.visible_to(user).exclude(strategy_key="").order_by().values("strategy_key")
    working = Count("pk", filter=Q(pk__in=Order.objects.working().values("pk")))
    accounts = Count("account", distinct=True)
    told = rows.annotate(orders=Count("pk"), working=working, accounts=accounts, last=Max("created_at"))
    found = told.order_by("-working", "strategy_key")
    return [dict(row) for row in found]
