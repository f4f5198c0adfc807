"""The md side of CTP's cases: what a front tells becomes ticks that mean the same as any other feed's."""

import math
import threading
import time
from collections.abc import Callable, Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from marketdata.ctp.link import Link
from marketdata.ctp.md_session import MdSession
from marketdata.ctp.settings import SessionSettings
from marketdata.domain.calendar import to_day_number
from marketdata.domain.contract import Contract
from marketdata.domain.ctp.login import LoginTerms
from marketdata.domain.market_clock import MarketClock
from marketdata.domain.ticks import BACKWARD, OUTSIDE, STALE, BarMessage, Clock, Message, Tick, unframe
from marketdata.feeds.ctp import CtpSource, raw_tick
from marketdata.instruments import contract_of, ensure_instrument, trading_calendar
from marketdata.publishing.live_player import LATE_NS, LivePlayer
from marketdata.publishing.path import TickPath
from quantsite.common.times import SHANGHAI
from quantsite.testing.ctp.fixtures import ctp_front
from quantsite.testing.ctp.front import Front

__all__ = ["ctp_front"]
pytestmark = pytest.mark.django_db

DAY = date(2024, 1, 3)
TEXT = "20240103"
LONG = 30.0
Moment = tuple[int, int, int, int, int]


def ns(year: int, month: int, day: int, hour: int, minute: int = 0, second: int = 0) -> int:
    """An instant of Shanghai in ns UTC."""
    return int(datetime(year, month, day, hour, minute, second, tzinfo=SHANGHAI).timestamp()) * 10**9


def contract(code: str) -> Contract:
    """One with hours of its own."""
    return contract_of(ensure_instrument(code, DAY))


class Desk:
    """A front, and a source that is subscribed to it."""

    def __init__(self, front: Front, folder: Path, codes: list[str]) -> None:
        self.front = front
        for code in codes:
            front.contract(*code.split("."), pre_settlement=3900)
        front.open_account("9999", "1", "pw")
        login = LoginTerms("9999", "1", ("tcp://127.0.0.1:1",), password="pw")
        link = Link("md", folder, login.fronts, lambda: None)
        self.session = MdSession(link, login, settings=SessionSettings(name="md test", retry_first=0.05))
        self.source = CtpSource(self.session, first_seq=1)
        for code in codes:
            self.source.add(contract(code), 0)

    def ticks(self, count: int, clock: int | None = None) -> list[Tick]:
        """So many ticks, as they come."""
        found: list[Tick] = []
        deadline = time.monotonic() + LONG
        while len(found) < count:
            assert time.monotonic() < deadline, f"{found} of {count}; {self.source.counts()}"
            found += self.source.ticks(clock)
            self.source.wait(0.02)
        return found

    def subscribed(self, *symbols: str) -> None:
        """Wait until the front has these subscribed."""
        deadline = time.monotonic() + LONG
        while not any(set(symbols) <= set(peer.symbols) for peer in self.front.peers.values()):
            assert time.monotonic() < deadline, self.source.counts()
            self.source.ticks(None)
            self.source.wait(0.02)


@pytest.fixture
def desk(ctp_front: Callable[..., Front], tmp_path: Path) -> Iterator[Callable[..., Desk]]:
    """Make one; its session is ended afterwards."""
    made: list[Desk] = []

    def make(*codes: str, day: str = TEXT) -> Desk:
        made.append(Desk(ctp_front(day), tmp_path, list(codes)))
        return made[-1]

    yield make
    for each in made:
        each.source.close()


def test_case_25_what_is_wanted_is_subscribed_again_after_a_loss(desk: Callable[..., Desk]) -> None:
    table = desk("rb2405.SHFE", "i2405.DCE")
    table.subscribed("rb2405", "i2405")
    table.front.lose()
    table.subscribed("rb2405", "i2405")
    table.source.remove("i2405.DCE")
    table.front.wait(
        lambda: not table.source.ticks(None) and all("i2405" not in p.symbols for p in table.front.peers.values())
    )
    table.front.time = "10:00:00"
    table.front.price("rb2405", 3905)
    assert table.ticks(1)[0].last == 3905


