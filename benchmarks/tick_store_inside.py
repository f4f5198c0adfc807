"""The measurement of ``tick_store.py`` on the database that the environment names."""

import statistics
import time
from collections.abc import Iterator, Sequence
from datetime import date

import msgspec

from benchmarks import ready  # noqa: F401  (before any model)

# isort: split
from django.core.management import call_command
from django.db import connection

from benchmarks.figures import Figure, best_seconds, show
from benchmarks.recorded_ticks import recorded_ticks
from marketdata.domain.ticks import BarMessage, Tick, encode, frame
from marketdata.instruments import ensure_instrument
from marketdata.models import Instrument
from marketdata.recording.bars import store_bars
from marketdata.recording.source import SourceRecorder
from marketdata.streams.frames import Frame
from marketdata.streams.local import LocalSink
from marketdata.ticks.models import Tick as TickRow
from marketdata.ticks.store import insert_messages
from quantsite.common.times import NS_PER_MINUTE

BATCH = 20_000
BATCHES = 10
PRODUCTS = ("rb", "hc", "cu", "al", "zn", "pb", "ni", "sn", "ru", "bu")
CODES = [f"{product}24{month:02d}.SHFE" for product in PRODUCTS for month in range(1, 11)]
FRAME = 500
BARS = 700
MINUTES = 20


def figures() -> Iterator[Figure]:
    """Ticks a second in, new and known ones, and through the recorder; 700 bars that close together; a day out."""
    call_command("migrate", verbosity=0)
    vendor = connection.vendor
    keys = {code: ensure_instrument(code, date(2024, 1, 2)).pk for code in CODES}
    batches = mixed_batches()
    half = [[later(tick) if number % 2 else tick for number, tick in enumerate(batch)] for batch in batches]
    for name, work in (("new", batches), ("half_known", half), ("all_known", batches)):
        taken = [seconds_of(batch, keys) for batch in work]
        yield Figure(f"ticks.store_{name}.{vendor}.rate", BATCH / statistics.median(taken), "ticks/s")
    yield from _recorder(vendor)
    yield from _bars(vendor, keys)
    instrument = Instrument.objects.get(code=CODES[0])
    rows = len(TickRow.objects.series(instrument))
    seconds = best_seconds(lambda: TickRow.objects.series(instrument))
    yield Figure(f"ticks.read.{vendor}.rate", rows / seconds, "ticks/s")


def mixed_batches() -> list[list[Tick]]:
    """A second of the busiest market, again and again: recorded ticks under many names, side by side."""
    recorded = recorded_ticks(BATCH * BATCHES // len(CODES))
    series = [
        [msgspec.structs.replace(tick, instrument=code, seq=number) for number, tick in enumerate(recorded)]
        for code in CODES
    ]
    flat = [tick for row in zip(*series, strict=True) for tick in row]
    return [flat[first : first + BATCH] for first in range(0, len(flat), BATCH)]


def later(tick: Tick) -> Tick:
    """The same tick under a number that is not stored."""
    return msgspec.structs.replace(tick, seq=tick.seq + 1_000_000)


def seconds_of(batch: Sequence[Tick], keys: dict[str, int]) -> float:
    """One batch, one transaction."""
    began = time.perf_counter()
    insert_messages(batch, keys)
    return time.perf_counter() - began


def _recorder(vendor: str) -> Iterator[Figure]:
    """Frames of the stream to rows, with all that the recorder checks and keeps."""
    sink, number = LocalSink("bench", 1), 0
    for batch in mixed_batches():
        live = [msgspec.structs.replace(tick, seq=(1 << 32) + tick.seq, received=0) for tick in batch]
        for first in range(0, len(live), FRAME):
            number += 1
            sink.write([Frame(number, frame(map(encode, live[first : first + FRAME])), FRAME, 0.0)])
    recorder, began = SourceRecorder("bench"), time.perf_counter()
    while (read := recorder.read()).frames:
        recorder.store(read)
    yield Figure(f"ticks.recorder.{vendor}.rate", BATCH * BATCHES / (time.perf_counter() - began), "ticks/s")


def _bars(vendor: str, keys: dict[str, int]) -> Iterator[Figure]:
    """As many bars as the market has contracts, minute after minute."""
    sample = BarMessage("", "1m", 0, 19_724, 4000.0, 4002.0, 3999.0, 4001.0, 20, 8e5, 1e6)
    taken = []
    places = [(code, minutes) for minutes in ("1m", "3m", "5m", "15m", "30m", "1h", "2h") for code in CODES][:BARS]
    for minute in range(MINUTES):
        start = 1_704_157_200_000_000_000 + minute * NS_PER_MINUTE
        bars = [msgspec.structs.replace(sample, instrument=code, interval=name, start=start) for code, name in places]
        began = time.perf_counter()
        store_bars(bars, keys)
        taken.append(time.perf_counter() - began)
    yield Figure(f"bars.close_together.{vendor}.milliseconds", 1e3 * statistics.median(taken), f"ms for {BARS} bars")


if __name__ == "__main__":
    show(figures())
