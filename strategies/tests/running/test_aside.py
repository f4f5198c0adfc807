"""What is written beside the loop: in its order, never older over newer, and never lost without the loop's knowing."""

from collections.abc import Callable, Iterator
from functools import partial
from json import loads
from threading import Event, Thread
from time import sleep
from typing import Any

import pytest
from django.db import OperationalError

from accounts.leases import LeaseLostError
from accounts.models import Alarm
from marketdata.tests.domain.recorded import needs_data
from quantsite.testing.patience import SOON
from strategies.choices import ActivityName, Health
from strategies.models import StrategyLog
from strategies.running import loop as running
from strategies.running.aside import Aside
from strategies.state_models import StrategyState
from strategies.tests.live_day import live_day
from strategies.tests.running.test_failing import CODE, OPEN, TICKS, _made, begun, morning  # noqa: F401

live = [needs_data, pytest.mark.real_data, pytest.mark.django_db(transaction=True)]


class Held:
    """A piece of work that begins and ends when the test says so."""

    def __init__(self) -> None:
        self.begun, self.end = Event(), Event()

    def __call__(self) -> None:
        self.begun.set()
        assert self.end.wait(SOON)


@pytest.fixture
def woken() -> list[int]:
    return []


@pytest.fixture
def aside(woken: list[int]) -> Iterator[Aside]:
    made = Aside(lambda: woken.append(1), beside=True)
    yield made
    made.close()


def raising(error: Exception) -> Callable[[], None]:
    def work() -> None:
        raise error

    return work


def test_all_is_done_in_its_order_and_taken_in_by_whoever_takes_it(aside: Aside, woken: list[int]) -> None:
    done: list[str] = []
    taken: list[str] = []

    def noted(name: str) -> str:
        done.append(name)
        return name

    for name in "abc":
        aside.do(partial(noted, name), taken.append)
    aside.wait()
    assert (done, taken) == (["a", "b", "c"], [])
    aside.take()
    assert taken == ["a", "b", "c"]
    assert len(aside) == 0
    aside.close()  # it has told of the last one, too
    assert len(woken) == 3


def test_an_error_goes_to_whoever_asked_for_it_and_the_next_is_done(aside: Aside) -> None:
    told: list[Exception] = []
    error = ValueError("of one strategy")
    aside.do(raising(error), erred=told.append)
    aside.do(lambda: None, lambda _none: told.append(KeyError()))
    aside.wait()
    aside.take()
    assert told[0] is error
    assert isinstance(told[1], KeyError)


@pytest.mark.parametrize("error", [OperationalError("away"), LeaseLostError("lease_lost", "another")])
def test_after_an_error_of_nobodys_nothing_more_is_done_and_the_loop_is_told(aside: Aside, error: Exception) -> None:
    done: list[int] = []
    held = Held()
    aside.do(held)
    aside.do(raising(error), erred=lambda _error: done.append(1))
    aside.do(lambda: done.append(2))
    held.end.set()
    aside.wait()
    assert len(aside) > 0
    with pytest.raises(type(error)):
        aside.take()
    with pytest.raises(type(error)):
        aside.do(lambda: done.append(3))
    assert done == []


def test_without_anybody_to_take_it_an_error_is_the_loops(aside: Aside) -> None:
    aside.do(raising(ValueError("of nobody")))
    aside.wait()
    with pytest.raises(ValueError, match="of nobody"):
        aside.take()


def test_one_waits_only_for_what_is_written_about_it(aside: Aside) -> None:
    held, waited = Held(), Event()
    aside.do(held, about=[1, 2])
    assert held.begun.wait(SOON)
    aside.wait_for([3, 4])

    def wait() -> None:
        aside.wait_for([4, 2])
        waited.set()

    Thread(target=wait, daemon=True).start()
    assert not waited.wait(0.05)
    held.end.set()
    assert waited.wait(SOON)


def test_closed_it_ends_what_is_under_way_and_begins_nothing_more(aside: Aside) -> None:
    held, done = Held(), []
    aside.do(held)
    aside.do(lambda: done.append(1))
    assert held.begun.wait(SOON)
    closing = Thread(target=aside.close, daemon=True)
    closing.start()
    closing.join(0.05)
    assert closing.is_alive()
    held.end.set()
    closing.join(SOON)
    assert not closing.is_alive()
    with pytest.raises(RuntimeError, match="has ended"):
        aside.do(lambda: done.append(2))
    assert done == []


