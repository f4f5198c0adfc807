"""Reads that many programs repeat all day, answered before Django's middleware by one query that makes the JSON.

What is known of such a read stands in a :class:`FastRead` beside its app's API. The road is narrow: a GET with a bearer
token, of these addresses, with words it knows, on PostgreSQL, and an answer that is 200. Whatever is different in the
least (a cookie, another ``Accept``, a word too many, a caller who may not, a database that fails) goes on to Django,
which says what there is to say. So this road never refuses anybody, and its answers are those of the other one; both
are held against each other in ``quantsite/tests/test_fast_reads.py``. docs/decisions/0012-fast-reads.md tells why.
"""

import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

import psycopg
import structlog
from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpResponse
from django.http.request import split_domain_port, validate_host
from django.middleware.clickjacking import XFrameOptionsMiddleware
from django.middleware.security import SecurityMiddleware
from django.utils.encoding import iri_to_uri

from quantsite.web import request_id
from quantsite.web.access import note
from quantsite.web.csp import ContentSecurityPolicyMiddleware
from quantsite.web.fast_pool import connection

log = structlog.get_logger("quantsite.fast")

Scope = MutableMapping[str, Any]
Row = tuple[Any, ...]
Application = Callable[[Scope, Any, Any], Awaitable[None]]

PLAIN_ACCEPT = frozenset({b"*/*", b"application/json", b"application/json, text/plain, */*"})
TOKENS_KEPT = 4_096
QUESTIONS_KEPT = 2_048
PLACE = "0000000000"
"""Stands for the cursor in the address of the next page until the cursor is known."""


class Claims(NamedTuple):
    """What a token says that was signed by us: values for the query that checks them, and its end (epoch seconds)."""

    values: Mapping[str, Any]
    expires: float


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
    values: Mapping[str, Any]
    about: Any = None
    late: Callable[[], Mapping[str, Any]] = dict


class Answer(NamedTuple):
    """What goes out, and the headers that go with it only."""

    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()


@dataclass(frozen=True)
class FastRead:
    """One address: ``ask`` gives the query for the words of a request, ``answer`` the body for its rows.

    Either gives None where the other road is to answer. The query gives no row where the token proves nobody or the
    permission is missing, else one at least; their first column is the caller's name. ``link`` makes the address of
    another page from the one asked for: where it has ``PLACE`` the word goes that moves on.
    """

    path: str
    view: str
    ask: Callable[[Mapping[str, str]], Question | None]
    answer: Callable[[Question, Sequence[Row], Link], Answer | None]
    link: Callable[[str], str]


Prove = Callable[[bytes], Claims | None]


@dataclass(frozen=True, slots=True)
class _Asked:
    """What of a request matters here."""

    token: bytes
    host: str
    secure: bool
    identifier: str


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
        asked = None if read is None or scope["method"] != "GET" else _asked(scope)
        if read is None or asked is None:
            return await self.inner(scope, receive, send)
        began = time.perf_counter()
        with structlog.contextvars.bound_contextvars(**{request_id.CONTEXT_KEY: asked.identifier}):
            found = await self.look(read, scope["query_string"], asked)
            if found is None:
                return await self.inner(scope, receive, send)
            name, answer = found
            await send({"type": "http.response.start", "status": 200, "headers": _headers(read.path, asked, answer)})
            note("GET", read.view, read.path, 200, time.perf_counter() - began, name)
            await send({"type": "http.response.body", "body": answer.body})
        return None

    async def look(self, read: FastRead, query: bytes, asked: "_Asked") -> tuple[str, Answer] | None:
        """The caller's name and the answer; None where this is not for us to answer."""
        claims = self._claims(asked.token)
        question = self._question(read.path, query)
        if claims is None or question is None or claims.expires <= time.time():
            return None
        rows = await _rows(question.sql, {**claims.values, **question.values, **question.late()})
        if not rows:
            return None
        answer = read.answer(question, rows, self._link(read, query, asked.host, asked.secure))
        return None if answer is None else (rows[0][0], answer)

    def _read_words(self, path: str, query: bytes) -> Question | None:
        """The question that an address asks; None where a word is unknown, empty, doubled or not what it should be."""
        words = _words(query)
        return None if words is None else self.reads[path].ask(words)


async def _rows(sql: str, values: Mapping[str, Any]) -> Sequence[Row]:
    """The rows of a query; none where the database does not answer, which the other road will tell."""
    try:
        async with connection() as link:
            cursor = await link.execute(sql, values, binary=True)
            return await cursor.fetchall()
    except psycopg.Error as error:
        log.warning("fast read failed", reason=str(error))
        return ()


def _asked(scope: Scope) -> _Asked | None:
    """What the headers say; None where one of them wants more than we do here."""
    if scope.get("root_path"):
        return None
    found: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        if name in _LOOKED_AT and found.setdefault(name, value) is not value:
            return None
    token = found.get(b"authorization", b"")
    host = found.get(b"host", b"").decode("latin1")
    if not token.startswith(b"Bearer ") or not _HANDED_ON.isdisjoint(found) or not _is_ours(host):
        return None
    if found.get(b"accept", b"*/*") not in PLAIN_ACCEPT:
        return None
    secure = scope["scheme"] == "https" or _came_by_https(found)
    identifier = request_id.accepted(found.get(b"x-request-id", b"").decode("latin1"))
    return _Asked(token[7:], host, secure, identifier)


_HANDED_ON = frozenset({b"cookie", b"content-length", b"transfer-encoding"})
_LOOKED_AT = _HANDED_ON | {b"authorization", b"host", b"accept", b"x-request-id", b"x-forwarded-proto"}


def _came_by_https(headers: Mapping[bytes, bytes]) -> bool:
    """What our proxy says, where the settings believe it; as Django asks."""
    if not settings.SECURE_PROXY_SSL_HEADER:
        return False
    return headers.get(b"x-forwarded-proto", b"").split(b",")[0].strip() == b"https"


@lru_cache(256)
def _is_ours(host: str) -> bool:
    domain, _port = split_domain_port(host)
    return bool(domain) and validate_host(domain, settings.ALLOWED_HOSTS)


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


@lru_cache(256)
def _standing_headers(path: str, *, secure: bool) -> tuple[tuple[bytes, bytes], ...]:
    """What Django's middleware would put on every answer from this address."""
    scheme = "https" if secure else "http"
    scope = {"type": "http", "method": "GET", "scheme": scheme, "path": path, "headers": [], "query_string": b""}
    request, response = ASGIRequest(scope, BytesIO()), HttpResponse(content_type="application/json")
    for middleware in (SecurityMiddleware, ContentSecurityPolicyMiddleware, XFrameOptionsMiddleware):
        middleware(lambda _request: response)(request)
    return tuple((name.lower().encode(), value.encode()) for name, value in response.items())


def _headers(path: str, asked: _Asked, answer: Answer) -> list[tuple[bytes, bytes]]:
    return [
        *_standing_headers(path, secure=asked.secure),
        (b"cache-control", b"no-store"),
        (b"content-length", b"%d" % len(answer.body)),
        (b"x-request-id", asked.identifier.encode()),
        *answer.headers,
    ]
