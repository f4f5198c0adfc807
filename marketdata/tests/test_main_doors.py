"""Main contracts by command, at night by themselves, by REST, in the console and on ``/metrics``."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from io import StringIO
from threading import Barrier

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import Alarm, AuditEntry, User
from marketdata.daily_facts import ContractRoll, MainContractDay
from marketdata.instruments import trading_calendar
from marketdata.main_contracts.alarms import MAIN_CONTRACT_LATE, check_main_contracts
from marketdata.main_contracts.metrics import main_contract_metrics
from marketdata.main_contracts.nightly import run_nightly
from marketdata.main_contracts.services import decide_days
from marketdata.main_contracts.state import named
from marketdata.models import Bar, BarCoverage, Product
from marketdata.tasks import decide_main_contracts
from marketdata.tests.made_contracts import AFTERWARDS, FRI, MON, THU, TUE, WED, store_roll

pytestmark = [pytest.mark.django_db, pytest.mark.embedded]

WEEK = ("--start", "2024-03-18", "--end", "2024-03-22")


def run(*words: object) -> tuple[list[str], list[str]]:
    """The lines that a command prints on stdout and stderr."""
    out, err = StringIO(), StringIO()
    call_command(*map(str, words), stdout=out, stderr=err)
    return out.getvalue().splitlines(), err.getvalue().splitlines()


def test_the_command_tells_rolls_and_counts() -> None:
    store_roll()
    out, err = run("decide_main_contracts", "rb.SHFE", *WEEK)
    assert (len(out), err) == (7, [])
    assert out[0].startswith("rb.SHFE 2024-03-19: – -> rb2405.SHFE (the first decision of the product")
    assert out[1] == "2024-03-19 from 2024-03-18: 1 decided, 0 rolled, 0 undecided, 0 decided before"
    why = "more than 1.1 times the open interest, at least 0.5 of the volume"
    assert out[3:5] == [
        f"rb.SHFE 2024-03-21: rb2405.SHFE -> rb2410.SHFE ({why})",
        "2024-03-21 from 2024-03-20: 1 decided, 1 rolled, 0 undecided, 0 decided before",
    ]
    assert ContractRoll.objects.get().new_open == 3_621.0
    out, _err = run("decide_main_contracts", "--day", "2024-03-20")
    assert out == ["2024-03-21 from 2024-03-20: 0 decided, 0 rolled, 0 undecided, 1 decided before"]
    assert run("decide_main_contracts", "--day", "2024-03-23")[0] == ["There is no trading day in these days."]
    Bar.objects.filter(trading_day=FRI).delete()
    MainContractDay.objects.filter(decided_from=FRI).delete()
    _out, err = run("decide_main_contracts", "--day", "2024-03-22")
    assert err == ["rb.SHFE 2024-03-25: no contract has figures of the day"]


def test_the_command_refuses_what_makes_no_sense(alice: User) -> None:
    for words, told in (
        (("rb",), "There is no product 'rb': write it like rb.SHFE"),
        (("--day", "2024-03-18", "--end", "2024-03-19"), "Give --day, or --start and --end"),
        (("--start", "2024-03-19", "--end", "2024-03-18"), "lies after"),
        (("--redecide", "--day", "2024-03-18"), "--redecide needs"),
        (("rb.SHFE", "--redecide", "--day", "2024-03-18", "--user", "alice"), "alice lacks the permission"),
        (("--day", "2199-01-01"), "is not over"),
    ):
        with pytest.raises(CommandError, match=told):
            run("decide_main_contracts", *words)


def test_the_command_builds_and_builds_again() -> None:
    store_roll("30m")
    run("decide_main_contracts", *WEEK)
    words = ("build_continuous", "rb.SHFE", "--interval", "30m", "--end", "2024-03-22")
    out, err = run(*words)
    assert out == [
        "rb88.SHFE 30m: 48 stored, 0 unchanged, 0 replaced",
        "rb99.SHFE 30m: 48 stored, 0 unchanged, 0 replaced",
    ]
    assert err == []
    Bar.objects.filter(instrument__code="rb2410.SHFE", trading_day=FRI).update(high=9_999.0)
    out, err = run(*words)
    assert err[0] == "rb88.SHFE 30m: 12 bars are stored otherwise; --replace overwrites"
    out, err = run(*words, "--replace")
    assert out[0] == "rb88.SHFE 30m: 0 stored, 0 unchanged, 12 replaced"
    out, err = run("build_continuous", "hc.SHFE", "--interval", "5m")
    assert err == ["hc88.SHFE 5m: nothing to build from", "hc99.SHFE 5m: nothing to build from"]


def test_a_machine_that_stood_still_catches_up_at_night() -> None:
    store_roll("1m")
    evening = datetime(2024, 3, 22, 8, 30, tzinfo=UTC)
    done = run_nightly(evening)
    assert [day["decided"] for day in done["days"]] == [1, 1, 1, 1, 1]
    assert sum(day["rolled"] for day in done["days"]) == 1
    assert (done["opens"], done["late"], done["differing"]) == (1, 0, [])
    assert done["bars"] == (345 + 1) * 4 * 2
    again = run_nightly(evening)
    assert (sum(day["decided"] for day in again["days"]), again["bars"], again["opens"]) == (0, 0, 0)
    assert {row.interval: row.bars for row in BarCoverage.objects.filter(instrument__code="rb88.SHFE")} == {
        "1m": 345 * 4,
        "1d": 4,
    }


def test_missing_data_are_an_alarm_until_they_come() -> None:
    store_roll()
    Bar.objects.filter(trading_day__gte=THU).delete()
    decide_days(None, MON, WED, now=AFTERWARDS)
    on_time, late = datetime(2024, 3, 21, 8, 30, tzinfo=UTC), datetime(2024, 3, 21, 10, 5, tzinfo=UTC)
    assert run_nightly(on_time)["late"] == 0
    assert run_nightly(late)["late"] == 1
    alarm = Alarm.objects.open().get(code=MAIN_CONTRACT_LATE)
    assert "rb.SHFE" in str(alarm.values)
    BarCoverage.objects.all().delete()
    Bar.objects.all().delete()
    store_roll()
    assert run_nightly(late)["late"] == 0
    assert not Alarm.objects.open().exists()
    assert check_main_contracts(datetime(2024, 3, 22, 10, 5, tzinfo=UTC)) == 1
    assert named(Product.objects.all()[:10]).endswith(" +2")


def test_the_task_runs_on_an_empty_platform() -> None:
    done = decide_main_contracts()
    assert (done["bars"], done["late"]) == (0, 0)
    assert not AuditEntry.objects.filter(verb="main_contracts.decide").exists()


def test_figures_for_monitoring() -> None:
    assert [metric.name for metric in main_contract_metrics()] == ["quantsite_main_contract_products_late"]
    store_roll()
    decide_days(None, MON, WED, now=AFTERWARDS)
    found = {metric.name: metric.samples for metric in main_contract_metrics()}
    midnight = datetime(2024, 3, 19, 16, 0, tzinfo=UTC)
    assert found["quantsite_main_contract_decided_timestamp_seconds"][0].value == midnight.timestamp()
    assert [(sample.labels, sample.value) for sample in found["quantsite_main_contracts"]] == [
        ({"change": "kept"}, 0),
        ({"change": "rolled"}, 1),
    ]


def test_rest_lists_decisions_with_what_was_seen(alice: User, charlie: User, api: Callable[..., APIClient]) -> None:
    store_roll()
    decide_days(None, MON, FRI, now=AFTERWARDS)
    client = api(alice)
    rows = client.get("/api/v1/main-contracts/?product=rb&exchange=SHFE").json()["results"]
    assert [row["trading_day"] for row in rows][:2] == ["2024-03-25", "2024-03-22"]
    (row,) = client.get("/api/v1/main-contracts/?product=rb&day=2024-03-21").json()["results"]
    assert (row["contract"], row["rolled"], row["rule"]) == ("rb2410.SHFE", True, "open_interest")
    assert (row["product"], row["exchange"], row["decided_from"]) == ("rb", "SHFE", "2024-03-20")
    assert row["reason"]["present"]["open_interest"] == 900.0
    assert client.get("/api/v1/main-contracts/?product=hc").json()["results"] == []
    assert len(client.get("/api/v1/main-contracts/?rolled=true&start=2024-03-20").json()["results"]) == 1
    assert api(charlie).get("/api/v1/main-contracts/").status_code == 403


def test_the_console_shows_decisions_and_changes_none(ada: User, client: Client) -> None:
    store_roll()
    decide_days(None, MON, WED, now=AFTERWARDS)
    client.force_login(ada)
    page = client.get("/admin/marketdata/maincontractday/").content.decode()
    assert "rb2410.SHFE" in page
    assert "more than 1.1 times the open interest" in page
    assert "991" in page
    row = MainContractDay.objects.get(trading_day=TUE)
    change = client.get(f"/admin/marketdata/maincontractday/{row.pk}/change/").content.decode()
    assert 'name="_save"' not in change
    assert client.post(f"/admin/marketdata/maincontractday/{row.pk}/delete/", {"post": "yes"}).status_code == 403
    assert MainContractDay.objects.count() == 3


@pytest.mark.django_db(transaction=True)
def test_two_who_decide_at_once_decide_once() -> None:
    store_roll()
    trading_calendar()
    barrier = Barrier(3)

    def work(_number: int) -> int:
        barrier.wait()
        try:
            return sum(len(report.decided) for report in decide_days(None, MON, FRI, now=AFTERWARDS))
        finally:
            connection.close()

    with ThreadPoolExecutor(3) as pool:
        counts = list(pool.map(work, range(3)))
    assert sum(counts) == MainContractDay.objects.count() == 5
    assert ContractRoll.objects.count() == 1
