"""The page of an account at its broker: the session, both books field by field, the statement, and adopting figures."""

from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from accounts.admin_base import actor_of
from accounts.admin_pages import attempt
from accounts.models import Proposal, ProposalStatus, User
from accounts.permissions import require
from quantsite.common.errors import RuleError
from trading import services
from trading.account_models import TradingAccount
from trading.books_models import BookAdoption, BrokerComparison, BrokerSession, BrokerStatement
from trading.console.account_page import account_url
from trading.console.base import outcome
from trading.console.figures import NOTHING, money
from trading.verbs.reconciling import ADOPT, ADOPT_KIND, CONFIRM, SEE

LATEST = 20
EXACT = frozenset({"volume", "today", "frozen"})
OLD_SECONDS = 30
"""A gateway tells the session every five seconds."""

FIELDS: dict[str, str | Promise] = {
    "pre_balance": gettext_lazy("Balance brought forward"),
    "deposit": gettext_lazy("Deposits"),
    "withdraw": gettext_lazy("Withdrawals"),
    "commission": gettext_lazy("Commission"),
    "close_profit": gettext_lazy("Close profit, by date"),
    "position_profit": gettext_lazy("Position profit, at the broker's prices"),
    "balance": gettext_lazy("Balance"),
    "margin": gettext_lazy("Margin"),
    "frozen_margin": gettext_lazy("Frozen margin"),
    "frozen_commission": gettext_lazy("Frozen commission"),
    "available": gettext_lazy("Available"),
    "volume": gettext_lazy("Lots"),
    "today": gettext_lazy("of today"),
    "frozen": gettext_lazy("frozen"),
    "position_cost": gettext_lazy("Cost by date"),
    "open_cost": gettext_lazy("Cost by trade"),
}
STATES: dict[str, tuple[str, str | Promise]] = {
    "resting": ("stopped", gettext_lazy("resting outside of trading hours")),
    "connecting": ("pending", gettext_lazy("connecting")),
    "connected": ("pending", pgettext_lazy("session", "connected")),
    "authenticated": ("pending", gettext_lazy("program accepted")),
    "logged_in": ("pending", gettext_lazy("logged in, the statement waits")),
    "confirmed": ("pending", gettext_lazy("statement confirmed")),
    "synchronising": ("pending", gettext_lazy("synchronising")),
    "ready": ("running", pgettext_lazy("session", "ready")),
    "lost": ("failed", gettext_lazy("connection lost")),
    "refused": ("failed", gettext_lazy("refused, a person is needed")),
    "closed": ("stopped", pgettext_lazy("session", "closed")),
}
"""The style and the word of each state."""


class BrokerPages:
    """The pages of :class:`TradingAccountAdmin` about the broker of an account."""

    admin_site: Any
    opts: Any

    def broker_view(self, request: HttpRequest, account: TradingAccount) -> HttpResponseBase:
        """Session, books, statement. ``comparison`` in the address names an older one to look at."""
        actor = actor_of(request)
        require(actor, SEE)
        context = {
            **self.admin_site.each_context(request),
            "title": _("%(code)s at its broker") % {"code": account.code},
            "opts": self.opts,
            **page_context(account, actor, request.GET.get("comparison", "")),
        }
        return render(request, "admin/trading/tradingaccount/broker.html", context)

    def adopt_view(self, request: HttpRequest, account: TradingAccount) -> HttpResponseBase:
        """Propose to adopt the broker's figures."""
        actor, reason = actor_of(request), request.POST.get("reason", "")

        def work() -> str:
            services.ask_adoption(actor, account.code, reason)
            return _("Proposed: a second person decides on it.")

        return attempt(request, work, account_url("broker", account.pk))

    def confirm_view(self, request: HttpRequest, account: TradingAccount) -> HttpResponseBase:
        """Have the statement confirmed that was shown."""
        actor, number = actor_of(request), request.POST.get("statement", "")
        require(actor, CONFIRM)

        def work() -> str:
            if not (number.isascii() and number.isdigit() and len(number) <= 18):
                raise RuleError("statement_passed", _("This statement is not the newest one: look at that."))
            command = services.confirm_statement(actor, account.code, int(number))
            return outcome(command, _("The gateway confirms the statement."))

        return attempt(request, work, account_url("broker", account.pk))


