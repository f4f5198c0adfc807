"""What an instance has to have seen before it decides live: stored bars, and those of the stream behind them.

A bar that the recorder has not stored yet stands in the stream behind the recorder's place; so nothing is missing
between the two, and a bar that is in both counts once.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import numpy as np
import structlog

from marketdata import series_cache
from marketdata.domain.bars import VALUE_COLUMNS, Bar, BarSeries
from marketdata.domain.calendar import from_day_number
from marketdata.domain.intervals import parse_interval
from marketdata.domain.sessions import SessionTable
from marketdata.domain.ticks import BarMessage
from marketdata.instruments import session_table
from marketdata.live_models import RecorderPosition
from marketdata.models import Instrument
from marketdata.stream import parse_id, readable, reader
from quantsite.common.times import NS_PER_MINUTE, ns_to_utc
from strategies import registry
from strategies.domain.forms import overrides
from strategies.instance_models import StrategyInstance
from strategies.measured import measured_warm_up
from strategies.running.instance import bar_of

log = structlog.get_logger(__name__)

DAYS = 30
"""Calendar days of bars for a strategy that does not say how many bars it needs: its own windows fill in that time."""
MARGIN = 2
"""Times the bars that it says it needs, for those that its first decisions look back on."""
READ_FRAMES = 1_000


class Wanted(NamedTuple):
    """How many bars of each leg: the newest ``least``, and all of the newest ``days`` calendar days besides."""

    least: int
    days: int = 0


def bars_before(
    instruments: Sequence[Instrument], interval: str, wanted: Wanted, frames: Mapping[str, str], now: int
) -> list[BarSeries]:
    """The bars of each leg that are ``wanted``, up to the ids ``frames`` of the streams.

    ``now`` (ns UTC) is the market's time, 0 where nobody tells it: then all that is stored counts as the past.
    """
    stored = [_stored(instrument, interval, wanted, now) for instrument in instruments]
    newer = _in_streams(instruments, interval, frames)
    found = zip(stored, newer, instruments, strict=True)
    return [ended(joined(bars, more), instrument, now) for bars, more, instrument in found]


def bars_between(
    instruments: Sequence[Instrument], interval: str, after: int, frames: Mapping[str, str], now: int
) -> list[list[Bar]]:
    """The bars of each leg that start behind ``after`` (ns UTC), from the store and the streams as they are kept."""
    found = []
    newer = _in_streams(instruments, interval, frames)
    for instrument, more in zip(instruments, newer, strict=True):
        stored, _hash = series_cache.load(instrument, interval, ns_to_utc(after + 1), _end(now))
        whole = ended(joined(stored, [bar for bar in more if bar.start > after]), instrument, now)
        found.append(list(whole.rows()))
    return found


def _in_streams(instruments: Sequence[Instrument], interval: str, frames: Mapping[str, str]) -> list[list[Bar]]:
    """The closed bars of each leg in the streams, up to these ids, behind what the recorder has stored."""
    recorded = dict(RecorderPosition.objects.values_list("source", "stream_id"))
    codes = {instrument.code: leg for leg, instrument in enumerate(instruments)}
    found: list[list[Bar]] = [[] for _ in instruments]
    for source, until in frames.items():
        for message in behind(source, recorded.get(source, ""), until):
            leg = codes.get(message.instrument)
            if leg is not None and message.interval == interval and message.final:
                found[leg].append(bar_of(message))
    return found


def ended(bars: BarSeries, instrument: Instrument, now: int) -> BarSeries:
    """The bars of a series that have ended by ``now``: where a day is played again its future is known already."""
    if not now or not len(bars):
        return bars
    stop = int(np.searchsorted(bars.start, now))
    if stop and _end_of(bars, stop - 1, session_table(instrument.product)) > now:
        stop -= 1
    return bars if stop == len(bars) else bars.take(slice(0, stop))


def _end_of(bars: BarSeries, index: int, table: SessionTable) -> int:
    """When a bar of a series closes (ns UTC)."""
    day, start, minutes = int(bars.trading_day[index]), int(bars.start[index]), parse_interval(bars.interval)
    if minutes is None:
        return table.plan(day).closes
    grid = table.grid(from_day_number(day), 1)
    mine = grid[table.bucket_starts(grid, minutes) == start]
    return int(mine[-1]) + NS_PER_MINUTE if len(mine) else start + minutes * NS_PER_MINUTE


def joined(stored: BarSeries, newer: Sequence[Bar]) -> BarSeries:
    """A series with the bars behind its last one."""
    last = int(stored.start[-1]) if len(stored) else -1
    more = {bar.start: bar for bar in newer if bar.start > last}
    if not more:
        return stored
    rows = [more[start] for start in sorted(more)]
    columns = {name: np.concatenate([getattr(stored, name), [getattr(bar, name) for bar in rows]])
               for name in ("start", "trading_day", *VALUE_COLUMNS)}  # fmt: skip
    return BarSeries(stored.instrument, stored.interval, **columns)


def wanted_bars(row: StrategyInstance) -> Wanted:
    """The bars that an instance is to be warmed up with: what its strategy says or a check has measured, if more.

    A strategy that does not say, or that is nobody's we trust, has :data:`DAYS` days. Raises ``RuleError`` for a
    strategy or parameters that are none.
    """
    measured = measured_warm_up(row.strategy, row.source_hash, row.parameters, row.interval) or 0
    stated = stated_bars(row.strategy, row.parameters)
    return Wanted(MARGIN * measured, DAYS) if stated is None else Wanted(MARGIN * max(stated, measured))


def stated_bars(strategy: str, parameters: Mapping[str, Any]) -> int | None:
    """The bars that a strategy says it needs; None where it does not, or is nobody's we trust. Raises ``RuleError``."""
    if not registry.is_trusted(strategy):
        return None
    made = registry.create(strategy, parameters)
    return made.warm_up() if overrides(type(made), "warm_up") else None


def _stored(instrument: Instrument, interval: str, wanted: Wanted, now: int) -> BarSeries:
    end = _end(now)
    whole = ended(series_cache.load(instrument, interval, None, end)[0], instrument, now)
    first = stop = len(whole)
    if wanted.days and stop:
        last = ns_to_utc(int(whole.start[-1]))
        first, stop = series_cache.span(whole, last - timedelta(days=wanted.days), end)
    return whole.take(slice(max(0, min(first, stop - wanted.least)), stop))


def _end(now: int) -> datetime | None:
    return datetime.fromtimestamp(now / 1e9, UTC) + timedelta(seconds=1) if now else None


def behind(source: str, recorded: str, until: str) -> list[BarMessage]:
    """The bars in a stream behind what is recorded, up to the id ``until``; a frame that was torn holds none."""
    if until and recorded and parse_id(recorded) >= parse_id(until):
        return []
    follow = reader(source, recorded)
    found: list[BarMessage] = []
    try:
        while batch := follow.read(0, READ_FRAMES):
            for name, data in batch:
                if until and parse_id(name) > parse_id(until):
                    return found
                found += [message for message in readable(source, name, data) if isinstance(message, BarMessage)]
    finally:
        follow.close()
    return found
