"""What a connection gets: all of it while it keeps up; every bar and the newest price when it does not."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketdata.hub import clients as hub_clients
from marketdata.hub.books import Book
from marketdata.hub.channels import BarChannel, TickChannel
from marketdata.hub.clients import DEAD_SECONDS, Batch, Client, Wire
from marketdata.hub.messages import Message
from marketdata.hub.state import Market
from marketdata.tests.hub_parts import CODE, Wired, bar, client, tick


class Desk:
    """A channel of ticks and one of bars, and those who listen to both."""

    def __init__(self) -> None:
        self.batch = Batch()
        self.ticks = TickChannel("ticks", self.batch, CODE, Market())
        self.bars = BarChannel("bars", self.batch, Book(CODE, "1m"))

    def add(self, listener: Client) -> None:
        for channel in (self.ticks, self.bars):
            channel.listeners[listener.wire][listener] = None

    def tell(self, what: str, number: int) -> None:
        if what == "tick":
            self.ticks.on_tick(tick(number))
        else:
            self.bars.on_bar(bar(number))


def heard(wired: Wired, channel: str) -> list[int]:
    """The numbers that arrived on a channel."""
    messages: list[dict[str, Any]] = [json.loads(part) for part in wired.got]
    return [message["seq"] for message in messages if message["channel"] == channel]


STEP = st.one_of(st.just("tick"), st.just("bar"), st.just("flush"), st.integers(1, 6))


@given(st.lists(STEP, max_size=80))
def test_a_slow_reader_gets_every_bar_and_the_newest_tick(steps: list[str | int]) -> None:
    desk = Desk()
    slow, slow_wire = client()
    quick, quick_wire = client(room=1_000_000)
    desk.add(slow)
    desk.add(quick)
    for number, step in enumerate([*steps, "tick", "bar", "flush"]):
        if isinstance(step, int):
            desk.batch.flush()  # whoever gives up the loop has flushed
            slow_wire.read(step)
        elif step == "flush":
            desk.batch.flush()
        else:
            desk.tell(step, number)
    for _ in range(200):
        slow_wire.read()
        quick_wire.read()

    ticks, bars = heard(slow_wire, "ticks"), heard(slow_wire, "bars")
    assert heard(quick_wire, "ticks") == list(range(1, desk.ticks.seq + 1))
    assert heard(quick_wire, "bars") == bars == list(range(1, desk.bars.seq + 1))
    assert ticks == sorted(set(ticks))
    assert ticks[-1] == desk.ticks.seq


def test_what_one_look_brings_is_one_write() -> None:
    desk = Desk()
    framed, framed_wire = client(Wire.TEXT_FRAME, room=100)
    queued, queued_wire = client(Wire.TEXT, room=100)
    desk.add(framed)
    desk.add(queued)
    desk.tell("tick", 1)
    desk.tell("bar", 1)
    assert framed_wire.buffer == []
    desk.batch.flush()
    assert [part.count(b'"update"') for part in framed_wire.buffer] == [2]
    assert [part.count(b'"update"') for part in queued_wire.buffer] == [1, 1]  # a message each: they have no ends


def test_bars_beyond_the_bound_end_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_clients, "QUEUE_BYTES", 1_000)
    desk = Desk()
    listener, wire = client()
    desk.add(listener)
    for number in range(12):
        desk.tell("bar", number)
        desk.batch.flush()
    assert wire.ended == (1013, "too slow: bars would have been lost")
    assert (listener.closed, listener.waiting - wire.waiting, listener.held) == (True, 0, 0)
    desk.tell("bar", 13)
    desk.batch.flush()
    wire.read()


def test_what_waits_is_bounded_by_the_channels() -> None:
    desk = Desk()
    listener, wire = client()
    desk.add(listener)
    for number in range(10_000):
        desk.tell("tick", number)
        desk.batch.flush()
    assert (listener.held, wire.waiting, listener.waiting) == (1, 4, 4)


def test_only_who_takes_nothing_is_dead() -> None:
    desk = Desk()
    listener, wire = client()
    desk.add(listener)
    for number in range(5):
        desk.tell("tick", number)
        desk.batch.flush()
    later = listener.stalled_at + DEAD_SECONDS + 1
    wire.buffer.pop()  # it is slow, but it reads
    assert not listener.dead(later)
    assert not listener.dead(later + DEAD_SECONDS)
    assert listener.dead(later + DEAD_SECONDS + 1)
    listener.cut()
    assert wire.ended == "aborted"
    assert not listener.dead(later + 10 * DEAD_SECONDS)


def test_who_left_a_channel_gets_nothing_of_it_that_waited() -> None:
    listener, wire = client()
    listener.paused()
    listener.offer(Message("update", "a", 1, None), conflate=True)
    listener.offer(Message("update", "b", 1, None), conflate=True)
    listener.forget("a")
    listener.resumed()
    wire.read()
    assert heard(wire, "a") == []
    assert heard(wire, "b") == [1]


@pytest.mark.parametrize("wire", list(Wire))
def test_each_form_is_made_once(wire: Wire) -> None:
    message = Message("update", "a", 1, {"last": 1.0})
    assert wire.form(message) is wire.form(message)
