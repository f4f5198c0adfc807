"""The questions before each deed: what it would do, counted by the server, and why; and doing it."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _

from accounts.admin_base import actor_of
from accounts.admin_pages import attempt, denied
from accounts.commands import sentence
from accounts.models import User
from quantsite.common.errors import ConflictError, RefusedError, RuleError
from strategies import services
from strategies.choices import OnFailure
from strategies.console import deeds
from strategies.console.able import CHANGING, OPERATING, Able
from strategies.console.deeds import DEEDS, Deed
from strategies.console.ladder import gate_line
from strategies.console.rolling import targets
from strategies.console.words import status_word
from strategies.domain.lifecycle import after
from strategies.instance_models import StrategyInstance
from strategies.permissions import demand_change, demand_halt, demand_operate, find_instance, visible_instances
from strategies.verbs.approval import APPROVE_KIND
from trading.account_models import TradingAccount
from trading.console.base import way_back
from trading.permissions import demand_reduce, demand_trade, visible_accounts

if TYPE_CHECKING:
    from accounts.models import Proposal


class QuestionPages:
    """The part of the instances' admin that asks, and does what is answered."""

    url: Callable[..., str]
    show: Callable[..., HttpResponse]

    def do_view(self, request: HttpRequest, verb: str) -> HttpResponseBase:
        """``?id=`` once or several times: what would happen, and why; a POST does it."""
        deed = DEEDS.get(verb)
        if deed is None:
            raise Http404
        actor = actor_of(request)
        given = request.POST if request.method == "POST" else request.GET
        chosen = _chosen(actor, given.getlist("id"))
        if not chosen:
            messages.error(request, _("Choose at least one strategy."))
            return HttpResponseRedirect(self.url("changelist"))
        if request.method == "POST":
            return self._do(request, deed, chosen)
        able = _able_to(actor, deed, chosen)
        return self._ask(request, deed, able, len(chosen) - len(able))

    def _ask(self, request: HttpRequest, deed: Deed, chosen: list[StrategyInstance], left_out: int) -> HttpResponse:
        actor, reach, who = actor_of(request), deeds.reach_of(chosen), deeds.named(chosen)
        one = chosen[0] if len(chosen) == 1 else None
        gates = [gate_line(verdict) for verdict in deeds.missing_for(deed, one)] if one else []
        context = {
            "deed": deed,
            "chosen": chosen,
            "reach": reach,
            "button": deeds.button(deed, reach, who),
            "said": deeds.said(deed, reach),
            "left_out": left_out,
            "endings": self._endings(deed, reach, one),
            "gates": gates,
            "closed": any(not gate["open"] for gate in gates),
            "phrase": deeds.phrase_of(deed, chosen),
            "stages": _stages(actor, deed, one),
            "targets": targets(one) if one and deed.verb == "roll" else [],
            "accounts": _live_accounts(actor) if deed.verb == "ask-approval" else [],
            "back": self.url("change", one.pk) if one else self.url("changelist"),
        }
        return self.show(request, "ask/deed.html", str(deed.title), context)

    def _endings(self, deed: Deed, reach: deeds.Reach, one: StrategyInstance | None) -> list[dict[str, Any]]:
        if deed.verb == "stop":
            return deeds.endings(reach, OnFailure.CANCEL)
        return deeds.endings(reach, one.on_failure if one else OnFailure.CANCEL) if deed.verb == "demote" else []

    def _do(self, request: HttpRequest, deed: Deed, chosen: list[StrategyInstance]) -> HttpResponseBase:
        """One after the other: what one of them refuses does not keep the others."""
        actor, given = actor_of(request), request.POST
        there = self._there(request, chosen)
        _demand_phrase(deed, chosen, given)
        if len(chosen) == 1:
            return attempt(request, lambda: _done(actor, deed, chosen[0], given), there)
        well = []
        for instance in chosen:
            try:
                deeds.perform(actor, deed, instance, given)
                well.append(instance)
            except RuleError as error:
                if isinstance(error, RefusedError):
                    denied(error)  # its audit entry stays
                messages.error(request, f"{instance.shown_name}: {sentence(error)}")
        if well:
            messages.success(request, deed.done % {"who": deeds.named(well)})
        return HttpResponseRedirect(there)

    def _there(self, request: HttpRequest, chosen: Sequence[StrategyInstance]) -> str:
        """The page that was asked from; the question's own page is none to go back to."""
        fallback = self.url("change", chosen[0].pk) if len(chosen) == 1 else self.url("changelist")
        came = way_back(request, fallback)
        return fallback if "/do/" in came or "/decide/" in came else came

    def decide_view(self, request: HttpRequest, instance_id: int) -> HttpResponseBase:
        """The second person's page: what was asked for, the gates as they stand, and agreeing to it."""
        actor = actor_of(request)
        instance = find_instance(actor, instance_id)
        waiting = services.waiting_on(instance, APPROVE_KIND)
        if waiting is None:
            text = _("Nobody has asked for the approval of strategy %(key)s: its owner asks first.")
            messages.error(request, text % {"key": instance.key})
            return HttpResponseRedirect(self.url("change", instance.pk))
        there = self.url("change", instance.pk)
        if request.method == "POST":
            reason = request.POST.get("reason", "")

            def work() -> str:
                services.approve(actor, instance.pk, reason)
                return _("Approved: %(who)s.") % {"who": instance.shown_name}

            return attempt(request, work, there)
        return self._ask_to_decide(request, instance, waiting)

    def _ask_to_decide(self, request: HttpRequest, instance: StrategyInstance, waiting: "Proposal") -> HttpResponse:
        gates = [gate_line(verdict) for verdict in deeds.missing_for(DEEDS["ask-approval"], instance)]
        context = {
            "instance": instance,
            "waiting": waiting,
            "account": (waiting.after or {}).get("live_account", ""),
            "gates": gates,
            "closed": any(not gate["open"] for gate in gates),
            "back": self.url("change", instance.pk),
        }
        return self.show(request, "ask/decide.html", _("Approve a strategy"), context)


