"""The console's page about proposals: what waits for a second person, and what became of others."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import proposals
from accounts.admin_base import actor_of
from accounts.admin_pages import PagesAdmin, attempt
from accounts.models import Proposal, ProposalStatus, User

LATEST = 50
NOTHING = "–"


@admin.register(Proposal)
class ProposalAdmin(PagesAdmin):
    """Changes that take two persons. What one may not decide on has no button here and no address behind it."""

    own_pages = (
        ("<int:proposal_id>/approve/", "approve_view", "approve"),
        ("<int:proposal_id>/refuse/", "refuse_view", "refuse"),
        ("<int:proposal_id>/withdraw/", "withdraw_view", "withdraw"),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """With the people."""
        rows: QuerySet[Any] = super().get_queryset(request)
        return rows.select_related("proposed_by", "decided_by")

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:  # noqa: ARG002
        """Those that wait, the one that ends first on top, then those that were decided."""
        self.demand_view(request)
        actor, now = actor_of(request), timezone.now()
        rows = self.get_queryset(request)
        waiting = rows.filter(status=ProposalStatus.OPEN, expires_at__gt=now).order_by("expires_at", "pk")
        over = rows.exclude(status=ProposalStatus.OPEN, expires_at__gt=now).order_by("-pk")[:LATEST]
        context = {
            "waiting": [card_of(actor, row) for row in waiting],
            "over": [card_of(actor, row) for row in over],
        }
        return self.show(request, "proposal/proposals.html", _("Changes waiting"), context)

    def row_view(self, request: HttpRequest, row: Proposal) -> HttpResponseBase:
        """One proposal."""
        title = _("Proposal #%(id)s") % {"id": row.pk}
        return self.show(request, "proposal/one.html", title, {"card": card_of(actor_of(request), row)})

    def approve_view(self, request: HttpRequest, proposal_id: int) -> HttpResponseBase:
        """What will stand, then the doing of it."""
        actor = actor_of(request)
        row = proposals.decidable(actor, proposal_id)

        def work() -> str:
            proposals.approve(actor, row.pk, request.POST.get("reason", ""))
            return _("Approved: it stands from now on.")

        return self._decide(request, row, work, "approve")

    def refuse_view(self, request: HttpRequest, proposal_id: int) -> HttpResponseBase:
        """Say no, and why."""
        actor = actor_of(request)
        row = proposals.decidable(actor, proposal_id)

        def work() -> str:
            proposals.refuse(actor, row.pk, request.POST.get("reason", ""))
            return _("Refused: what stood before stands on.")

        return self._decide(request, row, work, "refuse")

    def withdraw_view(self, request: HttpRequest, proposal_id: int) -> HttpResponseBase:
        """Take one's own proposal back."""
        actor = actor_of(request)
        row = proposals.own(actor, proposal_id)

        def work() -> str:
            proposals.withdraw(actor, row.pk)
            return _("The proposal is taken back.")

        return self._decide(request, row, work, "withdraw")

    def _decide(self, request: HttpRequest, row: Proposal, work: Any, verb: str) -> HttpResponseBase:
        there = self.url("changelist")
        if request.method == "POST":
            return attempt(request, work, there)
        card = card_of(actor_of(request), row)
        if not card["open"]:
            return HttpResponseRedirect(self.url("change", row.pk))
        return self.show(request, "proposal/ask.html", card["title"], {"card": card, "verb": verb, "back": there})


def card_of(user: User, row: Proposal) -> dict[str, Any]:
    """A proposal as the page shows it, with what this person may do about it."""
    kind = proposals.KINDS.get(row.kind)
    is_open = row.status == ProposalStatus.OPEN and row.expires_at > timezone.now()
    mine = row.proposed_by_id == user.pk
    expired = row.status == ProposalStatus.OPEN and not is_open
    return {
        "row": row,
        "title": str(kind.title) if kind else row.kind,
        "target": kind.told(row.target) if kind else row.target,
        "diff": [_line(each) for each in (kind.diff if kind else proposals.plain_diff)(row.before, row.after)],
        "open": is_open,
        "word": ProposalStatus.EXPIRED.label if expired else row.get_status_display(),
        "state": ProposalStatus.EXPIRED.value if expired else row.status,
        "may_decide": is_open and user.has_perm(proposals.APPROVE) and not proposals.against(row, user),
        "may_withdraw": is_open and mine,
    }


def _line(each: proposals.Difference) -> dict[str, str]:
    return {"name": each.name, "before": _shown(each.before), "after": _shown(each.after)}


def _shown(value: Any) -> str:
    if value is None or value == "":
        return NOTHING
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, float):
        return f"{value:,g}" if abs(value) < 1e6 else f"{value:,.2f}"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
