"""One strategy instance, live: bars, ticks and news of its orders go in, intents come out. No I/O, no clock.

It drives the strategy as the backtest does, so that the same class decides the same on the same bars:

1. *Bars close.* First the strategy hears what became of its orders since the bars before (on ticks: at once), then it
   sees the bars and decides. Every signal is a :class:`Decided`; its target goes to the executor.
2. *Orders* go out at once, or with the leg's next sound tick where its market is shut. What is held is what fills of
   the instance's own orders made: an account may hold more or less.
3. *Ticks* trigger stop orders and let the executor send what a target still lacks.

While paused the instance goes on deciding, and nothing that opens is sent. Flattened, it is paused and everything goes
back to nothing; both last until it is resumed. Everything that it keeps can be written down between two calls and
restored: :mod:`strategies.domain.hosting.documents`.
"""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Self

from marketdata.domain.bars import BarSeries
from marketdata.domain.ticks import Tick
from quantsite.common.errors import RuleError
from quantsite.common.texts import say
from strategies.domain.hosting.aims import Wish
from strategies.domain.hosting.documents import MakeRoll, read_into, write
from strategies.domain.hosting.driving import Bars, finite_target
from strategies.domain.hosting.executor import MakeExecutor, RollAlgo
from strategies.domain.hosting.intents import Cause, Decided, Intent, Place, Sent
from strategies.domain.hosting.legs import LegState
from strategies.domain.hosting.news import NOT_NOW, News, NewsKind
from strategies.domain.hosting.outbox import Working
from strategies.domain.hosting.own_orders import OwnOrder
from strategies.domain.hosting.parts import HostParts
from strategies.domain.hosting.rehearsal import Outcome, rehearse
from strategies.domain.hosting.rolling import Roll
from strategies.domain.hosting.sight import UNKNOWN, Sight, Spread
from strategies.domain.hosting.terms import HostSetup, LegTerms
from strategies.domain.parameters import StrategyParameters
from strategies.domain.strategy import BaseStrategy, Signal, UpdateKind

__all__ = ["HostSetup", "LegTerms", "LiveHost"]


