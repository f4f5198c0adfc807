"""What pages and programs are shown of an instance: put together once, for REST, console and sockets."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django.db.models import Max

from accounts.models import Proposal, ProposalStatus
from quantsite.common.errors import RuleError
from strategies.event_models import Signal
from strategies.instance_models import StrategyInstance
from strategies.permissions import find_instance
from strategies.sources import source_hash
from strategies.state_models import StrategyDay, StrategyPosition, StrategyState
from strategies.verbs.approval import APPROVE_KIND, CHANGE_KIND
from strategies.verbs.holdings import held_lots, working_orders

if TYPE_CHECKING:
    from accounts.models import User


@dataclass(frozen=True)
class InstanceState:
    """Where an instance stands: ``signals`` are the newest of each leg, ``held`` signed lots by code."""

    instance: StrategyInstance
    source_changed: bool
    held: dict[str, int]
    positions: list[StrategyPosition]
    day: StrategyDay | None
    signals: list[Signal]
    working_orders: list[int]
    market_time: datetime | None
    proposals: list[Proposal]


def instance_state(actor: "User | None", instance_id: int) -> InstanceState:
    """All of it now. Raises ``MissingError`` where there is no instance that the actor may see."""
    instance = find_instance(actor, instance_id)
    stored = StrategyState.objects.filter(instance=instance).only("at").first()
    return InstanceState(
        instance=instance,
        source_changed=source_changed(instance),
        held=held_lots(instance),
        positions=list(instance.positions.select_related("instrument").order_by("leg", "instrument__code")),
        day=instance.days.order_by("-trading_day").first(),
        signals=newest_signals(instance),
        working_orders=list(working_orders(instance).order_by("pk").values_list("pk", flat=True)),
        market_time=stored.at if stored else None,
        proposals=waiting_proposals(instance),
    )


def newest_signals(instance: StrategyInstance) -> list[Signal]:
    """The newest signal of each leg."""
    newest = instance.signals.order_by().values("leg").annotate(newest=Max("pk")).values("newest")
    rows = Signal.objects.filter(pk__in=newest).select_related("instance", "instrument")
    return list(rows.order_by("leg"))


def waiting_proposals(instance: StrategyInstance) -> list[Proposal]:
    """What waits for a second person about it."""
    kinds = (APPROVE_KIND, CHANGE_KIND)
    rows = Proposal.objects.filter(kind__in=kinds, target=str(instance.pk), status=ProposalStatus.OPEN)
    return list(rows.select_related("proposed_by", "decided_by").order_by("pk"))


def source_changed(instance: StrategyInstance) -> bool:
    """Whether the strategy's code is not what the instance was tested with; so too where it is gone or broken."""
    try:
        return source_hash(instance.strategy) != instance.source_hash
    except RuleError:
        return True
