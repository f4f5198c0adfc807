"""Bars and ticks as TimescaleDB hypertables: the statements that make them so, and what they are now.

The statements follow TimescaleDB 2.13 and later (``by_range``). Everything that reads or writes bars and ticks names
the tables only, never a partition, so it runs unchanged on both forms.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from django.conf import settings
from django.db import connection, transaction
from django.utils.translation import gettext as _

from quantsite.common.errors import RuleError

EXTENSION = "timescaledb"
RETENTION_MARGIN_DAYS = 7
"""Ticks are dropped this many days after the archive has moved them, at the earliest."""


@dataclass(frozen=True)
class Hypertable:
    """How a table is cut and compressed. The key's columns stand in ``segment_by`` and ``order_by``."""

    table: str
    chunk_days: int
    segment_by: str
    order_by: str


BARS = Hypertable("marketdata_bar", 91, "instrument_id, interval", "trading_day, start")
TICKS = Hypertable("marketdata_tick", 1, "instrument_id", "trading_day, seq")
"""A day of the whole market is some 14 million ticks: a chunk should fit into memory."""


@dataclass(frozen=True)
class TimescaleOptions:
    """After how many days chunks are compressed, and ticks dropped (None: never)."""

    compress_after: int = 7
    keep_ticks: int | None = None


def enable(options: TimescaleOptions) -> list[str]:
    """Turn both tables into hypertables, in one transaction, and set their policies; gives the statements run.

    Bars and ticks cannot be written meanwhile. Tables that are hypertables already keep their rows where they are.
    Raises ``RuleError`` ``no_timescale`` on SQLite or where the server lacks the extension.
    """
    check_server()
    check_options(options)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"CREATE EXTENSION IF NOT EXISTS {EXTENSION}")
        done = list(statements(options, hypertables()))
        for statement in done:
            cursor.execute(statement)
    return done


def statements(options: TimescaleOptions, existing: frozenset[str] = frozenset()) -> Iterator[str]:
    """The statements that lead from the present form to hypertables with policies; ``existing`` are such already."""
    for hypertable in (BARS, TICKS):
        if hypertable.table not in existing:
            yield from make_plain(hypertable.table)
            yield _create(hypertable)
            yield from move_rows(hypertable.table)
            yield _compression(hypertable)
        yield from _compress_after(hypertable.table, options.compress_after)
    yield f"SELECT remove_retention_policy('{TICKS.table}', if_exists => TRUE)"
    if options.keep_ticks is not None:
        yield f"SELECT add_retention_policy('{TICKS.table}', drop_after => INTERVAL '{options.keep_ticks:d} days')"


def make_plain(table: str) -> Iterator[str]:
    """An empty table of the same shape under the name, the old one beside it: a partitioned one cannot be turned."""
    yield f'LOCK TABLE "{table}" IN ACCESS EXCLUSIVE MODE'
    yield f'ALTER TABLE "{table}" RENAME TO "{table}_before"'
    yield f'CREATE TABLE "{table}" (LIKE "{table}_before" INCLUDING ALL)'
    yield (
        f'ALTER TABLE "{table}" ADD FOREIGN KEY ("instrument_id") REFERENCES "marketdata_instrument" ("id")'
        " DEFERRABLE INITIALLY DEFERRED"
    )


def move_rows(table: str) -> Iterator[str]:
    """The rows of the old table into the new one; the old one goes, partitions included."""
    yield f'INSERT INTO "{table}" SELECT * FROM "{table}_before"'  # noqa: S608
    yield "SET CONSTRAINTS ALL IMMEDIATE"  # rows that wait for their check hold the old table
    yield f'DROP TABLE "{table}_before"'
    yield f'ANALYZE "{table}"'


def hypertables() -> frozenset[str]:
    """The tables that are hypertables now; the extension must exist."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT hypertable_name FROM timescaledb_information.hypertables")
        return frozenset(name for (name,) in cursor.fetchall())


def check_server() -> None:
    """Raises ``RuleError`` ``no_timescale`` with what is missing."""
    check_vendor()
    with connection.cursor() as cursor:
        cursor.execute("SELECT default_version FROM pg_available_extensions WHERE name = %s", [EXTENSION])
        available = cursor.fetchone()
        cursor.execute("SHOW shared_preload_libraries")
        preloaded = EXTENSION in cursor.fetchone()[0]
    if available is None:
        text = _("This PostgreSQL server has no TimescaleDB: install the extension there, then run this again.")
        raise RuleError("no_timescale", text)
    if not preloaded:
        text = _("TimescaleDB is installed but not loaded: add it to shared_preload_libraries and restart the server.")
        raise RuleError("no_timescale", text)


def check_vendor() -> None:
    """Raises ``RuleError`` ``no_timescale`` where the database is not PostgreSQL."""
    if connection.vendor != "postgresql":
        text = _("TimescaleDB belongs to PostgreSQL, and this database is SQLite: set DATABASE_URL.")
        raise RuleError("no_timescale", text)


def check_options(options: TimescaleOptions) -> None:
    """Raises ``RuleError`` ``invalid_days`` for policies that would lose ticks or make no sense."""
    if options.compress_after < 1:
        raise RuleError("invalid_days", _("Chunks are compressed after one day or more."))
    least = settings.TICK_DAYS + RETENTION_MARGIN_DAYS
    if options.keep_ticks is not None and options.keep_ticks < least:
        text = _(
            "Ticks kept for %(days)d days only would go before the archive has them (QUANTSITE_TICK_DAYS): %(least)d."
        )
        raise RuleError("invalid_days", text % {"days": options.keep_ticks, "least": least})


def _create(hypertable: Hypertable) -> str:
    return (
        f"SELECT create_hypertable('{hypertable.table}',"
        f" by_range('trading_day', INTERVAL '{hypertable.chunk_days} days'), create_default_indexes => FALSE)"
    )


def _compression(hypertable: Hypertable) -> str:
    return (
        f'ALTER TABLE "{hypertable.table}" SET (timescaledb.compress,'
        f" timescaledb.compress_segmentby = '{hypertable.segment_by}',"
        f" timescaledb.compress_orderby = '{hypertable.order_by}')"
    )


def _compress_after(table: str, days: int) -> Iterator[str]:
    """A policy cannot be changed, only removed and made anew."""
    yield f"SELECT remove_compression_policy('{table}', if_exists => TRUE)"
    yield f"SELECT add_compression_policy('{table}', compress_after => INTERVAL '{days:d} days')"
