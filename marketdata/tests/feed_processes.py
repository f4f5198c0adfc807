"""``run_feed`` as processes of their own, for tests that kill them or put another library under them."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.conf import settings


class Feeds:
    """``run_feed`` processes on the database and stream of the test."""

    def __init__(self, folder: Path) -> None:
        self.environment: dict[str, str] = {}
        self._folder = folder
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self, *words: str) -> "subprocess.Popen[bytes]":
        """One process, as an operator starts it."""
        name = settings.DATABASES["default"]["NAME"]
        address = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}").geturl()
        environment = {**os.environ, "DATABASE_URL": address, "QUANTSITE_VAR_DIR": str(self._folder)}
        environment |= self.environment
        log = (self._folder / f"feed-{len(self._processes)}.log").open("wb")
        process = subprocess.Popen(
            [sys.executable, "manage.py", "run_feed", *words],
            cwd=settings.BASE_DIR,
            env=environment,
            stdout=log,
            stderr=log,
        )
        self._processes.append(process)
        return process

    def logs(self) -> str:
        """What all of them wrote."""
        return "\n".join(path.read_text(errors="replace") for path in sorted(self._folder.glob("feed-*.log")))

    def end(self) -> None:
        """Kill what still runs."""
        for process in self._processes:
            if process.poll() is None:
                process.kill()
            process.wait()


@pytest.fixture
def feeds(tmp_path: Path) -> Iterator[Feeds]:
    """Processes that end with the test."""
    started = Feeds(tmp_path)
    yield started
    started.end()
