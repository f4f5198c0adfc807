"""One product over all accounts that the person may see: lots, exposure, margin and profit, and the limits on it."""

from collections import defaultdict
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from accounts.admin_base import actor_of
from accounts.models import User
from quantsite.common.errors import MissingError
from trading.console.figures import tone
from trading.console.risk_desk import page_context
from trading.console.risk_figures import LimitUse, RiskFigures
from trading.console.risk_words import gain, limit_line, yuan
from trading.domain.risk.scopes import ScopeKind
from trading.ledger_models import Position
from trading.permissions import visible_accounts
from trading.verbs.risk_scopes import product_of

LONG = "long"


def product_page(request: HttpRequest) -> HttpResponse:
    """``?product=rb.SHFE``; without one every product that is held. Raises ``MissingError`` for an unknown one."""
    user, key = actor_of(request), request.GET.get("product", "")
    if not key:
        context = {"title": _("Products held"), "products": products_held(user)}
        return render(request, "admin/trading/risk/products.html", page_context(request, context))
    if "\0" in key or not product_of(key).exists():
        raise MissingError("unknown_product", _("There is no product %(key)s.") % {"key": repr(key[:32])})
    rows = [_line(row) for row in _positions(user, key)]
    shown: dict[str, Any] = {
        "title": _("Product %(key)s") % {"key": key},
        "key": key,
        "rows": rows,
        "sums": _sums(rows),
        "limits": _limits(user, key),
    }
    return render(request, "admin/trading/risk/product.html", page_context(request, shown))


def products_held(user: User) -> list[dict[str, Any]]:
    """Every product that a visible account holds, the largest margin first."""
    held: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in _positions(user):
        held[str(row.instrument.product)].append(_line(row))
    found = [
        {"key": key, "accounts": len({row["account"] for row in rows}), **_sums(rows)} for key, rows in held.items()
    ]
    return sorted(found, key=lambda row: (-row["margin_value"], row["key"]))


def _positions(user: User, key: str = "") -> list[Position]:
    rows = Position.objects.filter(account__in=visible_accounts(user))
    if key:
        rows = rows.filter(instrument__product__in=product_of(key))
    return list(
        rows.select_related("account", "instrument__product").order_by("instrument__code", "account__code", "side")
    )


def _line(row: Position) -> dict[str, Any]:
    lots = row.volume if row.side == LONG else -row.volume
    price = None if row.last_price is None else float(row.last_price)
    exposure = None if price is None else lots * price * float(row.instrument.multiplier)
    profit = float(row.position_profit)
    return {
        "row": row,
        "account": row.account_id,
        "lots": lots,
        "exposure_value": exposure,
        "exposure": gain(exposure),
        "margin_value": float(row.margin),
        "margin": yuan(float(row.margin)),
        "profit_value": profit,
        "profit": gain(profit),
        "tone": tone(profit),
    }


def _sums(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """What stands below the rows; an exposure is known where every row has a price."""
    exposures = [row["exposure_value"] for row in rows]
    profit = sum(row["profit_value"] for row in rows)
    margin = sum(row["margin_value"] for row in rows)
    return {
        "long": sum(row["lots"] for row in rows if row["lots"] > 0),
        "short": -sum(row["lots"] for row in rows if row["lots"] < 0),
        "net": f"{sum(row['lots'] for row in rows):+,}",
        "exposure": gain(None if None in exposures else sum(exposures)),
        "margin": yuan(margin),
        "margin_value": margin,
        "profit": gain(profit),
        "tone": tone(profit),
    }


def _limits(user: User, key: str) -> list[dict[str, Any]]:
    """The limits on the product or its contracts, of every account, the worst first."""
    found = []
    for account in visible_accounts(user).filter(is_active=True).select_related("risk").order_by("code"):
        uses = [use for use in RiskFigures(account).limits if _is_about(use, key, account.code)]
        found += [(use, account) for use in uses]
    found.sort(key=lambda pair: (pair[0].share is not None, -(pair[0].share or 0.0), pair[1].code))
    return [{**limit_line(use), "account": account} for use, account in found]


def _is_about(use: LimitUse, key: str, account: str) -> bool:
    code, _dot, exchange = key.rpartition(".")
    symbol, _other, at = use.subject.rpartition(".")
    if use.subject == key or (at == exchange and symbol.rstrip("0123456789") == code):
        return True
    return not use.subject and use.scope in {(ScopeKind.PRODUCT, key), (ScopeKind.ACCOUNT_PRODUCT, f"{account}/{key}")}
