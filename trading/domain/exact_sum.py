"""A running sum of floats that forgets: what was put in and taken out again leaves nothing behind."""

from math import isfinite, nan

UNITS = 2.0**96
"""The sum counts in units of one to so many, in which every float above 1e-12 is a whole number."""


class ExactSum:
    """Sums as ``math.fsum`` over what is in it at the moment would, at a price that does not grow with their number.

    What is no finite number is counted apart: the sum is NaN as long as any is in it.
    """

    __slots__ = ("_odd", "_units")

    def __init__(self) -> None:
        self._units = 0
        self._odd = 0

    @property
    def value(self) -> float:
        """The sum, rounded once."""
        return nan if self._odd else self._units / UNITS

    def change(self, before: float, now: float) -> None:
        """Take ``before`` out and put ``now`` in."""
        if before == now:
            return
        taken, put = before * UNITS, now * UNITS
        if isfinite(taken) and isfinite(put):
            self._units += int(put) - int(taken)
        else:
            self._change_oddly(taken, put)

    def _change_oddly(self, taken: float, put: float) -> None:
        for scaled, sign in ((taken, -1), (put, 1)):
            if isfinite(scaled):
                self._units += sign * int(scaled)
            else:
                self._odd += sign
