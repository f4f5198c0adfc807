"""REST of recorded ticks: who sees them, pages, forms, archived ticks along with rows, clear refusals."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from marketdata.domain.calendar import from_day_number
from marketdata.domain.tick_series import TickSeries
from marketdata.instruments import ensure_instrument
from marketdata.models import Instrument
from marketdata.tests.made_ticks import DAY, ticks
from marketdata.ticks.archive import archive_before
from marketdata.ticks.imports import TickImportOptions, import_ticks
from marketdata.ticks.metrics import archive_metrics
from marketdata.ticks.models import Tick
from marketdata.ticks.store import insert_ticks

pytestmark = [pytest.mark.django_db, pytest.mark.embedded]

Client = Callable[..., APIClient]
CODE = "rb2405.SHFE"
FIRST = from_day_number(DAY + 1)
TICKS = f"/api/v1/ticks/?instrument={CODE}"


@pytest.fixture
def rb(settings: Any, tmp_path: Path) -> Instrument:
    """Ten ticks of an archived day, ten of the day after that are rows."""
    settings.TICK_DIR = tmp_path / "ticks"
    instrument = ensure_instrument(CODE, FIRST)
    made = [*ticks(CODE, 1, 10), *ticks(CODE, 1, 10, day=DAY + 2)]
    insert_ticks({instrument: TickSeries.of(CODE, made)})
    archive_before(FIRST + timedelta(days=1))
    return instrument


def test_every_role_reads_and_nobody_else(rb: Instrument, api: Client, request: pytest.FixtureRequest) -> None:
    for name in ("alice", "bob", "rita", "ada"):
        assert api(request.getfixturevalue(name)).get(TICKS).status_code == 200, name
    assert api(request.getfixturevalue("charlie")).get(TICKS).status_code == 403
    assert api().get(TICKS).status_code == 401
    assert api(request.getfixturevalue("ada")).post(TICKS, {}).status_code == 405


def test_ticks_in_json(rb: Instrument, alice: User, api: Client) -> None:
    body = api(alice).get(TICKS).json()
    assert (body["instrument"], body["simulated"], body["next"], len(body["results"])) == (CODE, False, None, 20)
    first = body["results"][0]
    assert (first["time"], first["trading_day"], first["seq"]) == ("2024-01-02T01:00:00.500Z", "2024-01-02", 1)
    assert (first["received"], first["last"], first["volume"]) == ("2024-01-02T01:00:00.501234Z", 4001.0, 2)
    assert (body["results"][2]["ask_price"], first["settlement"], first["flags"]) == (None, None, 0)
    columns = api(alice).get(f"{TICKS}&layout=columns").json()["columns"]
    assert set(columns) == set(first)
    assert columns["seq"] == [row["seq"] for row in body["results"]]


def test_pages_lead_back_over_rows_and_files(rb: Instrument, alice: User, api: Client) -> None:
    client, address = api(alice), f"{TICKS}&limit=7"
    seen: list[tuple[str, int]] = []
    while address:
        answer = client.get(address)
        body = answer.json()
        seen[:0] = [(row["trading_day"], row["seq"]) for row in body["results"]]
        assert ("Link" in answer) == (body["next"] is not None)
        address = body["next"]
    assert seen == [(day, seq) for day in ("2024-01-02", "2024-01-03") for seq in range(1, 11)]


def test_a_range_is_cut_by_days_and_by_instants(rb: Instrument, alice: User, api: Client) -> None:
    client = api(alice)

    def seqs(query: str) -> list[int]:
        return [row["seq"] for row in client.get(f"{TICKS}&{query}").json()["results"]]

    assert seqs("end=2024-01-02") == list(range(1, 11))
    assert seqs("start=2024-01-02T01:00:02Z&end=2024-01-02T01:00:03Z") == [4, 5]
    assert seqs("before=2024-01-02:4") == [1, 2, 3]
    assert seqs("before=2024-01-03:2&start=2024-01-03") == [1]


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_files_can_be_imported_again(rb: Instrument, alice: User, api: Client, tmp_path: Path, form: str) -> None:
    want = Tick.objects.series(rb).checksum()
    answer = api(alice).get(f"{TICKS}&format={form}")
    path = tmp_path / f"back.{form}"
    path.write_bytes(answer.content)
    (done,) = import_ticks(None, path, TickImportOptions())
    assert (done.stored, done.unchanged) == (0, 20)
    (done,) = import_ticks(None, path, TickImportOptions(replace=True))
    assert Tick.objects.series(rb).checksum() == want


@pytest.mark.parametrize(
    ("query", "status", "field"),
    [
        ("", 400, "instrument"),
        ("instrument=rb9901.SHFE", 404, None),
        (f"instrument={CODE}&limit=0", 400, "limit"),
        (f"instrument={CODE}&limit={'9' * 5_000}", 400, "limit"),  # int() itself refuses so many digits
        ("instrument=rb2405.SHFE%00", 404, None),
        (f"instrument={CODE}&start=0001-01-01T00:00:00%2B14:00", 400, "start"),
        (f"instrument={CODE}&end=9999-12-31T23:59:59-14:00", 400, "end"),
        (f"instrument={CODE}&layout=table", 400, "layout"),
        (f"instrument={CODE}&start=yesterday", 400, "start"),
        (f"instrument={CODE}&before=2024-01-02", 400, "before"),
        (f"instrument={CODE}&before=soon:1", 400, "before"),
    ],
)
def test_what_is_asked_wrongly_is_refused_by_name(
    rb: Instrument, alice: User, api: Client, query: str, status: int, field: str | None
) -> None:
    answer = api(alice).get(f"/api/v1/ticks/?{query}")
    assert answer.status_code == status
    assert list(answer.json().get("fields") or [None]) == [field]


def test_metrics_tell_files_and_the_oldest_day_in_the_database(rb: Instrument, settings: Any) -> None:
    settings.TICK_DAYS = (timezone.localdate() - FIRST).days - 6
    told = {metric.name: metric.samples[0].value for metric in archive_metrics()}
    assert (told["quantsite_tick_archive_files"], told["quantsite_tick_archive_ticks"]) == (1, 10)
    assert told["quantsite_tick_archive_bytes"] > 1_000
    assert told["quantsite_oldest_tick_timestamp_seconds"] == (DAY + 2) * 86_400 - 8 * 3_600
    assert told["quantsite_oldest_tick_overdue_days"] == 5


def test_the_console_lists_the_files(rb: Instrument, alice: User, client: Any) -> None:
    client.force_login(alice)
    page = client.get("/admin/marketdata/tickfile/").content.decode()
    assert "SHFE/rb2405/20240102.parquet" in page
