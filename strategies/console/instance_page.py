"""What the page of one instance shows: status and today's profit first, then all that one needs to judge it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from accounts.roles import shown_role
from strategies import registry, services
from strategies.choices import ActivityName, StageName
from strategies.console import instance_days, instance_rows, parts, rolling
from strategies.console.able import Able
from strategies.console.deeds import offers
from strategies.console.execution_words import KIND_WORDS
from strategies.console.forms import LEVELS, GrantForm
from strategies.console.ladder import ladder
from strategies.console.list_page import last_signal, line_of
from strategies.console.parameter_fields import choice_word
from strategies.domain.execution.plan import KINDS, PairPlan, RollPlan
from strategies.domain.parameters import StrategyParameters
from strategies.instance_models import (
    APPROVE,
    RAN,
    VIEW,
    StrategyInstance,
    StrategyInstanceGroupObjectPermission,
    StrategyInstanceUserObjectPermission,
)
from strategies.labels import FAILURES
from strategies.permissions import may_share
from strategies.standing import standings
from strategies.verbs.approval import CHANGE_KIND
from trading.console.figures import money
from trading.limit_models import KillSwitch
from trading.permissions import visible_accounts


def page_url(name: str, instance_id: int) -> str:
    """The address of a page of the console about one instance."""
    return reverse(f"admin:strategies_strategyinstance_{name}", args=[instance_id])


def monitor(user: User, instance: StrategyInstance, now: datetime | None = None) -> dict[str, Any]:
    """What changes while the page is open: read anew after every word of the socket about it."""
    at = now or timezone.now()
    able = Able(user)
    [state] = standings(StrategyInstance.objects.filter(pk=instance.pk))
    line = line_of(able, instance, state, at)
    return {
        "instance": instance,
        "sees_account": visible_accounts(user).filter(pk=instance.account_id).exists(),
        "line": line,
        "last": last_signal(state, at),
        "failure_word": str(FAILURES.get(state["failure_code"], "")),
        "offers": offers(able, instance, holds=line["holds"]),
        "stops": _stops(instance),
        "signals": instance_rows.signals(instance),
        "orders": instance_rows.orders(instance),
        "slippage": instance_rows.slippage_today(instance, state),
        "log": instance_rows.log(instance),
        "rolls": rolling.rolls(instance),
        "pending": _pending(instance, state),
    }


def page_context(request: HttpRequest, user: User, instance: StrategyInstance) -> dict[str, Any]:
    """Everything that the page needs beside the theme's own context."""
    able = Able(user)
    names = ("change", "parameters", "terms", "execution", "live", "share")
    return {
        **monitor(user, instance),
        "days": instance_days.days(instance),
        "ladder": ladder(instance, user),
        "parameters": parameters(instance),
        "facts": facts(instance),
        "execution": execution_facts(instance),
        "evidence": instance_rows.evidence(instance, user),
        "may_change": able.may_change(instance) and instance.stage != StageName.RETIRED,
        **_sharing(instance, user),
        "blocks": parts.drawn(request, instance),
        "runs": instance.stage in RAN,
        "has_chart": parts.has_chart("price", instance),
        "chart_legs": chart_legs(request, instance),
        "urls": {name: page_url(name, instance.pk) for name in names},
        "waiting_change": services.waiting_on(instance, CHANGE_KIND),
    }


def chart_legs(request: HttpRequest, instance: StrategyInstance) -> list[dict[str, Any]]:
    """Whose prices can be drawn, with the one that the address asks for (else the first) marked."""
    base = reverse("admin:strategies_strategyinstance_chart", args=[instance.pk, "price"])
    legs = list(instance.legs.order_by("number").values_list("number", "instrument__code"))
    asked = parts.leg_asked(request)
    chosen = asked if asked in {number for number, _code in legs} else 0
    return [
        {"number": number, "code": code, "url": f"{base}?leg={number}", "chosen": number == chosen}
        for number, code in legs
    ]


def _sharing(instance: StrategyInstance, user: User) -> dict[str, Any]:
    """Who else may reach it, for whom may change that."""
    if not may_share(user, instance, VIEW):
        return {}
    form = GrantForm(instance)
    if not may_share(user, instance, APPROVE):
        form.drop(APPROVE)
    return {"grants": grants(instance), "grant_form": form}


def parameters(instance: StrategyInstance) -> list[dict[str, Any]]:
    """Name, value, default and what it means; of a strategy that cannot be loaded the values alone."""
    known = {info.name: info for info in _described(instance.strategy)}
    return [
        {
            "name": name,
            "value": value,
            "default": known[name].default if name in known else None,
            "text": _(known[name].limits.description) if name in known and known[name].limits.description else "",
            "own": name in known and known[name].default != value,
        }
        for name, value in instance.parameters.items()
    ]


