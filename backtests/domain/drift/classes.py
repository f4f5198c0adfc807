"""Why a difference is there: each gets one class, by the first rule that fits it.

The rules are tried in the order of :data:`RULES`, what is certain (other code, a recorded refusal) before what is
likely. A difference that none fits by itself may *follow* an earlier one of its leg: as long as the two sides hold
other lots or aim at another target than one another, what they do next differs because of that. What is left is
unexplained, and somebody has to look.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate

from backtests.domain.drift.comparison import Compared, Difference, How, What, compare, same
from backtests.domain.drift.records import Circumstances, DayRecord, FillFact, Happening, OrderFact, SignalFact
from quantsite.common.texts import unsaid
from trading.domain.risk.switches import STOPPED


class Cause(StrEnum):
    """The classes; :data:`RULES` says of each when it is given."""

    SOURCE = "source"
    PARAMETERS = "parameters"
    ROLL = "roll"
    SWITCH = "switch"
    REFUSED = "refused"
    BY_HAND = "by_hand"
    PAUSED = "paused"
    LATE = "late"
    DATA = "data"
    LATENCY = "latency"
    QUEUE = "queue"
    UNEXPLAINED = "unexplained"


TAKING = frozenset({"market", "best", "fak", "fok", "stop"})
"""Types that are filled out of the displayed book when they arrive, and never wait in it."""


@dataclass(frozen=True, slots=True)
class Day:
    """What a rule may look at."""

    live: DayRecord
    replayed: DayRecord
    known: Circumstances

    def within(self, kind: Happening, found: Difference) -> bool:
        """Whether it happened while ``kind`` went on, on its leg."""
        return any(
            span.kind == kind and span.since <= found.at <= span.until and span.leg in {None, found.leg}
            for span in self.known.spans
        )


def _source(_found: Difference, day: Day) -> bool:
    ours, theirs = day.live.source_hash, day.replayed.source_hash
    return bool(ours and theirs) and ours != theirs


def _parameters(found: Difference, day: Day) -> bool:
    return day.within(Happening.PARAMETERS, found)


def _roll(found: Difference, day: Day) -> bool:
    return _caused(found, "roll") or day.within(Happening.ROLL, found)


def _switch(found: Difference, day: Day) -> bool:
    ours = found.order[0]
    refused = ours is not None and ours.refused == STOPPED
    return refused or (found.how == How.MISSING and found.what != What.SIGNAL and day.within(Happening.SWITCH, found))


def _refused(found: Difference, _day: Day) -> bool:
    return any(order is not None and order.refused for order in found.order)


def _by_hand(found: Difference, _day: Day) -> bool:
    ours = found.order[0]
    return _caused(found, "flatten") or (ours is not None and ours.withdrawn)


def _paused(found: Difference, day: Day) -> bool:
    return found.what != What.SIGNAL and day.within(Happening.PAUSED, found)


def _late(found: Difference, day: Day) -> bool:
    flagged = isinstance(found.live, SignalFact) and found.live.late
    return flagged or day.within(Happening.GAP, found)


def _data(found: Difference, day: Day) -> bool:
    return day.within(Happening.DATA, found)


def _latency(found: Difference, _day: Day) -> bool:
    if isinstance(found.live, OrderFact) and isinstance(found.replayed, OrderFact):
        return found.fields == ("decided_at",) and found.live.decided_at > found.replayed.decided_at
    if isinstance(found.live, FillFact) and isinstance(found.replayed, FillFact):
        return _takes(found) and found.live.at > found.replayed.at
    return False


def _queue(found: Difference, _day: Day) -> bool:
    ours, theirs = found.order
    alike = ours is not None and theirs is not None and ours.lots == theirs.lots and same(ours.price, theirs.price)
    return found.what == What.FILL and alike


def _caused(found: Difference, cause: str) -> bool:
    return any(order is not None and order.cause == cause for order in found.order)


def _takes(found: Difference) -> bool:
    ours = found.order[0]
    return ours is not None and ours.type in TAKING


Rule = tuple[Cause, Callable[[Difference, Day], bool], str]

RULES: tuple[Rule, ...] = (
    (Cause.SOURCE, _source, unsaid("The code that decided live is not the code that was run on the recorded data.")),
    (Cause.PARAMETERS, _parameters, unsaid("It decided by parameters that were changed during the day.")),
    (Cause.ROLL, _roll, unsaid("The order moved a position into the next contract, or went out while one was moved.")),
    (Cause.SWITCH, _switch, unsaid("A kill switch was down: the order was refused or never sent.")),
    (Cause.REFUSED, _refused, unsaid("Risk, funds or the exchange refused the order on one side.")),
    (Cause.BY_HAND, _by_hand, unsaid("Somebody flattened the strategy or took its order back by hand.")),
    (Cause.PAUSED, _paused, unsaid("The strategy was paused or stopped: it decided and placed nothing that opens.")),
    (Cause.LATE, _late, unsaid("It was decided late: the host was away, started again or had fallen behind.")),
    (Cause.DATA, _data, unsaid("The live feed had another bar than the recording, within what the strategy looks at.")),
    (
        Cause.LATENCY,
        _latency,
        unsaid("The same order reached the exchange later than in the run, and met a later tick."),
    ),
    (
        Cause.QUEUE,
        _queue,
        unsaid("The same order, filled otherwise: others were ahead of it or took what was displayed."),
    ),
)

UNEXPLAINED_TEXT = unsaid("No rule explains it.")
SENTENCES: dict[Cause, str] = {cause: text for cause, _fits, text in RULES} | {Cause.UNEXPLAINED: UNEXPLAINED_TEXT}
"""What each class says, as a template to be said in the reader's language."""


