"""Pages of the house itself: the metrics page, error pages, the sign-post at ``/``."""

import hmac
from ipaddress import ip_address
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from quantsite.web import metrics
from quantsite.web.problems import problem_response

# Any of these says that a proxy stands between: the peer's address is then the proxy's, not the caller's.
FORWARDING_HEADERS = ("X-Forwarded-For", "X-Real-Ip", "Forwarded", "X-Forwarded-Host", "X-Forwarded-Proto", "Via")


@never_cache
@require_safe
def metrics_page(request: HttpRequest) -> HttpResponse:
    """The figures for Prometheus: for the bearer of the token or, where none is set, for this machine only."""
    return _figures(request, rows=True)


@never_cache
@require_safe
def process_metrics_page(request: HttpRequest) -> HttpResponse:
    """The same of what this process counts itself, without what all of them read from rows."""
    return _figures(request, rows=False)


def _figures(request: HttpRequest, *, rows: bool) -> HttpResponse:
    if not may_scrape(request):
        return problem_response(403, "permission_denied", _("You may not do this."), request.path)
    body, content_type = metrics.exposition(rows=rows)
    return HttpResponse(body, content_type=content_type)


def may_scrape(request: HttpRequest) -> bool:
    """Whether the caller proves itself: by the token where one is set, else by a direct loopback connection."""
    token: str = settings.METRICS_TOKEN
    if token:
        given = request.headers.get("Authorization", "")
        return hmac.compare_digest(given.encode(), f"Bearer {token}".encode())
    if any(name in request.headers for name in FORWARDING_HEADERS):
        return False
    try:
        return ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:  # noqa: ARG001 - Django's hook
    """400: the request makes no sense (a host that is not ours, a form that was tampered with)."""
    return _error(request, 400, "bad_request", _("The request makes no sense to the server."))


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponseBase:  # noqa: ARG001
    """403: known, but not allowed."""
    return _error(request, 403, "permission_denied", _("You may not do this."))


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponseBase:  # noqa: ARG001
    """403: a form without the token that our pages carry."""
    return _error(request, 403, "csrf_failed", _("The form has expired or came from another site. Load it again."))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:  # noqa: ARG001
    """404: no such address, or nothing there that the caller may see."""
    return _error(request, 404, "not_found", _("Not found, or not visible to you."))


def server_error(request: HttpRequest) -> HttpResponseBase:
    """500: our fault; the id on the page finds it in the log."""
    return _error(request, 500, "server_error", _("Something broke on our side. It has been written to the log."))


def _error(request: HttpRequest, status: int, code: str, sentence: str) -> HttpResponseBase:
    if request.path.startswith("/api/"):
        return problem_response(status, code, sentence, request.path)
    context: dict[str, Any] = {
        "status": status,
        "sentence": sentence,
        "next": request.get_full_path(),
        "request_id": getattr(request, "request_id", ""),
    }
    return render(request, "error.html", context, status=status)
