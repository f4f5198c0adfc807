"""How a target becomes orders: the protocol of an execution, and the plain one, which goes to the market at once.

An executor is a pure state machine of one instance. It gives orders and withdrawals, numbers them from the host's own
sequence, and is told of its orders only. What it is after outlives a restart by its document.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from marketdata.domain.ticks import Tick
from quantsite.common.times import NS_PER_SECOND
from strategies.domain.hosting.intents import Cause, Place, Sent, Withdraw
from strategies.domain.hosting.news import NOT_NOW, News, NewsKind
from strategies.domain.hosting.terms import LegTerms
from trading.domain.offsets import Direction
from trading.domain.order import OrderType

NOTHING: list[Sent] = []
"""Given where nothing is to be done; never added to."""

RETRY_AFTER = 5 * NS_PER_SECOND
"""Market time between two attempts of which the first filled nothing; it doubles from one to the next."""
_DOUBLINGS = 6
SAME_AFTER = 30 * NS_PER_SECOND
"""Market time for which a target that was refused is not asked for again, however often a strategy repeats it."""


def pause_after(tries: int) -> int:
    """Market time (ns) to wait after so many attempts in a row that filled nothing: from 5 seconds to 5 minutes."""
    return RETRY_AFTER << min(max(tries - 1, 0), _DOUBLINGS)


Numbers = Callable[[], int]
"""Gives the next number of the instance's orders."""


class Executor(Protocol):
    """Works the targets of all legs of one instance; lots are signed, instants market time in ns UTC.

    Every call gives what is to be sent now; news come for numbers that it gave out itself. An executor that has
    reached a target, or was refused it, is after nothing more on that leg: :meth:`goal` is None.
    """

    def want(self, leg: int, target: int, held: int, at: int, decision_price: float) -> list[Sent]:
        """From now on ``target`` lots of a leg are wanted, of which ``held`` are there. Replaces the target before."""
        ...

    def goal(self, leg: int) -> int | None:
        """The lots that it is working towards, None where it is after nothing."""
        ...

    def drop(self, leg: int) -> list[Sent]:
        """Nothing is wanted of a leg any more: what works is taken back, and its news are still told."""
        ...

    def moved(self, leg: int, terms: LegTerms) -> None:
        """The leg trades another contract from now on; prices of the one before mean nothing any more."""
        ...

    def on_tick(self, leg: int, tick: Tick, held: int) -> list[Sent]:
        """A sound tick of a leg."""
        ...

    def on_clock(self, now: int) -> list[Sent]:
        """Time has passed."""
        ...

    def on_news(self, news: News, held: int) -> list[Sent]:
        """News of one of its orders; ``held`` is what the order's leg holds after it."""
        ...

    def document(self) -> dict[str, Any]:
        """All that :meth:`restore` needs, as JSON takes it (floats that are no number too: the host writes them)."""
        ...

    def restore(self, document: dict[str, Any]) -> None:
        """Go on from :meth:`document`."""
        ...


class RollAlgo(Protocol):
    """Takes a leg from its contract to the next, step by step; its orders carry ``Cause.ROLL``.

    It is made with the numbers, the leg and both codes; orders to the new contract name it in ``Place.contract``.
    """

    @property
    def done(self) -> bool:
        """Nothing works any more and nothing more is wanted: the leg trades :attr:`contract` from now on."""
        ...

    @property
    def contract(self) -> str:
        """Where the leg stands when it is done: the new contract, or the old one where that could not be left."""
        ...

    def retarget(self, wanted: int, at: int) -> list[Sent]:
        """While it works: so many lots are wanted in the end, instead of those that it began with."""
        ...

    def begin(self, held: int, at: int) -> list[Sent]:
        """Nothing else works on the leg: move ``held`` lots (signed; 0 is done at once)."""
        ...

    def on_tick(self, tick: Tick) -> list[Sent]:
        """A sound tick of either contract."""
        ...

    def on_clock(self, now: int) -> list[Sent]:
        """Time has passed."""
        ...

    def on_news(self, news: News) -> list[Sent]:
        """News of one of its orders."""
        ...

    def document(self) -> dict[str, Any]:
        """All that whoever makes it anew needs."""
        ...


MakeExecutor = Callable[[Sequence[LegTerms], Numbers], Executor]


@dataclass(slots=True)
class Aim:
    """What the market executor is after on one leg; ``target`` is None once it was dropped.

    ``number`` is the order under way, 0 for none; ``left`` are its lots not filled yet (signed), ``filled`` those that
    are. No attempt is made before ``not_before``. ``tries`` in a
    row filled nothing. ``revised``: the order was asked back for another one.
    """

    target: int | None
    price: float
    at: int
    number: int = 0
    left: int = 0
    filled: int = 0
    not_before: int = 0
    tries: int = 0
    revised: bool = False