@pytest.mark.parametrize("missing", [1.7976931348623157e308, 1.79769e308, float("inf"), 0.0, None])
def test_case_29_missing_prices_are_none(desk: Callable[..., Desk], missing: float | None) -> None:
    table = desk("rb2405.SHFE")
    table.subscribed("rb2405")
    names = ("AskPrice1", "OpenPrice", "HighestPrice", "SettlementPrice", "ClosePrice", "UpperLimitPrice")
    table.front.time = "10:00:00"
    table.front.price("rb2405", 3905, **dict.fromkeys(names, missing))
    tick = table.ticks(1)[0]
    assert tick.last == tick.bid_price == 3905
    told = (tick.ask_price, tick.open, tick.high, tick.settlement, tick.close, tick.upper_limit)
    assert all(math.isnan(value) for value in told)


def test_case_29_before_the_first_trade_nothing_is_a_price() -> None:
    tick = raw_tick({"InstrumentID": "rb2405", "TradingDay": TEXT, "UpdateTime": "08:59:00", "LastPrice": None})
    assert math.isnan(tick.last_price)
    assert tick.depth is None
    assert (tick.volume, tick.turnover, tick.open_interest) == (0, math.inf, math.inf)


@pytest.mark.parametrize(
    ("code", "trading_day", "action_day", "at", "moment"),
    [
        # The evening of Tuesday the 2nd belongs to Wednesday; DCE writes the trading day into ActionDay.
        ("rb2405.SHFE", "20240103", "20240102", "21:05:00", (2024, 1, 2, 21, 5)),
        ("i2405.DCE", "20240103", "20240103", "21:05:00", (2024, 1, 2, 21, 5)),
        # CZCE writes the natural date into both.
        ("TA405.CZCE", "20240102", "20240102", "21:05:00", (2024, 1, 2, 21, 5)),
        # Friday night belongs to Monday, also after midnight.
        ("au2406.SHFE", "20240108", "20240105", "21:05:00", (2024, 1, 5, 21, 5)),
        ("au2406.SHFE", "20240108", "20240106", "01:05:00", (2024, 1, 6, 1, 5)),
        ("au2406.SHFE", "20240108", "", "01:05:00", (2024, 1, 6, 1, 5)),
    ],
)
def test_case_30_the_night_belongs_to_its_trading_day(
    desk: Callable[..., Desk], code: str, trading_day: str, action_day: str, at: str, moment: Moment
) -> None:
    symbol = code.partition(".")[0]
    table = desk(code, day=trading_day)
    table.subscribed(symbol)
    table.front.price(symbol, 3905, TradingDay=trading_day, ActionDay=action_day, UpdateTime=at)
    tick = table.ticks(1)[0]
    day = date(2024, 1, 8) if trading_day == "20240108" else DAY
    assert (tick.trading_day, tick.time, tick.flags) == (to_day_number(day), ns(*moment), 0)


def test_case_30_the_first_snapshot_is_hours_old_and_marked(desk: Callable[..., Desk]) -> None:
    table = desk("rb2405.SHFE")
    table.front.time = "14:59:59"
    table.front.price("rb2405", 3905, TradingDay="20240102", ActionDay="20240102")  # before anybody has subscribed
    stale = table.ticks(1, clock=ns(2024, 1, 3, 9, 0, 1))[0]
    assert stale.flags & STALE
    table.front.time = "09:00:01"
    table.front.price("rb2405", 3906)
    assert table.ticks(1, clock=ns(2024, 1, 3, 9, 0, 1))[0].flags == 0
    table.front.time = "18:00:00"
    table.front.price("rb2405", 3907)
    assert table.ticks(1, clock=ns(2024, 1, 3, 18, 0, 1))[0].flags & OUTSIDE


def test_case_30_a_record_without_a_time_is_counted_and_the_next_one_taken(desk: Callable[..., Desk]) -> None:
    table = desk("rb2405.SHFE")
    table.subscribed("rb2405")
    table.front.price("rb2405", 3905, UpdateTime="")
    table.front.time = "10:00:00"
    table.front.price("rb2405", 3906)
    assert table.ticks(1)[0].last == 3906
    assert table.source.counts()["unreadable"] == 1


