"""The path of a tick through a feed: what is watched, given up, watched again, and which clock it is told."""

from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from marketdata.domain.contract import Contract
from marketdata.domain.market_clock import MarketClock
from marketdata.domain.ticks import BarMessage, Clock, SettlementMessage, Tick, frame, unframe
from marketdata.feeds.base import Arrival
from marketdata.publishing.path import TickPath
from marketdata.publishing.player import Player
from marketdata.tests.domain.recorded import table
from marketdata.tests.hub_parts import CODE, NINE, tick

HOUR = 3_600 * 10**9
TABLE = table("SHFE", "rb")
CONTRACT = Contract(CODE, "rb2501", "SHFE", 10.0, 1.0, TABLE)


def at(seconds: int, volume: int) -> Tick:
    """A tick so many seconds after nine."""
    return tick(2 * seconds, volume=volume)


def test_a_contract_that_is_watched_again_does_not_count_what_was_traded_meanwhile() -> None:
    sent: list[bytes] = []
    path = TickPath("test", TABLE.calendar, sent.append, intervals=["1m"])
    path.watch(CONTRACT, NINE - 13 * HOUR)  # before the night opened
    path.on_tick(at(10, 100))
    path.advance(NINE + HOUR // 10)
    path.drop(CODE)
    path.on_tick(at(900, 5_000))
    path.watch(CONTRACT, NINE + HOUR // 2)
    for seconds, volume in ((1_810, 9_000), (1_830, 9_010), (1_870, 9_015), (1_930, 9_030)):
        path.on_tick(at(seconds, volume))
    messages: list[Tick | BarMessage | SettlementMessage | Clock] = unframe(frame(sent))
    bars = [message for message in messages if isinstance(message, BarMessage)]
    assert [((bar.start - NINE) // 60_000_000_000, bar.volume, bar.partial) for bar in bars] == [
        (0, 100, False),
        (30, 10, True),
        (31, 5, False),
    ]
    assert path.refused == 1


@pytest.mark.parametrize("pending", [0, 25_000], ids=["starved", "stream behind"])
def test_a_player_that_was_held_up_tells_no_clock_beyond_the_tick_that_comes_next(
    monkeypatch: pytest.MonkeyPatch, pending: int
) -> None:
    wall, waiting = [100.0], [pending]
    monkeypatch.setattr("marketdata.publishing.player.time", SimpleNamespace(monotonic=lambda: wall[0]))
    ticks = [at(seconds, 100 + seconds) for seconds in (1, 30, 70, 130, 190)]

    def late() -> Iterator[Arrival]:
        for each in ticks:
            wall[0] += 1.0  # an hour and a half of the market, at this speed
            waiting[0] = pending
            yield Arrival(each.time, each)

    def relieved() -> int:
        wall[0] += 0.3 if waiting[0] else 0.0
        found, waiting[0] = waiting[0], waiting[0] // 2
        return found

    sent: list[bytes] = []
    path = TickPath("test", TABLE.calendar, sent.append, intervals=["1m"])
    path.allow([CONTRACT])
    clock = MarketClock(ticks[0].time, 5_400.0, wall[0])
    stop = SimpleNamespace(is_set=lambda: False, wait=lambda _seconds: None)
    player = Player(path, clock, stop, lambda: False, lambda _now: None, relieved)  # type: ignore[arg-type]
    assert player.play(late())
    path.finish()

    messages: list[Tick | BarMessage | SettlementMessage | Clock] = unframe(frame(sent))
    told = [message for message in messages if isinstance(message, Clock)]
    assert len(told) >= len(ticks)
    for number, message in enumerate(messages):
        if isinstance(message, Clock):
            assert all(later.time >= message.now for later in messages[number:] if isinstance(later, Tick))
    bars = [message for message in messages if isinstance(message, BarMessage)]
    assert [((bar.start - NINE) // 60_000_000_000, bar.volume) for bar in bars] == [(0, 29), (1, 40), (2, 60), (3, 60)]


@pytest.mark.parametrize(("auctions", "ahead_seconds"), [(True, 300), (False, 1)], ids=["auction", "trading"])
def test_closed_hours_are_skipped_to_the_auction_or_to_where_trading_begins(
    monkeypatch: pytest.MonkeyPatch, *, auctions: bool, ahead_seconds: int
) -> None:
    wall, night = [100.0], NINE - 12 * HOUR
    monkeypatch.setattr("marketdata.publishing.player.time", SimpleNamespace(monotonic=lambda: wall[0]))
    sent: list[bytes] = []
    path = TickPath("test", TABLE.calendar, sent.append, intervals=["1m"])
    path.allow([CONTRACT])
    clock = MarketClock(night - 5 * HOUR, 1.0, wall[0])  # four in the afternoon

    def wait(seconds: float) -> None:
        wall[0] += max(seconds, 0.01)

    stop = SimpleNamespace(is_set=lambda: False, wait=wait)
    player = Player(path, clock, stop, lambda: False, lambda _now: None, lambda: 0, auctions=auctions)  # type: ignore[arg-type]
    assert player.play([Arrival(night, None)])
    told = [message.now for message in unframe(frame(sent)) if isinstance(message, Clock)]
    assert player.jumps == 1
    assert min(now for now in told if now > night - 4 * HOUR) == night - ahead_seconds * 10**9
