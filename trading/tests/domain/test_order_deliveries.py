"""Whatever way the reports of an order arrive (twice, out of order, some never), it ends where the order did."""

import copy
import itertools
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantsite.common.errors import RuleError
from trading.domain.events import (
    Accepted,
    Cancelled,
    CancelRefused,
    CancelRequested,
    Event,
    Expired,
    InDoubt,
    NotSent,
    Refuser,
    Rejected,
    Submitted,
    Submitting,
    Traded,
    Triggered,
)
from trading.domain.order import FINAL, OrderState, OrderStatus


@dataclass(frozen=True)
class Life:
    """What truly happened: ``needed`` tells the end, ``told`` is everything else that was reported."""

    volume: int
    needed: tuple[Event, ...]
    told: tuple[Event, ...]


@st.composite
def lives(draw: st.DrawFn) -> Life:
    """A true order: refused, never sent, filled, or ended after some fills."""
    volume = draw(st.integers(1, 5))
    how = draw(st.sampled_from(["filled", "cancelled", "expired", "rejected", "not_sent"]))
    asked = (Submitted(at=1), CancelRequested(at=5), CancelRefused(at=6), InDoubt(at=2))
    if how == "not_sent":
        return Life(volume, (NotSent(at=3, reason="absent"),), asked)
    if how == "rejected":
        by = draw(st.sampled_from([Refuser.BROKER, Refuser.EXCHANGE]))
        return Life(volume, (Rejected(at=3, reason_code="31", by=by),), asked)
    done = volume if how == "filled" else draw(st.integers(0, volume - 1))
    cuts = sorted(draw(st.sets(st.integers(1, done), max_size=done))) if done else []
    steps = [0, *[cut for cut in cuts if cut < done], *([done] if done else [])]
    fills = tuple(
        Traded(at=4, trade_id=str(number), price=4000.0 + number, volume=upper - lower)
        for number, (lower, upper) in enumerate(itertools.pairwise(steps))
    )
    reports = tuple(Accepted(at=4, exchange_order_id="17", traded=traded) for traded in steps)
    ends: dict[str, tuple[Event, ...]] = {
        "filled": (),
        "cancelled": (Cancelled(at=7, traded=done),),
        "expired": (Expired(at=7, traded=done),),
    }
    return Life(volume, (*fills, *ends[how]), (*asked, *reports))


def plain(life: Life) -> OrderState:
    """The order with every report once and in order."""
    state = OrderState(1, life.volume)
    state.apply(Submitting(at=0))
    for event in sorted((*life.needed, *life.told), key=lambda event: event.at):
        state.apply(event)
    return state


def truth(state: OrderState) -> tuple[object, ...]:
    return state.status, state.traded, state.trades, state.missing, state.cancel_requested, state.reason_code


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_duplicated_reordered_and_lost_reports_lead_to_the_plain_orders_end(data: st.DataObject) -> None:
    life = data.draw(lives())
    kept = data.draw(st.lists(st.sampled_from(life.told), max_size=8))
    twice = data.draw(st.lists(st.sampled_from(life.needed), max_size=4))
    arrivals = data.draw(st.permutations([*life.needed, *twice, *kept]))
    state = OrderState(1, life.volume)
    state.apply(Submitting(at=0))
    ignored = sum(not state.apply(event) for event in arrivals)
    expected = plain(life)
    assert expected.status in FINAL
    assert truth(state) == truth(expected)
    assert state.ignored == ignored


A, B = (Traded(at=4, trade_id=name, price=4000.0, volume=1) for name in "ab")
CANCELLED, REFUSED = Cancelled(at=7, traded=1), Rejected(at=3, reason_code="31")
EXHAUSTED: list[tuple[OrderStatus, list[Event]]] = [
    (OrderStatus.FILLED, [A, B, A, Accepted(at=1, exchange_order_id="17"), CancelRequested(at=2), InDoubt(at=1)]),
    (
        OrderStatus.CANCELLED,
        [A, A, Cancelled(at=7, traded=1), Cancelled(at=7, traded=1), Accepted(at=1), InDoubt(at=1)],
    ),
    (
        OrderStatus.EXPIRED,
        [A, A, Expired(at=7, traded=1), Expired(at=8, traded=1), Accepted(at=5, traded=1), Submitted(at=1)],
    ),
    (
        OrderStatus.REJECTED,
        [REFUSED, REFUSED, Submitted(at=1), InDoubt(at=1), CancelRequested(at=2)],
    ),
    (OrderStatus.REJECTED, [NotSent(at=3), NotSent(at=3), InDoubt(at=1), CancelRequested(at=2)]),
]


