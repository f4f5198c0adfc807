"""Small rules of the way to a front: pace, back-off, errors, statements, and when a connection is wanted."""

from datetime import date, datetime

import pytest

from marketdata.domain.ctp.backoff import Backoff
from marketdata.domain.ctp.errors import (
    PERSON_NEEDED,
    TEMPORARY,
    TEXTS,
    ErrorKind,
    Refusal,
    kind_of,
    login_kind,
    refusal_text,
)
from marketdata.domain.ctp.hours import should_connect, wanted
from marketdata.domain.ctp.login import LoginTerms
from marketdata.domain.ctp.pace import Pace
from marketdata.domain.ctp.statement import statement_text
from marketdata.domain.hours import SessionHours, parse_spans
from quantsite.common.times import SHANGHAI, utc_to_ns


def test_orders_leave_room_for_cancels() -> None:
    pace = Pace(limit=5, reserved=2)
    assert [pace.take(0.0, cancel=False) for _ in range(5)] == [True, True, True, False, False]
    assert [pace.take(0.1, cancel=True) for _ in range(3)] == [True, True, False]
    assert not pace.take(0.99, cancel=True)
    assert [pace.take(1.0, cancel=False) for _ in range(2)] == [True, False]  # the two cancels still count


def test_a_front_may_allow_less_than_we_would_send() -> None:
    pace = Pace(limit=10, reserved=3)
    pace.allow(2)
    assert [pace.take(0.0, cancel=False), pace.take(0.0, cancel=False), pace.take(0.0, cancel=True)] == [
        True,
        False,
        True,
    ]
    with pytest.raises(ValueError, match="at least one"):
        Pace(limit=0, reserved=0)


def test_waits_double_up_to_the_longest_and_begin_again_after_a_success() -> None:
    backoff = Backoff(2, 10)
    assert [backoff.failed() for _ in range(4)] == [2, 4, 8, 10]
    backoff.succeeded()
    assert backoff.failed() == 2


@pytest.mark.parametrize("code", [3, 63, 75, 131, 140, 141])
def test_some_refusals_need_a_person(code: int) -> None:
    assert kind_of(code) is login_kind(code) is ErrorKind.PERSON


@pytest.mark.parametrize("code", [7, 90])
def test_some_pass_by_themselves(code: int) -> None:
    assert kind_of(code) is login_kind(code) is ErrorKind.TEMPORARY


def test_an_unknown_refusal_of_a_login_needs_a_person_and_elsewhere_it_does_not() -> None:
    assert (kind_of(-1), login_kind(-1)) == (ErrorKind.OTHER, ErrorKind.PERSON)
    assert not PERSON_NEEDED & TEMPORARY
    assert set(TEXTS) >= PERSON_NEEDED | TEMPORARY


def test_a_refusal_is_told_with_its_number_its_meaning_and_the_fronts_words() -> None:
    assert str(refusal_text(Refusal(31, "CTP:资金不足"))) == "error 31: The money does not suffice. (CTP:资金不足)"
    assert str(refusal_text(Refusal(-1, "broken"))) == "error -1: broken"


def test_no_secret_is_shown_of_a_login() -> None:
    shown = repr(LoginTerms(broker="9999", user="1", fronts=(), password="hidden", app_id="a", auth_code="code123"))
    assert "hidden" not in shown
    assert "code123" not in shown


def test_a_statement_is_joined_by_its_numbers_across_a_cut_letter() -> None:
    whole = "交易结算单\n合计"
    coded = whole.encode("gb18030")
    pieces = [coded[:3], coded[3:7], coded[7:]]
    rows = [
        {"SequenceNo": number, "Content": piece.decode("gb18030", "surrogateescape")}
        for number, piece in enumerate(pieces)
    ]
    assert statement_text(rows[::-1]) == whole
    assert statement_text([]) == ""


REBAR = SessionHours(parse_spans("21:00-23:00"), parse_spans("09:00-10:15 10:30-11:30 13:30-15:00"))
GOLD = SessionHours(parse_spans("21:00-02:30"), parse_spans("09:00-10:15 10:30-11:30 13:30-15:00"))
BONDS = SessionHours((), parse_spans("09:30-11:30 13:00-15:15"))
FRIDAY, MONDAY = date(2026, 11, 20), date(2026, 11, 23)


def instant(text: str) -> int:
    return utc_to_ns(datetime.strptime(text, "%Y-%m-%d %H:%M").replace(tzinfo=SHANGHAI))


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-11-20 18:00", False),
        ("2026-11-20 20:39", False),
        ("2026-11-20 20:40", True),  # before the night session, which is Monday's
        ("2026-11-21 02:29", True),
        ("2026-11-21 03:09", True),
        ("2026-11-21 03:10", False),  # after the last night session, some time for what is still told
        ("2026-11-22 12:00", False),
        ("2026-11-23 08:39", False),
        ("2026-11-23 08:40", True),
        ("2026-11-23 10:20", True),
        ("2026-11-23 12:15", True),  # noon is a break, no end
        ("2026-11-23 15:54", True),  # bonds end at 15:15
        ("2026-11-23 15:55", False),
    ],
)
def test_a_connection_is_wanted_around_sessions_and_through_their_breaks(moment: str, expected: bool) -> None:
    stretches = wanted(MONDAY, FRIDAY, [REBAR, GOLD, BONDS])
    assert len(stretches) == 2
    assert should_connect(stretches, instant(moment)) is expected


def test_without_a_night_session_there_is_one_stretch() -> None:
    assert len(wanted(MONDAY, FRIDAY, [BONDS])) == 1
    assert wanted(MONDAY, FRIDAY, []) == ()
