"""Daily returns for the value at risk, read by a thread of their own: an account's loop never waits for them.

One memory a process: many accounts hold the same contracts.
"""

import threading
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import structlog
from django.db import connection

from marketdata.daily_returns import daily_returns, days_before
from marketdata.domain.bars import FloatColumn
from marketdata.domain.calendar import TradingCalendar

log = structlog.get_logger(__name__)

AGAIN_SECONDS = 600.0
"""Bars may be imported while the day runs: so often they are read anew."""

Wanted = tuple[str, date, int]
"""Instrument, the trading day before which the history ends, and how many returns."""


class ReturnHistory:
    """What has been read; asking for more has it read soon."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[Wanted, tuple[float, FloatColumn]] = {}
        self._asked: set[Wanted] = set()
        self._reader = ThreadPoolExecutor(1, "daily returns")

    def returns(
        self, codes: Iterable[str], calendar: TradingCalendar, day: date, days: int
    ) -> Mapping[str, FloatColumn] | None:
        """The returns of the ``days`` trading days before ``day`` by instrument; None until all have been read once."""
        found = {code: self._column((code, day, days), calendar) for code in codes}
        known = {code: column for code, column in found.items() if column is not None}
        return known if len(known) == len(found) else None

    def wait(self) -> None:
        """Until everything that was asked for has been read."""
        self._reader.submit(lambda: None).result()

    def _column(self, wanted: Wanted, calendar: TradingCalendar) -> FloatColumn | None:
        with self._lock:
            read_at, column = self._known.get(wanted, (0.0, None))
            if (column is None or time.monotonic() - read_at > AGAIN_SECONDS) and wanted not in self._asked:
                self._asked.add(wanted)
                self._reader.submit(self._read, wanted, calendar)
        return column

    def _read(self, wanted: Wanted, calendar: TradingCalendar) -> None:
        code, day, count = wanted
        try:
            column = daily_returns(code, days_before(calendar, day, count + 1))
            with self._lock:
                now = time.monotonic()
                self._known = {key: value for key, value in self._known.items() if now - value[0] < 2 * AGAIN_SECONDS}
                self._known[wanted] = now, column
        except Exception:  # asked for again with the next figures
            log.exception("daily returns not read", instrument=code, day=day.isoformat())
        finally:
            with self._lock:
                self._asked.discard(wanted)
            connection.close()


HISTORY = ReturnHistory()
