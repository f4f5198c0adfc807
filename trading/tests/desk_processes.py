"""The desk as processes on the rows and the stream of the test: web, gateways, feed; and a client of its API."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from django.conf import settings
from django.db import connection
from django.test import override_settings

from accounts.models import User
from quantsite.testing.cast import PASSWORD
from quantsite.testing.patience import SOON
from quantsite.web.ports import free_port
from trading.tests.nursery import Child, Nursery

SECONDS = 240.0
POLL_SECONDS = 0.03
REAL_HASHER = ["django.contrib.auth.hashers.PBKDF2PasswordHasher"]
"""The processes run with the real settings, which know no fast hasher."""


class Processes:
    """``manage.py`` commands by a name each; what is left is killed at the end."""

    def __init__(self, folder: Path, **variables: str) -> None:
        self.folder = folder
        self.environment = {**environment(folder), **variables}
        self.port = free_port()
        self._running: dict[str, subprocess.Popen[bytes] | Child] = {}
        self._groups: list[int] = []
        self._nursery: Nursery | None = None

    @property
    def origin(self) -> str:
        """Where the web process serves."""
        return f"http://127.0.0.1:{self.port}"

    def start(self, name: str, *words: str, module: tuple[str, ...] = ("manage.py",), **variables: str) -> None:
        """Start a command, under ``module`` instead of ``manage.py`` where one is given."""
        with (self.folder / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                [sys.executable, *module, *words],
                cwd=settings.BASE_DIR,
                env={**self.environment, **variables},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._groups.append(self._running[name].pid)

    def fork(self, name: str, *words: str, mortal: bool = False, **variables: str) -> None:
        """Start a command from a process that has imported everything; see ``nursery.py``."""
        if self._nursery is None:
            self._nursery = Nursery(self.folder, self.environment)
        log = self.folder / f"{name}.log"
        self._running[name] = self._nursery.start(words, log, variables, mortal=mortal)

    def web_words(self, *more: str) -> tuple[str, ...]:
        """The words that start the web process."""
        return ("run_platform", "--port", str(self.port), "--static-ready", *more)

    def wait_for_web(self) -> None:
        """Until it serves."""

        def ready() -> bool:
            try:
                return httpx.get(f"{self.origin}/readyz", timeout=5).status_code == httpx.codes.OK
            except httpx.TransportError:
                return False

        self.wait(ready, "the web process serves")

    def alive(self, name: str) -> bool:
        """Whether it has not ended."""
        return self._running[name].poll() is None

    def dead(self) -> list[str]:
        """Those that have ended and were not reaped."""
        return [name for name, process in self._running.items() if process.poll() is not None]

    def stop(self, name: str) -> int:
        """SIGTERM; gives the exit code. Raises ``TimeoutExpired`` where it does not end."""
        self._running[name].send_signal(signal.SIGTERM)
        return self._running.pop(name).wait(SOON)

    def kill(self, name: str) -> None:
        """SIGKILL, and wait until it is gone."""
        self._running[name].kill()
        self.reap(name)

    def reap(self, name: str) -> int:
        """The exit code of one that has been killed, or ends by itself."""
        return self._running.pop(name).wait(SECONDS)

    def wait(self, condition: Callable[[], object], what: str, seconds: float = SECONDS) -> None:
        """Until it is so; fails with what the processes wrote."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                pytest.fail(f"not within {seconds:.0f} s: {what}\n{self.logs()}")
            time.sleep(POLL_SECONDS)

    def logs(self) -> str:
        """The end of what each wrote."""
        paths = sorted(self.folder.glob("*.log"))
        return "\n".join(f"== {path.name}\n{path.read_text(errors='replace')[-3000:]}" for path in paths)

    def end(self) -> None:
        """Kill what still runs."""
        for process in self._running.values():
            process.kill()
            process.wait()
        self._running.clear()
        for group in self._groups:  # what one that was killed has begun goes on without it, as a worker's beat does
            with suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)
        if self._nursery is not None:
            self._nursery.close()


@contextmanager
def processes(folder: Path, **variables: str) -> Iterator[Processes]:
    """None started yet; ``variables`` are more of their environment."""
    made = Processes(folder, **variables)
    try:
        yield made
    finally:
        made.end()


def environment(folder: Path) -> dict[str, str]:
    """What a process needs to work on the rows of the test."""
    found = {
        **os.environ,
        "QUANTSITE_VAR_DIR": str(folder),
        "QUANTSITE_LOGIN_RATE": "600/min",
        "QUANTSITE_ORDER_MAX_WAIT": "3600",  # on a machine that is slow at the moment a start takes long
    }
    if settings.EMBEDDED:
        link = folder / "quantsite.sqlite3"
        if not link.is_symlink():
            link.symlink_to(connection.settings_dict["NAME"])
        keys = {"QUANTSITE_SECRET_KEY": settings.SECRET_KEY, "QUANTSITE_AUDIT_KEY": settings.AUDIT_KEY}
        return found | keys | {"QUANTSITE_CREDENTIAL_KEY": ",".join(settings.CREDENTIAL_KEYS)}
    name = settings.DATABASES["default"]["NAME"]
    found["DATABASE_URL"] = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}").geturl()
    found["REDIS_URL"] = settings.REDIS_URL
    return found


def with_real_password(user: User) -> User:
    """``PASSWORD`` again, as the platform hashes it."""
    with override_settings(PASSWORD_HASHERS=REAL_HASHER):
        user.set_password(PASSWORD)
        user.save()
    return user


class Client:
    """One person's programs at the REST interface; logs in by name and password."""

    def __init__(self, origin: str, user: User) -> None:
        self.http = httpx.Client(base_url=f"{origin}/api/v1/", timeout=30)
        self.name = user.username
        self.log_in()

    def log_in(self) -> None:
        """Get a token, which lasts a quarter of an hour."""
        self.http.headers.pop("Authorization", None)
        told = self.http.post("auth/token/", json={"username": self.name, "password": PASSWORD})
        assert told.status_code == httpx.codes.OK, told.text
        self.token: str = told.json()["access"]
        self.http.headers["Authorization"] = f"Bearer {self.token}"
        self.http.cookies.clear()  # with the session's that the answer set it would never get on the fast road

    def get(self, path: str, **params: Any) -> Any:
        """What stands there."""
        told = self.http.get(path, params=params or None)
        assert told.status_code == httpx.codes.OK, told.text
        return told.json()

    def post(self, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
        """Ask for something, with a new token where the one before has ended."""
        told = self.http.post(path, json=body or {})
        if told.status_code != httpx.codes.UNAUTHORIZED:
            return told
        self.log_in()
        return self.http.post(path, json=body or {})

    def pages(self, path: str, **params: Any) -> list[dict[str, Any]]:
        """All rows of a list, page by page."""
        page = self.get(path, **params)
        rows: list[dict[str, Any]] = list(page["results"])
        while page["next"]:
            page = self.get(page["next"])
            rows += page["results"]
        return rows

    def close(self) -> None:
        """Let go of the connections."""
        self.http.close()
