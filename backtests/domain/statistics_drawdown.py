"""How deep and how long equity stays below its peak; the start capital is the first peak."""

from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from backtests.domain.statistics_returns import finite

Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]
Days = npt.NDArray[np.int32]


class Spell(NamedTuple):
    """One time under water: from the last day at the peak over the deepest day to the first day back at the peak.

    ``depth`` is a fraction below 0. Days are days since the epoch: ``peak_day`` None where the start capital was
    the peak, ``recovery_day`` None where equity had not recovered at the end. ``to_trough``, ``to_recover`` (from
    the trough on, None as above) and ``length`` (to the recovery or the end) count trading days.
    """

    depth: float
    peak_day: int | None
    trough_day: int
    recovery_day: int | None
    to_trough: int
    to_recover: int | None
    length: int


class Water(NamedTuple):
    """Equity with the start before it, place 0: ``path``, its running peak ``high`` and ``gap = path - high``.

    All of shape ``(n + 1,)``, in money. ``capital`` is positive, so that every peak is.
    """

    path: Floats
    high: Floats
    gap: Floats

    @classmethod
    def of(cls, equity: Floats, capital: float) -> Self | None:
        """None without a day or a capital: there is no drawdown then, not even one of 0."""
        if not len(equity) or capital <= 0:
            return None
        path = np.concatenate(([capital], equity))
        high = np.maximum.accumulate(path)
        return cls(path, high, path - high)

    def depths(self) -> Floats:
        """``(E_t - peak_t) / peak_t``, a fraction of 0 or below; a debt gives less than -1.

        ``peak_t`` is the highest equity up to day t, the start capital included (empyrical prepends it too).
        """
        return self.gap / self.high

    def money(self) -> float | None:
        """The lowest ``E_t - peak_t``, not always on the day of the deepest fraction."""
        return finite(self.gap.min())

    def longest(self) -> int:
        """The longest time under water in trading days; 0 if there was none.

        A spell runs from the last day at the peak to the first day on which equity is back at that peak or above
        it, that day counted; a spell not recovered runs to the last day. It need not be the deepest one.
        """
        at_peak = np.flatnonzero(self.gap == 0)
        spells = np.diff(at_peak)
        closed = int(spells.max()) if len(spells) else 0
        open_ = len(self.path) - 1 - int(at_peak[-1])  # the end is the last day itself, not a recovery after it
        return max(closed if closed > 1 else 0, open_)  # from peak to peak on the next day: never under water

    def deepest(self, trading_day: Days) -> Spell | None:
        """The spell with the lowest drawdown, the first of equals; None if equity never fell below its peak."""
        trough = int(np.argmin(self.depths()))
        if not self.gap[trough] < 0:
            return None
        top = trough - int(np.argmax(self.gap[trough::-1] == 0))
        return self._spell(trading_day, top, trough)

    def worst(self, trading_day: Days, count: int = 5) -> list[Spell]:
        """The ``count`` deepest spells, the deepest first, the earlier of equals first; fewer if there are fewer."""
        depth = self.depths()
        top = np.flatnonzero(self.gap == 0)
        top = top[np.diff(np.append(top, len(self.path))) > 1]
        if not len(top):
            return []
        chosen = top[np.argsort(np.minimum.reduceat(depth, top), kind="stable")[:count]]
        return [self._spell(trading_day, int(at), self._trough(depth, int(at))) for at in chosen]

    def _trough(self, depth: Floats, top: int) -> int:
        """Where the spell that follows the peak at ``top`` is deepest."""
        back = np.flatnonzero(self.gap[top + 1 :] == 0)
        stop = top + 1 + int(back[0]) if len(back) else len(depth)
        return top + 1 + int(np.argmin(depth[top + 1 : stop]))

    def _spell(self, trading_day: Days, top: int, trough: int) -> Spell:
        """The spell from the last place at the peak to its recovery, with its deepest place."""
        back = self.gap[trough:] == 0
        to_recover = int(np.argmax(back)) or None  # 0: nowhere, for the trough itself is below the peak
        return Spell(
            depth=float(self.gap[trough] / self.high[trough]),
            peak_day=int(trading_day[top - 1]) if top else None,
            trough_day=int(trading_day[trough - 1]),
            recovery_day=int(trading_day[trough + to_recover - 1]) if to_recover else None,
            to_trough=trough - top,
            to_recover=to_recover,
            length=(trough + to_recover if to_recover else len(self.path) - 1) - top,
        )


def max_drawdown(equity: Floats, capital: float) -> float | None:
    """The lowest of :meth:`Water.depths`; 0.0 if equity never fell below its peak, None without a day or a capital."""
    water = Water.of(equity, capital)
    return None if water is None else finite(water.depths().min())
