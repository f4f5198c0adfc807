"""Orders posted while the database is cut off, or says nothing: 503 for every road, and no order afterwards."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from accounts.models import User
from quantsite.testing.wire import Wire, database_wire
from trading import services
from trading.order_models import AccountCommand, Order
from trading.tests.desk_processes import Client, processes, with_real_password
from trading.tests.loop_bench import CAPITAL, RB, open_street

pytestmark = [pytest.mark.servers, pytest.mark.django_db(transaction=True)]

BODY = {"account": "T1", "instrument": RB, "direction": "buy", "offset": "open", "type": "limit", "price": 3990}
FAST, DJANGO = 2, "2"
"""Lots: as a number they go by the fast road, as a text by Django's."""


def asked(client: Client, name: str, volume: object) -> httpx.Response:
    """An order under this name."""
    return client.post("orders/", {**BODY, "volume": volume, "client_order_id": name})


def stored() -> set[str]:
    """The names of all orders."""
    return set(Order.objects.values_list("client_order_id", flat=True))


@pytest.mark.parametrize("trouble", [Wire.cut, Wire.swallow])
def test_orders_without_a_database_are_503_and_do_not_exist(
    ada: User, tmp_path: Path, trouble: Callable[[Wire], None]
) -> None:
    user = with_real_password(ada)
    variables: dict[str, Any] = {"QUANTSITE_DB_ANSWER": "2"}
    with open_street(), database_wire() as (wire, url), processes(tmp_path, DATABASE_URL=url, **variables) as running:
        services.add_account(None, "T1", capital=CAPITAL)
        running.fork("web", *running.web_words("--feed", "none"))
        running.wait_for_web()
        client = Client(running.origin, user)
        assert asked(client, "first", DJANGO).status_code == httpx.codes.CREATED
        assert asked(client, "second", FAST).status_code == httpx.codes.CREATED
        before = {"first", "second"}

        trouble(wire)
        with ThreadPoolExecutor() as both:
            answers = list(both.map(lambda word: asked(client, *word), (("fast", FAST), ("django", DJANGO))))
        for told in answers:
            assert told.status_code == httpx.codes.SERVICE_UNAVAILABLE, told.text
            assert told.headers["Content-Type"].startswith("application/problem+json")
            assert int(told.headers["Retry-After"]) > 0
            problem = told.json()
            assert (problem["status"], problem["code"]) == (503, "database_away")
            assert "client order id" in problem["detail"]
        assert "fast write failed" in (tmp_path / "web.log").read_text()  # it was asked too

        wire.mend()
        running.wait_for_web()
        assert stored() == before
        assert AccountCommand.objects.filter(kind="place").count() == len(before)
        for name, volume in (("fast", FAST), ("django", DJANGO)):
            assert asked(client, name, volume).status_code == httpx.codes.CREATED
        assert stored() == before | {"fast", "django"}
        client.close()
