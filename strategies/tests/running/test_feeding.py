"""News that a runner finds beside frames of the past: each is told before the message that it came before."""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest

from marketdata import stream
from marketdata.domain.ticks import Clock, encode
from marketdata.tests.made_ticks import tick
from quantsite.testing.patience import SOON
from strategies.domain.hosting.news import News, NewsKind
from strategies.running.feeding import Feeding, Frame
from strategies.running.telling import AccountNews, OrderNews
from trading.loop.market import Market

pytestmark = pytest.mark.django_db

NEAR, FAR = "rb2405.SHFE", "rb2410.SHFE"
ACCOUNT, ONE, OTHER = 1, 11, 12


@dataclass
class Notes:
    """Writes down what an instance of one leg is told."""

    pk: int
    code: str
    heard: list[str]
    seq: int = 0
    interval: str = "tick"
    account: int = ACCOUNT
    told: tuple[bool, bool] = (False, False)
    """Whether the clock, and the end of its day, is anything to it."""
    frames: dict[str, str] = field(default_factory=dict)
    legs: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.legs = [SimpleNamespace(number=0, instrument=SimpleNamespace(code=self.code))]

    def tick(self, _leg: int, one: Any, _event_at: int) -> None:
        self.heard.append(f"tick {one.seq} of {self.pk}")

    at: int = 0

    def minds_clock(self, _day: int) -> bool:
        return True

    def on_clock(self, _now: int, _event_at: int) -> bool:
        self.heard.append(f"clock of {self.pk}")
        return self.told[0]

    def end_day(self, _day: int, _event_at: int) -> bool:
        return self.told[1]

    def news(self, told: OrderNews, _event_at: int) -> None:
        self.heard.append(f"news {told.seq} of {self.pk}")


def test_a_ticks_fills_are_told_before_it_and_what_came_of_commands_behind_it() -> None:
    source = f"feed-{uuid4().hex[:12]}"
    near, far = tick(NEAR, 1), tick(FAR, 1)
    now, heard = near.time, list[str]()
    market = Market()
    market.remember({NEAR: source, FAR: source})
    feeding = Feeding(market)
    for pk, code in ((ONE, NEAR), (OTHER, FAR)):
        feeding.add(Notes(pk, code, heard))  # type: ignore[arg-type]
    feeding.follow(ACCOUNT, 0)
    publisher = stream.publisher(source, 1)
    for message in (
        Clock(source, now, near.trading_day, 0.0),
        near,
        far,
        Clock(source, now + 1, near.trading_day, 0.0),
    ):
        publisher.send(encode(message))
        assert publisher.flush(SOON)
    feeding.begin({source: "0-0"}, {ACCOUNT: 0})
    assert feeding.catching_up
    told = [
        OrderNews(ACCOUNT, seq, pk, code, 1, News(number, kind, now))
        for seq, (pk, code, number, kind) in enumerate((
            (ONE, NEAR, 1, NewsKind.FILLED),
            (ONE, NEAR, 2, NewsKind.ACCEPTED),  # its answer to that fill, which meets the same tick
            (ONE, NEAR, 2, NewsKind.FILLED),
            (OTHER, FAR, 1, NewsKind.FILLED),
        ), start=1)
    ]  # fmt: skip
    feeding.take_news(AccountNews(ACCOUNT, len(told), told), now)
    for name, data in stream.tail(source, 10):
        feeding.take_frame(Frame(source, name, data, now))
    publisher.close()
    clocks = [f"clock of {ONE}", f"clock of {OTHER}"]
    assert heard == [
        *clocks,
        f"news 1 of {ONE}",
        f"tick 1 of {ONE}",
        f"news 2 of {ONE}",
        f"news 3 of {ONE}",
        f"news 4 of {OTHER}",
        f"tick 1 of {OTHER}",
        *clocks,
    ]
    assert not feeding.catching_up


def test_one_that_was_restored_further_on_stays_there_until_the_others_have_come_to_it() -> None:
    source = f"feed-{uuid4().hex[:12]}"
    market = Market()
    market.remember({NEAR: source})
    feeding, heard = Feeding(market), list[str]()
    near, far = Notes(ONE, NEAR, heard, seq=3), Notes(OTHER, NEAR, heard, seq=1)
    for number, one in enumerate((near, far)):
        feeding.add(one)  # type: ignore[arg-type]
        one.frames = {source: f"1-{2 - number}"}
        feeding.follow(ACCOUNT, one.seq)
        feeding.resume(one)  # type: ignore[arg-type]
    publisher = stream.publisher(source, 1)
    for number in (1, 2, 3):
        publisher.send(encode(tick(NEAR, number)))
        assert publisher.flush(SOON)
    feeding.begin(dict(feeding.frames), dict(feeding.seqs))
    places = []
    for name, data in [("1-1", b""), *stream.tail(source, 2)]:
        if data:
            feeding.take_frame(Frame(source, name, data, 0))
        places.append([(read.frames[source], read.seq) for read in map(feeding.read_by, (near, far))])  # type: ignore[arg-type]
    publisher.close()
    assert places == [[("1-2", 3), ("1-1", 1)], [("1-2", 3), ("1-2", 1)], [("1-3", 3), ("1-3", 1)]]
    assert heard == [f"tick 2 of {OTHER}", f"tick 3 of {ONE}", f"tick 3 of {OTHER}"]


def test_the_clock_concerns_only_those_to_whom_it_tells_something() -> None:
    source, heard = f"clock-{uuid4().hex[:12]}", list[str]()
    market = Market()
    market.remember({NEAR: source})
    feeding = Feeding(market)
    concerned = ((True, True), (True, False), (False, True), (False, False))
    notes = [Notes(pk, NEAR, heard, told=told) for pk, told in enumerate(concerned)]
    for each in notes:
        feeding.add(each)  # type: ignore[arg-type]
    near = tick(NEAR, 1)
    publisher = stream.publisher(source, 1)
    publisher.send(encode(Clock(source, near.time, near.trading_day, 1.0)))
    assert publisher.flush(SOON)
    for name, data in stream.tail(source, 10):
        feeding.take_frame(Frame(source, name, data, near.time))
    publisher.close()
    assert heard == [f"clock of {each.pk}" for each in notes]
    assert list(feeding.touched) == [0, 1, 2]
