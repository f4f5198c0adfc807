"""The hosted feed on recorded days against the very path that a live feed publishes through."""

from collections.abc import Iterator
from itertools import pairwise

import pytest
from msgspec.structs import replace

from backtests.domain.hosted_feed import AFTER_CLOSE, Bars, Event, Expiry, HostedDay, HostedFeed, LegTick, Second
from backtests.tests.domain.hosted_days import contract_of, hosted_day, hosted_leg
from marketdata.domain.ticks import BarMessage, Clock, Message, Tick, frame, unframe
from marketdata.publishing.path import TickPath
from marketdata.tests.domain.recorded import needs_data
from quantsite.common.times import NS_PER_MINUTE, NS_PER_SECOND
from trading.tests.recorded_ticks import FILES, Recorded, ticks_of

pytestmark = [needs_data, pytest.mark.real_data]
every_file = pytest.mark.parametrize("recorded", FILES, ids=lambda recorded: recorded.file)
INTERVAL = "5m"


def events_of(recorded: Recorded, interval: str = INTERVAL) -> list[Event]:
    """A recorded day."""
    return list(HostedFeed([contract_of(recorded)], interval).day(hosted_day(recorded)))


def published(recorded: Recorded) -> Iterator[Message]:
    """What a live feed sends for the same day when its market clock is told at every second of trading."""
    sent: list[bytes] = []
    contract = contract_of(recorded)
    path = TickPath("test", contract.table.calendar, sent.append, intervals=[INTERVAL])
    path.allow([contract])
    moment = 0
    for tick in ticks_of(recorded):
        latest = max(moment, tick.time)
        run_on = latest if latest - moment < 60 * NS_PER_MINUTE else moment + 30 * NS_PER_SECOND
        for second in range(moment, run_on if moment else 0, NS_PER_SECOND):
            path.advance(second)
        moment = latest
        path.advance(moment)
        path.on_tick(tick)
    for second in range(30):
        path.advance(moment + second * NS_PER_SECOND)
    path.finish()
    for message in sent:
        yield from unframe(frame([message]))


@every_file
def test_ticks_and_bars_come_in_the_order_in_which_a_live_feed_publishes_them(recorded: Recorded) -> None:
    ours: list[tuple[int, object]] = []
    for event in events_of(recorded):
        if isinstance(event, LegTick):
            ours.append((event.tick.seq, event.tick.time))
        elif isinstance(event, Bars):
            (bar,) = event.bars
            ours.append((-1, bar and (bar.start, bar.open, bar.high, bar.low, bar.close, int(bar.volume))))
    theirs: list[tuple[int, object]] = []
    for message in published(recorded):
        if isinstance(message, Tick):
            theirs.append((message.seq, message.time))
        elif isinstance(message, BarMessage):
            prices = (message.open, message.high, message.low, message.close)
            theirs.append((-1, (message.start, *prices, message.volume)))
    assert ours == theirs


@every_file
def test_a_bar_has_the_instant_that_a_live_feed_has_told_when_it_publishes_it(recorded: Recorded) -> None:
    told, theirs = 0, []
    for message in published(recorded):
        if isinstance(message, Tick):
            told = max(told, message.time)
        elif isinstance(message, Clock):
            told = max(told, message.now)
        elif isinstance(message, BarMessage):
            theirs.append((message.start, told))
    closed = [event for event in events_of(recorded) if isinstance(event, Bars)]
    ours = [(bar.start, event.now) for event in closed for bar in event.bars if bar]
    assert ours == theirs


@every_file
def test_the_bars_are_those_that_the_run_on_bars_has_and_none_is_told_before_it_has_ended(recorded: Recorded) -> None:
    bars = [event for event in events_of(recorded) if isinstance(event, Bars)]
    stored = hosted_leg(recorded, INTERVAL).leg.bars
    assert [bar.start for event in bars for bar in event.bars if bar] == stored.start.tolist()
    for event in bars:
        (bar,) = event.bars
        assert bar is not None
        assert event.now >= bar.start + NS_PER_MINUTE


@every_file
def test_the_clock_never_goes_back_and_the_day_ends_after_its_last_session(recorded: Recorded) -> None:
    events = events_of(recorded)
    assert all(before.now <= after.now for before, after in pairwise(events))
    plan = contract_of(recorded).table.plan(hosted_day(recorded).trading_day)
    (expiry,) = [event for event in events if isinstance(event, Expiry)]
    assert expiry.now == plan.closes + AFTER_CLOSE
    assert sum(isinstance(event, Second) for event in events) >= (plan.parts[-1].end - plan.parts[-1].start) / 1e9


def test_without_bars_there_are_ticks_only() -> None:
    kinds = {type(event) for event in events_of(FILES[2], "tick")}
    assert kinds == {Second, LegTick, Expiry}


def test_several_legs_are_merged_by_time_and_their_bars_come_together() -> None:
    ru = FILES[1]
    contract = contract_of(ru)
    twin = [contract, type(contract)("ru1905.SHFE", "ru1905", "SHFE", 10, 5.0, contract.table)]
    thinner = tuple(replace(tick, instrument="ru1905.SHFE") for tick in ticks_of(ru)[::3])
    day = HostedDay(hosted_day(ru).trading_day, (ticks_of(ru), thinner))
    events = list(HostedFeed(twin, INTERVAL).day(day))
    ticks = [event for event in events if isinstance(event, LegTick)]
    assert len(ticks) == sum(len(each) for each in day.ticks)
    bars = [event for event in events if isinstance(event, Bars)]
    both = [event for event in bars if all(event.bars)]
    assert len(both) > 0.9 * len(bars)
    assert all(first.start == second.start for first, second in (event.bars for event in both) if first and second)
    starts = [next(bar.start for bar in event.bars if bar) for event in bars]
    assert starts == sorted(set(starts))
