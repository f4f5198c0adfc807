"""The facts of a run out of the rows: settlements, limits, rolls, expiry and nights."""

from datetime import date
from typing import Any

import numpy as np
import pytest

from backtests.facts import facts_for, roll_notes
from marketdata.daily_facts import ContractRoll, DailySettlement
from marketdata.domain.bars import BarSeries
from marketdata.domain.calendar import to_day_number
from marketdata.instruments import ensure_instrument, session_table
from marketdata.models import Instrument

pytestmark = [pytest.mark.django_db, pytest.mark.embedded]

FIRST, LAST = date(2024, 1, 2), date(2024, 1, 12)


def bars_of(instrument: Instrument, first: date = FIRST, last: date = LAST, minutes: int | None = 30) -> BarSeries:
    """A bar on every place of the session grid."""
    start, day = session_table(instrument.product).grid_between(first, last, minutes)
    ones = np.ones(len(start))
    return BarSeries(instrument.code, "30m" if minutes else "1d", start, day, *[ones] * 7)


def settle(code: str, day: date, price: float, **limits: float) -> None:
    """Store what an exchange published."""
    DailySettlement.objects.create(
        instrument=ensure_instrument(code, day), trading_day=day, settlement_price=price, **limits
    )


def roll(series: Instrument, day: date, old: str, new: str, **prices: Any) -> None:
    """Store a roll from 4000 to 3900."""
    known = {"old_close": 4000.0, "new_close": 3900.0, "closes_day": date(2024, 1, 1)}
    ContractRoll.objects.create(
        instrument=series, trading_day=day, from_contract=old, to_contract=new, **(known | prices)
    )


def test_a_contract_has_its_own_days_and_its_last_one() -> None:
    contract = ensure_instrument("rb2405.SHFE", FIRST)
    settle("rb2405.SHFE", date(2024, 1, 3), 4001.5, upper_limit=4300.0)
    settle("rb2405.SHFE", date(2024, 1, 15), 9.0)
    settle("rb2410.SHFE", date(2024, 1, 4), 9.0)
    facts = facts_for(contract, bars_of(contract))
    day = to_day_number(date(2024, 1, 3))
    assert facts.settlements == {day: 4001.5}, "as published, off the grid of 1 yuan"
    assert (facts.upper_limits, facts.lower_limits) == ({day: 4300.0}, {})
    assert facts.expiry == to_day_number(date(2024, 5, 15))
    assert facts.rolls == ()


def test_a_series_has_rolls_and_the_settlements_of_the_contract_in_force() -> None:
    series = ensure_instrument("rb88.SHFE", FIRST)
    roll(series, date(2024, 1, 8), "rb2405.SHFE", "rb2410.SHFE")
    roll(series, FIRST, "rb2401.SHFE", "rb2405.SHFE")
    roll(series, date(2024, 1, 15), "rb2410.SHFE", "rb2501.SHFE")
    for code, price in (("rb2405.SHFE", 4000.25), ("rb2410.SHFE", 3900.75)):
        for day in (date(2024, 1, 5), date(2024, 1, 8), date(2024, 1, 9)):
            settle(code, day, price)
    settle("rb88.SHFE", date(2024, 1, 9), 3901.0)
    facts = facts_for(series, bars_of(series))
    assert [(found.trading_day, found.gap, found.ratio) for found in facts.rolls] == [
        (to_day_number(date(2024, 1, 8)), -100.0, 0.975)
    ], "the one on the first day has no bars before it, the one after the last none behind it"
    assert facts.settlements == {
        to_day_number(date(2024, 1, 5)): 4000.25,
        to_day_number(date(2024, 1, 8)): 3900.75,
        to_day_number(date(2024, 1, 9)): 3901.0,
    }
    assert facts.expiry is None


def test_opens_count_before_closes() -> None:
    series = ensure_instrument("rb88.SHFE", FIRST)
    roll(series, date(2024, 1, 8), "rb2405.SHFE", "rb2410.SHFE", old_open=4010.0, new_open=3950.0)
    (found,) = facts_for(series, bars_of(series)).rolls
    assert found.gap == -60.0


def test_an_adjusted_series_has_no_rolls_left() -> None:
    roll(ensure_instrument("rb88.SHFE", FIRST), date(2024, 1, 8), "rb2405.SHFE", "rb2410.SHFE")
    smooth = ensure_instrument("rb889.SHFE", FIRST)
    assert facts_for(smooth, bars_of(smooth)).rolls == ()


def test_closes_that_come_late_are_told() -> None:
    series = ensure_instrument("rb88.SHFE", FIRST)
    roll(series, date(2024, 1, 8), "rb2405.SHFE", "rb2410.SHFE", closes_day=date(2024, 1, 5))
    assert roll_notes(series, bars_of(series)) == []
    roll(series, date(2024, 1, 10), "rb2410.SHFE", "rb2501.SHFE", closes_day=date(2024, 1, 10))
    assert roll_notes(series, bars_of(series)) == [
        "1 of 2 rolls are counted with the closes of the day on which they took effect."
    ]


def test_a_roll_acts_where_the_bars_change_the_contract_and_the_report_says_so() -> None:
    """The list says Monday, the bars fall by a tenth at Friday's first (night) bar."""
    series = ensure_instrument("rb88.SHFE", FIRST)
    roll(series, date(2024, 1, 8), "rb2405.SHFE", "rb2410.SHFE", new_close=3600.0)
    for code, price in (("rb2405.SHFE", 4000.0), ("rb2410.SHFE", 3600.0)):
        settle(code, date(2024, 1, 5), price)
    plain = bars_of(series)
    friday = to_day_number(date(2024, 1, 5))
    level = np.where(plain.trading_day < friday, 4000.0, 3600.0)
    bars = BarSeries(series.code, "30m", plain.start, plain.trading_day, *[level] * 7)
    facts = facts_for(series, bars)
    assert [found.trading_day for found in facts.rolls] == [friday]
    assert facts.settlements == {friday: 3600.0}, "of the contract that the bars are of"
    assert roll_notes(series, bars) == [
        "1 of 1 rolls are counted where the bars change the contract, not on their listed day."
    ]


def test_nights_are_told_by_the_session_table() -> None:
    gold = ensure_instrument("au2404.SHFE", FIRST)
    bars = bars_of(gold)
    night = facts_for(gold, bars).night
    assert night is not None
    hours = (bars.start // 3_600_000_000_000 + 8) % 24
    assert night.tolist() == ((hours >= 21) | (hours < 3)).tolist()
    assert night.any()
    assert not night[bars.trading_day == to_day_number(FIRST)].any(), "no night before a holiday's end"


def test_index_futures_have_no_night_and_daily_bars_no_answer() -> None:
    index = ensure_instrument("IF2401.CFFEX", FIRST)
    night = facts_for(index, bars_of(index)).night
    assert night is not None
    assert not night.any()
    gold = ensure_instrument("au2404.SHFE", FIRST)
    assert facts_for(gold, bars_of(gold, minutes=None)).night is None
