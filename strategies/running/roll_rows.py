"""Rolls as rows: planned by the runner or by hand, begun and ended with the state of their instance."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from marketdata.domain.calendar import from_day_number
from marketdata.models import Instrument
from quantsite.common.times import ns_to_utc
from strategies.choices import RollState
from strategies.instance_models import StrategyLeg
from strategies.running.instance import Instance, Leg
from strategies.running.reports import RollTold
from strategies.state_models import StrategyRoll

OPEN = (RollState.PLANNED, RollState.ROLLING, RollState.EXPOSED)
FAILED = (RollState.UNDONE, RollState.FAILED)
STATES: Mapping[str, RollState] = {
    "planned": RollState.PLANNED,
    "closing": RollState.ROLLING,
    "opening": RollState.ROLLING,
    "exposed": RollState.EXPOSED,
    "undoing": RollState.EXPOSED,
    "done": RollState.DONE,
}
"""The domain's states as people are told of them; how a failed one has ended, its lots say."""


def rolls() -> Any:
    """All rolls, with the contracts that they lead from and to."""
    return StrategyRoll.objects.select_related("from_instrument__product__exchange", "to_instrument__product__exchange")


def plan(instance: Instance, leg: Leg, to: Instrument, ground: str) -> None:
    """Note that a leg is to go to another contract; one that is open already, or failed today, stays as it is."""
    known = StrategyRoll.objects.filter(instance=instance.pk, leg=leg.number)
    day = from_day_number(instance.day)
    if known.filter(state__in=OPEN).exists():
        return
    if known.filter(state__in=FAILED, to_instrument=to, trading_day=day).exists():
        return
    StrategyRoll.objects.create(
        instance_id=instance.pk, leg=leg.number, from_instrument=leg.instrument, to_instrument=to,
        lots=instance.book.lots(leg.instrument.code), trading_day=day, document={"ground": ground},
    )  # fmt: skip


def begun(pk: int, lots: int, day: int, at: datetime) -> None:
    """The host has been asked to roll: with the state that says so."""
    StrategyRoll.objects.filter(pk=pk).update(lots=lots, trading_day=from_day_number(day), started_at=at)


def state_of(progress: Mapping[str, Any]) -> RollState:
    """Where a roll stands; a failed one that has brought every lot back to the old contract is undone."""
    known = STATES.get(progress["state"])
    if known is not None:
        return known
    return RollState.UNDONE if progress["new"] == 0 and progress["old"] == progress["wanted"] else RollState.FAILED


def show(pk: int, told: RollTold) -> None:
    """How it stands now, for people; also how it ended."""
    progress = told.progress
    ended = progress["ended"]
    row = StrategyRoll.objects.get(pk=pk)
    row.state, row.exposure_seconds = state_of(progress), progress["exposed_seconds"]
    row.closed_price, row.opened_price = _money(progress["old_price"]), _money(progress["new_price"])
    row.ended_at = ns_to_utc(ended) if ended else None
    lots = {"closed": progress["held"] - progress["old"], "opened": progress["new"]}
    row.document = {**row.document, **progress, **lots, "reason": told.reason}
    row.save(update_fields=["state", "exposure_seconds", "closed_price", "opened_price", "ended_at", "document"])


def fail(row: StrategyRoll, at: int, reason: Any) -> None:
    """It will not be gone on with; ``reason`` is a stored sentence."""
    row.state, row.ended_at = RollState.FAILED, ns_to_utc(at) if at else None
    row.document = {**row.document, "reason": reason}
    row.save(update_fields=["state", "ended_at", "document"])


def give_up(instance: Instance, reason: Any) -> list[StrategyRoll]:
    """End what is open of an instance that is hosted no more; gives those that had begun."""
    found = list(rolls().filter(instance=instance.pk, state__in=OPEN))
    for row in found:
        fail(row, instance.at, reason)
    return [row for row in found if row.started_at is not None]


def move_leg(instance_id: int, leg: int, to: Instrument) -> None:
    """The leg trades another contract from now on."""
    StrategyLeg.objects.filter(instance=instance_id, number=leg).update(instrument=to)


def _money(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
