"""Each algorithm at the simulated exchange, on recorded ticks of three exchanges."""

from collections.abc import Sequence
from math import isnan

import pytest

from marketdata.domain.ticks import Tick
from marketdata.tests.domain.recorded import needs_data
from quantsite.common.numbers import to_ticks
from strategies.domain.execution.executor import AlgoExecutor
from strategies.domain.execution.plan import parse
from strategies.domain.execution.quotes import Quote
from strategies.domain.hosting.terms import LegTerms
from strategies.tests.domain.execution.floor import Floor
from trading.domain.order_status import OrderType
from trading.domain.simulated.matcher import InstrumentMatcher
from trading.domain.simulated.orders import MatchingRules
from trading.tests.recorded_ticks import FILES, Recorded, ticks_of

pytestmark = [needs_data, pytest.mark.real_data]
every_file = pytest.mark.parametrize("recorded", FILES, ids=lambda recorded: recorded.file)
both_ways = pytest.mark.parametrize("lots", [30, -30])

SECOND = 1_000_000_000
LATENCY = MatchingRules(latency_ns=20_000_000)


def floor(recorded: Recorded, document: dict[str, object], rules: MatchingRules = LATENCY) -> Floor:
    """The contract's exchange and an executor of that plan."""
    terms = LegTerms(recorded.code, recorded.price_tick, recorded.multiplier)
    matcher = InstrumentMatcher(recorded.code, recorded.exchange, recorded.price_tick, recorded.multiplier, rules)
    return Floor([matcher], lambda numbers: AlgoExecutor(parse(document), [terms], numbers, seed=5))


def sound(recorded: Recorded) -> list[Tick]:
    """The ticks of the file's day session with quotes on both sides."""
    ticks = [tick for tick in ticks_of(recorded) if not tick.flags]
    day = ticks[-1].trading_day
    return [tick for tick in ticks if tick.trading_day == day and tick.volume]


def worked(recorded: Recorded, document: dict[str, object], lots: int, ticks: Sequence[Tick]) -> Floor:
    """The target is wanted after a hundred ticks; the rest of the ticks follow, then the day ends."""
    desk = floor(recorded, document)
    for tick in ticks[:100]:
        desk.tick(0, tick)
    desk.want(0, lots, ticks[99].last)
    for tick in ticks[100:]:
        desk.tick(0, tick)
    desk.end_day()
    return desk


@every_file
@both_ways
def test_twap_spreads_its_fills_evenly_in_time(recorded: Recorded, lots: int) -> None:
    """At each of ten moments of ten minutes the filled share differs from the passed time by a slice at most."""
    ticks = sound(recorded)[2_000:8_000]
    desk = worked(recorded, {"kind": "twap", "seconds": 600, "slices": 15}, lots, ticks)
    began = ticks[99].time
    assert desk.lots() == lots
    assert len(desk.placed) >= 15
    for minute in range(1, 10):
        by_now = sum(fill.lots for fill in desk.fills if fill.at <= began + minute * 60 * SECOND)
        assert abs(by_now / lots - minute / 10) <= 1 / 15 + 1e-9, minute


@every_file
def test_twap_moves_its_moments_by_chance_and_the_same_ones_again(recorded: Recorded) -> None:
    ticks = sound(recorded)[2_000:5_000]
    plain, moved, again = (
        worked(recorded, {"kind": "twap", "seconds": 300, "slices": 6, "randomise": share}, 6, ticks)
        for share in (0.0, 0.9, 0.9)
    )
    assert moved.placed_at == again.placed_at
    assert moved.placed_at != plain.placed_at
    step = 50 * SECOND
    for number, at in enumerate(moved.placed_at):
        late = at - ticks[99].time - number * step
        assert 0 <= late <= step + 30 * SECOND


def first_quotes(ticks: Sequence[Tick], lots: int) -> float:
    quote = Quote.of(ticks[99])
    return quote.bid if lots > 0 else quote.ask


@every_file
@both_ways
@pytest.mark.parametrize("then", ["market", "stop"])
def test_chase_never_goes_further_than_it_may(recorded: Recorded, lots: int, then: str) -> None:
    ticks = sound(recorded)[500:9_000]
    document = {"kind": "chase", "max_ticks": 4, "reprice_seconds": 1, "then": then}
    desk = worked(recorded, document, lots, ticks)
    sign = 1 if lots > 0 else -1
    limits = [place for place in desk.placed if place.type is OrderType.LIMIT]
    first = limits[0].price
    assert first == first_quotes(ticks, lots)
    assert all(to_ticks(sign * (place.price - first), recorded.price_tick) <= 4 for place in limits)
    if then == "stop":
        assert len(limits) == len(desk.placed)
        told = desk.executor.notices()  # type: ignore[attr-defined] # an AlgoExecutor, and it told why
        assert desk.lots() == lots or [notice.kind for notice in told] == ["given_up"]
    else:
        assert desk.lots() == lots


