"""What nobody waits for, beside the loop: statements in the order in which they were asked for, in a thread of its own.

The loop hands over what is to be written, goes on with the market, and takes what came of it in when it is told. A
database that lets one write at a time (SQLite) gains nothing by that: there everything is done at once.
"""

import threading
from collections import deque
from collections.abc import Callable, Collection
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from django.db import connection
from django.utils.translation import override

from strategies.running.alone import NOBODYS

Outcome = TypeVar("Outcome")
Then = Callable[[], None]


@dataclass(frozen=True, slots=True)
class _Job:
    """Something to do, and by what comes of it what the loop does then; ``about`` are instances."""

    work: Callable[[], Any]
    then: Callable[[Any], None] | None
    erred: Callable[[Exception], None] | None
    about: frozenset[int]

    def done(self) -> Then | None:
        """Do it; gives what is left to the loop. Raises what is nobody's error, or that nobody is there to take."""
        try:
            outcome = self.work()
        except NOBODYS:
            raise
        except Exception as error:
            if self.erred is None:
                raise
            return partial(self.erred, error)
        return None if self.then is None else partial(self.then, outcome)


class Aside:
    """The thread; ``wake`` is called in it when there is something for :meth:`take`, which is the loop's.

    After an error that no instance has led to nothing more is done, and the loop is told of it.
    """

    def __init__(self, wake: Callable[[], None], *, beside: bool | None = None) -> None:
        self._wake = wake
        self._beside = connection.vendor == "postgresql" if beside is None else beside
        self._changed = threading.Condition()
        self._jobs: deque[_Job] = deque()
        """The first one is under way."""
        self._done: deque[Then] = deque()
        self._error: Exception | None = None
        self._closed = False
        self._thread: threading.Thread | None = None

    def __len__(self) -> int:
        """What is not done yet, or not taken in."""
        return len(self._jobs) + len(self._done) + (self._error is not None)

    def do(
        self,
        work: Callable[[], Outcome],
        then: Callable[[Outcome], None] | None = None,
        erred: Callable[[Exception], None] | None = None,
        *,
        about: Collection[int] = (),
    ) -> None:
        """Do ``work`` behind all that was asked for, and ``then`` in the loop with what came of it.

        ``about`` are the instances whose rows it writes. Where it raises, ``erred`` is called in the loop; without
        that, and where the database was away or the lease was lost, the error is the loop's. Raises as :meth:`take`,
        and ``RuntimeError`` behind :meth:`close`.
        """
        job = _Job(work, then, erred, frozenset(about))
        if not self._beside:
            left = job.done()
            if left is not None:
                left()
            return
        with self._changed:
            if self._error is not None:
                raise self._error
            if self._closed:
                raise RuntimeError("nothing is written beside a loop that has ended")
            self._jobs.append(job)
            self._changed.notify_all()
        if self._thread is None:
            run = partial(copy_context().run, self._run)
            self._thread = threading.Thread(target=run, name="beside the strategies", daemon=True)
            self._thread.start()

    def take(self) -> None:
        """In the loop: go on by what is done. Raises the error that ended it."""
        while self._done:
            self._done.popleft()()
        if self._error is not None:
            raise self._error

    def wait_for(self, instances: Collection[int]) -> None:
        """Until nothing is under way that writes rows of these. Raises as :meth:`take`."""
        if not self._jobs:
            return
        wanted = frozenset(instances)
        with self._changed:
            self._changed.wait_for(lambda: not any(job.about & wanted for job in self._jobs))
        if self._error is not None:
            raise self._error

    def wait(self) -> None:
        """Until all that was asked for is done; it is still to be taken in."""
        with self._changed:
            self._changed.wait_for(lambda: not self._jobs)

    def close(self) -> None:
        """Begin nothing more, and wait for what is under way."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        try:
            with override("en"):
                while (job := self._next()) is not None:
                    self._do(job)
        finally:
            connection.close()

    def _next(self) -> _Job | None:
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._jobs)
            return None if self._closed or self._error is not None else self._jobs[0]

    def _do(self, job: _Job) -> None:
        left: Then | None = None
        try:
            left = job.done()
        except Exception as error:  # noqa: BLE001 - the loop raises it
            self._error = error
        with self._changed:
            self._jobs.popleft()
            if left is not None:
                self._done.append(left)
            if self._error is not None:
                self._jobs.clear()
                self._closed = True
            self._changed.notify_all()
        self._wake()
