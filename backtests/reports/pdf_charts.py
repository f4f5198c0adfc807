"""Charts of a PDF as vectors: lines over trading days, with axes of round figures. Lengths are in points."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from math import ceil, floor, log10
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from reportlab.graphics.shapes import Drawing, Group, Line, Polygon, PolyLine, String
from reportlab.lib.colors import Color, HexColor

from backtests.reports.format import decimal
from backtests.reports.palette import LIGHT
from backtests.reports.pdf_fonts import PLAIN

Days = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]

LEFT, RIGHT, TOP, BOTTOM = 52.0, 6.0, 5.0, 14.0
LABEL_SIZE = 6.5
EPOCH = date(1970, 1, 1)
DAY_STEPS = (1, 2, 5, 10, 15)
MONTH_STEPS = (1, 2, 3, 6, 12, 24, 60, 120)


@dataclass(frozen=True, slots=True)
class Curve:
    """One line: days since the epoch (ascending) and values, both of shape ``(n,)``; ``fill`` shades it to 0."""

    day: Days
    value: Floats
    colour: str
    dash: tuple[int, ...] = ()
    fill: bool = False


def line_chart(
    curves: Sequence[Curve], width: float, height: float, *, base: float | None = None, places: int = 0
) -> Drawing:
    """The curves over one axis of days; ``base`` is a level to be seen, drawn dashed; ``places`` of the y labels."""
    drawn = [curve for curve in curves if len(curve.day)]
    drawing = Drawing(width, height)
    if not drawn:
        return drawing
    frame = _Frame.around(drawn, width, height, base)
    drawing.add(_axes(frame, width, places))
    if base is not None:
        level = frame.y(base)
        drawing.add(
            Line(LEFT, level, width - RIGHT, level, strokeColor=HexColor(LIGHT.baseline), strokeDashArray=(3, 2))
        )
    for curve in drawn:
        drawing.add(_curve(curve, frame))
    return drawing


@dataclass(frozen=True, slots=True)
class _Frame:
    """Where days and values lie on the paper."""

    first: float
    last: float
    low: float
    high: float
    width: float
    height: float

    @classmethod
    def around(cls, curves: Sequence[Curve], width: float, height: float, base: float | None) -> Self:
        """The frame that holds all of them with room above and below."""
        values = [float(bound) for curve in curves for bound in (curve.value.min(), curve.value.max())]
        values += [] if base is None else [base]
        values += [0.0 for curve in curves if curve.fill]
        low, high = min(values), max(values)
        room = (high - low) * 0.05 or abs(high) * 0.01 or 1.0
        top = high if high == 0.0 else high + room
        first, last = (float(bound(curve.day[end] for curve in curves)) for bound, end in ((min, 0), (max, -1)))
        return cls(first, max(last, first + 1), low - room, top, width, height)

    def x(self, day: Any) -> Any:
        """The place of a day or of a column of days."""
        return LEFT + (day - self.first) / (self.last - self.first) * (self.width - LEFT - RIGHT)

    def y(self, value: Any) -> Any:
        """The place of a value or of a column of values."""
        return BOTTOM + (value - self.low) / (self.high - self.low) * (self.height - BOTTOM - TOP)


def _curve(curve: Curve, frame: _Frame) -> Group:
    points = np.column_stack((frame.x(curve.day), frame.y(curve.value))).ravel().tolist()
    colour = HexColor(curve.colour)
    group = Group()
    if curve.fill:
        zero = frame.y(0.0)
        shade = Color(colour.red, colour.green, colour.blue, alpha=0.2)
        area = [points[0], zero, *points, points[-2], zero]
        group.add(Polygon(area, fillColor=shade, strokeColor=None, strokeWidth=0))
    if len(points) > 2:
        dash = list(curve.dash) or None
        group.add(PolyLine(points, strokeColor=colour, strokeWidth=0.9, strokeDashArray=dash, strokeLineJoin=1))
    return group


def _axes(frame: _Frame, width: float, places: int) -> Group:
    """Grid, frame, and labels of both axes."""
    group = Group()
    bottom, top = BOTTOM, frame.height - TOP
    grid, ink = HexColor(LIGHT.grid), HexColor(LIGHT.muted)
    for value in round_values(frame.low, frame.high, max(2, int(frame.height / 28))):
        y = frame.y(value)
        group.add(Line(LEFT, y, width - RIGHT, y, strokeColor=grid, strokeWidth=0.5))
        text = decimal(value, places)
        group.add(String(LEFT - 4, y - 2.2, text, textAnchor="end", fontName=PLAIN, fontSize=LABEL_SIZE, fillColor=ink))
    for day, text in round_days(int(frame.first), int(frame.last)):
        x = frame.x(day)
        group.add(Line(x, bottom, x, top, strokeColor=grid, strokeWidth=0.5))
        group.add(String(x, 4, text, textAnchor="middle", fontName=PLAIN, fontSize=LABEL_SIZE, fillColor=ink))
    outline = [LEFT, bottom, width - RIGHT, bottom, width - RIGHT, top, LEFT, top, LEFT, bottom]
    group.add(PolyLine(outline, strokeColor=HexColor(LIGHT.frame), strokeWidth=0.5))
    return group


def round_values(low: float, high: float, count: int) -> list[float]:
    """About ``count`` multiples of 1, 2 or 5 times a power of ten from ``low`` to ``high``, ascending."""
    rough = (high - low) / count
    power = 10.0 ** floor(log10(rough))
    step = power * next(factor for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
    first, last = ceil(low / step), floor(high / step)
    return [number * step for number in range(first, last + 1)]


def round_days(first: int, last: int, most: int = 9) -> list[tuple[int, str]]:
    """At most ``most`` days from ``first`` to ``last`` (since the epoch) with their labels: days, months, or years."""
    start, end = EPOCH + timedelta(days=first), EPOCH + timedelta(days=last)
    if last - first <= 62:
        step = next(step for step in DAY_STEPS if (last - first) / step < most)
        return [(day, f"{EPOCH + timedelta(days=day):%m-%d}") for day in range(first, last + 1, step)]
    months = range(start.year * 12 + start.month, end.year * 12 + end.month)
    step = next(step for step in MONTH_STEPS if len(months) / step < most)
    form = "%Y" if step >= 12 else "%Y-%m"
    days = [date(month // 12, month % 12 + 1, 1) for month in months if month % step == 0]
    return [((day - EPOCH).days, f"{day:{form}}") for day in days]
