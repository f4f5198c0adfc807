"""A thread of the hub that asks the database: with a connection of its own, it waits behind nobody else's work."""

import threading
from asyncio import AbstractEventLoop
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from queue import Empty, SimpleQueue

import structlog
from django.db import connection

log = structlog.get_logger(__name__)

PAUSE_SECONDS = 1.0
"""Until the next attempt where the database does not answer."""
IDLE_SECONDS = 5.0
"""How often a thread that nobody calls looks whether its loop is there still."""

Call = Callable[[], None]


class Worker:
    """Takes calls from others, in their order, and runs them and :meth:`work` in its thread; ends with the loop."""

    def __init__(self, name: str, loop: AbstractEventLoop) -> None:
        self._loop = loop
        self._calls: SimpleQueue[Call] = SimpleQueue()
        self._over = threading.Event()
        self._failed = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Come to an end soon; does not wait for it."""
        self._over.set()
        self._calls.put(lambda: None)

    def join(self, seconds: float) -> bool:
        """Wait for the end; whether it has come."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def call(self, what: Call) -> None:
        """Have something run in the thread; whatever it changes belongs to the thread."""
        self._calls.put(what)

    def opened(self) -> None:
        """The thread begins."""

    def closed(self) -> None:
        """The thread ends."""

    def patience(self) -> float:
        """How long to wait for a call before :meth:`work` is due anyway, in seconds."""
        return IDLE_SECONDS

    def work(self) -> None:
        """What is due after the calls that have come."""
        raise NotImplementedError

    def tell(self, what: Callable[..., None], *given: object) -> None:
        """Run something on the hub's loop, soon."""
        with suppress(RuntimeError):  # the loop has been closed: so nobody is connected
            self._loop.call_soon_threadsafe(partial(what, *given))

    def _run(self) -> None:
        self.opened()
        try:
            while not self._over.is_set() and not self._loop.is_closed():
                self._take()
                if not self._over.is_set():
                    self._attempt()
        finally:
            connection.close()
            self.closed()

    def _take(self) -> None:
        """Run what has been called for; waits for the first of it."""
        with suppress(Empty):
            self._calls.get(timeout=0.0 if self._failed else self.patience())()
            while True:
                self._calls.get_nowait()()

    def _attempt(self) -> None:
        """Work. Whatever goes wrong is tried again: nothing else would tell the sockets."""
        try:
            self.work()
            self._failed = False
        except Exception:
            log.exception("trading sockets wait for the database", thread=self._thread.name)
            self._failed = True
            connection.close()
            self._over.wait(PAUSE_SECONDS)
