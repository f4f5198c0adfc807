"""pytest plugin: gives the run its servers, folder and keys before the settings are read.

``DATABASE_URL`` and ``REDIS_URL`` are used where set; what is missing is started privately and stopped with
the run. ``QUANTSITE_TEST_SIZE=embedded`` starts nothing and tests the embedded default instead.
"""

import gc
import os
import secrets
import shutil
import sys
from collections.abc import Generator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from quantsite.testing import measured
from quantsite.testing.servers import Servers, start

WANTED = ("DATABASE_URL", "REDIS_URL")
SECRETS = ("QUANTSITE_SECRET_KEY", "QUANTSITE_AUDIT_KEY", "QUANTSITE_CREDENTIAL_KEY")
GARBAGE_STEP = 50_000
"""Objects made between two looks for garbage: Python's 700 cost a fifth of the time of a test that renders pages."""
DATABASE_FIXTURES = {"django_db_modify_db_settings", "django_db_setup"}


class TestBed:
    """What this process made for the run, and takes away at its end."""

    __test__ = False

    def __init__(self) -> None:
        self.servers: Servers | None = None

    def prepare(self) -> None:
        """Set the environment: once in the controlling process, whose workers inherit it."""
        gc.set_threshold(GARBAGE_STEP)
        _compile_once()
        self._set_environment()
        # The folder of collected static files is empty in tests, but whitenoise looks for it.
        Path(os.environ["QUANTSITE_VAR_DIR"], "static").mkdir(parents=True, exist_ok=True)

    def _set_environment(self) -> None:
        if "PYTEST_XDIST_WORKER" in os.environ:
            _use_own_share(int(os.environ["PYTEST_XDIST_WORKER"].removeprefix("gw")))
            return
        if embedded():
            for name in (*WANTED, "CELERY_BROKER_URL"):
                os.environ.pop(name, None)
        missing = () if embedded() else tuple(name for name in WANTED if not os.environ.get(name))
        self.servers = start(missing)
        os.environ.update(self.servers.urls)
        os.environ["QUANTSITE_VAR_DIR"] = str(self.servers.folder)
        if embedded():
            return
        os.environ.setdefault("CELERY_BROKER_URL", os.environ["REDIS_URL"])
        os.environ.setdefault("QUANTSITE_HTTPS", "0")  # tests speak http
        for name in SECRETS:
            os.environ.setdefault(name, secrets.token_urlsafe(48))

    def clear(self) -> None:
        """Stop what was started."""
        if self.servers:
            self.servers.stop()


def embedded() -> bool:
    """Whether this run tests the embedded default."""
    return os.environ.get("QUANTSITE_TEST_SIZE") == "embedded"


def _compile_once() -> None:
    """Keep compiled modules even where the machine's owner turned that off: workers, parts and processes share them."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False


def _use_own_share(worker: int) -> None:
    """Workers share servers and folder: each takes a Redis database (0 is left alone) and a folder of its own."""
    common = Path(os.environ["QUANTSITE_VAR_DIR"])
    folder = common / f"gw{worker}"
    if (common / "keys").is_dir():  # the embedded size: the database that all of them copy is sealed by one set of keys
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.copytree(common / "keys", folder / "keys", dirs_exist_ok=True)
    os.environ["QUANTSITE_VAR_DIR"] = str(folder)
    address = os.environ.get("REDIS_URL")
    if address:
        own = urlsplit(address)._replace(path=f"/{worker + 1}").geturl()
        if os.environ.get("CELERY_BROKER_URL") == address:
            os.environ["CELERY_BROKER_URL"] = own
        os.environ["REDIS_URL"] = own


bed = TestBed()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests() -> Generator[None, None, None]:
    """A wrapper, since pytest-django reads the settings in its own (first) implementation of this hook."""
    bed.prepare()
    return (yield)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test that is long on purpose has no limit; every other has the one in ``pyproject.toml``."""
    for item in items:
        if item.get_closest_marker("soak"):
            item.add_marker(pytest.mark.timeout(0))


def pytest_collection_finish() -> None:
    """What is loaded by now (numba, pandas, all of Django) stays to the end: no search for garbage walks through it."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> None:
    """Before fixtures are made: they are what takes long in many tests."""
    measured.switch(item)


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[object], request: pytest.FixtureRequest) -> Generator[None]:
    """The database is made, or its template, while nothing is traced."""
    if fixturedef.argname in DATABASE_FIXTURES:
        with measured.untraced(request.config):
            return (yield)
    return (yield)


def pytest_unconfigure() -> None:
    """At the end, also after Ctrl-C; a killed run is cleared by the servers' guardian."""
    bed.clear()
