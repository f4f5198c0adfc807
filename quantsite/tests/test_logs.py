"""Logs: one JSON object a line, no secrets, one line a request."""

import json
import logging
from collections.abc import Iterator
from io import StringIO

import pytest
import structlog
from django.test import Client

from quantsite.web.logs import hide_secrets


@pytest.fixture
def lines() -> Iterator[StringIO]:
    """What the process writes to its log, as text."""
    handler = next(handler for handler in logging.getLogger().handlers if isinstance(handler, logging.StreamHandler))
    root = logging.getLogger()
    level, stream, text = root.level, handler.stream, StringIO()
    root.setLevel(logging.INFO)
    handler.setStream(text)
    yield text
    handler.setStream(stream)
    root.setLevel(level)


def entries(lines: StringIO) -> list[dict[str, object]]:
    """The lines, parsed; each must be an object."""
    return [json.loads(line) for line in lines.getvalue().splitlines()]


def test_both_kinds_of_logger_write_the_same_form(lines: StringIO) -> None:
    structlog.get_logger("ours").warning("bar refused", row=7)
    logging.getLogger("theirs").warning("took %s s", 3)
    ours, theirs = entries(lines)
    assert (ours["event"], ours["row"], ours["level"], ours["logger"]) == ("bar refused", 7, "warning", "ours")
    assert (theirs["event"], theirs["level"], theirs["logger"]) == ("took 3 s", "warning", "theirs")
    assert str(ours["timestamp"]).endswith("Z")


def test_what_only_the_standard_library_writes_is_a_line_too(lines: StringIO) -> None:
    structlog.get_logger("ours").warning("odd", half="\ud83d", large=2**70, seven={7: "days"})
    (odd,) = entries(lines)
    assert (odd["half"], odd["large"], odd["seven"]) == ("\ud83d", 2**70, {"7": "days"})


def test_one_line_a_request(client: Client, lines: StringIO) -> None:
    client.get("/healthz?token=hunter2", headers={"X-Request-ID": "abcdefgh-line"})
    (line,) = [entry for entry in entries(lines) if entry["logger"] == "quantsite.access"]
    assert (line["method"], line["path"], line["status"], line["user"]) == ("GET", "/healthz", 200, "")
    assert line["request_id"] == "abcdefgh-line"
    assert float(str(line["duration_ms"])) >= 0


@pytest.mark.django_db
def test_the_line_names_the_user(client: Client, lines: StringIO, ada: object) -> None:
    client.force_login(ada)  # type: ignore[arg-type]
    client.get("/admin/")
    assert [entry["user"] for entry in entries(lines) if entry["logger"] == "quantsite.access"] == ["ada"]


@pytest.mark.parametrize(
    ("key", "value", "shown"),
    [
        ("password", "hunter2", "***"),
        ("refresh_token", "eyJhbGciOi", "***"),
        ("Authorization", "Bearer abc", "***"),
        ("event", "sent Bearer eyJhbGciOi.x to us", "sent Bearer *** to us"),
        ("event", "postgres://desk:hunter2@db:5432/q", "postgres://desk:***@db:5432/q"),
        ("event", "GET /x?token=abc&y=1", "GET /x?token=***&y=1"),
        ("event", "sent BeArEr.eyJhbGciOi to us", "sent BeArEr.*** to us"),
        ("event", "serving http://0.0.0.0:8000/", "serving http://0.0.0.0:8000/"),
        ("author", "ada", "ada"),
    ],
)
def test_secrets_are_hidden(key: str, value: str, shown: str) -> None:
    assert hide_secrets(None, "info", {key: value})[key] == shown


def test_a_traceback_is_searched_for_secrets_too(lines: StringIO) -> None:
    try:
        raise ValueError("cannot reach redis://:hunter2@cache:6379/0")
    except ValueError:
        structlog.get_logger("ours").exception("broke")
    assert "hunter2" not in lines.getvalue()
    assert "ValueError" in lines.getvalue()
