"""The process of one strategy: what it answers, and how it ends when it hangs, eats, raises or is nobody's any more."""

import os
import resource
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from queue import Queue
from time import monotonic, sleep
from typing import Any

import pytest

from marketdata.domain.bars import BarSeries
from marketdata.tests.made_ticks import DAY, tick
from quantsite.testing.patience import SOON
from strategies.domain.hosting.intents import Decided, Place
from strategies.running.inputs import DayIn, Input, ParametersIn, TickIn, Told
from strategies.running.isolated import BEHIND_ALL, FIRST_TO_GO, NICE, Gone, Isolated
from strategies.running.spec import HostSpec, LegSpec

CODE = "rb2405.SHFE"
MADE = str(Path(__file__).parent / "made")
BEGIN: list[Input] = [DayIn(DAY + 1)]
NOTHING = BarSeries.empty(CODE, "tick")


class Child:
    """An isolated strategy, and what it says."""

    def __init__(self, strategy: str, *, budget_ms: int = 2_000, **parameters: Any) -> None:
        self.heard: Queue[Told | Gone] = Queue()
        self.process = Isolated(strategy, budget_ms, 64, lambda _child, told: self.heard.put(told))
        legs = (LegSpec(CODE, 1.0, 10.0),)
        self.spec = HostSpec(strategy, parameters, legs, 2, "tick", 0, places=MADE)

    def begin(self, document: dict[str, Any] | None = None) -> Told:
        self.process.begin(self.spec, document, [NOTHING])
        told = self.heard.get(timeout=SOON)
        assert isinstance(told, Told), told
        return told

    def feed(self, *inputs: Input, number: int = 1, document: bool = False) -> Told | Gone:
        self.process.feed(number, inputs, document=document)
        while True:
            try:
                return self.heard.get(timeout=0.05)
            except Exception:  # noqa: BLE001 - nothing said yet
                self.process.overdue()


