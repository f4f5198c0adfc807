"""Two sides of a day by hand: every class by the rule that names it, and figures that add up whatever differs."""

from dataclasses import replace
from math import nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backtests.domain.drift.classes import RULES, SENTENCES, Cause, Drift, drift
from backtests.domain.drift.comparison import How, What
from backtests.domain.drift.records import (
    Circumstances,
    DayRecord,
    FillFact,
    Happening,
    LegFact,
    OrderFact,
    SignalFact,
    Span,
)
from trading.domain.offsets import Direction
from trading.domain.risk.switches import STOPPED

BAR = 300_000_000_000
BUY, SELL = Direction.BUY, Direction.SELL
KNOWN = Circumstances((LegFact(1.0, 10.0, 110.0), LegFact(2.0, 5.0, 50.0)))


def at(bar: int, milliseconds: int = 0) -> int:
    """An instant after so many bars."""
    return bar * BAR + milliseconds * 1_000_000


def order(number: int, bar: int, direction: Direction = BUY, **changes: object) -> OrderFact:
    """One lot at the market, decided when the bar closed."""
    plain = OrderFact(number, 0, at(bar), direction, "market", 1, nan, "target")
    return plain._replace(**changes)  # type: ignore[arg-type]


DAY = DayRecord(
    signals=(
        SignalFact(0, at(0), at(1), 1.0, "cross above", (("fast", 101.0),)),
        SignalFact(0, at(3), at(4), -1.0, "cross below", (("fast", 99.0),)),
    ),
    orders=(order(1, 1), order(2, 4, SELL, lots=2)),
    fills=(FillFact(1, at(1, 500), 100.0, 1), FillFact(2, at(4, 500), 105.0, 2)),
    positions=(0,),
    source_hash="a",
)


def only(found: Drift) -> Cause:
    """The class of all differences, which must be one."""
    (cause,) = {row.cause for row in found.rows}
    return cause


def test_a_day_that_went_as_the_run_has_no_difference() -> None:
    found = drift(DAY, DAY, KNOWN)
    assert (found.rows, found.cost, found.passed) == ((), 0.0, True)
    assert found.alike == {What.SIGNAL: 2, What.ORDER: 2, What.FILL: 2}


def test_a_difference_without_any_reason_is_unexplained_and_fails_the_day() -> None:
    other = DAY.signals[1]._replace(target=0.0)
    found = drift(DAY, replace(DAY, signals=(DAY.signals[0], other)), KNOWN)
    (row,) = found.rows
    assert (row.cause, row.difference.how, row.difference.fields) == (Cause.UNEXPLAINED, How.DIFFERENT, ("target",))
    assert (found.unexplained, found.passed) == (1, False)


def test_values_that_differ_by_rounding_are_alike_and_others_are_not() -> None:
    def with_fast(value: float) -> DayRecord:
        return replace(DAY, signals=(DAY.signals[0]._replace(values=(("fast", value),)), DAY.signals[1]))

    assert not drift(with_fast(101.0 + 1e-12), DAY, KNOWN).rows
    (row,) = drift(with_fast(101.5), DAY, KNOWN).rows
    assert row.difference.fields == ("values",)


def test_a_fill_at_a_worse_price_of_the_same_instant_is_the_queue_and_costs_its_yuan() -> None:
    live = replace(DAY, fills=(FillFact(1, at(1, 500), 101.0, 1), DAY.fills[1]))
    found = drift(live, DAY, KNOWN)
    (row,) = found.rows
    assert (row.cause, row.difference.what, row.difference.fields) == (Cause.QUEUE, What.FILL, ("price",))
    assert (found.costs, found.cost, found.passed) == ({"queue": 10.0}, 10.0, True)


def test_an_order_that_arrived_later_met_a_later_tick() -> None:
    late = order(1, 1, decided_at=at(1, 700))
    live = replace(DAY, orders=(late, DAY.orders[1]), fills=(FillFact(1, at(1, 1000), 102.0, 1), DAY.fills[1]))
    found = drift(live, DAY, KNOWN)
    assert [(row.difference.what, row.cause) for row in found.rows] == [
        (What.ORDER, Cause.LATENCY),
        (What.FILL, Cause.LATENCY),
    ]
    assert found.cost == pytest.approx(20.0)


def test_a_refused_order_takes_along_what_follows_from_it() -> None:
    """Refused at first, the strategy is one lot short of the run's position: the reversal has one lot less."""
    refused = order(1, 1, refused="insufficient_funds")
    smaller = order(2, 4, SELL, lots=1)
    live = replace(DAY, orders=(refused, smaller), fills=(FillFact(2, at(4, 500), 105.0, 1),))
    found = drift(live, DAY, KNOWN)
    assert only(found) == Cause.REFUSED
    assert [row.follows for row in found.rows] == [False, False, True, True]
    assert found.passed
    assert drift(replace(live, orders=(order(1, 1, refused=STOPPED), smaller)), DAY, KNOWN).counts == {"switch": 4}


def test_once_both_sides_hold_the_same_again_nothing_follows_any_more() -> None:
    refused = order(1, 1, refused="insufficient_funds")
    levelled = replace(DAY, orders=(refused, order(2, 4, SELL, lots=1)), fills=(FillFact(2, at(4, 500), 105.0, 1),))
    stray = order(3, 9, SELL)
    found = drift(replace(levelled, orders=(*levelled.orders, stray)), DAY, KNOWN)
    assert found.rows[-1].difference.live == stray
    assert found.rows[-1].cause == Cause.UNEXPLAINED


