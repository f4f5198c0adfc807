"""The matcher on the recorded ticks of three exchanges: what holds whatever the orders are."""

from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from math import inf
from random import Random
from time import process_time

import pytest

from marketdata.domain.ticks import Tick
from marketdata.tests.domain.recorded import needs_data
from quantsite.common.numbers import on_grid, round_to_tick
from trading.domain.offsets import Direction
from trading.domain.order import OrderType
from trading.domain.simulated.matcher import InstrumentMatcher
from trading.domain.simulated.orders import MatchingRules, MatchOrder
from trading.domain.simulated.outcomes import Accepted, Outcome, Traded
from trading.domain.simulated.prints import prints_between, sides_counted
from trading.tests.recorded_ticks import FILES, Recorded, ticks_of

pytestmark = [needs_data, pytest.mark.real_data]
every_file = pytest.mark.parametrize("recorded", FILES, ids=lambda recorded: recorded.file)

MS = 1_000_000
IDLE_MICROSECONDS = 3.0
BUSY_MICROSECONDS = 40.0
"""Far above what is measured (docs/trading/matching.md), for machines that do other things too."""


def matcher_of(recorded: Recorded, rules: MatchingRules | None = None) -> InstrumentMatcher:
    """A matcher of the file's contract."""
    rules = rules or MatchingRules()
    return InstrumentMatcher(recorded.code, recorded.exchange, recorded.price_tick, recorded.multiplier, rules)


@dataclass(eq=False)
class Played:
    """What a day of random orders led to."""

    orders: dict[int, MatchOrder] = field(default_factory=dict)
    told: list[Outcome] = field(default_factory=list)
    by_tick: list[tuple[Tick, int, int]] = field(default_factory=list)
    """Each tick with the lots filled by it and at its book."""


@cache
def played(recorded: Recorded, latency: int, seed: int = 7) -> Played:
    """A random order around the market at every 25th tick or so; some are cancelled fifteen orders later."""
    draw, matcher, day = Random(seed), matcher_of(recorded, MatchingRules(latency)), Played()  # noqa: S311 - no secret
    for tick in ticks_of(recorded):
        outcomes = matcher.on_tick(tick)
        passive = sum(one.volume for one in outcomes if isinstance(one, Traded))
        if not tick.flags and draw.random() < 0.04:
            order = _order(draw, recorded, tick, len(day.orders) + 1)
            day.orders[order.order_id] = order
            outcomes = outcomes + matcher.submit(order, tick.time)
            if draw.random() < 0.9:
                outcomes = outcomes + matcher.cancel(max(1, order.order_id - 15), tick.time)
        filled = sum(one.volume for one in outcomes if isinstance(one, Traded))
        day.by_tick.append((tick, passive, filled - passive))
        day.told += outcomes
    day.told += matcher.expire(tick.time)
    assert not matcher
    return day


def _order(draw: Random, recorded: Recorded, tick: Tick, number: int) -> MatchOrder:
    kind = draw.choice([OrderType.LIMIT] * 5 + [OrderType.FAK, OrderType.FOK, OrderType.MARKET, OrderType.STOP])
    price = round_to_tick(tick.last + draw.randint(-8, 8) * recorded.price_tick, recorded.price_tick)
    stop = round_to_tick(tick.last + draw.randint(-8, 8) * recorded.price_tick, recorded.price_tick)
    side = draw.choice([Direction.BUY, Direction.SELL])
    return MatchOrder(number, side, kind, draw.choice([1, 5, 40, 400]), price, stop)


@every_file
@pytest.mark.parametrize("latency", [0, 37 * MS], ids=["at once", "37 ms"])
def test_fills_stay_within_the_order_the_limits_and_the_market(recorded: Recorded, latency: int) -> None:
    day = played(recorded, latency)
    last = next(tick for tick in reversed(ticks_of(recorded)) if not tick.flags)
    left = {number: order.volume for number, order in day.orders.items()}
    fills = [one for one in day.told if isinstance(one, Traded)]
    for fill in fills:
        order = day.orders[fill.order_id]
        left[fill.order_id] -= fill.volume
        assert fill.volume > 0
        assert last.lower_limit <= fill.price <= last.upper_limit
        assert on_grid(fill.price, recorded.price_tick)
        if order.type in (OrderType.LIMIT, OrderType.FAK, OrderType.FOK, OrderType.STOP):
            assert order.direction * (order.price - fill.price) >= -1e-9
    assert min(left.values()) >= 0
    assert len({(fill.order_id, fill.number) for fill in fills}) == len(fills) > 300
    assert len([one for one in day.told if isinstance(one, Accepted)]) > 300


