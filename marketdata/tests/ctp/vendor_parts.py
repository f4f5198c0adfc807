"""What the tests on the vendor's own library run in a process of its own; each prints one JSON object."""

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import django

django.setup()

from marketdata.ctp.flow import FlowFolder  # noqa: E402
from marketdata.ctp.heard import Heard, HeardQueue  # noqa: E402
from marketdata.ctp.link import Link  # noqa: E402
from marketdata.ctp.preflight import preflight  # noqa: E402
from marketdata.ctp.session import TraderSession  # noqa: E402
from marketdata.ctp.settings import SessionSettings  # noqa: E402
from marketdata.domain.ctp.exits import StartError  # noqa: E402
from marketdata.domain.ctp.login import LoginTerms  # noqa: E402
from marketdata.domain.ctp.session import SessionState  # noqa: E402
from marketdata.tests.ctp.noted import Noted  # noqa: E402
from marketdata.tests.ctp.preflight_parts import tell  # noqa: E402


def threads() -> int:
    """Of the process, the library's own counted in."""
    return len(list(Path("/proc/self/task").iterdir()))


def made(front: str, folder: str, **settings: Any) -> tuple[TraderSession, Noted]:
    """A session as a gateway makes it."""
    preflight()
    flow = FlowFolder(Path(folder) / "td-test", "account test")
    watch = Noted()
    login = LoginTerms(broker="9999", user="1", password="1", app_id="a", auth_code="b", fronts=(front,))
    link = Link("td", flow.path, login.fronts, lambda: None)
    terms: dict[str, Any] = {"name": "td test", "watch": watch} | settings
    return TraderSession(link, login, settings=SessionSettings(**terms)), watch


class Noting(HeardQueue):
    """Notes what comes from the library."""

    def __init__(self, noted: list[tuple[str, int]]) -> None:
        super().__init__()
        self._noted = noted

    def put(self, heard: Heard) -> None:
        self._noted.append((heard.name, heard.request))
        super().put(heard)


def live(front: str, folder: str, seconds: float, connect_seconds: float = 60.0) -> None:
    """Work a session for so long against a peer, tell what became of it, and end."""
    session, watch = made(front, folder, connect_seconds=connect_seconds)
    heard: list[tuple[str, int]] = []
    session.link.heard = Noting(heard)
    session.work(time.monotonic())
    counts, end = [], time.monotonic() + seconds
    answers: list[object] = []
    session.ask("ReqQryTradingAccount", "QryTradingAccountField", {"BrokerID": "9999"}, answers.append)
    moves = 0
    while time.monotonic() < end:
        moves += sum(one.name == "session" for one in session.work(time.monotonic()))
        counts.append(threads())
        time.sleep(0.05)
    fields = {"BrokerID": "9999", "InvestorID": "1"}
    rc = session.link.request("ReqOrderInsert", "InputOrderField", fields)[0]
    inserted = session.insert(fields)
    began = time.monotonic()
    session.close()
    tell(
        state=session.state, heard=heard, moves=moves, troubles=watch.troubles, shown=len(watch.shown), answers=answers,
        first_threads=max(counts[:20]), last_threads=max(counts[-20:]), rc=rc, inserted=inserted,
        closing=time.monotonic() - began,
    )  # fmt: skip


def until_told(front: str, folder: str) -> None:
    """Work a session until SIGTERM, as a gateway does; say when it has begun, and that it has ended."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    session, _watch = made(front, folder)
    session.work(time.monotonic())
    tell(begun=True)
    while not stop.is_set():
        session.work(time.monotonic())
        stop.wait(0.05)
    session.close()
    tell(ended=session.state)


def release_everywhere(front: str, folder: str) -> None:
    """Make and end links in each state of the library, several times: the process must live."""
    preflight()
    flow = FlowFolder(Path(folder) / "td-test", "account test")
    heard = {}
    for state in ("before start", "after start", "in callbacks") * 3:
        link = Link("td", flow.path, (front,), lambda: None)
        if state != "before start":
            link.start()
        if state == "in callbacks":
            end = time.monotonic() + 20
            while link.heard.empty() and time.monotonic() < end:
                time.sleep(0.01)
        heard[state] = not link.heard.empty()
        link.close()
        link.close()
    tell(threads=threads(), heard=heard)


def flow_crash(folder: str) -> None:
    """What the library does where its folder does not exist."""
    Link("td", Path(folder) / "nowhere", ("tcp://127.0.0.1:1",), lambda: None).start()
    tell(alive=True)


def forked(front: str, folder: str) -> None:
    """A child of a process that has the library: what its preflight and its link say."""
    session, _watch = made(front, folder)
    session.work(time.monotonic())
    child = os.fork()
    if child == 0:
        rc = session.link.request("ReqUserLogin", "ReqUserLoginField", {"BrokerID": "9999"})[0]
        session.close()
        try:
            preflight()
            text = ""
        except StartError as error:
            text = error.text
        tell(rc=rc, text=text)
        os._exit(0)
    _pid, status = os.waitpid(child, 0)
    still = session.link.started
    session.close()
    tell(status=status, still=still, state=str(session.state), closed=session.state is SessionState.CLOSED)