@every_file
@both_ways
@pytest.mark.parametrize("price", ["own", "opposite", "limit"])
def test_iceberg_never_shows_more_than_its_peak(recorded: Recorded, lots: int, price: str) -> None:
    ticks = sound(recorded)[500:9_000]
    document = {"kind": "iceberg", "show": 4, "peak_random": 0.5, "price": price}
    desk = worked(recorded, document, lots, ticks)
    sizes = {place.lots for place in desk.placed}
    assert max(sizes) <= 4
    assert len(sizes) > 1
    assert all(place.type is OrderType.LIMIT for place in desk.placed)
    if price == "limit":
        assert {place.price for place in desk.placed} == {ticks[99].last}
        sign = 1 if lots > 0 else -1
        assert all(sign * (fill.price - ticks[99].last) <= 1e-9 for fill in desk.fills)
    else:
        assert desk.lots() == lots


@pytest.mark.parametrize("then", ["complete", "undo"])
@pytest.mark.parametrize("first", [-1, 1])
@pytest.mark.parametrize("recorded", FILES[1:], ids=lambda recorded: recorded.file)
def test_a_pair_is_never_uneven_for_much_longer_than_it_may(recorded: Recorded, then: str, first: int) -> None:
    """Long one leg and short the other, both resting limit orders, every minute anew; the second leg is thinner."""
    seconds, ticks = 5, sound(recorded)[1_000:5_000]
    pair = {"seconds": seconds, "then": then, "first": first}
    document = {"kind": "chase", "reprice_seconds": 30, "max_ticks": 50, "pair": pair}
    terms = [LegTerms(code, recorded.price_tick, recorded.multiplier) for code in ("first", "second")]
    matchers = [
        InstrumentMatcher(one.code, recorded.exchange, one.price_tick, one.multiplier, LATENCY) for one in terms
    ]
    desk = Floor(matchers, lambda numbers: AlgoExecutor(parse(document, legs=2), terms, numbers))
    made, uneven, longest, targets, rounds = desk.executor, 0, 0, (4, -8), 0
    assert isinstance(made, AlgoExecutor)
    for number, tick in enumerate(ticks):
        desk.tick(0, tick)
        if number % 3 == 0:
            desk.tick(1, tick)
        desk.clock(tick.time)
        if number % 120 == 60:
            rounds += 1
            targets = (targets[0], targets[1]) if rounds % 2 else (0, 0)
            desk.want(0, targets[0])
            desk.want(1, targets[1])
            targets = (4, -8) if rounds % 2 == 0 else targets
        uneven = (uneven or tick.time) if made.exposed else 0
        longest = max(longest, tick.time - uneven if uneven else 0)
    assert rounds > 20
    assert len(desk.fills) > 40
    assert longest > seconds * SECOND  # it happened
    assert longest <= (seconds + 10) * SECOND  # the thinner leg's books come every third tick, with few lots
    assert made.exposed is None


@every_file
@pytest.mark.parametrize("kind", ["market", "chase", "twap", "iceberg"])
def test_a_restart_at_any_tick_changes_nothing(recorded: Recorded, kind: str) -> None:
    """The executor dies every third tick, targets change under it; its orders are those of an undisturbed one."""
    ticks = sound(recorded)[1_000:2_500]
    targets = {50: 8, 300: 20, 600: 3, 900: -12, 1_300: 0}
    calm, dying = (floor(recorded, {"kind": kind, **({"show": 3} if kind == "iceberg" else {})}) for _ in range(2))
    for number, tick in enumerate(ticks):
        for desk in (calm, dying):
            desk.tick(0, tick)
            if number in targets:
                desk.want(0, targets[number], tick.last)
        if number % 3 == 0:
            dying.restart()
    assert repr(dying.placed) == repr(calm.placed)
    assert dying.fills == calm.fills
    assert dying.withdrawn == calm.withdrawn
    assert calm.placed


@every_file
@pytest.mark.parametrize("kind", ["chase", "twap", "iceberg"])
def test_a_day_with_its_breaks_leaves_nothing_at_work(recorded: Recorded, kind: str) -> None:
    """Wanted a minute before the last break: what is not done by then goes on behind it, and the day ends clean."""
    ticks = sound(recorded)
    breaks = [number for number in range(1, len(ticks)) if ticks[number].time - ticks[number - 1].time > 600 * SECOND]
    pause = breaks[-1]
    start = next(number for number in range(100, pause) if ticks[pause - 1].time - ticks[number].time <= 60 * SECOND)
    desk = floor(recorded, {"kind": kind, **({"seconds": 240} if kind == "twap" else {})})
    for tick in ticks[start - 100 : start]:
        desk.tick(0, tick)
    desk.want(0, 20, ticks[start - 1].last)
    for before, tick in zip(ticks[start - 1 :], ticks[start:], strict=False):
        if tick.time - before.time > 60 * SECOND:  # a market clock runs through the break
            for second in range(1, 1_200, 10):
                desk.clock(min(before.time + second * SECOND, tick.time))
        desk.tick(0, tick)
    desk.end_day()
    assert desk.lots() == 20
    if kind == "twap":
        after = sum(fill.lots for fill in desk.fills if fill.at >= ticks[pause].time)
        assert 8 <= after <= 12  # a minute before the break and the minute of silence are half of the four
    assert not isnan(desk.fills[-1].price)
    assert desk.executor.goal(0) is None