@every_file
def test_a_tick_fills_no_more_than_it_traded_and_displays(recorded: Recorded) -> None:
    day = played(recorded, 0)
    before: Tick | None = None
    for tick, passive, taken in day.by_tick:
        if tick.flags:
            assert not passive
            assert not taken
            continue
        traded = tick.volume - (before.volume if before is not None else 0)
        displayed = tick.bid_volume + tick.ask_volume
        assert passive <= traded // sides_counted(recorded.exchange, tick.trading_day) + displayed
        assert passive + taken <= traded + displayed
        before = tick


@every_file
def test_the_lots_of_the_day_are_split_without_losing_one(recorded: Recorded) -> None:
    before: Tick | None = None
    lots, money = 0, 0.0
    sides = sides_counted(recorded.exchange, ticks_of(recorded)[0].trading_day)
    for tick in ticks_of(recorded):
        if tick.flags:
            continue
        prints = prints_between(before, tick, sides, recorded.price_tick, recorded.multiplier)
        lots += sum(prints.values())
        money += sum(price * count for price, count in prints.items()) * recorded.price_tick * recorded.multiplier
        before = tick
    assert before is not None
    assert lots * sides == before.volume
    assert money * sides == pytest.approx(
        before.turnover, rel=5e-4
    )  # trades out of the day's range count at the last price


@every_file
def test_of_two_like_orders_the_earlier_is_always_ahead(recorded: Recorded) -> None:
    ticks = [tick for tick in ticks_of(recorded) if not tick.flags and tick.bid_price > 0]
    matcher = matcher_of(recorded)
    first, second, served = 0, 0, 0
    for number, tick in enumerate(ticks):
        for one in matcher.on_tick(tick):
            if isinstance(one, Traded):
                first, second = (first + one.volume, second) if one.order_id % 2 else (first, second + one.volume)
        assert not second or first == 30
        served += bool(second)
        if number % 400 == 0:
            for order_id in list(matcher.states()):
                matcher.cancel(order_id, tick.time)
            first = second = 0
            for place in (1, 2):
                order = MatchOrder(2 * number + place, Direction.BUY, OrderType.LIMIT, 30, tick.bid_price)
                matcher.submit(order, tick.time)
    assert served


@pytest.mark.parametrize("recorded", FILES[2:], ids=lambda recorded: recorded.file)
def test_the_same_day_gives_the_same_outcomes(recorded: Recorded) -> None:
    assert played.__wrapped__(recorded, 37 * MS).told == played(recorded, 37 * MS).told


@every_file
def test_orders_before_the_opening_fill_at_the_opening_price(recorded: Recorded) -> None:
    ticks = ticks_of(recorded)
    match = next(tick for tick in ticks if tick.volume and not tick.flags)
    matcher = matcher_of(recorded)
    matcher.submit(MatchOrder(1, Direction.BUY, OrderType.LIMIT, 3, match.upper_limit), match.time - 1_000 * MS)
    fills = [one for tick in ticks[:50] for one in matcher.on_tick(tick) if isinstance(one, Traded)]
    assert [(fill.price, fill.volume, fill.at) for fill in fills] == [(match.open, 3, match.time)]


@pytest.mark.soak
@every_file
def test_it_keeps_up_with_any_market(recorded: Recorded) -> None:
    ticks = ticks_of(recorded)

    def microseconds(orders: int) -> float:
        matcher = matcher_of(recorded)
        matcher.on_tick(ticks[10])
        for number in range(orders):
            price = round_to_tick(ticks[10].last * 0.97 + number * recorded.price_tick, recorded.price_tick)
            matcher.submit(MatchOrder(number + 1, Direction.BUY, OrderType.LIMIT, 1_000_000, price), ticks[10].time)
        began = process_time()
        for tick in ticks[11:]:
            matcher.on_tick(tick)
        return (process_time() - began) / len(ticks[11:]) * 1e6

    idle, busy = (min((microseconds(orders) for _ in range(2)), default=inf) for orders in (0, 4))
    assert idle < IDLE_MICROSECONDS
    assert busy < BUSY_MICROSECONDS
    print(f"{recorded.code}: {idle:.2f} us a tick without orders, {busy:.1f} us with 4")  # noqa: T201


def test_a_turnover_made_of_the_days_average_tells_no_price_of_a_trade() -> None:
    """CZCE's, on every tick of the recorded day: what was traded counts at the last price, not far off the market."""
    apple = next(recorded for recorded in FILES if recorded.exchange == "CZCE")
    ticks = [tick for tick in ticks_of(apple) if not tick.flags]
    far = 0
    for before, tick in pairwise(ticks):
        if tick.volume > before.volume > 0:
            prints = prints_between(before, tick, 1, apple.price_tick, apple.multiplier)
            assert prints == {round(tick.last / apple.price_tick): tick.volume - before.volume}
            average = (tick.turnover - before.turnover) / (tick.volume - before.volume) / apple.multiplier
            far += abs(average - tick.last) > 10 * apple.price_tick
    assert far > 5_000
