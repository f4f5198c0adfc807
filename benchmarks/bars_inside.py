"""The measurement of ``bars.py`` on the database that the environment names."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks import ready  # noqa: F401  (before any model)

# isort: split
import pyarrow.parquet
from django.conf import settings
from django.core.management import call_command
from django.db import connection, transaction

from benchmarks.figures import Figure, best_seconds, show
from benchmarks.walk import CODE, random_walk
from marketdata import series_cache
from marketdata.bar_formats import bar_table
from marketdata.bar_store import insert, refresh
from marketdata.column_files import write_table
from marketdata.instruments import ensure_instrument
from marketdata.locks import lock_bars
from marketdata.models import Bar, Instrument
from quantsite.common.times import ns_to_utc

BARS = 1_000_000
INTERVAL = "1m"


def figures() -> Iterator[Figure]:
    """Rows a second in; seconds and rows a second out: all, one day, the newest 500, and all through the cache."""
    call_command("migrate", verbosity=0)
    vendor, bars = connection.vendor, random_walk(BARS)
    instrument = ensure_instrument(CODE, ns_to_utc(int(bars.start[0])).date())
    began = time.perf_counter()
    with transaction.atomic():
        coverage = lock_bars(instrument, INTERVAL)
        insert(bars, coverage)
        refresh(coverage)
    seconds = time.perf_counter() - began
    yield Figure(f"bars.write.{vendor}.rate", BARS / seconds, "bars/s")

    seconds = best_seconds(lambda: Bar.objects.series(instrument, INTERVAL))
    yield Figure(f"bars.read_all.{vendor}.seconds", seconds, "s")
    yield Figure(f"bars.read_all.{vendor}.rate", BARS / seconds, "bars/s")
    day = ns_to_utc(int(bars.start[BARS // 2])).date()
    seconds = best_seconds(lambda: Bar.objects.series(instrument, INTERVAL, day, day))
    yield Figure(f"bars.read_day.{vendor}.seconds", seconds, "s")
    seconds = best_seconds(lambda: Bar.objects.newest(instrument, INTERVAL, 500))
    yield Figure(f"bars.read_newest_500.{vendor}.seconds", seconds, "s")

    file = Path(settings.VAR_DIR) / "bars.parquet"
    write_table(bar_table(bars), file)
    yield Figure("bars.parquet.bytes_a_bar", file.stat().st_size / BARS, "bytes")
    yield Figure("bars.read_all.parquet.seconds", best_seconds(lambda: _from_parquet(file)), "s")

    began = time.perf_counter()
    series_cache.load(instrument, INTERVAL)
    yield Figure(f"bars.cache_fill.{vendor}.seconds", time.perf_counter() - began, "s")
    yield Figure(f"bars.cache_open.{vendor}.seconds", best_seconds(lambda: _opened(instrument)), "s")
    seconds = best_seconds(lambda: series_cache.load(instrument, INTERVAL))
    yield Figure(f"bars.cache_again.{vendor}.seconds", seconds, "s")


def _from_parquet(file: Path) -> list[Any]:
    """Every column of the file as a numpy array."""
    table = pyarrow.parquet.read_table(file, memory_map=True)
    return [column.to_numpy() for column in table.columns]


def _opened(instrument: Instrument) -> None:
    """What the first load of a new process does: find the file, map it, check it."""
    series_cache.forget()
    series_cache.load(instrument, INTERVAL)


if __name__ == "__main__":
    show(figures())
