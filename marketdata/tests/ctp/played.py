"""A session with the scripted front, its owner and its clock played by the test: seconds pass only where it says so."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from marketdata.ctp.heard import Heard
from marketdata.ctp.link import Link
from marketdata.ctp.md_session import MdSession
from marketdata.ctp.session import TraderSession
from marketdata.ctp.settings import SessionSettings
from marketdata.domain.ctp.login import LoginTerms
from marketdata.domain.ctp.queries import Answer
from marketdata.domain.ctp.session import SessionState
from marketdata.tests.ctp.noted import Noted
from quantsite.testing.ctp.books import Investor
from quantsite.testing.ctp.front import Front

FRONTS = ("tcp://127.0.0.1:41205", "tcp://127.0.0.1:41206")
STEP = 0.005
"""Seconds of the session's clock between two turns, unless the test lets more pass."""


def terms_of(me: Investor, **otherwise: Any) -> LoginTerms:
    return replace(
        LoginTerms(
            broker=me.broker, user=me.user, password=me.password, fronts=FRONTS, app_id=me.app_id,
            auth_code=me.auth_code, product_info="quantsite",
        ),
        **otherwise,
    )  # fmt: skip


class Owner:
    """Turns a session and keeps what it gives."""

    session: TraderSession | MdSession

    def __init__(self) -> None:
        self.news: list[Heard] = []
        self.now = 1_000.0
        self.watch = Noted()
        self.woken = threading.Event()

    def turn(self, seconds: float = STEP) -> list[Heard]:
        """One turn, so many seconds later."""
        self.now += seconds
        given = self.session.work(self.now)
        self.news += given
        return given

    def until(self, condition: Callable[[], Any], seconds: float = STEP) -> Any:
        """Turn until it holds; gives what it gave."""
        end = time.monotonic() + 30
        while not (found := condition()):
            assert time.monotonic() < end, f"still {self.session.state}, heard {[heard.name for heard in self.news]}"
            self.turn(seconds)
            self.woken.wait(0.002)
            self.woken.clear()
        return found

    def pass_by(self, seconds: float, step: float = 0.5) -> None:
        """So many seconds pass, with a turn each ``step``; the front's own threads get a moment each time."""
        for _ in range(round(seconds / step)):
            self.turn(step)
            time.sleep(0.002)

    def named(self, name: str) -> list[Heard]:
        return [heard for heard in self.news if heard.name == name]

    def states(self) -> list[str]:
        """The states that it went through."""
        return [heard.fields["state"].value for heard in self.named("session") if heard.fields]


class Trader(Owner):
    """Of a trading session; compares nothing: it is synchronised at once, unless told to wait."""

    session: TraderSession

    def __init__(self, me: Investor, folder: Path, *, waits: bool = False, **settings: Any) -> None:
        super().__init__()
        self.me = me
        login = settings.pop("login", terms_of(me))
        folder.mkdir(parents=True, exist_ok=True)
        self.link = Link("td", folder, login.fronts, self.woken.set)
        terms: dict[str, Any] = {"name": "td test", "watch": self.watch, "query_spacing": 0.1} | settings
        self.session = TraderSession(self.link, login, settings=SessionSettings(**terms))
        self.waits = waits

    def turn(self, seconds: float = STEP) -> list[Heard]:
        given = super().turn(seconds)
        if not self.waits and self.session.state is SessionState.SYNCHRONISING:
            self.session.synchronised()
        return given

    def get_ready(self) -> "Trader":
        self.until(lambda: self.session.state is SessionState.READY)
        return self

    def ask(self, method: str = "ReqQryTradingAccount", struct: str = "QryTradingAccountField") -> list[Answer]:
        """Ask; the list gets the answer."""
        got: list[Answer] = []
        self.session.ask(method, struct, {"BrokerID": self.me.broker, "InvestorID": self.me.user}, got.append)
        return got

    def order(self, **otherwise: Any) -> dict[str, Any]:
        """The fields of a limit order."""
        return {
            "BrokerID": self.me.broker, "InvestorID": self.me.user, "UserID": self.me.user, "ExchangeID": "SHFE",
            "InstrumentID": "rb2701", "OrderRef": self.session.next_ref(), "Direction": "0", "CombOffsetFlag": "0",
            "CombHedgeFlag": "1", "OrderPriceType": "2", "LimitPrice": 3500.0, "VolumeTotalOriginal": 1,
            "TimeCondition": "3", "VolumeCondition": "1", "MinVolume": 1, "ContingentCondition": "1",
            "ForceCloseReason": "0", "IsAutoSuspend": 0, **otherwise,
        }  # fmt: skip


class Reader(Owner):
    """Of a session for quotes."""

    session: MdSession

    def __init__(self, folder: Path, **settings: Any) -> None:
        super().__init__()
        folder.mkdir(parents=True, exist_ok=True)
        self.link = Link("md", folder, FRONTS, self.woken.set)
        login = LoginTerms(broker="9999", user="100001", fronts=FRONTS)
        terms: dict[str, Any] = {"name": "md test", "watch": self.watch} | settings
        self.session = MdSession(self.link, login, settings=SessionSettings(**terms))


def opened(front: Front) -> Investor:
    """A front with one contract and one account."""
    front.contract("rb2701", "SHFE", pre_settlement=3500)
    return front.open_account("9999", "100001", "secret", balance=1_000_000)
