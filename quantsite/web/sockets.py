"""Sockets: who may open one, and the form of the messages.

A program opens ``/ws/...`` with the subprotocols ``quantsite.v1, bearer.<access token>``; a page with its
session cookie, and then the Origin must be our own, for a browser sends the cookie from anybody's page. A
token in the address is ignored: addresses end up in logs. Who is not let in gets close code 4401.

In: ``{"op", "id", "channels" | "from_seq"}``. Out: ``{"type", "channel", "seq", "data"}`` with the type
``snapshot``, ``update``, ``ack`` or ``error``; ``id`` is repeated in what answers a message.
"""

import asyncio
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import partial
from importlib import import_module
from typing import Any, cast
from urllib.parse import urlsplit

import orjson
import structlog
from channels.auth import get_user
from channels.consumer import get_handler_name
from channels.db import database_sync_to_async
from channels.exceptions import StopConsumer
from channels.generic.websocket import AsyncWebsocketConsumer
from channels.sessions import CookieMiddleware, SessionMiddleware
from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import DatabaseError
from django.http.request import split_domain_port, validate_host
from rest_framework.settings import api_settings as rest_settings

from quantsite.common.errors import RuleError
from quantsite.web import request_id
from quantsite.web.direct import writer_of
from quantsite.web.patient import answers_within
from quantsite.web.renderers import dumps
from quantsite.web.together import Together

log = structlog.get_logger("quantsite.sockets")

PROTOCOL = "quantsite.v1"
BEARER = "bearer."
CLOSE_UNAUTHENTICATED = 4401
CLOSE_FORBIDDEN = 4403
CLOSE_UNKNOWN = 4404
CLOSE_TRY_AGAIN = 1013
"""RFC 6455's registry: the server cannot tell now who may listen."""
RECHECK_SECONDS = 30.0
RECHECK_BEATS = 100
"""Moments in that time at which sockets are proved, so that those of a crowd ask together."""
MAX_MESSAGE = 64 * 1024
DEFAULT_PORTS = {"http": "80", "https": "443"}

User = AbstractBaseUser | AnonymousUser


