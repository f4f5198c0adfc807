"""A session for trading: login, settlement statement, one queue of queries, orders and cancels at their own pace.

Its owner's one thread calls :meth:`TraderSession.work` often, and at once when the link wakes it. An answer to a query
is given at the beginning of the turn after the one that heard it: the owner has then been handed every order and trade
that was heard before the answer was complete.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

import structlog

from marketdata.ctp.connection import SESSION, Connection, LoginFacts, Step, login_facts
from marketdata.ctp.heard import FAULT, Heard, Refusal
from marketdata.ctp.link import NOT_CONNECTED, Link
from marketdata.ctp.metrics import PACED, QUERY_AGE, TIMEOUTS, TURNED_AWAY
from marketdata.ctp.settings import SessionSettings, Trouble
from marketdata.domain.ctp.errors import NO_SUCH_FUNCTION, NOT_CONFIRMED, NOT_LOGGED_IN, kind_of
from marketdata.domain.ctp.login import LoginTerms
from marketdata.domain.ctp.pace import Pace
from marketdata.domain.ctp.queries import Answer, Done, QueryQueue
from marketdata.domain.ctp.session import LOGGED_IN, SessionEvent, SessionState
from marketdata.domain.ctp.statement import statement_text

__all__ = ["SESSION", "Answer", "LoginFacts", "SessionSettings", "SessionState", "TraderSession"]

log = structlog.get_logger(__name__)

TOO_MANY_A_SECOND = -3
"""What the library answers to a request too many; so does our own pace, before anything is sent."""
STATEMENT_SECONDS = 30.0
"""A statement that has not come by then, for whatever reason, is confirmed without: it must not keep the day from
beginning."""
CONFIRM_ATTEMPTS = 2
"""A front that answers no confirmation is gone on with; an order that it refuses for want of one is told (42)."""
STALE_SECONDS = 30.0
"""A query that waits longer than so is worth telling: what the broker knows is not what is shown."""
SETTLEMENT = "settlement"
"""Heard when the day's statement is complete: ``fields`` has ``trading_day`` and ``text``."""
CONFIRMED = "confirmed"
"""Heard when the front has taken the confirmation: ``fields`` has ``trading_day``."""
OWNERS = frozenset({
    "OnRtnOrder", "OnRtnTrade", "OnRtnInstrumentStatus",
    "OnRspOrderInsert", "OnErrRtnOrderInsert", "OnRspOrderAction", "OnErrRtnOrderAction",
})  # fmt: skip
"""What concerns orders is the owner's."""
ORDERS = OWNERS - {"OnRtnInstrumentStatus"}
"""One of these that could not be kept leaves a gap in what the owner knows of orders."""
UNLIMITED = 10_000
"""A front that names a larger number of requests a second means: no limit."""


