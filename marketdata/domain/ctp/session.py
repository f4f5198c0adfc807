"""The states of a session at a CTP front, and what moves it: one table for trading and for quotes.

``python -m marketdata.domain.ctp.session`` prints it. What is not in the table happens and changes nothing: a front
may lose a connection that was never told to be there, twice, and callbacks of a lost connection may come late.
"""

import sys
from enum import StrEnum


class SessionState(StrEnum):
    """Where a session stands."""

    RESTING = "resting"  # no connection is wanted: before the start, and outside of trading hours
    CONNECTING = "connecting"  # the library tries the fronts
    CONNECTED = "connected"  # a front has shaken hands
    AUTHENTICATED = "authenticated"  # the client program is accepted
    LOGGED_IN = "logged_in"  # the user is; the settlement statement is fetched and waits to be confirmed
    CONFIRMED = "confirmed"  # the settlement statement is confirmed for this trading day
    SYNCHRONISING = "synchronising"  # orders, trades, positions and funds are being compared
    READY = "ready"  # orders may go out
    LOST = "lost"  # the connection broke; the library connects again by itself
    REFUSED = "refused"  # a person must look before anything is tried again
    CLOSED = "closed"  # for good


class SessionEvent(StrEnum):
    """What happens to it."""

    STARTED = "started"
    FRONT_CONNECTED = "front connected"
    FRONT_LOST = "front lost"
    AUTHENTICATED = "authenticated"
    LOGGED_IN = "logged in"
    LOGGED_OUT = "logged out"
    CONFIRMED = "confirmed"
    SYNCHRONISE = "synchronise"
    SYNCHRONISED = "synchronised"
    REFUSED = "refused"
    RESUMED = "resumed"
    RESTED = "rested"
    CLOSED = "closed"


S, E = SessionState, SessionEvent

LOGGED_IN = frozenset({S.LOGGED_IN, S.CONFIRMED, S.SYNCHRONISING, S.READY})
"""Queries may be asked."""
UP = LOGGED_IN | {S.CONNECTED, S.AUTHENTICATED}
"""A front is connected."""
WANTED = UP | {S.CONNECTING, S.LOST}
"""A connection is wanted and worked on."""

TRANSITIONS: dict[tuple[SessionState, SessionEvent], SessionState] = {
    (S.RESTING, E.STARTED): S.CONNECTING,
    (S.CONNECTING, E.FRONT_CONNECTED): S.CONNECTED,
    (S.LOST, E.FRONT_CONNECTED): S.CONNECTED,
    # connected anew without a word about the loss in between: everything begins again
    **{(state, E.FRONT_CONNECTED): S.CONNECTED for state in UP},
    **{(state, E.FRONT_LOST): S.LOST for state in UP},
    (S.CONNECTED, E.AUTHENTICATED): S.AUTHENTICATED,
    (S.CONNECTED, E.LOGGED_IN): S.LOGGED_IN,  # quotes, and fronts that know no authentication
    (S.AUTHENTICATED, E.LOGGED_IN): S.LOGGED_IN,
    # error 6 in the middle of the day: the front has forgotten us though the connection stands
    **{(state, E.LOGGED_OUT): S.CONNECTED for state in LOGGED_IN},
    (S.LOGGED_IN, E.CONFIRMED): S.CONFIRMED,
    (S.CONFIRMED, E.SYNCHRONISE): S.SYNCHRONISING,
    (S.READY, E.SYNCHRONISE): S.SYNCHRONISING,  # somebody wants all of it compared again
    (S.SYNCHRONISING, E.SYNCHRONISED): S.READY,
    (S.LOGGED_IN, E.SYNCHRONISED): S.READY,  # quotes: there is nothing to confirm
    **{(state, E.REFUSED): S.REFUSED for state in UP},
    (S.REFUSED, E.RESUMED): S.CONNECTING,
    **{(state, E.RESTED): S.RESTING for state in WANTED},
    **{(state, E.CLOSED): S.CLOSED for state in SessionState},
}


class SessionMachine:
    """The state of one session; ``moved`` tells whether an event has changed anything."""

    def __init__(self) -> None:
        self.state = S.RESTING

    def moved(self, event: SessionEvent) -> bool:
        """Take the event. What the table does not know changes nothing; a state that begins anew has moved."""
        following = TRANSITIONS.get((self.state, event))
        if following is None:
            return False
        anew = event is E.FRONT_CONNECTED
        changed = following is not self.state or anew
        self.state = following
        return changed


def table() -> str:
    """The transitions as text: a row a state, a column an event; ``=`` begins anew, ``-`` changes nothing."""
    rows = [["", *SessionEvent]]
    for state in SessionState:
        cells = [TRANSITIONS.get((state, event)) for event in SessionEvent]
        rows.append([state, *("-" if cell is None else "=" if cell is state else cell for cell in cells)])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(table())
