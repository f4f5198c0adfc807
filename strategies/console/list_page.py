"""What the list of strategies shows: how many run of those that should, profit today, then each, the worst first."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import Proposal, ProposalStatus, User
from strategies.choices import ActivityName, Health, StageName
from strategies.console.able import Able
from strategies.console.deeds import BULK, MOST_AT_ONCE, offered_verbs, offers
from strategies.console.words import (
    HEALTH_MARKS,
    MARKS,
    SEVERITY,
    TROUBLES,
    age,
    based_on,
    gain,
    health_word,
    lots,
    position_line,
    side,
    status_word,
    units,
)
from strategies.instance_models import InstanceQuerySet, StrategyInstance
from strategies.labels import REASONS, word
from strategies.permissions import visible_instances
from strategies.standing import Standing, standing_instances, trouble_of
from trading.console.figures import tone

STATUSES = (*StageName.values, ActivityName.PAUSED.value, ActivityName.STOPPED.value)
RANKS = {"live": 5, "approved": 6, "paper": 6, "paused": 7, "stopped": 8, "backtested": 9, "draft": 10, "retired": 11}
"""Behind those in trouble: the nearer to the market, the further up."""
TROUBLED = "troubled"
PER_PAGE = 50


@dataclass(frozen=True)
class Asked:
    """What the address asks for: empty is all but those retired."""

    status: str = ""
    account: str = ""
    strategy: str = ""
    text: str = ""
    stages: tuple[str, ...] = ()

    @classmethod
    def of(cls, request: HttpRequest) -> "Asked":
        """As the form sends it."""
        names = ("status", "account", "strategy", "q")
        status, account, strategy, text = (request.GET.get(name, "").replace("\0", "")[:80] for name in names)
        return cls(status, account, strategy, text)

    def rows(self, rows: InstanceQuerySet) -> InstanceQuerySet:
        """Those of the account, the strategy and the text; by status they are chosen when it is known."""
        if self.account:
            rows = rows.filter(account__code=self.account)
        if self.strategy:
            rows = rows.filter(strategy=self.strategy)
        if self.text:
            rows = rows.filter(Q(key__icontains=self.text) | Q(title__icontains=self.text))
        if self.stages:
            rows = rows.filter(stage__in=self.stages)
        return rows if self.status == StageName.RETIRED else rows.exclude(stage=StageName.RETIRED)

    def fits(self, state: Standing, now: datetime) -> bool:
        """Whether an instance is of the status asked for."""
        if self.status == TROUBLED:
            return bool(trouble_of(state, now))
        return not self.status or self.status in (state["status"], state["stage"])


@dataclass(frozen=True)
class Listed:
    """The instances that a filter leaves, those in trouble first; all are known, a page of them is shown."""

    able: Able
    rows: list[tuple[StrategyInstance, Standing]]
    at: datetime
    page: Page[tuple[StrategyInstance, Standing]]

    def lines(self) -> list[dict[str, Any]]:
        """Those of the page."""
        return [line_of(self.able, instance, state, self.at) for instance, state in self.page.object_list]

    def summary(self) -> dict[str, Any]:
        """The figures above the list, over all of it."""
        states = [state for _instance, state in self.rows]
        wanted = [state for state in states if state["activity"] == ActivityName.RUNNING]
        at_work = [state for state in wanted if state["health"] == Health.RUNNING and not trouble_of(state, self.at)]
        known = [state["day_profit"] for state in states if state["day_profit"] is not None]
        day = sum(known) if known else None
        return {
            "running": len(at_work),
            "wanted": len(wanted),
            "short": len(at_work) < len(wanted),
            "day": gain(day),
            "day_tone": tone(day),
            "troubled": sum(bool(trouble_of(state, self.at)) for state in states),
            "errors": sum(state["today"]["errors"] for state in states),
            "working": sum(state["working"] for state in states),
            "held": sum(abs(leg["lots"]) for state in states for leg in state["positions"]),
        }

    def bulk(self) -> list[dict[str, Any]]:
        """For each verb that can be done to several at once: to how many of all, for the words of its button."""
        offered = [(row.pk, offered_verbs(self.able, row, brief=True, holds=_holds(state))) for row, state in self.rows]
        found = []
        for verb in BULK:
            able = [number for number, verbs in offered if verb in verbs]
            if able:
                query = "&".join(f"id={number}" for number in able[:MOST_AT_ONCE])
                url = reverse("admin:strategies_strategyinstance_do", args=[verb])
                count = min(len(able), MOST_AT_ONCE)
                found.append({"verb": verb, "count": count, "url": f"{url}?{query}", "base": url})
        return found


def listed(user: User, asked: Asked, page: str = "", *, size: int = PER_PAGE, now: datetime | None = None) -> Listed:
    """The visible instances that the filter leaves, and the ``page`` of them that is asked for."""
    at = now or timezone.now()
    rows = asked.rows(StrategyInstance.objects.visible_to(user).select_related("live_account"))
    found = [(row, state) for row, state in standing_instances(rows) if asked.fits(state, at)]
    found.sort(key=lambda pair: (_rank(pair[1], at), pair[1]["key"]))
    return Listed(Able(user), found, at, Paginator(found, size).get_page(page))


def _rank(state: Standing, now: datetime) -> int:
    return SEVERITY.get(trouble_of(state, now), RANKS.get(state["status"], 10))


def line_of(able: Able, instance: StrategyInstance, state: Standing, now: datetime) -> dict[str, Any]:
    """One row of the list."""
    trouble = trouble_of(state, now)
    return {
        **state,
        "trouble": trouble,
        "rank": _rank(state, now),
        "trouble_word": str(TROUBLES.get(trouble, "")),
        "status_word": status_word(state["status"]),
        "mark": MARKS.get(state["status"], ""),
        "health_word": health_word(state["health"]),
        "health_mark": "failed" if trouble else HEALTH_MARKS.get(state["health"], ""),
        "stage_word": status_word(state["stage"]),
        "age": age(state["told_at"], now) if state["activity"] != ActivityName.STOPPED or state["flattening"] else "",
        "legs": [position_line(line) for line in state["positions"]],
        "shown_day": gain(state["day_profit"]),
        "day_tone": tone(state["day_profit"]),
        "shown_profit": gain(state["profit"]),
        "tone": tone(state["profit"]),
        "last": last_signal(state, now),
        "url": reverse("admin:strategies_strategyinstance_change", args=[state["strategy"]]),
        "holds": _holds(state),
        "offers": offers(able, instance, brief=True, holds=_holds(state)),
    }


def _holds(state: Standing) -> bool:
    return any(line["lots"] for line in state["positions"]) or bool(state["working"])


def last_signal(state: Standing, now: datetime) -> dict[str, Any] | None:
    """The newest signal in words; None where nothing has been decided yet."""
    signal = state["signal"]
    if signal is None:
        return None
    several = len(state["positions"]) > 1
    return {
        **signal,
        "shown_target": units(signal["target"]),
        "side": side(signal["target"]),
        "of": signal["instrument"] if several else "",
        "reason": word(REASONS, signal["reason"]),
        "age": age(signal["stored_at"], now),
        "based_on": based_on(signal["values"]),
        "shown_position": lots(signal["position"]),
    }


def waiting_approvals(user: User) -> int:
    """Proposals about strategies that somebody must decide on; 0 for who may see none."""
    if not user.has_perm("accounts.view_proposal"):
        return 0
    rows = Proposal.objects.filter(kind__in=("approve_strategy", "change_strategy"), status=ProposalStatus.OPEN)
    return rows.filter(expires_at__gt=timezone.now()).count()


def choices(user: User) -> dict[str, list[tuple[str, str]]]:
    """What the filter offers: of the instances that this person sees."""
    rows = visible_instances(user).order_by()
    accounts = sorted(set(rows.values_list("account__code", flat=True)))
    names = sorted(set(rows.values_list("strategy", flat=True)))
    words = [(TROUBLED, _("in trouble")), *((status, status_word(status)) for status in STATUSES)]
    return {
        "statuses": words,
        "accounts": [(code, code) for code in accounts],
        "strategies": [(name, name) for name in names],
    }
