"""The tables of bars and ticks: partitions on PostgreSQL, tables clustered by their keys on SQLite."""

from typing import Any

FIRST_YEAR = 2000
LAST_YEAR = 2035
"""Bars outside these years go to the default partition; a later migration adds years."""

_KEY = 'PRIMARY KEY ("instrument_id", "interval", "trading_day", "start")'

# Turnover and open interest are null where the source does not tell them.
_POSTGRES = f"""
CREATE TABLE "marketdata_bar" (
    "instrument_id" bigint NOT NULL REFERENCES "marketdata_instrument" ("id") DEFERRABLE INITIALLY DEFERRED,
    "interval" varchar(8) NOT NULL,
    "trading_day" date NOT NULL,
    "start" timestamptz NOT NULL,
    "open" double precision NOT NULL,
    "high" double precision NOT NULL,
    "low" double precision NOT NULL,
    "close" double precision NOT NULL,
    "volume" bigint NOT NULL,
    "turnover" double precision,
    "open_interest" double precision,
    {_KEY}
) PARTITION BY RANGE ("trading_day")
"""

_SQLITE = f"""
CREATE TABLE "marketdata_bar" (
    "instrument_id" bigint NOT NULL REFERENCES "marketdata_instrument" ("id") DEFERRABLE INITIALLY DEFERRED,
    "interval" varchar(8) NOT NULL,
    "trading_day" date NOT NULL,
    "start" datetime NOT NULL,
    "open" real NOT NULL,
    "high" real NOT NULL,
    "low" real NOT NULL,
    "close" real NOT NULL,
    "volume" bigint NOT NULL,
    "turnover" real,
    "open_interest" real,
    {_KEY}
) WITHOUT ROWID
"""


def create_bar_table(_apps: Any, schema_editor: Any) -> None:
    """Make the table of bars in the form of the database at hand."""
    if schema_editor.connection.vendor != "postgresql":
        schema_editor.execute(_SQLITE)
        return
    schema_editor.execute(_POSTGRES)
    schema_editor.execute('CREATE TABLE "marketdata_bar_default" PARTITION OF "marketdata_bar" DEFAULT')
    for year in range(FIRST_YEAR, LAST_YEAR + 1):
        schema_editor.execute(
            f'CREATE TABLE "marketdata_bar_{year}" PARTITION OF "marketdata_bar" '
            f"FOR VALUES FROM ('{year}-01-01') TO ('{year + 1}-01-01')"
        )


def drop_bar_table(_apps: Any, schema_editor: Any) -> None:
    """Undo :func:`create_bar_table`, partitions included."""
    schema_editor.execute('DROP TABLE "marketdata_bar"')


_TICK_COLUMNS = """
    "instrument_id" bigint NOT NULL REFERENCES "marketdata_instrument" ("id") DEFERRABLE INITIALLY DEFERRED,
    "trading_day" date NOT NULL,
    "seq" bigint NOT NULL,
    "time" {instant} NOT NULL,
    "received" {instant},
    "flags" smallint NOT NULL,
    "volume" bigint NOT NULL,
    "bid_volume" bigint NOT NULL,
    "ask_volume" bigint NOT NULL,
    "last" {real},
    "turnover" {real},
    "open_interest" {real},
    "bid_price" {real},
    "ask_price" {real},
    "open" {real},
    "high" {real},
    "low" {real},
    "close" {real},
    "average" {real},
    "settlement" {real},
    "pre_settlement" {real},
    "pre_close" {real},
    "pre_open_interest" {real},
    "upper_limit" {real},
    "lower_limit" {real},
    "depth" {blob},
    PRIMARY KEY ("instrument_id", "trading_day", "seq")
"""


def create_tick_table(_apps: Any, schema_editor: Any) -> None:
    """Make the table of ticks. On PostgreSQL without partitions: who writes a month's first tick makes its own."""
    if schema_editor.connection.vendor == "postgresql":
        columns = _TICK_COLUMNS.format(instant="timestamptz", real="double precision", blob="bytea")
        schema_editor.execute(f'CREATE TABLE "marketdata_tick" ({columns}) PARTITION BY RANGE ("trading_day")')
    else:
        columns = _TICK_COLUMNS.format(instant="datetime", real="real", blob="blob")
        schema_editor.execute(f'CREATE TABLE "marketdata_tick" ({columns}) WITHOUT ROWID')


def drop_tick_table(_apps: Any, schema_editor: Any) -> None:
    """Undo :func:`create_tick_table`, partitions included."""
    schema_editor.execute('DROP TABLE "marketdata_tick"')
