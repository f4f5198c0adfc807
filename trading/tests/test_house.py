"""Gateways of many accounts in one process."""

import threading
import time
from collections.abc import Iterator

import pytest
from django.conf import settings
from django.db import connection

from trading import services
from trading.account_models import AccountState
from trading.house import GatewayHouse

pytestmark = [pytest.mark.servers, pytest.mark.django_db(transaction=True)]

LONG = 60.0


@pytest.fixture
def small_pool() -> Iterator[None]:
    """A pool with fewer connections than the accounts need."""
    pool = connection.pool  # type: ignore[attr-defined]
    before = pool.max_size
    pool.resize(pool.min_size, 4)
    yield
    pool.resize(pool.min_size, before)


@pytest.mark.skipif(settings.EMBEDDED, reason="SQLite has no pool")
def test_more_accounts_than_the_pool_was_made_for_all_run(small_pool: None) -> None:
    for number in range(6):
        services.add_account(None, f"A{number}")
    stop = threading.Event()
    house = threading.Thread(target=GatewayHouse().run, args=(stop,))
    house.start()
    try:
        deadline = time.monotonic() + LONG
        while AccountState.objects.filter(gateway="running").count() < 6:
            assert time.monotonic() < deadline, list(AccountState.objects.values_list("account__code", "gateway"))
            time.sleep(0.1)
    finally:
        stop.set()
        house.join()
    assert not AccountState.objects.filter(gateway="running").exists()
