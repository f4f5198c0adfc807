"""The colours of a map: orange below zero, blue above it, pale in the middle; told apart by the colour-blind too.

On a dark page each colour is exchanged for its twin, as in ``palette``; none of them is a colour of that.
"""

from typing import NamedTuple

STEPS = 10

_LIGHT = ((0xA8, 0x4A, 0x08), (0xF2, 0xF3, 0xF5), (0x0C, 0x4E, 0x9C))
_DARK = ((0xFF, 0xA4, 0x52), (0x26, 0x2E, 0x3A), (0x72, 0xB6, 0xFF))


class Mark(NamedTuple):
    """The star of the best trial."""

    fill: str
    line: str


def _between(low: tuple[int, int, int], high: tuple[int, int, int], share: float) -> str:
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in zip(low, high, strict=True))


def _scale(ends: tuple[tuple[int, int, int], ...]) -> tuple[str, ...]:
    low, middle, high = ends
    below = [_between(low, middle, place / STEPS) for place in range(STEPS)]
    return (*below, *(_between(middle, high, place / STEPS) for place in range(STEPS + 1)))


DIVERGING = _scale(_LIGHT)
"""From the lowest to the highest; the colour in the middle stands for zero."""


def diverging(low: float, high: float, colours: int = 4 * STEPS) -> list[str]:
    """Colours from ``low`` (below 0) to ``high`` (above): pale at zero wherever that lies, deep at both ends."""
    step = (high - low) / colours
    middles = [low + (place + 0.5) * step for place in range(colours)]
    shares = [value / high if value > 0 else -value / low for value in middles]
    return [DIVERGING[STEPS + round(share * STEPS)] for share in shares]


RISING = DIVERGING[STEPS + 1 :]
"""For values on one side of zero: from little to much."""

BEST = Mark("#fffdf6", "#16202d")

TWINS = dict(zip(DIVERGING, _scale(_DARK), strict=True)) | {BEST.fill: "#0e131a", BEST.line: "#f4f7fb"}
"""Light colour -> dark one."""
