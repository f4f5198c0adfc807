"""Judging stored days: the verb, the task, what is judged again and what not, the alarm."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from celery import current_app

from accounts.models import Alarm, AuditEntry, User
from marketdata.daily_facts import DailySettlement, MainContractDay
from marketdata.domain.calendar import to_day_number
from marketdata.domain.tick_series import TickSeries
from marketdata.domain.ticks import BACKWARD
from marketdata.live_models import BarNote, DayQuality, TickGap
from marketdata.models import BarCoverage, BarImport, Instrument, ProductSession
from marketdata.quality.alarms import DATA_POOR
from marketdata.quality.rows import RULES, faults_of, judged_days
from marketdata.quality.services import check_changed, check_quality, last_finished
from marketdata.schedule import BEAT_SCHEDULE
from marketdata.services import BarImportOptions, import_bars
from marketdata.tasks import check_quality_of_days
from marketdata.tests.bar_csv import SOUND, write_bars
from marketdata.tests.made_ticks import tick
from marketdata.tests.quality_rows import FIRST, LAST, SPOILT, bars_on, put_back, stored_series, take_away
from marketdata.ticks.store import insert_ticks
from quantsite.common.errors import MissingError, RefusedError, RuleError
from quantsite.common.times import NS_PER_SECOND, ns_to_utc

pytestmark = [pytest.mark.django_db, pytest.mark.embedded]

AFTERWARDS = datetime(2024, 1, 15, 9, 0, tzinfo=UTC)
"""17:00 in Shanghai on the last of the days."""
DAYS = 10


@pytest.fixture
def sim(db: None) -> Instrument:
    """Ten trading days without a fault."""
    return stored_series()


def contents() -> list[dict[str, Any]]:
    """All rows but when they were computed."""
    return [
        {name: value for name, value in row.items() if name != "computed_at"}
        for row in DayQuality.objects.order_by("pk").values()
    ]


def row_of(day: date = SPOILT) -> DayQuality:
    """The row of a day."""
    return DayQuality.objects.get(trading_day=day)


def test_days_are_judged_once_and_again_to_the_same_rows(sim: Instrument, alice: User) -> None:
    gone = take_away(sim, SPOILT, 3, 4)
    outcome = check_quality(alice, sim.code)
    assert (len(outcome.rows), outcome.poor, outcome.interval) == (DAYS, 0, "5m")
    row = row_of()
    assert (row.bars, row.expected_bars, row.missing, row.details["fault"]) == (67, 69, 2, "missing")
    assert row.score == pytest.approx(1 - 2 / 69)
    told = [example["time"] for example in row.details["faults"]["missing"]["examples"]]
    assert told == [ns_to_utc(start).strftime("%Y-%m-%dT%H:%M:%SZ") for start in gone.start.tolist()]
    assert set(DayQuality.objects.exclude(trading_day=SPOILT).values_list("score", flat=True)) == {1.0}
    entry = AuditEntry.objects.filter(verb="quality.check").get()
    assert entry.after == {"interval": "5m", "days": 10, "poor": 0, "first": "2024-01-02", "last": "2024-01-15"}
    before = contents()
    check_quality(alice, sim.code)
    assert contents() == before


def test_a_part_of_the_days_and_another_interval(sim: Instrument) -> None:
    assert [row.trading_day for row in check_quality(None, sim.code, SPOILT, SPOILT, "5m").rows] == [SPOILT]
    assert check_quality(None, sim.code, LAST + timedelta(days=1)).rows == []
    with pytest.raises(MissingError, match="no bars of 1m"):
        check_quality(None, sim.code, interval="1m")
    with pytest.raises(RuleError, match="comes after"):
        check_quality(None, sim.code, LAST, FIRST)
    with pytest.raises(MissingError, match="Did you mean"):
        check_quality(None, "simrb99.SIM")


def test_who_may_not_is_refused_and_nothing_is_stored(sim: Instrument, bob: User) -> None:
    with pytest.raises(RefusedError):
        check_quality(bob, sim.code)
    assert not DayQuality.objects.exists()
    assert AuditEntry.objects.filter(verb="refused", actor_name="bob").count() == 1


def test_limits_notes_gaps_and_ticks_are_taken_from_their_rows(sim: Instrument) -> None:
    bars = bars_on(sim, SPOILT)
    low, high = float(bars.low.min()), float(bars.high.max())
    limits = {"upper_limit": high - 1, "lower_limit": low}
    DailySettlement.objects.create(instrument=sim, trading_day=SPOILT, settlement_price=low, **limits)
    BarNote.objects.create(instrument=sim, interval="5m", start=ns_to_utc(int(bars.start[0])))
    TickGap.objects.create(instrument=sim, trading_day=SPOILT, source="made", first_seq=4, last_seq=6)
    about: dict[str, Any] = {"day": to_day_number(SPOILT), "ask_price": 4001.0, "upper_limit": high - 1}
    ticks = [
        tick(sim.code, seq, time=int(start) + NS_PER_SECOND, received=int(start) + NS_PER_SECOND, **about)
        for seq, start in enumerate(bars.start.tolist(), start=1)
    ]
    series = TickSeries.of(sim.code, ticks)
    series.flags[7] = BACKWARD
    series.bid_price[9] = 4002.0
    insert_ticks({sim: series})
    check_quality(None, sim.code, SPOILT, SPOILT)
    row = row_of()
    assert row.outside_limits >= int((bars.high >= high).sum()) > 0
    assert (row.partial, row.missing_ticks, row.ticks, row.crossed, row.backward) == (1, 3, len(bars), 1, 1)
    assert (row.clock_skew_ms, row.details["skew_p99_ms"]) == (0.0, 0.0)


def test_the_task_judges_what_is_new_or_has_changed_and_nothing_else(sim: Instrument) -> None:
    assert [len(outcome.rows) for outcome in check_changed(AFTERWARDS)] == [DAYS]
    assert check_changed(AFTERWARDS) == []
    take_away(sim, SPOILT, 0)
    (again,) = check_changed(AFTERWARDS)
    assert [row.trading_day for row in again.rows] == [SPOILT, LAST]
    assert (row_of().missing, row_of(LAST).details["revision"]) == (1, BarCoverage.objects.get().revision)
    assert check_changed(AFTERWARDS) == []


def test_after_an_import_every_day_is_looked_at(sim: Instrument) -> None:
    later = stored_series(first=LAST + timedelta(days=1), last=date(2024, 3, 1))
    check_changed(datetime(2024, 3, 1, 9, tzinfo=UTC))
    take_away(later, FIRST, 0)
    assert FIRST not in {row.trading_day for row in check_changed(datetime(2024, 3, 1, 9, tzinfo=UTC))[0].rows}
    newest = BarImport.objects.first()
    assert newest is not None
    newest.pk = None
    newest.save()
    BarCoverage.objects.update(revision=1_000)
    assert FIRST in {row.trading_day for row in check_changed(datetime(2024, 3, 1, 9, tzinfo=UTC))[0].rows}


def test_new_rules_judge_all_days_again(sim: Instrument) -> None:
    check_changed(AFTERWARDS)
    for row in DayQuality.objects.all():
        row.details |= {"rules": RULES - 1, "data": ""}
        row.save()
    assert [len(outcome.rows) for outcome in check_changed(AFTERWARDS)] == [DAYS]


def test_a_running_day_is_not_judged(sim: Instrument) -> None:
    assert last_finished(datetime(2024, 1, 15, 7, 29, tzinfo=UTC)) == date(2024, 1, 14)
    assert last_finished(datetime(2024, 1, 15, 7, 30, tzinfo=UTC)) == LAST
    check_changed(datetime(2024, 1, 15, 6, 0, tzinfo=UTC))
    assert not DayQuality.objects.filter(trading_day=LAST).exists()
    check_changed(AFTERWARDS)
    assert row_of(LAST).score == 1.0


def test_a_product_without_hours_does_not_keep_others_from_being_judged(sim: Instrument, tmp_path: Path) -> None:
    options = BarImportOptions("end")
    import_bars(None, write_bars(tmp_path / "rb.csv", *SOUND), "rb2405.SHFE", "5m", options)
    ProductSession.objects.filter(product=sim.product).delete()
    assert [outcome.instrument.code for outcome in check_changed(AFTERWARDS)] == ["rb2405.SHFE"]


def test_a_day_without_any_bar_between_others_is_all_missing(sim: Instrument) -> None:
    take_away(sim, SPOILT, *range(69))
    check_quality(None, sim.code)
    assert (row_of().bars, row_of().missing, row_of().score) == (0, 69, 0.0)


def test_rows_of_the_interval_itself_come_before_those_of_another(sim: Instrument) -> None:
    def row(interval: str, day: date, score: float) -> None:
        about = {"expected_bars": 1, "bars": 1, "details": {"fault": interval}}
        DayQuality.objects.create(instrument=sim, interval=interval, trading_day=day, score=score, **about)

    row("1m", FIRST, 0.5)
    row("5m", FIRST, 0.9)
    row("1m", LAST, 0.7)
    row("3m", LAST, 0.6)
    found = judged_days(sim, "5m", FIRST, LAST)
    assert [(day.trading_day, day.interval, day.score) for day in found] == [(FIRST, "5m", 0.9), (LAST, "3m", 0.6)]
    assert faults_of(day.key for day in found) == {found[0].key: "5m", found[1].key: "3m"}


def test_the_alarm_follows_the_newest_day_of_the_main_contract(sim: Instrument) -> None:
    gone = take_away(sim, LAST, *range(10))
    check_changed(AFTERWARDS)
    assert not Alarm.objects.open().exists()
    MainContractDay.objects.create(product=sim.product, trading_day=LAST, instrument=sim, rule="made")
    check_changed(AFTERWARDS)
    alarm = Alarm.objects.open().get()
    assert (alarm.code, alarm.subject, alarm.severity) == (DATA_POOR, sim.code, "warning")
    assert alarm.values == {"instrument": sim.code, "day": "2024-01-15", "score": "0.86"}
    put_back(sim, gone)
    check_changed(AFTERWARDS)
    assert not Alarm.objects.open().exists()


def test_an_old_poor_day_calls_nobody(sim: Instrument) -> None:
    take_away(sim, LAST, *range(10))
    MainContractDay.objects.create(product=sim.product, trading_day=LAST, instrument=sim, rule="made")
    check_changed(AFTERWARDS + timedelta(days=30))
    assert not Alarm.objects.open().exists()


def test_beat_asks_for_it_every_afternoon(sim: Instrument) -> None:
    assert "marketdata.check_quality" in {entry["task"] for entry in BEAT_SCHEDULE.values()} & set(current_app.tasks)
    assert check_quality_of_days() == DAYS
    assert np.all(np.array(DayQuality.objects.values_list("score", flat=True)) == 1.0)
