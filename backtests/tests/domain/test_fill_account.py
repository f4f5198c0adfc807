"""Fills as facts through the ledger: offsets, fees, marks and days, by hand and against a cash book."""

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from backtests.domain.costs import CostTable, fees_given, margins_given
from backtests.domain.fill_account import FillAccount, bar_places, fill_account
from backtests.domain.fill_booking import FillFact, UnbookableError
from backtests.domain.legs import Facts, Leg
from marketdata.domain.bars import BarSeries
from marketdata.domain.calendar import to_day_number
from marketdata.domain.instrument import Dated, FeeRates
from marketdata.domain.terms import ContractTerms
from trading.domain.offsets import Direction, Offset, Side

CAPITAL = 1_000_000.0
HOUR = 3_600 * 10**9
DAY = 24 * HOUR
MON, TUE, WED = 18_000, 18_001, 18_002
BUY, SELL = Direction.BUY, Direction.SELL
COSTS = CostTable(300.0, 0.2, 0.0, fees_given(0.000023, 0.0, 0.000345) or (), margins_given(0.1) or ())


def leg_of(code: str, closes: dict[int, float], costs: CostTable = COSTS, facts: Facts | None = None) -> Leg:
    """Two bars a day, at 01:00 and 02:00 UTC; the second closes at the price given, the first 100 below it."""
    days = np.repeat(np.array(sorted(closes), dtype=np.int32), 2)
    start = days.astype(np.int64) * DAY + np.tile([HOUR, 2 * HOUR], len(closes))
    close = np.array([price for day in sorted(closes) for price in (closes[day] - 100, closes[day])])
    ones = np.ones(len(days))
    bars = BarSeries(code, "1h", start, days, close, close, close, close, ones, ones, ones)
    return Leg(code, bars, costs, facts or Facts())


