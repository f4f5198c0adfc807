"""The executor of an instance whose ``execution`` names an algorithm: a worker a leg, and the watch over a pair."""

from collections.abc import Sequence
from math import isnan, nan
from typing import Any, NamedTuple

from marketdata.domain.ticks import Tick
from quantsite.common.texts import respoken
from strategies.domain.execution.pair import Exposed, Pair, PairState
from strategies.domain.execution.plan import ExecutionPlan
from strategies.domain.execution.worker import LegWorker, WorkerTerms
from strategies.domain.hosting.executor import NOTHING, Executor, MakeExecutor, MarketExecutor, Numbers
from strategies.domain.hosting.intents import Cause, Place, Sent
from strategies.domain.hosting.news import News
from strategies.domain.hosting.terms import LegTerms

REMEMBERED = 32
"""Numbers of the last orders whose late fills are still known to belong to a leg."""

ENDINGS = frozenset({PairState.ENDED, PairState.FAILED})


class Notice(NamedTuple):
    """Something that people should know of; ``kind`` is ``given_up``, ``pair_undone`` or ``pair_failed``.

    ``leg`` is None where it concerns both, ``sentence`` a stored one (``quantsite.common.texts.respoken`` tells it).
    """

    kind: str
    leg: int | None
    at: int
    sentence: Any

    @property
    def text(self) -> str:
        """The sentence in the language that is active."""
        return str(respoken(self.sentence))


