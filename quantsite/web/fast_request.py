"""What the fast roads in front of Django share: which requests they look at, who calls, the headers of an answer."""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from typing import Any, NamedTuple

from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpResponse
from django.http.request import split_domain_port, validate_host
from django.middleware.clickjacking import XFrameOptionsMiddleware
from django.middleware.security import SecurityMiddleware

from quantsite.web import request_id
from quantsite.web.csp import ContentSecurityPolicyMiddleware

Scope = MutableMapping[str, Any]
Application = Callable[[Scope, Any, Any], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

PLAIN_ACCEPT = frozenset({b"*/*", b"application/json", b"application/json, text/plain, */*"})
PLAIN_CONTENT = frozenset({b"application/json", b"application/json; charset=utf-8"})
TOKENS_KEPT = 4_096


class Claims(NamedTuple):
    """What a token says that was signed by us: values for the query that checks them, and its end (epoch seconds)."""

    values: Mapping[str, Any]
    expires: float


Prove = Callable[[bytes], Claims | None]
"""Checks the signature of a token and gives its claims."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What of a request matters here; ``content`` is the kind of its body, empty where it has none."""

    token: bytes
    host: str
    secure: bool
    identifier: str
    content: bytes


def asked_of(scope: Scope, *, body: bool = False) -> Asked | None:
    """What the headers say; None where one of them wants more than is done here. ``body``: JSON of known length."""
    if scope.get("root_path"):
        return None
    found: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        if name in _LOOKED_AT and found.setdefault(name, value) is not value:
            return None
    token = found.get(b"authorization", b"")
    host = found.get(b"host", b"").decode("latin1")
    if not token.startswith(b"Bearer ") or not _fits(found, body=body) or not _is_ours(host):
        return None
    secure = scope["scheme"] == "https" or _came_by_https(found)
    identifier = request_id.accepted(found.get(b"x-request-id", b"").decode("latin1"))
    return Asked(token[7:], host, secure, identifier, found.get(b"content-type", b""))


_LENGTH = b"content-length"
_HANDED_ON = frozenset({b"cookie", b"transfer-encoding"})
_LOOKED_AT = _HANDED_ON | {
    _LENGTH, b"authorization", b"host", b"accept", b"content-type", b"x-request-id", b"x-forwarded-proto"
}  # fmt: skip


def _fits(found: Mapping[bytes, bytes], *, body: bool) -> bool:
    if not _HANDED_ON.isdisjoint(found) or found.get(b"accept", b"*/*") not in PLAIN_ACCEPT:
        return False
    if body:
        return _LENGTH in found and found.get(b"content-type", b"").lower() in PLAIN_CONTENT
    return _LENGTH not in found


def _came_by_https(given: Mapping[bytes, bytes]) -> bool:
    """What our proxy says, where the settings believe it; as Django asks."""
    if not settings.SECURE_PROXY_SSL_HEADER:
        return False
    return given.get(b"x-forwarded-proto", b"").split(b",")[0].strip() == b"https"


@lru_cache(256)
def _is_ours(host: str) -> bool:
    domain, _port = split_domain_port(host)
    return bool(domain) and validate_host(domain, settings.ALLOWED_HOSTS)


def headers(path: str, asked: Asked, size: int) -> Headers:
    """What goes with a JSON body of so many bytes from this address."""
    return [
        *_standing_headers(path, secure=asked.secure),
        (b"cache-control", b"no-store"),
        (b"content-length", b"%d" % size),
        (b"x-request-id", asked.identifier.encode()),
    ]


@lru_cache(256)
def _standing_headers(path: str, *, secure: bool) -> tuple[tuple[bytes, bytes], ...]:
    """What Django's middleware would put on every answer from this address."""
    scheme = "https" if secure else "http"
    scope = {"type": "http", "method": "GET", "scheme": scheme, "path": path, "headers": [], "query_string": b""}
    request, response = ASGIRequest(scope, BytesIO()), HttpResponse(content_type="application/json")
    for middleware in (SecurityMiddleware, ContentSecurityPolicyMiddleware, XFrameOptionsMiddleware):
        middleware(lambda _request: response)(request)
    return tuple((name.lower().encode(), value.encode()) for name, value in response.items())
