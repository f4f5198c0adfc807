"""Files of rolls and of settlement prices as rows, every cell judged by itself; what they mean together comes later."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from math import isfinite
from pathlib import Path
from typing import Any, Generic, TypeVar

from marketdata.domain.codes import InstrumentCode, parse_code
from marketdata.domain.instrument import InstrumentKind
from marketdata.importers.bar_file import check_header, read_bytes, read_table
from marketdata.importers.refusals import Refusals
from quantsite.common.errors import RuleError

Row = TypeVar("Row")
Cells = Mapping[str, Any]

ROLL_REQUIRED = ("continuous", "trading_day", "from", "to", "old_close", "new_close")
ROLL_COLUMNS = (*ROLL_REQUIRED, "closes_day", "old_open", "new_open")
SETTLEMENT_REQUIRED = ("instrument", "trading_day", "settlement")
SETTLEMENT_COLUMNS = (*SETTLEMENT_REQUIRED, "pre_settlement", "upper_limit", "lower_limit")

SPLICE_KEYS = ("date", "from", "to", "oldclse", "newclose")
"""Of WonderTrader's list of main contracts: its date is the first trading day of the new contract, its two closes are
those of that very day (measured against recorded bars, see docs/marketdata.md)."""


@dataclass(frozen=True)
class RollRow:
    """One roll of the file. ``closes_day`` is ``None`` where the file leaves it to the rule: the day before."""

    line: int
    series: InstrumentCode
    trading_day: date
    old: InstrumentCode
    new: InstrumentCode
    old_close: float
    new_close: float
    closes_day: date | None = None
    old_open: float | None = None
    new_open: float | None = None


@dataclass(frozen=True)
class SettlementRow:
    """One settlement of the file; ``None`` where it does not tell."""

    line: int
    code: InstrumentCode
    trading_day: date
    settlement_price: float
    pre_settlement: float | None
    upper_limit: float | None
    lower_limit: float | None


@dataclass
class DailyFile(Generic[Row]):
    """The sound rows of a file in its order, and the refused ones."""

    name: str
    sha256: str
    rows: list[Row] = field(default_factory=list)
    refusals: Refusals = field(default_factory=lambda: Refusals(""))

    @property
    def rows_read(self) -> int:
        """Rows in the file, sound or not."""
        return len(self.rows) + len(self.refusals)


def read_rolls(path: Path) -> DailyFile[RollRow]:
    """A CSV or Parquet table of rolls, or WonderTrader's JSON of main contracts.

    Raises :class:`RuleError` ``unreadable_file`` or ``invalid_header``; rows that make no sense become refusals.
    """
    data, sha256 = read_bytes(path)
    if data.lstrip()[:1] != b"{":
        return _read(path, "rolls", ROLL_REQUIRED, ROLL_COLUMNS, _roll)
    file = DailyFile[RollRow](path.name, sha256, refusals=Refusals(path.name))
    for line, exchange, product, entry in _entries(path, data):
        _take(file, line, {"exchange": exchange, "product": product, **entry}, _splice)
    return file


def read_settlements(path: Path) -> DailyFile[SettlementRow]:
    """A CSV or Parquet table of settlement prices. Raises as :func:`read_rolls` does."""
    return _read(path, "settlements", SETTLEMENT_REQUIRED, SETTLEMENT_COLUMNS, _settlement)


def _read(
    path: Path, what: str, required: Sequence[str], known: Sequence[str], make: Callable[[int, Cells], Row]
) -> DailyFile[Row]:
    raw = read_table(path, what)
    check_header(path.name, raw.table.column_names, required, known)
    file = DailyFile[Row](path.name, raw.sha256, refusals=Refusals(path.name))
    for line, text in raw.broken.items():
        file.refusals.add(line, raw.broken_reason(text))
    for line, cells in zip(raw.lines.tolist(), raw.table.to_pylist(), strict=True):
        _take(file, line, cells, make)
    return file


def _take(file: DailyFile[Row], line: int, cells: Cells, make: Callable[[int, Cells], Row]) -> None:
    try:
        file.rows.append(make(line, cells))
    except RuleError as error:
        file.refusals.add(line, error.text)


def _roll(line: int, cells: Cells) -> RollRow:
    closes = cells.get("closes_day")
    return RollRow(
        line=line,
        series=parse_code(_text(cells, "continuous")),
        trading_day=_day(cells, "trading_day"),
        old=parse_code(_text(cells, "from")),
        new=parse_code(_text(cells, "to")),
        old_close=_price(cells, "old_close"),
        new_close=_price(cells, "new_close"),
        closes_day=None if closes in (None, "") else _day(cells, "closes_day"),
        old_open=_optional(cells, "old_open"),
        new_open=_optional(cells, "new_open"),
    )


def _splice(line: int, cells: Cells) -> RollRow:
    exchange, product = cells["exchange"], cells["product"]
    missing = [key for key in SPLICE_KEYS if key not in cells]
    if missing:
        raise RuleError("invalid_row", f"{exchange} {product}: {', '.join(missing)} is missing")
    day = _day(cells, "date")
    return RollRow(
        line=line,
        series=InstrumentCode(f"{product}88", exchange, product, InstrumentKind.CONTINUOUS, series="88"),
        trading_day=day,
        old=parse_code(f"{_text(cells, 'from')}.{exchange}"),
        new=parse_code(f"{_text(cells, 'to')}.{exchange}"),
        old_close=_price(cells, "oldclse"),
        new_close=_price(cells, "newclose"),
        closes_day=day,
    )


def _settlement(line: int, cells: Cells) -> SettlementRow:
    row = SettlementRow(
        line=line,
        code=parse_code(_text(cells, "instrument")),
        trading_day=_day(cells, "trading_day"),
        settlement_price=_price(cells, "settlement"),
        pre_settlement=_optional(cells, "pre_settlement"),
        upper_limit=_optional(cells, "upper_limit"),
        lower_limit=_optional(cells, "lower_limit"),
    )
    if row.upper_limit is not None and row.lower_limit is not None and row.lower_limit >= row.upper_limit:
        raise RuleError(
            "invalid_row", f"lower_limit {row.lower_limit:.12g} is not below upper_limit {row.upper_limit:.12g}"
        )
    return row


def _entries(path: Path, data: bytes) -> Iterator[tuple[int, str, str, dict[str, Any]]]:
    """Line, exchange, product and keys of every roll. Raises :class:`RuleError` ``unreadable_file``."""
    try:
        document = json.loads(data)
        found = [
            (exchange, product, dict(entry))
            for exchange, products in document.items()
            for product, entries in products.items()
            for entry in entries
        ]
    except (ValueError, TypeError, AttributeError) as error:
        text = f"{path} is no list of main contracts (exchange, product, rolls with {', '.join(SPLICE_KEYS)}): {error}."
        raise RuleError("unreadable_file", text) from error
    lines = [number for number, text in enumerate(data.splitlines(), start=1) if b'"date"' in text]
    if len(lines) != len(found):  # written on one line, or without some dates: count entries instead
        lines = list(range(1, len(found) + 1))
    return ((line, *entry) for line, entry in zip(lines, found, strict=True))


def _text(cells: Cells, name: str) -> str:
    value = cells.get(name)
    if value is None or not str(value).strip():
        raise RuleError("invalid_row", f"{name} is empty")
    return str(value).strip()


def _day(cells: Cells, name: str) -> date:
    value = cells.get(name)
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    text = _text(cells, name)
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise RuleError("invalid_row", f"{name} {text!r} is no date: write YYYY-MM-DD") from None


def _optional(cells: Cells, name: str) -> float | None:
    value = cells.get(name)
    unknown = value is None or value == "" or value != value  # noqa: PLR0124 - Parquet writes NaN for unknown
    return None if unknown else _price(cells, name)


def _price(cells: Cells, name: str) -> float:
    text = _text(cells, name)
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not isfinite(value):
        raise RuleError("invalid_row", f"{name} {text!r} is no finite number")
    if value <= 0:
        raise RuleError("invalid_row", f"{name} {value:.12g} is not above 0")
    return value
