"""The roll of a position from the old main contract to the new one: two legs, in slices, watched by a timer.

``wanted`` lots are to be held in both contracts together while the old one goes to nothing and the new one to
``wanted``. Of each slice one leg leads and the other follows its fills, lot by lot. Whatever is neither here nor there
is uncovered: a timer runs, and when it ends the legs are made even at the market before the next slice begins.
"""

from collections.abc import Mapping
from dataclasses import astuple
from enum import StrEnum
from math import isnan, nan
from typing import Any, Self

from marketdata.domain.ticks import Tick
from quantsite.common.texts import Kept, kept, respoken, stored
from strategies.domain.execution.plan import ExecutionPlan
from strategies.domain.execution.policies import NS
from strategies.domain.execution.roll_price import mean, price_gap
from strategies.domain.execution.worker import LegWorker, WorkerTerms
from strategies.domain.hosting.documents import MakeRoll
from strategies.domain.hosting.executor import Numbers, RollAlgo
from strategies.domain.hosting.intents import Cause, Place, Sent
from strategies.domain.hosting.news import News, NewsKind
from strategies.domain.hosting.terms import LegTerms
from trading.domain.offsets import Direction


class RollState(StrEnum):
    """Where a roll stands."""

    PLANNED = "planned"
    """Not begun: both contracts must be quoted first."""
    CLOSING = "closing"
    """The old contract's leg of a slice is at work."""
    OPENING = "opening"
    """The new contract's leg of a slice is at work."""
    EXPOSED = "exposed"
    """Lots were uncovered for too long, or no time is left: the slice is finished at the market."""
    UNDOING = "undoing"
    """A leg was refused: what stands without its counterpart is brought to an end as the policy says."""
    DONE = "done"
    FAILED = "failed"


R = RollState
MOVES: Mapping[RollState, frozenset[RollState]] = {
    R.PLANNED: frozenset({R.CLOSING, R.OPENING, R.EXPOSED, R.DONE, R.FAILED}),
    R.CLOSING: frozenset({R.OPENING, R.EXPOSED, R.UNDOING, R.DONE, R.FAILED}),
    R.OPENING: frozenset({R.CLOSING, R.EXPOSED, R.UNDOING, R.DONE, R.FAILED}),
    R.EXPOSED: frozenset({R.CLOSING, R.OPENING, R.UNDOING, R.DONE, R.FAILED}),
    R.UNDOING: frozenset({R.FAILED}),
    R.DONE: frozenset(),
    R.FAILED: frozenset(),
}
"""Which state may follow which."""

FINAL = frozenset({R.DONE, R.FAILED})


