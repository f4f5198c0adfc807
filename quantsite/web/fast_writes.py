"""A write that programs send all day, carried out before Django's middleware where there is nothing to refuse.

As of the fast reads (``fast_reads.py``): a bearer token, one address, a small JSON body that says nothing unusual, on
PostgreSQL, and an answer that it was done. Whatever is different in the least goes on to Django with its body, before
anything is written; so does a write that the database refused or did not answer, and Django tells by the caller's own
name of the thing whether it is there already. docs/decisions/0014-fast-orders.md tells why.
"""

import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import psycopg
import structlog

from quantsite.web import request_id
from quantsite.web.access import note
from quantsite.web.fast_request import TOKENS_KEPT, Application, Asked, Headers, Prove, Scope, asked_of, headers

log = structlog.get_logger("quantsite.fast")

MOST_BYTES = 4_096
"""Of a body that is looked at here."""


@dataclass(frozen=True, slots=True)
class Written:
    """What was done, and for whom (the caller's name)."""

    name: str
    status: int
    body: bytes
    headers: Headers


@dataclass(frozen=True)
class FastWrite:
    """One address: ``act`` does what a body asks for, given the values of the caller's claims.

    It gives None, having written nothing, where the other road is to answer.
    """

    path: str
    view: str
    act: Callable[[dict[str, Any], bytes], Awaitable[Written | None]]


class FastWrites:
    """The ASGI application in front of Django's. ``prove`` checks the signature of a token and gives its claims."""

    def __init__(self, inner: Application, writes: Iterable[FastWrite], prove: Prove) -> None:
        self.inner = inner
        self.writes = {write.path: write for write in writes}
        self._claims = lru_cache(TOKENS_KEPT)(prove)

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Do it and say so, or hand on."""
        write = self.writes.get(scope["path"])
        if write is None or scope["method"] != "POST" or scope["query_string"]:
            return await self.inner(scope, receive, send)
        asked = asked_of(scope, body=True)
        if asked is None:
            return await self.inner(scope, receive, send)
        began = time.perf_counter()
        body = _Body(receive)
        with structlog.contextvars.bound_contextvars(**{request_id.CONTEXT_KEY: asked.identifier}):
            done = await self.carry_out(write, asked, await body.read())
            if done is None:
                return await self.inner(scope, body.again, send)
            start = [*headers(write.path, asked, len(done.body)), *done.headers]
            await send({"type": "http.response.start", "status": done.status, "headers": start})
            await send({"type": "http.response.body", "body": done.body})
            note("POST", write.view, write.path, done.status, time.perf_counter() - began, done.name)
        return None

    async def carry_out(self, write: FastWrite, asked: Asked, body: bytes | None) -> Written | None:
        """What was done; None where this is not for us to do."""
        claims = self._claims(asked.token)
        if body is None or claims is None or claims.expires <= time.time():
            return None
        try:
            return await write.act(dict(claims.values), body)
        except psycopg.IntegrityError:  # it is there already: whether it is the same is Django's to say
            return None
        except psycopg.Error as error:
            log.warning("fast write failed", reason=str(error))
        except Exception:  # whatever it is: Django has the better words for it
            log.exception("fast write failed")
        return None


class _Body:
    """The body of a request, which can be read a second time."""

    def __init__(self, receive: Any) -> None:
        self._receive = receive
        self._messages: deque[Any] = deque()

    async def read(self) -> bytes | None:
        """All of it; None where it is too large, or the caller has gone."""
        parts, size = [], 0
        while True:
            message = await self._receive()
            self._messages.append(message)
            if message["type"] != "http.request":
                return None
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > MOST_BYTES:
                return None
            if not message.get("more_body", False):
                return b"".join(parts)

    async def again(self) -> Any:
        """The messages once more, then those that follow."""
        return self._messages.popleft() if self._messages else await self._receive()
