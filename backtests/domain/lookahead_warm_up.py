"""Is the stated warm-up long enough? Start the strategy later and see when its decisions are the same.

``warm_up()`` promises that bars older than so many change no decision. A column method (``target_positions``,
``flags``) is asked for single decisions with windows of just that length, as the plain form and the live feed ask
it; the bars on which its decision changed are tried first, as they are the ones that a little matters to. A plain
strategy is started anew at random bars, and every decision from its warm-up on must be that of the whole run.

The smallest warm-up that agreed is found by trying. It is a fact of these bars, not a proof: other bars may need
a longer one. So a stated warm-up that is longer is no fault.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from backtests.domain import engine
from backtests.domain.engine import RunConfig
from backtests.domain.lookahead import CUTS, TOLERANCE, Make, clock_time
from backtests.domain.lookahead_watch import Decision, watch
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


def warm_ups(bars: BarSeries, make: Make, config: RunConfig, *, cuts: int = CUTS, seed: int = 0) -> list[WarmUp]:
    """One entry for each method that decides by itself: the column methods, else the plain form.

    An event strategy without flags has none: its orders hang on its fills. Raises ``RuleError`` ``too_few_bars``
    where a stated warm-up is longer than half of the bars.
    """
    strategy = make()
    stated = _stated(strategy)
    if stated is not None and stated > len(bars) // 2:
        given = {"stated": stated, "least": 2 * stated, "bars": len(bars)}
        text = say("A warm-up of %(stated)s bars takes at least %(least)s bars to check, there are %(bars)s.", **given)
        raise RuleError("too_few_bars", text)
    random = np.random.default_rng(seed)
    cls = type(strategy)
    columns = [name for name in ("target_positions", "flags") if overrides(cls, name)]
    if not columns and overrides(cls, "on_market_data"):
        plain = replace(config, form=Form.PLAIN, close_at_end=False)
        return [_of_plain(bars, make, plain, stated, cuts=cuts, random=random)]
    samples = cuts * SAMPLES
    return [_of_column(bars, _decider(make, name), name, stated, samples=samples, random=random) for name in columns]


def _stated(strategy: BaseStrategy) -> int | None:
    return strategy.warm_up() if overrides(type(strategy), "warm_up") else None


def _decider(make: Make, name: str) -> Decide:
    """The column method of a new strategy."""
    strategy = make()
    strategy.random = np.random.default_rng(0)
    strategy.initialize()
    method = getattr(strategy, name)
    return lambda bars: np.asarray(method(bars), dtype=np.float64)


def _of_column(
    bars: BarSeries, decide: Decide, name: str, stated: int | None, *, samples: int, random: np.random.Generator
) -> WarmUp:
    whole = decide(bars)
    places = _places(whole, samples, random)

    def disagreeing(length: int) -> int | None:
        """The first place at which a window of that length decides otherwise."""
        for place in places.tolist():
            if not _alike(whole[place], decide(bars.take(slice(place + 1 - length, place + 1)))[-1]):
                return int(place)
        return None

    most = len(bars) // 2
    needed = _smallest(lambda length: disagreeing(length) is None, stated or 1, most)
    if needed is not None and needed > max(most * 3 // 4, stated or 0):
        needed = None  # nearly all that there is: chance, not a warm-up
    place = None if stated is None else disagreeing(stated)
    if stated is None or place is None:
        return WarmUp(name, stated, needed)
    short = decide(bars.take(slice(place + 1 - stated, place + 1)))[-1]
    return WarmUp(name, stated, needed, place, int(bars.start[place]), f"{whole[place]:.9g}", f"{short:.9g}")


def _places(whole: npt.NDArray[np.float64], samples: int, random: np.random.Generator) -> Places:
    """Bars of the second half: half of the samples where the decision changed, the rest anywhere."""
    half = len(whole) // 2
    changed = np.flatnonzero(~np.isclose(whole[1:], whole[:-1], equal_nan=True)) + 1
    changed = changed[changed >= half]
    chosen = random.permutation(changed)[: samples // 2]
    return np.concatenate((chosen, random.integers(half, len(whole), samples - len(chosen))))


def _alike(first: float, second: float) -> bool:
    return bool(np.isclose(first, second, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True))


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


def _of_plain(
    bars: BarSeries, make: Make, config: RunConfig, stated: int | None, *, cuts: int, random: np.random.Generator
) -> WarmUp:
    """Start later at random bars of the first half; decisions are compared bar by bar."""
    whole = _decisions(bars, make, config)
    needed, worst = 1, (0, "", "")
    for begin in random.integers(1, max(2, len(bars) // 2), cuts).tolist():
        late = _decisions(bars.take(slice(begin, len(bars))), make, config)
        place = _last_unlike(bars.start[begin:], whole, late)
        if place is not None and place + 2 > needed:
            start = int(bars.start[begin + place])
            needed, worst = place + 2, (begin + place, whole.get(start, say("none")), late.get(start, say("none")))
    settled = needed if needed <= len(bars) // 4 else None
    if stated is None or stated >= needed:
        return WarmUp("on_market_data", stated, settled)
    index, full, part = worst
    return WarmUp("on_market_data", stated, settled, index, int(bars.start[index]), full, part)


def _decisions(bars: BarSeries, make: Make, config: RunConfig) -> dict[int, str]:
    """The decisions of a run by the start of their bar."""
    strategy = make()
    log = watch(strategy)
    engine.run(bars, strategy, config)
    found: dict[int, list[Decision]] = {}
    for decision in log.decisions:
        found.setdefault(decision.start, []).append(decision)
    return {start: "; ".join(decision.text for decision in made) for start, made in found.items()}


def _last_unlike(starts: npt.NDArray[np.int64], whole: dict[int, str], late: dict[int, str]) -> int | None:
    """The place among ``starts`` of the last bar on which only one of the runs decided, or both otherwise."""
    unlike = [start for start in {*whole, *late} if start >= starts[0] and whole.get(start) != late.get(start)]
    return int(np.searchsorted(starts, max(unlike))) if unlike else None
