"""The measurement of ``bars.py`` on the database that the environment names."""

import time
from collections.abc import Iterator

from benchmarks import ready  # noqa: F401  (before any model)

# isort: split
from django.core.management import call_command
from django.db import connection, transaction

from benchmarks.figures import Figure, best_seconds, show
from benchmarks.walk import CODE, random_walk
from marketdata.bar_store import insert, refresh
from marketdata.instruments import ensure_instrument
from marketdata.locks import lock_bars
from marketdata.models import Bar
from quantsite.common.times import ns_to_utc

BARS = 250_000
INTERVAL = "1m"


def figures() -> Iterator[Figure]:
    """Rows a second in, and seconds and rows a second out: the whole series, one day of it, and its newest 500 bars."""
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


if __name__ == "__main__":
    show(figures())
