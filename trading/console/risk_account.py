"""The risk of one account on its page: the figures of the desk page drilled down, stops in force, plans to close."""

from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.admin_base import actor_of
from accounts.admin_pages import attempt
from accounts.models import User
from quantsite.web.retold import retold
from trading import services
from trading.account_models import TradingAccount
from trading.console.figures import NOTHING, moment
from trading.console.risk_desk import page_context
from trading.console.risk_figures import RiskFigures
from trading.console.risk_needs import needs_of
from trading.console.risk_words import account_line, gain, share_text, yuan
from trading.permissions import visible_accounts
from trading.risk_permissions import find_plan, may_stop_plan
from trading.verbs.flatten import OPEN

SEE = "trading.view_risklimit"
AT_WORK, OVER = 1_000, 60_000
"""Milliseconds until the page of a plan looks again."""


def risk_context(account: TradingAccount, user: User) -> dict[str, Any]:
    """The block of risk on the account's page; empty for who may not see limits."""
    if not user.has_perm(SEE):
        return {}
    own = visible_accounts(user).filter(pk=account.pk)
    figures = RiskFigures(own.select_related("risk").get())
    line = account_line(figures)
    line["stale"] = figures.stale_since(timezone.now())
    return {
        "risk_line": line,
        "risk_needs": needs_of(user, own, desk=account.desk.code, alone=True),
        "risk_facts": _facts(figures),
        "risk_products": _products(figures),
        "risk_stress": _stress(figures),
        "risk_expiries": figures.entries("expiries"),
        "risk_months": _shares(figures, "months"),
        "risk_bursts": figures.entries("bursts"),
        "risk_resting": figures.entries("resting_closed"),
        "risk_budget": figures.entries("cancel_budget"),
    }


def plan_page(request: HttpRequest, plan_id: int) -> HttpResponseBase:
    """One plan to close positions, step by step, with the button that stops it; ``?part=1``: only what changes."""
    user = actor_of(request)
    plan = find_plan(user, plan_id)
    address = reverse("risk-plan", args=[plan.pk])
    if request.method == "POST":

        def work() -> str:
            services.stop_plan(user, plan.pk, request.POST.get("reason", ""))
            return _("The plan is stopped. What it has closed stays closed.")

        return attempt(request, work, address)
    title, is_open = _("Closing positions of %(account)s") % {"account": plan.account.code}, plan.status in OPEN
    context = {
        "title": title,
        "plan": plan,
        "open": is_open,
        "pace": AT_WORK if is_open else OVER,
        "steps": [_step(step) for step in plan.steps],
        "may_stop": is_open and may_stop_plan(user, plan),
        "account_url": reverse("admin:trading_tradingaccount_change", args=[plan.account_id]),
        "begins": moment(plan.starts_at, parts="%H:%M:%S"),
    }
    if "part" in request.GET:
        return render(request, "admin/trading/risk/plan_live.html", context)
    return render(request, "admin/trading/risk/plan.html", page_context(request, context))


def _step(step: dict[str, Any]) -> dict[str, Any]:
    volume, done = step.get("volume", 0), step.get("done", 0)
    why = retold(step.get("reason") or "")
    return {**step, "left": volume - done, "done": done, "collar": share_text(step.get("collar")), "why": why}


def _facts(figures: RiskFigures) -> list[tuple[str, str]]:
    """Figures that no table of the block has."""
    days = figures.number("tail_days")
    history = _("%(days)s days") % {"days": f"{days:,.0f}"} if days else ""
    left_out = ", ".join(str(code) for code in figures.raw.get("tail_left_out") or [])
    facts = [
        (_("Value at risk, one day"), _with(yuan(figures.number("var")), history)),
        (_("Expected shortfall, one day"), _with(yuan(figures.number("shortfall")), history)),
        (_("Margin call at the price limits"), yuan(figures.call)),
        (_("Value of all positions"), yuan(figures.number("notional"))),
        (_("Net exposure"), gain(figures.number("net_exposure"))),
        (_("Drawdown from the peak"), share_text(figures.number("drawdown"))),
        (_("Working orders"), yuan(figures.number("working_orders"))),
        (_("Orders today"), yuan(figures.number("orders_today"))),
    ]
    return [*facts, (_("Not in these figures"), left_out)] if left_out else facts


def _with(value: str, note: str) -> str:
    return f"{value} · {note}" if note else value


def _products(figures: RiskFigures) -> list[dict[str, Any]]:
    """Margin, share of it, and exposure by product, the largest margin first."""
    exposures = dict(figures.amounts("exposure_by_product"))
    shares = {str(part.get("key")): part.get("share") for part in figures.entries("concentration", "products")}
    return [
        {"key": key, "margin": yuan(margin), "share": share_text(shares.get(key)), "exposure": gain(exposures.get(key))}
        for key, margin in figures.amounts("margin_by_product")
    ]


def _shares(figures: RiskFigures, name: str) -> list[dict[str, Any]]:
    return [
        {"key": part.get("key") or NOTHING, "share": share_text(part.get("share"))}
        for part in figures.entries("concentration", name)
    ]


def _quoted(price: Any) -> str:
    return f"{price:,.10g}" if isinstance(price, int | float) else NOTHING


def _stress(figures: RiskFigures) -> list[dict[str, Any]]:
    return [
        {
            "instrument": hit.get("instrument"),
            "price": _quoted(hit.get("price")),
            "profit": gain(hit.get("profit")),
            "strain": yuan(hit.get("strain")),
        }
        for hit in figures.entries("stress", "by_instrument")
    ]
