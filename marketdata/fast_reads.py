"""Bars as a fast read: stored bars of the interval asked for; what has to be put together goes the other way."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache, partial
from typing import NoReturn
from urllib.parse import parse_qsl, quote_plus, urlencode, urlsplit

import orjson

from accounts.fast_caller import caller, holds
from marketdata.bar_query import boundary_of, limit_of
from marketdata.bar_rows import LONGEST_CLOSURE
from marketdata.daily_facts import DailySettlement
from marketdata.domain.bars import PRICE_COLUMNS
from marketdata.domain.intervals import DAY, interval_name, parse_interval
from marketdata.domain.kline_plan import Stored, plan_pieces
from marketdata.models import Bar, BarCoverage, Instrument
from quantsite.common.errors import RuleError
from quantsite.web.fast_link import Row, written
from quantsite.web.fast_lists import BETWEEN, CODE, day, lines, number, record
from quantsite.web.fast_reads import PLACE, Answer, FastRead, Link, Question

BAR_TABLE, COVERAGE_TABLE = Bar._meta.db_table, BarCoverage._meta.db_table
INSTRUMENT_TABLE, SETTLEMENT_TABLE = Instrument._meta.db_table, DailySettlement._meta.db_table
MAY = "marketdata.view_bar"
MOST = 1_000
"""Bars of a page: larger ones are rather read in columns."""
PAUSE = timedelta(days=60)
"""Days looked back beyond one for each bar: who has not traded for longer is read by the other road."""


SERIES_KEPT = 4_096


class _HoursNeededError(Exception):
    """A plan with a seam inside of bars."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """The words of a question."""

    instrument: str
    interval: str
    limit: int
    end: datetime | None


def _start(column: str) -> str:
    """SQL: the start of a bar, which lies on a second."""
    return f"""'"' || replace(({column} AT TIME ZONE 'UTC')::text, ' ', 'T') || 'Z"'"""


def _line(interval: str) -> str:
    values = ("volume", "turnover", "open_interest")
    fields = {"start": _start("b.start"), "trading_day": day("b.trading_day")}
    fields |= {name: number(f'b."{name}"') for name in (*PRICE_COLUMNS, *values)}
    return record({**fields, "settlement": number("s.settlement_price")} if interval == DAY else fields)


@lru_cache(256)
def _sql(interval: str, limit: int, *, until: bool) -> str:
    settled = f"LEFT JOIN {SETTLEMENT_TABLE} s ON s.instrument_id = b.instrument_id AND s.trading_day = b.trading_day"
    return f"""
    WITH {caller(MAY)},
    known AS MATERIALIZED (SELECT id, simulated FROM {INSTRUMENT_TABLE} WHERE code = %(instrument)s),
    covered AS MATERIALIZED (
      SELECT c.* FROM {COVERAGE_TABLE} c JOIN known ON known.id = c.instrument_id WHERE c.bars > 0
    ),
    own AS MATERIALIZED (SELECT * FROM covered WHERE interval = '{interval}'),
    newest AS (
      SELECT * FROM {BAR_TABLE}
      WHERE instrument_id = (SELECT id FROM known) AND interval = '{interval}'
        AND trading_day >= %(since)s AND trading_day <= %(last)s
        {"AND start < %(end)s" if until else ""}
      ORDER BY trading_day DESC, start DESC LIMIT {limit + 1}
    ),
    page AS (
      SELECT {lines("line")} AS lines, count(*) AS count, max(start) AS last,
        (array_agg(start))[CASE WHEN count(*) > {limit} THEN 2 ELSE 1 END] AS first
      FROM (
        SELECT b.start, {_line(interval)} AS line FROM newest b {settled if interval == DAY else ""} ORDER BY b.start
      ) shown
    )
    SELECT caller.username, page.lines, page.count, {_start("page.first")}, {_start("page.last")},
      (SELECT simulated::text FROM known), (SELECT bars FROM own), (SELECT last_day FROM own), %(last)s::date,
      (SELECT json_agg(json_build_array(interval, {_ns("first_start")}, {_ns("last_start")}, bars))::text FROM covered)
    FROM caller CROSS JOIN page WHERE {holds(MAY)} AND page.count > 0"""


def _ns(column: str) -> str:
    return f"(EXTRACT(epoch FROM {column}) * 1000000)::bigint * 1000"


def _ask(words: Mapping[str, str]) -> Question | None:
    """Only with a limit: without one the answer is long, and made in columns."""
    if not {"instrument", "interval", "limit"} <= words.keys() <= {"instrument", "interval", "limit", "end"}:
        return None
    try:
        interval, end = interval_name(parse_interval(words["interval"])), boundary_of(words, "end")
        asked = _Asked(words["instrument"], interval, limit_of(words), end if isinstance(end, datetime) else None)
    except RuleError:
        return None
    if asked.limit > MOST or not CODE.fullmatch(asked.instrument) or (type(end) is date):
        return None
    values = {"instrument": written(asked.instrument)}
    if asked.end is not None:
        values["end"] = written(asked.end)
    return Question(_sql(interval, asked.limit, until=asked.end is not None), values, asked, partial(_days, asked))


def _days(asked: _Asked) -> dict[str, bytes]:
    """The trading days to look through: as values, so that the server opens the tables of these years only."""
    last = asked.end.date() if asked.end else _last_days.get((asked.instrument, asked.interval))
    if last is None:
        return {"since": written(date.min), "last": written(date.max)}
    since = last - PAUSE - timedelta(days=asked.limit * 7 // 5)
    return {"since": written(since), "last": written(last + LONGEST_CLOSURE)}


_last_days: dict[tuple[str, str], date] = {}
"""The last trading day of series as the last answer had it: a hint, checked with every answer."""


def _answer(question: Question, row: Row, link: Link) -> Answer | None:
    asked: _Asked = question.about
    _name, lines, count, first, last, simulated, stored, last_day, looked_to, covered = (part or b"" for part in row)
    shown, found = lines, int(count)
    if not _looked_far(asked, last_day, looked_to) or not _enough(asked, covered, found, stored):
        return None
    older = None
    if found > asked.limit:  # the first line is there to tell that there is one
        shown, found = lines[lines.index(BETWEEN) + len(BETWEEN) :], asked.limit
        older = link.to(quote_plus(first.strip(b'"')))
    body = (
        b'{"instrument":"%b","interval":"%b","simulated":%b,"basis":[{"interval":"%b","first":%b,"last":%b,"bars":%d}],'
        b'"results":[%b],"next":%b}'
    )
    interval = asked.interval.encode()
    of_series = (asked.instrument.encode(), interval, simulated, interval, first, last, found)
    headers = ((b"link", f'<{older}>; rel="next"'.encode()),) if older else ()
    return Answer(body % (*of_series, shown, orjson.dumps(older)), headers)


def _looked_far(asked: _Asked, last_day: bytes, looked_to: bytes) -> bool:
    """Whether the newest bar was among the days looked through; remembers its day for the next time."""
    if not last_day:
        return False
    if len(_last_days) >= SERIES_KEPT:
        _last_days.clear()
    _last_days[asked.instrument, asked.interval] = date.fromisoformat(last_day.decode())
    return asked.end is not None or last_day <= looked_to


def _enough(asked: _Asked, covered: bytes, count: int, stored: bytes) -> bool:
    """Whether no other bars than the ones found belong into the answer."""
    pieces = _pieces(covered, asked.interval)
    if not pieces or pieces[-1] != asked.interval:
        return False
    return count > asked.limit or (len(pieces) == 1 and asked.end is None and count == int(stored))


@lru_cache(1_024)
def _pieces(covered: bytes, interval: str) -> tuple[str, ...]:
    """The intervals that the answer is put together from, as ``klines`` plans it; empty where that takes hours."""
    stored = [Stored(*row) for row in orjson.loads(covered)]
    try:
        return tuple(piece.source.interval for piece in plan_pieces(stored, interval, _no_hours))
    except _HoursNeededError:
        return ()


def _no_hours() -> NoReturn:
    raise _HoursNeededError


def _older_page(address: str) -> str:
    """As ``bar_query.older_page`` makes it."""
    parts = urlsplit(address)
    return parts._replace(query=urlencode({**dict(parse_qsl(parts.query)), "end": PLACE})).geturl()


READS = [FastRead("/api/v1/bars/", "bar-list", _ask, _answer, _older_page)]
