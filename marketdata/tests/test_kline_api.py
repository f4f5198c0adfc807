"""REST of bars that are not stored as they are asked for, and of daily bars with their settlement prices."""

import io
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pyarrow.parquet
import pytest
from rest_framework.test import APIClient

from accounts.models import User
from marketdata.daily_facts import DailySettlement
from marketdata.domain.bars import BarSeries
from marketdata.domain.resample import resample
from marketdata.services import BarImportOptions, import_bars
from marketdata.tests.stored_bars import made_minutes, put
from quantsite.common.times import iso_utc, ns_to_utc

pytestmark = [pytest.mark.django_db, pytest.mark.embedded, pytest.mark.usefixtures("own_bar_cache")]

Client = Callable[..., APIClient]
DAYS = "/api/v1/bars/?instrument=simrb88.SIM&interval=1d"


@pytest.fixture
def days(db: None) -> BarSeries:
    """What four days of stored minutes make; the settlement prices of the second and the third day are known."""
    instrument, table, minutes = made_minutes("simrb88.SIM", date(2024, 1, 9), date(2024, 1, 12))
    put(instrument, minutes)
    for number, price in ((10, 3601.5), (11, 3602.0)):
        DailySettlement.objects.create(instrument=instrument, trading_day=date(2024, 1, number), settlement_price=price)
    return resample(minutes, table, "1d")


def test_daily_bars_carry_their_settlement_price(days: BarSeries, alice: User, api: Client) -> None:
    body = api(alice).get(DAYS).json()
    assert [row["settlement"] for row in body["results"]] == [None, 3601.5, 3602.0, None]
    assert [row["close"] for row in body["results"]] == days.close.tolist()
    first, last = (iso_utc(ns_to_utc(int(start))) for start in (days.start[0], days.start[-1]))
    assert body["basis"] == [{"interval": "1m", "first": first, "last": last, "bars": 4}]
    columns = api(alice).get(f"{DAYS}&layout=columns&limit=3").json()
    assert columns["columns"]["settlement"] == [3601.5, 3602.0, None]
    assert columns["basis"][0]["bars"] == 3
    older = api(alice).get(columns["next"]).json()
    assert older["columns"]["close"] == days.close[:1].tolist()
    assert older["columns"]["settlement"] == [None]


@pytest.mark.parametrize("interval", ["1m", "5m", "11m", "2h"])
def test_other_bars_have_no_such_column(days: BarSeries, alice: User, api: Client, interval: str) -> None:
    path = f"/api/v1/bars/?instrument=simrb88.SIM&interval={interval}&limit=2"
    body = api(alice).get(path).json()
    assert len(body["results"]) == 2
    assert "settlement" not in body["results"][0]
    assert "settlement" not in api(alice).get(path, HTTP_ACCEPT="text/csv").content.decode()


def test_daily_files_carry_it_and_can_be_imported(days: BarSeries, alice: User, api: Client, tmp_path: Path) -> None:
    lines = api(alice).get(DAYS, HTTP_ACCEPT="text/csv").content.decode().splitlines()
    assert lines[0] == "datetime,trading_day,open,high,low,close,volume,turnover,open_interest,settlement"
    assert [line.rpartition(",")[2] for line in lines[1:]] == ["", "3601.5", "3602", ""]
    parquet = api(alice).get(DAYS, HTTP_ACCEPT="application/vnd.apache.parquet").content
    assert pyarrow.parquet.read_table(io.BytesIO(parquet))["settlement"].to_pylist() == [None, 3601.5, 3602.0, None]
    for name, data in (("days.csv", "\n".join(lines).encode()), ("days.parquet", parquet)):
        path = tmp_path / name
        path.write_bytes(data)
        imported = import_bars(None, path, "simrb88.SIM", "1d", BarImportOptions("start"))
        assert (imported.stored + imported.unchanged, imported.refused) == (4, 0)
    stored = api(alice).get(DAYS).json()
    assert [part["interval"] for part in stored["basis"]] == ["1d"]
    assert [row["close"] for row in stored["results"]] == days.close.tolist()
