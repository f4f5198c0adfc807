"""A strategy in its host at the simulated exchange, once with each execution, and through a roll."""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from marketdata.domain.bars import Bar
from marketdata.domain.ticks import Tick
from marketdata.tests.domain.recorded import needs_data
from quantsite.common.times import NS_PER_MINUTE, NS_PER_SECOND
from strategies.domain.execution.executor import AlgoExecutor, make_executor
from strategies.domain.execution.plan import parse
from strategies.domain.execution.roll import Roll, RollState, roll_maker
from strategies.domain.hosting.host import LiveHost
from strategies.domain.hosting.intents import Cause, Decided, Intent, Place, Withdraw
from strategies.domain.hosting.sight import Sight, Spread
from strategies.domain.hosting.terms import HostSetup, LegTerms
from strategies.domain.parameters import StrategyParameters
from strategies.domain.strategy import BaseStrategy, Signal
from strategies.tests.domain.execution.floor import news_of
from trading.domain.order_status import OrderType
from trading.domain.simulated.matcher import InstrumentMatcher
from trading.domain.simulated.orders import MatchingRules, MatchOrder
from trading.domain.simulated.outcomes import Outcome, Traded
from trading.tests.recorded_ticks import FILES, ticks_of

pytestmark = [needs_data, pytest.mark.real_data]

RU = FILES[1]
OLD = LegTerms("ru1901.SHFE", 5.0, 10)
NEW = LegTerms("ru1905.SHFE", 5.0, 10)
SPREAD = 300.0
"""The made-up new contract trades so much higher, tick for tick."""


