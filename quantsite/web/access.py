"""One log line and one count for each request."""

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import structlog
from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.functional import LazyObject, empty

from quantsite.web import metrics
from quantsite.web.middleware import AroundMiddleware

log = structlog.get_logger("quantsite.access")

STATIC = "static"
"""The one name that all static files are counted under."""


def known_user(request: HttpRequest) -> str:
    """The name of the caller; '' where anonymous or where nobody asked, for this line is no reason for a query."""
    user: Any = getattr(request, "user", None)
    if isinstance(user, LazyObject) and user._wrapped is empty:
        return ""
    return user.get_username() if user is not None and user.is_authenticated else ""


def view_name(request: HttpRequest) -> str:
    """The route's name: few values however many addresses are tried; ``other`` for an address without a route."""
    match = request.resolver_match
    return (match.view_name or match.route) if match else "other"


class AccessMiddleware(AroundMiddleware):
    """Measures until the response starts; a streamed body is not waited for."""

    def around(self, request: HttpRequest) -> AbstractContextManager[Any]:
        """Start the clock."""
        return _clock(request)

    def after(self, request: HttpRequest, response: HttpResponseBase) -> None:
        """Write the line and count."""
        seconds = time.perf_counter() - request.started  # type: ignore[attr-defined]
        static = request.path.startswith(settings.STATIC_URL)
        view = STATIC if static else view_name(request)
        note(request.method or "", view, request.path, response.status_code, seconds, known_user(request))


def note(method: str, view: str, path: str, status: int, seconds: float, user: str) -> None:  # noqa: PLR0917 - a line
    """Count a request and write its line; ``path`` is without the query: that may carry what is nobody's business."""
    metrics.REQUESTS.labels(method, view, str(status)).inc()
    metrics.SECONDS.labels(view).observe(seconds)
    (log.debug if view == STATIC else log.info)(
        "request", method=method, path=path, status=status, duration_ms=round(seconds * 1e3, 1), user=user
    )


@contextmanager
def _clock(request: HttpRequest) -> Iterator[None]:
    request.started = time.perf_counter()  # type: ignore[attr-defined]
    yield
