"""What sessions tell people as alarms: once, in time, and cleared when it is over."""

from collections.abc import Callable
from datetime import datetime

import pytest
from django.db import OperationalError

from accounts import alarms
from accounts.models import Alarm
from marketdata.ctp.alarms import TELLINGS, SessionAlarms
from marketdata.ctp.hours import TradingHours
from marketdata.ctp.settings import Trouble
from marketdata.domain.ctp.session import SessionState
from marketdata.tests.ctp.played import Trader
from quantsite.common.times import SHANGHAI, utc_to_ns
from quantsite.testing.ctp.front import Front

pytestmark = pytest.mark.django_db

NAME = "td ONE"
S = SessionState


def opened() -> dict[str, int]:
    """Open alarms with how often each was raised."""
    return dict(Alarm.objects.open().filter(subject=NAME).values_list("code", "count"))


def test_every_trouble_has_its_sentence_and_its_kind() -> None:
    assert set(TELLINGS) == set(Trouble)
    assert {trouble.value for trouble in Trouble} <= set(alarms.KINDS)


def test_a_front_that_breaks_every_two_seconds_is_one_alarm(front: Front, trader: Callable[..., Trader]) -> None:
    owner = trader(watch=SessionAlarms(NAME), connect_seconds=30).get_ready()
    front.listen(False)
    front.lose()
    for _ in range(60):
        front.lose_unconnected()
        owner.pass_by(2)
    assert opened() in ({"ctp_unreachable": 1}, {"ctp_unreachable": 2})  # again once it is known what is found there
    told = Alarm.objects.open().get(subject=NAME)
    assert "tcp://127.0.0.1:41205" in told.values["fronts"]
    front.listen()
    owner.get_ready()
    owner.pass_by(2)
    assert opened() == {}


def test_a_refused_login_is_one_alarm_until_a_login_succeeds(front: Front, trader: Callable[..., Trader]) -> None:
    front.on("ReqUserLogin", "refuse", code=3, times=2)
    owner = trader(watch=SessionAlarms(NAME))
    owner.until(lambda: owner.session.state is S.REFUSED)
    owner.pass_by(60, step=2)
    assert opened() == {"ctp_refused": 1}
    owner.session.resume()
    owner.until(lambda: owner.session.state is S.REFUSED)
    owner.pass_by(2)
    assert opened() == {"ctp_refused": 2}
    owner.session.resume()
    owner.get_ready()
    owner.pass_by(2)
    assert opened() == {}


def test_what_lasts_a_moment_is_no_alarm() -> None:
    kept = SessionAlarms(NAME)
    trouble = {Trouble.NOT_READY: {"step": "ReqUserLogin", "reason": "error 7"}}
    for now in range(0, 180, 10):
        kept.show(S.CONNECTED, trouble, now)
    assert opened() == {}
    kept.show(S.CONNECTED, trouble, 180)
    kept.show(S.CONNECTED, trouble, 190)
    assert opened() == {"ctp_not_ready": 1}
    kept.show(S.CONNECTED, {}, 200)
    assert opened() == {"ctp_not_ready": 1}  # nothing is over before the session is through
    kept.show(S.READY, {}, 210)
    assert opened() == {}


def test_the_alarm_of_a_process_before_is_cleared_by_the_next_one_that_gets_through() -> None:
    SessionAlarms(NAME).show(S.LOST, {Trouble.UNREACHABLE: {"fronts": "a", "seconds": 30, "found": ""}}, 0)
    after = SessionAlarms(NAME)
    after.show(S.CONNECTING, {}, 0)
    assert opened() == {"ctp_unreachable": 1}
    after.show(S.READY, {}, 1)
    assert opened() == {}


def test_a_database_that_is_away_is_told_later(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = SessionAlarms(NAME)
    trouble = {Trouble.CALLBACK_FAILED: {"callback": "OnRtnOrder", "error": "ValueError: x"}}

    def away(*_: object) -> None:
        raise OperationalError("away")

    with monkeypatch.context() as patched:
        patched.setattr("marketdata.ctp.alarms.raise_alarm", away)
        kept.show(S.READY, trouble, 0)
        kept.show(S.READY, trouble, 1)
    kept.show(S.READY, trouble, 10)
    assert opened() == {"ctp_callback_failed": 1}


def instant(text: str) -> int:
    return utc_to_ns(datetime.strptime(text, "%Y-%m-%d %H:%M").replace(tzinfo=SHANGHAI))


def test_the_hours_are_those_of_the_products_and_the_calendar() -> None:
    hours = TradingHours()
    moments = {
        "2026-11-20 20:30": False,  # a Friday
        "2026-11-20 20:45": True,
        "2026-11-21 02:15": True,
        "2026-11-21 12:00": False,
        "2026-11-23 12:15": True,
        "2026-11-23 17:00": False,
    }
    assert {moment: hours(instant(moment)) for moment in moments} == moments


def test_beyond_the_calendar_a_connection_is_wanted_at_any_time() -> None:
    assert TradingHours()(instant("2055-01-01 03:00"))
