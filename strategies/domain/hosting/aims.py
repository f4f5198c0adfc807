"""What the signals of an instance aim at on each leg, and what stands between that and its executor.

A target waits while its leg's market is shut or the leg rolls. While the instance is paused the executor hears only of
the part that reduces; flattened, it is dropped, and what is held goes out at the market as soon as nothing else works.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from marketdata.domain.ticks import Tick
from strategies.domain.hosting.executor import Executor, MarketExecutor
from strategies.domain.hosting.intents import Cause, Place, Sent
from strategies.domain.hosting.legs import LegState
from strategies.domain.hosting.news import News
from strategies.domain.hosting.outbox import Outbox, Working
from strategies.domain.hosting.sight import Spread


class Wish(NamedTuple):
    """``lots`` (signed) are wanted since ``at``, when the price was ``price``."""

    lots: int
    at: int
    price: float


class Aims:
    """The targets of all legs; ``waiting`` ones go out when their market opens, ``held_back`` ones at a resumption."""

    def __init__(self, legs: Sequence[LegState], outbox: Outbox, make: Callable[[], Executor]) -> None:
        self.executor = make()
        self.closer = MarketExecutor(outbox.next_number, standing=True)
        self.waiting: dict[int, Wish] = {}
        self.held_back: dict[int, Wish] = {}
        self.paused = False
        self.flattening = False
        self._legs, self._outbox = legs, outbox

    def aim(self, leg: int, wish: Wish) -> None:
        """From now on this is wanted of a leg."""
        state = self._legs[leg]
        if state.shut or state.rolling:
            self.waiting[leg] = wish
            return
        self.waiting.pop(leg, None)
        lots = wish.lots
        if self.paused:
            self.held_back[leg] = wish
            lots = _nearer(lots, state.lots.net)
        if not self.flattening:
            self._send(self.executor.want(leg, lots, state.lots.net, wish.at, wish.price))

    def on_open(self, leg: int, now: int) -> None:
        """The leg's market goes on."""
        wish = self.waiting.get(leg)
        if wish is not None:
            self.aim(leg, wish)
        self._unwind(leg, now)

    def on_tick(self, leg: int, tick: Tick) -> None:
        """A sound tick of a leg that does not roll."""
        self._send(self.executor.on_tick(leg, tick, self._legs[leg].lots.net))
        if self.flattening:
            self._unwind(leg, tick.time)

    def listens(self, leg: int) -> bool:
        """Whether a tick may lead to anything."""
        return self.flattening or leg in self.waiting or self.executor.goal(leg) is not None

    def on_clock(self, now: int) -> None:
        """Time has passed."""
        self._send(self.executor.on_clock(now))

    def on_news(self, order: Working, news: News) -> None:
        """News of an order that a target or the flattening led to, or of any that stood in the flattening's way."""
        leg, cause = order.place.leg, order.place.cause
        if cause is Cause.FLATTEN:
            self.closer.on_news(news, self._legs[leg].lots.net)
        elif not order.place.own and cause is not Cause.ROLL:
            self._send(self.executor.on_news(news, self._legs[leg].lots.net))
        if self.flattening and cause is not Cause.FLATTEN:  # what is left of a way out goes on with the next tick
            self._unwind(leg, news.at)

    def pause(self, now: int) -> None:
        """Go on after what reduces only."""
        self.paused = True
        for leg, state in enumerate(self._legs):
            goal = self.executor.goal(leg)
            if goal is not None:
                self.aim(leg, Wish(goal, now, state.last))

    def resume(self, now: int) -> None:
        """Go after everything again: what was decided meanwhile included, what was flattened not."""
        self.paused = self.flattening = False
        wishes, self.held_back = self.held_back, {}
        for leg, wish in wishes.items():
            self.aim(leg, wish._replace(at=max(now, wish.at)))
        for leg in range(len(self._legs)):
            self.closer.drop(leg)

    def flatten(self, now: int) -> None:
        """Nothing is wanted any more, and nothing is to be held."""
        self.paused = self.flattening = True
        self.waiting.clear()
        self.held_back.clear()
        for leg in range(len(self._legs)):
            self._send(self.executor.drop(leg))
        for leg in range(len(self._legs)):
            self._unwind(leg, now)

    def take_off(self, leg: int, now: int) -> None:
        """The leg begins to roll: its target waits until that is over."""
        goal = self.executor.goal(leg)
        if goal is not None:
            self.waiting.setdefault(leg, Wish(goal, now, self._legs[leg].last))
            self._send(self.executor.drop(leg))

    def move(self, leg: int, spread: Spread) -> None:
        """The leg trades another contract: what waits was decided at the old one's prices."""
        self.executor.moved(leg, self._legs[leg].terms)
        for wishes in (self.waiting, self.held_back):
            if leg in wishes:
                wishes[leg] = wishes[leg]._replace(price=spread.moved(wishes[leg].price))

    def forget(self, make: Callable[[], Executor]) -> None:
        """Begin anew with another executor."""
        self.executor = make()
        self.waiting.clear()

    def _send(self, sent: Sequence[Sent]) -> None:
        if sent:
            self._outbox.send(sent)

    def _unwind(self, leg: int, now: int) -> None:
        """Close what is held once nothing works on the leg: an order under way could close the same lots again."""
        state = self._legs[leg]
        if not self.flattening or state.shut or state.rolling or self._outbox.on_leg(leg):
            return
        if state.lots.net:
            sent = self.closer.want(leg, 0, state.lots.net, now, state.last)
            self._send([each._replace(cause=Cause.FLATTEN) if isinstance(each, Place) else each for each in sent])


def _nearer(lots: int, held: int) -> int:
    """Of the way from ``held`` to ``lots`` the part that reduces."""
    return int(math.copysign(min(max(lots * (1 if held > 0 else -1), 0), abs(held)), held)) if held else 0
