"""A file of fills, CSV (plain or gzip) or Parquet: every row read by itself, nothing asked of the market.

Columns ``datetime,instrument,direction,offset,price,volume``; any other column is somebody's own and is not read.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from math import isfinite
from pathlib import Path
from typing import Any, NamedTuple

from django.utils.translation import gettext as _

from marketdata.importers.bar_file import check_header, read_table
from marketdata.importers.refusals import Refusals
from quantsite.common.errors import RuleError
from quantsite.common.times import SHANGHAI_FIXED, utc_to_ns
from trading.domain.offsets import Direction, Offset

COLUMNS = ("datetime", "instrument", "direction", "offset", "price", "volume")
DIRECTIONS = {direction.name.lower(): direction for direction in Direction}
OFFSETS: dict[str, Offset | None] = {
    "open": Offset.OPEN,
    "close": Offset.CLOSE,
    "close_today": Offset.CLOSE_TODAY,
    "close_yesterday": Offset.CLOSE_YESTERDAY,
    "auto": None,
    "force_close": Offset.FORCE_CLOSE,  # what a backtest with margin calls exports
}

FIRST_YEAR, LAST_YEAR = 1971, 2261
"""Instants are int64 nanoseconds."""


class FillLine(NamedTuple):
    """One row of the file; ``at`` is ns UTC, ``offset`` ``None`` for auto, the instrument as it is written there."""

    line: int
    at: int
    instrument: str
    direction: Direction
    offset: Offset | None
    price: float
    volume: float


@dataclass(frozen=True)
class FillFile:
    """The fills of one file in the order of time, those of one moment as they stand; refusals may still join."""

    name: str
    sha256: str
    lines: tuple[FillLine, ...]
    refusals: Refusals


def read_fill_file(path: Path) -> FillFile:
    """Read a file of fills whole.

    Raises ``RuleError``: ``unreadable_file``, ``invalid_header``, ``invalid_rows`` with line, value and the remedy of
    every row that cannot be read, ``empty_file``.
    """
    raw = read_table(path, "fills")
    names = raw.table.column_names
    check_header(path.name, names, COLUMNS, COLUMNS if set(COLUMNS) - set(names) else names)
    refusals = Refusals(path.name)
    for line, text in raw.broken.items():
        refusals.add(line, raw.broken_reason(text))
    found = []
    for line, cells in zip(raw.lines.tolist(), raw.table.select(COLUMNS).to_pylist(), strict=True):
        try:
            found.append(_fill(line, cells))
        except RuleError as error:
            refusals.add(line, error.text)
    if len(refusals):
        raise refusals.error(nothing_done())
    if not found:
        raise RuleError("empty_file", _("%(file)s has no fills.") % {"file": path.name})
    return FillFile(path.name, raw.sha256, tuple(_in_time(found)), refusals)


def nothing_done() -> str:
    """What follows a list of refused rows."""
    return _("Nothing was analysed: mend these rows.")


def _in_time(fills: list[FillLine]) -> list[FillLine]:
    """The fills ascending; a file that tells the newest first is turned round, its fills of one moment too."""
    steps = [later.at - earlier.at for earlier, later in pairwise(fills)]
    newest_first = any(steps) and all(step <= 0 for step in steps)
    return sorted(reversed(fills) if newest_first else fills, key=lambda fill: fill.at)


def _fill(line: int, cells: Mapping[str, Any]) -> FillLine:
    """One row. Raises ``RuleError`` ``invalid_row`` for a cell that cannot be read."""
    return FillLine(
        line=line,
        at=_moment(cells["datetime"]),
        instrument=_text(cells, "instrument"),
        direction=_word(cells, "direction", DIRECTIONS),
        offset=_word(cells, "offset", OFFSETS),
        price=_number(cells, "price"),
        volume=_volume(cells),
    )


def _text(cells: Mapping[str, Any], name: str) -> str:
    text = "" if cells[name] is None else str(cells[name]).strip()
    if not text:
        raise RuleError("invalid_row", _("%(name)s is empty") % {"name": name})
    return text


def _moment(cell: Any) -> int:
    """The instant in ns UTC: Shanghai's clock, unless the cell names a zone itself."""
    moment = cell
    if not isinstance(cell, datetime):
        try:
            moment = datetime.fromisoformat("" if cell is None else str(cell).strip())
        except ValueError:
            text = _("datetime %(text)r is no date and time: write YYYY-MM-DD HH:MM:SS in Asia/Shanghai")
            raise RuleError("invalid_row", text % {"text": cell}) from None
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise RuleError("invalid_row", _("datetime %(text)r lies outside every trading calendar") % {"text": str(cell)})
    return utc_to_ns(moment if moment.tzinfo else moment.replace(tzinfo=SHANGHAI_FIXED))


def _word(cells: Mapping[str, Any], name: str, known: Mapping[str, Any]) -> Any:
    text = _text(cells, name)
    if text.lower() not in known:
        told = _("%(name)s %(text)r is not known: write %(known)s")
        raise RuleError("invalid_row", told % {"name": name, "text": text, "known": " | ".join(known)})
    return known[text.lower()]


def _number(cells: Mapping[str, Any], name: str) -> float:
    text = _text(cells, name)
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not isfinite(value):
        told = _("%(name)s %(text)r is no number: write it in digits, such as 3512.5")
        raise RuleError("invalid_row", told % {"name": name, "text": text})
    return value


def _volume(cells: Mapping[str, Any]) -> float:
    value = _number(cells, "volume")
    if value <= 0:
        told = _("volume %(value)g is not above 0: the direction says buy or sell, the volume how many lots")
        raise RuleError("invalid_row", told % {"value": value})
    return value
