"""The newest tick of instruments, from wherever it is known first: this process, the stream, the recorder's rows."""

import time
from collections.abc import Collection, Iterator, Sequence

import structlog

from accounts.models import User
from accounts.permissions import require
from marketdata import stream
from marketdata.broadcast import hubs
from marketdata.domain.ticks import BACKWARD, STALE, Tick
from marketdata.instruments import find_instrument
from marketdata.live_models import InstrumentFeed
from marketdata.models import Instrument
from marketdata.ticks.models import Tick as TickRow

TAIL_FRAMES = 400
"""Frames of a stream that are looked through: a whole market's are some seconds of it."""
LAST_ROWS = 20
"""Recorded ticks that are looked through for one that is no repetition of an old snapshot."""
SILENT_SECONDS = 10.0
"""A source that has told this process nothing for so long, not even its clock, is asked after elsewhere."""

log = structlog.get_logger(__name__)


def get_realtime_data(actor: User | None, instruments: Sequence[Instrument | str]) -> list[Tick]:
    """The newest tick of each instrument, in their order; one that never had a tick is left out.

    Raises ``RefusedError``, ``MissingError`` ``unknown_instrument``.
    """
    require(actor, "marketdata.view_tick")
    rows = [find_instrument(name) if isinstance(name, str) else name for name in instruments]
    found = _in_this_process({row.code for row in rows})
    found |= _in_streams([row for row in rows if row.code not in found])
    for row in rows:
        if row.code not in found and (tick := _recorded(row)):
            found[row.code] = tick
    return [found[row.code] for row in rows if row.code in found]


def _in_this_process(codes: Collection[str]) -> dict[str, Tick]:
    """From the hubs' pictures of the market, as far as they are kept up."""
    found: dict[str, Tick] = {}
    for hub in hubs():
        market = hub.market
        for code in codes:
            tick, source = market.latest_tick(code), market.sources.get(market.source_of.get(code, ""))
            if tick and source and time.monotonic() - source.heard_at < SILENT_SECONDS:
                found[code] = tick
    return found


def _in_streams(rows: Sequence[Instrument]) -> dict[str, Tick]:
    """From the ends of the streams that publish these instruments."""
    codes = {row.code for row in rows}
    sources = InstrumentFeed.objects.filter(instrument__in=rows).values_list("source", flat=True)
    found: dict[str, Tick] = {}
    for source in sorted(set(sources)) if codes else ():
        try:
            frames = stream.tail(source, TAIL_FRAMES)
        except stream.UnreachableError as error:
            log.warning("newest ticks are read from the rows", source=source, reason=str(error))
            return found
        for tick in _backwards(source, frames):
            if tick.instrument in codes and tick.instrument not in found:
                found[tick.instrument] = tick
    return found


def _backwards(source: str, frames: Sequence[tuple[str, bytes]]) -> Iterator[Tick]:
    """The ticks that are no repetitions, the newest first."""
    for name, frame in reversed(frames):
        for message in reversed(stream.readable(source, name, frame)):
            if isinstance(message, Tick) and not message.flags & (BACKWARD | STALE):
                yield message


def _recorded(row: Instrument) -> Tick | None:
    """The last one that is no repetition of an old snapshot, else the last one."""
    ticks = list(TickRow.objects.newest(row, LAST_ROWS).rows())
    sound = [tick for tick in ticks if not tick.flags & (BACKWARD | STALE)]
    return (sound or ticks)[-1] if ticks else None
