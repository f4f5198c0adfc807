"""REST of instruments and bars: who sees them, filters and pages, three forms of the same bars, clear refusals."""

import io
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pyarrow.parquet
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from accounts.models import User
from marketdata.models import Bar, Instrument
from marketdata.services import BarImportOptions, ensure_instrument, import_bars, store_simulated_bars
from marketdata.tests.bar_csv import HEADER, SOUND, write_bars

pytestmark = [pytest.mark.django_db, pytest.mark.embedded]

Client = Callable[..., APIClient]
BARS = "/api/v1/bars/?instrument=rb2405.SHFE&interval=5m"


@pytest.fixture
def rb(tmp_path: Path, db: None) -> Instrument:
    """Three bars of the morning of 2024-01-02 and one of the night that belongs to 2024-01-03."""
    rows = [*(f"{row},{number}" for number, row in enumerate(SOUND)), "2024-01-02 21:05:00,4001,4001,4001,4001,0,"]
    path = write_bars(tmp_path / "rb.csv", *rows, header=f"{HEADER},open_interest")
    return import_bars(None, path, "rb2405.SHFE", "5m", BarImportOptions("end")).instrument


def test_every_role_reads_and_nobody_else(rb: Instrument, api: Client, request: pytest.FixtureRequest) -> None:
    paths = ["/api/v1/instruments/", "/api/v1/instruments/rb2405.SHFE/", BARS]
    for name in ("alice", "bob", "rita", "ada"):
        client = api(request.getfixturevalue(name))
        assert [client.get(path).status_code for path in paths] == [200, 200, 200], name
    assert [api(request.getfixturevalue("charlie")).get(path).status_code for path in paths] == [403, 403, 403]
    assert [api().get(path).status_code for path in paths] == [401, 401, 401]
    assert api(request.getfixturevalue("ada")).post("/api/v1/instruments/", {}).status_code == 405
    assert api(request.getfixturevalue("ada")).get("/api/v1/instruments/%00/").status_code == 404


def test_instruments_are_filtered_and_paged(alice: User, api: Client) -> None:
    for code in ("rb2405.SHFE", "rb88.SHFE", "hc2405.SHFE", "TA405.CZCE", "simrb88.SIM"):
        ensure_instrument(code, date(2024, 1, 2))
    client = api(alice)

    def codes(query: str) -> list[str]:
        return [row["code"] for row in client.get(f"/api/v1/instruments/?{query}").json()["results"]]

    assert set(codes("")) == {"TA405.CZCE", "hc2405.SHFE", "rb2405.SHFE", "rb88.SHFE", "simrb88.SIM"}
    assert codes("exchange=CZCE") == ["TA405.CZCE"]
    assert set(codes("product=rb")) == {"rb2405.SHFE", "rb88.SHFE"}
    assert set(codes("kind=continuous")) == {"rb88.SHFE", "simrb88.SIM"}
    assert set(codes("search=RB24")) == {"rb2405.SHFE"}
    assert set(codes("search=螺纹")) >= {"rb2405.SHFE", "rb88.SHFE"}
    first = client.get("/api/v1/instruments/?limit=3").json()
    rest = client.get(first["next"]).json()
    assert (len(first["results"]), len(rest["results"]), rest["next"]) == (3, 2, None)
    wrong = client.get("/api/v1/instruments/?kind=option")
    assert (wrong.status_code, list(wrong.json()["fields"])) == (400, ["kind"])


def test_one_instrument_tells_its_rates_and_bars(rb: Instrument, alice: User, api: Client) -> None:
    found = api(alice).get("/api/v1/instruments/rb2405.SHFE/").json()
    assert (found["exchange"], found["product"], found["multiplier"], found["price_tick"]) == ("SHFE", "rb", 10, 1)
    assert (found["expires"], found["expiry_by_rule"], found["product_name_zh"]) == ("2024-05-15", True, "螺纹钢")
    assert found["coverage"] == [
        {
            "interval": "5m",
            "bars": 4,
            "first_start": "2024-01-02T01:00:00Z",
            "last_start": "2024-01-02T13:00:00Z",
            "first_day": "2024-01-02",
            "last_day": "2024-01-03",
        }
    ]
    assert found["fees"][0]["open_by_money"] > 0
    assert found["margins"][0]["long_by_money"] > 0
    missing = api(alice).get("/api/v1/instruments/rb9999.SHFE/")
    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")


def test_bars_in_json(rb: Instrument, alice: User, api: Client) -> None:
    body = api(alice).get(BARS).json()
    assert {name: body[name] for name in ("instrument", "interval", "simulated", "next")} == {
        "instrument": "rb2405.SHFE",
        "interval": "5m",
        "simulated": False,
        "next": None,
    }
    assert body["results"][1] == {
        "start": "2024-01-02T01:05:00Z",
        "trading_day": "2024-01-02",
        "open": 4005.0,
        "high": 4020.0,
        "low": 4005.0,
        "close": 4015.0,
        "volume": 80,
        "turnover": None,
        "open_interest": 1.0,
    }
    assert body["results"][3]["trading_day"] == "2024-01-03"
    assert body["results"][3]["open_interest"] is None
    columns = api(alice).get(f"{BARS}&layout=columns").json()["columns"]
    assert columns["close"] == [row["close"] for row in body["results"]]
    assert columns["start"] == [row["start"] for row in body["results"]]


