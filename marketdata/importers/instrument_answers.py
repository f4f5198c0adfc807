"""What a broker answers to ``ReqQryInstrument`` into the table of instruments: futures of known products."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

import structlog

from marketdata.importers.instrument_file import InstrumentFile, take_row
from marketdata.importers.refusals import Refusals
from marketdata.instrument_store import InstrumentCounts, store_instruments

log = structlog.get_logger(__name__)

NAME = "ReqQryInstrument"
_TOLD: set[str] = set()
"""Why rows were left out, as far as this process has said so: a broker tells the same every day."""


def store_answers(rows: Iterable[Mapping[str, Any]], day: date) -> InstrumentCounts:
    """Create or update the instruments of an answer on a trading day; their dated margin rates stay as they are.

    Rows are dicts by CTP's names, missing doubles None. What is left out is logged once for each reason.
    """
    file, seen = InstrumentFile(NAME, "", refusals=Refusals(NAME)), dict[str, int]()
    for number, row in enumerate(rows, 1):
        take_row(file, number, {name: _text(value) for name, value in row.items()}, seen)
    counts = store_instruments(file, day, margins=False)
    reasons = {refusal.reason for refusal in file.refusals} - _TOLD
    if reasons:
        _TOLD.update(reasons)
        log.warning("instruments left out", reasons=sorted(reasons)[:20], kinds=len(reasons), rows=len(file.refusals))
    log.info("instruments told", read=counts.rows_read, created=counts.created, updated=counts.updated)
    return counts


def _text(value: Any) -> str:
    """As a cell of a file: what is missing is empty."""
    return "" if value is None else str(value)
