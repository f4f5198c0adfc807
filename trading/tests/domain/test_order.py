"""One order's life by hand: every rule of the table, and that a refused event changes nothing."""

import copy
import itertools
import math
import subprocess
import sys
from typing import Any

import msgspec
import pytest

from quantsite.common.errors import RuleError
from trading.domain.events import (
    EVENTS,
    Accepted,
    AnyEvent,
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
from trading.domain.order import FINAL, TRANSITIONS, WORKING, OrderState, OrderStatus, table

S = OrderStatus


def fill(trade_id: str, volume: int, price: float = 4000.0) -> Traded:
    return Traded(at=1, trade_id=trade_id, price=price, volume=volume)


def end(traded: int | None) -> Cancelled:
    return Cancelled(at=1, traded=traded)


def order(*events: Event, volume: int = 5) -> OrderState:
    """An order that was handed over and then lived through these."""
    state = OrderState(1, volume)
    for event in (Submitting(at=1), *events):
        state.apply(event)
    return state


def refuses(state: OrderState, event: Event) -> None:
    """Assert that the event is a contradiction that changes nothing, the counter of ignored ones included."""
    before = copy.deepcopy(state)
    with pytest.raises(RuleError) as caught:
        state.apply(event)
    assert caught.value.code == "contradiction"
    assert state == before


def ignores(state: OrderState, event: Event) -> None:
    """Assert that the event tells nothing new: only the counter moves."""
    before = copy.deepcopy(state)
    assert not state.apply(event)
    assert state.ignored == before.ignored + 1
    before.ignored += 1
    assert state == before


ACCEPTED = Accepted(at=1, exchange_order_id="17")
SAMPLES: dict[type[Event], Event] = {
    Submitting: Submitting(at=1),
    Submitted: Submitted(at=1),
    Accepted: ACCEPTED,
    Triggered: Triggered(at=1),
    Traded: fill("new", 1),
    CancelRequested: CancelRequested(at=1),
    CancelRefused: CancelRefused(at=1),
    Cancelled: end(None),
    Expired: Expired(at=1),
    Rejected: Rejected(at=1, reason_code="money"),
    InDoubt: InDoubt(at=1),
    NotSent: NotSent(at=1, reason="no_connection"),
}
ROADS: dict[OrderStatus, tuple[Event, ...]] = {
    S.SUBMITTING: (),
    S.SUBMITTED: (Submitted(at=1),),
    S.ACCEPTED: (ACCEPTED,),
    S.PARTIALLY_FILLED: (fill("1", 2),),
    S.FILLED: (fill("1", 5),),
    S.CANCELLED: (end(0),),
    S.REJECTED: (Rejected(at=1, reason_code="money"),),
    S.EXPIRED: (Expired(at=1),),
    S.IN_DOUBT: (InDoubt(at=1),),
}


def standing(status: OrderStatus) -> OrderState:
    return OrderState(1, 5) if status is S.PENDING else order(*ROADS[status])


def test_an_order_accepted_filled_in_parts() -> None:
    state = order(Submitted(at=1), ACCEPTED)
    assert state.status is S.ACCEPTED
    assert state.apply(fill("1", 2, 4000.0))
    assert (state.status, state.traded, state.left) == (S.PARTIALLY_FILLED, 2, 3)
    assert state.apply(fill("2", 3, 4010.0))
    assert (state.status, state.traded, state.left, state.is_working) == (S.FILLED, 5, 0, False)
    assert state.average_price == 4006.0


def test_statuses_are_working_or_final() -> None:
    assert set(S) == FINAL | WORKING
    assert not FINAL & WORKING
    assert math.isnan(OrderState(1, 1).average_price)


def test_a_final_state_is_never_left() -> None:
    assert {
        (status, kind) for (status, kind), target in TRANSITIONS.items() if status in FINAL and target != status
    } == set()


@pytest.mark.parametrize(
    ("status", "kind"),
    [pair for pair in itertools.product(OrderStatus, EVENTS) if pair not in TRANSITIONS],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_a_move_that_the_table_lacks_raises_and_changes_nothing(status: OrderStatus, kind: type[Event]) -> None:
    refuses(standing(status), SAMPLES[kind])


@pytest.mark.parametrize(
    ("status", "kind"),
    [pair for pair, target in TRANSITIONS.items() if pair[0] is not S.ACCEPTED and target is not pair[0]],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_a_move_of_the_table_leads_where_it_says(status: OrderStatus, kind: type[Event]) -> None:
    state = standing(status)
    assert state.apply(SAMPLES[kind])
    assert state.status is TRANSITIONS[status, kind]


def test_the_table_is_printed_whole() -> None:
    printed = subprocess.run(
        [sys.executable, "-m", "trading.domain.order"], capture_output=True, text=True, check=True
    ).stdout
    assert printed == table()
    header, *rows = printed.splitlines()
    assert header.split() == [kind.__name__ for kind in EVENTS]
    cells = {row.split()[0]: row.split()[1:] for row in rows}
    assert list(cells) == list(OrderStatus)
    column = header.split().index("Traded")
    assert cells["accepted"][column] == "partially_filled"
    assert (cells["rejected"][column], cells["cancelled"][column]) == ("-", "=")


def test_a_fill_may_come_before_the_acceptance() -> None:
    state = order(fill("1", 2))
    assert state.status is S.PARTIALLY_FILLED
    assert state.apply(ACCEPTED), "it still tells the exchange's number"
    assert (state.status, state.exchange_order_id) == (S.PARTIALLY_FILLED, "17")
    ignores(state, ACCEPTED)


def test_a_fill_may_come_after_the_request_to_cancel() -> None:
    state = order(ACCEPTED, CancelRequested(at=1))
    assert (state.status, state.cancel_requested) == (S.ACCEPTED, True)
    assert state.apply(fill("1", 5))
    assert (state.status, state.cancel_requested) == (S.FILLED, False)
    ignores(state, CancelRefused(at=2))


def test_a_refused_cancel_leaves_the_order_working() -> None:
    state = order(ACCEPTED, fill("1", 1), CancelRequested(at=1))
    assert state.apply(CancelRefused(at=2, reason_code="too_late"))
    assert (state.status, state.cancel_requested, state.is_working) == (S.PARTIALLY_FILLED, False, True)


def test_a_fill_after_the_end_counts_up_to_the_reported_volume() -> None:
    state = order(ACCEPTED, fill("1", 1), end(3))
    assert (state.status, state.traded, state.missing) == (S.CANCELLED, 1, 2)
    assert state.apply(fill("2", 2))
    assert (state.status, state.traded, state.missing) == (S.CANCELLED, 3, 0)
    refuses(state, fill("3", 1))


def test_an_expired_order_takes_late_fills_as_a_cancelled_one() -> None:
    state = order(Accepted(at=1, traded=2), Expired(at=2))
    assert state.apply(fill("1", 2))
    assert (state.status, state.traded) == (S.EXPIRED, 2)
    refuses(state, fill("2", 1))


def test_an_end_that_tells_no_volume_allows_what_was_known() -> None:
    state = order(ACCEPTED, fill("1", 1), end(None))
    refuses(state, fill("2", 1))
    assert state.apply(end(2)), "told later after all"
    assert state.apply(fill("2", 1))
    ignores(state, end(1))
    refuses(order(ACCEPTED, end(None)), Accepted(at=2, traded=5))


def test_an_end_with_less_than_is_known_to_be_traded_is_a_contradiction() -> None:
    refuses(order(ACCEPTED, fill("1", 3)), end(2))
    refuses(order(Accepted(at=1, traded=3)), end(2))
    refuses(order(ACCEPTED), end(5))
    refuses(order(ACCEPTED, fill("1", 5)), end(3))
    refuses(order(ACCEPTED, end(2)), end(3))
    refuses(order(ACCEPTED, end(2)), Accepted(at=1, traded=3))


def test_an_order_reported_as_traded_whole_does_not_end_otherwise() -> None:
    state = order(Accepted(at=1, traded=5))
    assert (state.status, state.missing) == (S.ACCEPTED, 5)
    refuses(state, end(None))
    state.apply(fill("1", 5))
    assert state.status is S.FILLED
    ignores(state, end(None))
    ignores(state, Expired(at=2, traded=5))


def test_a_report_that_lags_is_ignored_and_counted() -> None:
    state = order(Submitted(at=1), Accepted(at=1, exchange_order_id="17", traded=2), fill("1", 2))
    for late in (Submitting(at=1), Submitted(at=1), ACCEPTED, Accepted(at=1, traded=1), InDoubt(at=1)):
        ignores(state, late)
    assert state.ignored == 5


def test_a_repeated_fill_is_ignored_in_every_state() -> None:
    for state in (
        order(fill("1", 2)),
        order(fill("1", 2), fill("2", 3)),
        order(fill("1", 2), end(2)),
        order(fill("1", 2), Expired(at=2)),
    ):
        ignores(state, fill("1", 2))


def test_a_known_trade_with_another_price_or_volume_is_a_contradiction() -> None:
    state = order(fill("1", 2))
    refuses(state, fill("1", 2, price=4001.0))
    refuses(state, fill("1", 1))


def test_fills_above_the_volume_are_a_contradiction() -> None:
    refuses(order(ACCEPTED, fill("1", 3)), fill("2", 3))
    refuses(order(ACCEPTED, fill("1", 5)), fill("2", 1))
    refuses(order(ACCEPTED), fill("1", 0))
    refuses(order(ACCEPTED), Accepted(at=1, traded=6))


def test_a_fill_on_a_rejected_order_is_a_contradiction() -> None:
    refuses(order(Rejected(at=1, reason_code="money")), fill("1", 1))


@pytest.mark.parametrize("by", list(Refuser))
def test_a_rejection_tells_who_and_why_once(by: Refuser) -> None:
    events = [] if by is Refuser.DESK else [Submitting(at=1), Submitted(at=1)]
    state = OrderState(1, 5)
    for event in events:
        state.apply(event)
    state.apply(CancelRequested(at=1))
    assert state.apply(Rejected(at=2, reason_code="31", text="资金不足", by=by))
    assert (state.status, state.reason_code, state.reason_text, state.rejected_by) == (S.REJECTED, "31", "资金不足", by)
    assert not state.cancel_requested
    ignores(state, Rejected(at=3, reason_code="31", text="the second callback of the same refusal", by=by))
    refuses(state, ACCEPTED)


def test_what_rests_at_the_exchange_is_refused_no_more() -> None:
    refuses(order(ACCEPTED), Rejected(at=1, reason_code="money"))
    refuses(order(ACCEPTED), NotSent(at=1))
    ignores(order(ACCEPTED), InDoubt(at=1))


def test_an_order_certainly_not_sent_is_rejected_by_the_desk() -> None:
    state = order(NotSent(at=1, reason="no_connection"))
    assert (state.status, state.rejected_by, state.reason_code) == (S.REJECTED, Refuser.DESK, "no_connection")
    refuses(state, ACCEPTED)


@pytest.mark.parametrize(
    ("event", "status"),
    [
        (Submitted(at=2), S.SUBMITTED),
        (ACCEPTED, S.ACCEPTED),
        (fill("1", 2), S.PARTIALLY_FILLED),
        (fill("1", 5), S.FILLED),
        (end(0), S.CANCELLED),
        (end(2), S.CANCELLED),
        (Expired(at=2), S.EXPIRED),
        (Rejected(at=2, reason_code="31"), S.REJECTED),
        (NotSent(at=2, reason="absent"), S.REJECTED),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Event) else value,
)
def test_an_order_in_doubt_may_turn_out_as_anything(event: Event, status: OrderStatus) -> None:
    for before in ((), (Submitted(at=1),)):
        state = order(*before, InDoubt(at=1, reason="connection lost"))
        assert state.status is S.IN_DOUBT
        assert state.apply(event)
        assert state.status is status


def test_a_cancel_of_an_order_in_doubt_waits_for_its_truth() -> None:
    state = order(InDoubt(at=1), CancelRequested(at=2))
    assert (state.status, state.cancel_requested) == (S.IN_DOUBT, True)
    state.apply(ACCEPTED)
    assert state.cancel_requested
    state.apply(end(0))
    assert (state.status, state.cancel_requested) == (S.CANCELLED, False)


def test_a_pending_order_is_withdrawn_without_being_sent() -> None:
    state = OrderState(1, 5)
    assert state.apply(CancelRequested(at=1))
    assert state.apply(Cancelled(at=2, traded=0, reason_code="before_sending"))
    assert (state.status, state.reason_code) == (S.CANCELLED, "before_sending")


def test_two_numbers_of_the_exchange_for_one_order_are_a_contradiction() -> None:
    refuses(order(ACCEPTED), Accepted(at=1, exchange_order_id="18"))


@pytest.mark.parametrize("status", sorted(FINAL))
def test_what_comes_after_the_end_moves_no_flag(status: OrderStatus) -> None:
    for late in (CancelRequested(at=9), Triggered(at=9)):
        ignores(standing(status), late)


def test_a_rejected_order_ends_otherwise_only_without_a_trade() -> None:
    ignores(standing(S.REJECTED), end(0))
    refuses(standing(S.REJECTED), end(1))


def test_a_stop_order_rests_until_it_is_triggered_and_may_then_be_refused() -> None:
    state = order(Accepted(at=1))
    refuses(state, Rejected(at=1, reason_code="price"))
    assert state.apply(Triggered(at=2))
    assert (state.status, state.triggered) == (S.ACCEPTED, True)
    ignores(state, Triggered(at=2))
    doubtful, refused, filled = (copy.deepcopy(state) for _ in range(3))
    assert doubtful.apply(InDoubt(at=3))
    assert doubtful.status is S.IN_DOUBT
    assert refused.apply(Rejected(at=3, reason_code="price"))
    assert refused.status is S.REJECTED
    assert filled.apply(fill("1", 2))
    refuses(filled, Rejected(at=3, reason_code="price"))


def test_a_triggered_stop_order_that_the_exchange_has_numbered_is_in_doubt_no_more() -> None:
    state = order(Accepted(at=1), Triggered(at=2), InDoubt(at=3), ACCEPTED)
    assert state.status is S.ACCEPTED
    ignores(state, InDoubt(at=3))


def test_a_stop_order_reported_as_traded_is_refused_no_more() -> None:
    refuses(order(Accepted(at=1, traded=1), Triggered(at=2)), Rejected(at=3, reason_code="price"))


@pytest.mark.parametrize("event", SAMPLES.values(), ids=lambda event: type(event).__name__)
def test_a_stored_event_comes_back_as_it_was(event: Event) -> None:
    assert msgspec.json.decode(msgspec.json.encode(event), type=AnyEvent) == event
    frozen: Any = event
    with pytest.raises(AttributeError):
        frozen.at = 2
