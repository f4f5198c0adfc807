"""The bars of all legs as one tape for the kernel, with everything that the rules of a run say about each row.

Rows are ordered by start and, where bars start together, by leg. Made once for many runs on the same bars.
"""

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from backtests.domain import kernel_state as state
from backtests.domain.costs import CostTable
from backtests.domain.kernel import mark_locked
from backtests.domain.kernel_state import Tape
from backtests.domain.legs import Leg
from backtests.domain.rules import Rules, Sessions
from marketdata.domain.bars import BarSeries
from marketdata.domain.calendar import from_day_number, to_day_number
from quantsite.common.errors import RuleError
from quantsite.common.texts import say

Longs = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Row:
    """Where the legs' bars lie on the tape: ``of_leg[k]`` are the rows of leg ``k``, ``start`` (ns UTC) and
    ``trading_day`` (days since the epoch) are of each row.

    ``days`` are the trading days (days since the epoch), ``first`` the first row of each and the number of rows.
    """

    start: Longs
    trading_day: npt.NDArray[np.int32]
    of_leg: tuple[Longs, ...]
    days: Longs
    first: Longs


def make_tape(legs: Sequence[Leg], rules: Rules, volume: float, close_at_end: bool) -> tuple[Tape, Row]:
    """The tape of a run. Raises ``RuleError`` where trading days go back, or a rule asks for what is not known."""
    columns, start, leg, bar, trading_day, of_leg = _merged(legs)
    columns = {name: _read_only(column) for name, column in columns.items()}
    first = _first_rows(trading_day)
    rows = Row(start, trading_day, of_leg, trading_day[first[:-1]].astype(np.int64), first)
    bits = _bits(start, rows, len(legs))
    _close_sessions(bits, legs, rows, rules.sessions)
    _mark_days(bits, rows, rules.sessions)
    terms, rates = _terms(legs, rows.days)
    last_row = _last_rows(leg, rows, len(legs))
    tape = Tape(
        **columns,
        leg=leg,
        bar=bar,
        bits=bits,
        terms=terms,
        rates=rates,
        settle=_by_day([leg.facts.settlements if rules.settlement else {} for leg in legs], rows.days),
        last_row=last_row,
        gap=_gaps(legs, rows.days) if rules.roll else np.full((len(rows.days), len(legs)), np.nan),
        ends=_ends(legs, rows.days, last_row, rules.expiry, close_at_end),
        slippage=np.array([leg.costs.slippage_ticks for leg in legs], dtype=np.float64),
        numbers=np.array([rules.volume_cap, rules.slippage_range, rules.slippage_impact, volume]),
    )
    if rules.price_limits and len(start):
        mark_locked(tape, *_limits(legs, tape, rows.days, rules.price_limit))
    return tape, rows


class _Merged(NamedTuple):
    """The legs' bars in one order: columns of prices and volume, start, leg, bar, trading day; rows of each leg."""

    columns: dict[str, npt.NDArray[np.float64]]
    start: Longs
    leg: Longs
    bar: Longs
    trading_day: npt.NDArray[np.int32]
    of_leg: tuple[Longs, ...]


def _merged(legs: Sequence[Leg]) -> _Merged:
    names = ("open", "high", "low", "close", "volume")
    if len(legs) == 1:
        bars = legs[0].bars
        count = np.arange(len(bars), dtype=np.int64)
        columns = {name: getattr(bars, name) for name in names}
        return _Merged(columns, bars.start, np.zeros(len(bars), dtype=np.int64), count, bars.trading_day, (count,))
    start = np.concatenate([leg.bars.start for leg in legs])
    number = np.repeat(np.arange(len(legs), dtype=np.int64), [len(leg.bars) for leg in legs])
    order = np.lexsort((number, start))
    columns = {name: np.concatenate([getattr(leg.bars, name) for leg in legs])[order] for name in names}
    bar = np.concatenate([np.arange(len(leg.bars), dtype=np.int64) for leg in legs])[order]
    trading_day = np.concatenate([leg.bars.trading_day for leg in legs])[order]
    leg_of = number[order]
    of_leg = tuple(np.flatnonzero(leg_of == k).astype(np.int64) for k in range(len(legs)))
    return _Merged(columns, start[order], leg_of, bar, trading_day, of_leg)