class TraderSession(Connection):
    """Set ``confirmed_day`` to the trading day whose statement is confirmed already, if it is known from earlier."""

    def __init__(self, link: Link, login: LoginTerms, *, settings: SessionSettings) -> None:
        super().__init__(link, login, settings=settings)
        self.confirmed_day: date | None = None
        self.last_request = 0
        """``nRequestID`` of the last order or cancel that was handed over."""
        self._queries = QueryQueue(settings.query_spacing, settings.query_timeout, settings.query_patience)
        self._pace = Pace(settings.requests_per_second, settings.reserved_for_cancels)
        self._ref = 0
        self._statement_day: date | None = None  # whose statement has been fetched
        self._statement_by = 0.0
        self._may_confirm = False
        self._confirming = 0
        self._confirmed_again: date | None = None
        self._counted = (0, 0)

    # what the owner asks for

    def next_ref(self) -> str:
        """A new OrderRef: above what the front has seen, and above every one before."""
        self._ref += 1
        return str(self._ref)

    def ask(self, method: str, struct: str, fields: Mapping[str, Any], done: Done) -> None:
        """Put a query into the queue; ``done`` is called exactly once, in a turn, unless :meth:`forget` comes first."""
        self._queries.ask(method, struct, fields, done, self._now)

    def forget(self) -> None:
        """Drop what was asked: its owner is gone. A new owner asks anew."""
        self._queries.forget()
        self._statement_day = None

    def insert(self, fields: Mapping[str, Any]) -> int:
        """Send an order; 0 where the library has taken it. Nothing but 0 has reached anybody."""
        if self.state is not SessionState.READY:
            return NOT_CONNECTED
        return self._paced("ReqOrderInsert", "InputOrderField", fields, cancel=False)

    def action(self, fields: Mapping[str, Any]) -> int:
        """Send a cancel; 0 where the library has taken it, else it may be tried again."""
        if self.state not in (SessionState.SYNCHRONISING, SessionState.READY):
            return NOT_CONNECTED
        return self._paced("ReqOrderAction", "InputOrderActionField", fields, cancel=True)

    def synchronised(self) -> None:
        """The owner has compared everything: orders may go out."""
        self._move(SessionEvent.SYNCHRONISED)

    def synchronise(self) -> None:
        """The owner wants to compare everything again: no order goes out until :meth:`synchronised`."""
        self._move(SessionEvent.SYNCHRONISE)

    def confirm(self) -> None:
        """A person has read the settlement statement."""
        self._may_confirm = True
        self.troubles.pop(Trouble.UNCONFIRMED, None)

    def stale_for(self) -> float:
        """For how many seconds the oldest query has been waiting."""
        return self._queries.oldest(self._now)

    # the steps of the login

    def _step(self) -> Step | None:
        if self.state is SessionState.CONNECTED and self.login.app_id:
            return Step(
                "ReqAuthenticate",
                "ReqAuthenticateField",
                "OnRspAuthenticate",
                self._authentication,
                self._authenticated,
            )
        if self.state in (SessionState.CONNECTED, SessionState.AUTHENTICATED):
            return Step("ReqUserLogin", "ReqUserLoginField", "OnRspUserLogin", self._user, self._logged_in)
        if self.state is SessionState.LOGGED_IN and self._may_confirm:
            return Step(
                "ReqSettlementInfoConfirm", "SettlementInfoConfirmField", "OnRspSettlementInfoConfirm",
                self._investor, self._statement_confirmed, kind_of,
            )  # fmt: skip
        return None

    def _authentication(self) -> dict[str, str]:
        terms = self.login
        return self._who() | {
            "AppID": terms.app_id, "AuthCode": terms.auth_code, "UserProductInfo": terms.product_info,
        }  # fmt: skip

    def _user(self) -> dict[str, str]:
        return self._who() | {"Password": self.login.password, "UserProductInfo": self.login.product_info}

    def _who(self) -> dict[str, str]:
        return {"BrokerID": self.login.broker, "UserID": self.login.user}

    def _investor(self) -> dict[str, str]:
        return {"BrokerID": self.login.broker, "InvestorID": self.login.user}

    def _authenticated(self, _heard: Heard) -> None:
        self._move(SessionEvent.AUTHENTICATED)

    def _step_refused(self, step: Step, error: Refusal) -> None:
        if error.code == NO_SUCH_FUNCTION and step.method == "ReqAuthenticate":  # an old front: it needs none
            self._move(SessionEvent.AUTHENTICATED)
        else:
            super()._step_refused(step, error)

    def _logged_in(self, heard: Heard) -> None:
        facts = login_facts(heard, self.link.trading_day())
        if facts is None:
            self._again("ReqUserLogin", "the answer names no trading day")
            return
        self.facts = facts
        self._ref = max(self._ref, facts.max_ref)
        self._read_limits()
        self._move(SessionEvent.LOGGED_IN)
        self._may_confirm, self._confirming = False, 0
        if self.confirmed_day == facts.trading_day:
            self._go_on()
        else:
            self._statement_day = None

    def _read_limits(self) -> None:
        """What the front allows, known after the login only."""
        info = self.link.front_info()
        queries, packets = int(info.get("QryFreq") or 0), int(info.get("FTDPkgFreq") or 0)
        if queries > 0:
            self._queries.spacing = self.settings.query_spacing / queries
        if 0 < packets < UNLIMITED:
            self._pace.allow(min(packets, self.settings.requests_per_second))

    # the settlement statement

    def _mind_statement(self) -> None:
        if self.state is not SessionState.LOGGED_IN or self.facts is None:
            return
        if self._statement_day != self.facts.trading_day:
            self._statement_day = self.facts.trading_day
            self._statement_by = self._now + STATEMENT_SECONDS
            fields = self._investor() | {"TradingDay": ""}
            self.ask("ReqQrySettlementInfo", "QrySettlementInfoField", fields, self._statement_came)
        elif self._now >= self._statement_by and not self._may_confirm:
            self._may_confirm_now()

    def _statement_came(self, answer: Answer) -> None:
        """Whatever came: a statement that cannot be had must not keep the account from trading."""
        if self.state is not SessionState.LOGGED_IN or self.facts is None:
            return
        if answer.timed_out or answer.error:
            log.warning("no settlement statement", session=self.settings.name, error=answer.error)
        text = statement_text(answer.rows)
        if text:
            self._tell(SETTLEMENT, {"trading_day": self.facts.trading_day, "text": text})
        self._may_confirm_now()

    def _may_confirm_now(self) -> None:
        if self.login.confirm == "auto":
            self._may_confirm = True
        elif not self._may_confirm and self.facts is not None:
            self.troubles[Trouble.UNCONFIRMED] = {"trading_day": self.facts.trading_day.isoformat()}

    def _statement_confirmed(self, _heard: Heard) -> None:
        if self.facts is not None:
            self.confirmed_day = self.facts.trading_day
            self._tell(CONFIRMED, {"trading_day": self.facts.trading_day})
        self._go_on()

    def _again(self, step: str, reason: Any) -> None:
        super()._again(step, reason)
        if step == "ReqSettlementInfoConfirm":
            self._confirming += 1
            if self._confirming >= CONFIRM_ATTEMPTS and self.state is SessionState.LOGGED_IN:
                log.warning("gone on without a confirmation", session=self.settings.name, reason=str(reason))
                self._go_on()

    def _go_on(self) -> None:
        self.troubles.pop(Trouble.UNCONFIRMED, None)
        self._move(SessionEvent.CONFIRMED)
        self._move(SessionEvent.SYNCHRONISE)

    def _confirm_again(self) -> None:
        """An order was refused with 42 though we had confirmed: once a trading day we do so again, by the policy."""
        if self.facts is None or self.login.confirm != "auto" or self._confirmed_again == self.facts.trading_day:
            return
        self._confirmed_again = self.facts.trading_day
        self.link.request("ReqSettlementInfoConfirm", "SettlementInfoConfirmField", self._investor())

    # what is heard, and the queue

    def _hear_more(self, heard: Heard) -> None:
        if heard.name == FAULT:
            if (heard.fields or {}).get("callback") in ORDERS:
                self.synchronise()
            return
        code = heard.error.code if heard.error else 0
        if code == NOT_LOGGED_IN and self.state in LOGGED_IN:
            self._forgotten()  # a query under way is asked again
        elif self._is_query_answer(heard):
            return
        if heard.name in OWNERS or heard.name == "OnRspError":
            self._news.append(heard)
        if heard.name == "OnRspOrderInsert" and code == NOT_CONFIRMED:
            self._confirm_again()
        elif heard.name == "OnRspSettlementInfoConfirm" and heard.error is None and self.facts is not None:
            self._tell(CONFIRMED, {"trading_day": self.facts.trading_day})
        elif heard.name == "OnRspUserLogout":
            self._forgotten()

    def _is_query_answer(self, heard: Heard) -> bool:
        if not heard.name.startswith("OnRspQry") and heard.name != "OnRspError":
            return False
        return self._queries.hear(heard.request, heard.fields, heard.error, self._now, heard.at, last=heard.last)

    def _begin_turn(self) -> None:
        finished, self._queries.finished = self._queries.finished, []
        for done, answer in finished:
            done(answer)

    def _mind(self) -> None:
        self._mind_statement()
        queue, at = self._queries, self.settings.clock()
        queue.mind(self._now, at)
        if self.state in LOGGED_IN:
            query = queue.due(self._now)
            if query is not None:
                rc, request = self.link.request(query.method, query.struct, query.fields)
                queue.sent(rc, request, self._now, at)
        if queue.finished:
            self.link.wake()
        self._count()

    def _lost(self) -> None:
        self._queries.interrupted()

    def _count(self) -> None:
        queue, name = self._queries, self.settings.name
        away, late = self._counted
        if (queue.turned_away, queue.timed_out) != self._counted:
            TURNED_AWAY.labels(name).inc(queue.turned_away - away)
            TIMEOUTS.labels(name, "query").inc(queue.timed_out - late)
            self._counted = (queue.turned_away, queue.timed_out)
        age = queue.oldest(self._now)
        QUERY_AGE.labels(name).set(age)
        if age >= STALE_SECONDS and self.state in LOGGED_IN:
            self.troubles[Trouble.QUERIES_STALE] = {"seconds": int(age), "waiting": len(queue)}
        else:
            self.troubles.pop(Trouble.QUERIES_STALE, None)

    def _paced(self, method: str, struct: str, fields: Mapping[str, Any], *, cancel: bool) -> int:
        if not self._pace.take(self._now, cancel=cancel):
            PACED.labels(self.settings.name, "cancel" if cancel else "order").inc()
            return TOO_MANY_A_SECOND
        rc, self.last_request = self.link.request(method, struct, fields)
        return rc

    def _tell(self, name: str, fields: dict[str, Any]) -> None:
        self._news.append(Heard(name, fields, None, 0, last=True, at=self.settings.clock()))
