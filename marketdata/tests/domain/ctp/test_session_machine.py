"""The states of a session at a CTP front."""

import pytest

from marketdata.domain.ctp.session import (
    LOGGED_IN,
    TRANSITIONS,
    UP,
    SessionEvent,
    SessionMachine,
    SessionState,
    table,
)

S, E = SessionState, SessionEvent
WAY = (
    (E.STARTED, S.CONNECTING),
    (E.FRONT_CONNECTED, S.CONNECTED),
    (E.AUTHENTICATED, S.AUTHENTICATED),
    (E.LOGGED_IN, S.LOGGED_IN),
    (E.CONFIRMED, S.CONFIRMED),
    (E.SYNCHRONISE, S.SYNCHRONISING),
    (E.SYNCHRONISED, S.READY),
)


def at(state: SessionState) -> SessionMachine:
    machine = SessionMachine()
    machine.state = state
    return machine


def test_the_way_to_trading_leads_through_every_state_once() -> None:
    machine = SessionMachine()
    assert [(machine.moved(event), machine.state) for event, _state in WAY] == [(True, state) for _event, state in WAY]


@pytest.mark.parametrize("state", sorted(UP))
def test_a_loss_is_noticed_once(state: SessionState) -> None:
    machine = at(state)
    assert machine.moved(E.FRONT_LOST)
    assert machine.state is S.LOST
    assert not machine.moved(E.FRONT_LOST)


@pytest.mark.parametrize("state", [S.RESTING, S.CONNECTING, S.LOST, S.REFUSED, S.CLOSED])
def test_a_loss_without_a_connection_changes_nothing(state: SessionState) -> None:
    machine = at(state)
    assert not machine.moved(E.FRONT_LOST)
    assert machine.state is state


@pytest.mark.parametrize("event", [event for event in E if event not in {E.RESUMED, E.CLOSED}])
def test_nothing_but_a_person_leads_out_of_a_refusal(event: SessionEvent) -> None:
    machine = at(S.REFUSED)
    assert not machine.moved(event)
    assert machine.state is S.REFUSED


@pytest.mark.parametrize("event", list(E))
def test_a_session_that_is_closed_stays_so(event: SessionEvent) -> None:
    machine = at(S.CLOSED)
    assert not machine.moved(event)
    assert machine.state is S.CLOSED


def test_ready_is_reached_only_from_a_login() -> None:
    into_ready = {state for (state, _event), following in TRANSITIONS.items() if following is S.READY}
    assert into_ready <= LOGGED_IN


@pytest.mark.parametrize("state", sorted(UP))
def test_a_second_connect_without_a_loss_begins_everything_again(state: SessionState) -> None:
    machine = at(state)
    assert machine.moved(E.FRONT_CONNECTED)
    assert machine.state is S.CONNECTED


def test_the_table_has_a_row_for_each_state_and_a_column_for_each_event() -> None:
    lines = table().splitlines()
    assert len(lines) == 1 + len(S)
    assert all(event in lines[0] for event in E)
    assert [line.split()[0] for line in lines[1:]] == list(S)
