"""What went on around a live day beside its decisions: read from the instance's log, from stops, and from the bars."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import numpy as np
from django.db.models import QuerySet

from backtests.domain.drift.records import Circumstances, Happening, Span
from backtests.drift.live import Window
from backtests.drift.replay import Replayed
from marketdata.domain.bars import VALUE_COLUMNS, BarSeries
from marketdata.models import Instrument
from marketdata.series_cache import load
from quantsite.common.times import NS_PER_SECOND, utc_to_ns
from strategies import registry
from strategies.domain.forms import overrides
from strategies.domain.hosting.terms import TICKS
from strategies.models import StrategyDay, StrategyInstance, StrategyLog, StrategyRoll
from trading.choices import AccountKind
from trading.domain.risk.scopes import scopes_of
from trading.limit_models import KillSwitch
from trading.order_models import AccountEvent

BROKER_GRAIN = NS_PER_SECOND
"""A broker tells when something was traded to the second."""

GAP_ACTS = 60 * NS_PER_SECOND
"""So long after a gap what it held up may still be on its way."""

OFF = {"paused": Happening.PAUSED, "stopped": Happening.PAUSED, "flatten": Happening.PAUSED}
ON = frozenset({"resumed", "started"})


class MarketTimes:
    """What the market clock was when something happened by the wall: the account's events have both times."""

    def __init__(self, account: int, window: Window) -> None:
        self._rows = AccountEvent.objects.filter(account=account, market_time__range=window)

    def before(self, moment: datetime) -> int:
        """Of the last event of the day up to ``moment`` (ns UTC); 0 where there is none."""
        return self._time(self._rows.filter(created_at__lte=moment).order_by("-seq"))

    def after(self, moment: datetime) -> int:
        """Of the first event of the day behind ``moment``; 0 where there is none."""
        return self._time(self._rows.filter(created_at__gt=moment).order_by("seq"))

    def _time(self, rows: QuerySet[AccountEvent]) -> int:
        moment = rows.values_list("market_time", flat=True).first()
        return utc_to_ns(moment) if moment else 0


def circumstances(instance: StrategyInstance, day: StrategyDay, replayed: Replayed, window: Window) -> Circumstances:
    """Everything that may explain a difference of the day."""
    lines = list(StrategyLog.objects.filter(instance=instance, market_time__range=window).order_by("pk"))
    end = utc_to_ns(window.last)
    clock = MarketTimes(instance.account_id, window)
    spans = [*_interventions(lines, end), *_gaps(lines, clock), *_rolls(instance, window, end)]
    spans += _switches(day, replayed.instruments, clock, window)
    spans += _other_bars(instance, day, replayed, end)
    grain = BROKER_GRAIN if instance.account.kind == AccountKind.CTP else 0
    return Circumstances(replayed.legs, tuple(spans), grain)


def _moment(line: StrategyLog) -> int:
    return utc_to_ns(line.market_time) if line.market_time else 0


def _interventions(lines: Sequence[StrategyLog], end: int) -> Iterator[Span]:
    """From a pause (a stop) until it went on; from a change of parameters to the end of the day."""
    since = 0
    for line in lines:
        at = _moment(line)
        if line.kind in OFF:
            since = since or at
        elif line.kind in ON and since:
            yield Span(Happening.PAUSED, since, at)
            since = 0
        elif line.kind == "parameters":
            yield Span(Happening.PARAMETERS, at, end)
    if since:
        yield Span(Happening.PAUSED, since, end)


def _gaps(lines: Sequence[StrategyLog], clock: MarketTimes) -> Iterator[Span]:
    """What the runner says it missed, and its own restarts: away from the stored state until it was there again."""
    for line in lines:
        at = _moment(line)
        if line.kind == "gap":
            details: dict[str, Any] = line.details
            since, until = int(details.get("since") or 0), int(details.get("until") or 0)
            yield Span(Happening.GAP, since if since > 0 else at, max(at, until) + GAP_ACTS)
        elif line.kind == "restored":
            yield Span(Happening.GAP, at, max(at, clock.after(line.at) or at) + GAP_ACTS)


def _switches(
    day: StrategyDay, instruments: Sequence[Instrument], clock: MarketTimes, window: Window
) -> Iterator[Span]:
    """While a stop stood over a leg: from the account's last event before it was set to the first after its release."""
    instance, account = day.instance, day.instance.account
    user = instance.owner.username if instance.owner else ""
    for stop in KillSwitch.objects.filter(set_at__lte=day.updated_at).order_by("pk"):
        if stop.released_at and not clock.before(stop.released_at):
            continue  # before the day
        since = clock.before(stop.set_at) or utc_to_ns(window.first)
        until = (clock.after(stop.released_at) if stop.released_at else 0) or utc_to_ns(window.last)
        for leg, instrument in enumerate(instruments):
            names = {"account": account.code, "product": str(instrument.product), "strategy": instance.key}
            if stop.scope in scopes_of(desk=account.desk.code, user=user, **names):
                yield Span(Happening.SWITCH, since, until, leg)


def _rolls(instance: StrategyInstance, window: Window, end: int) -> Iterator[Span]:
    for roll in StrategyRoll.objects.filter(instance=instance, started_at__range=window):
        since = utc_to_ns(roll.started_at) if roll.started_at else 0
        yield Span(Happening.ROLL, since, end, roll.leg)


def _other_bars(instance: StrategyInstance, day: StrategyDay, replayed: Replayed, end: int) -> Iterator[Span]:
    """Bars that are stored otherwise than the recorded ticks make them: each acts as far as the warm-up looks back."""
    if instance.interval == TICKS:
        return
    strategy = registry.create(instance.strategy, day.parameters)
    memory = strategy.warm_up() if overrides(type(strategy), "warm_up") else 1
    for leg, (instrument, built) in enumerate(zip(replayed.instruments, replayed.bars, strict=True)):
        stored, _hash = load(instrument, instance.interval, day.trading_day, day.trading_day)
        starts = sorted({*stored.start.tolist(), *built.start.tolist()})
        for start in unlike(stored, built):
            last = bisect_left(starts, start) + memory
            yield Span(Happening.DATA, start, starts[last] if last < len(starts) else end, leg)


def unlike(first: BarSeries, second: BarSeries) -> list[int]:
    """The starts of bars that only one has, or both with other values, ascending."""
    rows = [_by_start(series) for series in (first, second)]
    found = []
    for start in sorted({*rows[0], *rows[1]}):
        ours, theirs = rows[0].get(start), rows[1].get(start)
        if ours is None or theirs is None or not np.allclose(ours, theirs, equal_nan=True):
            found.append(int(start))
    return found


def _by_start(series: BarSeries) -> dict[int, tuple[float, ...]]:
    columns = (getattr(series, name).tolist() for name in VALUE_COLUMNS)
    return dict(zip(series.start.tolist(), zip(*columns, strict=True), strict=True))
