"""The two processes of the embedded size, started and stopped as one."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from django.conf import settings

START_SECONDS = 180  # the first start compresses static files
STOP_SECONDS = 20
TAIL_LINES = 15


class ProcessError(RuntimeError):
    """A process ended, or did not come up; the message carries the end of its log."""


@dataclass
class Process:
    """One of ours: its name, the running process and its log."""

    name: str
    handle: subprocess.Popen[bytes]
    log: Path

    def check(self) -> None:
        """Raise ``ProcessError`` where it has ended."""
        if self.handle.poll() is not None:
            raise ProcessError(f"{self.name} ended with code {self.handle.returncode}:\n{tail(self.log)}")

    def stop(self) -> None:
        """Ask it to end, and end it where it does not."""
        if self.handle.poll() is None:
            self.handle.send_signal(signal.SIGTERM)
        try:
            self.handle.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.handle.kill()
            self.handle.wait()


def web_command(port: int) -> list[str]:
    """How the web process is started."""
    return [sys.executable, str(settings.BASE_DIR / "manage.py"), "run_platform", "--port", str(port)]


def worker_command() -> list[str]:
    """How the worker is started: one process with beat, two tasks at a time."""
    options = ["-B", "--pool", "threads", "--concurrency", "2", "--without-gossip", "--without-mingle"]
    return [sys.executable, "-m", "celery", "-q", "-A", "quantsite.celery", "worker", *options]


@contextmanager
def running(port: int) -> Iterator[list[Process]]:
    """The web process and the worker, ready to serve; both are stopped at the end."""
    started: list[Process] = []
    try:
        started.append(_start("web", web_command(port)))
        started.append(_start("worker", worker_command()))
        _wait_until_ready(f"http://127.0.0.1:{port}/readyz", started)
        yield started
    finally:
        for process in reversed(started):
            process.stop()


def tail(log: Path) -> str:
    """The last lines of a log."""
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-TAIL_LINES:])


def _start(name: str, command: list[str]) -> Process:
    folder = Path(settings.VAR_DIR) / "logs"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    log = folder / f"{name}.log"
    environment = {**os.environ, "QUANTSITE_VAR_DIR": str(settings.VAR_DIR), "PYTHONUNBUFFERED": "1"}
    with log.open("wb") as file:
        # A session of its own: Ctrl-C reaches us alone, and we end the others in order.
        handle = subprocess.Popen(  # noqa: S603 - our own command line
            command, cwd=settings.BASE_DIR, env=environment, stdout=file, stderr=file, start_new_session=True
        )
    return Process(name, handle, log)


def _wait_until_ready(url: str, processes: list[Process]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        for process in processes:
            process.check()
        try:
            with urlopen(url, timeout=5) as answer:  # noqa: S310 - http on loopback
                if answer.status == 200:
                    return
        except (URLError, OSError):
            time.sleep(0.2)
    logs = "\n".join(f"--- {process.name}\n{tail(process.log)}" for process in processes)
    raise ProcessError(f"the platform was not ready after {START_SECONDS} s:\n{logs}")