def page_context(account: TradingAccount, user: User, chosen: str = "") -> dict[str, Any]:
    """Everything that the page needs beside the theme's own context."""
    rows = BrokerComparison.objects.filter(account=account)
    newest = rows.first()
    looked_at = _chosen(account, chosen) or newest
    statement = BrokerStatement.objects.filter(account=account).select_related("confirmed_by").first()
    open_proposal = Proposal.objects.filter(
        kind=ADOPT_KIND, target=account.code, status=ProposalStatus.OPEN, expires_at__gt=timezone.now()
    ).first()
    return {
        "account": account,
        "session": _session(account),
        "newest": newest,
        "age": (timezone.now() - newest.created_at).total_seconds() if newest else None,
        "looked_at": looked_at,
        "is_newest": looked_at is not None and newest is not None and looked_at.pk == newest.pk,
        "groups": _groups(looked_at),
        "history": list(rows[:LATEST]),
        "statement": statement,
        "adoptions": [_adoption(row) for row in _adoptions(account)],
        "proposal": open_proposal,
        "may_adopt": user.has_perm(ADOPT),
        "may_confirm": user.has_perm(CONFIRM),
        "urls": {name: account_url(name, account.pk) for name in ("change", "broker", "adopt", "confirm")},
    }


def _chosen(account: TradingAccount, text: str) -> BrokerComparison | None:
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else 0
    return BrokerComparison.objects.filter(account=account, pk=number).first()


def _session(account: TradingAccount) -> dict[str, Any] | None:
    row = BrokerSession.objects.filter(account=account).first()
    if row is None:
        return None
    css, word = STATES.get(row.state, ("failed", row.state))
    silent = (timezone.now() - row.updated_at).total_seconds() > OLD_SECONDS
    return {"row": row, "css": "failed" if silent else css, "word": word, "silent": silent}


def _groups(row: BrokerComparison | None) -> list[dict[str, Any]]:
    """The fields by what they are of: the funds, then each side of an instrument."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for line in (row.lines or []) if row is not None else []:
        groups.setdefault(line["subject"], []).append(_line(line))
    return [
        {"title": _subject(subject), "lines": lines, "differs": any(line["differs"] for line in lines)}
        for subject, lines in groups.items()
    ]


def _subject(subject: str) -> str:
    if not subject:
        return _("Funds, yuan")
    code, _blank, side = subject.partition(" ")
    sides = {"long": _("long"), "short": _("short")}
    return f"{code} {sides.get(side, side)}".strip()


def _line(line: dict[str, Any]) -> dict[str, Any]:
    own, broker = line["own"], line["broker"]
    gap = None if own is None or broker is None else own - broker
    return {
        "word": FIELDS.get(line["field"], line["field"]),
        "own": _figure(line["field"], own),
        "broker": _figure(line["field"], broker),
        "gap": NOTHING if gap is None or line["agrees"] else _gap(line["field"], gap),
        "differs": not line["agrees"],
        "judged": line["judged"],
    }


def _figure(field: str, value: float | None) -> str:
    if value is None:
        return NOTHING
    return f"{value:,.0f}" if field in EXACT else money(value)


def _gap(field: str, value: float) -> str:
    return f"{value:+,.0f}" if field in EXACT else f"{value:+,.2f}"


def _adoptions(account: TradingAccount) -> list[BookAdoption]:
    return list(BookAdoption.objects.filter(account=account).select_related("adopted_by")[:LATEST])


def _adoption(row: BookAdoption) -> dict[str, Any]:
    changes = [
        {"what": _change_word(line["what"]), "before": _plain(line["before"]), "after": _plain(line["after"])}
        for line in row.changes
    ]
    who = row.adopted_by.get_username() if row.adopted_by else _("by itself, at the first login")
    return {"row": row, "who": who, "changes": changes}


def _change_word(what: str) -> str:
    subject, _blank, field = what.rpartition(" ")
    word = str(FIELDS.get(field, CHANGED.get(field, field)))
    return f"{_subject(subject)} · {word}" if subject else word


CHANGED: dict[str, str | Promise] = {
    "open_price": gettext_lazy("average open price"),
    "base_price": gettext_lazy("average price by date"),
}


def _plain(value: float | None) -> str:
    return NOTHING if value is None else f"{value:,.6f}".rstrip("0").rstrip(".")