class MarketExecutor:
    """The gap goes out as one market order; what the book does not fill is sent again with the leg's next tick.

    One order a leg is under way at a time; another target asks it back and goes out when it is gone. A rejection drops
    the target until the next signal, as in a backtest, unless it only says "not now". With ``standing`` a target that
    is reached goes on pulling (as the backtest on ticks has it), without it is done with (as on bars).
    """

    def __init__(self, numbers: Numbers, *, standing: bool = False) -> None:
        self._numbers = numbers
        self._standing = standing
        self._aims: dict[int, Aim] = {}
        self._legs: dict[int, int] = {}
        self._refused: dict[int, tuple[int, int]] = {}

    def want(self, leg: int, target: int, held: int, at: int, decision_price: float) -> list[Sent]:
        """Replace the leg's target; at once, unless an order is under way or the same was refused just now."""
        refused = self._refused.get(leg)
        if refused is not None and refused[0] == target and at - refused[1] < SAME_AFTER:
            return NOTHING
        self._refused.pop(leg, None)
        before = self._aims.get(leg)
        aim = Aim(target, decision_price, at)
        if before is not None and before.number:
            return self._revise(leg, aim, before, held)
        if target == held and not self._standing:
            self._aims.pop(leg, None)
            return NOTHING
        if before is not None and before.target == target:
            aim.not_before, aim.tries = before.not_before, before.tries
        self._aims[leg] = aim
        return self._send(leg, aim, held, at)

    def _revise(self, leg: int, aim: Aim, before: Aim, held: int) -> list[Sent]:
        """Another target while an order is under way: it is asked back, unless it is what is missing now too."""
        aim.number, aim.left, aim.filled, aim.revised = before.number, before.left, before.filled, before.revised
        self._aims[leg] = aim
        if aim.revised or aim.target == held + aim.left:
            return NOTHING
        aim.revised = True
        return [Withdraw(aim.number)]

    def goal(self, leg: int) -> int | None:
        """The target, None where there is none."""
        aim = self._aims.get(leg)
        return None if aim is None else aim.target

    def drop(self, leg: int) -> list[Sent]:
        """Forget the target; a market order under way ends by itself."""
        aim = self._aims.get(leg)
        if aim is not None and aim.number:
            aim.target = None
        else:
            self._aims.pop(leg, None)
        return NOTHING

    def moved(self, leg: int, terms: LegTerms) -> None:
        """A market order needs no prices."""

    def on_tick(self, leg: int, tick: Tick, held: int) -> list[Sent]:
        """Send what is missing, where the other side displays anything."""
        aim = self._aims.get(leg)
        if aim is None or aim.number or aim.target is None or aim.target == held:
            return NOTHING
        displayed, price = (tick.ask_volume, tick.ask_price) if aim.target > held else (tick.bid_volume, tick.bid_price)
        if displayed <= 0 or math.isnan(price):
            return NOTHING
        return self._send(leg, aim, held, tick.time)

    def on_clock(self, now: int) -> list[Sent]:  # noqa: ARG002 - the market is met on ticks
        """Nothing."""
        return NOTHING

    def on_news(self, news: News, held: int) -> list[Sent]:
        """Take note; what is still missing goes out with the next tick."""
        leg = self._legs.get(news.number)
        aim = None if leg is None else self._aims.get(leg)
        if leg is None or aim is None or aim.number != news.number or news.kind is NewsKind.ACCEPTED:
            return NOTHING
        if news.kind is NewsKind.FILLED:
            aim.left -= news.lots if aim.left > 0 else -news.lots
            aim.filled += news.lots
            if aim.left:
                return NOTHING
        return self._ended(leg, aim, news, held)

    def _ended(self, leg: int, aim: Aim, news: News, held: int) -> list[Sent]:
        del self._legs[aim.number]
        revised = aim.revised and news.kind is NewsKind.CANCELLED
        refused = news.kind is NewsKind.REJECTED and news.reason not in NOT_NOW
        aim.tries = aim.tries + 1 if not aim.filled and not revised else 0
        if aim.tries:
            aim.not_before = news.at + pause_after(aim.tries)
        aim.number, aim.left, aim.filled, aim.revised = 0, 0, 0, False
        if refused and aim.target is not None:
            self._refused[leg] = (aim.target, news.at)
        if refused or aim.target is None or (aim.target == held and not self._standing):
            del self._aims[leg]
            return NOTHING
        return self._send(leg, aim, held, news.at) if revised else NOTHING

    def _send(self, leg: int, aim: Aim, held: int, now: int) -> list[Sent]:
        gap = 0 if aim.target is None else aim.target - held
        if not gap or aim.number or now < aim.not_before:
            return NOTHING
        aim.number, aim.left, aim.filled = self._numbers(), gap, 0
        self._legs[aim.number] = leg
        side = Direction.BUY if gap > 0 else Direction.SELL
        return [Place(aim.number, leg, side, OrderType.MARKET, abs(gap), math.nan, aim.price, aim.at, Cause.TARGET)]

    def document(self) -> dict[str, Any]:
        """Targets by leg, and what was refused."""
        return {
            "aims": [[leg, asdict(aim)] for leg, aim in self._aims.items()],
            "refused": [[leg, *row] for leg, row in self._refused.items()],
        }

    def restore(self, document: dict[str, Any]) -> None:
        """Go on from :meth:`document`."""
        self._aims = {leg: Aim(**aim) for leg, aim in document["aims"]}
        self._legs = {aim.number: leg for leg, aim in self._aims.items() if aim.number}
        self._refused = {leg: (target, at) for leg, target, at in document["refused"]}
