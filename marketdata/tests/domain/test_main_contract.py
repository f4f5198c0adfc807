"""The rule of the main contract: near ties, new listings, the end of a contract, holidays, and what must never be."""

from dataclasses import replace
from datetime import date
from itertools import pairwise
from math import nan

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketdata.domain.main_contract import (
    ContractDay,
    Decision,
    Ground,
    Obstacle,
    RollRule,
    days_left,
    decide,
    rule_of,
    sentence_of,
)
from marketdata.domain.reference import load_calendar

CALENDAR = load_calendar()
DAY = date(2024, 3, 20)
"""The trading day that is decided for."""
RULE = rule_of("SHFE")

MAY = ContractDay("rb2405.SHFE", (2024, 5), date(2024, 5, 15), 1_000.0, 500.0, 3_700.0)
OCTOBER = ContractDay("rb2410.SHFE", (2024, 10), date(2024, 10, 15), 900.0, 400.0, 3_650.0)
JANUARY = ContractDay("rb2501.SHFE", (2025, 1), date(2025, 1, 15), 100.0, 40.0, 3_600.0)
MARCH = ContractDay("rb2403.SHFE", (2024, 3), date(2024, 3, 15), 5_000.0, 900.0, 3_750.0)


def made(*rows: ContractDay, present: ContractDay | str | None = MAY.code, day: date = DAY) -> Decision:
    """The decision, where there must be one."""
    found = decide(rows, present, day, CALENDAR, RULE)
    assert isinstance(found, Decision), found
    return found


def stands(row: ContractDay, open_interest: float, volume: float) -> ContractDay:
    """The contract with other figures."""
    return replace(row, open_interest=open_interest, volume=volume)


@pytest.mark.parametrize(
    ("open_interest", "volume", "rolls"),
    [
        (1_100.0, 501.0, False),  # exactly 1.1 times is not above
        (1_100.5, 501.0, True),
        (1_100.5, 250.0, True),  # half the volume is enough
        (9_000.0, 249.0, False),
        (1_099.0, 90_000.0, False),
    ],
)
def test_both_open_interest_and_volume_must_have_moved(open_interest: float, volume: float, rolls: bool) -> None:
    found = made(MAY, stands(OCTOBER, open_interest, volume))
    assert found.rolled is rolls
    assert found.main.code == ("rb2410.SHFE" if rolls else "rb2405.SHFE")
    assert found.ground is (Ground.OPEN_INTEREST if rolls else Ground.KEPT)
    assert found.rival is not None
    assert {found.main.code, found.rival.code} == {"rb2405.SHFE", "rb2410.SHFE"}


def test_the_larger_open_interest_wins_and_of_equal_ones_the_earlier_month() -> None:
    october, january = stands(OCTOBER, 2_000.0, 600.0), stands(JANUARY, 2_500.0, 600.0)
    assert made(MAY, october, january).main is january
    assert made(MAY, january, stands(OCTOBER, 2_500.0, 300.0)).main.code == "rb2410.SHFE"
    assert made(MAY, stands(OCTOBER, 9_000.0, 100.0), january).main is january, "whoever lacks the volume is out"
    still = stands(MAY, 0.0, 0.0)
    assert made(still, stands(OCTOBER, 5.0, 0.0)).ground is Ground.KEPT, "half of nothing is not enough"
    assert made(still, stands(OCTOBER, 5.0, 1.0)).ground is Ground.OPEN_INTEREST


def test_never_to_an_earlier_month() -> None:
    earlier = replace(MARCH, code="rb2404.SHFE", delivery=(2024, 4), expires=date(2024, 4, 15))
    found = made(earlier, MAY, stands(OCTOBER, 50.0, 5.0))
    assert (found.main.code, found.ground) == ("rb2405.SHFE", Ground.KEPT)


def test_the_first_decision_takes_the_largest_open_interest_that_lasts() -> None:
    found = made(MARCH, MAY, OCTOBER, JANUARY, present=None)
    assert (found.main.code, found.ground, found.rolled) == ("rb2405.SHFE", Ground.FIRST, False)
    assert found.rival is not None
    assert found.rival.code == "rb2410.SHFE", "rb2403 has the most and is over"


def test_a_new_listing_is_nothing_until_it_is_traded() -> None:
    listed = ContractDay("rb2503.SHFE", (2025, 3), date(2025, 3, 17), 0.0, 0.0, 3_600.0)
    assert made(MAY, listed).ground is Ground.KEPT
    assert decide([listed], None, DAY, CALENDAR, RULE) is Obstacle.NO_DATA
    unknown = replace(listed, open_interest=nan)
    assert decide([unknown], None, DAY, CALENDAR, RULE) is Obstacle.NO_DATA
    assert made(MAY, replace(unknown, volume=9e9)).ground is Ground.KEPT, "what is not told does not count"