class LiveHost(HostParts):
    """Hosts one strategy. Every input gives the intents to carry out, in their order; instants are ns UTC.

    ``executor`` makes what works the targets, by default market orders at once. An instance that has run before goes on
    with the lots of its legs (``positions``) and behind its last order's number. Raises ``RuleError`` ``wrong_legs``
    or ``no_form`` for a strategy that cannot be hosted so.
    """

    # --- market ----------------------------------------------------------------------------------------------------

    def warm(self, bars_by_leg: Sequence[BarSeries]) -> None:
        """Bring a fresh host to where a backtest over these bars would be, up to orders and positions.

        Raises ``RuleError`` ``invalid_signal`` as decisions do.
        """
        for leg, bars in zip(self.legs, bars_by_leg, strict=True):
            leg.bars.begin_with(bars)
            leg.last = float(bars.close[-1]) if len(bars) else math.nan
            leg.shut = True
        for number, outcome in rehearse(self, self.strategy).items():
            self._join(number, outcome, self.now)

    def begin_day(self, day: int) -> list[Intent]:
        """A trading day (days since the epoch) begins; orders wait for each leg's first sound tick."""
        self.day = day
        self.outbox.begin_day()
        self.orders.begin_day()
        for leg in self.legs:
            leg.begin_day()
        return self.outbox.take()

    def end_day(self) -> list[Intent]:
        """The trading day is over."""
        for leg in self.legs:
            leg.shut = True
        self.orders.end_day()
        return self._answer()

    def open(self, leg: int, at: int) -> list[Intent]:
        """The market of a leg goes on: what waited for it goes out. A sound tick says so by itself."""
        self._open(leg, at)
        return self.outbox.take()

    def touch(self, order: OwnOrder, price: float, at: int) -> list[Intent]:
        """The price of an order that the host keeps was reached, by ``price``; a tick says so by itself."""
        self.orders.touch(order, price, at)
        return self.outbox.take()

    def on_bars(self, bars: Bars, at: int, shut: Collection[int] = ()) -> list[Intent]:
        """Bars that closed together, ``None`` where a leg has none; ``at`` is the market time of their close.

        ``shut`` are the legs whose market does not go on at that moment.
        """
        start = next((bar.start for bar in bars if bar is not None), None)
        if start is None:
            return []
        self.now = max(self.now, at)
        for number in shut:
            self.legs[number].shut = True
        joins = self._renew()
        seen = tuple(None if bar is None else leg.see(bar) for leg, bar in zip(self.legs, bars, strict=True))
        self.hearing.tell(self.strategy, start)
        for signal in [] if self.driver is None else self.driver.take(seen):
            joins.pop(signal.leg, None)
            self._decide(signal, start, at)
        for number, outcome in joins.items():
            self._join(number, outcome, at)
        return self.outbox.take()

    def on_tick(self, leg: int, tick: Tick) -> list[Intent]:
        """A tick of a leg's contract (of either, while the leg rolls); one that is flagged does nothing."""
        if tick.flags:
            return []
        self.now = max(self.now, tick.time)
        state = self.legs[leg]
        if state.rolling:
            self._roll_on(leg, lambda algo: algo.on_tick(tick))
        if tick.instrument == state.terms.code:
            self._take_tick(leg, state, tick)
        return self.outbox.take()

    def on_clock(self, now: int) -> list[Intent]:
        """Market time has passed."""
        self.now = max(self.now, now)
        self.aims.on_clock(now)
        if self.roll_under_way is not None:
            self._roll_on(self.roll_under_way.leg, lambda algo: algo.on_clock(now))
        return self.outbox.take()

    def on_news(self, news: News) -> list[Intent]:
        """News of an order; of one that nobody knows, nothing happens."""
        self.now = max(self.now, news.at)
        order = self.outbox.hear(news)
        if order is None or news.kind is NewsKind.ACCEPTED:
            return self.outbox.take()
        if news.kind is NewsKind.FILLED:
            self._take_fill(order, news)
        elif order.place.own:
            self.orders.on_end(order, news)
        elif news.kind is NewsKind.REJECTED and news.reason not in NOT_NOW:
            held, price = self.legs[order.place.leg].lots.net, self._sight(order.place).seen(order.place.decision_price)
            self.hearing.note(UpdateKind.REJECTED, order.place, self.now, price, order.left, held)
        self.aims.on_news(order, news)
        if self.roll_under_way is not None:
            rolls = order.place.cause is Cause.ROLL
            self._roll_on(order.place.leg, lambda algo: algo.on_news(news) if rolls else [])
        return self._answer()

    # --- what people ask for ---------------------------------------------------------------------------------------

    def pause(self) -> list[Intent]:
        """Send nothing that opens until resumed; resting orders that would are taken back. Decisions go on."""
        self.aims.pause(self.now)
        self.orders.hold_back()
        return self.outbox.take()

    def resume(self) -> list[Intent]:
        """Everything may go out again: the targets decided meanwhile too."""
        self.orders.let_go()
        self.aims.resume(self.now)
        for leg in range(len(self.legs)):
            self.orders.send_due(leg, self.now)
        return self._answer()

    def flatten(self, at: int) -> list[Intent]:
        """Take every order back and close what is held at the market; then stay so until resumed."""
        self.now = max(self.now, at)
        self.orders.barred = True
        self.orders.take_back(None)
        self.aims.flatten(at)
        if self.roll_under_way is not None:
            self._roll_on(self.roll_under_way.leg, lambda algo: algo.retarget(0, at))
        return self._answer()

    def set_parameters(self, parameters: StrategyParameters) -> None:
        """From the next bar on the instance is what it would be, had it been warmed up with these parameters.

        Its orders are taken back (an event strategy is woken for its start), its targets are those of the new
        parameters, what it holds stays the beginning.
        """
        self.parameters_to_come = parameters

    def roll(self, leg: int, algo: RollAlgo, terms: LegTerms, at: int, spread: Spread = UNKNOWN) -> list[Intent]:
        """Take a leg to another contract: its orders are taken back, then the algorithm begins, and hears of targets.

        ``spread`` tells what the strategy sees of the new contract's prices, and where what waits goes on.
        Raises ``RuleError`` ``already_rolling`` while another roll is under way.
        """
        if self.roll_under_way is not None:
            text = say("A roll to %(code)s is under way: wait for its end.", code=self.roll_under_way.terms.code)
            raise RuleError("already_rolling", text)
        self.now = max(self.now, at)
        self.orders.take_back(leg)
        self.aims.take_off(leg, at)
        self.legs[leg].rolling = True
        self.roll_under_way = Roll(leg, algo, terms, spread)
        self._roll_on(leg, lambda _algo: [])
        return self._answer()

    # --- what is kept ----------------------------------------------------------------------------------------------

    def document(self) -> dict[str, Any]:
        """All that a host needs to go on as if nothing had happened, as JSON takes it.

        Raises ``RuleError`` ``unstorable_state`` where the strategy keeps what cannot be written.
        """
        return write(self)

    @classmethod
    def restored(
        cls,
        strategy: BaseStrategy,
        legs: Sequence[LegTerms],
        setup: HostSetup,
        document: Mapping[str, Any],
        executor: MakeExecutor | None = None,
        *,
        bars: Sequence[BarSeries] = (),
        rolls: MakeRoll | None = None,
    ) -> Self:
        """The host that wrote the document; ``strategy`` is a fresh one.

        Where its parameters are others than the document's, they take effect from the next bar. ``bars`` are older bars
        of each leg for what ``desk.history`` may still be asked, ``rolls`` makes the algorithm of a roll under way.
        Raises ``RuleError`` ``unreadable_document`` for one that another version wrote.
        """
        host = cls(strategy, legs, setup, executor)
        read_into(host, document, bars, rolls)
        return host

    # --- inside ----------------------------------------------------------------------------------------------------

    def _decide(self, signal: Signal, start: int, at: int) -> None:
        lots = finite_target(signal.target) * self.setup.unit
        if not float(lots).is_integer():
            raise RuleError("invalid_signal", say("A signal's target must be whole lots, not %(lots)r.", lots=lots))
        state = self.legs[signal.leg]
        values = tuple((str(name), float(value)) for name, value in signal.values)
        self.outbox.note(
            Decided(at, start, signal.leg, float(signal.target), signal.reason, values, state.last, state.lots.net)
        )
        self.joining.pop(signal.leg, None)
        self._aim(signal.leg, int(lots), at)

    def _join(self, leg: int, outcome: Outcome, at: int) -> None:
        """Go to where a rehearsal ended."""
        self.joining[leg] = outcome.held
        self._aim(leg, outcome.wanted, at)

    def _aim(self, leg: int, lots: int, at: int) -> None:
        self.wanted[leg] = lots
        self.aims.aim(leg, Wish(lots, at, self.legs[leg].last))
        roll = self.roll_under_way
        if roll is not None and roll.begun and not self.aims.paused:
            self._roll_on(leg, lambda algo: algo.retarget(lots, at))

    def _open(self, leg: int, at: int) -> None:
        self.legs[leg].shut = False
        self.aims.on_open(leg, at)
        self.orders.send_due(leg, at)

    def _take_tick(self, leg: int, state: LegState, tick: Tick) -> None:
        now, last = tick.time, tick.last
        if not math.isnan(last):
            state.last = last
        if state.shut:
            self._open(leg, now)
        if self.orders.table and self.orders.idle(leg):
            if tick.volume > 0 and not math.isnan(last):
                self.orders.on_price(leg, last, now)
            self.orders.send_due(leg, now)
        if self.on_ticks:
            self._decide_on(leg, state, tick)
        if not state.rolling:
            self.aims.on_tick(leg, tick)
        if self.on_ticks:
            self.hearing.tell(self.strategy, None)

    def _decide_on(self, leg: int, state: LegState, tick: Tick) -> None:
        """An instance on ticks sees the tick, or the trade that it tells of as a bar of a single price."""
        self._renew()
        bar = state.bar_of(tick)
        if self.driver is not None:
            signals = self.driver.take((bar,)) if bar is not None else []
        else:
            self.strategy.on_tick(state.sight.tick(tick))
            signals = self.strategy.generate_signals()
        for signal in signals[-1:]:
            self._decide(signal._replace(leg=leg), tick.time, tick.time)

    def _take_fill(self, order: Working, news: News) -> None:
        place, lots = order.place, self.legs[order.place.leg].lots
        price = self._sight(place).seen(news.price)
        known = self._known(place, lots.net, news.lots)
        if known:
            lots.fill(place.direction, known)
        for part in lots.fill(place.direction, news.lots - known):
            self.hearing.note(UpdateKind.FILLED, place, self.now, price, part.lots, part.held, part.offset)
        self.orders.on_fill(order, news.lots, news.at)

    def _sight(self, place: Place) -> Sight:
        """How the strategy sees the prices of an order's contract: of a roll's, of the one that it goes to too."""
        roll, sight = self.roll_under_way, self.legs[place.leg].sight
        if roll is None or roll.leg != place.leg or place.contract != roll.terms.code:
            return sight
        return roll.spread.behind(sight)

    def _known(self, place: Place, held: int, filled: int) -> int:
        """How many of the lots filled the strategy knows of: those on the way to what its rehearsal held."""
        if place.leg not in self.joining or place.own or place.cause not in (Cause.TARGET, Cause.ALGO):
            return 0
        return min(filled, max(0, place.direction * (self.joining[place.leg] - held)))

    def _answer(self) -> list[Intent]:
        if self.on_ticks:
            self.hearing.tell(self.strategy, None)
        return self.outbox.take()

    def _renew(self) -> dict[int, Outcome]:
        """Take new parameters on, where there are any; gives the targets that they would have."""
        if self.parameters_to_come is None:
            return {}
        fresh = type(self.strategy)(self.parameters_to_come)
        self.parameters_to_come = None
        for order in self.orders.on_leg(None):
            self.orders.drop(order.number)
        self.hearing.heard.clear()
        self.desk.timers.clear()
        self.desk.levels.clear()
        return rehearse(self, fresh)

    def _roll_on(self, leg: int, step: Callable[[RollAlgo], list[Sent]]) -> None:
        """One step of a roll, which begins when nothing else works on the leg."""
        roll = self.roll_under_way
        if roll is not None and roll.leg == leg and roll.go_on(self.legs[leg], self.outbox, self.now, step):
            self.roll_under_way = None
            self.rolled.append(roll)
            roll.land(self.legs[leg], self.orders, self.aims)