def _chosen(actor: User, given: Sequence[str]) -> list[StrategyInstance]:
    """The visible instances of these numbers, by key; what is no number, or not to be seen, is left out."""
    numbers = {
        int(text) for text in given[: deeds.MOST_AT_ONCE] if text.isascii() and text.isdigit() and len(text) <= 18
    }
    return list(visible_instances(actor).filter(pk__in=numbers).order_by("key"))


def _able_to(actor: User, deed: Deed, chosen: list[StrategyInstance]) -> list[StrategyInstance]:
    """Those that the person may do it to now. Raises as the verb would where that is none of them."""
    able = Able(actor)
    found = [row for row in chosen if any(offer["verb"] == deed.verb for offer in deeds.offers(able, row))]
    if found:
        return found
    _demand(actor, deed, chosen[0])
    for verb in deed.needs:
        after(chosen[0].state, verb)
    raise ConflictError("not_now", _("This is not possible now."))


def _demand(actor: User, deed: Deed, instance: StrategyInstance) -> None:
    """Raises ``RefusedError`` (audited) for whose rights do not reach."""
    if CHANGING.intersection(deed.needs) or deed.verb == "ask-approval":
        demand_change(actor, instance)
    elif deed.verb == "roll" or OPERATING.intersection(deed.needs):
        demand_operate(actor, instance)
        demand_trade(actor, instance.account)
    else:
        demand_halt(actor, instance)
        if deed.verb == "flatten":
            demand_reduce(actor, instance.account)


def _demand_phrase(deed: Deed, chosen: Sequence[StrategyInstance], given: Mapping[str, Any]) -> None:
    phrase = deeds.phrase_of(deed, chosen)
    if phrase and str(given.get("phrase", "")).strip() != phrase:
        raise RuleError("phrase_missing", _("Type %(phrase)s to go on.") % {"phrase": phrase})


def _done(actor: User, deed: Deed, instance: StrategyInstance, given: Mapping[str, Any]) -> str:
    deeds.perform(actor, deed, instance, given)
    return str(deed.done % {"who": instance.shown_name})


def _stages(actor: User, deed: Deed, one: StrategyInstance | None) -> list[tuple[str, str]]:
    """Where it can be taken back to, by value and word; nothing for other deeds."""
    if deed.verb != "demote" or one is None:
        return []
    return [(stage, status_word(stage)) for stage in deeds.downward(Able(actor), one)]


def _live_accounts(actor: User) -> list[TradingAccount]:
    """The accounts that two persons have let trade live."""
    return list(visible_accounts(actor).filter(is_active=True, live_enabled=True).order_by("code"))
