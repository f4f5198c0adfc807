"""Lists with a cursor among the fast reads: pages as ``NewestFirstCursor`` makes them, lines as the database does.

The functions that give SQL write a value as JSON has it in ``trading.shapes`` and everywhere else in the API: money is
a number, a time UTC with ``Z``, what is undefined null.
"""

import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus

import orjson
from rest_framework.utils.urls import replace_query_param

from quantsite.web.fast_link import Row, written
from quantsite.web.fast_reads import PLACE, Answer, FastRead, Link, Question
from quantsite.web.pagination import NewestFirstCursor

CODE = re.compile(r"[A-Za-z0-9_.\-]{1,64}")
LIMIT = re.compile(r"[1-9]\d{0,5}")
NUMBER = re.compile(r"[1-9]\d{0,17}")
BETWEEN = b",\n"
"""Between two lines: none has a line break in it, for JSON escapes them."""


def text(column: str) -> str:
    """SQL: any text as a JSON string."""
    return f"to_json({column})::text"


def plain(column: str) -> str:
    """SQL: a text without a character that JSON would have to escape."""
    return f"""'"' || {column} || '"'"""


def number(column: str) -> str:
    """SQL: a number, or null."""
    return f"COALESCE({column}::text, 'null')"


def flag(column: str) -> str:
    """SQL: true or false."""
    return f"{column}::text"


def day(column: str) -> str:
    """SQL: a date, or null; as text it has that form on the connections of ``fast_link``."""
    return f"""COALESCE('"' || {column}::text || '"', 'null')"""


def moment(column: str) -> str:
    """SQL: a time as ``iso_utc`` writes it, or null."""
    written = f"""to_char({column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""
    return f"""COALESCE('"' || replace({written}, '.000000Z', 'Z') || '"', 'null')"""


def record(fields: Mapping[str, str]) -> str:
    """SQL: a JSON object of values that are JSON already. A null in one of them would make all of it null."""
    pairs = [f"""'{"," if place else "{"}"{name}":' || {value}""" for place, (name, value) in enumerate(fields.items())]
    return " || ".join([*pairs, "'}'"])


def lines(column: str) -> str:
    """SQL: all rows' JSON as one text, in their order; null where there are none."""
    return f"string_agg({column}, E',\\n')"


@dataclass(frozen=True)
class Filter:
    """A word that narrows a list: the condition in SQL with ``%(name)s`` in it, and how its value is read."""

    condition: str
    read: Callable[[str], Any]


def code_filter(condition: str) -> Filter:
    """By a code; one with other signs in it is left to the other road."""
    return Filter(condition, lambda value: value if CODE.fullmatch(value) else None)


@dataclass(frozen=True)
class FastList:
    """A list in the order of ``key``: ``rows`` gives the SQL of ``caller`` and ``page``, ``may`` whether they may ask.

    ``page`` has ``key`` and ``line`` of at most ``size + 1`` rows.
    """

    path: str
    view: str
    cursor: type[NewestFirstCursor]
    rows: Callable[["Page"], str]
    may: str
    newest_first: bool = False
    key: re.Pattern[str] = NUMBER
    filters: Mapping[str, Filter] = field(default_factory=dict)

    def to_read(self) -> FastRead:
        """As the road takes it."""
        return FastRead(self.path, self.view, self._ask, self._answer, _next_page)

    def _ask(self, words: Mapping[str, str]) -> Question | None:
        page = self._page(words)
        if page is None:
            return None
        found = f"""
            SELECT {lines("line")} AS lines, count(*) AS count, (array_agg(key))[{page.size}] AS key
            FROM (SELECT * FROM page ORDER BY key {"DESC" if self.newest_first else "ASC"}) page"""
        chosen = f"SELECT caller.username, lines, count, key FROM caller CROSS JOIN ({found}) found WHERE {self.may}"
        return Question(f"WITH {self.rows(page)} {chosen}", page.values, page.size)

    def _page(self, words: Mapping[str, str]) -> "Page | None":
        size, values, conditions = self.cursor.page_size or 0, {}, {}
        for name, given in words.items():
            if name == "limit":
                if not LIMIT.fullmatch(given):
                    return None
                size = min(int(given), self.cursor.max_page_size)
                continue
            known = self.filters.get(name)
            value = self._position(given) if name == "cursor" else known.read(given) if known else None
            if value is None:
                return None
            values[name] = written(value)
            conditions[name] = known.condition if known else ""
        return Page(size, values, conditions)

    def _position(self, cursor: str) -> Any:
        """The key in a cursor that holds nothing else, as :meth:`_answer` writes them."""
        try:
            name, _equals, key = b64decode(cursor, validate=True).decode("ascii").partition("=")
        except (Base64Error, ValueError):
            return None
        if name != "p" or not self.key.fullmatch(key):
            return None
        return key

    def _answer(self, question: Question, row: Row, link: Link) -> Answer:
        _name, found, count, key = row
        shown, following = found or b"", b"null"
        if int(count or 0) > question.about:  # the last line is there to tell that there is one
            shown = shown[: shown.rindex(BETWEEN)]
            cursor = b64encode(b"p=%b" % (key or b"")).decode()
            following = orjson.dumps(link.to(quote_plus(cursor)))
        return Answer(b'{"results":[%b],"next":%b}' % (shown, following))


@dataclass(frozen=True)
class Page:
    """What of a list is wanted: how many, the values of the query, and the conditions by word."""

    size: int
    values: Mapping[str, bytes]
    conditions: Mapping[str, str]

    def where(self, key: str, *, newest_first: bool, without: str = "") -> str:
        """SQL: the conditions, each behind an AND, that of the cursor on ``key`` among them."""
        found = [condition for name, condition in self.conditions.items() if condition and name != without]
        if "cursor" in self.conditions:
            found.append(f"{key} {'<' if newest_first else '>'} %(cursor)s")
        return "".join(f" AND {condition}" for condition in found)


def _next_page(address: str) -> str:
    """As ``CursorPagination`` makes it."""
    return str(replace_query_param(address, "cursor", PLACE))