class SocketAuthMiddleware:
    """Sets ``scope["user"]`` (anonymous unless proven), ``scope["expires"]`` (epoch seconds or None) and
    ``scope["prove"]``, a coroutine function that proves the user anew while the socket is open."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.with_session = CookieMiddleware(SessionMiddleware(self._from_session))

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> Any:
        """Hand the connection on with its user."""
        scope = {**scope, "user": AnonymousUser(), "expires": None, "prove": nobody}
        token = bearer_token(scope.get("subprotocols", []))
        if token:
            scope["user"], scope["expires"] = await user_of_token(token)
            scope["prove"] = partial(_user_of_token_now, token)
        elif origin_is_ours(scope):
            return await self.with_session(scope, receive, send)
        return await self.inner(scope, receive, send)

    async def _from_session(self, scope: dict[str, Any], receive: Any, send: Any) -> Any:
        scope["user"] = await get_user(scope)
        scope["prove"] = partial(user_of_session, scope)
        return await self.inner(scope, receive, send)


def bearer_token(subprotocols: Iterable[str]) -> str:
    """The access token among the offered subprotocols, '' where there is none."""
    return next((name[len(BEARER) :] for name in subprotocols if name.startswith(BEARER)), "")


async def user_of_token(token: str) -> tuple[User, float | None]:
    """The active user of a valid access token and when it ends; anonymous for any other token."""
    return await _users_of_tokens.ask(token)


def _prove(tokens: Iterable[str]) -> dict[str, tuple[User, float | None]]:
    proven = cast(Any, rest_settings.DEFAULT_AUTHENTICATION_CLASSES[0])().get_users(tokens)
    return {token: proven.get(token, (AnonymousUser(), None)) for token in tokens}


_users_of_tokens: Together[str, tuple[User, float | None]] = Together(_prove)


async def _user_of_token_now(token: str) -> User:
    return (await user_of_token(token))[0]


async def user_of_session(scope: dict[str, Any]) -> User:
    """The user of the cookie as things stand now; anonymous after a logout, a new password or a deactivation."""
    stored = import_module(settings.SESSION_ENGINE).SessionStore(scope["session"].session_key)
    if not await database_sync_to_async(stored.load)():  # empty too for a session that has run out
        return AnonymousUser()
    return cast(User, await get_user(scope))


async def nobody() -> User:
    """A stranger stays one."""
    return AnonymousUser()


def origin_is_ours(scope: Mapping[str, Any]) -> bool:
    """Whether the page that opened the socket is one of ours: same host and port, or a trusted origin."""
    headers = {name.decode("latin1").lower(): value.decode("latin1") for name, value in scope.get("headers", [])}
    origin = headers.get("origin", "").lower()
    if not origin:
        return False
    if origin in (trusted.lower() for trusted in settings.CSRF_TRUSTED_ORIGINS):
        return True
    host = headers.get("host", "").lower()
    parts = urlsplit(origin)
    domain, _port = split_domain_port(host)
    default = f":{DEFAULT_PORTS.get(parts.scheme, '')}"
    return (
        parts.scheme in DEFAULT_PORTS
        and parts.netloc.removesuffix(default) == host.removesuffix(default)
        and validate_host(domain, settings.ALLOWED_HOSTS)
    )


class ConsoleConsumer(AsyncWebsocketConsumer):
    """Base of our sockets: lets in who is logged in, parses messages, ends when the right to listen ends.

    Subclasses write ``async def op_<name>(self, message)`` for each ``op``, and may override ``may_listen``
    (a question to the database; ``ask_may_listen`` where it is asked for many at once), ``refused``, ``opened``
    and ``closed``. A ``RuleError`` of an op is answered as an error. ``protocols`` are the subprotocols that a
    socket speaks, the best one first.
    """

    protocols: tuple[str, ...] = (PROTOCOL,)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Handle one message after the other.

        Channels' own loop has two tasks more for each socket, and sends a thread to look after database connections
        with every message and twice at the end, which ``database_sync_to_async`` does where they are used.
        """
        self.scope = scope
        self.base_send = send
        with suppress(StopConsumer):
            while True:
                message = await receive()
                await getattr(self, get_handler_name(message))(message)

    async def websocket_disconnect(self, message: Mapping[str, Any]) -> None:
        """The connection is gone."""
        await self.disconnect(message["code"])
        raise StopConsumer

    async def connect(self) -> None:
        """Accept, or accept and close with 4401 or 4403 (a refused handshake could not carry the code)."""
        offered = self.scope.get("subprotocols", [])
        self.protocol = next((name for name in self.protocols if name in offered), None)
        await self.accept(self.protocol)
        self.watch: asyncio.Task[None] | None = None
        code = await self._refusal()
        if code is not None:
            if code == CLOSE_FORBIDDEN:
                await database_sync_to_async(self.refused)()
            await self.close(code)
            return
        self.watch = asyncio.create_task(self._close_when_refused())
        await self.opened()
        writer = writer_of(self.scope)
        if writer is not None:
            writer.admitted()

    async def disconnect(self, code: int) -> None:  # noqa: ARG002 - Channels' signature
        """Stop watching and let the subclass tidy up."""
        watch = getattr(self, "watch", None)
        if watch is None:
            return
        watch.cancel()
        await self.closed()

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Run the op of one message; what is no proper message is answered as an error."""
        if getattr(self, "watch", None) is None:
            return
        identifier: Any = None
        try:
            message = parse_message(text_data or bytes_data or b"")
            identifier = message.get("id")
            handler = getattr(self, f"op_{message['op']}", None)
            if handler is None:
                raise RuleError("unknown_op", f"There is no op {message['op']!r} on this socket")
            await handler(message)
        except RuleError as error:
            await self.send_error(error, identifier)

    async def opened(self) -> None:
        """The connection stands and the user may listen."""

    async def closed(self) -> None:
        """The connection is gone."""

    def may_listen(self) -> bool:
        """Whether the user holds the permission for this socket; asked again while it is open (synchronous)."""
        return True

    async def ask_may_listen(self) -> bool:
        """The same, off the event loop."""
        return bool(await database_sync_to_async(self.may_listen)())

    def refused(self) -> None:
        """Somebody known was not let in: apps write that down (synchronous)."""

    async def op_ping(self, message: Mapping[str, Any]) -> None:
        """Answer, so that a client can tell a silent socket from a dead one."""
        await self.send_message("ack", identifier=message.get("id"))

    async def send_message(
        self, kind: str, *, channel: str | None = None, seq: int | None = None, data: Any = None, identifier: Any = None
    ) -> None:
        """Send one message; ``kind`` is ``snapshot``, ``update``, ``ack`` or ``error``."""
        body = {"type": kind, "channel": channel, "seq": seq, "data": data}
        if identifier is not None:
            body["id"] = identifier
        await self.send_body(body)

    async def send_body(self, body: Mapping[str, Any]) -> None:
        """Put one message on the wire."""
        await self.send(text_data=dumps(body).decode())

    async def send_error(self, error: RuleError, identifier: Any = None) -> None:
        """Tell the client what was wrong with its message."""
        data = {"code": error.code, "detail": error.text, "fields": error.fields}
        await self.send_message("error", data=data, identifier=identifier)

    async def _refusal(self) -> int | None:
        expires = self.scope["expires"]
        if not self.scope["user"].is_authenticated or (expires is not None and expires <= time.time()):
            return CLOSE_UNAUTHENTICATED
        return None if await self.ask_may_listen() else CLOSE_FORBIDDEN

    async def _close_when_refused(self) -> None:
        while True:
            expires = self.scope["expires"]
            pause = _until_recheck()
            await asyncio.sleep(min(pause, max(0.0, expires - time.time())) if expires else pause)
            try:
                self.scope["user"] = await self.scope["prove"]()
                code = await self._refusal()
            except DatabaseError:
                log.warning("socket could not be proved", exc_info=True)
                code = CLOSE_TRY_AGAIN
            if code is not None:
                log.info("socket closed", reason="the right to listen ended", code=code)
                await self.close(code)
                return


def _until_recheck() -> float:
    """Seconds until a socket is proved anew: at most ``RECHECK_SECONDS``, to a moment that others wait for too."""
    now = asyncio.get_running_loop().time()
    return RECHECK_SECONDS - (now + RECHECK_SECONDS) % (RECHECK_SECONDS / RECHECK_BEATS)


class UnknownSocket(ConsoleConsumer):
    """Answers addresses that lead nowhere: 4401 to strangers, 4404 to people we know.

    With Channels' own loop each would wait at the channel layer for up to five seconds after it is gone.
    """

    async def connect(self) -> None:
        """Accept and close, so that the code arrives."""
        await self.accept()
        known = self.scope["user"].is_authenticated
        await self.close(CLOSE_UNKNOWN if known else CLOSE_UNAUTHENTICATED)


def parse_message(raw: str | bytes) -> dict[str, Any]:
    """One message from a client. Raises ``RuleError`` unless it is an object with a text ``op``."""
    if len(raw) > MAX_MESSAGE:
        raise RuleError("message_too_large", f"A message may have {MAX_MESSAGE} bytes")
    try:
        message = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise RuleError("invalid_json", "The message is not JSON") from None
    if not isinstance(message, dict) or not isinstance(message.get("op"), str):
        raise RuleError("invalid_message", 'A message is an object with a text "op"')
    if not isinstance(message.get("id"), str | int | float | None):
        raise RuleError("invalid_message", 'An "id" is a text or a number')  # it is repeated: a deep one could not be
    return message


class SocketContextMiddleware:
    """Gives each connection a request id of its own in the log's context, and no endless patience with the database."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> Any:
        """Bind the id for as long as the connection lives."""
        named = structlog.contextvars.bound_contextvars(**{request_id.CONTEXT_KEY: request_id.new()})
        with named, answers_within(settings.DB_ANSWER_SECONDS):
            return await self.inner(scope, receive, send)
