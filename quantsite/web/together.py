"""Questions to the database that are asked at the same time become one: a crowd of sockets costs what one does.

Whoever asks while a question is under way is answered by the next one, never by rows that were read before he asked.
"""

import asyncio
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary

from channels.db import database_sync_to_async

MOST_AT_ONCE = 100
"""The thread that answers shares the interpreter with the sockets: it works in short pieces."""

Question = TypeVar("Question", bound=Hashable)
Answer = TypeVar("Answer")


class _Line(Generic[Question, Answer]):
    """Who waits for the next question, in one event loop, and the task that asks."""

    def __init__(self) -> None:
        self.waiting: dict[Question, asyncio.Future[Answer]] = {}
        self.task: asyncio.Task[None] | None = None


class Together(Generic[Question, Answer]):
    """Gathers questions for ``answer``, which is synchronous and gives an answer to each; what it raises, all get."""

    def __init__(self, answer: Callable[[Sequence[Question]], Mapping[Question, Answer]]) -> None:
        self._answer = answer
        self._lines: WeakKeyDictionary[asyncio.AbstractEventLoop, _Line[Question, Answer]] = WeakKeyDictionary()

    async def ask(self, question: Question) -> Answer:
        """The answer, from rows that are read after this call."""
        loop = asyncio.get_running_loop()
        line = self._lines.setdefault(loop, _Line())
        future = line.waiting.get(question)
        if future is None:
            future = line.waiting[question] = loop.create_future()
        if line.task is None:
            line.task = loop.create_task(self._work(line))
        return await asyncio.shield(future)  # one of those who wait may leave

    async def _work(self, line: _Line[Question, Answer]) -> None:
        try:
            while line.waiting:
                asked = dict(list(line.waiting.items())[:MOST_AT_ONCE])
                for question in asked:
                    del line.waiting[question]
                await self._round(asked)
        finally:
            line.task = None

    async def _round(self, asked: dict[Question, asyncio.Future[Answer]]) -> None:
        answer: Any = database_sync_to_async(self._answer)
        try:
            answers = await answer(list(asked))
            for question, future in asked.items():
                future.set_result(answers[question])
        except Exception as error:  # noqa: BLE001 - whatever it is, whoever waits must hear of it
            for future in asked.values():
                if not future.done():
                    future.set_exception(error)
                    future.exception()  # it counts as heard, should nobody wait any more
        finally:
            for future in asked.values():
                future.cancel()  # those that have no answer, where this task is cancelled itself
