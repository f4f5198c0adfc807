"""Evidence: written by what runs backtests, checks and evenings; held against the gates of a stage."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Any

from django.utils import timezone
from django.utils.translation import gettext as _

from quantsite.common.errors import ConflictError
from quantsite.common.texts import sentences
from strategies import registry
from strategies.choices import StageName
from strategies.domain.gates import GateInput, Verdict, parameters_hash, verdicts
from strategies.domain.lifecycle import Stage
from strategies.event_models import Evidence
from strategies.instance_models import StrategyGate, StrategyInstance
from strategies.sources import source_hash

if TYPE_CHECKING:
    from accounts.models import User


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What was shown. Without ``parameters`` it stands for the strategy whatever its parameters, without ``interval``
    for bars of any; ``source_hash`` is that of the source that ran, the present one where it is left out.
    """

    kind: str
    strategy: str
    passed: bool
    parameters: Mapping[str, Any] | None = None
    interval: str = ""
    source_hash: str = ""
    instance_id: int | None = None
    trading_day: date | None = None
    facts: Mapping[str, Any] | None = None
    reference: str = ""


def write_evidence(actor: "User | None", found: Finding) -> Evidence:
    """Store a finding; ``actor`` is whoever had it made. For upper apps and the runner: people have no door to it.

    Parameters left out count with their defaults. Raises ``MissingError``, ``RuleError`` for parameters that are none.
    """
    hashed = "" if found.parameters is None else complete_hash(found.strategy, found.parameters)
    return Evidence.objects.create(
        kind=found.kind,
        strategy=found.strategy,
        source_hash=found.source_hash or source_hash(found.strategy),
        parameters_hash=hashed,
        interval=found.interval,
        instance_id=found.instance_id,
        trading_day=found.trading_day,
        passed=found.passed,
        facts=dict(found.facts or {}),
        reference=found.reference[:120],
        created_by=actor,
    )


def complete_hash(strategy: str, parameters: Mapping[str, Any]) -> str:
    """The hash of a strategy's parameters, those left out with their defaults. Raises as ``from_mapping``."""
    return parameters_hash(registry.parameters_of(strategy).from_mapping(parameters).as_dict())


def gates_for(instance: StrategyInstance, stage: Stage) -> list[Verdict]:
    """Every gate up to ``stage`` in force, and what is missing. A draft is held against the present source.

    Once approved, the parameters are the second person's: from then on evidence with others counts too.
    """
    if instance.stage == Stage.DRAFT:
        instance = _with_present_source(instance)
    gates = tuple(row.to_domain() for row in StrategyGate.objects.filter(is_active=True))
    if instance.stage in {Stage.APPROVED, Stage.LIVE}:
        gates = tuple(replace(gate, same_parameters=False) for gate in gates)
    asked = GateInput(
        stage=stage,
        strategy=instance.strategy,
        source_hash=instance.source_hash,
        parameters_hash=parameters_hash(instance.parameters),
        interval=instance.interval,
        today=timezone.now().date(),
        gates=gates,
        shown=tuple(row.to_domain() for row in Evidence.objects.all().about(instance)),
    )
    return verdicts(asked)


def demand_gates(instance: StrategyInstance, stage: Stage) -> None:
    """Raises ``ConflictError`` ``gates_closed`` with a sentence for each gate that is closed."""
    closed = [verdict.missing for verdict in gates_for(instance, stage) if verdict.missing]
    if closed:
        text = _("Strategy %(key)s may not enter %(stage)s yet.") % {
            "key": instance.key,
            "stage": StageName(stage).label,
        }
        raise ConflictError("gates_closed", sentences(text, *closed))


def _with_present_source(instance: StrategyInstance) -> StrategyInstance:
    """The same instance as it would be promoted: with the source of today. Not stored."""
    present = StrategyInstance.objects.get(pk=instance.pk)
    present.source_hash = source_hash(instance.strategy)
    return present
