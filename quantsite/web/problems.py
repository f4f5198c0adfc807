"""Errors of the API in one shape: RFC 9457 problem+json with ``code``, ``fields`` and ``request_id``."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import structlog
from django.core.exceptions import PermissionDenied
from django.core.exceptions import ValidationError as ModelValidationError
from django.http import Http404, HttpResponse
from django.utils.translation import gettext as _
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from quantsite.common.errors import ConflictError, MissingError, RefusedError, RuleError
from quantsite.web import request_id
from quantsite.web.database import DATABASE_AWAY
from quantsite.web.renderers import ProblemRenderer, dumps

log = structlog.get_logger(__name__)

RETRY_SECONDS = 5
"""After so long whoever was told that the database is away may ask again."""

STATUS_OF_RULE: dict[type[RuleError], int] = {RefusedError: 403, MissingError: 404, ConflictError: 409, RuleError: 400}


def problem(
    status: int, code: str, detail: str, instance: str, fields: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """The body of an error. ``code`` is for programs and stable, ``detail`` is a sentence for people."""
    return {
        "type": f"urn:quantsite:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "instance": instance,
        "code": code,
        "fields": dict(fields or {}),
        "request_id": request_id.current(),
    }


def problem_response(status: int, code: str, detail: str, instance: str) -> HttpResponse:
    """The same outside of DRF's views: unknown addresses, crashes, plain Django views."""
    body = dumps(problem(status, code, detail, instance))
    return HttpResponse(body, status=status, content_type=ProblemRenderer.media_type)


def exception_handler(error: Exception, context: Mapping[str, Any]) -> Response | None:
    """DRF's hook: the answer to ``error``; None for an error nobody foresaw, which then is a 500."""
    body = _body(error, context["request"].path)
    if body is None:
        return None
    set_rollback()
    # An error is JSON even where the caller asked for CSV or Parquet.
    context["request"].accepted_renderer = ProblemRenderer()
    context["request"].accepted_media_type = ProblemRenderer.media_type
    return Response(body, status=body["status"], headers=_headers(error))


def _body(error: Exception, path: str) -> dict[str, Any] | None:
    if isinstance(error, RuleError):
        status = next(status for kind, status in STATUS_OF_RULE.items() if isinstance(error, kind))
        return problem(status, error.code, error.text, path, error.fields)
    if isinstance(error, (*DATABASE_AWAY, Http404, PermissionDenied)):
        return _of_django(error, path)
    if isinstance(error, ModelValidationError):
        error = exceptions.ValidationError(error.message_dict if hasattr(error, "error_dict") else error.messages)
    if isinstance(error, exceptions.ValidationError):
        return problem(400, "invalid", _("The request is not valid."), path, flatten(error.detail))
    if isinstance(error, exceptions.APIException):
        return problem(error.status_code, _code(error), _sentence(error), path)
    return None


def _of_django(error: Exception, path: str) -> dict[str, Any]:
    if isinstance(error, Http404):
        return problem(404, "not_found", _("Not found, or not visible to you."), path)
    if isinstance(error, PermissionDenied):
        return problem(403, "permission_denied", _("You may not do this."), path)
    log.error("database away", reason=" ".join(str(error).split()))
    text = _("The database does not answer. Ask again in a moment, for an order by the same client order id.")
    return problem(503, "database_away", text, path)


def flatten(detail: Any, name: str = "") -> dict[str, str]:
    """DRF's nested error details as one sentence a field; nested names are joined by dots.

    What belongs to no field stands under ``non_field_errors``.
    """
    if isinstance(detail, Mapping):
        items = [(f"{name}.{key}" if name else str(key), value) for key, value in detail.items()]
    elif isinstance(detail, list) and any(isinstance(item, Mapping | list) for item in detail):
        items = [(f"{name}.{index}" if name else str(index), value) for index, value in enumerate(detail) if value]
    else:
        sentences = detail if isinstance(detail, list) else [detail]
        return {name or "non_field_errors": " ".join(str(sentence) for sentence in sentences)}
    return {key: text for inner, value in items for key, text in flatten(value, inner).items()}


def _code(error: exceptions.APIException) -> str:
    # simplejwt puts a mapping with its own code into ``detail``.
    if isinstance(error.detail, Mapping):
        return str(error.detail.get("code", error.default_code))
    codes = error.get_codes()
    return codes if isinstance(codes, str) else error.default_code


def _sentence(error: exceptions.APIException) -> str:
    if isinstance(error.detail, Mapping):
        return str(error.detail.get("detail", error.default_detail))
    if isinstance(error.detail, list):
        return " ".join(str(item) for item in error.detail)
    return str(error.detail)


def _headers(error: Exception) -> dict[str, str]:
    headers = {"Retry-After": str(RETRY_SECONDS)} if isinstance(error, DATABASE_AWAY) else {}
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = str(challenge)
    if (wait := getattr(error, "wait", None)) is not None:
        headers["Retry-After"] = str(int(wait))
    return headers
