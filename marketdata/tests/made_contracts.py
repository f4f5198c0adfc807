"""Made-up bars of contracts for tests of main contracts: a price, a volume and an open interest a day."""

from collections.abc import Mapping
from datetime import UTC, date, datetime

import numpy as np
from django.db import transaction

from marketdata import bar_store
from marketdata.domain.bars import BarSeries
from marketdata.domain.intervals import parse_interval
from marketdata.instruments import ensure_instrument, session_table
from marketdata.locks import lock_bars
from marketdata.models import Instrument

Days = Mapping[date, tuple[float, float, float]]
"""Trading day -> first price, volume and open interest (lots)."""

AFTERWARDS = datetime(2024, 6, 3, 10, 0, tzinfo=UTC)
"""When all of these days are over."""

MON, TUE, WED, THU, FRI = (date(2024, 3, 18 + number) for number in range(5))


def day_bars(code: str, interval: str, days: Days) -> BarSeries:
    """Bars over the whole grid of each day: the price rises by 1 a bar, the last one has the volume."""
    table = session_table(ensure_instrument(code, min(days)).product)
    parts = []
    for day, (price, volume, interest) in sorted(days.items()):
        starts, numbers = table.grid_between(day, day, parse_interval(interval))
        close = price + np.arange(len(starts))
        volumes = np.zeros(len(starts))
        volumes[-1] = volume
        held = np.full(len(starts), interest)
        parts.append((starts, numbers, close, close + 2, close - 1, close + 1, volumes, volumes * close * 10, held))
    return BarSeries(code, interval, *(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def store_days(code: str, days: Days, *intervals: str) -> Instrument:
    """Store such bars of a contract, of daily bars if nothing else is said."""
    row = ensure_instrument(code, min(days))
    for interval in intervals or ("1d",):
        with transaction.atomic():
            coverage = lock_bars(row, interval)
            bar_store.insert(day_bars(code, interval, days), coverage)
            bar_store.refresh(coverage)
    return row


def store_roll(*intervals: str) -> None:
    """Steel in five days of March 2024: on Wednesday's figures rb2410 overtakes rb2405."""
    near = {MON: (1_000.0, 900.0), TUE: (950.0, 800.0), WED: (900.0, 700.0), THU: (800.0, 600.0), FRI: (700.0, 500.0)}
    far = {MON: (500.0, 300.0), TUE: (900.0, 750.0), WED: (991.0, 350.0), THU: (1_200.0, 900.0), FRI: (1_300.0, 950.0)}
    for code, price, figures in (("rb2405.SHFE", 3_700.0, near), ("rb2410.SHFE", 3_600.0, far)):
        days = {day: (price + day.day, volume, interest) for day, (interest, volume) in figures.items()}
        store_days(code, days, *intervals)