class Roll:
    """One roll of one leg. All volumes are signed lots, all instants market time in ns UTC.

    ``old`` and ``new`` name the contracts; orders carry the leg's ``number`` and the contract's code. From ``hurry_at``
    on everything goes at the market; at ``ends_at`` the old contract trades no more (0: never).
    Implements :class:`strategies.domain.hosting.executor.RollAlgo`.
    """

    def __init__(  # noqa: PLR0917 - what a roll is made of
        self, plan: ExecutionPlan, number: int, old: LegTerms, new: LegTerms, numbers: Numbers, seed: int = 0,
        *, hurry_at: int = 0, ends_at: int = 0,
    ) -> None:  # fmt: skip
        def worker(terms: LegTerms) -> LegWorker:
            return LegWorker(plan.leg, WorkerTerms(number, terms.price_tick, seed, numbers, Cause.ROLL, terms.code))

        self.plan = plan.roll
        self.state = RollState.PLANNED
        self.wanted = 0
        self.old, self.new = worker(old), worker(new)
        self._start = 0
        self._slice = (0, 0)
        self._hurry_at, self._ends_at = hurry_at, ends_at
        self._terms = (number, old, new)
        self._began = self._ended = 0
        self._since = self._exposed_ns = self._worst_ns = 0
        self._fills = {old.code: (0.0, 0), new.code: (0.0, 0)}
        self._numbers: dict[int, tuple[str, Direction]] = {}
        self.reason_stored: Any = None
        """Why it failed, as ``quantsite.common.texts.stored`` wrote it."""

    @property
    def reason(self) -> str:
        """Why it failed, in the language that is active; empty where it did not."""
        return respoken(self.reason_stored) if self.reason_stored is not None else ""

    @property
    def uncovered(self) -> int:
        """Lots that are wanted and held in neither contract; below 0 for lots held in both."""
        return self.wanted - self.old.held - self.new.held

    @property
    def exposed_since(self) -> int:
        """Since when lots are uncovered; 0 while none are."""
        return self._since

    @property
    def price_gap(self) -> float:
        """By how much the new contract was dearer than the old one: see :mod:`roll_price`."""
        quotes = [nan if worker.quote is None else worker.quote.middle for worker in (self.old, self.new)]
        return price_gap(self._fills[self._code(self.old)], self._fills[self._code(self.new)], quotes[0], quotes[1])

    @property
    def done(self) -> bool:
        """It has ended, and nothing can come of an order any more."""
        return self.state in FINAL and not (self.old.slot.busy or self.new.slot.busy)

    @property
    def contract(self) -> str:
        """The code of the contract that the leg trades when it is done: the old one while lots of it are held."""
        failed = self.state is RollState.FAILED
        return self._code(self.old if failed and (self.old.held or not self.new.held) else self.new)

    def begin(self, held: int, at: int) -> list[Sent]:
        """``held`` lots of the old contract are to become as many of the new one."""
        self.old.held = self.wanted = self._start = held
        self._began = at
        self._cut()
        return self._remembered(self._look(at))

    def retarget(self, wanted: int, at: int) -> list[Sent]:
        """The strategy wants another position: what is too much goes out of the old contract first."""
        if self.state in FINAL or wanted == self.wanted:
            return []
        self.wanted = wanted
        if self.state is not RollState.UNDOING:
            self._cut()
        return self._remembered(self._look(at))

    def on_tick(self, tick: Tick) -> list[Sent]:
        """A sound tick of one of the two contracts; of any other nothing."""
        if tick.instrument not in self._fills:
            return []
        return self._after(self._worker(tick.instrument).on_tick(tick), tick.time)

    def on_clock(self, now: int) -> list[Sent]:
        """Time has passed."""
        return self._after(self.old.step(now) + self.new.step(now), now)

    def on_news(self, news: News) -> list[Sent]:
        """News of an order of the roll; of others' nothing."""
        known = self._numbers.get(news.number)
        if known is None:
            return []
        contract, direction = known
        worker = self._worker(contract)
        if news.kind is NewsKind.FILLED:
            value, lots = self._fills[contract]
            self._fills[contract] = (value + news.price * news.lots, lots + news.lots)
            worker.held += direction * news.lots
        return self._after(worker.on_news(news), news.at)

    def progress(self, now: int) -> dict[str, Any]:
        """What a page shows: lots, seconds and prices, None where there is none yet."""
        running = now - self._since if self._since else 0
        told = {
            "state": self.state.value, "held": self._start, "wanted": self.wanted,
            "old": self.old.held, "new": self.new.held, "uncovered": self.uncovered,
            "exposed_seconds": (self._exposed_ns + running) / NS, "worst_seconds": max(self._worst_ns, running) / NS,
            "old_price": mean(self._fills[self._code(self.old)]), "new_price": mean(self._fills[self._code(self.new)]),
            "gap": self.price_gap, "began": self._began, "ended": self._ended or None, "reason": self.reason,
        }  # fmt: skip
        return {name: None if isinstance(value, float) and isnan(value) else value for name, value in told.items()}

    def document(self) -> dict[str, Any]:
        """All of it, as JSON takes it."""
        number, old, new = self._terms
        return {
            "leg": number, "contracts": [list(astuple(old)), list(astuple(new))],
            "state": self.state.value, "wanted": self.wanted, "start": self._start, "slice": list(self._slice),
            "times": [self._hurry_at, self._ends_at, self._began, self._ended],
            "exposure": [self._since, self._exposed_ns, self._worst_ns],
            "old": self.old.document(), "new": self.new.document(),
            "fills": {code: list(fills) for code, fills in self._fills.items()},
            "numbers": [[number, code, int(side)] for number, (code, side) in self._numbers.items()],
            "reason": self.reason_stored,
        }  # fmt: skip

    @classmethod
    def restored(cls, document: Mapping[str, Any], plan: ExecutionPlan, numbers: Numbers, seed: int = 0) -> Self:
        """The roll that :meth:`document` wrote down, by the same plan and seed."""
        old, new = (LegTerms(*terms) for terms in document["contracts"])
        roll = cls(plan, document["leg"], old, new, numbers, seed)
        roll.restore(document)
        return roll

    def restore(self, document: Mapping[str, Any]) -> None:
        """What :meth:`document` wrote, with the same plan and contracts."""
        self.state = RollState(document["state"])
        self.wanted, self._start = document["wanted"], document["start"]
        closed, opened = document["slice"]
        self._slice = (closed, opened)
        self._hurry_at, self._ends_at, self._began, self._ended = document["times"]
        self._since, self._exposed_ns, self._worst_ns = document["exposure"]
        self.old.restore(document["old"])
        self.new.restore(document["new"])
        self._fills = {code: (value, lots) for code, (value, lots) in document["fills"].items()}
        self._numbers = {number: (code, Direction(side)) for number, code, side in document["numbers"]}
        self.reason_stored = document["reason"]

    def _code(self, worker: LegWorker) -> str:
        return worker.terms.contract

    def _worker(self, contract: str) -> LegWorker:
        return self.old if contract == self._code(self.old) else self.new

    def _go(self, state: RollState) -> None:
        if state is not self.state and state not in MOVES[self.state]:
            raise ValueError(f"a roll does not go from {self.state} to {state}")
        self.state = state

    def _after(self, sent: list[Sent], now: int) -> list[Sent]:
        return self._remembered(sent + self._look(now))

    def _remembered(self, sent: list[Sent]) -> list[Sent]:
        orders = [order for order in sent if isinstance(order, Place)]
        self._numbers.update((order.number, (order.contract, order.direction)) for order in orders)
        return sent

    def _look(self, now: int) -> list[Sent]:
        """What follows from where both legs stand."""
        self._time_exposure(now)
        if self.state in FINAL:
            return []
        if self._ends_at and now >= self._ends_at and self.old.held:
            reason = kept("The old contract trades no more and lots of it are still held.")
            return self._end(RollState.FAILED, now, reason)
        if self.state is RollState.UNDOING:
            return self._undone(now)
        if self.old.refused or self.new.refused:
            return self._undo(now)
        return [] if self.state is RollState.PLANNED and not self._quoted() else self._work(now)

    def _quoted(self) -> bool:
        return self.old.quote is not None and self.new.quote is not None

    def _time_exposure(self, now: int) -> None:
        """The clock of uncovered lots; what nobody has begun is no exposure."""
        if self.uncovered and self.state is not RollState.PLANNED:
            self._since = self._since or now
        elif self._since:
            passed = now - self._since
            self._exposed_ns, self._worst_ns, self._since = self._exposed_ns + passed, max(self._worst_ns, passed), 0

    def _work(self, now: int) -> list[Sent]:
        """The slice at work, and the next one where it is through."""
        hurry = bool(self._hurry_at) and now >= self._hurry_at
        if hurry:
            self._slice = (0, self.wanted)
        if self.old.done and self.new.done and not self.uncovered:
            if not self.old.held:
                return self._end(RollState.DONE, now)
            if not hurry:
                self._cut()
        if hurry or (self._since and now - self._since >= self.plan.seconds * NS):
            return self._cover(now)
        sent = self._lead(now)
        self._go(RollState.OPENING if self._opening_now() else RollState.CLOSING)
        return sent

    def _cut(self) -> None:
        """The next slice: where both contracts are to stand after it; together they are always ``wanted``.

        The old contract never holds more than is lacking in the new one: a smaller target closes what is too much.
        """
        side = 1 if self.old.held > 0 else -1
        held = abs(self.old.held)
        most = min(max(side * (self.wanted - self.new.held), 0), held)
        lots = self.plan.slice_lots or held
        closed = side * (most if most < held else max(held - lots, 0))
        self._slice = (closed, self.wanted - closed)

    def _lead(self, now: int) -> list[Sent]:
        """One leg goes for the slice, the other as far as the first one has come."""
        close, opened = self._slice
        if self.plan.order == "close_first":
            follow = _between(self.wanted - self.old.held, self.new.held, opened)
            return _towards(self.old, close, now) + _towards(self.new, follow, now)
        follow = _between(self.wanted - self.new.held, self.old.held, close)
        return _towards(self.new, opened, now) + _towards(self.old, follow, now)

    def _opening_now(self) -> bool:
        """Which leg a page names: the new contract's while it has more to do than the old one's."""
        return abs(self.new.lacking) > abs(self.old.lacking) or (not self.old.lacking and not self.new.done)

    def _cover(self, now: int) -> list[Sent]:
        """Both legs take what is offered until the slice is through."""
        self._go(RollState.EXPOSED)
        close, opened = self._slice
        return self.old.take(close, now) + self.new.take(opened, now)

    def _undo(self, now: int) -> list[Sent]:
        """A refused old contract keeps its lots; instead of a refused new one the old one is taken back, or closed."""
        if self.new.refused:
            flat = self.plan.refused == "flat"
            reason = (
                kept("The new contract was refused: %(why)s What was closed stays closed.", why=self._why(self.new))
                if flat
                else kept("The new contract was refused: %(why)s The old one was taken back.", why=self._why(self.new))
            )
        else:
            reason = kept("The old contract could not be closed: %(why)s", why=self._why(self.old))
        self.reason_stored = stored(reason)
        self._go(RollState.UNDOING)
        return self._undone(now)

    def _why(self, worker: LegWorker) -> Kept:
        told = worker.trouble.given_up
        return kept(told["text"], **told["values"])

    def _undone(self, now: int) -> list[Sent]:
        refused, other = (self.new, self.old) if self.new.refused else (self.old, self.new)
        flat = refused is self.new and self.plan.refused == "flat"
        end = 0 if flat else self.wanted - refused.held
        if other.refused or (other.held == end and not other.slot.busy and not refused.slot.busy):
            return self._end(RollState.FAILED, now)
        return refused.drop(now) + other.take(end, now)

    def _end(self, state: RollState, now: int, reason: Kept | None = None) -> list[Sent]:
        self._go(state)
        self._time_exposure(now)
        self._ended = now
        if reason is not None:
            self.reason_stored = stored(reason)
        return self.old.drop(now) + self.new.drop(now)


def roll_maker(plan: ExecutionPlan, seed: int = 0) -> MakeRoll:
    """What a restored host asks for the roll that was under way."""

    def made(_leg: int, _old: LegTerms, _new: LegTerms, numbers: Numbers, document: Mapping[str, Any]) -> RollAlgo:
        return Roll.restored(document, plan, numbers, seed)

    return made


def _towards(worker: LegWorker, target: int, now: int) -> list[Sent]:
    return worker.want(target, now, nan) if target != worker.held or worker.aim.active else []


def _between(value: int, one: int, other: int) -> int:
    """``value``, or the nearer end where it lies outside the two."""
    return max(min(one, other), min(value, max(one, other)))
