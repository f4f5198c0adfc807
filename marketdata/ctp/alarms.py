"""What sessions at CTP fronts tell a person; docs/runbook.md says what to do about each.

A trouble is told once it has lasted for its time, and again only when it has become another: fronts that break every
two seconds make one alarm. It is cleared when the session has come through what was the matter.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from django.db import Error as DatabaseError
from django.db import connection
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from accounts.alarms import clear_alarm, raise_alarm, register_kind
from accounts.models import Severity
from marketdata.ctp.settings import Trouble, Troubles, Watch
from marketdata.domain.ctp.session import LOGGED_IN, UP, SessionState

log = structlog.get_logger(__name__)

AGAIN_SECONDS = 5.0
"""After a database that was away."""
ENDED = frozenset({SessionState.RESTING, SessionState.CLOSED})


@dataclass(frozen=True, slots=True)
class Telling:
    """How a trouble is told: its sentence, after how many seconds, and the states that show that it is over."""

    text: str
    severity: str
    after: float
    over: frozenset[SessionState]


def _kind(trouble: Trouble, title: Any) -> Trouble:
    register_kind(trouble.value, title)
    return trouble


UNREACHABLE = _kind(Trouble.UNREACHABLE, _("No CTP front answers"))
REFUSED = _kind(Trouble.REFUSED, _("A CTP front refuses the login: a person must look"))
NOT_READY = _kind(Trouble.NOT_READY, _("A login at a CTP front does not get through"))
UNCONFIRMED = _kind(Trouble.UNCONFIRMED, _("A settlement statement waits to be confirmed"))
CALLBACK_FAILED = _kind(Trouble.CALLBACK_FAILED, _("Something that a CTP front told could not be kept"))
QUERIES_STALE = _kind(Trouble.QUERIES_STALE, _("A CTP front answers no queries"))

TELLINGS: Mapping[Trouble, Telling] = {
    UNREACHABLE: Telling(
        gettext_noop("%(session)s: none of the fronts %(fronts)s has answered for %(seconds)s s. %(found)s"),
        Severity.CRITICAL, 0.0, UP | ENDED | {SessionState.REFUSED},
    ),
    REFUSED: Telling(
        gettext_noop("%(session)s: %(step)s was refused; nothing is tried again before a person says so. %(reason)s"),
        Severity.CRITICAL, 0.0, LOGGED_IN,
    ),
    NOT_READY: Telling(
        gettext_noop("%(session)s: %(step)s has not succeeded for some minutes, and is tried again: %(reason)s"),
        Severity.WARNING, 180.0, ENDED | {SessionState.READY, SessionState.REFUSED},
    ),
    UNCONFIRMED: Telling(
        gettext_noop("%(session)s: the statement for %(trading_day)s waits to be confirmed; no order goes out."),
        Severity.WARNING, 0.0, LOGGED_IN - {SessionState.LOGGED_IN},
    ),
    CALLBACK_FAILED: Telling(
        gettext_noop("%(session)s: the callback %(callback)s failed: %(error)s"),
        Severity.CRITICAL, 0.0, frozenset({SessionState.READY}),
    ),
    QUERIES_STALE: Telling(
        gettext_noop("%(session)s: a query has waited for %(seconds)s s; funds, positions and rates may be old."),
        Severity.WARNING, 30.0, ENDED | {SessionState.READY},
    ),
}  # fmt: skip
RUNNING_FIGURES = frozenset({"seconds", "waiting"})
"""What grows by itself makes no other trouble."""


class SessionAlarms:
    """The alarms of one session, kept as rows; ``name`` is their subject, such as ``td SIM-1``."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._since: dict[Trouble, float] = {}
        self._told: dict[Trouble, dict[str, Any]] = {}
        self._open: set[Trouble] = set(Trouble)  # of an earlier process, as far as we know
        self._not_before = float("-inf")

    def show(self, state: SessionState, troubles: Troubles, now: float) -> None:
        """Raise what has lasted, clear what is over; a database that is away is asked again later."""
        for trouble in set(self._since) - set(troubles):
            del self._since[trouble]
            self._told.pop(trouble, None)
        for trouble in troubles:
            self._since.setdefault(trouble, now)
        if now < self._not_before:
            return
        try:
            self._raise(troubles, now)
            self._clear(state, troubles)
        except DatabaseError as error:
            log.warning("alarms not told", session=self.name, reason=" ".join(str(error).split()))
            self._not_before = now + AGAIN_SECONDS

    def _raise(self, troubles: Troubles, now: float) -> None:
        for trouble, values in troubles.items():
            telling = TELLINGS[trouble]
            about = {name: value for name, value in values.items() if name not in RUNNING_FIGURES}
            if now - self._since[trouble] < telling.after or self._told.get(trouble) == about:
                continue
            raise_alarm(trouble.value, self.name, telling.text, telling.severity, {"session": self.name, **values})
            self._told[trouble] = about
            self._open.add(trouble)

    def _clear(self, state: SessionState, troubles: Troubles) -> None:
        for trouble in sorted(self._open - set(troubles)):
            if state in TELLINGS[trouble].over:
                clear_alarm(trouble.value, self.name)
                self._open.discard(trouble)


class Beside:
    """Tells a watch from a thread of its own: who reads quotes waits for no rows."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._newest: tuple[SessionState, Troubles, float] | None = None
        self._asked = threading.Event()
        self._thread: threading.Thread | None = None

    def show(self, state: SessionState, troubles: Troubles, now: float) -> None:
        """Returns at once; what was shown in between is skipped."""
        self._newest = (state, dict(troubles), now)
        self._asked.set()
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="alarms", daemon=True)
            self._thread.start()

    def _work(self) -> None:
        try:
            while True:
                self._asked.wait()
                self._asked.clear()
                shown = self._newest
                if shown is not None:
                    self._watch.show(*shown)
                if shown is not None and shown[0] is SessionState.CLOSED:
                    return
        finally:
            connection.close()
