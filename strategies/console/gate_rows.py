"""The console's page of gates: what each stage asks for, and the question that changes it."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _

from accounts.admin_base import actor_of
from accounts.admin_pages import PagesAdmin, attempt
from quantsite.common.errors import RuleError
from strategies import services
from strategies.choices import EvidenceName, StageName
from strategies.console.words import status_word
from strategies.domain.lifecycle import LADDER
from strategies.instance_models import StrategyGate

CHANGE = "strategies.change_strategygate"


@admin.register(StrategyGate)
class StrategyGateAdmin(PagesAdmin):
    """Gates. What makes a stage harder to enter counts at once, what makes it easier takes two."""

    own_pages = (("set/", "set_view", "set"),)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponseBase:  # noqa: ARG002
        """Every stage with every kind of evidence that may be asked for."""
        return self._page(self._table_view)(request)

    def row_view(self, _request: HttpRequest, row: StrategyGate) -> HttpResponseBase:  # noqa: ARG002
        """On to the table."""
        return HttpResponseRedirect(self.url("changelist"))

    def _table_view(self, request: HttpRequest) -> HttpResponse:
        rows = {(row.stage, row.kind): row for row in StrategyGate.objects.select_related("updated_by")}
        stages = [
            {
                "word": status_word(stage.value),
                "stage": stage.value,
                "cells": [(kind, rows.get((stage.value, kind))) for kind in EvidenceName.values],
            }
            for stage in LADDER[1:]
        ]
        context = {
            "stages": stages,
            "kinds": [str(label) for label in EvidenceName.labels],
            "may_change": actor_of(request).has_perm(CHANGE),
        }
        return self.show(request, "gates/gates.html", _("Gates of strategies"), context)

    def set_view(self, request: HttpRequest) -> HttpResponseBase:
        """What a gate asks for now, and what it is to ask for; a POST sets it, or proposes it."""
        self.demand(request, CHANGE)
        given = request.POST if request.method == "POST" else request.GET
        stage, kind = given.get("stage", ""), given.get("kind", "")
        if stage not in {each.value for each in LADDER[1:]} or kind not in EvidenceName.values:
            raise RuleError("no_such_gate", _("Choose a gate in the table."))
        if request.method == "POST":
            return attempt(request, lambda: _set(request, stage, kind), self.url("changelist"))
        context = {
            "gate": StrategyGate.objects.filter(stage=stage, kind=kind).first(),
            "stage": stage,
            "kind": kind,
            "words": (StageName(stage).label, EvidenceName(kind).label),
            "back": self.url("changelist"),
        }
        return self.show(request, "gates/ask_set.html", _("Set a gate"), context)


def _set(request: HttpRequest, stage: str, kind: str) -> str:
    given = request.POST
    made = services.set_gate(
        actor_of(request),
        stage,
        kind,
        minimum=_whole(given.get("minimum", ""), _("how many")) or 1,
        same_parameters="same_parameters" in given,
        max_age_days=_whole(given.get("max_age_days", ""), _("days")),
        is_active="is_active" in given,
        reason=given.get("reason", ""),
    )
    if made.proposal is not None:
        return _("This asks for less: it is proposed, and waits for a second person.")
    return _("The gate is set: it counts at once.")


def _whole(text: str, name: str) -> int | None:
    """A whole number; None for an empty input."""
    if not text.strip():
        return None
    if not (text.strip().isascii() and text.strip().isdigit() and len(text.strip()) < 10):
        raise RuleError("invalid_number", _("%(name)s: a whole number, please.") % {"name": name})
    return int(text)
