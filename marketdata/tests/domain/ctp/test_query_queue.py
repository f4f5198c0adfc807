"""The one queue of queries: its order, its pace, and that each query is answered exactly once."""

import itertools
import random
from collections.abc import Callable

import pytest

from marketdata.domain.ctp.errors import Refusal
from marketdata.domain.ctp.queries import Answer, QueryQueue


class Asked:
    """A queue, its owner, and what was answered."""

    def __init__(self, **terms: float) -> None:
        self.queue = QueryQueue(**terms)
        self.answers: dict[str, list[Answer]] = {}
        self.order: list[str] = []
        self.requests = 0

    def ask(self, name: str, now: float = 0.0) -> None:
        self.answers[name] = []
        self.queue.ask("ReqQry", "QryField", {"name": name}, self._taker(name), now)

    def _taker(self, name: str) -> Callable[[Answer], None]:
        def take(answer: Answer) -> None:
            self.answers[name].append(answer)
            self.order.append(name)

        return take

    def send(self, now: float, rc: int = 0) -> int | None:
        """Hand over what is due; gives the number of the request."""
        if self.queue.due(now) is None:
            return None
        self.requests += 1
        self.queue.sent(rc, self.requests, now, at=int(now))
        return self.requests

    def hear(self, request: int, now: float, *, row: bool = True, last: bool = True, code: int = 0) -> bool:
        error = Refusal(code, "") if code else None
        return self.queue.hear(request, {"n": 1} if row else None, error, now, int(now), last=last)

    def give(self) -> None:
        finished, self.queue.finished = self.queue.finished, []
        for done, answer in finished:
            done(answer)


def test_one_query_is_under_way_and_the_next_keeps_its_distance() -> None:
    asked = Asked(spacing=1.1)
    asked.ask("a")
    asked.ask("b")
    first = asked.send(0.0)
    assert first is not None
    assert asked.send(5.0) is None
    assert asked.hear(first, 0.2)
    assert asked.send(1.0) is None
    assert asked.send(1.1) is not None


@pytest.mark.parametrize("rc", [-1, -2, -3])
def test_what_is_turned_away_keeps_its_place_and_is_asked_later(rc: int) -> None:
    asked = Asked(spacing=1.0)
    asked.ask("a")
    asked.ask("b")
    times: list[float] = []
    now = 0.0
    while len(times) < 4:
        if asked.send(now, rc) is not None:
            times.append(round(now, 1))
        now += 0.1
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert gaps == sorted(gaps)
    assert gaps[0] >= 1.0
    due = asked.queue.due(1_000)
    assert due is not None
    assert due.fields == {"name": "a"}


def test_a_query_of_which_only_its_first_half_came_begins_anew() -> None:
    asked = Asked()
    asked.ask("a")
    first = asked.send(0.0)
    assert first is not None
    asked.hear(first, 0.1, last=False)
    asked.queue.interrupted()
    second = asked.send(1.0)
    assert second is not None
    assert not asked.hear(first, 1.1)  # a late row of the first attempt
    asked.hear(second, 1.2)
    asked.give()
    assert [len(answer.rows) for answer in asked.answers["a"]] == [1]


def test_each_row_gives_the_rest_its_time_again() -> None:
    asked = Asked(timeout=10)
    asked.ask("a")
    request = asked.send(0.0)
    assert request is not None
    for now in (9, 18, 27):
        asked.queue.mind(now, now)
        assert asked.hear(request, now, last=False)
    asked.queue.mind(36.9, 36)
    assert len(asked.queue) == 1
    asked.queue.mind(37, 37)
    asked.give()
    (answer,) = asked.answers["a"]
    assert (answer.timed_out, len(answer.rows)) == (True, 3)


def test_giving_up_answers_all_that_wait() -> None:
    asked = Asked()
    for name in "abc":
        asked.ask(name)
    asked.send(0.0)
    asked.queue.give_up(1)
    asked.give()
    assert asked.order == ["a", "b", "c"]
    assert all(answer.timed_out for answers in asked.answers.values() for answer in answers)


def test_what_is_forgotten_is_not_answered() -> None:
    asked = Asked()
    asked.ask("a")
    request = asked.send(0.0)
    assert request is not None
    asked.queue.forget()
    assert not asked.hear(request, 0.1)
    asked.give()
    assert asked.order == []


@pytest.mark.parametrize("seed", range(30))
def test_whatever_a_front_does_each_query_is_answered_once_in_order(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - which faults strike, not a secret
    asked = Asked(spacing=0.1, timeout=5, patience=60)
    for number in range(20):
        asked.ask(f"q{number:02}")
    now, under_way = 0.0, None
    while len(asked.queue) and now < 10_000:
        now += chance.choice([0.05, 0.5, 3.0])
        asked.queue.mind(now, int(now))
        sent = asked.send(now, chance.choice([0, 0, 0, -1, -2, -3]))
        under_way = sent or under_way
        what = chance.random()
        if what < 0.1:
            asked.queue.interrupted()
        elif under_way is not None and what < 0.7:
            asked.hear(
                under_way, now, row=chance.random() < 0.8, last=what < 0.5, code=chance.choice([0, 0, 0, 90, 31])
            )
        asked.give()
    asked.give()
    assert [len(answers) for answers in asked.answers.values()] == [1] * 20
    assert asked.order == sorted(asked.order)
