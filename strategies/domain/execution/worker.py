"""One leg brought from what is held to what is wanted, by one algorithm and one order at a time.

Held, at work and wanted obey one rule: an order goes out only while none is at work, for no more than is lacking then.
Where the target shrinks or turns, what is at work is withdrawn first, and its end waited for.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import isnan, nan
from typing import Any

from marketdata.domain.ticks import Tick
from quantsite.common.texts import Kept, kept, respoken, stored
from strategies.domain.execution.choice import policy_of
from strategies.domain.execution.plan import LegPlan
from strategies.domain.execution.policies import GiveUp, MarketPolicy, Parent, View, Wish
from strategies.domain.execution.quotes import QUIET_NS, RECENT_NS, Quote
from strategies.domain.execution.slot import Slot, SlotEvent, SlotState
from strategies.domain.hosting.executor import RETRY_AFTER, Numbers
from strategies.domain.hosting.intents import Cause, Place, Sent, Withdraw
from strategies.domain.hosting.news import NOT_NOW, News, NewsKind
from trading.domain.offsets import Direction
from trading.domain.order_status import OrderType

REFUSALS = 3
"""So many refusals in a row, each in a market newer than the one before met, and the target is given up."""

EXPIRED = "expired"
"""The reason of an order that ended with its trading day: it is placed anew, and counts as no refusal."""


@dataclass(frozen=True, slots=True)
class WorkerTerms:
    """What orders of a leg are like: ``numbers`` gives the next one's number, ``contract`` is "" for the leg's own."""

    leg: int
    price_tick: float
    seed: int
    numbers: Numbers
    cause: Cause = Cause.ALGO
    contract: str = ""
    standing: bool = False
    """Whether a target that is reached goes on pulling; else it is done with."""


@dataclass(slots=True)
class Trouble:
    """Refusals in a row, what the next order waits for (a quote after ``met``, a time), why the target was given up."""

    refusals: int = 0
    met: int = -1
    not_before: int = 0
    given_up: Any = None


@dataclass(slots=True)
class Aim:
    """What is wanted, in signed lots, while ``active``; ``parent`` counts the targets that were worked."""

    target: int = 0
    active: bool = False
    parent: int = 0
    decision_price: float = nan
    decided_at: int = 0
    urgent: bool = False
    """Take what is offered, whatever the algorithm would do."""


class LegWorker:
    """``held`` is the signed position of the leg in lots; whoever counts fills sets it before each call."""

    def __init__(self, plan: LegPlan, terms: WorkerTerms) -> None:
        self.terms = terms
        self.held = 0
        self.slot = Slot()
        self.aim = Aim()
        self.trouble = Trouble()
        self.quote: Quote | None = None
        self._passed = self._seen = 0
        self._policy = policy_of(plan, terms.seed, terms.leg)
        self._market = MarketPolicy()

    @property
    def lacking(self) -> int:
        """Signed lots to the target; 0 without one."""
        return self.aim.target - self.held if self.aim.active else 0

    @property
    def refused(self) -> bool:
        """Whether nothing is sent for the target any more."""
        return self.trouble.given_up is not None

    @property
    def reason(self) -> str:
        """Why nothing is sent any more, in the language that is active; empty where that is not so."""
        return respoken(self.trouble.given_up) if self.refused else ""

    @property
    def done(self) -> bool:
        """Nothing is lacking, and nothing can come of an order any more."""
        return not self.lacking and not self.slot.busy

    def want(self, target: int, at: int, decision_price: float) -> list[Sent]:
        """From now on ``target`` lots are to be held; the target that is worked already goes on as it was."""
        if self.aim.active and self.aim.target == target and not self.aim.urgent:
            return self.step(at)
        self.aim = Aim(target, True, self.aim.parent + 1, decision_price, at)
        self.trouble = Trouble()
        self._pass_time(at)
        self._policy.begin(Parent(self.aim.parent, abs(target - self.held), self._passed, decision_price))
        return self.step(at)

    def take(self, target: int, at: int) -> list[Sent]:
        """As :meth:`want`, by what is offered on the other side."""
        if self.aim.active and self.aim.target == target and self.aim.urgent:
            return self.step(at)
        self.aim = Aim(target, True, self.aim.parent + 1, self.aim.decision_price, self.aim.decided_at, urgent=True)
        self.trouble = Trouble()
        return self.step(at)

    def drop(self, at: int) -> list[Sent]:
        """Nothing is wanted any more: what is at work is taken back."""
        self.aim.active = False
        return self.step(at)

    def doubt(self, at: int) -> None:
        """Forget a quote that may be old: who is after nothing need not be told of ticks."""
        if not self.aim.active and not self.slot.busy and self.quote is not None and at - self.quote.at > RECENT_NS:
            self.quote = None

    def move(self, price_tick: float) -> None:
        """Orders are for another contract from now on, whose prices are not known yet."""
        self.terms, self.quote = replace(self.terms, price_tick=price_tick), None

    def on_tick(self, tick: Tick) -> list[Sent]:
        """A sound tick of the leg."""
        self._pass_time(tick.time)
        self.quote, self._seen = Quote.of(tick), max(self._seen, tick.time)
        return self.step(tick.time)

    def on_news(self, news: News) -> list[Sent]:
        """What became of an order; news of one that is not at work here is nobody's concern."""
        if not self.slot.busy or news.number != self.slot.number:
            return self.step(news.at)
        if news.kind is NewsKind.FILLED:
            self.slot.fill(news.lots)
            self.trouble.refusals = 0
        elif news.kind is NewsKind.ACCEPTED:
            self.slot.note(SlotEvent.ACCEPTED)
        else:
            self._ended(news)
        return self.step(news.at)

    def step(self, now: int) -> list[Sent]:
        """Withdraw what may not stay, or place what is lacking."""
        self._pass_time(now)
        if self.slot.busy:
            return [] if self._may_stay(now) else self._withdraw(now)
        if not self.lacking and not self.terms.standing:
            self.aim.active = False
        view = self._view(now)
        if view is None or self._waits(view):
            return []
        wish = (self._market if self.aim.urgent else self._policy).wish(view)
        if isinstance(wish, GiveUp):
            self.trouble.given_up = stored(wish.sentence)
            return []
        return [self._place(wish, view)] if wish is not None else []

    def document(self) -> dict[str, Any]:
        """All of it as JSON takes it, to go on as if nothing had happened."""
        aim, trouble, price = self.aim, self.trouble, self.aim.decision_price
        price_told = None if isnan(price) else price
        return {
            "held": self.held,
            "slot": self.slot.document(),
            "aim": [aim.target, aim.active, aim.parent, price_told, aim.decided_at, aim.urgent],
            "trouble": [trouble.refusals, trouble.met, trouble.not_before, trouble.given_up],
            "quote": None if self.quote is None else self.quote.document(),
            "time": [self._passed, self._seen],
            "policy": self._policy.state(),
        }

    def restore(self, document: Mapping[str, Any]) -> None:
        """What :meth:`document` wrote."""
        target, active, parent, price, decided_at, urgent = document["aim"]
        self.held = document["held"]
        self.slot = Slot.restored(document["slot"])
        self.aim = Aim(target, active, parent, nan if price is None else price, decided_at, urgent)
        self.trouble = Trouble(*document["trouble"])
        self.quote = None if document["quote"] is None else Quote.restored(document["quote"])
        self._passed, self._seen = document["time"]
        self._policy.restore(document["policy"])

    def _pass_time(self, now: int) -> None:
        """Trading time goes on up to ``now``, but no further than a minute behind the last tick: see ``QUIET_NS``."""
        if self.quote is not None and (until := min(now, self.quote.at + QUIET_NS)) > self._seen:
            self._passed, self._seen = self._passed + until - self._seen, until

    def _may_stay(self, now: int) -> bool:
        slot, lacking = self.slot, self.lacking
        if slot.state is SlotState.LEAVING or slot.direction * lacking < slot.left:
            return False
        view = self._view(now)
        return view is None or (self._market if self.aim.urgent else self._policy).keeps(slot, view)

    def _view(self, now: int) -> View | None:
        """None where nothing is lacking, or nothing may be sent by the last quote."""
        lacking = self.lacking
        if not lacking or self.quote is None or not self.quote.fresh(now):
            return None
        direction = Direction.BUY if lacking > 0 else Direction.SELL
        return View(now, self._passed, self.quote, direction, abs(lacking), self.terms.price_tick)

    def _waits(self, view: View) -> bool:
        """Given up, or refused in this very market or a moment ago."""
        trouble = self.trouble
        return self.refused or trouble.met >= view.quote.at or view.now < trouble.not_before

    def _place(self, wish: Wish, view: View) -> Place:
        number = self.terms.numbers()
        self.slot.place(number, view.direction, wish.type, wish.lots, wish.price, view.now)
        aim, terms = self.aim, self.terms
        return Place(
            number, terms.leg, view.direction, wish.type, wish.lots, wish.price, aim.decision_price, aim.decided_at,
            terms.cause, 0, terms.contract,
        )  # fmt: skip

    def _withdraw(self, now: int) -> list[Sent]:
        return [Withdraw(self.slot.number)] if self.slot.ask(now) else []

    def _ended(self, news: News) -> None:
        """Refused, cancelled or expired.

        An end that nobody here asked for counts as a refusal, but for a market order's remainder, which waits for the
        next tick, and for the end of the trading day, which waits for the first one of the next. "Not now" only waits.
        """
        slot = self.slot
        asked, rejected = slot.state is SlotState.LEAVING, news.kind is NewsKind.REJECTED
        slot.note(SlotEvent.REJECTED if rejected else SlotEvent.ENDED)
        expired = not rejected and news.reason == EXPIRED
        if asked and not rejected and not expired:
            return
        self.trouble.met = self.quote.at if self.quote is not None else news.at
        if expired:
            return
        if not rejected and slot.type is OrderType.MARKET and news.reason not in NOT_NOW:
            return
        if slot.left == slot.lots:
            self.trouble.not_before = news.at + RETRY_AFTER
        if news.reason in NOT_NOW:
            return
        self.trouble.refusals += 1
        if self.trouble.refusals >= REFUSALS:
            self.trouble.given_up = stored(_refused(self.trouble.refusals, news.reason))


def _refused(count: int, reason: str) -> Kept:
    return kept("%(count)d orders in a row were refused, the last one with %(reason)r.", count=count, reason=reason)
