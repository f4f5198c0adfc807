"""Fills from anywhere, analysed: read, given instruments, marks and costs, booked, measured. Nothing of it is stored.

Nothing but an instrument that was not known: it is made as an import makes it, and only where the analysis succeeds.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.audit import record
from backtests.data_quality import data_quality_of
from backtests.domain.costs import CostTable
from backtests.domain.fill_account import FillAccount, fill_account
from backtests.domain.fill_booking import FillFact, UnbookableError
from backtests.domain.legs import Facts, Leg
from backtests.domain.result import RunResult
from backtests.domain.result_hash import result_hash
from backtests.domain.statistics import standard
from backtests.domain.statistics_vnpy import vnpy
from backtests.facts import facts_for
from backtests.fills.file import FillFile, FillLine, nothing_done, read_fill_file
from backtests.fills.marks import Marks, check_marks, marks_of
from backtests.fills.request import FillsRequest
from backtests.permissions import demand_add
from backtests.request_checks import MAX_LEGS, check_capital, check_cost_figures
from backtests.requests import CostOptions
from backtests.run_costs import cost_table
from backtests.run_legs import data_hash_of
from backtests.run_warnings import FEW_TRADES, NO_FEES, TOO_FEW
from marketdata.domain.calendar import from_day_number
from marketdata.domain.sessions import SessionTable
from marketdata.instruments import costs_for, ensure_instrument, session_table
from marketdata.models import Instrument
from quantsite.common.errors import RuleError
from quantsite.common.times import SHANGHAI, ns_to_utc

if TYPE_CHECKING:
    from accounts.models import User


@dataclass(frozen=True, slots=True)
class Analysis:
    """What was analysed and what came of it; ``legs`` and ``marks`` are in the order of ``instruments``.

    ``made`` are the codes of the instruments that were not stored before, ``seconds`` how long all of it took.
    """

    request: FillsRequest
    file: FillFile
    instruments: tuple[Instrument, ...]
    made: tuple[str, ...]
    marks: tuple[Marks, ...]
    legs: tuple[Leg, ...]
    account: FillAccount
    statistics: dict[str, Any]
    data_hash: str
    result_hash: str
    warnings: tuple[str, ...]
    data_quality: dict[str, Any]
    seconds: float

    @property
    def result(self) -> RunResult:
        """The account in the tables of a backtest."""
        return self.account.result


@dataclass(frozen=True, slots=True)
class _Booked:
    """What needed the database."""

    instruments: tuple[Instrument, ...]
    made: tuple[str, ...]
    marks: tuple[Marks, ...]
    legs: tuple[Leg, ...]
    account: FillAccount


def analyse_fills(actor: "User | None", path: Path, request: FillsRequest) -> Analysis:
    """Analyse the fills of a file as facts of one account.

    Raises ``RefusedError`` where the actor may not run backtests, and ``RuleError``: what a file, a code or a cost may
    break, and ``invalid_rows`` with line, value and remedy for rows that cannot be read or booked. Nothing is left
    behind then.
    """
    demand_add(actor)
    began = time.perf_counter()
    check_capital(request.capital)
    check_cost_figures(request.costs)
    check_marks(request)
    file = read_fill_file(path)
    with transaction.atomic():
        booked = _book(file, request)
        if booked.made:
            about = {"sha256": file.sha256, "fills": len(file.lines), "instruments": list(booked.made)}
            record(actor, "fills.analyse", file.name, after=about)
    data_hash = data_hash_of([marks.data_hash for marks in booked.marks])
    result = booked.account.result
    told = {"fills": file.sha256, "settled_days": list(booked.account.settled)}
    stored = not any(marks.source for marks in booked.marks)
    series = [leg.bars for leg in booked.legs]
    return Analysis(
        request=request,
        file=file,
        instruments=booked.instruments,
        made=booked.made,
        marks=booked.marks,
        legs=booked.legs,
        account=booked.account,
        statistics=_statistics(result, booked.legs, request.capital),
        data_hash=data_hash,
        result_hash=result_hash(told, _costs_of(booked.legs), data_hash, result.fills, result.end_equity),
        warnings=tuple(dict.fromkeys(_warnings(result, booked.legs))),
        data_quality=data_quality_of(booked.instruments, series) if stored else {},
        seconds=time.perf_counter() - began,
    )


def _book(file: FillFile, request: FillsRequest) -> _Booked:
    """Instruments, marks and costs for the fills, and the account that they give. Raises ``RuleError``."""
    known = set(Instrument.objects.filter(code__in={fill.instrument for fill in file.lines}).values_list("code"))
    by_text = _instruments(file)
    instruments = tuple({row.pk: row for row in by_text.values()}.values())
    facts = _facts(file, by_text, instruments)
    marks = tuple(marks_of(instruments, request))
    legs = tuple(
        _leg(instrument, mark, request, [fact.trading_day for fact in facts if fact.leg == number])
        for number, (instrument, mark) in enumerate(zip(instruments, marks, strict=True))
    )
    made = tuple(row.code for row in instruments if (row.code,) not in known)
    try:
        return _Booked(instruments, made, marks, legs, fill_account(facts, legs, request.capital))
    except UnbookableError as error:
        file.refusals.add(error.line, error.text)
        raise file.refusals.error(nothing_done()) from error


def _instruments(file: FillFile) -> dict[str, Instrument]:
    """The instruments of the file by the code as it is written there. Raises ``RuleError`` for codes that are none."""
    found: dict[str, Instrument] = {}
    refused: set[str] = set()
    for fill in file.lines:
        if fill.instrument in found or fill.instrument in refused:
            continue
        try:
            day = ns_to_utc(fill.at).astimezone(SHANGHAI).date()
            found[fill.instrument] = ensure_instrument(fill.instrument, day)
        except RuleError as error:
            refused.add(fill.instrument)
            file.refusals.add(fill.line, error.text)
    if refused:
        raise file.refusals.error(nothing_done())
    if len(found) > MAX_LEGS:
        text = _("The fills are of %(count)d instruments; one account takes at most %(limit)d: split the file.")
        raise RuleError("invalid_legs", text % {"count": len(found), "limit": MAX_LEGS})
    return found


def _facts(file: FillFile, by_text: dict[str, Instrument], instruments: Sequence[Instrument]) -> list[FillFact]:
    """The fills with their legs and trading days. Raises ``RuleError`` for those that no calendar reaches."""
    number = {instrument.pk: leg for leg, instrument in enumerate(instruments)}
    legs = [number[by_text[fill.instrument].pk] for fill in file.lines]
    days = [0] * len(legs)
    for leg, instrument in enumerate(instruments):
        mine = [place for place, of in enumerate(legs) if of == leg]
        table = session_table(instrument.product)
        for place, day in zip(mine, _trading_days(table, file, [file.lines[place] for place in mine]), strict=True):
            days[place] = day
    if len(file.refusals):
        raise file.refusals.error(nothing_done())
    return [
        FillFact(fill.line, leg, fill.at, day, fill.direction, fill.offset, fill.price, fill.volume)
        for fill, leg, day in zip(file.lines, legs, days, strict=True)
    ]


def _trading_days(table: SessionTable, file: FillFile, fills: Sequence[FillLine]) -> list[int]:
    """The trading day of each fill, in a session or not; one that the calendar does not reach joins the refusals."""
    try:
        days: list[int] = table.trading_days(np.array([fill.at for fill in fills], dtype=np.int64)).tolist()
    except RuleError:
        days = [0] * len(fills)
        for fill in fills:
            try:
                table.trading_days(np.array([fill.at], dtype=np.int64))
            except RuleError as error:
                file.refusals.add(fill.line, error.text)
    return days


def _leg(instrument: Instrument, marks: Marks, request: FillsRequest, fill_days: Sequence[int]) -> Leg:
    """One instrument with its marks, its settlement prices and what its days cost."""
    days = [*marks.bars.trading_day[[0, -1]].tolist(), *fill_days]
    costs = _costs(instrument, request.costs).over(from_day_number(min(days)), from_day_number(max(days)))
    settles = not marks.source if request.settlement is None else request.settlement
    settlements = facts_for(instrument, marks.bars).settlements if settles else {}
    return Leg(instrument.code, marks.bars, costs, Facts(settlements=settlements))


def _costs(instrument: Instrument, options: CostOptions) -> CostTable:
    """The cost table; where nobody has told a margin rate it is 0, for no fill is refused for its margin."""
    _spec, _fees, margins = costs_for(instrument)
    try:
        return cost_table(instrument, options if margins else replace(options, margin_rate=0.0))
    except RuleError as error:
        raise RuleError(error.code, f"{instrument.code}: {error.text}", fields=error.fields) from error


def _costs_of(legs: Sequence[Leg]) -> list[CostTable]:
    return [leg.costs for leg in legs]


def _statistics(result: RunResult, legs: Sequence[Leg], capital: float) -> dict[str, Any]:
    """Both blocks, as a backtest has them; vn.py's own figures are of one instrument."""
    multipliers = [costs.multiplier for costs in _costs_of(legs)]
    block = standard(result, capital, bars=[leg.bars for leg in legs], multiplier=multipliers)
    if len(legs) > 1:
        return {"standard": block, "vnpy": {}}
    return {"standard": block, "vnpy": vnpy(legs[0].bars, result.fills, multipliers[0], capital)}


def _warnings(result: RunResult, legs: Sequence[Leg]) -> Iterator[str]:
    """What to read before believing the figures."""
    for leg in legs:
        yield from leg.costs.unknown_before(from_day_number(int(leg.bars.trading_day[0])))
    yield from result.warnings
    if not result.commission:
        yield NO_FEES
    if len(result.trades) < FEW_TRADES:
        yield TOO_FEW