@dataclass(frozen=True, slots=True)
class Explained:
    """A difference and its class; with ``follows`` it has it from an earlier difference of its leg."""

    difference: Difference
    cause: Cause
    follows: bool = False


@dataclass(frozen=True, slots=True)
class Drift:
    """A whole day: how many rows were alike, and each difference with its class."""

    alike: dict[What, int]
    rows: tuple[Explained, ...]

    @property
    def unexplained(self) -> int:
        """How many differences somebody has to look at."""
        return sum(row.cause == Cause.UNEXPLAINED for row in self.rows)

    @property
    def passed(self) -> bool:
        """Everything is explained, and both sides were the same code."""
        return not any(row.cause in {Cause.UNEXPLAINED, Cause.SOURCE} for row in self.rows)

    @property
    def counts(self) -> dict[str, int]:
        """Differences by class; classes without any are absent."""
        return {cause.value: count for cause in Cause if (count := sum(row.cause == cause for row in self.rows))}

    @property
    def costs(self) -> dict[str, float]:
        """Yuan by which the day ended worse live, by class, of the classes that have differences."""
        names = self.counts
        return {name: sum(row.difference.cost for row in self.rows if row.cause == name) for name in names}

    @property
    def cost(self) -> float:
        """Yuan by which the day ended worse live than in the run, before commission."""
        return sum(row.difference.cost for row in self.rows)


def drift(live: DayRecord, replayed: DayRecord, known: Circumstances) -> Drift:
    """Compare the two sides of a day and explain what differs."""
    compared = compare(live, replayed, known)
    day = Day(live, replayed, known)
    return Drift(compared.alike, tuple(_explained(compared, day)))


def _explained(compared: Compared, day: Day) -> Iterable[Explained]:
    paths = [_Apart(day, leg) for leg in range(len(day.known.legs))]
    for found in compared.differences:
        path = paths[found.leg]
        own = next((cause for cause, fits, _text in RULES if fits(found, day)), None)
        cause = own or path.since(found) or Cause.UNEXPLAINED
        path.note(found, cause)
        yield Explained(found, cause, follows=own is None and cause != Cause.UNEXPLAINED)


class _Apart:
    """Whether the two sides of a leg stand apart at an instant, and what drove them apart."""

    def __init__(self, day: Day, leg: int) -> None:
        self._held = [_Held(side, leg) for side in (day.live, day.replayed)]
        self._targets = [_Aim(side, leg) for side in (day.live, day.replayed)]
        self._cause: Cause | None = None
        self._order: dict[tuple[int, int], Cause] = {}

    def since(self, found: Difference) -> Cause | None:
        """The class that ``found`` has from an earlier difference; None where it has none."""
        own_order = self._order.get(_key(found)) if found.what == What.FILL else None
        if own_order is not None:
            return own_order
        return self._cause if self._cause is not None and self._apart(found.at) else None

    def note(self, found: Difference, cause: Cause) -> None:
        """A difference was given its class: what comes next may follow from it."""
        if found.what == What.ORDER:
            self._order[_key(found)] = cause
        if self._cause is None or not self._apart(found.at):
            self._cause = cause

    def _apart(self, at: int) -> bool:
        held = [side.before(at) for side in self._held]
        aims = [side.before(at) for side in self._targets]
        return held[0] != held[1] or not same(*aims)


def _key(found: Difference) -> tuple[int, int]:
    ours, theirs = found.order
    return (ours.number if ours else 0, theirs.number if theirs else 0)


class _Held:
    """The lots of one side over the day."""

    def __init__(self, side: DayRecord, leg: int) -> None:
        orders = {order.number: order for order in side.orders if order.leg == leg}
        fills = [fill for fill in side.fills if fill.number in orders]
        self._at = [fill.at for fill in fills]
        begun = side.positions[leg] if leg < len(side.positions) else 0
        moves = (int(orders[fill.number].direction) * fill.lots for fill in fills)
        self._lots = list(accumulate(moves, initial=begun))

    def before(self, at: int) -> int:
        """Lots held just before an instant."""
        return self._lots[bisect_left(self._at, at)]


class _Aim:
    """The target of one side over the day."""

    def __init__(self, side: DayRecord, leg: int) -> None:
        signals = [signal for signal in side.signals if signal.leg == leg]
        self._at = [signal.decided_at for signal in signals]
        self._targets = [float("nan"), *(signal.target for signal in signals)]

    def before(self, at: int) -> float:
        """The target up to and with an instant: an order follows the signal of its own instant."""
        return self._targets[bisect_left(self._at, at + 1)]