def test_a_contract_is_left_before_its_last_days() -> None:
    """rb2405 trades until 2024-05-15; 2024-05-01 to 05-03 are closed."""
    weaker = stands(OCTOBER, 10.0, 1.0)
    assert days_left(MAY.expires, date(2024, 4, 30), CALENDAR) == 8
    assert days_left(MAY.expires, date(2024, 5, 6), CALENDAR) == 7
    assert made(MAY, weaker, day=date(2024, 4, 30)).ground is Ground.KEPT
    found = made(MAY, weaker, day=date(2024, 5, 6))
    assert (found.main.code, found.ground, found.rolled) == ("rb2410.SHFE", Ground.EXPIRY, True)
    assert decide([MAY], MAY.code, date(2024, 5, 7), CALENDAR, RULE) is Obstacle.NO_SUCCESSOR
    ending = replace(weaker, expires=date(2024, 5, 16))
    assert decide([MAY, ending], MAY.code, date(2024, 5, 7), CALENDAR, RULE) is Obstacle.NO_SUCCESSOR


def test_index_futures_are_kept_until_the_day_before_the_last() -> None:
    """IF2405 settles on Friday 2024-05-17."""
    may = ContractDay("IF2405.CFFEX", (2024, 5), date(2024, 5, 17), 100.0, 50.0, 3_600.0)
    june = ContractDay("IF2406.CFFEX", (2024, 6), date(2024, 6, 21), 90.0, 60.0, 3_590.0)
    rule = rule_of("CFFEX")
    thursday = decide([may, june], may.code, date(2024, 5, 16), CALENDAR, rule)
    friday = decide([may, june], may.code, date(2024, 5, 17), CALENDAR, rule)
    assert isinstance(thursday, Decision)
    assert isinstance(friday, Decision)
    assert (thursday.ground, friday.ground) == (Ground.KEPT, Ground.EXPIRY)


def test_past_the_calendars_end_nothing_is_forced_for_want_of_days() -> None:
    last = CALENDAR.on_or_before(CALENDAR.last)
    later = replace(MAY, expires=date(CALENDAR.last.year + 1, 5, 15), delivery=(CALENDAR.last.year + 1, 5))
    assert days_left(later.expires, last, CALENDAR) > 60
    assert days_left(date(CALENDAR.last.year + 1, 1, 5), last, CALENDAR) < 8
    assert days_left(None, last, CALENDAR) > 100
    assert days_left(last, last, CALENDAR) == 0
    assert days_left(CALENDAR.previous_before(last), last, CALENDAR) == -1


def test_a_main_contract_without_figures_is_not_kept_and_can_be_left() -> None:
    strong = stands(OCTOBER, 9_000.0, 900.0)
    assert decide([strong], MAY.code, DAY, CALENDAR, RULE) is Obstacle.NO_PRESENT
    assert decide([strong], MAY, DAY, CALENDAR, RULE) is Obstacle.NO_PRESENT
    found = made(strong, present=MAY, day=date(2024, 5, 8))
    assert (found.main.code, found.present, found.ground) == ("rb2410.SHFE", MAY, Ground.EXPIRY)
    assert decide([], MAY.code, DAY, CALENDAR, RULE) is Obstacle.NO_DATA
    told = [strong, replace(MAY, close=0.0)]
    assert decide(told, MAY.code, DAY, CALENDAR, RULE) is Obstacle.NO_PRESENT, "a price of 0 is none"


def test_sentences_name_the_figures() -> None:
    assert "1.1 times" in sentence_of(Ground.OPEN_INTEREST, RULE)
    assert "fewer than 8 trading days" in sentence_of(Ground.EXPIRY, RULE)
    assert all(sentence_of(ground, RollRule()) for ground in [*Ground, *Obstacle])


MONTHS = [(2024, month) for month in (3, 5, 7, 9, 10, 11)] + [(2025, 1)]
LOTS = st.integers(0, 40).map(float)
TABLES = st.lists(
    st.lists(st.none() | st.tuples(LOTS, LOTS), min_size=len(MONTHS), max_size=len(MONTHS)), min_size=1, max_size=60
)


def table_of(day: list[tuple[float, float] | None]) -> list[ContractDay]:
    """Figures of the contracts that have any; the contract of a month ends on its 15th."""
    return [
        ContractDay(f"x{year % 100}{month:02d}", (year, month), date(year, month, 15), told[0], told[1], 100.0)
        for (year, month), told in zip(MONTHS, day, strict=True)
        if told is not None
    ]


@settings(max_examples=120, deadline=None)
@given(tables=TABLES, seed=st.randoms(use_true_random=False))
def test_whatever_the_figures_no_roll_goes_back_and_a_day_has_one_answer(tables: list, seed: object) -> None:
    days = CALENDAR.between(date(2024, 2, 20), date(2025, 2, 1))[:: max(1, 230 // len(tables))]
    held: list[ContractDay] = []
    for trading_day, figures in zip(days, tables, strict=False):
        rows = table_of(figures)
        present = held[-1].code if held else None
        found = decide(rows, present, trading_day, CALENDAR, RULE)
        seed.shuffle(rows)  # type: ignore[attr-defined]
        assert decide(rows, present, trading_day, CALENDAR, RULE) == found, "the order of rows says nothing"
        if isinstance(found, Obstacle):
            continue
        assert days_left(found.main.expires, trading_day, CALENDAR) >= RULE.leave_days
        if found.rolled and found.ground is Ground.OPEN_INTEREST:
            assert found.present is not None
            assert found.main.open_interest > 1.1 * found.present.open_interest
            assert found.main.volume >= found.present.volume / 2
        held.append(found.main)
    assert all(before.delivery <= after.delivery for before, after in pairwise(held))
