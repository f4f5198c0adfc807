"""What every test may ask for: the cast, API clients, recorded data, a browser, and a machine closed to the outside."""

from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest
from django.conf import settings
from django.test import TransactionTestCase
from hypothesis import HealthCheck
from pytest_django import DjangoDbBlocker
from rest_framework.test import APIClient

from quantsite.testing import baseline, leftovers, template
from quantsite.testing.browser import browser, chromium, open_page, site
from quantsite.testing.cast import ada, alice, bob, charlie, client_of, rita
from quantsite.testing.ctp.fixtures import ctp_front
from quantsite.testing.needs import lacking
from quantsite.testing.network import loopback_only

__all__ = ["ada", "alice", "bob", "browser", "charlie", "chromium", "ctp_front", "open_page", "rita", "site"]

SHARED_DATA = settings.BASE_DIR.parent / "shared" / "data"
FAST_HASHER = "django.contrib.auth.hashers.MD5PasswordHasher"  # a slow one is right, but not 500 times a run


def pytest_configure() -> None:
    """Settings that only tests change, before anything is built from them."""
    settings.PASSWORD_HASHERS = [FAST_HASHER]
    # Static files straight from the apps: the manifest needs `collectstatic` first.
    settings.STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.WHITENOISE_USE_FINDERS = True
    setattr(TransactionTestCase, "_fixture_teardown", _put_back)  # noqa: B010  (no name that the type stubs know)
    # Hypothesis would fail an example that takes a fifth of a second: how quick something is, benchmarks measure.
    patient = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
    hypothesis.settings.register_profile("patient", hypothesis.settings(), **patient)
    hypothesis.settings.load_profile("patient")


def _put_back(case: TransactionTestCase) -> None:
    """In place of the flush that follows a transactional test."""
    baseline.restore()


@pytest.fixture(scope="session")
def django_db_keepdb(django_db_keepdb: bool) -> bool:
    """A file is copied from the template and goes with its folder: it is neither made nor removed."""
    return django_db_keepdb or settings.EMBEDDED


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None, django_db_blocker: DjangoDbBlocker
) -> None:
    """SQLite in a file, as it runs in earnest: in memory it has no WAL, and threads lock each other out.

    The workers of a run copy one database that is migrated already.
    """
    tests = settings.DATABASES["default"]["TEST"]
    if settings.EMBEDDED:
        tests["NAME"] = str(settings.VAR_DIR / "test.sqlite3")
    folder = template.shared_folder()
    if folder is None:
        return
    with django_db_blocker.unblock():
        made = template.prepare(folder)
    if settings.EMBEDDED:
        template.copy(made, tests["NAME"])
    else:
        tests["TEMPLATE"] = made


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> None:
    """The test database, with its first rows copied aside for ``baseline.restore``."""
    with django_db_blocker.unblock():
        baseline.take()


@pytest.fixture(autouse=True, scope="session")
def _closed_network() -> Iterator[None]:
    with loopback_only():
        yield


@pytest.fixture(autouse=True)
def _no_leftovers() -> None:
    """Throttles and lockouts count in the cache: no test may inherit another's."""
    leftovers.clear()


@pytest.fixture
def api() -> Callable[..., APIClient]:
    """``api(user)``: a client with that user's token; ``api()``: an anonymous one."""
    return client_of


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of recorded bars, ticks and reference files; skips where it is not beside the project."""
    if not SHARED_DATA.is_dir():
        lacking("data", f"the recorded data is not here: {SHARED_DATA}")
    return SHARED_DATA