def test_cases_31_and_32_volume_that_goes_back_and_what_comes_twice(desk: Callable[..., Desk]) -> None:
    table = desk("rb2405.SHFE")
    table.subscribed("rb2405")
    sent = [("10:00:00", 3905, 100), ("10:00:00", 3905, 100), ("10:00:30", 3906, 90), ("10:00:40", 3907, 130)]
    for at, price, volume in sent:
        table.front.time = at
        table.front.price("rb2405", price, Volume=volume)
    ticks = table.ticks(4)
    assert [bool(tick.flags & BACKWARD) for tick in ticks] == [False, False, True, False]
    assert len({tick.seq for tick in ticks}) == 4
    bars = [bar for bar in published(ticks) if isinstance(bar, BarMessage) and bar.interval == "1m"]
    assert [bar.volume for bar in bars] == [30]  # since the first quote that we saw; never below 0


def published(ticks: list[Tick]) -> list[Message]:
    """What a feed makes of them, up to the next minute."""
    sent: list[bytes] = []
    path = TickPath("ctp", trading_calendar(), sent.append, intervals=["1m"])
    path.watch(contract("rb2405.SHFE"), ns(2024, 1, 3, 9, 0))
    for tick in ticks:
        path.on_tick(tick)
    path.advance(ns(2024, 1, 3, 10, 2))
    return [message for body in sent for message in unframe(b"\xdc\x00\x01" + body)]


def test_the_market_clock_is_the_worlds_and_quotes_move_it_on(desk: Callable[..., Desk]) -> None:
    table = desk("rb2405.SHFE")
    table.subscribed("rb2405")
    start = ns(2024, 1, 3, 10, 0)
    player, sent = playing(table, MarketClock(start - LATE_NS, 1.0, time.monotonic()))
    minute = 60 * 10**9
    table.front.time = "10:05:00"
    table.front.price("rb2405", 3905)
    clocks = heard(table, player, sent, Clock, lambda clock: clock.now >= start + 5 * minute)
    assert clocks[-1].now < start + 6 * minute
    assert {clock.trading_day for clock in clocks} == {to_day_number(DAY)}


def test_the_clock_of_a_test_front_begins_with_its_first_quote(desk: Callable[..., Desk]) -> None:
    table = desk("rb2405.SHFE")
    table.subscribed("rb2405")
    player, sent = playing(table, None)
    table.front.time = "10:00:05"
    table.front.price("rb2405", 3905)
    clocks = heard(table, player, sent, Clock, lambda _clock: True)
    assert 0 <= clocks[0].now - ns(2024, 1, 3, 10, 0, 5) < LONG * 10**9
    assert [tick.last for tick in told(sent, Tick)] == [3905]


def playing(table: Desk, clock: MarketClock | None) -> tuple[LivePlayer, list[bytes]]:
    """A player of the source, and what it sends."""
    sent: list[bytes] = []
    path = TickPath("ctp", trading_calendar(), sent.append, intervals=["1m"])
    path.allow([contract("rb2405.SHFE")])
    stop = threading.Event()
    return LivePlayer(path, table.source, clock, stop, lambda: False, lambda _now: None), sent


def heard(
    table: Desk, player: LivePlayer, sent: list[bytes], kind: type[Any], enough: Callable[[Any], bool]
) -> list[Any]:
    """Play until a message of that kind is enough; gives all of that kind."""

    def play() -> None:
        player.play()

    thread = threading.Thread(target=play)
    thread.start()
    try:
        table.front.wait(lambda: any(enough(message) for message in told(sent, kind)), LONG)
    finally:
        player.stop.set()
        thread.join()
    return told(sent, kind)


def told(sent: list[bytes], kind: type[Any]) -> list[Any]:
    """The messages of a kind."""
    return [message for body in list(sent) for message in unframe(b"\xdc\x00\x01" + body) if isinstance(message, kind)]