class Waves(BaseStrategy):
    """Six lots long, six short, flat, and again: a decision every fifth bar."""

    name = "waves"

    def initialize(self) -> None:
        self.seen = 0

    def on_market_data(self, bar: Bar) -> None:
        self.seen += 1

    def generate_signals(self) -> list[Signal]:
        return [Signal((6.0, -6.0, 0.0)[self.seen // 5 % 3])] if self.seen % 5 == 0 else []


@dataclass
class Rig:
    """A host and the exchange of each contract; ``restart_every`` so many ticks the host dies."""

    document: dict[str, Any]
    rules: MatchingRules = field(default_factory=lambda: MatchingRules(latency_ns=10_000_000))
    restart_every: int = 0
    placed: list[Place] = field(default_factory=list)
    decided: list[Decided] = field(default_factory=list)
    fills: list[tuple[str, int, float, int]] = field(default_factory=list)
    now: int = 0

    def __post_init__(self) -> None:
        self.plan = parse(self.document)
        self.matchers = {
            terms.code: InstrumentMatcher(terms.code, "SHFE", terms.price_tick, terms.multiplier, self.rules)
            for terms in (OLD, NEW)
        }
        self._codes: dict[int, str] = {}
        self._told: deque[Outcome] = deque()
        self.host = self.fresh()

    def fresh(self) -> LiveHost:
        setup = HostSetup(1, "1m", seed=3)
        return LiveHost(Waves(StrategyParameters()), [OLD], setup, make_executor(self.plan, seed=3))

    def restart(self) -> None:
        document = msgspec.json.decode(msgspec.json.encode(self.host.document()))
        setup = HostSetup(1, "1m", seed=3)
        self.host = LiveHost.restored(
            Waves(StrategyParameters()), [OLD], setup, document, executor=make_executor(self.plan, seed=3),
            rolls=roll_maker(self.plan, seed=3),
        )  # fmt: skip

    def do(self, what: Callable[[LiveHost], list[Intent]]) -> None:
        """An input to the host, and everything that follows at the exchange."""
        self._carry(what(self.host))

    def tick(self, tick: Tick) -> None:
        self.now = max(self.now, tick.time)
        self._told += self.matchers[tick.instrument].on_tick(tick)
        self._tell()
        self.do(lambda host: host.on_tick(0, tick))

    def _carry(self, intents: Iterable[Intent]) -> None:
        for intent in intents:
            if isinstance(intent, Decided):
                self.decided.append(intent)
            elif isinstance(intent, Withdraw):
                self._told += self.matchers[self._codes[intent.number]].cancel(intent.number, self.now)
            else:
                self.placed.append(intent)
                code = self._codes[intent.number] = intent.contract or self.host.legs[0].terms.code
                order = MatchOrder(intent.number, intent.direction, intent.type, intent.lots, intent.price)
                self._told += self.matchers[code].submit(order, self.now)
        self._tell()

    def _tell(self) -> None:
        while self._told:
            outcome = self._told.popleft()
            if isinstance(outcome, Traded):
                place = next(place for place in self.placed if place.number == outcome.order_id)
                lots = int(place.direction) * outcome.volume
                self.fills.append((self._codes[outcome.order_id], lots, outcome.price, outcome.at))
            news = news_of(outcome)
            if news is not None:
                self.do(lambda host, news=news: host.on_news(news))  # type: ignore[misc]

    def held(self, code: str) -> int:
        return sum(lots for own, lots, _price, _at in self.fills if own == code)


def play(rig: Rig, ticks: Sequence[Tick], each: Callable[[int], None] | None = None) -> Rig:
    """The ticks, with the minutes that they close and a clock a second; ``each`` comes after each of them."""
    rig.do(lambda host: host.begin_day(ticks[0].trading_day))
    minute: list[Tick] = []
    for number, tick in enumerate(ticks):
        if minute and tick.instrument == OLD.code and tick.time // NS_PER_MINUTE > minute[0].time // NS_PER_MINUTE:
            bar, at = bar_of(minute), tick.time // NS_PER_MINUTE * NS_PER_MINUTE
            rig.do(lambda host, bar=bar, at=at: host.on_bars((bar,), at))  # type: ignore[misc]
            minute = []
        if tick.time // NS_PER_SECOND > rig.now // NS_PER_SECOND:
            rig.do(lambda host, now=tick.time: host.on_clock(now))  # type: ignore[misc]
        rig.tick(tick)
        if tick.instrument == OLD.code:
            minute.append(tick)
        if each is not None:
            each(number)
        if rig.restart_every and number % rig.restart_every == 0:
            rig.restart()
    return rig


def bar_of(ticks: Sequence[Tick]) -> Bar:
    prices = [tick.last for tick in ticks]
    start = ticks[0].time // NS_PER_MINUTE * NS_PER_MINUTE
    return Bar(start, ticks[0].trading_day, prices[0], max(prices), min(prices), prices[-1], 1.0, 1.0, 1.0)


def night() -> list[Tick]:
    """Fifty minutes of the night session."""
    return [tick for tick in ticks_of(RU) if not tick.flags and tick.volume][200:6_200]


DOCUMENTS: dict[str, dict[str, Any]] = {
    "market": {},
    "chase": {"kind": "chase", "max_ticks": 6},
    "twap": {"kind": "twap", "seconds": 120, "slices": 6, "randomise": 0.3},
    "iceberg": {"kind": "iceberg", "show": 2, "peak_random": 0.5},
}
every_kind = pytest.mark.parametrize("kind", DOCUMENTS)


@every_kind
def test_what_was_decided_is_held_before_the_next_decision(kind: str) -> None:
    rig = play(Rig(DOCUMENTS[kind]), night())
    assert len(rig.decided) >= 9
    for before, after in zip(rig.decided, rig.decided[1:], strict=False):
        assert after.position == before.target
    if kind == "market":
        assert not isinstance(rig.host.aims.executor, AlgoExecutor)
    else:
        assert {place.cause for place in rig.placed} == {Cause.ALGO}
    assert all(place.decision_price > 0 and place.decided_at for place in rig.placed)


@every_kind
def test_decisions_do_not_hang_on_the_execution(kind: str) -> None:
    plain, worked = play(Rig({}), night()[:3_000]), play(Rig(DOCUMENTS[kind]), night()[:3_000])
    assert [each[:4] for each in worked.decided] == [each[:4] for each in plain.decided]


@every_kind
def test_a_host_that_dies_every_few_ticks_sends_the_same(kind: str) -> None:
    ticks = night()[:2_500]
    calm = play(Rig(DOCUMENTS[kind]), ticks)
    dying = play(Rig(DOCUMENTS[kind], restart_every=7), ticks)
    assert repr(dying.placed) == repr(calm.placed)
    assert dying.fills == calm.fills


@every_kind
def test_flattened_in_the_middle_nothing_is_left(kind: str) -> None:
    def each(number: int) -> None:
        if number == 1_000:
            rig.do(lambda host: host.flatten(rig.now))

    rig = Rig(DOCUMENTS[kind])
    play(rig, night()[:1_400], each)
    assert rig.host.positions == [0]
    assert not rig.host.working


@every_kind
def test_paused_it_only_reduces(kind: str) -> None:
    def each(number: int) -> None:
        if number == 700:
            rig.do(lambda host: host.pause())

    rig = Rig(DOCUMENTS[kind])
    play(rig, night()[:2_500], each)
    paused_at = night()[700].time
    at, biggest = 0, None
    for _code, lots, _price, moment in rig.fills:
        at += lots
        if moment > paused_at:
            assert biggest is None or abs(at) <= biggest
            biggest = abs(at)
    assert rig.host.positions == [0]


def two_contracts(ticks: Sequence[Tick]) -> list[Tick]:
    """The old contract's ticks, and a moment after each of them one of the new contract."""
    both = []
    for tick in ticks:
        prices = ("last", "bid_price", "ask_price", "open", "high", "low", "upper_limit", "lower_limit")
        moved = {name: getattr(tick, name) + SPREAD for name in prices}
        turnover = tick.turnover + tick.volume * SPREAD * NEW.multiplier
        both += [
            tick,
            msgspec.structs.replace(tick, instrument=NEW.code, time=tick.time + 1, turnover=turnover, **moved),
        ]
    return both


@pytest.mark.parametrize("order", ["close_first", "open_first"])
@pytest.mark.parametrize("restart_every", [0, 5])
def test_a_roll_takes_the_position_and_the_levels_to_the_new_contract(order: str, restart_every: int) -> None:
    """Six lots short when the roll begins; the strategy's next decisions are carried out in the new contract."""
    document = {"kind": "chase", "max_ticks": 4, "roll": {"order": order, "slice_lots": 2, "seconds": 5}}
    rig = Rig(document, restart_every=restart_every)
    rolls: list[Roll] = []

    def begin(number: int) -> None:
        if number == 2_000:
            assert rig.host.positions == [-6]
            rig.host.desk.wake_on(11_000.0)
            numbers = rig.host.outbox.next_number
            rolls.append(Roll(rig.plan, 0, OLD, NEW, numbers, seed=3))
            spread = Spread(11_000.0, 11_000.0 + SPREAD, "difference")
            rig.do(lambda host: host.roll(0, rolls[0], NEW, rig.now, spread))

    ticks = two_contracts(night()[:3_000])
    play(rig, ticks, begin)
    rolled = [place for place in rig.placed if place.cause is Cause.ROLL]
    assert {place.contract for place in rolled} == {OLD.code, NEW.code}
    assert rig.host.legs[0].terms == NEW
    assert rig.host.roll_under_way is None
    assert rig.held(OLD.code) == 0
    assert rig.held(NEW.code) == rig.host.positions[0]
    assert rig.host.desk.levels == [(0, 11_000.0)]  # as the strategy sees prices nothing has changed
    assert rig.host.legs[0].sight == Sight(SPREAD)
    after = [place for place in rig.placed if place.number > rolled[-1].number]
    assert {place.contract for place in after} == {""}
    limits = [place.price for place in after if place.type is OrderType.LIMIT]
    lasts = [tick.last for tick in ticks if tick.instrument == NEW.code]
    assert limits
    assert all(min(lasts) - 5.0 <= price <= max(lasts) + 5.0 for price in limits)  # the old one's prices are all lower
    if not restart_every:
        assert rolls[0].state is RollState.DONE
