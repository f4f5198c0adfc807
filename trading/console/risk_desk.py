"""The desk page: every account that one may see with the distance to its limits, the worst first, and what needs a
person above it all."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.admin_base import actor_of
from accounts.models import User
from quantsite.web.renderers import dumps
from trading.account_models import AccountQuerySet, Desk
from trading.console.risk_figures import RiskFigures
from trading.console.risk_needs import Needs, needs_of
from trading.console.risk_words import account_line, texts
from trading.permissions import visible_accounts

OPENED = 1.0
"""Accounts beyond a limit show all of theirs in words from the beginning."""


def desk_page(request: HttpRequest) -> HttpResponse:
    """``?desk=CODE``: the accounts of one desk, else all that this person may see."""
    user, desk = actor_of(request), asked_desk(request)
    accounts = accounts_of(user, desk)
    lines = worst_first(accounts)
    query = f"?desk={desk}" if desk else ""
    context = {
        "title": _("Risk desk"),
        "lines": lines,
        "worst": lines[0] if lines else None,
        "desk": desk,
        "desks": desks_of(user),
        "needs": needs_of(user, accounts, desk=desk),
        "texts": texts(),
        "told": [line["figures"].told() for line in lines],
        "now": timezone.now(),
        "urls": {name: reverse(f"risk-{name}") + query for name in ("figures", "needs")},
    }
    return render(request, "admin/trading/risk/desk.html", page_context(request, context))


def figures_page(request: HttpRequest) -> HttpResponse:
    """The same accounts as JSON, as the socket would tell them: for a page whose socket is away."""
    accounts = accounts_of(actor_of(request), asked_desk(request))
    told = [RiskFigures(account).told() for account in accounts]
    return HttpResponse(dumps({"now": timezone.now(), "accounts": told}), "application/json")


def needs_page(request: HttpRequest) -> HttpResponse:
    """What needs a person, as a part of the page."""
    user, desk = actor_of(request), asked_desk(request)
    return render(request, "admin/trading/risk/needs.html", {"needs": shown_needs(user, desk)})


def shown_needs(user: User, desk: str) -> Needs:
    """Those of the accounts that the page shows."""
    return needs_of(user, accounts_of(user, desk), desk=desk)


def accounts_of(user: User, desk: str) -> AccountQuerySet:
    """The open accounts that this person may see, of one desk or all."""
    accounts = visible_accounts(user).filter(is_active=True).select_related("risk")
    return (accounts.filter(desk__code=desk) if desk else accounts).order_by("code")


def desks_of(user: User) -> list[Desk]:
    """The desks that one can choose from: those of one's accounts."""
    return list(Desk.objects.filter(accounts__in=visible_accounts(user)).distinct())


def asked_desk(request: HttpRequest) -> str:
    """The desk of the address; one without an account of this person's shows nothing."""
    return request.GET.get("desk", "")[:32]


def worst_first(accounts: AccountQuerySet) -> list[dict[str, Any]]:
    """The lines of the page."""
    now = timezone.now()
    lines = [account_line(RiskFigures(account)) for account in accounts]
    for line in lines:
        line["stale"] = line["figures"].stale_since(now)
        line["open"] = line["worst"]["rank"] > OPENED
    return sorted(lines, key=lambda line: (-line["worst"]["rank"], line["account"].code))


def page_context(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """A page's context with what the theme needs."""

    return {**admin.site.each_context(request), **context}