@pytest.mark.parametrize("way", ["accept", "format"])
def test_bars_in_csv_can_be_imported_again(rb: Instrument, alice: User, api: Client, tmp_path: Path, way: str) -> None:
    client = api(alice)
    answer = client.get(BARS, HTTP_ACCEPT="text/csv") if way == "accept" else client.get(f"{BARS}&format=csv")
    assert answer["Content-Type"].startswith("text/csv")
    lines = answer.content.decode().splitlines()
    assert lines[0] == "datetime,trading_day,open,high,low,close,volume,turnover,open_interest"
    assert lines[2] == "2024-01-02 09:05:00,2024-01-02,4005,4020,4005,4015,80,,1"
    assert lines[4].startswith("2024-01-02 21:00:00,2024-01-03,")
    path = tmp_path / "back.csv"
    path.write_bytes(answer.content)
    again = import_bars(None, path, "rb2405.SHFE", "5m", BarImportOptions("start"))
    assert (again.stored, again.unchanged) == (0, 4)


def test_bars_in_parquet_can_be_imported_again(rb: Instrument, alice: User, api: Client, tmp_path: Path) -> None:
    answer = api(alice).get(BARS, HTTP_ACCEPT="application/vnd.apache.parquet")
    assert answer["Content-Type"] == "application/vnd.apache.parquet"
    table = pyarrow.parquet.read_table(io.BytesIO(answer.content))
    assert table["close"].to_pylist() == Bar.objects.series(rb, "5m").close.tolist()
    assert table["open_interest"].to_pylist()[3] is None
    path = tmp_path / "back.parquet"
    path.write_bytes(answer.content)
    again = import_bars(None, path, "rb2405.SHFE", "5m", BarImportOptions("start"))
    assert (again.stored, again.unchanged) == (0, 4)


def test_the_newest_bars_come_first_to_hand_and_next_leads_back(rb: Instrument, alice: User, api: Client) -> None:
    client = api(alice)
    starts, path = [], f"{BARS}&limit=3"
    while path:
        answer = client.get(path)
        body = answer.json()
        starts.append([row["start"][11:16] for row in body["results"]])
        path = body["next"]
        assert answer.has_header("Link") == bool(path)
    assert starts == [["01:05", "01:10", "13:00"], ["01:00"]]


@pytest.mark.parametrize(
    ("span", "count"),
    [
        ("start=2024-01-03", 1),
        ("end=2024-01-02", 3),
        ("start=2024-01-02T01:05:00Z&end=2024-01-02T13:00:00Z", 2),
        ("start=2024-01-02T09:05:00%2B08:00", 3),
        ("start=2024-01-02T09:05:00+08:00", 3),
        ("start=2025-01-01", 0),
    ],
)
def test_days_and_instants_bound_the_range(rb: Instrument, alice: User, api: Client, span: str, count: int) -> None:
    assert len(api(alice).get(f"{BARS}&{span}").json()["results"]) == count


@pytest.mark.parametrize(
    ("query", "status", "field", "text"),
    [
        ("interval=5m", 400, "instrument", "Say which instrument"),
        ("instrument=rb2405.SHFE", 400, "interval", "Say which interval"),
        ("instrument=rb2405.SHFE&interval=5", 400, None, "no bar interval"),
        ("instrument=rb2406.SHFE&interval=5m", 404, None, "Did you mean"),
        ("instrument=rb2405.SHFE&interval=5m&limit=100001", 400, "limit", "100000"),
        ("instrument=rb2405.SHFE&interval=5m&limit=-1", 400, "limit", "whole number"),
        ("instrument=rb2405.SHFE&interval=5m&start=yesterday", 400, "start", "yesterday"),
        ("instrument=rb2405.SHFE&interval=5m&end=2024-01-02T01:00:00", 400, "end", "with its zone"),
        ("instrument=rb2405.SHFE&interval=5m&layout=pivot", 400, "layout", "pivot"),
    ],
)
@pytest.mark.parametrize("accept", ["application/json", "text/csv"])
def test_a_wrong_question_is_told_what_is_wrong(
    rb: Instrument, alice: User, api: Client, query: str, status: int, field: str | None, text: str, accept: str
) -> None:
    answer = api(alice).get(f"/api/v1/bars/?{query}", HTTP_ACCEPT=accept)
    assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json")
    body = answer.json()
    assert text in body["detail"]
    assert list(body["fields"]) == ([field] if field else [])


def test_made_up_bars_say_so(alice: User, api: Client) -> None:
    store_simulated_bars(None, first=date(2024, 1, 2), last=date(2024, 1, 5), seed=7)
    body = api(alice).get("/api/v1/bars/?instrument=simrb88.SIM&interval=5m").json()
    assert body["simulated"] is True
    assert len(body["results"]) == 45 + 3 * 69


def test_bars_cost_as_many_queries_as_one_bar(rb: Instrument, alice: User, api: Client) -> None:
    client = api(alice)
    with CaptureQueriesContext(connection) as one:
        client.get(f"{BARS}&limit=1")
    with CaptureQueriesContext(connection) as many:
        client.get(BARS)
    assert len(one) == len(many)