def facts(instance: StrategyInstance) -> list[tuple[str, str]]:
    """What it is and how it is kept in bounds, as names and values."""
    yuan = _("%(amount)s yuan")
    limits = [
        (yuan % {"amount": money(limit)}) if limit is not None else _("none")
        for limit in (instance.day_loss_limit, instance.total_loss_limit)
    ]
    isolated = {True: _("yes"), False: _("no"), None: _("automatic")}
    legs = instance.legs.select_related("instrument").order_by("number")
    found = [
        (_("Key"), instance.key),
        (_("Strategy"), instance.strategy),
        (_("Instruments"), " + ".join(leg.instrument.code for leg in legs)),
        (_("Interval"), _("every tick") if instance.interval == "tick" else instance.interval),
        (_("Account"), instance.account.code),
        (_("Lots a unit"), f"{instance.unit:,}"),
        (_("Loss limit of a day"), limits[0]),
        (_("Loss limit in total"), limits[1]),
        (_("On a failure"), instance.get_on_failure_display()),
        (_("Follows the main contract"), _("yes") if instance.follow_main else _("no")),
        (_("Time for one event"), _("%(count)d ms") % {"count": instance.budget_ms}),
        (_("Process of its own"), isolated[instance.isolated]),
        (_("Memory of that process"), _("%(count)d MB") % {"count": instance.memory_mb}),
        (_("Seed"), str(instance.seed)),
        (_("Owner"), instance.owner.get_username() if instance.owner else _("system")),
        (_("Approved by"), instance.approved_by.get_username() if instance.approved_by else ""),
        (_("Source hash"), instance.source_hash[:16]),
        (_("Note"), instance.note),
    ]
    return [(str(name), str(value)) for name, value in found if value]


def execution_facts(instance: StrategyInstance) -> list[tuple[str, str]]:
    """How targets are worked, section by section."""
    document = instance.execution
    if not document:
        return [(_("Orders"), _("at the market, at once"))]
    found = [(_("Orders"), str(KIND_WORDS[document["kind"]][0]))] if document.get("kind") in KIND_WORDS else []
    plan = {name: value for name, value in document.items() if name != "kind" and not isinstance(value, dict)}
    found += _plan_facts(KINDS.get(str(document.get("kind"))), plan)
    for name, cls, title in (("pair", PairPlan, _("Pair")), ("roll", RollPlan, _("Roll"))):
        found += [(f"{title} · {text}", value) for text, value in _plan_facts(cls, document.get(name) or {})]
    return found


def _plan_facts(cls: type[StrategyParameters] | None, values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The values of a part of a plan by what each of them means."""
    described = {info.name: info.limits.description for info in cls.describe()} if cls else {}
    return [(_(described[name]) if described.get(name) else name, choice_word(value)) for name, value in values.items()]


def grants(instance: StrategyInstance) -> list[dict[str, str]]:
    """To whom the instance was granted, and what they may do."""
    people = StrategyInstanceUserObjectPermission.objects.filter(content_object=instance)
    groups = StrategyInstanceGroupObjectPermission.objects.filter(content_object=instance)
    found = [
        {"name": row.user.get_username(), "key": f"user:{row.user_id}", "level": row.permission.codename}
        for row in people.select_related("user", "permission")
    ]
    found += [
        {"name": shown_role(row.group.name), "key": f"group:{row.group_id}", "level": row.permission.codename}
        for row in groups.select_related("group", "permission")
    ]
    return [{**row, "word": str(dict(LEVELS).get(row["level"], row["level"]))} for row in found]


def _described(name: str) -> list[Any]:
    """The parameters of a strategy; none where it cannot be loaded any more, which the page says elsewhere."""
    return registry.parameters(name) if name in registry.names() else []


def _pending(instance: StrategyInstance, state: dict[str, Any]) -> bool:
    """Whether parameters were set that the runner has not taken over yet: they count from the next bar."""
    used = state["parameters_in_use"]
    return instance.activity != ActivityName.STOPPED and used is not None and used < instance.parameters_version


def _stops(instance: StrategyInstance) -> list[KillSwitch]:
    """Stops of the desk that hold this strategy up."""
    active = KillSwitch.objects.active().select_related("set_by")
    return list(active.filter(scope_kind="strategy", scope_key=instance.key)) + list(
        active.filter(scope_kind="account", scope_key=instance.account.code)
    )
