"""Messages, names, books, forming bars and the state of the market, as the hub keeps them."""

import json

import msgspec
import numpy as np
import pytest

from marketdata.domain.bars import BarSeries
from marketdata.domain.contract import Contract
from marketdata.domain.ticks import BACKWARD, STALE, Clock
from marketdata.hub.books import MERGE, SHOWN, Book
from marketdata.hub.forming import Forming
from marketdata.hub.messages import Message, bar_data, tick_data
from marketdata.hub.names import ChannelName, parse_channel
from marketdata.hub.state import RECENT_BARS, Market
from marketdata.tests.domain.recorded import table
from marketdata.tests.hub_parts import CODE, DAY, NINE, bar, tick
from quantsite.common.errors import RuleError
from quantsite.web.direct import BINARY, TEXT, frame


def test_a_tick_in_the_forms_of_the_api() -> None:
    told = json.loads(Message("update", "c", 7, tick_data(tick(1, upper_limit=3_500.0))).text)
    assert (told["type"], told["channel"], told["seq"]) == ("update", "c", 7)
    data = told["data"]
    assert (data["time"], data["trading_day"]) == ("2024-12-03T01:00:00.500000Z", "2024-12-03")
    assert (data["last"], data["settlement"], data["upper_limit"], data["depth"]) == (3_312.0, None, 3_500.0, None)


def test_levels_of_the_book_by_name() -> None:
    depth = tuple(float(number) for number in range(16))
    levels = tick_data(tick(1, depth=depth))["depth"]
    assert levels[0] == {"bid_price": 0.0, "bid_volume": 4.0, "ask_price": 8.0, "ask_volume": 12.0}
    assert levels[3]["ask_volume"] == 15.0


def test_both_encodings_say_the_same() -> None:
    message = Message("snapshot", "c", 0, {"bars": [bar_data(bar(1))], "forming": None})
    assert msgspec.msgpack.decode(message.binary) == json.loads(message.text)


@pytest.mark.parametrize(("size", "head"), [(5, b"\x81\x05"), (126, b"\x81\x7e\x00\x7e"), (70_000, b"\x81\x7f")])
def test_frames_have_the_length_in_its_three_forms(size: int, head: bytes) -> None:
    made = frame(TEXT, b"x" * size)
    assert made.startswith(head)
    assert len(made) - size in (2, 4, 10)
    assert frame(BINARY, b"")[:2] == b"\x82\x00"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("status", ChannelName("status")),
        ("tick:rb2501.SHFE", ChannelName("tick", "rb2501.SHFE")),
        ("bar.60m:rb2501.SHFE", ChannelName("bar", "rb2501.SHFE", "1h")),
        (
            "indicator.MACD.5m:CF501.CZCE?slow=26&fast=12",
            ChannelName("indicator", "CF501.CZCE", "5m", "macd", (("fast", "12"), ("slow", "26"))),
        ),
    ],
)
def test_names_of_channels(text: str, name: ChannelName) -> None:
    assert parse_channel(text) == name
    assert parse_channel(str(name)) == name


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("ticks:rb2501.SHFE", "unknown_channel"),
        ("tick", "unknown_channel"),
        ("tick:rb2501.SHFE?x=1", "unknown_channel"),
        ("tick:" + "x" * 300, "unknown_channel"),
        ('tick:rb"2501', "unknown_channel"),
        ("bar:rb2501.SHFE", "unknown_channel"),
        ("bar.9x:rb2501.SHFE", "invalid_interval"),
        ("indicator.macd.5m:rb2501.SHFE?fast", "invalid_parameter"),
    ],
)
def test_what_is_no_name(text: str, code: str) -> None:
    with pytest.raises(RuleError) as refused:
        parse_channel(text)
    assert refused.value.code == code


def test_the_likely_kind_is_named() -> None:
    with pytest.raises(RuleError, match="Did you mean 'tick'"):
        parse_channel("ticks:rb2501.SHFE")


