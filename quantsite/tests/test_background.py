"""The threads of the embedded size: kept running, told why they failed, stopped in order."""

import threading

import pytest

from quantsite import background
from quantsite.background import Background, Part, Work
from quantsite.testing.patience import SOON


def test_parts_run_until_they_are_stopped_the_last_one_first() -> None:
    ended: list[str] = []
    running = threading.Barrier(3)

    def part(name: str) -> Part:
        def work(stop: threading.Event) -> None:
            running.wait(SOON)
            stop.wait(SOON)
            ended.append(name)

        return Part(name, lambda: work)

    parts = Background([part("recorder"), part("feed")])
    parts.start()
    running.wait(SOON)
    parts.stop()
    assert ended == ["feed", "recorder"]


def test_a_part_that_fails_is_made_anew_and_one_that_is_done_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "FIRST_PAUSE", 0.01)
    made: list[int] = []
    done = threading.Event()

    def make() -> Work:
        made.append(len(made))

        def work(_stop: threading.Event) -> None:
            if len(made) < 3:
                raise OSError("no front answers")
            done.set()

        return work

    parts = Background([Part("feed", make)])
    parts.start()
    assert done.wait(SOON)
    parts.stop()
    assert made == [0, 1, 2]
