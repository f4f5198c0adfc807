"""Reads that many programs repeat all day, answered before Django's middleware by one query that makes the JSON.

What is known of such a read stands in a :class:`FastRead` beside its app's API. The road is narrow: a GET with a bearer
token, of these addresses, with words it knows, on PostgreSQL, and an answer that is 200. Whatever is different in the
least (a cookie, another ``Accept``, a word too many, a caller who may not, a database that fails) goes on to Django,
which says what there is to say. So this road never refuses anybody, and its answers are those of the other one; both
are held against each other in ``quantsite/tests/test_fast_reads.py``. docs/decisions/0012-fast-reads.md tells why.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

import psycopg
import structlog
from django.utils.encoding import iri_to_uri

from quantsite.web import request_id
from quantsite.web.access import note
from quantsite.web.fast_link import Row, written
from quantsite.web.fast_pool import connection
from quantsite.web.fast_request import TOKENS_KEPT, Application, Asked, Prove, Scope, asked_of, headers

log = structlog.get_logger("quantsite.fast")


QUESTIONS_KEPT = 2_048
PLACE = "0000000000"
"""Stands for the cursor in the address of the next page until the cursor is known."""


class Link(NamedTuple):
    """The address of another page around the word that moves on."""

    head: str
    tail: str

    def to(self, word: str) -> str:
        """The address with the (quoted) word in its place."""
        return f"{self.head}{word}{self.tail}"


class Question(NamedTuple):
    """One query, its values beside those of the caller, and what the answer is made with.

    ``late`` gives values that are another at each request; all else is remembered for the address.
    """

    sql: str
    values: Mapping[str, bytes]
    about: Any = None
    late: Callable[[], Mapping[str, bytes]] = dict


class Answer(NamedTuple):
    """What goes out, and the headers that go with it only."""

    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()


@dataclass(frozen=True)
class FastRead:
    """One address: ``ask`` gives the query for the words of a request, ``answer`` the body for its row.

    Either gives None where the other road is to answer. The query gives no row where the token proves nobody or the
    permission is missing, else one; its first column is the caller's name. ``link`` makes the address of
    another page from the one asked for: where it has ``PLACE`` the word goes that moves on.
    """

    path: str
    view: str
    ask: Callable[[Mapping[str, str]], Question | None]
    answer: Callable[[Question, Row, Link], Answer | None]
    link: Callable[[str], str]


class FastReads:
    """The ASGI application in front of Django's. ``prove`` checks the signature of a token and gives its claims."""

    def __init__(self, inner: Application, reads: Iterable[FastRead], prove: Prove) -> None:
        self.inner = inner
        self.reads = {read.path: read for read in reads}
        self._claims = lru_cache(TOKENS_KEPT)(prove)
        self._question = lru_cache(QUESTIONS_KEPT)(self._read_words)
        self._link = lru_cache(QUESTIONS_KEPT)(_link)

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Answer, or hand on."""
        read = self.reads.get(scope["path"])
        asked = None if read is None or scope["method"] != "GET" else asked_of(scope)
        if read is None or asked is None:
            return await self.inner(scope, receive, send)
        began = time.perf_counter()
        with structlog.contextvars.bound_contextvars(**{request_id.CONTEXT_KEY: asked.identifier}):
            found = await self.look(read, scope["query_string"], asked)
            if found is None:
                return await self.inner(scope, receive, send)
            name, answer = found
            start = [*headers(read.path, asked, len(answer.body)), *answer.headers]
            await send({"type": "http.response.start", "status": 200, "headers": start})
            note("GET", read.view, read.path, 200, time.perf_counter() - began, name)
            await send({"type": "http.response.body", "body": answer.body})
        return None

    async def look(self, read: FastRead, query: bytes, asked: Asked) -> tuple[str, Answer] | None:
        """The caller's name and the answer; None where this is not for us to answer."""
        claims = self._claims(asked.token)
        question = self._question(read.path, query)
        if claims is None or question is None or claims.expires <= time.time():
            return None
        caller = {name: written(value) for name, value in claims.values.items()}
        row = await _row(question.sql, {**caller, **question.values, **question.late()})
        if row is None:
            return None
        answer = read.answer(question, row, self._link(read, query, asked.host, asked.secure))
        return None if answer is None else ((row[0] or b"").decode(), answer)

    def _read_words(self, path: str, query: bytes) -> Question | None:
        """The question that an address asks; None where a word is unknown, empty, doubled or not what it should be."""
        words = _words(query)
        return None if words is None else self.reads[path].ask(words)


async def _row(sql: str, values: Mapping[str, bytes]) -> Row | None:
    """The row of a query; None where the database does not answer, which the other road will tell."""
    try:
        async with connection() as link:
            return await link.run(sql, values)
    except psycopg.Error as error:
        log.warning("fast read failed", reason=str(error))
        return None


def _words(query: bytes) -> dict[str, str] | None:
    """The words of an address by name; None unless each is given once and has a value."""
    try:
        pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True, strict_parsing=bool(query), errors="strict")
    except ValueError:
        return None
    words = dict(pairs)
    return words if len(words) == len(pairs) and all(words.values()) else None


def _link(read: FastRead, query: bytes, host: str, secure: bool) -> Link:
    words = f"?{query.decode('ascii')}" if query else ""
    address = read.link(iri_to_uri(f"{'https' if secure else 'http'}://{host}{read.path}{words}"))
    head, _place, tail = address.rpartition(PLACE)
    return Link(head, tail)