@pytest.mark.parametrize(
    ("kind", "cause"),
    [
        (Happening.GAP, Cause.LATE),
        (Happening.PAUSED, Cause.PAUSED),
        (Happening.SWITCH, Cause.SWITCH),
        (Happening.ROLL, Cause.ROLL),
        (Happening.PARAMETERS, Cause.PARAMETERS),
        (Happening.DATA, Cause.DATA),
    ],
)
def test_what_went_on_meanwhile_explains_a_missing_order_on_its_leg_and_in_its_time_only(
    kind: Happening, cause: Cause
) -> None:
    live = replace(DAY, orders=DAY.orders[:1], fills=DAY.fills[:1])
    span = Span(kind, at(4), at(5), 0)
    assert only(drift(live, DAY, replace(KNOWN, spans=(span,)))) == cause
    for elsewhere in (span._replace(leg=1), span._replace(since=at(6), until=at(7))):
        assert only(drift(live, DAY, replace(KNOWN, spans=(elsewhere,)))) == Cause.UNEXPLAINED


def test_what_people_do_by_hand_is_theirs() -> None:
    flat = order(3, 5, cause="flatten")
    live = replace(DAY, orders=(*DAY.orders, flat), fills=(*DAY.fills, FillFact(3, at(5, 500), 104.0, 1)))
    assert only(drift(live, DAY, KNOWN)) == Cause.BY_HAND
    taken_back = replace(DAY, orders=(DAY.orders[0], DAY.orders[1]._replace(withdrawn=True)), fills=DAY.fills[:1])
    assert only(drift(taken_back, DAY, KNOWN)) == Cause.BY_HAND


def test_other_code_is_named_before_everything_else_and_proves_nothing() -> None:
    found = drift(replace(DAY, orders=DAY.orders[:1], fills=DAY.fills[:1], source_hash="b"), DAY, KNOWN)
    assert only(found) == Cause.SOURCE
    assert not found.passed


def test_a_late_decision_says_so_itself() -> None:
    live = replace(DAY, signals=(DAY.signals[0]._replace(late=True), DAY.signals[1]))
    assert only(drift(live, DAY, KNOWN)) == Cause.LATE


def test_a_resting_order_that_the_queue_did_not_serve() -> None:
    grid = [order(1, 1, type="limit", price=99.0, cause="order")]
    run = DayRecord(orders=grid, fills=(FillFact(1, at(2), 99.0, 1),), positions=(0,))
    found = drift(replace(run, fills=()), run, KNOWN)
    (row,) = found.rows
    assert (row.cause, row.difference.how, row.difference.cost) == (Cause.QUEUE, How.MISSING, 110.0)
    later = drift(replace(run, fills=(FillFact(1, at(3), 99.0, 1),)), run, KNOWN)
    assert (only(later), later.cost) == (Cause.QUEUE, 0.0)


def test_a_broker_that_tells_whole_seconds_is_not_late_by_less() -> None:
    live = replace(DAY, fills=tuple(fill._replace(at=fill.at // 10**9 * 10**9) for fill in DAY.fills))
    assert drift(live, DAY, KNOWN).rows
    assert not drift(live, DAY, replace(KNOWN, tolerance=10**9)).rows


def test_every_class_has_a_sentence_and_all_but_the_last_a_rule() -> None:
    assert set(SENTENCES) == set(Cause)
    assert [cause for cause, _fits, _text in RULES] == list(Cause)[:-1]


@st.composite
def sides(draw: st.DrawFn) -> DayRecord:
    """Any orders and fills on two legs, in the order of time."""
    count = draw(st.integers(0, 6))
    bars = sorted(draw(st.lists(st.integers(1, 40), min_size=count, max_size=count)))
    orders, fills = [], []
    for number, bar in enumerate(bars, start=1):
        lots = draw(st.integers(1, 4))
        direction, leg = draw(st.sampled_from([BUY, SELL])), draw(st.integers(0, 1))
        orders.append(order(number, bar, direction, leg=leg, lots=lots))
        if filled := draw(st.integers(0, lots)):
            price = float(draw(st.integers(90, 110)))
            fills.append(FillFact(number, at(bar, draw(st.integers(0, 900))), price, filled))
    signals = [SignalFact(0, at(bar - 1), at(bar), float(draw(st.integers(-1, 1)))) for bar in sorted(set(bars))]
    return DayRecord(signals, orders, sorted(fills, key=lambda fill: fill.at), (0, 0))


def profit(side: DayRecord) -> float:
    """What the fills made by the marks, in yuan."""
    by_number = {one.number: one for one in side.orders}
    total = 0.0
    for fill in side.fills:
        placed = by_number[fill.number]
        leg = KNOWN.legs[placed.leg]
        total += (leg.mark - fill.price) * int(placed.direction) * fill.lots * leg.multiplier
    return total


@given(sides(), sides())
def test_the_costs_of_all_differences_are_what_the_day_ended_worse(live: DayRecord, run: DayRecord) -> None:
    found = drift(live, run, KNOWN)
    assert found.cost == pytest.approx(profit(run) - profit(live), abs=1e-6)
    assert sum(found.costs.values()) == pytest.approx(found.cost, abs=1e-6)
    assert sum(found.counts.values()) == len(found.rows)
    for what, rows in ((What.SIGNAL, live.signals), (What.ORDER, live.orders)):
        with_live = [row for row in found.rows if row.difference.what == what and row.difference.live is not None]
        assert found.alike[what] + len(with_live) == len(rows)


@given(sides())
def test_a_side_is_like_itself(side: DayRecord) -> None:
    assert not drift(side, side, KNOWN).rows
