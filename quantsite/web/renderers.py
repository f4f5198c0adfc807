"""JSON by orjson, in the platform's forms: numbers as numbers, UTC times with ``Z``, undefined as null."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import orjson
from django.utils.functional import Promise
from rest_framework.renderers import BaseRenderer

from quantsite.common.times import iso_utc

OPTIONS = orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_PASSTHROUGH_DATETIME


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return iso_utc(value if value.tzinfo else value.replace(tzinfo=UTC))
    if isinstance(value, date | time):  # a datetime was caught above
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, Promise):
        return str(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON here")


def dumps(value: Any) -> bytes:
    """``value`` as JSON; NaN and infinities become null. Raises ``TypeError`` for what has no form in JSON."""
    return orjson.dumps(value, default=_plain, option=OPTIONS)


class OrjsonRenderer(BaseRenderer):
    """The API's default renderer."""

    media_type = "application/json"
    format = "json"
    charset = None
    render_style = "text"

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:  # noqa: ARG002
        """The body; empty for an answer without data (204)."""
        return b"" if data is None else dumps(data)


class ProblemRenderer(OrjsonRenderer):
    """RFC 9457 bodies, whatever form the caller asked the data in."""

    media_type = "application/problem+json"
