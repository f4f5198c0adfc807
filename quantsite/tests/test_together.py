"""Questions that are asked at the same time become one, and an answer is never older than its question."""

import asyncio
import threading
from collections.abc import Sequence

import pytest

from quantsite.web.together import MOST_AT_ONCE, Together

SECONDS = 60.0


class Rows:
    """What a database would be asked: notes the rounds, and may be held up or broken."""

    def __init__(self) -> None:
        self.rounds: list[list[int]] = []
        self.value = "old"
        self.begun = threading.Event()
        self.go = threading.Event()
        self.error: Exception | None = None

    def __call__(self, questions: Sequence[int]) -> dict[int, str]:
        value = self.value
        self.rounds.append(list(questions))
        self.begun.set()
        assert self.go.wait(SECONDS)
        if self.error is not None:
            raise self.error
        return {question: f"{value} {question}" for question in questions}


async def begun(rows: Rows) -> None:
    """Wait until a question is under way."""
    async with asyncio.timeout(SECONDS):
        while not rows.begun.is_set():
            await asyncio.sleep(0.001)


async def test_who_asks_later_gets_rows_that_were_read_later() -> None:
    rows = Rows()
    together = Together(rows)
    first = asyncio.create_task(together.ask(1))
    await begun(rows)
    rows.value = "new"
    others = [asyncio.create_task(together.ask(number)) for number in (1, 2, 2, 3)]
    await asyncio.sleep(0)
    rows.go.set()
    assert await first == "old 1"
    assert await asyncio.gather(*others) == ["new 1", "new 2", "new 2", "new 3"]
    assert rows.rounds == [[1], [1, 2, 3]]


async def test_a_crowd_is_answered_in_short_pieces() -> None:
    rows = Rows()
    rows.go.set()
    together = Together(rows)
    answers = await asyncio.gather(*(together.ask(number) for number in range(2 * MOST_AT_ONCE + 1)))
    assert answers == [f"old {number}" for number in range(2 * MOST_AT_ONCE + 1)]
    assert [len(asked) for asked in rows.rounds] == [MOST_AT_ONCE, MOST_AT_ONCE, 1]


async def test_everybody_hears_of_an_error_and_the_next_question_is_asked() -> None:
    rows = Rows()
    rows.go.set()
    rows.error = ValueError("no rows")
    together = Together(rows)
    answers = await asyncio.gather(together.ask(1), together.ask(2), return_exceptions=True)
    assert [str(answer) for answer in answers] == ["no rows", "no rows"]
    rows.error = None
    assert await together.ask(3) == "old 3"


async def test_one_who_leaves_takes_nobody_with_him() -> None:
    rows = Rows()
    together = Together(rows)
    leaving, staying = asyncio.create_task(together.ask(1)), asyncio.create_task(together.ask(1))
    await begun(rows)
    leaving.cancel()
    rows.go.set()
    assert await staying == "old 1"
    with pytest.raises(asyncio.CancelledError):
        await leaving
