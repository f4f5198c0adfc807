"""The verbs of what is known of trading days: import rolls, import settlement prices.

As in ``services.py``: permission first, then one transaction that ends with its audit entry.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.audit import record
from accounts.models import User
from accounts.permissions import require
from marketdata.daily_facts import RAW_SERIES, ContractRoll, DailySettlement
from marketdata.daily_store import DailyCounts, Entry, FileRow, store
from marketdata.domain.calendar import TradingCalendar
from marketdata.domain.codes import InstrumentCode, resolve
from marketdata.importers.daily_files import DailyFile, RollRow, read_rolls, read_settlements
from marketdata.instruments import ensure_instrument, trading_calendar
from marketdata.models import Instrument
from quantsite.common.errors import RuleError

AnyRow = TypeVar("AnyRow", bound=FileRow)


def import_rolls(actor: User | None, path: Path, *, replace: bool = False) -> DailyCounts:
    """Import the rolls of main-contract series from CSV, Parquet or WonderTrader's JSON; all rows or none.

    Rows stored already with the same values are left alone. Raises ``RefusedError``, and ``RuleError``:
    ``unreadable_file``, ``invalid_header``, ``invalid_rows`` with lines and reasons.
    """
    require(actor, "marketdata.add_contractroll")
    file = read_rolls(path)
    calendar = trading_calendar()

    def values(row: RollRow, _instrument: Instrument) -> dict[str, Any]:
        _check_roll(row)
        return {
            "from_contract": row.old.code,
            "to_contract": row.new.code,
            "old_close": row.old_close,
            "new_close": row.new_close,
            "closes_day": row.closes_day or calendar.previous_before(row.trading_day),
            "old_open": row.old_open,
            "new_open": row.new_open,
        }

    with transaction.atomic():
        entries = list(_entries(file, calendar, code=lambda row: row.series, values=values))
        counts = _store(ContractRoll, file, entries, replace=replace)
        for series in {instrument for _row, instrument, _values in entries}:
            counts.warnings += _broken_chains(
                series, {row.trading_day: row.line for row, of, _v in entries if of == series}
            )
        counts.warnings.sort()
        _record(actor, "rolls.import", file, counts)
    return counts


def import_settlements(actor: User | None, path: Path, *, replace: bool = False) -> DailyCounts:
    """Import settlement prices and daily limits from CSV or Parquet; all rows or none. Raises as :func:`import_rolls`.

    Prices are stored as they are: settlement prices are means and lie off the tick grid.
    """
    require(actor, "marketdata.add_dailysettlement")
    file = read_settlements(path)
    names = ("settlement_price", "pre_settlement", "upper_limit", "lower_limit")
    with transaction.atomic():
        entries = list(
            _entries(
                file,
                trading_calendar(),
                code=lambda row: row.code,
                values=lambda row, _instrument: {name: getattr(row, name) for name in names},
            )
        )
        counts = _store(DailySettlement, file, entries, replace=replace)
        counts.warnings += [
            (
                row.line,
                _("%(day)s lies after %(code)s's last trading day %(last)s")
                % {"day": row.trading_day, "code": instrument.code, "last": instrument.expires},
            )
            for row, instrument, _values in entries
            if instrument.expires is not None and row.trading_day > instrument.expires
        ]
        _record(actor, "settlements.import", file, counts)
    return counts


def _entries(
    file: DailyFile[AnyRow],
    calendar: TradingCalendar,
    *,
    code: Callable[[AnyRow], InstrumentCode],
    values: Callable[[AnyRow, Instrument], dict[str, Any]],
) -> Iterator[Entry[AnyRow]]:
    """The sound rows with their instruments, made where they are not stored; the others become refusals."""
    known: dict[tuple[str, int | None], Instrument] = {}
    for row in file.rows:
        try:
            _check_day(row.trading_day, calendar)
            key = (code(row).code, resolve(code(row), row.trading_day).year)
            if key not in known:
                known[key] = ensure_instrument(key[0], row.trading_day)
            entry = (row, known[key], values(row, known[key]))
        except RuleError as error:
            file.refusals.add(row.line, error.text)
        else:
            yield entry


def _store(model: Any, file: DailyFile[AnyRow], entries: list[Entry[AnyRow]], *, replace: bool) -> DailyCounts:
    """Compare and write. Raises ``RuleError`` ``invalid_rows`` where any row was refused."""
    counts = DailyCounts(rows_read=file.rows_read)
    store(model, entries, counts, refusals=file.refusals, replace=replace, source=file.name)
    if len(file.refusals):
        raise file.refusals.error(_("Nothing was imported."))
    return counts


def _check_day(day: date, calendar: TradingCalendar) -> None:
    if not calendar.is_trading_day(day):
        raise RuleError("not_a_trading_day", f"{day} is no trading day")


def _check_roll(row: RollRow) -> None:
    """A roll goes from one contract of its series' product to one of a later month."""
    if row.series.series != RAW_SERIES:
        text = f"{row.series.code} is no raw main-contract series: write {row.series.product}{RAW_SERIES}"
        raise RuleError("invalid_row", text)
    for contract in (row.old, row.new):
        if (contract.product, contract.exchange) != (row.series.product, row.series.exchange) or not contract.month:
            raise RuleError("invalid_row", f"{contract.code} is no contract behind {row.series.code}")
    old, new = (resolve(contract, row.trading_day) for contract in (row.old, row.new))
    if (new.year, new.month) <= (old.year, old.month):
        raise RuleError("invalid_row", f"{row.new.code} does not expire after {row.old.code}: no roll goes back")


def _broken_chains(series: Instrument, lines: dict[date, int]) -> list[tuple[int, str]]:
    """Where a roll of the file begins at another contract than the roll before it ended with, or leads to one."""
    found = []
    rows = list(ContractRoll.objects.of(series))
    for before, after in pairwise(rows):
        line = lines.get(after.trading_day) or lines.get(before.trading_day)
        if line and before.to_contract != after.from_contract:
            text = _("%(series)s rolls to %(to)s on %(first)s but from %(from)s on %(then)s")
            about = {"series": series.code, "to": before.to_contract, "from": after.from_contract}
            found.append((line, text % {**about, "first": before.trading_day, "then": after.trading_day}))
    return found


def _record(actor: User | None, verb: str, file: DailyFile[Any], counts: DailyCounts) -> None:
    about = {**asdict(counts), "warnings": len(counts.warnings)}
    record(actor, verb, file.name, after={"sha256": file.sha256, **about})