def test_where_one_writes_at_a_time_all_is_done_at_once() -> None:
    done: list[Any] = []
    aside = Aside(lambda: done.append("woken"), beside=False)
    aside.do(lambda: 7, done.append)
    aside.do(raising(ValueError("x")), erred=lambda error: done.append(str(error)))
    assert done == [7, "x"]
    with pytest.raises(OperationalError):
        aside.do(raising(OperationalError("away")), erred=lambda _error: done.append("not told"))
    assert done == [7, "x"]


class TestLive:
    """In the loop itself."""

    pytestmark = live

    def test_an_older_state_is_never_written_over_a_newer_one(self, monkeypatch: pytest.MonkeyPatch) -> None:
        ticks = morning()
        store = running._store_each
        written: list[tuple[int, int]] = []

        def late(values: Any, epoch: int) -> Any:
            sleep(0.02)
            before = StrategyState.objects.get(pk=values[0][-1]).document.get("number", 0)
            written.append((before, loads(values[0][0])["number"]))
            return store(values, epoch)

        monkeypatch.setattr(running, "_store_each", late)
        with live_day([CODE], ticks[0]) as day:
            row = begun(day, "flips", isolated=False, parameters={"every": 3})
            day.begin()
            assert day.loop is not None
            instance = day.loop.instances[row.pk]
            for tick in ticks:
                day.loop._store_beside([instance])
                day.play([tick])
                assert StrategyState.objects.get(pk=row.pk).document["number"] == instance.number
            assert instance.number > 5
            assert all(before <= now for before, now in written)

    def test_killed_before_the_rows_of_its_end_are_written_it_comes_to_the_same_end(self) -> None:
        ticks = morning()
        with live_day([CODE], ticks[0]) as day:
            row = begun(day, "raises", isolated=False, parameters={"at": OPEN}, on_failure="cancel")
            day.begin()
            assert day.loop is not None
            day.play(ticks[:OPEN])
            loop = day.loop
            instance, held = loop.instances[row.pk], Held()
            loop.aside.do(held)
            loop.settle = lambda: None  # type: ignore[method-assign]
            day.play(ticks[OPEN : OPEN + 8])
            assert instance.ending
            instance.urgent = True
            instance.also.append(lambda: None)
            loop.touch(instance)
            loop.end_step()  # nothing is stored of it meanwhile
            row.refresh_from_db()
            assert row.activity == ActivityName.RUNNING
            loop.aside._closed = True  # the process is gone before anything more is written
            held.end.set()
            day.kill()
            assert StrategyState.objects.get(pk=row.pk).document["host"] is not None
            assert not StrategyLog.objects.filter(instance=row, kind="failed").exists()
            day.begin()
            day.play(ticks[OPEN + 8 : TICKS])
            row.refresh_from_db()
            assert (row.activity, row.health, row.failure_code) == (ActivityName.STOPPED, Health.FAILED, "raised")
            assert StrategyLog.objects.filter(instance=row, kind="failed").count() == 1
            assert StrategyLog.objects.filter(instance=row, kind="stopped").count() == 1
            assert Alarm.objects.get(code="strategy_failed", subject=row.key).cleared_at is None

    def test_a_state_that_cannot_be_stored_stops_only_its_own(self, monkeypatch: pytest.MonkeyPatch) -> None:
        ticks = morning()
        with live_day([CODE], ticks[0]) as day:
            well = begun(day, "flips", isolated=False, parameters={"every": 7})
            ill = begun(day, "holds", isolated=False)
            day.begin()
            assert day.loop is not None
            day.play(ticks[:OPEN])
            instances = day.loop.instances
            monkeypatch.setattr(instances[ill.pk].host, "document", lambda: {"kept": "half a \x00 text"})
            day.loop._store_beside([instances[ill.pk], instances[well.pk]])
            day.loop.settle()
            ill.refresh_from_db()
            assert (ill.health, ill.failure_code) == (Health.FAILED, "not_stored")
            day.play(ticks[OPEN:])
            well.refresh_from_db()
            assert well.health == Health.RUNNING

    def test_what_it_failed_for_may_be_anything(self) -> None:
        ticks = morning()
        with live_day([CODE], ticks[0]) as day:
            row = begun(day, "flips", isolated=False, parameters={"every": 7})
            day.begin()
            assert day.loop is not None
            day.play(ticks[:10])
            day.loop.ending.fail(day.loop.instances[row.pk], "raised", "%(error)s", {"error": "half a \x00 text"})
            day.loop.settle()
            row.refresh_from_db()
            assert (row.activity, row.health, row.failure_code) == (ActivityName.STOPPED, Health.FAILED, "not_stored")
            assert Alarm.objects.get(code="strategy_failed", subject=row.key).cleared_at is None
