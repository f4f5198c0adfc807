"""Rolls and settlements by REST and in the console."""

from collections.abc import Callable
from datetime import date

import pytest
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import User
from marketdata.daily_facts import ContractRoll, DailySettlement
from marketdata.instruments import ensure_instrument

pytestmark = [pytest.mark.django_db, pytest.mark.embedded]


@pytest.fixture
def stored(db: None) -> None:
    """Two rolls, three settlements of two contracts."""
    series = ensure_instrument("rb88.SHFE", date(2024, 1, 2))
    for day, old, new in ((date(2024, 1, 8), "rb2405", "rb2410"), (date(2023, 9, 1), "rb2401", "rb2405")):
        ContractRoll.objects.create(
            instrument=series,
            trading_day=day,
            from_contract=f"{old}.SHFE",
            to_contract=f"{new}.SHFE",
            old_close=4000.0,
            new_close=3912.5,
            closes_day=day,
        )
    for code, number in (("rb2405.SHFE", 3), ("rb2405.SHFE", 4), ("rb2410.SHFE", 4)):
        row = ensure_instrument(code, date(2024, 1, 2))
        DailySettlement.objects.create(instrument=row, trading_day=date(2024, 1, number), settlement_price=4000.25)


def test_rolls_by_rest(stored: None, alice: User, api: Callable[..., APIClient]) -> None:
    rows = api(alice).get("/api/v1/rolls/?instrument=rb88.SHFE").json()["results"]
    assert [row["trading_day"] for row in rows] == ["2024-01-08", "2023-09-01"]
    assert rows[0] == {
        "instrument": "rb88.SHFE",
        "trading_day": "2024-01-08",
        "from_contract": "rb2405.SHFE",
        "to_contract": "rb2410.SHFE",
        "old_close": 4000.0,
        "new_close": 3912.5,
        "closes_day": "2024-01-08",
        "old_open": None,
        "new_open": None,
    }
    assert len(api(alice).get("/api/v1/rolls/?start=2023-09-02").json()["results"]) == 1


def test_settlements_by_rest(stored: None, alice: User, api: Callable[..., APIClient]) -> None:
    client = api(alice)
    address = "/api/v1/settlements/?instrument=rb2405.SHFE"
    rows = client.get(address).json()["results"]
    assert [(row["trading_day"], row["settlement_price"]) for row in rows] == [
        ("2024-01-04", 4000.25),
        ("2024-01-03", 4000.25),
    ]
    assert len(client.get(f"{address}&end=2024-01-03").json()["results"]) == 1
    page = client.get("/api/v1/settlements/?limit=2").json()
    rest = client.get(page["next"]).json()
    assert (len(page["results"]), len(rest["results"]), rest["next"]) == (2, 1, None)
    assert client.get("/api/v1/settlements/?start=monday").status_code == 400


def test_the_console_shows_both_and_changes_neither(stored: None, ada: User, client: Client) -> None:
    client.force_login(ada)
    rolls = client.get("/admin/marketdata/contractroll/").content.decode()
    assert "rb2410.SHFE" in rolls
    assert "-87.5" in rolls
    assert "4000.25" in client.get("/admin/marketdata/dailysettlement/?q=rb2410").content.decode().replace(",", "")
    row = ContractRoll.objects.first()
    assert row is not None
    page = client.get(f"/admin/marketdata/contractroll/{row.pk}/change/").content.decode()
    assert "rb88.SHFE" in page
    assert 'name="_save"' not in page
    assert client.post(f"/admin/marketdata/contractroll/{row.pk}/delete/", {"post": "yes"}).status_code == 403
    assert ContractRoll.objects.count() == 2
