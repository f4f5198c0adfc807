"""On what data a run rests: how many of its trading days were judged, and which of them were poor.

Context, not result: nothing of it goes into the result hash.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from marketdata.domain.bars import BarSeries
from marketdata.domain.calendar import from_day_number
from marketdata.domain.quality_score import POOR_BELOW, is_poor
from marketdata.models import Instrument
from marketdata.quality.rows import JudgedDay, faults_of, judged_days

SHOWN_DAYS = 5
"""So many of the worst days are named; the console's calendar has all."""


def data_quality_of(instruments: Sequence[Instrument], bars: Sequence[BarSeries]) -> dict[str, Any]:
    """The document of a run over these legs: days of all legs together, judged, unjudged and poor, and the worst.

    A judged day of the period without any bar is one of its days too. One query an instrument, and one more where
    days are poor; ``bars`` are not empty.
    """
    days = judged = 0
    poor: list[tuple[str, JudgedDay]] = []
    for instrument, series in zip(instruments, bars, strict=True):
        first_bars = np.flatnonzero(np.diff(series.trading_day, prepend=-1))
        own = {from_day_number(day) for day in series.trading_day[first_bars].tolist()}
        known = judged_days(instrument, series.interval, min(own), max(own))
        days += len(own | {day.trading_day for day in known})
        judged += len(known)
        poor += [(instrument.code, day) for day in known if is_poor(day.score)]
    worst = sorted(poor, key=lambda found: (found[1].score, found[1].trading_day))[:SHOWN_DAYS]
    return {
        "days": days,
        "judged": judged,
        "unjudged": days - judged,
        "poor": len(poor),
        "poor_below": POOR_BELOW,
        "worst": _worst(worst),
    }


def _worst(poor: Sequence[tuple[str, JudgedDay]]) -> list[dict[str, Any]]:
    faults = faults_of(day.key for _code, day in poor) if poor else {}
    return [
        {
            "instrument": code,
            "trading_day": day.trading_day.isoformat(),
            "interval": day.interval,
            "score": round(day.score, 4),
            "fault": faults[day.key],
        }
        for code, day in poor
    ]
