"""The states of the order at work."""

from pathlib import Path

import pytest
from django.conf import settings

from strategies.domain.execution.slot import ASK_AGAIN_NS, MOVES, Slot, SlotEvent, SlotState, table
from trading.domain.offsets import Direction
from trading.domain.order_status import OrderType


def working() -> Slot:
    slot = Slot()
    slot.place(7, Direction.SELL, OrderType.LIMIT, 5, 100.0, 1_000)
    slot.note(SlotEvent.ACCEPTED)
    return slot


def test_an_order_fills_in_parts_and_is_over() -> None:
    slot = working()
    slot.fill(2)
    assert (slot.state, slot.left, slot.at_work) == (SlotState.WORKING, 3, -3)
    slot.fill(3)
    assert (slot.state, slot.at_work, slot.busy) == (SlotState.IDLE, 0, False)


def test_a_fill_comes_while_its_cancel_is_under_way() -> None:
    slot = working()
    assert slot.ask(2_000)
    slot.fill(1)
    assert (slot.state, slot.at_work) == (SlotState.LEAVING, -4)
    slot.note(SlotEvent.ENDED)
    assert not slot.busy


def test_a_cancel_without_an_answer_is_asked_for_again() -> None:
    slot = working()
    assert slot.ask(2_000)
    assert not slot.ask(2_000 + ASK_AGAIN_NS - 1)
    assert slot.ask(2_000 + ASK_AGAIN_NS)


def test_there_is_one_order_at_a_time() -> None:
    slot = working()
    with pytest.raises(KeyError):
        slot.place(8, Direction.SELL, OrderType.LIMIT, 5, 100.0, 1_000)
    assert (slot.number, slot.left) == (7, 5)


def test_nothing_is_told_of_no_order() -> None:
    with pytest.raises(KeyError):
        Slot().note(SlotEvent.ENDED)


def test_it_is_written_down_and_restored_in_every_state() -> None:
    market = Slot()
    market.place(9, Direction.BUY, OrderType.MARKET, 1, float("nan"), 5)
    leaving = working()
    leaving.ask(3)
    for slot in (Slot(), working(), leaving, market):
        assert repr(Slot.restored(slot.document())) == repr(slot)


def test_every_state_is_left_and_reached() -> None:
    assert {state for state, _event in MOVES} == set(SlotState) == set(MOVES.values())
    assert {event for _state, event in MOVES} == set(SlotEvent)


def test_the_page_shows_the_table() -> None:
    page = (Path(settings.BASE_DIR) / "docs" / "execution.md").read_text(encoding="utf-8")
    assert table() in page
