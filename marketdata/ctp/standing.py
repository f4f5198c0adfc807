"""How sessions behave in earnest: by the trading calendar, with alarms as rows."""

import time
from collections.abc import Callable
from typing import Any

from marketdata.ctp.alarms import Beside, SessionAlarms
from marketdata.ctp.hours import TradingHours
from marketdata.ctp.library import Kind
from marketdata.ctp.settings import SessionSettings, always

START_SECONDS = 1800.0
"""So long a session that was just started stays, at whatever hour; what is lost then is tried with growing pauses."""


def session_name(kind: Kind, name: str) -> str:
    """What an account's (``td``) or a source's (``md``) session is called in logs, metrics and alarms."""
    return f"{kind} {name}"


class FromTheStart:
    """Whether a connection is wanted: whoever starts a session wants to see at once whether it can log in."""

    def __init__(self, hours: Callable[[int], bool]) -> None:
        self._hours = hours
        self._until = time.monotonic() + START_SECONDS

    def __call__(self, now: int) -> bool:
        """By the hours, after a while that begins with the start."""
        return time.monotonic() < self._until or self._hours(now)


def standing(kind: Kind, name: str, *, around_the_clock: bool = False, **otherwise: Any) -> SessionSettings:
    """The settings of a session; ``otherwise`` names what differs (:class:`SessionSettings`).

    ``around_the_clock``: a test front that trades at hours of its own.
    """
    alarms = SessionAlarms(session_name(kind, name))
    terms: dict[str, Any] = {
        "name": session_name(kind, name),
        "should_connect": always if around_the_clock else FromTheStart(TradingHours()),
        "watch": Beside(alarms) if kind == "md" else alarms,
    }
    return SessionSettings(**(terms | otherwise))
