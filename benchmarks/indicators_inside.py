"""The measurement of ``indicators.py`` on the database that the environment names."""

import secrets
import time
from collections.abc import Callable, Iterator
from functools import partial
from http import HTTPStatus
from statistics import median
from typing import Any

from benchmarks import ready  # noqa: F401  (before any model)

# isort: split
from django.core.management import call_command
from django.db import connection, transaction

from accounts.models import User
from benchmarks.figures import Figure, best_seconds, show
from benchmarks.walk import CODE, random_walk
from marketdata import series_cache
from marketdata.bar_store import insert, refresh
from marketdata.domain.indicator_parameters import parsed_parameters
from marketdata.domain.indicator_values import compute
from marketdata.domain.live_indicator import LiveIndicator
from marketdata.domain.talib_catalogue import catalogue
from marketdata.domain.ticks import BarMessage
from marketdata.instruments import ensure_instrument
from marketdata.locks import lock_bars
from marketdata.models import BarCoverage, Instrument
from marketdata.services import calculate_indicators, get_kline_data
from quantsite.common.times import ns_to_utc
from quantsite.testing.cast import client_of

BARS = 330_000
SHOWN = 5_000
CASES = (("macd", "1m"), ("macd", "5m"), ("ht_sine", "1m"), ("obv", "1m"), ("macd", "1d"))


def figures() -> Iterator[Figure]:
    """Seconds of the verbs and of the API; microseconds of a live value."""
    vendor = _stored()
    work: Callable[[], object]
    yield Figure("indicators.catalogue.seconds", _once(catalogue), "s")
    for interval in ("1m", "15m", "1d"):
        work = partial(get_kline_data, None, CODE, interval, limit=SHOWN)
        yield Figure(f"klines.{interval}.rows.{vendor}.seconds", best_seconds(partial(_changed, work)), "s")
        yield Figure(f"klines.{interval}.mapped.{vendor}.seconds", best_seconds(partial(_mapped, work)), "s")
    for name, interval in CASES:
        work = partial(calculate_indicators, None, CODE, interval, name, limit=SHOWN)
        label = f"indicators.{name}.{interval}"
        yield Figure(f"{label}.rows.{vendor}.seconds", best_seconds(partial(_changed, work)), "s")
        yield Figure(f"{label}.mapped.{vendor}.seconds", best_seconds(partial(_mapped, work)), "s")
    client = client_of(User.objects.create_superuser("bench", password=secrets.token_urlsafe()))
    for layout in ("columns", "rows"):
        work = partial(_asked, client, layout)
        yield Figure(f"indicators.api.{layout}.{vendor}.seconds", best_seconds(partial(_changed, work)), "s")
    yield from _computing()


def _stored() -> str:
    call_command("migrate", verbosity=0)
    bars = random_walk(BARS)
    instrument = ensure_instrument(CODE, ns_to_utc(int(bars.start[0])).date())
    with transaction.atomic():
        coverage = lock_bars(instrument, "1m")
        insert(bars, coverage)
        refresh(coverage)
    return connection.vendor


def _computing() -> Iterator[Figure]:
    """All functions over so many bars, and their values on a forming bar."""
    bars = random_walk(SHOWN)
    row = next(bars.take(slice(-1, None)).rows())
    prices = (row.open, row.high, row.low, row.close)
    forming = BarMessage(CODE, "1m", row.start, row.trading_day, *prices, int(row.volume), row.turnover, 0.0)
    entries = [(entry, parsed_parameters(entry, {})) for entry in catalogue().values()]
    yield Figure("indicators.all.seconds", best_seconds(lambda: [compute(*case, bars) for case in entries]), "s")
    taken = []
    for entry, values in entries:
        live = LiveIndicator(entry, values)
        live.warm(bars.take(slice(0, -1)))
        taken.append(best_seconds(partial(live.value, forming), rounds=50) * 1e6)
    yield Figure("indicators.live.median", median(taken), "us")
    yield Figure("indicators.live.slowest", max(taken), "us")


def _changed(work: Callable[[], object]) -> None:
    """As while a recorder writes: the file of the series is not current."""
    BarCoverage.objects.update(data_hash="")
    work()


def _mapped(work: Callable[[], object]) -> None:
    """As with a series that does not change; the first round maps its file."""
    series_cache.load(Instrument.objects.get(code=CODE), "1m")
    work()


def _asked(client: Any, layout: str) -> None:
    """The API, as a page asks it."""
    path = f"/api/v1/indicators/?instrument={CODE}&interval=1m&name=macd&limit={SHOWN}&layout={layout}"
    answer = client.get(path, HTTP_HOST="localhost", secure=True)
    if answer.status_code != HTTPStatus.OK:
        raise RuntimeError(answer.content)


def _once(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    show(figures())