class AlgoExecutor:
    """Works the targets of all legs by a plan. Implements :class:`strategies.domain.hosting.executor.Executor`.

    A target that was given up is not asked for again, however often it is repeated, before a new trading day.
    """

    def __init__(
        self, plan: ExecutionPlan, legs: Sequence[LegTerms], numbers: Numbers, seed: int = 0, *, standing: bool = False
    ) -> None:
        def terms(number: int, leg: LegTerms) -> WorkerTerms:
            return WorkerTerms(number, leg.price_tick, seed, numbers, Cause.ALGO, "", standing)

        self.workers = [LegWorker(plan.leg, terms(number, leg)) for number, leg in enumerate(legs)]
        self.pair = Pair(plan.pair, self.workers) if plan.pair is not None and len(self.workers) == 2 else None
        self._asked: dict[int, tuple[int, float]] = {}
        self._refused: dict[int, int] = {}
        self._legs: dict[int, int] = {}
        self._notices: list[Notice] = []
        self._told = PairState.IDLE
        self._day = -1

    @property
    def exposed(self) -> Exposed | None:
        """What of a pair stands without its counterpart; None without a pair."""
        return None if self.pair is None else self.pair.exposed

    def notices(self) -> list[Notice]:
        """What people should know since this was last asked."""
        told, self._notices = self._notices, []
        return told

    def want(self, leg: int, target: int, held: int, at: int, decision_price: float) -> list[Sent]:
        """A new target; of a pair the legs begin together, at the latest with the next event."""
        self.workers[leg].held = held
        self.workers[leg].doubt(at)
        if self._refused.get(leg) == target:
            return NOTHING
        self._refused.pop(leg, None)
        if self.pair is None:
            return self._noted(self.workers[leg].want(target, at, decision_price), at)
        self._asked[leg] = (target, decision_price)
        return self._noted(self._begin_pair(at), at) if len(self._asked) == len(self.workers) else NOTHING

    def goal(self, leg: int) -> int | None:
        """The target of a leg, None where nothing is to be done for it any more."""
        if leg in self._asked:
            return self._asked[leg][0]
        worker = self.workers[leg]
        if self.pair is not None and self.pair.working:
            return self.pair.target(leg)
        return worker.aim.target if worker.aim.active and not worker.refused else None

    def drop(self, leg: int) -> list[Sent]:
        """Nothing is wanted of a leg any more; of a pair neither leg goes on."""
        self._asked.pop(leg, None)
        legs = [leg] if self.pair is None else range(len(self.workers))
        if self.pair is not None:
            self.pair.stop()
        sent = [order for number in legs for order in self.workers[number].drop(self._now(leg))]
        return self._noted(sent, self._now(leg))

    def moved(self, leg: int, terms: LegTerms) -> None:
        """The leg trades another contract: nothing is sent before its first tick."""
        self.workers[leg].move(terms.price_tick)

    def on_tick(self, leg: int, tick: Tick, held: int) -> list[Sent]:
        """A sound tick of a leg."""
        if tick.trading_day != self._day:
            self._day = tick.trading_day
            self._refused.clear()
        worker = self.workers[leg]
        worker.held = held
        sent = self._begin_pair(tick.time) if self._asked else []
        return self._noted(sent + worker.on_tick(tick), tick.time)

    def on_clock(self, now: int) -> list[Sent]:
        """Time has passed."""
        sent = self._begin_pair(now) if self._asked else []
        for worker in self.workers:
            sent += worker.step(now)
        return self._noted(sent, now)

    def on_news(self, news: News, held: int) -> list[Sent]:
        """News of an order; ``held`` is what its leg holds after it."""
        leg = self._legs.get(news.number)
        if leg is None:
            return NOTHING
        worker = self.workers[leg]
        worker.held = held
        return self._noted(worker.on_news(news), news.at)

    def document(self) -> dict[str, Any]:
        """All of it, as JSON takes it."""
        return {
            "workers": [worker.document() for worker in self.workers],
            "pair": None if self.pair is None else self.pair.document(),
            "asked": [[leg, target, None if isnan(price) else price] for leg, (target, price) in self._asked.items()],
            "refused": [[leg, target] for leg, target in self._refused.items()],
            "legs": [[number, leg] for number, leg in self._legs.items()],
            "notices": [list(notice) for notice in self._notices],
            "told": self._told.value,
            "day": self._day,
        }

    def restore(self, document: dict[str, Any]) -> None:
        """What :meth:`document` wrote, with the same plan and legs."""
        for worker, state in zip(self.workers, document["workers"], strict=True):
            worker.restore(state)
        if self.pair is not None and document["pair"] is not None:
            self.pair.restore(document["pair"])
        asked = document["asked"]
        self._asked = {leg: (target, nan if price is None else price) for leg, target, price in asked}
        self._refused = dict(document["refused"])
        self._legs = dict(document["legs"])
        self._notices = [Notice(*row) for row in document["notices"]]
        self._told, self._day = PairState(document["told"]), document["day"]

    def _begin_pair(self, at: int) -> list[Sent]:
        """Both legs set off; one that nothing new is wanted of keeps what it was after."""
        asked, self._asked = self._asked, {}
        if self.pair is None:
            return []
        goals = [self.goal(leg) for leg in range(2)]
        wanted = [asked.get(leg, (goals[leg], nan)) for leg in range(2)]
        targets = [worker.held if target is None else target
                   for worker, (target, _price) in zip(self.workers, wanted, strict=True)]  # fmt: skip
        if self.pair.working and targets == [self.pair.target(0), self.pair.target(1)]:
            return []
        return self.pair.want(targets, at, [price for _target, price in wanted])

    def _noted(self, sent: list[Sent], at: int) -> list[Sent]:
        """What follows for the pair, and what is remembered of orders and told of troubles."""
        if self.pair is not None:
            sent = sent + self.pair.look(at)
            self._tell_pair(at)
        else:
            self._tell_refusals(at)
        for order in sent:
            if isinstance(order, Place):
                self._legs[order.number] = order.leg
        while len(self._legs) > REMEMBERED:
            del self._legs[next(iter(self._legs))]
        return sent

    def _tell_refusals(self, at: int) -> None:
        for leg, worker in enumerate(self.workers):
            if worker.refused and worker.aim.active:
                self._give_up(leg)
                self._notices.append(Notice("given_up", leg, at, worker.trouble.given_up))

    def _tell_pair(self, at: int) -> None:
        if self.pair is None or self.pair.state is self._told:
            return
        self._told = self.pair.state
        if self._told in ENDINGS:
            kind = "pair_failed" if self._told is PairState.FAILED else "pair_undone"
            self._notices.append(Notice(kind, None, at, self.pair.reason_stored))
            for leg in range(2):
                self._refused[leg] = self.pair.target(leg)

    def _give_up(self, leg: int) -> None:
        worker = self.workers[leg]
        self._refused[leg] = worker.aim.target
        worker.aim.active = False

    def _now(self, leg: int) -> int:
        quote = self.workers[leg].quote
        return 0 if quote is None else quote.at


def notices_of(executor: Executor) -> list[Notice]:
    """What people should know of any executor since this was last asked."""
    return executor.notices() if isinstance(executor, AlgoExecutor) else []


def exposure_of(executor: Executor) -> Exposed | None:
    """What stands without its counterpart in a pair that any executor works; None where nothing does."""
    return executor.exposed if isinstance(executor, AlgoExecutor) else None


def make_executor(plan: ExecutionPlan, seed: int = 0, *, standing: bool = False) -> MakeExecutor:
    """What a host takes as its execution; a plan that only goes to the market is the plain executor."""

    def made(legs: Sequence[LegTerms], numbers: Numbers) -> Executor:
        if plan.kind == "market" and plan.pair is None:
            return MarketExecutor(numbers, standing=standing)
        return AlgoExecutor(plan, legs, numbers, seed, standing=standing)

    return made
