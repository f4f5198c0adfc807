"""Is the stated warm-up long enough? Start the strategy later and see when its decisions are the same.

``warm_up()`` promises that bars older than so many change no decision. A column method (``target_positions``,
``flags``) is asked for single decisions with windows of just that length, as the plain form and the live feed ask
it; the bars on which its decision changed are tried first, as they are the ones that a little matters to. A plain
strategy is started anew at random bars, and every decision from its warm-up on must be that of the whole run. One
that listens to its fills is not judged by it: begun later it holds another position and rightly decides otherwise.

The smallest warm-up that agreed is found by trying. It is a fact of these bars, not a proof: other bars may need
a longer one. So a stated warm-up that is longer is no fault.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from backtests.domain.engine import RunSetup
from backtests.domain.legs import Leg
from backtests.domain.lookahead import CUTS
from backtests.domain.lookahead_market import Make, Market, alike, clock_time
from backtests.domain.lookahead_watch import Decision
from marketdata.domain.bars import BarSeries
from quantsite.common.errors import RuleError
from quantsite.common.texts import say, sentences, unsaid
from strategies.domain.forms import Form, overrides
from strategies.domain.strategy import BaseStrategy

Decide = Callable[[BarSeries], npt.NDArray[np.float64]]
Places = npt.NDArray[np.int64]

SAMPLES = 20
"""Bars tried for each cut: a window costs far less than a run."""


@dataclass(frozen=True, slots=True)
class WarmUp:
    """What the decisions of ``method`` need.

    ``stated`` is the class's own figure, None where it states none; ``needed`` the smallest that agreed, None if
    none up to half of the bars did. ``index`` and ``start`` (ns UTC) name a bar at which the stated one is too
    short (None if it is not), ``full`` the decision with all bars before it, ``part`` that with a warm-up's worth.
    """

    method: str
    stated: int | None
    needed: int | None
    index: int | None = None
    start: int | None = None
    full: str = ""
    part: str = ""

    @property
    def short(self) -> bool:
        """Whether the stated warm-up is too short."""
        return self.index is not None

    @property
    def sentence(self) -> str:
        """What was found, in the reader's language."""
        figures = {
            "method": self.method,
            "stated": self.stated,
            "needed": self.needed,
            "index": self.index,
            "time": "" if self.start is None else clock_time(self.start),
            "full": self.full,
            "part": self.part,
        }
        return sentences(say(self._finding(), **figures), say(self._advice(), **figures))

    def _finding(self) -> str:
        if self.stated is None:
            return unsaid("%(method)s: no warm-up is stated.")
        if not self.short:
            return unsaid("%(method)s: the warm-up of %(stated)s bars is long enough.")
        return unsaid(
            "%(method)s: the warm-up of %(stated)s bars is too short: at bar %(index)s (%(time)s) the decision is "
            "%(full)s, with only so many bars it is %(part)s."
        )

    def _advice(self) -> str:
        if self.needed is None:
            return unsaid("No warm-up that these bars can show agreed: what happened long ago still decides.")
        return unsaid("%(needed)s bars agreed.")


def warm_ups(legs: Sequence[Leg], make: Make, setup: RunSetup, *, cuts: int = CUTS, seed: int = 0) -> list[WarmUp]:
    """One entry for each method that decides by itself: the column methods, else the plain form.

    Orders hang on fills, so that an event strategy without flags has none, nor has a plain one that listens to
    fills. Raises ``RuleError`` ``too_few_bars`` where a stated warm-up is longer than half of the bars.
    """
    return warm_ups_in(Market(legs, setup), make, cuts=cuts, seed=seed)


def warm_ups_in(market: Market, make: Make, *, cuts: int = CUTS, seed: int = 0) -> list[WarmUp]:
    """:func:`warm_ups` in a market that is there already."""
    strategy = make()
    cls, stated = type(strategy), _stated(strategy)
    market.check(cls)
    columns = [name for name in market.columns if overrides(cls, name)]
    plain = not columns and overrides(cls, "generate_signals") and not overrides(cls, "on_order_update")
    if stated is not None and (columns or plain) and stated > len(market) // 2:
        given = {"stated": stated, "least": 2 * stated, "bars": len(market)}
        text = say("A warm-up of %(stated)s bars takes at least %(least)s bars to check, there are %(bars)s.", **given)
        raise RuleError("too_few_bars", text)
    random = np.random.default_rng(seed)
    if plain:
        return [_of_plain(market, make, stated, cuts, random)]
    trials = [_Columns(market.legs[0].bars, make, name, cuts * SAMPLES, random) for name in columns]
    return [trial.warm_up(stated) for trial in trials]