def living(group: int) -> list[int]:
    """The processes of a group that have not ended, whoever has still to take note of their end."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # gone meanwhile
            state, _parent, leader = path.read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[:3]
            if int(leader) == group and state not in "ZX":
                found.append(int(path.parent.name))
    return found


def wait_until(there: Callable[[], bool], what: str) -> None:
    """Return once it is so."""
    deadline = monotonic() + SOON
    while not there():
        assert monotonic() < deadline, what
        sleep(0.02)


def ticks(first: int, last: int) -> list[Input]:
    return [TickIn(0, tick(CODE, seq, ask_price=4001.0)) for seq in range(first, last + 1)]


def test_it_answers_as_a_host_of_our_own_does_and_goes_on_from_its_document() -> None:
    child = Child("flips", every=3)
    assert child.begin().number == 0
    told = child.feed(*BEGIN, *ticks(1, 3))
    assert isinstance(told, Told)
    decided, place = told.intents[-1]
    assert isinstance(decided, Decided)
    assert isinstance(place, Place)
    assert (decided.target, decided.reason, place.lots, place.number) == (1.0, "turn", 2, 1)
    assert told.document is not None
    child.process.close()
    again = Child("flips", every=3)
    again.begin(told.document)
    then = again.feed(*ticks(4, 6), number=2)
    assert isinstance(then, Told)
    assert [each.target for found in then.intents for each in found if isinstance(each, Decided)] == [-1.0]
    again.process.close()


def test_one_that_never_comes_back_is_killed() -> None:
    child = Child("hangs", budget_ms=100, at=2)
    child.begin()
    assert isinstance(child.feed(*BEGIN, *ticks(1, 1)), Told)
    gone = child.feed(*ticks(2, 2), number=2)
    assert isinstance(gone, Gone)
    assert gone.reason == "over_budget"


def test_one_that_takes_all_memory_ends_itself_and_says_why() -> None:
    child = Child("eats", budget_ms=20_000, at=2)
    child.begin()
    gone = child.feed(*BEGIN, *ticks(1, 2))
    assert isinstance(gone, Gone)
    assert gone.reason == "out_of_memory"


def test_one_that_raises_is_told_and_goes_on() -> None:
    child = Child("raises", at=2)
    child.begin()
    told = child.feed(*BEGIN, *ticks(1, 3))
    assert isinstance(told, Told)
    assert [(fault.index, fault.error) for fault in told.faults] == [
        (2, "ValueError: tick 2 is one too many"),
        (3, "ValueError: tick 3 is one too many"),
    ]
    assert "made/raises.py" in told.faults[0].trace
    child.process.close()


def test_one_that_cannot_be_begun_says_why() -> None:
    child = Child("flips", often=3)
    child.process.begin(child.spec, None, [NOTHING])
    gone = child.heard.get(timeout=SOON)
    assert isinstance(gone, Gone)
    assert gone.reason == "raised"
    assert "often" in gone.detail


def test_it_sees_no_secret_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://secret")
    child = Child("flips")
    child.begin()
    seen = Path(f"/proc/{child.process.pid}/environ").read_bytes()
    assert b"PYTHONPATH" in seen
    assert b"DATABASE" not in seen
    assert b"SECRET" not in seen
    child.process.close()


def test_one_whose_state_has_grown_too_large_is_killed_before_it_is_read() -> None:
    child = Child("hoards", budget_ms=20_000, at=2)
    child.begin()
    assert isinstance(child.feed(*BEGIN, *ticks(1, 2), document=True), Told)
    gone = child.feed(*ticks(3, 10), number=2, document=True)
    assert isinstance(gone, Gone)
    assert gone.reason == "state_too_large"


def test_nobody_waits_for_the_end_of_one_that_hangs() -> None:
    child = Child("hangs", budget_ms=60_000, at=1)
    child.begin()
    child.process.feed(1, [*BEGIN, *ticks(1, 1)], document=False)
    child.process.close()
    assert Path(f"/proc/{child.process.pid}").exists()
    child.process.join()
    gone = child.heard.get(timeout=SOON)
    assert isinstance(gone, Gone)
    assert gone.reason == "ended"


def test_nobody_waits_for_one_that_takes_nothing() -> None:
    child = Child("flips")
    child.begin()
    os.kill(child.process.pid, signal.SIGSTOP)
    child.process.feed(1, [ParametersIn({"every": "x" * (1 << 22)})], document=False)
    child.process.end("over_budget")
    gone = child.heard.get(timeout=SOON)
    assert isinstance(gone, Gone)
    assert gone.reason == "over_budget"
    child.process.close()
    child.process.join()


def test_it_comes_after_all_others() -> None:
    child = Child("flips")
    child.begin()
    assert os.getpriority(os.PRIO_PROCESS, child.process.pid) == NICE
    assert int(Path(f"/proc/{child.process.pid}/oom_score_adj").read_text()) == FIRST_TO_GO
    child.process.close()
    child.process.join()


def priority_of(child: Child) -> int:
    return os.getpriority(os.PRIO_PROCESS, child.process.pid)


def priorities_until_heard(child: Child) -> set[int]:
    """Those that it has had until it has said something, which is taken."""
    seen = set()

    def heard() -> bool:
        child.process.overdue()
        seen.add(priority_of(child))
        return not child.heard.empty()

    wait_until(heard, "an answer")
    child.heard.get()
    return seen


def may_come_forward() -> bool:
    return os.geteuid() == 0 or resource.getrlimit(resource.RLIMIT_NICE)[0] >= 20 - NICE


def test_one_that_computes_long_comes_behind_its_neighbours_before_its_time_is_up() -> None:
    child = Child("hangs", budget_ms=60_000, at=2)
    child.begin()
    child.process.feed(1, [*BEGIN, *ticks(1, 2)], document=False)

    def put_back() -> bool:
        assert not child.process.overdue()
        return priority_of(child) == BEHIND_ALL

    wait_until(put_back, "a process that stands back")
    child.process.end()
    child.process.join()


def test_one_that_answers_after_long_stands_where_it_stood() -> None:
    child = Child("dawdles", budget_ms=60_000)
    child.begin()
    child.process.feed(1, [*BEGIN, *ticks(1, 1)], document=False)
    assert priorities_until_heard(child) == {NICE, BEHIND_ALL}
    child.process.feed(2, [DayIn(DAY + 2)], document=False)
    assert priority_of(child) == (NICE if may_come_forward() else BEHIND_ALL)
    child.process.close()
    child.process.join()


def test_one_that_waits_or_begins_is_not_put_back() -> None:
    child = Child("dawdles", budget_ms=60_000, computes=False)
    child.process.begin(child.spec, None, [NOTHING])
    assert priorities_until_heard(child) == {NICE}
    child.process.feed(1, [*BEGIN, *ticks(1, 1)], document=False)
    assert priorities_until_heard(child) == {NICE}
    child.process.close()
    child.process.join()


def test_what_it_has_begun_goes_with_it() -> None:
    child = Child("poison", budget_ms=200, at=2, how="fork")
    child.begin()
    gone = child.feed(*BEGIN, *ticks(1, 2))
    assert isinstance(gone, Gone)
    assert gone.reason == "over_budget"
    child.process.join()
    wait_until(lambda: not living(child.process.pid), "an end of the whole group")


def test_one_that_writes_into_the_messages_is_told_as_dead() -> None:
    child = Child("poison", at=2, how="junk")
    child.begin()
    gone = child.feed(*BEGIN, *ticks(1, 2))
    assert isinstance(gone, Gone)
    assert gone.reason == "died"
    assert "nobody can read" in gone.detail


def test_a_state_that_cannot_be_written_is_told_by_its_attribute() -> None:
    child = Child("poison", at=2, how="state")
    child.begin()
    gone = child.feed(*BEGIN, *ticks(1, 2), document=True)
    assert isinstance(gone, Gone)
    assert gone.reason == "unfit"
    assert "kept" in gone.detail


def test_another_budget_holds_from_the_next_batch_on() -> None:
    child = Child("hangs", budget_ms=3_600_000, at=2)
    child.begin()
    child.process.allow(100)
    gone = child.feed(*BEGIN, *ticks(1, 2))
    assert isinstance(gone, Gone)
    assert gone.reason == "over_budget"
