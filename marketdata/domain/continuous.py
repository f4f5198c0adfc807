"""The continuous series that are stored: 88, the main contract day by day, and 99, the index over all contracts.

The adjusted forms of 88 are not stored: ``adjust.py`` makes them of it and its rolls whenever they are read.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from marketdata.domain.bars import PRICE_COLUMNS, VALUE_COLUMNS, BarSeries, FloatColumn, LongColumn

Table = npt.NDArray[np.float64]
"""A row a contract, a column a bar."""


@dataclass(frozen=True, slots=True)
class Spell:
    """The trading days ``first`` to ``last`` (numbers, both included) on which ``contract`` is the main one."""

    contract: str
    first: int
    last: int


def spells(decided: Sequence[tuple[int, str]], first: int, last: int) -> list[Spell]:
    """Who is the main contract from day ``first`` to day ``last``, from decisions (day number, code) in their order.

    A decision is in force until the next one, so a day on which nothing could be decided keeps the contract before
    it. Days before the first decision have none.
    """
    ends = [(day, later - 1, code) for (day, code), (later, _code) in pairwise(decided)]
    if decided:
        ends.append((decided[-1][0], last, decided[-1][1]))
    found: list[Spell] = []
    for begin, end, code in ends:
        spell = Spell(code, max(begin, first), min(end, last))
        if spell.first > spell.last:
            continue
        if found and found[-1].contract == code:
            found[-1] = replace(found[-1], last=spell.last)
        else:
            found.append(spell)
    return found


def joined(parts: Iterable[BarSeries], code: str, interval: str) -> BarSeries:
    """Series that follow one another as one, under the name ``code``; prices as they were."""
    rows = [part for part in parts if len(part)]
    if not rows:
        return BarSeries.empty(code, interval)
    columns = [
        np.concatenate([getattr(part, name) for part in rows]) for name in ("start", "trading_day", *VALUE_COLUMNS)
    ]
    return BarSeries(code, interval, *columns)


@dataclass(frozen=True, slots=True)
class Opening:
    """What is known of a contract before a trading day opens: the last close, and its open interest then (lots)."""

    close: float
    open_interest: float


def index_day(
    bars: Sequence[BarSeries], openings: Sequence[Opening | None], code: str, interval: str, trading_day: int
) -> BarSeries:
    """The index 99 on one trading day: ``bars`` and ``openings`` of each contract in the same order.

    With w_i the open interest of contract i at the close of the trading day before, each of open, high, low and close
    is ``P(t) = sum_i w_i p_i(t) / sum_i w_i``. The weights are those of the day before and stay for the day: the open
    interest of the bar itself is known only at its end, so an open or a high weighted with it would look ahead, and
    within a day the index would move with positions where no price does. A contract without a bar at t stands at its
    last close (before its first bar: that of the day before). One without an ``Opening`` (newly listed) has no weight
    on its first day. High and low are means of highs and lows, so they span what the index can have touched.

    Volume and turnover are sums over all bars (turnover NaN where one is unknown), open interest is the sum of the
    last known ones. No bars where nothing has a weight.
    """
    starts: LongColumn = np.unique(np.concatenate([part.start for part in bars])) if bars else np.empty(0, np.int64)
    weights = np.array([_weight(opening) for opening in openings])
    if not len(starts) or not weights.sum() > 0:
        return BarSeries.empty(code, interval)
    shares = weights / weights.sum()
    before = [opening.close if opening else np.nan for opening in openings]
    close = _carried(_table(bars, starts, "close"), before)
    prices = []
    for name in PRICE_COLUMNS:
        told = _table(bars, starts, name)
        prices.append(_mean(np.where(np.isnan(told), close, told), shares))
    interest = _carried(
        _table(bars, starts, "open_interest"), [opening.open_interest if opening else np.nan for opening in openings]
    )
    days = np.full(len(starts), trading_day, dtype=np.int32)
    volume = np.nansum(_table(bars, starts, "volume"), axis=0)
    sums = [volume, _sums(bars, starts, "turnover"), np.nansum(interest, axis=0)]
    return BarSeries(code, interval, starts, days, *prices, *sums)


def _weight(opening: Opening | None) -> float:
    """The open interest of the day before; nothing where it or the price is not known."""
    if opening is None or not opening.close > 0 or not opening.open_interest > 0:
        return 0.0
    return opening.open_interest


def _table(bars: Sequence[BarSeries], starts: LongColumn, name: str) -> Table:
    """A column of every contract, laid out by ``starts``; NaN where the contract has no bar."""
    table = np.full((len(bars), len(starts)), np.nan)
    for row, part in enumerate(bars):
        table[row, np.searchsorted(starts, part.start)] = getattr(part, name)
    return table


def _carried(table: Table, before: Sequence[float]) -> Table:
    """Each gap filled with what stands left of it; what precedes the first bar is ``before``."""
    whole = np.concatenate([np.array(before, dtype=np.float64)[:, None], table], axis=1)
    at = np.where(np.isnan(whole), 0, np.arange(whole.shape[1]))
    filled: Table = np.take_along_axis(whole, np.maximum.accumulate(at, axis=1), axis=1)
    return filled[:, 1:]


def _mean(table: Table, shares: FloatColumn) -> FloatColumn:
    """The weighted mean of each column; rows without a share may be NaN."""
    weighted: FloatColumn = np.where(shares[:, None] > 0, table * shares[:, None], 0.0).sum(axis=0)
    return weighted


def _sums(bars: Sequence[BarSeries], starts: LongColumn, name: str) -> FloatColumn:
    """The sums over the bars there are; NaN where a bar does not tell."""
    total = np.zeros(len(starts))
    for part in bars:
        total[np.searchsorted(starts, part.start)] += getattr(part, name)
    return total
