"""What the workers of a run make once and share, above all a migrated database: each would spend long on its own."""

import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.db import OperationalError, connection

from quantsite.testing import baseline

NAME = "quantsite_template"
COPY_SECONDS = 30.0
"""How long those who migrated it may take to let go of it."""


def prepare(folder: Path) -> str:
    """Make the template unless another worker has, in ``folder`` that all of them see; gives its name, or its path."""
    name = str(folder / f"{NAME}.sqlite3") if settings.EMBEDDED else NAME
    once(folder, NAME, lambda: _make(name))
    return name


def once(folder: Path, name: str, make: Callable[[], object]) -> None:
    """Make something unless another worker of this ``folder`` has; who comes meanwhile waits."""
    done = folder / f"{name}.made"
    with _alone(folder / f"{name}.lock"):
        if not done.exists():
            make()
            done.touch()


def copy(name: str, target: str) -> None:
    """A copy of the template's file."""
    Path(target).parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(name, target)


def _make(name: str) -> None:
    """Migrate it and copy its first rows aside; nobody is connected to it afterwards."""
    tests, ours = settings.DATABASES["default"]["TEST"], str(connection.settings_dict["NAME"])
    before, tests["NAME"] = tests["NAME"], name
    try:
        connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
        baseline.take()
        connection.creation.destroy_test_db(ours, verbosity=0, keepdb=True)
    finally:
        tests["NAME"] = before
    if connection.vendor == "postgresql":
        connection.close_pool()  # type: ignore[attr-defined]
        _wait_until_left(name)


def _wait_until_left(name: str) -> None:
    """Until the server has ended our own connection to it: no database is copied while somebody is in it."""
    deadline = time.monotonic() + COPY_SECONDS
    with connection.creation._nodb_cursor() as cursor:  # type: ignore[attr-defined]
        while True:
            cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = %s", [name])
            if not cursor.fetchone()[0]:
                return
            if time.monotonic() > deadline:
                raise OperationalError(f"somebody stays connected to {name}")
            time.sleep(0.02)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def shared_folder() -> Path | None:
    """The folder that all workers of this run see; None where the run has no workers."""
    return Path(settings.VAR_DIR).parent if "PYTEST_XDIST_WORKER" in os.environ else None
