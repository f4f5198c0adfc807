"""How a session behaves; what a test, an account or a source may want otherwise."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from marketdata.domain.ctp.queries import PATIENCE_SECONDS, SPACING_SECONDS, TIMEOUT_SECONDS
from marketdata.domain.ctp.session import SessionState


class Trouble(StrEnum):
    """What a session tells a person about; each is an alarm of that name."""

    UNREACHABLE = "ctp_unreachable"  # no front answers
    REFUSED = "ctp_refused"  # a person must look before anything is tried again
    NOT_READY = "ctp_not_ready"  # connected, and a step of the login does not succeed
    UNCONFIRMED = "ctp_unconfirmed"  # the settlement statement waits for a person
    CALLBACK_FAILED = "ctp_callback_failed"  # something was heard and could not be kept
    QUERIES_STALE = "ctp_queries_stale"  # what the broker knows is older than it should be


Troubles = Mapping[Trouble, Mapping[str, Any]]
"""What troubles a session now, each with the values that its sentence tells."""


class Watch(Protocol):
    """Who is told how a session is."""

    def show(self, state: SessionState, troubles: Troubles, now: float) -> None:
        """Called once a second and at each change; ``now`` is seconds of a clock that never goes back."""
        ...


def always(_now: int) -> bool:
    """Connect at any time: an environment that never closes."""
    return True


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """Times are seconds; ``name`` is the account's or the source's, for logs, metrics and alarms.

    ``should_connect`` is asked with ns UTC whether a connection is wanted; ``clock`` tells them.
    """

    name: str = ""
    connect_seconds: float = 30.0
    """No front has shaken hands for so long: it is told, and the fronts are tried in another order."""
    answer_seconds: float = 10.0
    """A step of the login without an answer is tried again."""
    retry_first: float = 2.0
    retry_longest: float = 60.0
    query_spacing: float = SPACING_SECONDS
    query_timeout: float = TIMEOUT_SECONDS
    query_patience: float = PATIENCE_SECONDS
    requests_per_second: int = 10
    """Orders and cancels; the last ``reserved_for_cancels`` of them are for cancels only."""
    reserved_for_cancels: int = 3
    should_connect: Callable[[int], bool] = always
    clock: Callable[[], int] = time.time_ns
    watch: Watch | None = None