@pytest.mark.parametrize(("status", "reports"), EXHAUSTED, ids=lambda value: value if isinstance(value, str) else "")
def test_every_order_of_arrival_leads_to_the_same_end(status: OrderStatus, reports: list[Event]) -> None:
    ends = set()
    for arrivals in itertools.permutations(reports):
        state = OrderState(1, 2)
        state.apply(Submitting(at=0))
        for event in arrivals:
            state.apply(event)
        ends.add((state.status, state.traded, state.missing, state.cancel_requested))
    assert ends == {(status, len({event for event in reports if isinstance(event, Traded)}), 0, False)}


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_lost_fills_are_known_to_be_missing(data: st.DataObject) -> None:
    life = data.draw(lives())
    fills = [event for event in life.needed if isinstance(event, Traded)]
    rest = [event for event in life.needed if not isinstance(event, Traded)]
    lost = data.draw(st.sets(st.sampled_from(fills))) if fills and rest else set()
    state = OrderState(1, life.volume)
    state.apply(Submitting(at=0))
    for event in data.draw(st.permutations([*(event for event in fills if event not in lost), *rest, *life.told])):
        state.apply(event)
    assert state.missing == sum(event.volume for event in lost)
    assert state.status is plain(life).status


ANY_EVENT = st.one_of(
    st.builds(Submitting, at=st.just(0)),
    st.builds(Submitted, at=st.just(0)),
    st.builds(Accepted, at=st.just(0), exchange_order_id=st.sampled_from(["", "17", "18"]), traded=st.integers(0, 6)),
    st.builds(Triggered, at=st.just(0)),
    st.builds(
        Traded,
        at=st.just(0),
        trade_id=st.sampled_from("abcd"),
        price=st.sampled_from([1.0, 2.0]),
        volume=st.integers(0, 6),
    ),
    st.builds(CancelRequested, at=st.just(0)),
    st.builds(CancelRefused, at=st.just(0)),
    st.builds(Cancelled, at=st.just(0), traded=st.none() | st.integers(0, 6)),
    st.builds(Expired, at=st.just(0), traded=st.none() | st.integers(0, 6)),
    st.builds(Rejected, at=st.just(0), reason_code=st.sampled_from(["x", "y"])),
    st.builds(InDoubt, at=st.just(0)),
    st.builds(NotSent, at=st.just(0)),
)


def applied(state: OrderState, event: Event) -> bool | None:
    """What ``apply`` says; ``None`` for a contradiction."""
    try:
        return state.apply(event)
    except RuleError:
        return None


def check(state: OrderState) -> None:
    """What holds of an order in every state."""
    assert 0 <= state.traded <= state.reported <= state.volume
    assert state.traded == sum(trade.volume for trade in state.trades.values())
    assert (state.status is OrderStatus.FILLED) == (state.traded == state.volume)
    assert state.is_working or not state.cancel_requested
    assert state.status not in {OrderStatus.REJECTED, OrderStatus.PENDING} or not state.traded
    assert state.ended_at is None or state.traded <= state.ended_at


@settings(max_examples=200, deadline=None)
@given(st.lists(ANY_EVENT, max_size=15))
def test_any_events_whatever_keep_the_invariants(events: list[Event]) -> None:
    state = OrderState(1, 5)
    for event in events:
        before = copy.deepcopy(state)
        changed = applied(state, event)
        if changed is None:
            assert state == before
            continue
        check(state)
        if before.status in FINAL:
            assert state.status is before.status
        if not changed:
            assert state.ignored == before.ignored + 1
            before.ignored += 1
            assert state == before, "an ignored event changes nothing else"
        else:
            assert state != before


@pytest.mark.parametrize("volume", [1, 3])
def test_an_events_repetition_right_after_itself_is_ignored(volume: int) -> None:
    state = OrderState(1, volume)
    life: list[Event] = [
        Submitting(at=0),
        Submitted(at=0),
        Accepted(at=1, exchange_order_id="17"),
        CancelRequested(at=2),
        CancelRefused(at=3),
        Traded(at=4, trade_id="a", price=1.0, volume=1),
    ]
    for event in life:
        assert state.apply(event)
        assert not state.apply(event)
    assert state.ignored == len(life)
