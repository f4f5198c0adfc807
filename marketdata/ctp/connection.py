"""What sessions for trading and for quotes have in common: the connection, the steps of the login, and time.

One thread calls. Nothing here blocks: :meth:`Connection.work` takes what was heard, moves the machine, and asks the
front for the next step where one is due. The library connects by itself, again and again; we only look at the clock.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import structlog

from marketdata.ctp.fronts import Probe
from marketdata.ctp.heard import FAULT, Heard, Refusal
from marketdata.ctp.link import Link
from marketdata.ctp.metrics import LOSSES, MOVES, REFUSALS, STATE, TIMEOUTS
from marketdata.ctp.settings import SessionSettings, Trouble
from marketdata.domain.ctp.backoff import Backoff
from marketdata.domain.ctp.errors import NOT_LOGGED_IN, ErrorKind, login_kind, refusal_text
from marketdata.domain.ctp.login import LoginTerms
from marketdata.domain.ctp.session import LOGGED_IN, UP, SessionEvent, SessionMachine, SessionState
from quantsite.common.errors import RuleError
from quantsite.common.texts import Kept

log = structlog.get_logger(__name__)

LOOK_SECONDS = 1.0
"""So often the calendar is asked and the watch is told."""
LONGEST_CONNECT_SECONDS = 300.0
DUPLICATE_LOGIN = 5
SESSION = "session"
"""Name of what is heard of ourselves: ``fields`` has the new ``state``."""


@dataclass(frozen=True, slots=True)
class LoginFacts:
    """What a front said at the login. ``max_ref`` 0: none; ``login_at`` ns UTC. Session ids may be negative."""

    front_id: int
    session_id: int
    trading_day: date
    max_ref: int
    login_at: int


@dataclass(frozen=True, slots=True)
class Step:
    """A request that leads from one state to the next, and what to do with its answer."""

    method: str
    struct: str
    answer: str
    fields: Callable[[], Mapping[str, Any]]
    done: Callable[[Heard], None]
    kind_of: Callable[[int], ErrorKind] = login_kind


class Connection:
    """A session's life with its front."""

    def __init__(self, link: Link, login: LoginTerms, *, settings: SessionSettings) -> None:
        self.link, self.login, self.settings = link, login, settings
        self.facts: LoginFacts | None = None
        self.troubles: dict[Trouble, dict[str, Any]] = {}
        self.in_hours: bool | None = None
        """Whether the calendar wants a connection; None before anybody has asked it."""
        self._machine = SessionMachine()
        self._news: list[Heard] = []
        self._idle_since: float | None = None
        self._ever_up = False  # since the library was started last
        self._now = 0.0
        self._unconnected_since = 0.0
        self._connect = Backoff(settings.connect_seconds, max(LONGEST_CONNECT_SECONDS, settings.connect_seconds))
        self._connect_by = 0.0
        self._probe = Probe()
        self._pending_until: float | None = None
        self._asked = 0  # the number of the step's request
        self._step_at = 0.0
        self._retry = Backoff(settings.retry_first, settings.retry_longest)
        self._look_at = float("-inf")

    @property
    def state(self) -> SessionState:
        """Where the session stands."""
        return self._machine.state

    def work(self, now: float) -> list[Heard]:
        """One turn at ``now`` (seconds that never go back): gives what concerns the owner, in the order of hearing."""
        self._now = now
        looks = now >= self._look_at
        if looks:
            self._look_at = now + LOOK_SECONDS
            self._mind_hours()
        before = self.state
        self._begin_turn()
        for heard in self.link.heard.taken():
            self._hear(heard)
        self._mind_connection()
        self._mind_step()
        self._mind()
        if looks or self.state is not before:
            self._show()
        news, self._news = self._news, []
        return news

    def resume(self, login: LoginTerms | None = None) -> None:
        """A person has looked: go on, with other terms where they were wrong. Changes nothing but after a refusal."""
        if self.state is not SessionState.REFUSED:
            return
        self.login = login or self.login
        self.link.fronts = self.login.fronts
        self._retry.succeeded()
        self.troubles.pop(Trouble.REFUSED, None)
        self._move(SessionEvent.RESUMED)
        self._begin()

    def close(self) -> None:
        """End for good, within seconds, in any state."""
        self.link.close()
        self._move(SessionEvent.CLOSED)

    def _step(self) -> Step | None:
        """What leads on from the present state; None where nothing is to be asked."""
        return None

    def _begin_turn(self) -> None:
        """Before anything is heard."""

    def _hear_more(self, heard: Heard) -> None:
        """What is no matter of the connection."""

    def _mind(self) -> None:
        """At the end of a turn."""

    def _lost(self) -> None:
        """The front is gone, or has forgotten us."""

    # the hours

    def _mind_hours(self) -> None:
        """Inside of them a connection is kept; outside of them it is tried once and kept while it lasts.

        A session of the market begins with a connection of its own: fronts are restarted in between, and one that was
        not would leave us in the trading day of the login before.
        """
        if self.state is SessionState.CLOSED:
            return
        before, self.in_hours = self.in_hours, self.settings.should_connect(self.settings.clock())
        if self.state is SessionState.REFUSED:
            return
        if self.in_hours and before is False:
            self._rest()
        if not self.link.started and (self.in_hours or before is None):
            self._begin()
        elif not self.in_hours and self._idle_for() >= self.settings.connect_seconds:
            self._rest()

    def _idle_for(self) -> float:
        """For how many seconds there has been no login."""
        return 0.0 if self._idle_since is None else self._now - self._idle_since

    def _begin(self) -> None:
        self._move(SessionEvent.STARTED)
        self._ever_up = False
        self._idle_since = self._now
        self._connect.succeeded()
        self._wait_for_front()
        self.link.start()

    def _rest(self) -> None:
        if self.link.started:
            self.link.close()
            self._not_logged_in()
        self.troubles.clear()
        self._move(SessionEvent.RESTED)

    def _not_logged_in(self) -> None:
        """The login is over, in whatever way."""
        self._pending_until = None
        if self._idle_since is None:
            self._idle_since = self._now
        self._lost()

    # what is heard

    def _hear(self, heard: Heard) -> None:
        step = self._step()
        if heard.name == "OnFrontConnected":
            self._ever_up = True
            self._front_connected()
        elif heard.name == "OnFrontDisconnected":
            self._front_lost(heard.request)
        elif heard.name == "OnHeartBeatWarning":
            log.warning("front is silent", session=self.settings.name, seconds=heard.request)
        elif heard.name == FAULT:
            self.troubles[Trouble.CALLBACK_FAILED] = dict(heard.fields or {})
            self._news.append(heard)
            self._hear_more(heard)
        elif step is not None and self._answers(step, heard):
            self._answered(step, heard)
        else:
            self._hear_more(heard)

    def _front_connected(self) -> None:
        if self._move(SessionEvent.FRONT_CONNECTED):
            self._not_logged_in()
            self._step_at = self._now
            self._connect.succeeded()
            self.troubles.pop(Trouble.UNREACHABLE, None)

    def _front_lost(self, reason: int) -> None:
        """Comes without a connection before it too, and again and again."""
        LOSSES.labels(self.settings.name, hex(reason)).inc()
        if self._move(SessionEvent.FRONT_LOST):
            log.warning("front lost", session=self.settings.name, reason=hex(reason))
            self._wait_for_front()
            self._not_logged_in()

    def _forgotten(self) -> None:
        """The front does not know our login any more, though the connection stands (error 6): log in again."""
        if self._move(SessionEvent.LOGGED_OUT):
            self._step_at = self._now + self._retry.failed()
            self._not_logged_in()

    # waiting for a front

    def _wait_for_front(self) -> None:
        self._unconnected_since = self._now
        self._connect_by = self._now + self._connect.failed()

    def _mind_connection(self) -> None:
        if self.state not in (SessionState.CONNECTING, SessionState.LOST) or not self.link.started:
            return
        if self._now >= self._connect_by:
            TIMEOUTS.labels(self.settings.name, "connect").inc()
            log.warning("no front answers", session=self.settings.name, fronts=self.link.fronts, in_hours=self.in_hours)
            self._probe.start(self.link.fronts)
            self._connect_by = self._now + self._connect.failed()
            self.troubles[Trouble.UNREACHABLE] = {"seconds": 0, "fronts": ", ".join(self.link.fronts)}
            if not self._ever_up and len(self.link.fronts) > 1:  # it may wait at a front that says nothing
                self.link.close()
                self.link.turn_fronts()
                self.link.start()
        self._describe()

    def _describe(self) -> None:
        told = self.troubles.get(Trouble.UNREACHABLE)
        if told is not None:
            told |= {"seconds": int(self._now - self._unconnected_since), "found": self._probe.told()}

    # the steps of the login

    def _mind_step(self) -> None:
        step = self._step()
        if step is None or self.state not in UP:
            return
        if self._pending_until is not None:
            if self._now >= self._pending_until:
                TIMEOUTS.labels(self.settings.name, step.method).inc()
                self._again(step.method, "no answer")
        elif self._now >= self._step_at:
            self._send(step)

    def _send(self, step: Step) -> None:
        try:
            rc, self._asked = self.link.request(step.method, step.struct, step.fields())
        except RuleError as error:  # a term of the login that no field takes
            self._refuse(step, 0, error.text)
            return
        if rc != 0:
            self._again(step.method, f"the library answered {rc}")
        else:
            self._pending_until = self._now + self.settings.answer_seconds

    def _answers(self, step: Step, heard: Heard) -> bool:
        """Also a late one of an earlier attempt; a general error counts where it names our request."""
        if heard.name == step.answer:
            return True
        return heard.name == "OnRspError" and self._pending_until is not None and heard.request == self._asked

    def _answered(self, step: Step, heard: Heard) -> None:
        self._pending_until = None
        if heard.error is not None:
            self._step_refused(step, heard.error)
        else:
            self._step_at = self._now
            step.done(heard)

    def _step_refused(self, step: Step, error: Refusal) -> None:
        REFUSALS.labels(self.settings.name, step.method, str(error.code)).inc()
        log.warning("refused", session=self.settings.name, step=step.method, code=error.code, text=error.text)
        if error.code == NOT_LOGGED_IN and self.state in LOGGED_IN:
            self._forgotten()
        elif step.kind_of(error.code) is ErrorKind.PERSON:
            self._refuse(step, error.code, refusal_text(error))
        else:
            if error.code == DUPLICATE_LOGIN:  # an earlier login went through and its answer was lost
                who = {"BrokerID": self.login.broker, "UserID": self.login.user}
                self.link.request("ReqUserLogout", "UserLogoutField", who)
            self._again(step.method, refusal_text(error))

    def _refuse(self, step: Step, code: int, reason: Kept | str) -> None:
        if self._move(SessionEvent.REFUSED):
            self.troubles.pop(Trouble.NOT_READY, None)
            self.troubles[Trouble.REFUSED] = {"step": step.method, "code": code, "reason": reason}
            self.link.close()  # until a person says so there is nothing to ask
            self._not_logged_in()

    def _again(self, step: str, reason: Any) -> None:
        self._pending_until = None
        wait = self._retry.failed()
        self._step_at = self._now + wait
        log.info("step is tried again", session=self.settings.name, step=step, reason=str(reason), after_s=wait)
        self.troubles[Trouble.NOT_READY] = {"step": step, "reason": reason}

    # what is told

    def _move(self, event: SessionEvent) -> bool:
        before = self.state
        if not self._machine.moved(event):
            return False
        state, name = self.state, self.settings.name
        log.info("session moved", session=name, before=before, state=state, by=event)
        MOVES.labels(name, state).inc()
        for other in SessionState:
            STATE.labels(name, other).set(other is state)
        if state in LOGGED_IN:
            self._idle_since = None
        if state is SessionState.READY:
            self._retry.succeeded()
            self.troubles.pop(Trouble.NOT_READY, None)
            self.troubles.pop(Trouble.CALLBACK_FAILED, None)
        self._news.append(Heard(SESSION, {"state": state}, None, 0, last=True, at=self.settings.clock()))
        return True

    def _show(self) -> None:
        if self.settings.watch is not None:
            quiet = () if self.in_hours else (Trouble.UNREACHABLE, Trouble.NOT_READY)
            told = {trouble: values for trouble, values in self.troubles.items() if trouble not in quiet}
            self.settings.watch.show(self.state, told, self._now)


def login_facts(heard: Heard, dummy_day: str) -> LoginFacts | None:
    """What the answer to a login tells; None where it names no trading day."""
    told = heard.fields or {}
    day = _day(str(told.get("TradingDay") or "")) or _day(dummy_day)
    if day is None:
        return None
    return LoginFacts(
        int(told.get("FrontID") or 0), int(told.get("SessionID") or 0), day, _number(told.get("MaxOrderRef")), heard.at
    )


def _day(text: str) -> date | None:
    """``20250115`` as a date; None for text that is none, and for what the library says before a login (1980)."""
    try:
        day = datetime.strptime(text.strip(), "%Y%m%d").date()  # noqa: DTZ007  (a day, not an instant)
    except ValueError:
        return None
    return day if day.year > 1980 else None


def _number(text: Any) -> int:
    """MaxOrderRef is text: digits, blanks, or nothing."""
    digits = str(text or "").strip()
    return int(digits) if digits.isascii() and digits.isdigit() else 0
