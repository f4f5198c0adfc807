"""Errors of the API: one shape for all of them."""

from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.core.exceptions import ValidationError as ModelValidationError
from django.db import InterfaceError, OperationalError
from django.http import Http404
from django.test import Client
from rest_framework import exceptions
from rest_framework.parsers import JSONParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIClient, APIRequestFactory
from rest_framework.views import APIView
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.exceptions import InvalidToken

from quantsite.common.errors import ConflictError, MissingError, RefusedError, RuleError
from quantsite.web.problems import flatten

KEYS = {"type", "title", "status", "detail", "instance", "code", "fields", "request_id"}


class CsvOnly(BaseRenderer):
    """A view that gives CSV only must give JSON for its errors all the same."""

    media_type = "text/csv"
    format = "csv"

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        """Never asked in these tests: every answer is an error."""
        raise AssertionError(data)


def answer_to(error: Exception) -> Response:
    """What a view that raises ``error`` answers."""

    class View(APIView):
        permission_classes = ()
        authentication_classes = (JWTAuthentication,)
        renderer_classes = (CsvOnly,)

        def get(self, request: Request) -> Response:
            raise error

    return View.as_view()(APIRequestFactory().get("/api/v1/thing/"))


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (RuleError("bad_tick", "3500.5 is off the grid"), 400, "bad_tick"),
        (RefusedError("not_yours", "No"), 403, "not_yours"),
        (MissingError("unknown_run", "No"), 404, "unknown_run"),
        (ConflictError("is_over", "No"), 409, "is_over"),
        (Http404(), 404, "not_found"),
        (PermissionDenied(), 403, "permission_denied"),
        (exceptions.PermissionDenied(), 403, "permission_denied"),
        (exceptions.NotAuthenticated(), 401, "not_authenticated"),
        (exceptions.MethodNotAllowed("PUT"), 405, "method_not_allowed"),
        (exceptions.UnsupportedMediaType("text/plain"), 415, "unsupported_media_type"),
        (exceptions.ParseError(), 400, "parse_error"),
        (exceptions.Throttled(wait=7), 429, "throttled"),
        (InvalidToken(), 401, "token_not_valid"),
        (exceptions.ValidationError({"fast": ["Too low."]}), 400, "invalid"),
        (ModelValidationError({"capital": ["Too low."]}), 400, "invalid"),
        (OperationalError("server closed the connection"), 503, "database_away"),
        (InterfaceError("connection already closed"), 503, "database_away"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_every_kind_of_error_has_the_one_shape(error: Exception, status: int, code: str) -> None:
    answer = answer_to(error)
    answer.render()
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert set(answer.data) == KEYS
    assert (answer.data["status"], answer.data["code"], answer.data["instance"]) == (status, code, "/api/v1/thing/")
    assert answer.data["type"] == f"urn:quantsite:problem:{code}"
    assert answer.data["detail"]


def test_a_rule_names_the_refused_fields() -> None:
    answer = answer_to(
        RuleError("invalid_parameters", "fast must be below slow", fields={"fast": "20 is not below 10"})
    )
    assert answer.data["detail"] == "fast must be below slow"
    assert answer.data["fields"] == {"fast": "20 is not below 10"}


def test_throttling_says_when_to_come_back() -> None:
    assert answer_to(exceptions.Throttled(wait=7)).headers["Retry-After"] == "7"


def test_a_database_that_is_away_says_when_to_come_back() -> None:
    assert answer_to(OperationalError("gone")).headers["Retry-After"] == "5"


def test_an_unforeseen_error_is_not_dressed_up() -> None:
    with pytest.raises(ZeroDivisionError):
        answer_to(ZeroDivisionError())


def test_nested_details_become_one_sentence_a_field() -> None:
    detail = {"costs": {"multiplier": ["Too low.", "Odd."]}, "legs": [{}, {"code": ["Unknown."]}], "note": "Long."}
    assert flatten(detail) == {"costs.multiplier": "Too low. Odd.", "legs.1.code": "Unknown.", "note": "Long."}
    assert flatten(["Wrong."]) == {"non_field_errors": "Wrong."}


@pytest.mark.django_db
def test_unknown_addresses_and_bad_json_are_problems_with_the_request_id() -> None:
    client = APIClient()
    unknown = client.get("/api/v1/nothing/", headers={"X-Request-ID": "abcdefgh-here"})
    assert (unknown.status_code, unknown.headers["Content-Type"]) == (404, "application/problem+json")
    assert unknown.json()["request_id"] == "abcdefgh-here"
    broken = client.generic("POST", "/api/v1/auth/token/", "{", content_type=JSONParser.media_type)
    assert (broken.status_code, broken.json()["code"]) == (400, "parse_error")
    deep = client.generic("POST", "/api/v1/auth/token/", "[" * 50_000 + "]" * 50_000, JSONParser.media_type)
    assert (deep.status_code, deep.json()["code"]) == (400, "parse_error")


@pytest.mark.django_db
def test_a_missing_and_a_bad_token_are_told_apart(client: Client) -> None:
    missing = client.get("/api/v1/users/me/")
    assert (missing.status_code, missing.json()["code"]) == (401, "not_authenticated")
    assert missing.headers["WWW-Authenticate"].startswith("Bearer")
    bad = client.get("/api/v1/users/me/", headers={"Authorization": "Bearer nonsense"})
    assert (bad.status_code, bad.json()["code"]) == (401, "token_not_valid")