def _stated(strategy: BaseStrategy) -> int | None:
    return strategy.warm_up() if overrides(type(strategy), "warm_up") else None


def _decider(make: Make, name: str) -> Decide:
    """The column method of a new strategy."""
    strategy = make()
    strategy.random = np.random.default_rng(0)
    strategy.initialize()
    method = getattr(strategy, name)
    return lambda bars: np.asarray(method(bars), dtype=np.float64)


class _Columns:
    """One column method on trial at some bars of the second half."""

    def __init__(self, bars: BarSeries, make: Make, name: str, samples: int, random: np.random.Generator, /) -> None:
        self._bars, self._name = bars, name
        self._decide = _decider(make, name)
        self._whole = self._decide(bars)
        self._places = self._chosen(samples, random)

    def warm_up(self, stated: int | None) -> WarmUp:
        """What is needed, and where the stated one is too short."""
        most = len(self._bars) // 2
        needed = _smallest(lambda length: self._unlike(length) is None, stated or 1, most)
        if needed is not None and needed > max(most * 3 // 4, stated or 0):
            needed = None  # nearly all that there is: chance, not a warm-up
        place = None if stated is None else self._unlike(stated)
        if stated is None or place is None:
            return WarmUp(self._name, stated, needed)
        full, part = (f"{value:.9g}" for value in (self._whole[place], self._late(place, stated)))
        return WarmUp(self._name, stated, needed, place, int(self._bars.start[place]), full, part)

    def _chosen(self, samples: int, random: np.random.Generator) -> Places:
        """Half of the samples where the decision changed, the rest anywhere."""
        half = len(self._whole) // 2
        changed = np.flatnonzero(~alike(self._whole[1:], self._whole[:-1])) + 1
        chosen = random.permutation(changed[changed >= half])[: samples // 2]
        return np.concatenate((chosen, random.integers(half, len(self._whole), samples - len(chosen))))

    def _late(self, place: int, length: int) -> float:
        """The decision at a bar with a window of so many bars."""
        return float(self._decide(self._bars.take(slice(place + 1 - length, place + 1)))[-1])

    def _unlike(self, length: int) -> int | None:
        """The first place at which a window of that length decides otherwise."""
        for place in self._places.tolist():
            if not alike(self._whole[place], self._late(place, length)):
                return int(place)
        return None


def _smallest(agrees: Callable[[int], bool], first: int, most: int) -> int | None:
    """The smallest length that agrees, searched up from ``first``, then down by halves; None if none up to ``most``."""
    low, high = 0, min(first, most)
    while not agrees(high):
        if high == most:
            return None
        low, high = high, min(2 * high, most)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if agrees(middle) else (middle, high)
    return high


def _of_plain(market: Market, make: Make, stated: int | None, cuts: int, random: np.random.Generator, /) -> WarmUp:
    """Start later at random bars of the first half; decisions are compared bar by bar."""
    whole = _decisions(market, make)
    needed, worst = 1, (0, "", "")
    for begin in random.integers(1, max(2, len(market) // 2), cuts).tolist():
        late = _decisions(market.since(begin), make)
        place = _last_unlike(market.clock[begin:], whole, late)
        if place is not None and place + 2 > needed:
            start = int(market.clock[begin + place])
            needed, worst = place + 2, (begin + place, whole.get(start, say("none")), late.get(start, say("none")))
    settled = needed if needed <= len(market) // 4 else None
    if stated is None or stated >= needed:
        return WarmUp("generate_signals", stated, settled)
    index, full, part = worst
    return WarmUp("generate_signals", stated, settled, index, int(market.clock[index]), full, part)


def _decisions(market: Market, make: Make) -> dict[int, str]:
    """The decisions of a run by the start of their bar."""
    found: dict[int, list[Decision]] = {}
    for decision in market.run(make, Form.PLAIN).log.decisions:
        found.setdefault(decision.start, []).append(decision)
    return {start: "; ".join(decision.text for decision in made) for start, made in found.items()}


def _last_unlike(starts: npt.NDArray[np.int64], whole: dict[int, str], late: dict[int, str]) -> int | None:
    """The place among ``starts`` of the last bar on which only one of the runs decided, or both otherwise."""
    unlike = [start for start in {*whole, *late} if start >= starts[0] and whole.get(start) != late.get(start)]
    return int(np.searchsorted(starts, max(unlike))) if unlike else None
