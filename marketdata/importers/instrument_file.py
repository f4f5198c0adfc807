"""CSV files of instruments with the field names of CTP (``CThostFtdcInstrumentField``)."""

import csv
import hashlib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from math import isfinite
from pathlib import Path
from typing import TypeVar

from marketdata.domain.codes import InstrumentCode, parse_code
from marketdata.importers.refusals import Refusals
from quantsite.common.errors import RuleError

T = TypeVar("T")

FUTURES_CLASS = "1"
CLASS_NAMES = {"2": "options", "3": "combinations", "4": "spot", "5": "exchange for physicals", "6": "spot options"}
"""``TThostFtdcProductClassType``: what is left out, for its notice."""

REQUIRED = ("InstrumentID", "ExchangeID", "ProductID", "ProductClass", "DeliveryYear", "DeliveryMonth",
            "VolumeMultiple", "PriceTick")  # fmt: skip

NO_NUMBER = 1e300
"""CTP fills unknown numbers with DBL_MAX, printed in more or fewer digits."""


@dataclass(frozen=True)
class InstrumentRow:
    """One futures contract of the file; what the file does not tell is ``None``."""

    line: int
    code: InstrumentCode
    name: str
    year: int
    month: int
    multiplier: float
    price_tick: float
    listed: date | None
    expires: date | None
    long_margin: float | None
    short_margin: float | None
    max_margin_side: bool
    volumes: Mapping[str, int | None]
    """Smallest and largest orders, by the names of the columns of ``Instrument``."""


@dataclass
class InstrumentFile:
    """The futures of one file, rows that break a rule, and how many rows of other classes were left out."""

    name: str
    sha256: str
    rows: list[InstrumentRow] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    refusals: Refusals = field(default_factory=lambda: Refusals(""))


def read_instrument_file(path: Path) -> InstrumentFile:
    """Read the file. Raises :class:`RuleError` ``unreadable_file`` or ``invalid_header``; bad rows become refusals."""
    try:
        raw = path.read_bytes()
        text = raw.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise RuleError("unreadable_file", f"{path} cannot be read: {reason}.") from error
    reader = csv.DictReader(text.splitlines())
    missing = [name for name in REQUIRED if name not in (reader.fieldnames or ())]
    if missing:
        text = f"{path.name}: the columns {', '.join(missing)} are missing: CTP's field names are expected."
        raise RuleError("invalid_header", text)
    result = InstrumentFile(path.name, hashlib.sha256(raw).hexdigest(), refusals=Refusals(path.name))
    seen: dict[str, int] = {}
    for cells in reader:
        take_row(result, reader.line_num, cells, seen)
    return result


def take_row(result: InstrumentFile, line: int, cells: Mapping[str, str], seen: dict[str, int]) -> None:
    """Take one row in, or refuse it; ``seen`` are the codes of the rows before, with their lines."""
    kind = (cells.get("ProductClass") or "").strip()
    if kind in CLASS_NAMES:
        result.left_out[CLASS_NAMES[kind]] += 1
        return
    try:
        row = _row(line, cells, kind)
    except RuleError as error:
        if error.code == "unsupported_instrument":
            result.left_out["options"] += 1
        else:
            result.refusals.add(line, error.text)
        return
    first = seen.setdefault(row.code.code, line)
    if first != line:
        result.refusals.add(line, f"{row.code.code} stands in line {first} already")
        return
    result.rows.append(row)


def _row(line: int, cells: Mapping[str, str], kind: str) -> InstrumentRow:
    if None in cells or None in cells.values():
        raise RuleError("invalid_row", "the number of cells differs from the header's")
    if kind != FUTURES_CLASS:
        raise RuleError("invalid_row", f"ProductClass {kind!r} is unknown")
    code = parse_code(f"{cells['InstrumentID'].strip()}.{cells['ExchangeID'].strip()}")
    year, month = _number(cells, "DeliveryYear", int), _number(cells, "DeliveryMonth", int)
    told = code.year if code.year is not None else year - (year - int(code.symbol[len(code.product)])) % 10
    if (told, code.month) != (year, month):
        raise RuleError(
            "invalid_row", f"DeliveryYear and DeliveryMonth {year}-{month} contradict the code {code.symbol}"
        )
    row = InstrumentRow(
        line=line,
        code=code,
        name=cells.get("InstrumentName", "").strip(),
        year=year,
        month=month,
        multiplier=_number(cells, "VolumeMultiple", float),
        price_tick=_number(cells, "PriceTick", float),
        listed=_day(cells, "OpenDate"),
        expires=_day(cells, "ExpireDate"),
        long_margin=_ratio(cells, "LongMarginRatio"),
        short_margin=_ratio(cells, "ShortMarginRatio"),
        max_margin_side=cells.get("MaxMarginSideAlgorithm", "").strip() == "1",
        volumes={
            "min_limit_volume": _volume(cells, "MinLimitOrderVolume") or 1,
            "max_limit_volume": _volume(cells, "MaxLimitOrderVolume"),
            "min_market_volume": _volume(cells, "MinMarketOrderVolume") or 1,
            "max_market_volume": _volume(cells, "MaxMarketOrderVolume"),
        },
    )
    return _checked(row)


def _checked(row: InstrumentRow) -> InstrumentRow:
    if row.multiplier <= 0 or row.price_tick <= 0:
        raise RuleError("invalid_row", "VolumeMultiple and PriceTick must be above 0")
    if row.listed and row.expires and row.listed > row.expires:
        raise RuleError("invalid_row", f"OpenDate {row.listed} lies after ExpireDate {row.expires}")
    return row


def _number(cells: Mapping[str, str], name: str, kind: Callable[[str], T]) -> T:
    text = cells[name].strip()
    try:
        value = kind(text)
    except ValueError:
        value = None
    if value is None or not isfinite(value) or abs(value) > NO_NUMBER:  # type: ignore[arg-type]
        raise RuleError("invalid_row", f"{name} {text!r} is no number")
    return value


def _ratio(cells: Mapping[str, str], name: str) -> float | None:
    """A margin rate, ``None`` where the file has none or the DBL_MAX that stands for it."""
    if not cells.get(name, "").strip():
        return None
    try:
        value = float(cells[name])
    except ValueError:
        raise RuleError("invalid_row", f"{name} {cells[name]!r} is no number") from None
    if value > NO_NUMBER:
        return None
    if not 0 <= value <= 1:
        raise RuleError("invalid_row", f"{name} {cells[name]} is no fraction between 0 and 1")
    return value


def _volume(cells: Mapping[str, str], name: str) -> int | None:
    """A number of lots; 0 and an absent column mean no limit is known."""
    text = cells.get(name, "").strip()
    if not text:
        return None
    if not text.isdecimal():
        raise RuleError("invalid_row", f"{name} {text!r} is no number of lots")
    return int(text) or None


def _day(cells: Mapping[str, str], name: str) -> date | None:
    text = cells.get(name, "").strip()
    if not text:
        return None
    try:
        return datetime.strptime(text, "%Y%m%d").date()  # noqa: DTZ007 - a date has no zone
    except ValueError:
        raise RuleError("invalid_row", f"{name} {text!r} is no date: CTP writes YYYYMMDD") from None
