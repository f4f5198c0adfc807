"""The one queue of queries: one under way, so many a second, each asked until it is answered.

A front answers one query at a time (the second is turned away with -2), so many a second (-3), and may ask for
patience (error 90). None of that is an answer: the query keeps its place and is asked again. An answer that stops
coming ends by time, and the next query goes. Whatever happens, each query is answered exactly once.
"""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from marketdata.domain.ctp.backoff import Backoff
from marketdata.domain.ctp.errors import QUERY_NOT_READY, Refusal

SPACING_SECONDS = 1.1
"""Between queries where a front allows one a second: a little more, for clocks differ."""
TIMEOUT_SECONDS = 15.0
"""So long after its last row an answer that is not complete is given up."""
PATIENCE_SECONDS = 300.0
"""So long a query is asked again where it is turned away; then its owner is told."""
AGAIN_FIRST_SECONDS = 1.1
AGAIN_LONGEST_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a query: its rows in order, the front's refusal, whether it ended by time.

    ``asked_at`` and ``done_at`` are ns UTC: when it was handed to the library, and its last row or its end. Of one
    that ended by time the rows are those that came.
    """

    rows: list[dict[str, Any]]
    error: Refusal | None
    timed_out: bool
    asked_at: int
    done_at: int


Done = Callable[[Answer], None]


@dataclass(slots=True)
class Query:
    """A query that waits or is under way."""

    method: str
    struct: str
    fields: Mapping[str, Any]
    done: Done
    waits_since: float
    request: int = 0
    asked_at: int = 0
    deadline: float = 0.0
    rows: list[dict[str, Any]] = field(default_factory=list)

    def begin_anew(self) -> None:
        """Forget a half answer: the query will be asked again."""
        self.request, self.rows = 0, []


class QueryQueue:
    """Whoever has a connection asks :meth:`due` and tells what became of it.

    Times are seconds of a clock that never goes back, ``at`` ns UTC. ``finished`` collects the answers: their owner
    calls them, outside of the queue.
    """

    def __init__(
        self, spacing: float = SPACING_SECONDS, timeout: float = TIMEOUT_SECONDS, patience: float = PATIENCE_SECONDS
    ) -> None:
        self.spacing, self.timeout, self.patience = spacing, timeout, patience
        self.turned_away = 0
        self.timed_out = 0
        self.finished: list[tuple[Done, Answer]] = []
        self._waiting: deque[Query] = deque()
        self._under_way: Query | None = None
        self._next_at = 0.0
        self._pause = Backoff(AGAIN_FIRST_SECONDS, AGAIN_LONGEST_SECONDS)

    def __len__(self) -> int:
        return len(self._waiting) + (self._under_way is not None)

    def ask(self, method: str, struct: str, fields: Mapping[str, Any], done: Done, now: float) -> None:
        """Put a query last in the queue."""
        self._waiting.append(Query(method, struct, dict(fields), done, now))

    def oldest(self, now: float) -> float:
        """For how many seconds the oldest query has been waiting for its answer; 0 where none waits."""
        first = self._under_way or (self._waiting[0] if self._waiting else None)
        return now - first.waits_since if first else 0.0

    def due(self, now: float) -> Query | None:
        """The query that may go out now."""
        if self._under_way is not None or not self._waiting or now < self._next_at:
            return None
        return self._waiting[0]

    def sent(self, rc: int, request: int, now: float, at: int) -> None:
        """What the library said to the query that was due: 0 is under way, anything else keeps its place."""
        query = self._waiting[0]
        if rc == 0:
            self._waiting.popleft()
            query.request, query.asked_at, query.deadline = request, at, now + self.timeout
            self._under_way = query
            self._next_at = now + self.spacing
            return
        self._turn_away(query, Refusal(rc, ""), now, at)

    def hear(
        self, request: int, row: dict[str, Any] | None, error: Refusal | None, now: float, at: int, *, last: bool
    ) -> bool:
        """A piece of an answer; False where it belongs to no query under way (late, or somebody else's)."""
        query = self._under_way
        if query is None or query.request != request:
            return False
        if error is not None and error.code == QUERY_NOT_READY:
            self._under_way = None
            query.begin_anew()
            self._waiting.appendleft(query)
            self._turn_away(query, error, now, at)
            return True
        if row is not None:
            query.rows.append(row)
        query.deadline = now + self.timeout
        if last or error is not None:
            self._under_way = None
            self._pause.succeeded()
            self._finish(query, error, at)
        return True

    def mind(self, now: float, at: int) -> None:
        """End what has been waiting too long for its answer."""
        query = self._under_way
        if query is not None and now >= query.deadline:
            self._under_way = None
            self.timed_out += 1
            self._finish(query, None, at, timed_out=True)

    def interrupted(self) -> None:
        """The connection is gone: what was under way is asked again, first, when there is one."""
        if self._under_way is not None:
            self._under_way.begin_anew()
            self._waiting.appendleft(self._under_way)
            self._under_way = None
        self._next_at = 0.0

    def give_up(self, at: int) -> None:
        """Answer all that wait as ended by time: nobody will ask any more."""
        self.interrupted()
        while self._waiting:
            self._finish(self._waiting.popleft(), None, at, timed_out=True)

    def forget(self) -> None:
        """Drop all queries unanswered: who asked is gone. A late answer then belongs to nobody."""
        self._waiting.clear()
        self._under_way = None
        self.finished.clear()

    def _turn_away(self, query: Query, refusal: Refusal, now: float, at: int) -> None:
        self.turned_away += 1
        self._next_at = now + self._pause.failed()
        if now - query.waits_since >= self.patience:
            self._waiting.popleft()
            self._finish(query, refusal, at, timed_out=True)

    def _finish(self, query: Query, error: Refusal | None, at: int, *, timed_out: bool = False) -> None:
        answer = Answer(query.rows, error, timed_out, query.asked_at, at)
        self.finished.append((query.done, answer))