def _read_only(column: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The same memory, not to be written: mapped files are like this, and one type is compiled once."""
    view = column.view()
    view.flags.writeable = False
    return view


def _first_rows(trading_day: npt.NDArray[np.int32]) -> Longs:
    """The first row of each trading day and, last, the number of rows."""
    steps = np.flatnonzero(trading_day[1:] != trading_day[:-1]) + 1
    first = np.concatenate(([0], steps, [len(trading_day)])) if len(trading_day) else np.zeros(1, dtype=np.int64)
    days = trading_day[first[:-1]]
    back = np.flatnonzero(days[1:] < days[:-1])
    if len(back):
        text = say(
            "The bars go back to trading day %(day)s: sort them by start.", day=from_day_number(int(days[back[0] + 1]))
        )
        raise RuleError("bars_not_ascending", text)
    return first.astype(np.int64)


def _bits(start: Longs, rows: Row, legs: int) -> npt.NDArray[np.uint8]:
    bits = np.full(len(start), state.GROUP_END, dtype=np.uint8)
    if not len(start):
        return bits
    if legs > 1:
        bits[:-1][start[1:] == start[:-1]] = 0
    bits[rows.first[:-1]] |= state.FIRST_OF_DAY
    bits[rows.first[1:] - 1] |= state.LAST_OF_DAY
    return bits


def _mark_days(bits: npt.NDArray[np.uint8], rows: Row, sessions: Sessions) -> None:
    """Mark the first row of each leg's days that its strategy sees."""
    if len(rows.of_leg) == 1 and sessions == Sessions.ALL:  # known already, and a search over all rows takes its time
        bits[rows.first[:-1]] |= state.LEG_DAY
        return
    for own in rows.of_leg:
        open_to_us = own[bits[own] & state.CLOSED_TO_US == 0]
        day = np.searchsorted(rows.first, open_to_us, side="right")
        bits[open_to_us[np.flatnonzero(np.diff(day, prepend=-1))]] |= state.LEG_DAY


def _close_sessions(bits: npt.NDArray[np.uint8], legs: Sequence[Leg], rows: Row, sessions: Sessions) -> None:
    if sessions == Sessions.ALL:
        return
    for leg, own in zip(legs, rows.of_leg, strict=True):
        night = leg.facts.night
        if night is None:
            text = say("The sessions of %(code)s are not known: run it with sessions=all.", code=leg.code)
            raise RuleError("no_sessions", text, fields={"sessions": text})
        bits[own[night if sessions == Sessions.DAY else ~night]] |= state.CLOSED_TO_US


def _terms(legs: Sequence[Leg], days: Longs) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Row of ``rates`` for each day and leg, and the rates."""
    terms = np.zeros((len(days), len(legs)), dtype=np.int64)
    rates: list[list[float]] = []
    for k, leg in enumerate(legs):
        changes = leg.costs.changes()
        numbers = np.array([to_day_number(change) for change in changes])
        terms[:, k] = np.searchsorted(numbers, days, side="right") + len(rates)
        rates += [_rates(leg.costs, day) for day in (date.min, *changes)]
    return terms, np.array(rates, dtype=np.float64).reshape(-1, state.RATES)


def _rates(costs: CostTable, day: date) -> list[float]:
    terms = costs.terms_on(day)
    fees, margins = terms.fees, terms.margins
    return [
        *(terms.multiplier, costs.tick_on(day), fees.open_by_money, fees.open_by_volume),
        *(fees.close_by_money, fees.close_by_volume, fees.close_today_by_money, fees.close_today_by_volume),
        *(margins.long_by_money, margins.long_by_volume, margins.short_by_money, margins.short_by_volume),
    ]


def _by_day(prices: Sequence[object], days: Longs) -> npt.NDArray[np.float64]:
    """Prices by trading day as a table of shape ``(days, legs)``, NaN where there is none."""
    table = np.full((len(days), len(prices)), np.nan)
    for k, by_day in enumerate(prices):
        if by_day:
            table[:, k] = [by_day.get(day, math.nan) for day in days.tolist()]  # type: ignore[attr-defined]
    return table


def _last_rows(leg: Longs, rows: Row, legs: int) -> Longs:
    """Last row of each leg on each day, -1 where it has no bar; shape ``(days, legs)``."""
    if legs == 1:
        return (rows.first[1:] - 1).reshape(-1, 1)
    table = np.full((len(rows.days), legs), -1, dtype=np.int64)
    row = np.arange(len(leg))
    table[np.searchsorted(rows.first, row, side="right") - 1, leg] = row  # the last one written stays
    return table


def _gaps(legs: Sequence[Leg], days: Longs) -> npt.NDArray[np.float64]:
    """New less old contract's price where a leg rolls; a roll on a day without bars acts on the next one."""
    table = np.full((len(days), len(legs)), np.nan)
    for k, leg in enumerate(legs):
        for roll in leg.facts.rolls:
            at = int(np.searchsorted(days, roll.trading_day))
            if 0 < at < len(days):
                table[at, k] = roll.gap + (0.0 if math.isnan(table[at, k]) else table[at, k])
    return table


def _ends(legs: Sequence[Leg], days: Longs, last_row: Longs, expiry: bool, close_at_end: bool) -> npt.NDArray[np.int64]:
    """What happens to a leg at the end of each day: it expires, is closed with the run, or stays."""
    ends = np.full((len(days), len(legs)), state.STAYS, dtype=np.int64)
    for k, leg in enumerate(legs):
        traded = np.flatnonzero(last_row[:, k] >= 0)
        if close_at_end and len(traded):
            ends[traded[-1], k] = state.LEAVES
        if not expiry or leg.facts.expiry is None or not len(traded) or days[traded[-1]] < leg.facts.expiry:
            continue
        at = bisect_right(days[traded].tolist(), leg.facts.expiry) - 1
        if at >= 0:
            ends[traded[at], k] = state.EXPIRES
    return ends


def _limits(
    legs: Sequence[Leg], tape: Tape, days: Longs, ratio: float
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Upper and lower limit prices, shape ``(days, legs)``: stored ones, else estimated ones, else NaN.

    An estimate is ``previous settlement * (1 +- ratio)`` rounded inwards to the tick (exchanges round either
    way, so the true limit lies at it or one tick beyond), with the last close where no settlement is stored.
    """
    upper = _by_day([leg.facts.upper_limits for leg in legs], days)
    lower = _by_day([leg.facts.lower_limits for leg in legs], days)
    if ratio > 0.0:
        settled = _by_day([leg.facts.settlements for leg in legs], days)
        closes = np.where(tape.last_row >= 0, tape.close[tape.last_row], np.nan)
        base = np.where(np.isnan(settled), closes, settled)
        before = _day_before(base) + np.nan_to_num(_gaps(legs, days))  # a roll's base is the new contract's
        tick = tape.rates[tape.terms, state.TICK]
        near = 1e-6
        upper = np.where(np.isnan(upper), np.floor(before * (1 + ratio) / tick + near) * tick, upper)
        lower = np.where(np.isnan(lower), np.ceil(before * (1 - ratio) / tick - near) * tick, lower)
    return upper, lower


def _day_before(prices: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The last known price before each day, shape ``(days, legs)``; NaN before the first."""
    known = np.where(np.isnan(prices), 0, np.arange(len(prices))[:, None])
    filled = np.take_along_axis(prices, np.maximum.accumulate(known, axis=0), axis=0)
    return np.concatenate((np.full_like(prices[:1], np.nan), filled[:-1]))


def tradable(leg: Leg, sessions: Sessions) -> Bools | None:
    """The bars of a leg that its strategy sees, or ``None`` for all."""
    if sessions == Sessions.ALL or leg.facts.night is None:
        return None
    mask: Bools = ~leg.facts.night if sessions == Sessions.DAY else leg.facts.night
    return mask


def seen(bars: BarSeries, mask: Bools | None) -> BarSeries:
    """The bars that a strategy sees."""
    return bars if mask is None else bars.take(mask)
