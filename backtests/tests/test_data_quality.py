"""What a run says of the data that it rests on: counted right, shown everywhere, and no part of its hash."""

import json
from datetime import date, timedelta
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from backtests.data_quality import SHOWN_DAYS, data_quality_of
from backtests.exports import REPORT
from backtests.models import BacktestRun
from backtests.reports.data_words import data_fact, poor_days
from backtests.reports.notices import Notice, notices
from backtests.requests import RunRequest
from backtests.run_page import run_url
from backtests.run_printer import run_text
from backtests.run_report import bars_of, report_input
from backtests.tests.conftest import FIRST, LAST
from backtests.tests.runs import finished
from marketdata.live_models import DayQuality
from marketdata.models import Bar, Instrument

pytestmark = [pytest.mark.django_db, pytest.mark.embedded]

DAYS = 26
"""Trading days of the simulated bars."""


def judge(instrument: Instrument, day: date, score: float, fault: str = "missing") -> None:
    """Store a judgement."""
    about = {"expected_bars": 69, "bars": 69, "details": {"fault": fault if score < 1 else ""}}
    DayQuality.objects.create(instrument=instrument, interval="5m", trading_day=day, score=score, **about)


def judge_all(instrument: Instrument, *poor: tuple[date, float]) -> None:
    """Every day of the simulated bars is sound but these."""
    days = sorted(set(Bar.objects.filter(instrument=instrument).values_list("trading_day", flat=True)))
    assert len(days) == DAYS
    for day in days:
        judge(instrument, day, dict(poor).get(day, 1.0))


def quality_of(instrument: Instrument) -> dict[str, Any]:
    """The document of a run over all bars."""
    return data_quality_of([instrument], [Bar.objects.series(instrument, "5m")])


def test_days_that_nobody_judged_are_unjudged_not_good(sim: Instrument) -> None:
    found = quality_of(sim)
    assert found == {"days": DAYS, "judged": 0, "unjudged": DAYS, "poor": 0, "poor_below": 0.95, "worst": []}
    assert data_fact(found) == "26 of 26 days were never judged"
    assert poor_days(found) == ""
    assert data_fact({}) == poor_days({}) == ""


def test_poor_days_are_counted_and_the_worst_are_named(sim: Instrument) -> None:
    judge_all(sim, (FIRST, 0.5), (date(2024, 1, 4), 0.94), (date(2024, 1, 5), 0.95))
    DayQuality.objects.filter(trading_day=LAST).delete()
    judge(sim, FIRST - timedelta(days=1), 0.1)
    judge(sim, LAST + timedelta(days=1), 0.1)
    found = quality_of(sim)
    assert {name: found[name] for name in ("days", "judged", "unjudged", "poor")} == {
        "days": DAYS,
        "judged": DAYS - 1,
        "unjudged": 1,
        "poor": 2,
    }
    assert found["worst"][0] == {
        "instrument": sim.code,
        "trading_day": "2024-01-02",
        "interval": "5m",
        "score": 0.5,
        "fault": "missing",
    }
    assert data_fact(found) == "2 of 25 judged days are poor, 1 of 26 days were never judged"
    assert poor_days(found) == (
        "2 of 26 trading days rest on poor data (score below 0.95): "
        "2024-01-02 simrb88.SIM 0.50 missing bars, 2024-01-04 simrb88.SIM 0.94 missing bars."
    )


def test_a_judged_day_without_bars_is_a_day_of_the_run(sim: Instrument) -> None:
    Bar.objects.filter(instrument=sim, trading_day=date(2024, 1, 4)).delete()
    judge(sim, date(2024, 1, 4), 0.0)
    found = quality_of(sim)
    assert (found["days"], found["judged"], found["poor"]) == (DAYS, 1, 1)


def test_only_the_worst_are_named_of_many_and_all_legs_count(sim: Instrument) -> None:
    judge_all(sim, *((FIRST + timedelta(days=number), 0.1 * number) for number in range(1, 5)))
    bars = Bar.objects.series(sim, "5m")
    found = data_quality_of([sim, sim], [bars, bars])
    assert (found["days"], found["poor"], len(found["worst"])) == (2 * DAYS, 6, SHOWN_DAYS)
    assert poor_days(found).endswith(", ….")


def test_one_query_an_instrument_and_one_for_the_poor(sim: Instrument, django_assert_num_queries: Any) -> None:
    bars = Bar.objects.series(sim, "5m")
    judge_all(sim)
    with django_assert_num_queries(2):
        data_quality_of([sim, sim], [bars, bars])
    DayQuality.objects.filter(trading_day=FIRST).update(score=0.5)
    with django_assert_num_queries(3):
        data_quality_of([sim, sim], [bars, bars])


@pytest.fixture
def run(sim: Instrument, alice: User, asked: RunRequest) -> BacktestRun:
    """A run one day of which was judged to be poor, the others sound."""
    judge_all(sim, (date(2024, 1, 4), 0.5))
    return finished(alice, asked)


def test_quality_is_kept_and_is_no_part_of_the_result(
    run: BacktestRun, sim: Instrument, alice: User, asked: RunRequest
) -> None:
    assert (run.data_quality["poor"], run.data_quality["unjudged"]) == (1, 0)
    DayQuality.objects.all().delete()
    again = finished(alice, asked)
    assert again.data_quality["unjudged"] == DAYS
    assert again.result_hash == run.result_hash
    run.refresh_from_db()
    assert run.data_quality["poor"] == 1, "what was known then stays"


def test_page_report_json_and_terminal_say_it(run: BacktestRun, alice: User, client: Client) -> None:
    sentence = poor_days(run.data_quality)
    shown = report_input(run, bars_of(run))
    assert Notice("warning", sentence) in notices(shown)
    client.force_login(alice)
    page = client.get(run_url("change", run.pk)).content.decode()
    assert sentence in page
    assert "1 of 26 judged days are poor" in page
    link = "/admin/marketdata/dayquality/?instrument=simrb88.SIM&amp;year=2024&amp;interval=5m"
    assert link in page
    report = REPORT.make(run, "html").body.decode()
    assert sentence in report
    assert "1 of 26 judged days are poor" in report
    assert json.loads(REPORT.make(run, "json").body)["data_quality"] == run.data_quality
    assert len(REPORT.make(run, "pdf").body) > len(b"%PDF")
    assert "1 of 26 judged days are poor" in run_text(run, colour=False)


def test_a_run_from_before_has_nothing_to_say(run: BacktestRun, alice: User, client: Client, api: Any) -> None:
    assert api(alice).get(f"/api/v1/backtests/{run.pk}/").json()["data_quality"]["poor"] == 1
    BacktestRun.objects.update(data_quality={})
    run.refresh_from_db()
    client.force_login(alice)
    assert "poor data" not in client.get(run_url("change", run.pk)).content.decode()
    assert json.loads(REPORT.make(run, "json").body)["data_quality"] is None
    assert api(alice).get(f"/api/v1/backtests/{run.pk}/").json()["data_quality"] is None
