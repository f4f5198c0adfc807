"""Walk-forward windows by trading day: choose parameters on one stretch of days, judge them on the next.

A *rolling* window moves both ends of the in-sample stretch, an *anchored* one always begins on the first day
and grows. The purged gap leaves days out between the two stretches, so that neither a position held over the
border nor an average that reaches back over it carries knowledge from one into the other.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from quantsite.common.errors import RuleError
from quantsite.common.texts import say, unsaid

DayColumn = npt.NDArray[np.int32]

_BELOW = {
    "in_sample": unsaid("in_sample must be at least 1 trading day, not %(value)s."),
    "out_sample": unsaid("out_sample must be at least 1 trading day, not %(value)s."),
    "gap": unsaid("gap must be 0 trading days or more, not %(value)s."),
}


class Window(NamedTuple):
    """First and last trading day (days since the epoch, both included) of the two stretches."""

    in_start: int
    in_end: int
    out_start: int
    out_end: int


def walk_forward_windows(
    trading_days: DayColumn,
    in_sample: int,
    out_sample: int,
    *,
    step: int | None = None,
    gap: int = 0,
    anchored: bool = False,
) -> Iterator[Window]:
    """The windows over ``trading_days`` (of bars, in any multiplicity, ascending), the earliest first.

    ``in_sample``, ``out_sample``, ``gap`` and ``step`` count trading days; ``step``, by which the window moves on,
    is ``out_sample`` unless given. With ``anchored``, ``in_sample`` is the length of the first window. Only whole
    windows are given: days that do not fill one at the end are left over (:func:`days_left`).
    Raises ``RuleError`` ``invalid_windows`` whose ``fields`` name what to change, before the first window.
    """
    days = np.unique(trading_days)
    move = out_sample if step is None else step
    _check(in_sample, out_sample, move, gap, len(days))
    shifts = range(0, len(days) - in_sample - gap - out_sample + 1, move)
    return (_window(days, 0 if anchored else shift, shift + in_sample, gap, out_sample) for shift in shifts)


def days_left(trading_days: DayColumn, windows: list[Window]) -> int:
    """The trading days at the end that no window reaches."""
    last = windows[-1].out_end if windows else -(2**31)
    return int(np.count_nonzero(np.unique(trading_days) > last))


def _window(days: DayColumn, first: int, stop: int, gap: int, out_sample: int) -> Window:
    """In sample from the day of index ``first`` up to before ``stop``; out of sample after the gap."""
    out = stop + gap
    return Window(int(days[first]), int(days[stop - 1]), int(days[out]), int(days[out + out_sample - 1]))


def _check(in_sample: int, out_sample: int, step: int, gap: int, days: int) -> None:
    given = {"in_sample": (in_sample, 1), "out_sample": (out_sample, 1), "gap": (gap, 0)}
    faults = {name: say(_BELOW[name], value=value) for name, (value, least) in given.items() if value < least}
    if step < out_sample and "out_sample" not in faults:
        faults["step"] = say(
            "step must be at least out_sample (%(out)s), not %(step)s: else days would be judged twice.",
            out=out_sample,
            step=step,
        )
    need = in_sample + gap + out_sample
    if not faults and need > days:
        text = say(
            "One window needs %(need)s trading days (in_sample + gap + out_sample), there are %(days)s: shorten it.",
            need=need,
            days=days,
        )
        faults["in_sample"] = text
    if faults:
        raise RuleError("invalid_windows", " ".join(faults.values()), fields=faults)
