"""Local worker processes for one command: started, watched, started again if they die, stopped at the end.

They take their parts straight from the rows, so that no broker and no worker of the site is needed; while the
command lives it holds the optimisations, and the site's workers leave them alone.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit
from uuid import uuid4

import structlog
from django.conf import settings
from django.db import connection
from django.db.models.functions import Now

from backtests.optimise.chunks import release
from backtests.optimise.models import OptimizationQuerySet, OptimizationRun
from backtests.optimise.sweep import give_up
from backtests.states import LEASE

WATCH_SECONDS = 0.1
HOLD_SECONDS = 5.0
STOP_SECONDS = 5.0
RESTARTS = 10
"""Workers started again by one command; a part that kills them is given up before that."""

log = structlog.get_logger(__name__)


class LocalWorkers:
    """The processes of one command; use it as a context."""

    def __init__(self, run_ids: Sequence[int], count: int, held_by: str) -> None:
        self._run_ids = list(run_ids)
        self._count = count
        self._held_by = held_by
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._restarts = 0

    def __enter__(self) -> "LocalWorkers":
        for _ in range(self._count):
            self._start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop them all, gently first."""
        for process in self._running.values():
            process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        for name, process in self._running.items():
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            release(name)

    def wait(self, tell: Callable[[], None]) -> None:
        """Until all optimisations are over; ``tell`` is called about ten times a second.

        Raises ``RuntimeError`` where workers die again and again.
        """
        hold_at = 0.0
        while self._open().exists():
            if time.monotonic() >= hold_at:
                hold_at = time.monotonic() + HOLD_SECONDS
                self._open().update(held_until=Now() + LEASE)
                give_up(self._run_ids)
            self._look_after()
            tell()
            time.sleep(WATCH_SECONDS)
        tell()

    def _open(self) -> OptimizationQuerySet:
        return OptimizationRun.objects.all().open().filter(pk__in=self._run_ids, held_by=self._held_by)

    def _start(self) -> None:
        name = f"{self._held_by}:{uuid4().hex[:8]}"
        words = ["optimize_worker", *map(str, self._run_ids), "--name", name, "--parent", str(os.getpid())]
        self._running[name] = subprocess.Popen(  # noqa: S603 - our own program, numbers and a name
            [sys.executable, str(settings.BASE_DIR / "manage.py"), *words],
            cwd=settings.BASE_DIR,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for the command, which then stops them
        )

    def _look_after(self) -> None:
        """A worker that died gives back what it held at once, and another takes its place."""
        for name, process in list(self._running.items()):
            if process.poll() is None:
                continue
            del self._running[name]
            if not self._open().exists():
                return
            release(name)
            self._restarts += 1
            log.warning("local worker died", worker=name, code=process.returncode)
            if self._restarts > RESTARTS:
                raise RuntimeError("local workers die again and again; their log has the reason")
            self._start()


def _environment() -> dict[str, str]:
    """Ours, with the very database that this process uses."""
    environment = dict(os.environ)
    if not settings.EMBEDDED:
        name = connection.settings_dict["NAME"]
        environment["DATABASE_URL"] = urlsplit(environment["DATABASE_URL"])._replace(path=f"/{name}").geturl()
    return environment
