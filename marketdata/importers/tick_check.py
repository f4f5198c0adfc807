"""From the records of a file to the ticks of instruments, numbered within each trading day in the order of the file."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from marketdata.domain.bars import LongColumn
from marketdata.domain.contract import Contract
from marketdata.domain.normalise import Normaliser
from marketdata.domain.tick_series import TickSeries
from marketdata.domain.ticks import BACKWARD, OUTSIDE, STALE, Tick
from marketdata.importers.tick_file import TickTable
from quantsite.common.errors import RuleError

EVERY_FLAG = OUTSIDE | STALE | BACKWARD
NS_PER_MICROSECOND = 1_000
"""Databases keep no less: what was received is cut to it, so that a second import finds the same."""


@dataclass(frozen=True)
class FileTicks:
    """The ticks of one instrument in the order of (trading day, number); ``lines`` says where each one stands."""

    contract: Contract
    series: TickSeries
    lines: LongColumn


def file_ticks(table: TickTable, contracts: Mapping[str, Contract]) -> list[FileTicks]:
    """The ticks of each instrument of a file, by its symbol in ``contracts``.

    Rows that are no tick of the calendar, and numbers (``Seq``) that do not ascend, become refusals of ``table``.
    """
    normaliser = Normaliser(contracts)
    found: dict[str, tuple[list[Tick], list[int]]] = {symbol: ([], []) for symbol in contracts}
    refused = set(table.refusals.by_line)
    for row, (line, raw) in enumerate(zip(table.lines.tolist(), table.raw_ticks(), strict=True)):
        if line in refused:
            continue
        try:
            tick = normaliser.tick(raw)
        except RuleError as error:
            table.refusals.add(line, error.text)
            continue
        if tick is not None:
            ticks, rows = found[raw.instrument_id]
            ticks.append(tick)
            rows.append(row)
    return [_numbered(table, contracts[symbol], *of_one) for symbol, of_one in found.items() if of_one[0]]


def _numbered(table: TickTable, contract: Contract, ticks: list[Tick], rows: list[int]) -> FileTicks:
    """The ticks with the numbers, times of receipt and flags that the file has of us, sorted."""
    series, at = TickSeries.of(contract.code, ticks), np.array(rows, dtype=np.int64)
    ours = {name: column[at] for name, column in table.ours.items()}
    if "Seq" in ours:
        series = replace(series, seq=ours["Seq"])
    if "Received" in ours:
        series = replace(series, received=ours["Received"] // NS_PER_MICROSECOND * NS_PER_MICROSECOND)
    if "Flags" in ours:
        series = replace(series, flags=ours["Flags"])
    lines = table.lines[at]
    unknown = np.flatnonzero(series.flags > EVERY_FLAG)
    table.refusals.add_all(unknown, lines, lambda row: f"Flags {series.flags[row]} is more than {EVERY_FLAG}")
    order = np.lexsort((series.seq, series.trading_day))
    series, lines = series.take(order), lines[order]
    again = np.flatnonzero((np.diff(series.seq) == 0) & (np.diff(series.trading_day) == 0)) + 1
    table.refusals.add_all(
        again, lines, lambda row: f"Seq {series.seq[row]} stands in line {lines[row - 1]} already, of the same day"
    )
    return FileTicks(contract, series, lines)
