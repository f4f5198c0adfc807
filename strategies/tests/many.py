"""Very many instances, made at once."""

from datetime import timedelta

from django.utils import timezone

from accounts.models import User
from marketdata.models import Instrument
from strategies.models import Signal, StrategyDay, StrategyInstance, StrategyLeg, StrategyLog, StrategyPosition
from strategies.tests.instances import CODE, DAY, NOON, make_instance


def many(owner: User, count: int) -> list[StrategyInstance]:
    """So many that run on paper, each with a position, a day, a signal and a line."""
    first = make_instance("a-first", owner, stage="paper", activity="running", health="running")
    told = timezone.now() + timedelta(hours=1)
    columns = {f.name: getattr(first, f.name) for f in StrategyInstance._meta.concrete_fields if f.name != "id"}
    rows = StrategyInstance.objects.bulk_create(
        StrategyInstance(**{**columns, "key": f"many-{number:04}", "told_at": told}) for number in range(count - 1)
    )
    StrategyInstance.objects.filter(pk=first.pk).update(told_at=told)
    every, of = [first, *rows], Instrument.objects.get(code=CODE)
    StrategyLeg.objects.bulk_create(StrategyLeg(instance=row, number=0, instrument=of) for row in rows)
    StrategyPosition.objects.bulk_create(
        StrategyPosition(instance=row, instrument=of, leg=0, lots=1, average=3_300, profit=10, trading_day=DAY)
        for row in every
    )
    StrategyDay.objects.bulk_create(StrategyDay(instance=row, trading_day=DAY, stage="paper") for row in every)
    Signal.objects.bulk_create(
        Signal(instance=row, number=1, instrument=of, decided_at=NOON, target=1.0, values={"fast": 1.5})
        for row in every
    )
    StrategyLog.objects.bulk_create(StrategyLog(instance=row, kind="started", text="It goes on.") for row in every)
    return every
