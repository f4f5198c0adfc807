"""One id for a request and all that it sets off: log lines, error answers, audit rows, Celery tasks."""

import re
import uuid
from contextlib import AbstractContextManager
from typing import Any

import structlog
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from quantsite.web.middleware import AroundMiddleware

HEADER = "X-Request-ID"
CONTEXT_KEY = "request_id"
# What we accept from a caller: it lands in logs and rows, so no spaces, controls or essays.
SANE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{7,63}")


def new() -> str:
    """A fresh id: 32 hexadecimal digits."""
    return uuid.uuid4().hex


def current() -> str:
    """The id of what runs now; '' outside a request or task."""
    return str(structlog.contextvars.get_contextvars().get(CONTEXT_KEY, ""))


def accepted(value: str) -> str:
    """``value`` where it is a sane id, else a new one."""
    return value if SANE.fullmatch(value) else new()


class RequestIdMiddleware(AroundMiddleware):
    """Binds the id to the context, to ``request.request_id`` and to the response's header."""

    def around(self, request: HttpRequest) -> AbstractContextManager[Any]:
        """The context with the id in it."""
        identifier = accepted(request.headers.get(HEADER, ""))
        request.request_id = identifier  # type: ignore[attr-defined]
        return structlog.contextvars.bound_contextvars(**{CONTEXT_KEY: identifier})

    def after(self, request: HttpRequest, response: HttpResponseBase) -> None:
        """Tell the caller which id to ask about."""
        response.headers[HEADER] = request.request_id  # type: ignore[attr-defined]
