"""The stages of an instance as steps, with the gates of the next one: what is shown, what is missing, what to do."""

from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.models import User
from quantsite.common.errors import MissingError
from strategies import registry, services
from strategies.choices import EvidenceName
from strategies.console.words import status_word
from strategies.domain.gates import Verdict
from strategies.domain.lifecycle import LADDER, Stage
from strategies.instance_models import StrategyInstance
from strategies.permissions import may_approve
from strategies.verbs.approval import APPROVE_KIND


def ladder(instance: StrategyInstance, user: User) -> dict[str, Any]:
    """Steps with their marks, and the gates up to the next one."""
    stage = instance.state.stage
    if stage is Stage.RETIRED:
        return {"steps": _steps(None), "gates": [], "next": "", "waiting": None, "source": ""}
    place = LADDER.index(stage)
    following = LADDER[place + 1] if place + 1 < len(LADDER) else None
    gates = services.gates_for(instance, following or stage) if _loads(instance) else []
    waiting = services.waiting_on(instance, APPROVE_KIND)
    return {
        "steps": _steps(stage),
        "gates": [gate_line(verdict) for verdict in gates],
        "closed": sum(bool(verdict.missing) for verdict in gates),
        "next": status_word(following.value) if following else "",
        "stage": status_word(stage.value),
        "waiting": waiting,
        "may_decide": waiting is not None and waiting.proposed_by_id != user.pk and may_approve(user, instance),
        "proposal_url": _proposal_url(user, waiting),
        "source": _source(instance),
    }


def gate_line(verdict: Verdict) -> dict[str, Any]:
    """One gate in words."""
    gate = verdict.gate
    told = [_("with its parameters")] if gate.same_parameters else []
    told += [_("not older than %(count)d days") % {"count": gate.max_age_days}] if gate.max_age_days else []
    return {
        "stage": status_word(gate.stage.value),
        "word": str(EvidenceName(gate.kind.value).label),
        "have": min(verdict.have, gate.minimum),
        "need": gate.minimum,
        "open": not verdict.missing,
        "missing": verdict.missing,
        "terms": " · ".join(told),
    }


def _steps(stage: Stage | None) -> list[dict[str, Any]]:
    place = LADDER.index(stage) if stage else -1
    return [
        {
            "word": status_word(each.value),
            "state": "done" if number < place else "here" if number == place else "ahead",
        }
        for number, each in enumerate(LADDER)
    ]


def _loads(instance: StrategyInstance) -> bool:
    return instance.strategy in registry.names()


def _source(instance: StrategyInstance) -> str:
    """What is wrong with the code that it stands for; empty where it is the one that is there now."""
    try:
        present = registry.source_hash(registry.get(instance.strategy))
    except MissingError as error:
        return error.text
    if present == instance.source_hash or instance.stage == Stage.DRAFT:
        return ""
    return _("The code has changed since it was tested: it must be tested anew before it can be started again.")


def _proposal_url(user: User, waiting: Any) -> str:
    if waiting is None or not user.has_perm("accounts.view_proposal"):
        return ""
    return reverse("admin:accounts_proposal_change", args=[waiting.pk])
