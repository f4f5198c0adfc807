"""Two legs that belong together: neither may be filled without the other for longer than a moment.

A leg's share is what it has done of what it was to do. While one leg's share runs ahead of the other's by a lot or
more, the pair is exposed and a timer runs. When it ends the leg behind is completed at the market, or what the leg in
front has too much is undone; where one leg is refused, the other is undone.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from math import nan
from typing import Any, NamedTuple

from quantsite.common.texts import Kept, kept, respoken, stored
from strategies.domain.execution.plan import PairPlan
from strategies.domain.execution.policies import NS
from strategies.domain.execution.worker import LegWorker
from strategies.domain.hosting.intents import Sent


class Exposed(NamedTuple):
    """``lots`` of a leg stand without their counterpart since ``since`` (ns UTC)."""

    since: int
    lots: int


class PairState(StrEnum):
    """Where the two legs stand to one another."""

    IDLE = "idle"
    """Nothing is wanted of both legs."""
    EVEN = "even"
    EXPOSED = "exposed"
    COMPLETING = "completing"
    """The timer has ended: the leg behind takes what is offered until both are even."""
    UNDOING = "undoing"
    """What the leg in front has too much is closed at the market."""
    ENDED = "ended"
    """Undone, or refused on both legs: nothing is sent until there are new targets."""
    FAILED = "failed"
    """What stands without its counterpart could not be undone: somebody must look."""


P = PairState

MOVES: Mapping[PairState, frozenset[PairState]] = {
    P.IDLE: frozenset({P.EVEN}),
    P.EVEN: frozenset({P.EXPOSED, P.UNDOING, P.ENDED, P.IDLE}),
    P.EXPOSED: frozenset({P.EVEN, P.COMPLETING, P.UNDOING, P.IDLE}),
    P.COMPLETING: frozenset({P.EVEN, P.UNDOING, P.IDLE}),
    P.UNDOING: frozenset({P.ENDED, P.FAILED, P.EVEN, P.IDLE}),
    P.ENDED: frozenset({P.EVEN, P.IDLE}),
    P.FAILED: frozenset({P.EVEN, P.IDLE, P.ENDED}),
}
"""Which state may follow which; new targets lead from every state to ``even``, or to ``idle`` where they ask for one
leg only."""


class Pair:
    """Watches over two workers; all volumes are signed lots."""

    def __init__(self, plan: PairPlan, workers: Sequence[LegWorker]) -> None:
        self.plan = plan
        self.state = PairState.IDLE
        self._workers = (workers[0], workers[1])
        self._start = [0, 0]
        self._total = [0, 0]
        self._decision = [nan, nan]
        self._since = 0
        self.reason_stored: Any = None
        """The reason as ``quantsite.common.texts.stored`` wrote it."""

    @property
    def exposed(self) -> Exposed | None:
        """What stands without its counterpart, None while the legs are even."""
        _ahead, lots = self._excess()
        return Exposed(self._since, lots) if lots and self._since else None

    @property
    def working(self) -> bool:
        """Whether its targets are still gone for."""
        if self.state in {PairState.EVEN, PairState.EXPOSED, PairState.COMPLETING}:
            return any(worker.held != self.target(leg) for leg, worker in enumerate(self._workers))
        return False

    @property
    def reason(self) -> str:
        """Why the pair was undone, in the language that is active; empty where it was not."""
        return respoken(self.reason_stored) if self.reason_stored is not None else ""

    def target(self, leg: int) -> int:
        """The position that a leg is to reach."""
        return self._start[leg] + self._total[leg]

    def stop(self) -> None:
        """Nothing is wanted any more: the legs stay where they are."""
        self._go(PairState.IDLE)
        self._total, self._since = [0, 0], 0

    def want(self, targets: Sequence[int], at: int, decision_prices: Sequence[float]) -> list[Sent]:
        """New targets for both legs; what is done counts from the positions of this moment."""
        self._start = [worker.held for worker in self._workers]
        self._total = [target - held for target, held in zip(targets, self._start, strict=True)]
        self._decision, self._since, self.reason_stored = list(decision_prices), 0, None
        both = all(self._total)
        self._go(PairState.EVEN if both else PairState.IDLE)
        if both and self.plan.first >= 0:
            return self._lead(at)
        return self._both(at)

    def look(self, now: int) -> list[Sent]:
        """After every event: what follows from where the legs stand now."""
        if self.state in {PairState.IDLE, PairState.ENDED, PairState.FAILED}:
            return []
        if self.state is PairState.UNDOING:
            return self._give_back(now)
        ahead, lots = self._excess()
        self._note_exposure(lots, now)
        if any(worker.refused for worker in self._workers):
            return self._undo(now, kept("One leg was refused, so the other was undone."))
        if lots and now - self._since >= self.plan.seconds * NS:
            return self._time_is_up(ahead, now)
        return self._follow(ahead, lots, now)

    def document(self) -> dict[str, Any]:
        """All of it as JSON takes it; the workers keep their own."""
        decision = [None if price != price else price for price in self._decision]  # noqa: PLR0124 - NaN
        return {
            "state": self.state.value, "start": self._start, "total": self._total, "decision": decision,
            "since": self._since, "reason": self.reason_stored,
        }  # fmt: skip

    def restore(self, document: Mapping[str, Any]) -> None:
        """What :meth:`document` wrote."""
        self.state = PairState(document["state"])
        self._start, self._total = list(document["start"]), list(document["total"])
        self._decision = [nan if price is None else price for price in document["decision"]]
        self._since, self.reason_stored = document["since"], document["reason"]

    def _go(self, state: PairState) -> None:
        if state is not self.state and state not in MOVES[self.state]:
            raise ValueError(f"a pair does not go from {self.state} to {state}")
        self.state = state

    def _done(self, leg: int) -> int:
        """Lots done towards the target; below 0 where the leg has gone the other way."""
        sign = 1 if self._total[leg] > 0 else -1
        return sign * (self._workers[leg].held - self._start[leg])

    def _excess(self) -> tuple[int, int]:
        """The leg in front, and its whole lots beyond the share of the other."""
        if not all(self._total):
            return 0, 0
        done, total = [self._done(0), self._done(1)], [abs(self._total[0]), abs(self._total[1])]
        ahead = 0 if done[0] * total[1] >= done[1] * total[0] else 1
        behind = 1 - ahead
        return ahead, (done[ahead] * total[behind] - done[behind] * total[ahead]) // total[behind]

    def _fair(self, leg: int) -> int:
        """The position of a leg at the share of the other one, never beyond its target.

        Parts of a lot are rounded up: a leg is then in front by less than a lot, and never a whole lot behind.
        """
        other = 1 - leg
        done = max(self._done(other), 0)
        lots = min(-(-done * abs(self._total[leg]) // abs(self._total[other])), abs(self._total[leg]))
        return self._start[leg] + (lots if self._total[leg] > 0 else -lots)

    def _note_exposure(self, lots: int, now: int) -> None:
        if not lots:
            self._since = 0
        elif not self._since:
            self._since = now
        if self.state is not PairState.COMPLETING:
            self._go(PairState.EXPOSED if lots else PairState.EVEN)

    def _both(self, at: int) -> list[Sent]:
        """Both legs go for their targets."""
        return [sent for leg in range(2) for sent in self._workers[leg].want(self.target(leg), at, self._decision[leg])]

    def _lead(self, at: int) -> list[Sent]:
        """The first leg goes, the other stays at its share until fills come."""
        first, other = self.plan.first, 1 - self.plan.first
        sent = self._workers[other].want(self._fair(other), at, self._decision[other])
        return sent + self._workers[first].want(self.target(first), at, self._decision[first])

    def _follow(self, ahead: int, lots: int, now: int) -> list[Sent]:
        """The second leg goes as far as the first one; a completed leg goes on as before."""
        if self.state is PairState.COMPLETING:
            if lots:
                return self._complete(ahead, now)
            self._go(PairState.EVEN)
            return self._lead(now) if self.plan.first >= 0 else self._both(now)
        if self.plan.first < 0:
            return []
        behind = 1 - self.plan.first
        return self._workers[behind].want(self._fair(behind), now, self._decision[behind])

    def _time_is_up(self, ahead: int, now: int) -> list[Sent]:
        if self.plan.then == "complete":
            return self._complete(ahead, now)
        return self._undo(now, kept("The other leg was not filled in time, so this one was undone."))

    def _complete(self, ahead: int, now: int) -> list[Sent]:
        """The leg in front stops, the one behind takes what is offered, up to the share of the other."""
        self._go(PairState.COMPLETING)
        behind = 1 - ahead
        return self._workers[ahead].drop(now) + self._workers[behind].take(self._fair(behind), now)

    def _undo(self, now: int, reason: Kept) -> list[Sent]:
        """Both legs stop where they are, and the leg in front gives back what it has too much."""
        self._go(PairState.UNDOING)
        self.reason_stored = stored(reason)
        return [sent for worker in self._workers for sent in worker.drop(now)] + self._give_back(now)

    def _give_back(self, now: int) -> list[Sent]:
        """A fill that comes while orders are withdrawn may put the other leg in front: it is looked at each time."""
        ahead, lots = self._excess()
        if lots:
            worker = self._workers[ahead]
            end = worker.held - (lots if self._total[ahead] > 0 else -lots)
            if not (worker.refused and worker.aim.target == end):
                return worker.take(end, now)
            self._go(PairState.FAILED)
        elif not any(worker.slot.busy for worker in self._workers):
            self._go(PairState.ENDED)
        return []
