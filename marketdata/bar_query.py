"""The words of a question for bars, indicators and other series in an address: what, from when to when, how many."""

from collections.abc import Mapping
from datetime import date, datetime
from urllib.parse import urlencode

from django.utils.translation import gettext as _
from rest_framework.request import Request

from marketdata.bar_rows import Boundary
from marketdata.domain.bars import BarSeries
from quantsite.common.errors import RuleError
from quantsite.common.times import iso_utc, ns_to_utc

DEFAULT_LIMIT = 5_000
MAX_LIMIT = 100_000
EARLIEST_YEAR, LATEST_YEAR = 1900, 2200
"""Instants are nanoseconds in 64 bits, which end in 2262, and a day more or less must not leave a date's range."""


def needed(query: Mapping[str, str], name: str) -> str:
    """The value of a word that must be there. Raises ``RuleError`` where it is not."""
    if value := query.get(name, "").strip():
        return value
    text = _("Say which %(name)s.") % {"name": name}
    raise RuleError("invalid", text, fields={name: text})


def limit_of(query: Mapping[str, str]) -> int:
    """How many rows at most. Raises ``RuleError`` for what is no number within bounds."""
    text = query.get("limit", str(DEFAULT_LIMIT))
    if text.isdecimal() and len(text) <= len(str(MAX_LIMIT)) and 1 <= int(text) <= MAX_LIMIT:
        return int(text)
    told = _("A whole number from 1 to %(most)d, not %(text)r.") % {"most": MAX_LIMIT, "text": text}
    raise RuleError("invalid", told, fields={"limit": told})


def by_column(query: Mapping[str, str]) -> bool:
    """Whether arrays are asked for. Raises ``RuleError`` for an unknown layout."""
    layout = query.get("layout", "rows")
    if layout in ("rows", "columns"):
        return layout == "columns"
    told = _("'rows' or 'columns', not %(text)r.") % {"text": layout}
    raise RuleError("invalid", told, fields={"layout": told})


def boundary_of(query: Mapping[str, str], name: str) -> Boundary:
    """A trading day or an instant. Raises ``RuleError`` for anything else, an instant without a zone too."""
    text = query.get(name, "").strip()
    if not text:
        return None
    try:
        if len(text) == len("2024-01-02"):
            return date.fromisoformat(text)
        # The plus sign of +08:00, not encoded in an address, arrives as a space.
        moment = datetime.fromisoformat(text[:-6] + text[-6:].replace(" ", "+"))
    except ValueError:
        moment = None
    if moment is not None and moment.tzinfo is not None and EARLIEST_YEAR <= moment.year <= LATEST_YEAR:
        return moment
    told = _("%(text)r is neither a trading day (YYYY-MM-DD) nor an instant with its zone (2024-01-02T01:00:00Z).")
    raise RuleError("invalid", told % {"text": text}, fields={name: told % {"text": text}})


def older_page(request: Request, bars: BarSeries) -> str:
    """The address of the same question for what comes before these bars."""
    oldest = iso_utc(ns_to_utc(int(bars.start[0])))
    return request.build_absolute_uri(f"{request.path}?{urlencode({**request.query_params.dict(), 'end': oldest})}")
