"""A time limit for code that runs in our own thread: of strategies that ship with the platform, which share a process.

A second thread watches; when the time is over it has the interpreter raise :class:`OverBudgetError` in ours, and again
where that was caught. It ends Python code, not a call that stays in C: what nobody vouches for runs in a process of its
own.
"""

import ctypes
import threading
import time
from collections.abc import Callable
from typing import TypeVar

import structlog

log = structlog.get_logger(__name__)

Outcome = TypeVar("Outcome")

LOOK_SECONDS = 0.05
AGAIN_SECONDS = 0.5
"""One that was raised in a finaliser, or behind ``except:``, was for nothing."""
ARRIVES_SECONDS = 0.1
"""What was fired is raised within a few instructions of ours, or has been caught already."""


class OverBudgetError(BaseException):
    """The time is over. No ``Exception``, so that a strategy that catches those does not catch this."""


class Guard:
    """Watches one thread; :meth:`run` is called by that one only."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._until = 0.0
        self._fired = False
        self._whose = 0
        self._what = ""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="strategy guard", daemon=True)
        self._thread.start()

    def run(self, work: Callable[[], Outcome], seconds: float, what: str = "") -> Outcome:
        """What ``work`` gives. Raises :class:`OverBudgetError` where it takes longer, and whatever it raises.

        ``what`` it is, for the log: where it never comes back, nothing else tells.
        """
        self._whose, self._what = threading.get_ident(), what
        self._until = time.monotonic() + seconds
        try:
            try:
                return work()
            finally:
                self._disarm()
        except OverBudgetError:
            with self._lock:
                self._until, self._fired = 0.0, False
            raise

    def close(self) -> None:
        """Watch no more."""
        self._stop.set()
        self._thread.join()

    def _disarm(self) -> None:
        with self._lock:
            self._until = 0.0
            on_its_way = self._fired
        if on_its_way:  # it was fired at the last moment: it must be raised here, not in what comes next
            until = time.monotonic() + ARRIVES_SECONDS
            while time.monotonic() < until:
                time.sleep(0.001)
            raise OverBudgetError  # it was caught, and the time is over all the same

    def _watch(self) -> None:
        while not self._stop.wait(LOOK_SECONDS):
            with self._lock:
                now = time.monotonic()
                if self._until and now > self._until:
                    log.error("strategy does not come back", strategy=self._what, again=self._fired)
                    self._fired, self._until = True, now + AGAIN_SECONDS
                    _raise_in(self._whose, OverBudgetError)


def _raise_in(thread: int, error: type[BaseException]) -> None:
    """Have that thread raise it as soon as it runs Python again.

    It is never taken back, as the same call with NULL would: that leaves CPython 3.11 with the flag up which says that
    something is to be looked at, for ever. All code is slower then, and traced code goes no step further.
    """
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(error))
