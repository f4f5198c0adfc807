"""88 and 99 against plain loops, the join at the night bar, and an index worked out by hand."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise
from math import isnan, nan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketdata.domain.adjust import Splice, adjusted
from marketdata.domain.bars import Bar, BarSeries
from marketdata.domain.calendar import to_day_number
from marketdata.domain.continuous import Opening, Spell, index_day, joined, spells
from marketdata.domain.reference import load_calendar, reference_session_table
from quantsite.common.times import SHANGHAI, utc_to_ns

MINUTE = 60 * 10**9


def series_of(code: str, rows: Sequence[Bar]) -> BarSeries:
    """Bars as a series of 1 minute."""
    columns = [np.array(column) for column in zip(*rows, strict=True)] if rows else []
    return BarSeries(code, "1m", *columns) if rows else BarSeries.empty(code, "1m")


def bar(start: int, price: float, volume: float = 1.0, interest: float = 100.0, day: int = 1) -> Bar:
    """A bar around a price."""
    return Bar(start, day, price, price + 2, price - 1, price + 1, volume, volume * price * 10, interest)


def test_a_decision_is_in_force_until_the_next_one() -> None:
    decided = [(10, "a"), (11, "a"), (14, "b"), (15, "b"), (20, "c")]
    assert spells(decided, 8, 25) == [Spell("a", 10, 13), Spell("b", 14, 19), Spell("c", 20, 25)]
    assert spells(decided, 12, 14) == [Spell("a", 12, 13), Spell("b", 14, 14)]
    assert spells(decided, 30, 31) == [Spell("c", 30, 31)]
    assert spells(decided, 5, 9) == spells([], 1, 2) == []


@given(
    days=st.lists(st.tuples(st.integers(0, 40), st.sampled_from("abc")), max_size=12, unique_by=lambda pair: pair[0]),
    first=st.integers(0, 40),
    length=st.integers(0, 20),
)
def test_spells_against_a_look_at_every_day(days: list[tuple[int, str]], first: int, length: int) -> None:
    decided = sorted(days)
    wanted = {
        day: max(before)[1]
        for day in range(first, first + length + 1)
        if (before := [pair for pair in decided if pair[0] <= day])
    }
    told = spells(decided, first, first + length)
    assert {day: spell.contract for spell in told for day in range(spell.first, spell.last + 1)} == wanted
    assert all(one.contract != other.contract for one, other in pairwise(told))


def test_the_chain_is_joined_at_the_night_bar() -> None:
    """A roll in force on Tuesday begins with the bar of Monday 21:00, and 888 moves all that lies before it."""
    table = reference_session_table("SHFE", "rb")
    monday, tuesday = date(2024, 3, 18), date(2024, 3, 19)
    starts, numbers = table.grid_between(monday, tuesday, 1)
    price = np.where(numbers == to_day_number(monday), 3_700.0, 3_800.0)
    rest = [np.ones(len(starts)), *[np.full(len(starts), nan)] * 2]
    old_columns, new_columns = [price] * 4 + rest, [price + 100] * 4 + rest
    old = BarSeries("rb2405.SHFE", "1m", starts, numbers, *old_columns)
    new = BarSeries("rb2410.SHFE", "1m", starts, numbers, *new_columns)
    parts = [
        part.take(part.trading_day == day)
        for part, day in ((old, to_day_number(monday)), (new, to_day_number(tuesday)))
    ]
    chain = joined(parts, "rb88.SHFE", "1m")
    turn = utc_to_ns(datetime(2024, 3, 18, 21, 0, tzinfo=SHANGHAI))
    assert chain.start.tolist() == starts.tolist()
    assert (chain.instrument, chain.close[chain.start < turn].max(), chain.close[chain.start >= turn].min()) == (
        "rb88.SHFE",
        3_700.0,
        3_900.0,
    )
    splice = Splice(to_day_number(tuesday), 3_700.0, 3_800.0, 3_800.0, 3_900.0, exact=True)
    newest = adjusted(chain, [splice], "888", "rb888.SHFE")
    oldest = adjusted(chain, [splice], "889", "rb889.SHFE")
    assert (newest.close[0], newest.close[-1]) == (3_800.0, 3_900.0)
    assert (oldest.close[0], oldest.close[-1]) == (3_700.0, 3_800.0)
    assert len(joined([], "rb88.SHFE", "1m")) == 0


def test_an_index_by_hand() -> None:
    """Weights 300 and 100 from the evening before; a minute without a trade stands at the last price."""
    near = series_of("a", [bar(0, 100.0, 2, 290), bar(2 * MINUTE, 104.0, 4, 280)])
    far = series_of("b", [bar(MINUTE, 60.0, 3, 110), bar(2 * MINUTE, 64.0, 5, 120)])
    fresh = series_of("c", [bar(MINUTE, 9_999.0, 7, 40)])
    found = index_day([near, far, fresh], [Opening(98.0, 300.0), Opening(56.0, 100.0), None], "x99.SHFE", "1m", 1)
    assert found.start.tolist() == [0, MINUTE, 2 * MINUTE]
    assert found.open.tolist() == [0.75 * 100 + 0.25 * 56, 0.75 * 101 + 0.25 * 60, 0.75 * 104 + 0.25 * 64]
    assert found.high.tolist() == [0.75 * 102 + 0.25 * 56, 0.75 * 101 + 0.25 * 62, 0.75 * 106 + 0.25 * 66]
    assert found.low.tolist() == [0.75 * 99 + 0.25 * 56, 0.75 * 101 + 0.25 * 59, 0.75 * 103 + 0.25 * 63]
    assert found.close.tolist() == [0.75 * 101 + 0.25 * 56, 0.75 * 101 + 0.25 * 61, 0.75 * 105 + 0.25 * 65]
    assert found.volume.tolist() == [2.0, 10.0, 9.0]
    assert found.turnover.tolist() == [2_000.0, 1_800.0 + 699_930.0, 4_160.0 + 3_200.0]
    assert found.open_interest.tolist() == [390.0, 290 + 110 + 40, 280 + 120 + 40]
    assert found.trading_day.tolist() == [1, 1, 1]


def test_no_index_where_nothing_weighs() -> None:
    bars = series_of("a", [bar(0, 100.0)])
    for opening in (None, Opening(100.0, 0.0), Opening(nan, 5.0), Opening(100.0, nan)):
        assert len(index_day([bars], [opening], "x99.SHFE", "1m", 1)) == 0
    assert len(index_day([], [], "x99.SHFE", "1m", 1)) == 0
    assert len(index_day([BarSeries.empty("a", "1m")], [Opening(1.0, 1.0)], "x99.SHFE", "1m", 1)) == 0


PRICES = st.integers(50, 150).map(float)
ROWS = st.lists(
    st.none() | st.tuples(PRICES, st.integers(0, 9), st.integers(0, 99) | st.none()), min_size=6, max_size=6
)
OPENINGS = st.none() | st.builds(Opening, PRICES, st.integers(0, 50).map(float))


@settings(max_examples=150, deadline=None)
@given(contracts=st.lists(st.tuples(ROWS, OPENINGS), min_size=1, max_size=4))
def test_the_index_against_plain_loops(contracts: list) -> None:
    parts, openings = [], []
    for rows, opening in contracts:
        made = [
            bar(at * MINUTE, row[0], float(row[1]), nan if row[2] is None else float(row[2]))
            for at, row in enumerate(rows)
            if row is not None
        ]
        parts.append(series_of("a", made))
        openings.append(opening)
    found = list(index_day(parts, openings, "x99.SHFE", "1m", 1).rows())
    wanted = slow_index(parts, openings)
    assert len(found) == len(wanted)
    for one, other in zip(found, wanted, strict=True):
        assert one == pytest.approx(other, rel=1e-12, nan_ok=True)
        assert one.low <= min(one.open, one.close) <= max(one.open, one.close) <= one.high


def slow_index(parts: Sequence[BarSeries], openings: Sequence[Opening | None]) -> list[Bar]:
    """The index bar by bar, from its definition."""
    weights = [opening.open_interest if opening else 0.0 for opening in openings]
    if sum(weights) == 0:
        return []
    last = [opening.close if opening else nan for opening in openings]
    interest = [opening.open_interest if opening else nan for opening in openings]
    found = []
    rows = [{row.start: row for row in part.rows()} for part in parts]
    for start in sorted({start for part in rows for start in part}):
        prices = dict.fromkeys(("open", "high", "low", "close"), 0.0)
        for at, part in enumerate(rows):
            now = part.get(start)
            last[at] = now.close if now else last[at]
            if now and not isnan(now.open_interest):
                interest[at] = now.open_interest
            for name in prices:
                if weights[at]:
                    prices[name] += weights[at] / sum(weights) * (getattr(now, name) if now else last[at])
        traded = [part[start] for part in rows if start in part]
        held = sum(value for value in interest if not isnan(value))
        sums = [sum(row.volume for row in traded), sum(row.turnover for row in traded), held]
        found.append(Bar(start, 1, *[*prices.values(), *sums]))
    return found


def test_a_week_of_random_contracts_is_joined_as_one_by_one() -> None:
    """Every trading day has the bars of its contract, in their order, unchanged."""
    days = load_calendar().between(date(2024, 3, 11), date(2024, 3, 22))
    random = np.random.default_rng(7)
    contracts = {}
    for code in ("a", "b", "c"):
        rows = [
            bar(utc_to_ns(datetime(day.year, day.month, day.day, 9, tzinfo=SHANGHAI) + timedelta(minutes=at)), price,
                day=to_day_number(day))
            for day in days
            for at, price in enumerate(random.uniform(90, 110, 5).tolist())
        ]  # fmt: skip
        contracts[code] = series_of(code, rows)
    decided = [(to_day_number(days[0]), "a"), (to_day_number(days[3]), "b"), (to_day_number(days[7]), "c")]
    told = spells(decided, to_day_number(days[0]), to_day_number(days[-1]))
    parts = [
        contracts[spell.contract].take(
            (contracts[spell.contract].trading_day >= spell.first)
            & (contracts[spell.contract].trading_day <= spell.last)
        )
        for spell in told
    ]
    chain = list(joined(parts, "x88.SHFE", "1m").rows())
    wanted = []
    for at, day in enumerate(days):
        code = "a" if at < 3 else "b" if at < 7 else "c"
        wanted += [row for row in contracts[code].rows() if row.trading_day == to_day_number(day)]
    assert chain == wanted
