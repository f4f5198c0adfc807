"""What the rows tell of a run's instrument beside bars and costs: settlements, limits, rolls, expiry, nights."""

from bisect import bisect_right
from collections.abc import Iterable
from datetime import date

import numpy as np
import numpy.typing as npt

from backtests.domain.legs import Facts, Roll
from marketdata.daily_facts import ContractRoll, DailySettlement
from marketdata.domain.bars import BarSeries
from marketdata.domain.calendar import from_day_number, to_day_number
from marketdata.domain.intervals import DAY
from marketdata.instruments import session_table
from marketdata.models import Instrument
from quantsite.common.texts import say

SPREAD_OF = "889"
"""The form of adjustment whose prices a roll is counted with: what is known when it happens."""


def facts_for(instrument: Instrument, bars: BarSeries) -> Facts:
    """The facts of the trading days of ``bars`` (at least one); what is not stored is not in it.

    A main-contract series without settlements of its own takes those of the contract in force on each day.
    ``night`` is ``None`` for daily bars, which hold both sessions. Raises ``RuleError`` where the product's hours or
    the calendar do not tell.
    """
    first, last = (from_day_number(int(day)) for day in bars.trading_day[[0, -1]])
    rolls = list(ContractRoll.objects.of(instrument))
    settled = _settlements(instrument, rolls, first, last)
    return Facts(
        settlements={to_day_number(row.trading_day): row.settlement_price for row in settled},
        upper_limits=_by_day(settled, "upper_limit"),
        lower_limits=_by_day(settled, "lower_limit"),
        rolls=tuple(_roll(row) for row in rolls if first < row.trading_day <= last),
        expiry=None if instrument.expires is None else to_day_number(instrument.expires),
        night=_night(instrument, bars),
    )


def late_rolls(instrument: Instrument, bars: BarSeries) -> list[str]:
    """A sentence for the report where rolls are counted with closes that were not known yet when they happened."""
    first, last = (from_day_number(int(day)) for day in bars.trading_day[[0, -1]])
    rows = [row for row in ContractRoll.objects.of(instrument).within(first, last) if row.trading_day > first]
    late = [row for row in rows if row.closes_day >= row.trading_day and row.old_open is None]
    if not late:
        return []
    text = say(
        "%(late)d of %(all)d rolls are counted with the closes of the day on which they took effect.",
        late=len(late),
        all=len(rows),
    )
    return [text]


def _roll(row: ContractRoll) -> Roll:
    splice = row.to_domain()
    old, new = splice.prices(SPREAD_OF)
    return Roll(splice.trading_day, new - old, new / old)


def _settlements(instrument: Instrument, rolls: list[ContractRoll], first: date, last: date) -> list[DailySettlement]:
    """The rows of the instrument, and on days without one those of the contract behind it."""
    stored = DailySettlement.objects.within(first, last)
    found = {row.trading_day: row for row in stored.filter(instrument=instrument)}
    if rolls:
        starts = [row.trading_day for row in rolls]
        contracts = [rolls[0].from_contract, *(row.to_contract for row in rolls)]
        for row in stored.filter(instrument__code__in=contracts).select_related("instrument"):
            if row.instrument.code == contracts[bisect_right(starts, row.trading_day)]:
                found.setdefault(row.trading_day, row)
    return list(found.values())


def _by_day(rows: Iterable[DailySettlement], name: str) -> dict[int, float]:
    """A column by trading day, without what is not known."""
    values = ((to_day_number(row.trading_day), getattr(row, name)) for row in rows)
    return {day: value for day, value in values if value is not None}


def _night(instrument: Instrument, bars: BarSeries) -> npt.NDArray[np.bool_] | None:
    if bars.interval == DAY:
        return None
    return session_table(instrument.product).in_night(bars.start)
