"""What the embedded size runs beside its pages, each in a thread of its own: the feed and the recorder.

On servers these are processes (``run_feed``, ``run_recorder``). A part that ends with an error is started again after a
pause that grows; the log says why. Nothing of it is loaded by a web process that runs none.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from django.db import close_old_connections

log = structlog.get_logger(__name__)

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 60.0
STOP_SECONDS = 15.0

Work = Callable[[threading.Event], object]
"""Runs until the event is set; returning before that means there is nothing more to do."""


@dataclass(frozen=True)
class Part:
    """One thing that runs in the background; ``make`` gives a fresh one for each start."""

    name: str
    make: Callable[[], Work]


class Background:
    """Starts the parts, keeps them running, stops them in the reverse order: first who reads last."""

    def __init__(self, parts: list[Part]) -> None:
        self._parts = parts
        self._started: list[tuple[threading.Thread, threading.Event]] = []

    def start(self) -> None:
        """Start every part in its own thread."""
        for part in self._parts:
            stop = threading.Event()
            thread = threading.Thread(target=_keep_running, args=(part, stop), name=part.name, daemon=True)
            thread.start()
            self._started.append((thread, stop))

    def stop(self) -> None:
        """Ask each to finish, the last started first, and wait for it: a recorder still stores what the feed sent."""
        for thread, stop in reversed(self._started):
            stop.set()
            thread.join(STOP_SECONDS)
            if thread.is_alive():
                log.error("background part does not end", part=thread.name)
        self._started.clear()


def _keep_running(part: Part, stop: threading.Event) -> None:
    pause = FIRST_PAUSE
    while not stop.is_set():
        try:
            part.make()(stop)
        except Exception:  # the thread must outlive whatever its part meets
            log.exception("background part failed", part=part.name, again_after_s=pause)
            stop.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
        else:
            log.info("background part ended", part=part.name)
            return
        finally:
            close_old_connections()
