"""The quality of days by command, REST, in the console and on ``/metrics``."""

from collections.abc import Callable
from datetime import date, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone, translation
from rest_framework.test import APIClient

from accounts.models import User
from marketdata.daily_facts import MainContractDay
from marketdata.live_models import DayQuality
from marketdata.models import BarCoverage, Instrument
from marketdata.quality.metrics import quality_metrics
from marketdata.quality.services import check_quality
from marketdata.tests.quality_rows import FIRST, LAST, SPOILT, stored_series, take_away

pytestmark = [pytest.mark.django_db, pytest.mark.embedded]

LIST = "/admin/marketdata/dayquality/"


@pytest.fixture
def judged(db: None) -> Instrument:
    """Ten judged days, ten bars missing on one of them."""
    instrument = stored_series()
    take_away(instrument, SPOILT, *range(10))
    check_quality(None, instrument.code)
    return instrument


def test_the_command_prints_the_worst_days(judged: Instrument, alice: User) -> None:
    out = StringIO()
    given = ("--instrument", judged.code, "--start", "2024-01-04", "--end", "2024-01-15", "--user", "alice")
    call_command("check_quality", *given, stdout=out)
    head, line, last = out.getvalue().splitlines()
    assert head.split() == ["day", "score", "bars", "missing", "mostly"]
    assert line.split() == ["2024-01-10", "C", "0.855", "59/69", "10", "missing"]
    assert last == "simrb88.SIM 5m: 8 days judged, 1 poor, 7 without a fault"
    with translation.override("zh-hans"):
        call_command("check_quality", *given, stdout=out)
    assert out.getvalue().splitlines()[-1] == "simrb88.SIM 5m：已评定 8 天，其中低质量 1 天，无问题 7 天"


def test_the_command_refuses_in_one_sentence(judged: Instrument, bob: User) -> None:
    with pytest.raises(CommandError, match="lacks the permission"):
        call_command("check_quality", "--instrument", judged.code, "--user", "bob")
    with pytest.raises(CommandError, match="There is no instrument"):
        call_command("check_quality", "--instrument", "rb9912.SHFE")


def test_rest_lists_days_with_their_faults(judged: Instrument, alice: User, api: Callable[..., APIClient]) -> None:
    client = api(alice)
    rows = client.get(f"/api/v1/data-quality/?instrument={judged.code}").json()["results"]
    assert [row["trading_day"] for row in rows][:2] == ["2024-01-15", "2024-01-12"]
    (poor,) = client.get("/api/v1/data-quality/?below=0.95").json()["results"]
    assert {name: poor[name] for name in ("instrument", "interval", "grade", "fault", "missing", "bars")} == {
        "instrument": judged.code,
        "interval": "5m",
        "grade": "C",
        "fault": "missing",
        "missing": 10,
        "bars": 59,
    }
    assert poor["faults"]["missing"]["examples"][0] == {"time": "2024-01-09T13:00:00Z"}
    assert len(client.get("/api/v1/data-quality/?start=2024-01-12&end=2024-01-15").json()["results"]) == 2
    assert client.get("/api/v1/data-quality/?interval=1m").json()["results"] == []


def test_the_console_lists_instruments_by_their_worst_day(judged: Instrument, rita: User, client: Client) -> None:
    client.force_login(rita)
    page = client.get(LIST).content.decode()
    assert judged.code in page
    assert "2024-01-10" in page
    assert "0.855" in page
    assert page.count('<i class="dq-') == 10


def test_the_calendar_has_a_cell_for_every_weekday(judged: Instrument, rita: User, client: Client) -> None:
    DayQuality.objects.filter(trading_day=FIRST).delete()
    client.force_login(rita)
    page = client.get(f"{LIST}?instrument={judged.code}&year=2024").content.decode()
    assert page.count("dq-day ") == 262
    assert page.count('<a class="dq-day dq-A') == 8
    assert 'aria-label="2024-01-10: C 0.855, missing bars 10"' in page
    assert page.count("dq-day dq-unjudged") == 1
    row = DayQuality.objects.get(trading_day=SPOILT)
    assert f"{LIST}{row.pk}/change/" in page


@pytest.mark.parametrize("query", ["instrument=rb9912.SHFE", "instrument={code}&year=1999", "instrument={code}&year=x"])
def test_what_is_not_there_is_not_found(judged: Instrument, rita: User, client: Client, query: str) -> None:
    client.force_login(rita)
    assert client.get(f"{LIST}?{query.format(code=judged.code)}").status_code == 404


def test_an_instrument_that_was_not_judged_is_not_found(judged: Instrument, rita: User, client: Client) -> None:
    DayQuality.objects.all().delete()
    client.force_login(rita)
    assert client.get(f"{LIST}?instrument={judged.code}").status_code == 404


def test_the_page_of_a_day_shows_faults_and_its_bars(judged: Instrument, rita: User, client: Client) -> None:
    client.force_login(rita)
    row = DayQuality.objects.get(trading_day=SPOILT)
    page = client.get(f"{LIST}{row.pk}/change/").content.decode()
    assert "2024-01-09 21:00:00" in page
    assert "21:00–21:50 · 10 · missing bars" in page
    assert "costs 0.145 (weight 1)" in page
    assert 'rel="prev"' in page
    assert 'rel="next"' in page
    assert 'name="_save"' not in page
    BarCoverage.objects.all().delete()
    assert client.get(f"{LIST}{row.pk}/change/").status_code == 200
    assert client.get(f"{LIST}999999/change/").status_code == 404


def test_a_sound_day_says_so(judged: Instrument, rita: User, client: Client) -> None:
    client.force_login(rita)
    row = DayQuality.objects.get(trading_day=LAST)
    assert "Nothing is wrong with this day." in client.get(f"{LIST}{row.pk}/change/").content.decode()


def test_before_the_first_day_is_judged_the_page_says_how(rita: User, client: Client) -> None:
    client.force_login(rita)
    assert "manage.py check_quality" in client.get(LIST).content.decode()


def test_the_page_asks_the_database_as_often_for_many_days_as_for_few(
    judged: Instrument, rita: User, client: Client, django_assert_max_num_queries: Callable[..., object]
) -> None:
    client.force_login(rita)
    for address in (LIST, f"{LIST}?instrument={judged.code}"):
        with django_assert_max_num_queries(20):  # type: ignore[attr-defined]
            assert client.get(address).status_code == 200


def figures() -> dict[tuple[str, ...], float]:
    """Name and labels -> value."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for metric in quality_metrics()
        for sample in metric.samples
    }


def test_metrics_tell_of_judged_days_and_of_the_newest(judged: Instrument) -> None:
    assert figures() == {
        ("quantsite_data_quality_days", "sound"): 9,
        ("quantsite_data_quality_days", "poor"): 1,
        ("quantsite_data_quality_instruments",): 0,
    }
    day = timezone.localdate() - timedelta(days=1)

    def add(on: date, score: float) -> None:
        DayQuality.objects.create(
            instrument=judged, interval="1m", trading_day=on, score=score, expected_bars=1, bars=1, details={}
        )

    add(day, 0.5)
    add(day - timedelta(days=1), 0.1)
    told = figures()
    assert told[("quantsite_data_quality_worst_score", "all")] == 0.5
    assert ("quantsite_data_quality_worst_score", "main") not in told
    assert told[("quantsite_data_quality_instruments",)] == 1
    MainContractDay.objects.create(product=judged.product, trading_day=day, instrument=judged, rule="made")
    assert figures()[("quantsite_data_quality_worst_score", "main")] == 0.5
