"""Gates as the desk sets them: what makes a stage harder to enter counts at once, what makes it easier takes two."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import proposals
from accounts.audit import record
from accounts.models import Proposal
from accounts.permissions import require
from quantsite.common.errors import RuleError
from quantsite.common.texts import sentences
from strategies.choices import GATE_STAGES, EvidenceName, StageName
from strategies.instance_models import StrategyGate

if TYPE_CHECKING:
    from accounts.models import User

GATE_KIND = "strategy_gate"
CHANGE = "strategies.change_strategygate"
MOST = 1_000


@dataclass(frozen=True)
class GateOutcome:
    """The gate as it stands now (None: there is none), and the ``proposal`` that waits where it takes two."""

    gate: StrategyGate | None
    proposal: Proposal | None = None


def set_gate(
    actor: "User | None",
    stage: str,
    kind: str,
    *,
    minimum: int = 1,
    same_parameters: bool = False,
    max_age_days: int | None = None,
    is_active: bool = True,
    reason: str = "",
) -> GateOutcome:
    """Set what an instance must show to enter a stage; at once, or as a proposal where that asks for less.

    Raises ``RefusedError``, ``RuleError`` for what no gate can say, ``nothing_changes`` and without a reason where it
    takes two; ``ConflictError`` ``proposal_open``.
    """
    require(actor, CHANGE)
    wanted = {
        "minimum": minimum,
        "same_parameters": same_parameters,
        "max_age_days": max_age_days,
        "is_active": is_active,
    }
    _check(stage, kind, wanted)
    target = f"{stage} {kind}"
    with transaction.atomic():
        stands = _read(target)
        if stands == wanted:
            raise RuleError("nothing_changes", _("This is what stands already: nothing would change."))
        if not asks_for_less(stands, wanted):
            return GateOutcome(_store(actor, target, wanted, {"reason": reason.strip()}))
    # outside of the lock: whoever decides on a proposal locks it before the gate
    proposal = proposals.propose(actor, GATE_KIND, target, wanted, reason)
    return GateOutcome(StrategyGate.objects.filter(stage=stage, kind=kind).first(), proposal)


def asks_for_less(stands: dict[str, Any] | None, wanted: dict[str, Any]) -> bool:
    """Whether an instance could pass that could not before. A gate that is not in force asks for nothing."""
    if stands is None or not stands["is_active"]:
        return False
    if not wanted["is_active"] or wanted["minimum"] < stands["minimum"]:
        return True
    if stands["same_parameters"] and not wanted["same_parameters"]:
        return True
    old, new = stands["max_age_days"], wanted["max_age_days"]
    return old is not None and (new is None or new > old)


def _check(stage: str, kind: str, wanted: dict[str, Any]) -> None:
    fields = {}
    stages = [name for name, _label in GATE_STAGES]
    for name, value, known in (("stage", stage, stages), ("kind", kind, EvidenceName.values)):
        if value not in known:
            text = _("%(name)s is one of %(known)s, not %(value)s.")
            fields[name] = text % {"name": name, "known": ", ".join(known), "value": repr(value)}
    numbers = {"minimum": wanted["minimum"], "max_age_days": wanted["max_age_days"]}
    for name, number in numbers.items():
        if number is not None and not 1 <= number <= MOST:
            text = _("%(name)s must be a whole number from %(least)d to %(most)d, not %(value)s.")
            fields[name] = text % {"name": name, "least": 1, "most": MOST, "value": number}
    if fields:
        raise RuleError("invalid_gate", sentences(*fields.values()), fields=fields)


def _row(target: str) -> StrategyGate | None:
    stage, kind = target.split(" ")
    return StrategyGate.objects.select_for_update().filter(stage=stage, kind=kind).first()


def _read(target: str) -> dict[str, Any] | None:
    row = _row(target)
    if row is None:
        return None
    names = ("minimum", "same_parameters", "max_age_days", "is_active")
    return {name: getattr(row, name) for name in names}


def _store(actor: "User | None", target: str, wanted: dict[str, Any], told: dict[str, Any]) -> StrategyGate:
    before = _read(target)
    stage, kind = target.split(" ")
    columns = {**wanted, "updated_by": actor}
    row, _new = StrategyGate.objects.update_or_create(stage=stage, kind=kind, defaults=columns)
    record(actor, "strategy.gate", target, before=before, after={**wanted, **told})
    return row


def _apply(proposal: Proposal, approver: "User") -> None:
    told = {"reason": proposal.reason, "asked_by": proposal.proposed_by.username, "proposal": proposal.pk}
    _store(approver, proposal.target, proposal.after or {}, told)


def _told(target: str) -> str:
    stage, kind = target.split(" ")
    return f"{StageName(stage).label} · {EvidenceName(kind).label}"


def _diff(before: Any, after: Any) -> list[proposals.Difference]:
    names = {field.name: str(field.verbose_name) for field in StrategyGate._meta.concrete_fields}
    rows = proposals.plain_diff(before, after)
    return [proposals.Difference(names.get(row.name, row.name), row.before, row.after) for row in rows]


proposals.register(
    GATE_KIND,
    proposals.ProposalKind(
        title=gettext_lazy("Ask for less before a stage of strategies"),
        propose=CHANGE,
        read=_read,
        apply=_apply,
        told=_told,
        diff=_diff,
    ),
)
