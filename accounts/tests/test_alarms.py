"""Alarms: one open row for each code and subject, whoever raises it and however often."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection, transaction
from django.utils import timezone, translation

from accounts import alarms, services
from accounts.models import Alarm, AuditEntry, User
from quantsite.common.errors import ConflictError, RefusedError
from quantsite.common.texts import kept
from quantsite.testing.patience import SOON


@pytest.mark.embedded
@pytest.mark.django_db
def test_a_repeat_is_counted_and_renews_text_and_time() -> None:
    first = alarms.raise_alarm("calendar_end", "SHFE", "60 days left", "warning")
    second = alarms.raise_alarm("calendar_end", "SHFE", "59 days left", "warning")
    other = alarms.raise_alarm("calendar_end", "DCE", "60 days left", "warning")
    assert (second.pk, second.count, second.text) == (first.pk, 2, "59 days left")
    assert second.last_at >= second.first_at == first.first_at
    assert other.pk != first.pk


@pytest.mark.django_db
def test_a_cleared_alarm_opens_anew() -> None:
    first = alarms.raise_alarm("feed_stale", "ctp", "no tick", "critical")
    assert alarms.clear_alarm("feed_stale", "ctp")
    assert not alarms.clear_alarm("feed_stale", "ctp")
    again = alarms.raise_alarm("feed_stale", "ctp", "no tick", "critical")
    assert again.pk != first.pk
    assert again.count == 1
    assert list(Alarm.objects.open()) == [again]


@pytest.mark.django_db
def test_getting_worse_takes_the_acknowledgement_back_getting_better_changes_nothing(rita: User) -> None:
    alarm = alarms.raise_alarm("margin", "A1", "80 %", "warning")
    services.acknowledge_alarm(rita, alarm, "calling the trader")
    assert alarms.raise_alarm("margin", "A1", "81 %", "info").acknowledged_by == rita
    worse = alarms.raise_alarm("margin", "A1", "95 %", "critical")
    assert (worse.severity, worse.acknowledged_by, worse.acknowledged_at) == ("critical", None, None)


@pytest.mark.django_db
def test_an_unknown_severity_raises_and_opens_nothing() -> None:
    with pytest.raises(ValueError, match="urgent"):
        alarms.raise_alarm("margin", "A1", "80 %", "urgent")
    assert not Alarm.objects.exists()


@pytest.mark.embedded
@pytest.mark.django_db(transaction=True)
def test_concurrent_raises_make_one_row_and_lose_no_count() -> None:
    barrier = Barrier(6)

    def shout() -> None:
        try:
            barrier.wait(SOON)
            for _ in range(5):
                alarms.raise_alarm("feed_stale", "ctp", "no tick", "warning")
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        for done in [pool.submit(shout) for _ in range(6)]:
            done.result()
    assert Alarm.objects.get().count == 30


@pytest.mark.django_db(transaction=True)
def test_an_alarm_raised_inside_a_transaction_survives_another_writers_race() -> None:
    """The insert that loses runs in a savepoint: the caller's transaction goes on."""
    with transaction.atomic():
        alarms.raise_alarm("margin", "A1", "80 %", "warning")
        alarms.raise_alarm("margin", "A1", "81 %", "warning")
    assert Alarm.objects.get().count == 2


@pytest.mark.django_db
def test_acknowledging_needs_the_permission_and_an_alarm_that_nobody_has(rita: User, bob: User) -> None:
    alarm = alarms.raise_alarm("margin", "A1", "80 %", "warning")
    with pytest.raises(RefusedError):
        services.acknowledge_alarm(bob, alarm)
    alarm.refresh_from_db()
    assert alarm.acknowledged_by is None
    assert AuditEntry.objects.get().verb == "refused"
    services.acknowledge_alarm(rita, alarm, "mine")
    with pytest.raises(ConflictError):
        services.acknowledge_alarm(rita, alarm)
    entry = AuditEntry.objects.get(verb="alarm.acknowledge")
    assert (entry.actor_name, entry.after) == ("rita", {"note": "mine"})
    alarms.clear_alarm("margin", "A1")
    other = alarms.raise_alarm("margin", "A1", "80 %", "warning")
    Alarm.objects.filter(pk=other.pk).update(cleared_at=timezone.now())
    with pytest.raises(ConflictError):
        services.acknowledge_alarm(rita, other)


@pytest.mark.django_db
def test_the_list_is_worst_first(rita: User) -> None:
    for code, severity in (("old_info", "info"), ("warn", "warning"), ("crit", "critical"), ("taken", "critical")):
        alarms.raise_alarm(code, "", "text", severity)
    services.acknowledge_alarm(rita, Alarm.objects.get(code="taken"))
    alarms.raise_alarm("gone", "", "text", "critical")
    alarms.clear_alarm("gone", "")
    assert [alarm.code for alarm in Alarm.objects.worst_first()] == ["crit", "warn", "old_info", "taken", "gone"]


@pytest.mark.django_db
def test_open_alarms_are_measured(rita: User) -> None:
    for subject in ("A1", "A2"):
        alarms.raise_alarm("margin", subject, "80 %", "warning")
    services.acknowledge_alarm(rita, alarms.raise_alarm("feed_stale", "ctp", "no tick", "critical"))
    (gauge,) = alarms.open_alarms()
    assert {tuple(sample.labels.values()): sample.value for sample in gauge.samples} == {
        ("margin", "warning", "no"): 2,
        ("feed_stale", "critical", "yes"): 1,
    }


@pytest.mark.django_db
def test_a_sentence_with_values_comes_in_the_language_of_its_reader() -> None:
    text = "The trading calendar ends on %(day)s: add the next year under Trading days."
    alarm = alarms.raise_alarm("calendar_ends", "calendar", text, "warning", {"day": "2026-12-31"})
    plain = alarms.raise_alarm("margin", "A1", "80 % used", "warning")

    assert alarm.shown_text == "The trading calendar ends on 2026-12-31: add the next year under Trading days."
    assert plain.shown_text == "80 % used"
    with translation.override("zh-hans"):
        assert "2026-12-31" in alarm.shown_text
        assert "交易日历" in alarm.shown_text


@pytest.mark.django_db
def test_sentences_within_a_sentence_come_in_the_language_of_the_reader_too() -> None:
    reasons = [kept("%(name)s must be a number, not %(value)r.", name="price", value="x"), kept("Known: none.")]
    told = alarms.raise_alarm("tick_gap", "one", "%(path)s: %(reason)s", "warning", {"path": "a", "reason": reasons})
    told.refresh_from_db()
    assert told.shown_text == "a: price must be a number, not 'x'.; Known: none."
    with translation.override("zh-hans"):
        assert told.shown_text == "a：price 必须是数字，而不是 'x'。; 没有可用的名称。"


@pytest.mark.django_db
def test_a_subject_that_is_a_word_comes_in_the_language_of_its_reader() -> None:
    rows = [alarms.raise_alarm("any", subject, "text", "info") for subject in ("calendar", "run 12", "ctp", "run x")]
    with translation.override("zh-hans"):
        assert [alarms.shown_subject(row) for row in rows] == ["交易日历", "回测 12", "ctp", "run x"]
    assert [row.subject for row in rows] == ["calendar", "run 12", "ctp", "run x"]
