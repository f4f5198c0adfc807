"""One judged day bar by bar: a strip for each part of the trading hours, drawn by the server."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from django.utils.translation import gettext as _

from marketdata.domain.bars import FloatColumn, LongColumn
from marketdata.domain.quality_activity import Usual, evidence, stretches_of
from marketdata.domain.quality_bars import DayBars, Slot, slots
from marketdata.instruments import session_table
from marketdata.live_models import DayQuality
from marketdata.models import BarCoverage
from marketdata.quality.data import load_period
from marketdata.ticks.models import Tick
from quantsite.common.errors import RuleError
from quantsite.common.times import NS_PER_MINUTE, SHANGHAI, ns_to_utc

HEIGHT = 40
"""Of a strip in its own units; a bar is one unit wide."""

LOOKS = {Slot.QUIET: "quiet", Slot.ZERO_VOLUME: "zero", Slot.MISSING: "missing"}


class Stretch(NamedTuple):
    """Bars on end that are not traded: first bar, how many, a class, and words."""

    first: int
    length: int
    look: str
    words: str


class Strip(NamedTuple):
    """The bars of one part of the hours; ``volumes`` is an SVG path, as high as the square root of the volume."""

    hours: str
    width: int
    volumes: str
    stretches: list[Stretch]


def strips_of(row: DayQuality) -> list[Strip]:
    """The strips of a day, judged by what is stored now; none where the hours or bars are gone."""
    coverage = BarCoverage.objects.filter(instrument=row.instrument, interval=row.interval, bars__gt=0).first()
    if coverage is None:
        return []
    try:
        period = load_period(coverage, session_table(row.instrument.product), row.trading_day, row.trading_day)
    except RuleError:
        return []
    if not period.wanted:
        return []
    day = period.bars[period.wanted[0]]
    ticks = Tick.objects.series(row.instrument, row.trading_day, row.trading_day) if row.ticks else None
    return _strips(day, slots(day, evidence(day.grid, ticks), _usual(row)))


def _usual(row: DayQuality) -> Usual | None:
    told = row.details.get("usual")
    return Usual(**told) if told else None


def _strips(day: DayBars, found: npt.NDArray[np.int8]) -> list[Strip]:
    volume = np.zeros(len(day.grid))
    at = day.at
    volume[at[at >= 0]] = day.bars.volume[at >= 0]
    highest = max(float(volume.max(initial=0.0)), 1.0)
    edges = [0, *(np.flatnonzero(np.diff(day.grid) != day.step) + 1).tolist(), len(day.grid)]
    parts = [slice(first, stop) for first, stop in pairwise(edges) if stop > first]
    width = max((part.stop - part.start for part in parts), default=1)
    return [
        Strip(
            _hours(day.grid[part], day.step),
            width,
            _path(np.sqrt(volume[part] / highest) * HEIGHT),
            _stretches(day.grid[part], found[part], day.step),
        )
        for part in parts
    ]


def _path(heights: FloatColumn) -> str:
    """One closed column a bar, from the bottom up."""
    tall = np.round(heights, 1).tolist()
    return "".join(f"M{place} {HEIGHT}v-{height:g}h1v{height:g}z" for place, height in enumerate(tall) if height)


def _stretches(starts: LongColumn, found: npt.NDArray[np.int8], step: int) -> list[Stretch]:
    words = {"quiet": _("no trade"), "zero": _("bars without volume"), "missing": _("missing bars")}
    told = []
    for slot, look in LOOKS.items():
        for first, length in zip(*(column.tolist() for column in stretches_of(found == slot)), strict=True):
            hours = _hours(starts[first : first + length], step)
            told.append(Stretch(first, length, look, f"{hours} · {length} · {words[look]}"))
    return told


def _hours(starts: Sequence[int] | LongColumn, step: int) -> str:
    """``21:00–23:00`` on the Shanghai clock."""
    first, last = int(starts[0]), int(starts[-1]) + max(step, NS_PER_MINUTE)
    return "–".join(f"{ns_to_utc(moment).astimezone(SHANGHAI):%H:%M}" for moment in (first, last))
