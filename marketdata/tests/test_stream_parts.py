"""The ring and the publisher's backlog against plain lists, over generated orders of what may happen."""

from collections.abc import Sequence

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from marketdata.domain.ticks import Clock, encode, unframe
from marketdata.streams.frames import BEGINNING, Backlog, Frame, RefusedFrameError, StreamId, parse_id
from marketdata.streams.local import COMPACT, LocalRing, LocalSink, ring_of
from marketdata.streams.publisher import Publisher

FRAMES, BYTES = 7, 60


class RingMachine(RuleBasedStateMachine):
    """A ring bounded by 7 frames and 60 bytes, and what a list says it must hold."""

    def __init__(self) -> None:
        super().__init__()
        self.ring = LocalRing(FRAMES, BYTES)
        self.kept: list[tuple[StreamId, bytes]] = []
        self.last = BEGINNING
        self.readers: list[StreamId] = [BEGINNING]

    @rule(size=st.integers(0, 40), jump=st.integers(1, 3), epochs=st.integers(0, 1))
    def append(self, size: int, jump: int, epochs: int) -> None:
        number = jump if epochs else self.last.number + jump
        self.last = StreamId(self.last.epoch + epochs, number)
        self.ring.append(self.last, b"x" * size)
        self.kept.append((self.last, b"x" * size))
        while len(self.kept) > 1 and (len(self.kept) > FRAMES or sum(len(data) for _, data in self.kept) > BYTES):
            self.kept.pop(0)

    @precondition(lambda self: self.last != BEGINNING)
    @rule(back=st.integers(0, 3))
    def refuse_what_does_not_ascend(self, back: int) -> None:
        with pytest.raises(RefusedFrameError):
            self.ring.append(StreamId(self.last.epoch, max(self.last.number - back, 0)), b"again")

    @rule(which=st.integers(0, 3), count=st.integers(1, 4))
    def read(self, which: int, count: int) -> None:
        position = self.readers[which % len(self.readers)]
        found = self.ring.after(position, count)
        assert found == [entry for entry in self.kept if entry[0] > position][:count]
        if found:
            self.readers[which % len(self.readers)] = found[-1][0]

    @rule()
    def another_reader(self) -> None:
        self.readers.append(self.last)

    @rule(count=st.integers(1, 9))
    def tail(self, count: int) -> None:
        assert self.ring.tail(count) == self.kept[-count:]

    @invariant()
    def edges(self) -> None:
        assert self.ring.newest() == self.last
        assert self.ring.oldest() == (self.kept[0][0] if self.kept else BEGINNING)
        assert len(self.ring) == len(self.kept)


class BacklogMachine(RuleBasedStateMachine):
    """A backlog of 50 bytes: every frame waits, has arrived, or is counted as lost, and none is named twice."""

    def __init__(self) -> None:
        super().__init__()
        self.backlog = Backlog(50, 100.0)
        self.added = 0
        self.messages: dict[int, int] = {}
        self.waiting: list[int] = []
        self.server = 0
        self.lost = 0

    @rule(size=st.integers(1, 30), messages=st.integers(1, 5))
    def add(self, size: int, messages: int) -> None:
        self.backlog.add(b"x" * size, messages, float(self.added))
        self.added += 1
        self.messages[self.added] = messages
        self.waiting.append(self.added)
        self._forget_lost()

    @precondition(lambda self: self.waiting)
    @rule(most=st.integers(1, 3))
    def send(self, most: int) -> None:
        frames = self.backlog.next_frames(most, 1_000)
        assert [frame.number for frame in frames] == self.waiting[:most]
        self.server = frames[-1].number
        assert self.backlog.settle(self.server) == 0
        self.waiting = [number for number in self.waiting if number > self.server]

    @rule(share=st.floats(0, 1))
    def server_forgets(self, share: float) -> None:
        self.server = int(self.server * share)
        again = self.backlog.settle(self.server)
        now = [frame.number for frame in self.backlog.next_frames(10_000, 1 << 30)]
        assert now[again:] == self.waiting
        assert all(self.server < number for number in now)
        self.waiting = now

    @invariant()
    def nothing_is_unaccounted(self) -> None:
        assert self.backlog.waiting_messages == sum(self.messages[number] for number in self.waiting)
        assert bool(self.backlog) == bool(self.waiting)
        assert self.backlog.dropped == self.lost

    def _forget_lost(self) -> None:
        kept = [frame.number for frame in self.backlog.next_frames(10_000, 1 << 30)]
        gone = [number for number in self.waiting if number not in kept]
        assert gone == self.waiting[: len(gone)]  # the oldest go first
        self.lost += sum(self.messages[number] for number in gone)
        self.waiting = kept


TestRing = RingMachine.TestCase
TestBacklog = BacklogMachine.TestCase
TestRing.settings = TestBacklog.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def test_a_long_lived_ring_gives_its_memory_back() -> None:
    ring = LocalRing(10, 1 << 20)
    for number in range(1, 3 * COMPACT):
        ring.append(StreamId(1, number), b"x")
    assert len(ring) == 10
    assert len(ring._frames) < COMPACT + 11


def test_frames_that_arrived_are_forgotten_after_their_time() -> None:
    backlog = Backlog(1_000, 10.0)
    backlog.add(b"old", 1, 0.0)
    backlog.settle(1)
    backlog.add(b"new", 1, 11.0)
    assert backlog.settle(0) == 0  # the old one is gone: there is nothing to send again
    assert [frame.number for frame in backlog.next_frames(5, 100)] == [2]


@pytest.mark.parametrize(("text", "parsed"), [("", BEGINNING), ("7-42", (7, 42)), ("7", (7, 0)), (b"3-4", (3, 4))])
def test_ids(text: str | bytes, parsed: tuple[int, int]) -> None:
    assert parse_id(text) == parsed
    with pytest.raises(ValueError):
        parse_id("x-1")


class StumblingSink(LocalSink):
    """Fails in a way that nobody has thought of, twice."""

    stumbles = 2

    def write(self, frames: Sequence[Frame]) -> None:
        """As a local one, later."""
        if self.stumbles:
            self.stumbles -= 1
            raise ZeroDivisionError
        super().write(frames)


def test_a_publisher_outlives_whatever_its_sink_does() -> None:
    publisher = Publisher("stumbling", 1, StumblingSink("stumbling", 1))
    for number in range(3):
        publisher.send(encode(Clock("test", number, 0)))
    assert publisher.flush(5)
    assert publisher.trouble == ""
    publisher.close()
    found = [message for _name, data in ring_of("stumbling").tail(9) for message in unframe(data)]
    assert found == [Clock("test", number, 0) for number in range(3)]
