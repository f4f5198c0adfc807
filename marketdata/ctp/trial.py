"""Whether a login works: connect, log in, say what came of it, and end. Nothing is confirmed and nothing is sent."""

import threading
import time
from dataclasses import replace
from pathlib import Path

from marketdata.ctp.connection import Connection
from marketdata.ctp.fronts import look_at
from marketdata.ctp.library import Kind
from marketdata.ctp.link import Link
from marketdata.ctp.md_session import MdSession
from marketdata.ctp.session import TraderSession
from marketdata.ctp.settings import SessionSettings, Trouble
from marketdata.domain.ctp.exits import Exit, StartError
from marketdata.domain.ctp.login import Confirm, LoginTerms
from marketdata.domain.ctp.session import LOGGED_IN, SessionState
from quantsite.common.texts import say, sentences

SECONDS = 20.0
"""A front that has not let us in by then will hardly do so: a login takes a second or two."""
TURN_SECONDS = 0.2


def try_login(kind: Kind, terms: LoginTerms, flow: Path, stop: threading.Event, seconds: float) -> str:
    """One sentence about a login that works; the preflight must have passed, and the folder be ours.

    Raises :class:`StartError` with the reason why it does not.
    """
    woken = threading.Event()
    link = Link(kind, flow, terms.fronts, woken.set)
    settings = SessionSettings(name=f"{kind} trial", connect_seconds=2 * seconds)
    made = TraderSession if kind == "td" else MdSession
    session: Connection = made(link, replace(terms, confirm=Confirm.PERSON), settings=settings)
    try:
        _wait(session, woken, stop, time.monotonic() + seconds)
        return _told(session, seconds)
    finally:
        session.close()


def _wait(session: Connection, woken: threading.Event, stop: threading.Event, until: float) -> None:
    over = LOGGED_IN | {SessionState.REFUSED}
    while session.state not in over and time.monotonic() < until and not stop.is_set():
        session.work(time.monotonic())
        woken.wait(TURN_SECONDS)
        woken.clear()


def _told(session: Connection, seconds: float) -> str:
    facts, reasons = session.facts, session.troubles
    if session.state in LOGGED_IN:
        front = session.link.front_info().get("FrontAddr") or session.link.fronts[0]
        day = facts.trading_day if facts is not None else "-"
        return say(
            "%(user)s has logged in at %(front)s; the trading day is %(day)s.",
            user=session.login.user, front=front, day=day,
        )  # fmt: skip
    if session.state is SessionState.REFUSED:
        reason = str(reasons[Trouble.REFUSED]["reason"])
        raise StartError(Exit.REFUSED, say("The front refuses the login: %(reason)s", reason=reason))
    if Trouble.NOT_READY in reasons:
        reason = str(reasons[Trouble.NOT_READY]["reason"])
        text = say("The front lets nobody in yet, try again later: %(reason)s", reason=reason)
        raise StartError(Exit.NOT_READY, text)
    found = [look_at(front) for front in session.link.fronts]
    head = say("No front has answered within %(seconds)g s.", seconds=seconds)
    code = Exit.SILENT if any(finding.taken for finding in found) else Exit.NOTHING_LISTENS
    raise StartError(code, sentences(head, *(finding.text for finding in found)))
