"""How instances stand, for people: positions and the running day as rows, some at a time, behind everything else."""

import time
from collections.abc import Callable, Sequence
from functools import partial
from math import isfinite

from django.utils import timezone

from marketdata.domain.calendar import from_day_number
from marketdata.models import Instrument
from quantsite.web.json_rows import upsert
from strategies.domain.hosting.virtual import Holding
from strategies.instance_models import StrategyInstance
from strategies.running.days import day_row, keep_days
from strategies.running.instance import Instance
from strategies.state_models import StrategyDay, StrategyPosition

EVERY_SECONDS = 2.0
"""So old a picture may be."""
AT_ONCE, LOOKED_AT, PAUSE_SECONDS = 8, 50, 0.05
"""Between two inputs a few of the next fifty instances are written, and again after a pause: nobody waits for more."""
WORD_SECONDS = 1.0
"""The console calls a runner silent that has said nothing for five."""
POSITION_COLUMNS = (
    "leg", "lots", "average", "realised", "commission", "turnover", "marked", "profit", "day_base", "trading_day",
    "updated_at",
)  # fmt: skip


class Pictures:
    """Has ``write`` do what is to be written of what has changed, about these instances; one thread."""

    def __init__(self, write: Callable[[Callable[[], None], Sequence[int]], None]) -> None:
        self._do = write
        self._written: dict[int, tuple[object, float]] = {}
        self._worded: dict[int, float] = {}
        self._instruments: dict[str, Instrument] = {}
        self._next = 0.0
        self._at = 0

    def look(self, instances: Sequence[Instance], *, every: bool = False) -> None:
        """Look at the next few and write the pictures that are old; ``every``: all that have changed."""
        now = time.monotonic()
        if every:
            self._write([each for each in instances if self._changed(each, now, 0.0)])
            self._say_alive(instances, now, 0.0)
        elif now >= self._next and instances:
            self._next = now + PAUSE_SECONDS
            first = self._at if self._at < len(instances) else 0
            chosen = instances[first : first + LOOKED_AT]
            self._at = first + len(chosen)
            self._write([each for each in chosen if self._changed(each, now, EVERY_SECONDS)][:AT_ONCE])
            self._say_alive(chosen, now, WORD_SECONDS)

    def _changed(self, instance: Instance, now: float, seconds: float) -> bool:
        """Whether its picture shows something else than the one written, which is so old."""
        seen, at = self._written.get(instance.pk, (None, 0.0))
        return now - at >= seconds and _mark(instance) != seen

    def _say_alive(self, instances: Sequence[Instance], now: float, seconds: float) -> None:
        hosted = [each.pk for each in instances if each.hosted and now - self._worded.get(each.pk, 0.0) >= seconds]
        if hosted:
            self._do(partial(_say_alive, hosted), hosted)
            self._worded.update(dict.fromkeys(hosted, now))

    def _write(self, instances: Sequence[Instance]) -> None:
        if not instances:
            return
        now = time.monotonic()
        self._written.update({each.pk: (_mark(each), now) for each in instances})
        rows = [
            self._position(instance, code, holding)
            for instance in instances
            for code, holding in instance.book.holdings.items()
        ]
        days = [day_row(instance) for instance in instances if instance.day]
        self._do(partial(_write, rows, days), [each.pk for each in instances])

    def _position(self, instance: Instance, code: str, holding: Holding) -> StrategyPosition:
        if code not in self._instruments:
            self._instruments[code] = Instrument.objects.get(code=code)
        return StrategyPosition(
            instance_id=instance.pk,
            instrument=self._instruments[code],
            leg=instance.leg_of(code) or 0,
            lots=holding.lots,
            average=_money(holding.average),
            realised=round(holding.realised, 6),
            commission=round(holding.commission, 6),
            turnover=round(holding.turnover, 6),
            marked=_money(holding.marked),
            profit=round(holding.profit, 6),
            day_base=round(holding.day_base, 6),
            trading_day=from_day_number(instance.day) if instance.day else None,
            updated_at=timezone.now(),
        )


def _write(positions: Sequence[StrategyPosition], days: Sequence[StrategyDay]) -> None:
    upsert(StrategyPosition, positions, unique=("instance", "instrument"), changes=POSITION_COLUMNS)
    keep_days(days)


def _say_alive(instances: Sequence[int]) -> None:
    StrategyInstance.objects.filter(pk__in=instances).update(told_at=timezone.now())


def _mark(instance: Instance) -> object:
    """What a picture shows: two that are alike need not be written twice."""
    count = instance.count
    return (
        instance.day, round(instance.book.profit, 2), tuple(sorted(instance.book.held.items())), count.fills,
        count.orders, count.cancels, count.refusals, count.signals, count.bars, count.errors, count.ended,
    )  # fmt: skip


def _money(value: float) -> float | None:
    return round(value, 6) if isfinite(value) else None
