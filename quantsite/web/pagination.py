"""Lists of the API: ``{"results": [...], "next": address or null}``."""

from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from rest_framework.exceptions import NotFound
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response

from quantsite.common.errors import RuleError


class NewestFirstCursor(CursorPagination):
    """Pages by position, not by number: a row added meanwhile neither repeats nor hides another."""

    ordering: str | tuple[str, ...] = "-pk"
    page_size_query_param = "limit"
    max_page_size = 500

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any] | None:
        """The rows of the page. Raises ``RuleError`` for a cursor that none of our pages has given."""
        cursor = self.decode_cursor(request)
        if cursor is not None and cursor.position is not None:
            first = self.get_ordering(request, queryset, view)[0].lstrip("-")
            try:
                queryset.filter(**{f"{first}__gt": cursor.position})  # not asked: only whether it could be
            except (TypeError, ValueError, ValidationError) as error:
                raise self._unknown(request) from error
        return super().paginate_queryset(queryset, request, view)

    def decode_cursor(self, request: Request) -> Cursor | None:
        """What the caller's cursor says; None without one. Raises ``RuleError`` for what is no cursor."""
        try:
            cursor = super().decode_cursor(request)
        except NotFound as error:
            raise self._unknown(request) from error
        if cursor is not None and "\x00" in str(cursor.position):
            raise self._unknown(request)
        return cursor

    def _unknown(self, request: Request) -> RuleError:
        given = request.query_params.get(self.cursor_query_param, "")
        text = _("There is no page at the cursor %(cursor)r: follow the address in next, or leave the cursor out.")
        return RuleError(
            "bad_cursor", text % {"cursor": given}, fields={self.cursor_query_param: _("no cursor of ours")}
        )

    def get_paginated_response(self, data: Any) -> Response:
        """One page and where to go on."""
        return Response({"results": data, "next": self.get_next_link()})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """The same shape for OpenAPI."""
        return {
            "type": "object",
            "required": ["results", "next"],
            "properties": {
                "results": schema,
                "next": {"type": "string", "nullable": True, "format": "uri"},
            },
        }
