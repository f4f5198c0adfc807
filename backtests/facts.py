"""What the rows tell of a run's instrument beside bars and costs: settlements, limits, rolls, expiry, nights."""

from bisect import bisect_right
from collections.abc import Iterable
from datetime import date

import numpy as np
import numpy.typing as npt

from backtests.domain.legs import Facts, Roll
from marketdata.daily_facts import ContractRoll, DailySettlement
from marketdata.domain.adjust import Splice, aligned
from marketdata.domain.bars import BarSeries
from marketdata.domain.calendar import from_day_number, to_day_number
from marketdata.domain.intervals import DAY
from marketdata.instruments import session_table
from marketdata.models import Instrument
from quantsite.common.texts import say, unsaid

SPREAD_OF = "889"
"""The form of adjustment whose prices a roll is counted with: what is known when it happens."""


LATE = unsaid("%(count)d of %(all)d rolls are counted with the closes of the day on which they took effect.")
MOVED = unsaid("%(count)d of %(all)d rolls are counted where the bars change the contract, not on their listed day.")


def facts_for(instrument: Instrument, bars: BarSeries) -> Facts:
    """The facts of the trading days of ``bars`` (at least one); what is not stored is not in it.

    A main-contract series without settlements of its own takes those of the contract in force on each day.
    Rolls are placed on the day on which the bars themselves change the contract (``adjust.aligned``).
    ``night`` is ``None`` for daily bars, which hold both sessions. Raises ``RuleError`` where the product's hours or
    the calendar do not tell.
    """
    begins, ends = (int(day) for day in bars.trading_day[[0, -1]])
    first, last = from_day_number(begins), from_day_number(ends)
    rows = list(ContractRoll.objects.of(instrument))
    splices = aligned([row.to_domain() for row in rows], bars)
    settled = _settlements(instrument, rows, [splice.trading_day for splice in splices], first, last)
    return Facts(
        settlements={to_day_number(row.trading_day): row.settlement_price for row in settled},
        upper_limits=_by_day(settled, "upper_limit"),
        lower_limits=_by_day(settled, "lower_limit"),
        rolls=tuple(_roll(splice) for splice in splices if begins < splice.trading_day <= ends),
        expiry=None if instrument.expires is None else to_day_number(instrument.expires),
        night=_night(instrument, bars),
    )


def roll_notes(instrument: Instrument, bars: BarSeries) -> list[str]:
    """Sentences for the report about rolls counted with late prices, or elsewhere than their list says."""
    begins, ends = (int(day) for day in bars.trading_day[[0, -1]])
    rows = list(ContractRoll.objects.of(instrument))
    splices = [row.to_domain() for row in rows]
    inside = [at for at, splice in enumerate(splices) if begins < splice.trading_day <= ends]
    late = sum(rows[at].closes_day >= rows[at].trading_day and rows[at].old_open is None for at in inside)
    days = [splice.trading_day for splice in aligned(splices, bars)]
    moved = sum(days[at] != splices[at].trading_day for at in inside)
    told = ((LATE, late), (MOVED, moved))
    return [say(text, count=count, all=len(inside)) for text, count in told if count]


def _roll(splice: Splice) -> Roll:
    old, new = splice.prices(SPREAD_OF)
    return Roll(splice.trading_day, new - old, new / old)


def _settlements(
    instrument: Instrument, rolls: list[ContractRoll], starts: list[int], first: date, last: date
) -> list[DailySettlement]:
    """The rows of the instrument, and on days without one those of the contract behind it; ``starts`` of the rolls."""
    stored = DailySettlement.objects.within(first, last)
    found = {row.trading_day: row for row in stored.filter(instrument=instrument)}
    if rolls:
        contracts = [rolls[0].from_contract, *(row.to_contract for row in rolls)]
        for row in stored.filter(instrument__code__in=contracts).select_related("instrument"):
            if row.instrument.code == contracts[bisect_right(starts, to_day_number(row.trading_day))]:
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