def stored(first: int, number: int) -> BarSeries:
    """So many minutes from that one on, as columns."""
    bars = [bar(first + place) for place in range(number)]
    columns = [
        [getattr(one, name) for one in bars] for name in ("start", "trading_day", "open", "high", "low", "close")
    ]
    rest = [[getattr(one, name) for one in bars] for name in ("volume", "turnover", "open_interest")]
    return BarSeries(CODE, "1m", *map(np.array, [*columns, *rest]))


def test_a_book_joins_stored_bars_and_new_ones() -> None:
    book = Book(CODE, "1m")
    book.add(bar(8))
    book.add(bar(9, close=1.0))
    book.load(stored(0, 9))
    book.add(bar(9, close=2.0, settlement=3_300.0))
    book.add(bar(3, close=9.0))  # older than all that came: the store has it
    assert [(one.start - NINE) // 60_000_000_000 for one in book.newest(4)] == [6, 7, 8, 9]
    assert (len(book), book.newest(1)[0].close) == (10, 2.0)
    assert book.series(forming=False).close.tolist()[-2:] == [3_312.0, 2.0]


def test_a_book_grows_and_stays_in_order() -> None:
    book = Book(CODE, "1m")
    book.load(stored(0, 5))
    for number in range(5, 5 + 2 * MERGE):
        book.add(bar(number))
    series = book.series(forming=False)
    assert len(series) == 5 + 2 * MERGE
    assert (np.diff(series.start) == 60_000_000_000).all()
    assert len(book.newest()) == min(SHOWN, len(series))


def test_the_newest_tick_is_never_an_older_one() -> None:
    market = Market()
    assert market.on_message("s", tick(1, flags=STALE))  # better than nothing
    assert market.on_message("s", tick(3))
    assert not market.on_message("s", tick(2, flags=BACKWARD))
    newest = market.latest_tick(CODE)
    assert newest is not None
    assert newest.seq == 3


def test_the_last_bars_are_kept_for_those_who_come() -> None:
    market = Market()
    for number in range(RECENT_BARS + 5):
        market.on_message("s", bar(number))
    market.on_message("s", bar(99, final=False))
    kept = market.recent_bars(CODE, "1m")
    assert [one.start for one in kept] == [bar(number).start for number in range(5, RECENT_BARS + 5)]
    assert market.recent_bars(CODE, "5m") == []


@pytest.fixture
def forming() -> Forming:
    """The forming bars of one contract that is watched from before its night session on."""
    made = Forming()
    made.add(Contract(CODE, "rb2501", "SHFE", 10.0, 1.0, table("SHFE", "rb")), NINE - 13 * 3_600 * 10**9)
    return made


def test_the_clock_of_another_source_closes_nothing(forming: Forming) -> None:
    forming.on_tick(tick(1))
    forming.on_clock(NINE + 10**18, lambda code: code != CODE)
    forming.on_tick(tick(2, last=3_320.0, volume=110))
    bar = forming.current(CODE, "1m")
    assert bar is not None
    assert (bar.high, bar.volume) == (3_320.0, 110)
    forming.on_clock(NINE + 10**18, lambda code: code == CODE)
    assert forming.current(CODE, "1m") is None


def test_a_day_that_the_calendar_does_not_have_makes_no_forming_bar_and_no_error(forming: Forming) -> None:
    forming.on_tick(msgspec.structs.replace(tick(1), trading_day=DAY + 100_000))
    assert forming.current(CODE, "1m") is None
    forming.on_tick(tick(2))
    assert forming.unknown() == {CODE}


def test_status_tells_clock_and_age() -> None:
    market = Market()
    market.on_message("live", Clock("live", NINE, DAY, speed=0.0))
    told = market.status()["sources"]["live"]
    assert (told["market_time"], told["trading_day"], told["tick_age"]) == ("2024-12-03T01:00:00Z", "2024-12-03", None)
    market.on_message("live", tick(1))
    told = market.status()["sources"]["live"]
    assert told["ticks"] == 1
    assert 0 <= told["tick_age"] < 60
