"""The matcher against a second, plain writing of its rules, and against itself after a restart at any point."""

import json
from collections import defaultdict
from math import nan
from random import Random
from typing import Any

import msgspec
import pytest

from marketdata.domain.ticks import OUTSIDE, Tick
from trading.domain.offsets import Direction
from trading.domain.order import OrderType
from trading.domain.simulated.matcher import InstrumentMatcher
from trading.domain.simulated.orders import MatchingRules, MatchOrder, Queue
from trading.domain.simulated.outcomes import Accepted, Outcome, Traded
from trading.tests.simulated_parts import CODE, HALF, MS, MULTIPLIER, depth
from trading.tests.slow_tick_exchange import SlowExchange

SEEDS = range(60)
STEPS = 120
TYPES = [OrderType.LIMIT] * 6 + list(OrderType)


class Script:
    """A made day or two: what is done, step by step, drawn from one seed."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)  # noqa: S311 - no secret
        self.rules = MatchingRules(
            latency_ns=self.random.choice([0, 0, 1, 200 * MS, HALF, 700 * MS]),
            queue=self.random.choice([Queue.DISPLAYED, Queue.DISPLAYED, Queue.NONE]),
        )
        self.day = self.random.choice([17_000, 20_000])
        self.price = 100
        self.now = self.day * 86_400_000 * MS
        self.volume, self.turnover, self.opened, self.high, self.low = 0, 0.0, nan, nan, nan
        self.orders = 0
        self.steps = self._steps()

    def _steps(self) -> list[tuple[Any, ...]]:
        draw = self.random
        steps: list[tuple[Any, ...]] = []
        for number in range(STEPS):
            chance = draw.random()
            if chance < 0.55:
                steps.append(("tick", self._tick(number)))
            elif chance < 0.85:
                steps.append(("submit", self._order(), self.now))
            elif chance < 0.92:
                steps.append(("cancel", draw.randint(1, self.orders + 1), self.now))
            elif chance < 0.97:
                self.now += draw.randint(0, HALF)
                steps.append(("clock", self.now))
            elif chance < 0.98:
                steps += self._night()
        return steps

    def _night(self) -> list[tuple[Any, ...]]:
        over = self.now
        late = [("tick", self._tick(STEPS))] if self.random.random() < 0.5 else []
        self.day += 1
        self.now = self.day * 86_400_000 * MS
        self.volume, self.turnover, self.opened, self.high, self.low = 0, 0.0, nan, nan, nan
        opening = [("opens", self.now + 5 * HALF)] if self.random.random() < 0.5 else []
        return [("expire", over), *late, *opening]

    def _order(self) -> MatchOrder:
        draw = self.random
        self.orders += 1
        kind = draw.choice(TYPES)
        priced = kind in (OrderType.LIMIT, OrderType.FAK, OrderType.FOK) or draw.random() < 0.4
        return MatchOrder(
            self.orders,
            draw.choice([Direction.BUY, Direction.SELL]),
            kind,
            draw.choice([1, 3, 10, 60]),
            float(self.price + draw.randint(-4, 4)) if priced else nan,
            float(self.price + draw.randint(-4, 4)) if kind == OrderType.STOP else nan,
            self.now + draw.randint(0, 2 * HALF) if draw.random() < 0.1 else 0,
        )

    def _tick(self, number: int) -> Tick:
        draw = self.random
        self.now += draw.choice([0, HALF, HALF, HALF, 2 * HALF])
        traded: dict[int, int] = defaultdict(int)
        if draw.random() < 0.7:
            for _ in range(draw.randint(1, 3)):
                self.price += draw.randint(-1, 1)
                traded[self.price] += 2 * draw.choice([1, 2, 5, 30])
        for price, lots in traded.items():
            self.volume += lots
            self.turnover += price * lots * MULTIPLIER
            self.opened = self.opened if self.opened == self.opened else float(price)
            self.high = price if self.high != self.high else max(self.high, price)
            self.low = price if self.low != self.low else min(self.low, price)
        bid = self.price - draw.randint(0, 2)
        ask = max(bid + 1, self.price + draw.randint(0, 2))
        levels = depth(
            [(float(bid - step), draw.randint(0, 20)) for step in range(1, draw.randint(1, 5))],
            [(float(ask + step), draw.randint(0, 20)) for step in range(1, draw.randint(1, 5))],
        )
        return Tick(
            CODE,
            self.day,
            number,
            self.now,
            0,
            float(self.price) if self.volume or draw.random() < 0.5 else nan,
            self.volume,
            self.turnover if draw.random() < 0.95 else draw.choice([nan, 0.0, self.turnover * 1.5]),
            0.0,
            bid_price=float(bid) if draw.random() < 0.92 else draw.choice([nan, 0.0, 1.7976931348623157e308]),
            bid_volume=draw.randint(0, 30),
            ask_price=float(ask) if draw.random() < 0.92 else nan,
            ask_volume=draw.randint(0, 30),
            open=self.opened,
            high=self.high,
            low=self.low,
            upper_limit=112.0 if draw.random() < 0.8 else nan,
            lower_limit=88.0 if draw.random() < 0.8 else nan,
            flags=OUTSIDE if draw.random() < 0.04 else 0,
            depth=levels if draw.random() < 0.5 else None,
        )


def step(matcher: InstrumentMatcher, what: tuple[Any, ...]) -> list[Outcome]:
    """One step of a script, on the matcher."""
    match what:
        case ("tick", tick):
            return matcher.on_tick(tick)
        case ("submit", order, now):
            return matcher.submit(order, now)
        case ("cancel", order_id, now):
            return matcher.cancel(order_id, now)
        case ("clock", now):
            return matcher.on_clock(now)
        case ("expire", now):
            return matcher.expire(now)
        case ("opens", opens):
            matcher.begin_day(opens)
            return []
    raise AssertionError(what)


def slow_step(slow: SlowExchange, what: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    """The same step on the slow exchange."""
    match what:
        case ("opens", opens):
            slow.opens = opens
            return []
        case (name, *given):
            told: list[tuple[Any, ...]] = getattr(slow, name)(*given)
            return told
    raise AssertionError(what)


def plain(outcome: Outcome) -> tuple[Any, ...]:
    """An outcome as the slow exchange tells it."""
    return (type(outcome).__name__, *msgspec.structs.astuple(outcome))


def new_matcher(script: Script) -> InstrumentMatcher:
    """A matcher with nothing in it."""
    return InstrumentMatcher(CODE, "SHFE", 1.0, MULTIPLIER, script.rules)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_plain_writing_of_the_rules_gives_the_same(seed: int) -> None:
    script = Script(seed)
    counted = 2 if script.day < 18_262 else 1
    matcher = new_matcher(script)
    slow = SlowExchange(script.rules.latency_ns, script.rules.queue == Queue.DISPLAYED, counted)
    for number, what in enumerate(script.steps):
        outcomes = [plain(one) for one in step(matcher, what)]
        assert outcomes == slow_step(slow, what), (number, what)


@pytest.mark.parametrize("seed", SEEDS)
def test_restored_at_any_point_it_goes_on_the_same(seed: int) -> None:
    script = Script(1_000 + seed)
    straight, broken = new_matcher(script), new_matcher(script)
    orders: dict[int, MatchOrder] = {}
    for number, what in enumerate(script.steps):
        if what[0] == "submit":
            orders[what[1].order_id] = what[1]
        assert step(broken, what) == step(straight, what), (number, what)
        states = json.loads(json.dumps(broken.states()))
        market = json.loads(json.dumps(broken.market_state()))
        alive = [orders[int(order_id)] for order_id in states]
        last = broken.last_tick
        broken = new_matcher(script)
        broken.restore(alive, {int(order_id): state for order_id, state in states.items()}, last, market)


def test_the_scripts_reach_what_they_are_for() -> None:
    seen: dict[str, int] = defaultdict(int)
    for seed in SEEDS:
        script = Script(seed)
        matcher = new_matcher(script)
        for what in script.steps:
            for outcome in step(matcher, what):
                seen[type(outcome).__name__ + str(getattr(outcome, "reason", ""))] += 1
    assert len(seen) == 14
    assert min(seen.values()) >= 5
    assert seen["Traded"] > 1_000


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_is_filled_that_nobody_traded_or_displayed(seed: int) -> None:
    script = Script(2_000 + seed)
    matcher = new_matcher(script)
    wanted: dict[int, int] = {}
    left: dict[int, int] = {}
    supply = 0
    for what in script.steps:
        if what[0] == "submit":
            wanted[what[1].order_id] = what[1].volume
        before = matcher.last_tick
        if what[0] == "tick" and not what[1].flags:
            supply = _supply(before, what[1])
        for outcome in step(matcher, what):
            if isinstance(outcome, Accepted):
                left[outcome.order_id] = wanted[outcome.order_id]
            if isinstance(outcome, Traded):
                left[outcome.order_id] -= outcome.volume
                assert left[outcome.order_id] >= 0
                if what[0] == "tick" and outcome.at == what[1].time:
                    supply -= outcome.volume
        assert supply >= 0


def _supply(before: Tick | None, tick: Tick) -> int:
    """Lots traded since the tick before and displayed in this one."""
    day = before is not None and before.trading_day == tick.trading_day
    traded = tick.volume - (before.volume if day and before is not None else 0)
    counted = 2 if tick.trading_day < 18_262 else 1
    deeper = 0 if tick.depth is None else int(sum(tick.depth[4:8]) + sum(tick.depth[12:16]))
    return traded // counted + tick.bid_volume + tick.ask_volume + deeper
