"""The front's own thread for what happens later: slow answers and reconnects."""

import heapq
import itertools
import threading
import time
from collections.abc import Callable


class Timer:
    """Runs actions in the order of their time; a daemon thread, started by the first action."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False

    def later(self, seconds: float, act: Callable[[], None]) -> None:
        """Run ``act`` in ``seconds``; at once, in this thread, where that is 0."""
        if not seconds:
            act()
            return
        with self._changed:
            heapq.heappush(self._heap, (time.monotonic() + seconds, next(self._numbers), act))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="ctp-front", daemon=True)
                self._thread.start()
            self._changed.notify()

    def _run(self) -> None:
        while (act := self._next()) is not None:
            act()

    def _next(self) -> Callable[[], None] | None:
        with self._changed:
            while not self._closed:
                wait = self._heap[0][0] - time.monotonic() if self._heap else None
                if wait is not None and wait <= 0:
                    return heapq.heappop(self._heap)[2]
                self._changed.wait(wait)
        return None

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(10)
