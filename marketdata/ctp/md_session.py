"""A session for quotes: login, and what is subscribed, anew after each loss (subscriptions do not survive one)."""

from collections.abc import Iterable

import structlog

from marketdata.ctp.connection import SESSION, Connection, Step, login_facts
from marketdata.ctp.heard import FAULT, QUOTE, Heard
from marketdata.ctp.link import Link
from marketdata.ctp.metrics import CONFLATED
from marketdata.ctp.settings import SessionSettings
from marketdata.domain.ctp.login import LoginTerms
from marketdata.domain.ctp.session import SessionEvent, SessionState

__all__ = ["QUOTE", "SESSION", "SUBSCRIBED", "MdSession"]

log = structlog.get_logger(__name__)

SUBSCRIBED = "OnRspSubMarketData"
BATCH = 500
"""Instruments in one request."""


class MdSession(Connection):
    """Its owner says what it wants; :meth:`work` gives quotes, and the front's word about each subscription."""

    def __init__(self, link: Link, login: LoginTerms, *, settings: SessionSettings) -> None:
        super().__init__(link, login, settings=settings)
        self.wanted: frozenset[str] = frozenset()
        self._subscribed: frozenset[str] = frozenset()
        self._subscribe_at = 0.0
        self._conflated = 0

    def want(self, symbols: Iterable[str]) -> None:
        """From now on the quotes of these instruments (the exchange's symbols), and of no others."""
        self.wanted = frozenset(symbols)

    def _step(self) -> Step | None:
        if self.state is SessionState.CONNECTED:
            return Step("ReqUserLogin", "ReqUserLoginField", "OnRspUserLogin", self._user, self._logged_in)
        return None

    def _user(self) -> dict[str, str]:
        terms = self.login
        return {
            "BrokerID": terms.broker, "UserID": terms.user, "Password": terms.password,
            "UserProductInfo": terms.product_info,
        }  # fmt: skip

    def _logged_in(self, heard: Heard) -> None:
        self.facts = login_facts(heard, self.link.trading_day())
        self._move(SessionEvent.LOGGED_IN)
        self._move(SessionEvent.SYNCHRONISED)

    def _lost(self) -> None:
        self._subscribed = frozenset()
        self._subscribe_at = 0.0

    def _hear_more(self, heard: Heard) -> None:
        if heard.name == "OnRspUserLogout":
            self._forgotten()
        if heard.name in {"OnRspUserLogout", FAULT}:
            return
        if heard.name == SUBSCRIBED and heard.error is not None:
            symbol = (heard.fields or {}).get("InstrumentID")
            log.warning("subscription refused", session=self.settings.name, instrument=symbol, code=heard.error.code)
        self._news.append(heard)

    def _mind(self) -> None:
        if self.state is SessionState.READY and self._now >= self._subscribe_at:
            self._subscribe(sorted(self.wanted - self._subscribed))
            self._unsubscribe(sorted(self._subscribed - self.wanted))
        conflated = self.link.heard.conflated
        if conflated > self._conflated:
            CONFLATED.labels(self.settings.name).inc(conflated - self._conflated)
            self._conflated = conflated

    def _subscribe(self, symbols: list[str]) -> None:
        for batch in _batches(symbols):
            if self._refused(self.link.subscribe(batch), "subscribe"):
                return
            self._subscribed |= set(batch)

    def _unsubscribe(self, symbols: list[str]) -> None:
        for batch in _batches(symbols):
            if self._refused(self.link.unsubscribe(batch), "unsubscribe"):
                return
            self._subscribed -= set(batch)

    def _refused(self, rc: int, what: str) -> bool:
        """Whether the library has not taken a request; the rest then waits a moment."""
        if rc == 0:
            return False
        self._subscribe_at = self._now + self.settings.retry_first
        log.warning("not taken", session=self.settings.name, request=what, rc=rc)
        return True


def _batches(symbols: list[str]) -> list[list[str]]:
    return [symbols[start : start + BATCH] for start in range(0, len(symbols), BATCH)]