def fact(
    day: int,
    direction: Direction,
    offset: Offset | None,
    price: float,
    volume: float = 1.0,
    *,
    leg: int = 0,
    line: int = 0,
) -> FillFact:
    """A fill at half past the first bar of its day."""
    return FillFact(line, leg, day * DAY + HOUR + HOUR // 2, day, direction, offset, price, volume)


def offsets(account: FillAccount) -> list[tuple[str, float]]:
    """What was booked, row by row."""
    fills = account.result.fills
    return [(Offset(offset).name, volume) for offset, volume in zip(fills.offset, fills.volume, strict=True)]


def test_cffex_by_hand_first_in_first_out_and_the_fee_of_each_lots_age() -> None:
    leg = leg_of("IF1908.CFFEX", {MON: 4010.0, TUE: 4040.0})
    fills = [
        fact(MON, BUY, Offset.OPEN, 4000.0),
        fact(TUE, BUY, Offset.OPEN, 4020.0),
        fact(TUE, SELL, Offset.CLOSE, 4030.0),
        fact(TUE, SELL, Offset.CLOSE, 4025.0),
    ]
    account = fill_account(fills, [leg], CAPITAL)
    days, funds = account.result.days, account.funds
    assert offsets(account) == [("OPEN", 1), ("OPEN", 1), ("CLOSE", 1), ("CLOSE_TODAY", 1)]
    paid = [4000 * 300 * 0.000023, 4020 * 300 * 0.000023, 4030 * 300 * 0.000023, 4025 * 300 * 0.000345]
    assert account.result.fills.commission == pytest.approx(paid)  # 27.6, 27.738, 27.807, 416.5875
    assert days.commission == pytest.approx([27.6, 472.1325])
    assert funds.close_profit == pytest.approx([0.0, 20 * 300 + 5 * 300])  # by date: from Monday's 4010
    assert funds.close_profit_by_trade == pytest.approx([0.0, 30 * 300 + 5 * 300])
    assert funds.position_profit == pytest.approx([10 * 300, 0.0])
    assert days.equity == pytest.approx([1_002_972.4, 1_010_000.2675])
    assert days.margin == pytest.approx([4010 * 300 * 0.1, 0.0])
    assert account.result.trades.net_profit == pytest.approx([9000 - 27.6 - 27.807, 1500 - 27.738 - 416.5875])
    assert account.result.net_profit == pytest.approx(10_500 - sum(paid))
    assert account.held == ()


@pytest.mark.parametrize("code", ["rb2001.SHFE", "m2001.DCE"])
def test_close_today_takes_todays_lots_though_older_ones_are_there(code: str) -> None:
    fills = [
        fact(MON, BUY, Offset.OPEN, 4000.0),
        fact(TUE, BUY, Offset.OPEN, 4020.0),
        fact(TUE, SELL, Offset.CLOSE_TODAY, 4030.0),
    ]
    account = fill_account(fills, [leg_of(code, {MON: 4010.0, TUE: 4040.0})], CAPITAL)
    assert account.funds.close_profit_by_trade[-1] == pytest.approx(10 * 300)
    (held,) = account.held
    assert (held.side, held.volume, held.open_price, held.mark) == (Side.LONG, 1, 4000, 4040)
    assert held.open_profit == pytest.approx(40 * 300)


def test_a_plain_close_on_shfe_takes_yesterdays_lots_and_goes_on_to_todays_with_a_warning() -> None:
    fills = [
        fact(MON, SELL, Offset.OPEN, 4000.0),
        fact(TUE, SELL, Offset.OPEN, 4020.0, 2),
        fact(TUE, BUY, Offset.CLOSE, 4030.0),
        fact(TUE, BUY, Offset.CLOSE, 4030.0, 2),
    ]
    leg = leg_of("rb2001.SHFE", {MON: 4010.0, TUE: 4040.0})
    strict = fill_account(fills[:3], [leg], CAPITAL)
    assert offsets(strict)[-1] == ("CLOSE", 1)
    assert strict.result.warnings == ()
    loose = fill_account(fills, [leg], CAPITAL)
    assert offsets(loose)[-1] == ("CLOSE_TODAY", 2)
    assert "close_today" in loose.result.warnings[0]


@pytest.mark.parametrize("code", ["rb2001.SHFE", "IF1908.CFFEX"])
def test_auto_closes_the_older_lots_then_todays_then_opens_the_rest(code: str) -> None:
    fills = [
        fact(MON, BUY, None, 4000.0, 2),
        fact(TUE, BUY, None, 4020.0, 1),
        fact(TUE, SELL, None, 4030.0, 5),
    ]
    account = fill_account(fills, [leg_of(code, {MON: 4010.0, TUE: 4040.0})], CAPITAL)
    assert offsets(account) == [("OPEN", 2), ("OPEN", 1), ("CLOSE", 2), ("CLOSE_TODAY", 1), ("OPEN", 2)]
    assert account.result.warnings == ()
    assert account.result.days.position.tolist() == [2, -2]


@pytest.mark.parametrize(
    ("offset", "volume", "told"),
    [
        (Offset.CLOSE, 4, "close closes 4 long rb2001.SHFE, but 2 of today and 1 older"),
        (Offset.CLOSE_TODAY, 3, "close_today closes 3"),
        (Offset.CLOSE_YESTERDAY, 2, "close_yesterday closes 2"),
    ],
)
def test_closing_more_than_is_held_cannot_be_booked(offset: Offset, volume: float, told: str) -> None:
    fills = [
        fact(MON, BUY, Offset.OPEN, 4000.0),
        fact(TUE, BUY, Offset.OPEN, 4020.0, 2),
        fact(TUE, SELL, offset, 4030.0, volume, line=7),
    ]
    with pytest.raises(UnbookableError, match=told) as refused:
        fill_account(fills, [leg_of("rb2001.SHFE", {MON: 4010.0, TUE: 4040.0})], CAPITAL)
    assert (refused.value.line, refused.value.code) == (7, "close_exceeds_position")


def test_a_locked_position_closes_the_side_that_the_direction_names() -> None:
    fills = [
        fact(MON, BUY, Offset.OPEN, 4000.0),
        fact(MON, SELL, Offset.OPEN, 4005.0, 2),
        fact(MON, BUY, Offset.CLOSE_TODAY, 3995.0),
    ]
    account = fill_account(fills, [leg_of("IF1908.CFFEX", {MON: 4000.0})], CAPITAL)
    assert [(held.side, held.volume) for held in account.held] == [(Side.LONG, 1), (Side.SHORT, 1)]
    assert account.funds.close_profit_by_trade.tolist() == [10 * 300]


def test_a_day_settles_at_its_settlement_price_else_its_last_bar_and_every_day_of_the_marks_has_a_row() -> None:
    closes = {MON: 4010.0, TUE: 4040.0, WED: 4050.0}
    leg = leg_of("IF1908.CFFEX", closes, replace(COSTS, fees=fees_given(0.0, 0.0, 0.0) or ()), Facts({TUE: 4033.4}))
    account = fill_account([fact(TUE, BUY, Offset.OPEN, 4000.0)], [leg], CAPITAL)
    assert account.result.days.trading_day.tolist() == [MON, TUE, WED]
    assert account.result.days.equity == pytest.approx([CAPITAL, CAPITAL + 33.4 * 300, CAPITAL + 50 * 300])
    assert account.settled == (1,)
    assert account.funds.fills.tolist() == [0, 1, 0]


def test_fills_without_a_bar_of_their_day_are_booked_and_told() -> None:
    leg = leg_of("IF1908.CFFEX", {MON: 4010.0, WED: 4050.0}, replace(COSTS, fees=fees_given(0.0, 0.0, 0.0) or ()))
    account = fill_account([fact(TUE, BUY, Offset.OPEN, 4000.0), fact(TUE, BUY, Offset.OPEN, 4006.0)], [leg], CAPITAL)
    assert account.result.days.trading_day.tolist() == [MON, TUE, WED]
    assert account.result.days.equity == pytest.approx([CAPITAL, CAPITAL + 6 * 300, CAPITAL + (50 + 44) * 300])
    assert "1 trading days have fills and no bar" in account.result.warnings[0]


def test_what_is_held_without_a_mark_stays_at_its_last_one() -> None:
    legs = [leg_of("IF1908.CFFEX", {MON: 4010.0}), leg_of("rb2001.SHFE", {MON: 3500.0, TUE: 3600.0})]
    account = fill_account([fact(MON, BUY, Offset.OPEN, 4000.0)], legs, CAPITAL)
    assert account.result.days.net_profit[1] == 0.0
    assert account.held[0].mark == 4010.0
    assert "On 1 of 2 trading days" in account.result.warnings[0]


def test_multiplier_and_fees_follow_their_dates() -> None:
    days = {day: date.fromordinal(date(1970, 1, 1).toordinal() + day) for day in (MON, TUE)}
    fees = (Dated(days[MON], FeeRates(open_by_volume=1.0)), Dated(days[TUE], FeeRates(open_by_volume=3.0)))
    prices = (Dated(days[MON], ContractTerms(10.0, 1.0)), Dated(days[TUE], ContractTerms(5.0, 1.0)))
    assert to_day_number(days[TUE]) == TUE
    costs = CostTable(5.0, 1.0, 0.0, fees, margins_given(0.0) or (), prices)
    fills = [
        fact(MON, BUY, Offset.OPEN, 100.0),
        fact(MON, SELL, Offset.CLOSE_TODAY, 101.0),
        fact(TUE, BUY, Offset.OPEN, 100.0),
    ]
    account = fill_account(fills, [leg_of("fu88.SHFE", {MON: 100.0, TUE: 103.0}, costs)], CAPITAL)
    assert account.result.days.net_profit == pytest.approx([10 - 1, 3 * 5 - 3])


def test_the_bar_that_holds_a_fill() -> None:
    bars = leg_of("IF1908.CFFEX", {MON: 4010.0, WED: 4050.0}).bars
    moments = [MON * DAY, MON * DAY + HOUR, MON * DAY + 2 * HOUR - 1, MON * DAY + 9 * HOUR, TUE * DAY + HOUR]
    moments += [WED * DAY, WED * DAY + 9 * HOUR]
    days = np.array([MON, MON, MON, MON, TUE, WED, WED], dtype=np.int32)
    assert bar_places(bars, np.array(moments), days).tolist() == [0, 0, 0, 1, 1, 2, 3]


@pytest.mark.parametrize("seed", range(8))
def test_equity_is_that_of_a_cash_book(seed: int) -> None:
    """A cash book knows no lots: money in and out, and what is held at its mark; fees by the age of each lot."""
    chance = random.Random(seed)  # noqa: S311
    codes = ("rb2001.SHFE", "IF1908.CFFEX", "m2001.DCE")
    closes = {code: {day: chance.uniform(3900, 4100) for day in range(MON, MON + 15)} for code in codes}
    legs = [leg_of(code, closes[code]) for code in codes]
    fills = [
        fact(
            day,
            chance.choice([BUY, SELL]),
            None,
            chance.uniform(3900, 4100),
            chance.randint(1, 5),
            leg=chance.randrange(3),
        )
        for day in sorted(chance.choices(range(MON, MON + 15), k=200))
    ]
    account = fill_account(fills, legs, CAPITAL)
    assert account.result.days.equity == pytest.approx(_cash_book(fills, closes, codes), abs=1e-6)
    funds, days = account.funds, account.result.days
    assert funds.close_profit + funds.position_profit - days.commission == pytest.approx(days.net_profit, abs=1e-6)
    floating = sum(held.open_profit for held in account.held)
    whole = funds.close_profit_by_trade.sum() + floating - days.commission.sum()
    assert whole == pytest.approx(account.result.net_profit, abs=1e-6)
    trades = account.result.trades
    assert trades.volume.sum() * 2 + sum(held.volume for held in account.held) == sum(fill.volume for fill in fills)


def _cash_book(fills: Sequence[FillFact], closes: dict[str, dict[int, float]], codes: Sequence[str]) -> list[float]:
    """Equity by day: ``auto`` never holds both sides, so that a signed list of ages is all there is to know."""
    ages: dict[str, list[tuple[int, int]]] = {code: [] for code in codes}
    cash, equity = CAPITAL, []
    for day in range(MON, MON + 15):
        for fill in (fill for fill in fills if fill.trading_day == day):
            code, sign = codes[fill.leg], int(fill.direction)
            worth = fill.price * 300
            for _lot in range(int(fill.volume)):
                cash -= sign * worth
                held = ages[code]
                if held and held[0][1] == -sign:
                    opened = held.pop(0)[0]
                    cash -= worth * (0.000345 if opened == day else 0.000023)
                else:
                    held.append((day, sign))
                    cash -= worth * 0.000023
        equity.append(cash + sum(sign * closes[code][day] * 300 for code in codes for _day, sign in ages[code]))
    return equity
