"""Hypertables: refused where they cannot be, and all that plain PostgreSQL can show of the way there.

This machine has no TimescaleDB, so what its own functions do is not tried here; that the same statements of ours
serve a table that is not partitioned is.
"""

from collections.abc import Callable
from datetime import date
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from marketdata.domain.tick_series import TickSeries
from marketdata.instruments import ensure_instrument
from marketdata.models import Bar, BarCoverage
from marketdata.recording.bars import store_bars
from marketdata.recording.timescale import BARS, TICKS, TimescaleOptions, make_plain, move_rows, statements
from marketdata.tests.made_ticks import DAY, tick
from marketdata.tests.test_recorder_bars import bar, check_coverage
from marketdata.ticks.models import Tick
from marketdata.ticks.store import insert_ticks

pytestmark = pytest.mark.django_db


@pytest.mark.embedded
def test_sqlite_and_a_server_without_the_extension_are_refused() -> None:
    told = "set DATABASE_URL" if connection.vendor == "sqlite" else "install the extension"
    with pytest.raises(CommandError, match=told):
        call_command("enable_timescale")


def test_a_dry_run_prints_what_would_be_done_and_changes_nothing() -> None:
    said, told = StringIO(), StringIO()
    call_command(
        "enable_timescale", "--dry-run", "--compress-after", "3", "--keep-ticks", "90", stdout=said, stderr=told
    )
    lines = said.getvalue().splitlines()
    assert lines[0] == "CREATE EXTENSION IF NOT EXISTS timescaledb;"
    assert "SELECT add_compression_policy('marketdata_bar', compress_after => INTERVAL '3 days');" in lines
    assert "SELECT add_retention_policy('marketdata_tick', drop_after => INTERVAL '90 days');" in lines
    assert "not possible here" in told.getvalue()
    assert is_partitioned("marketdata_tick")


@pytest.mark.parametrize(
    ("words", "told"), [(["--keep-ticks", "5"], "archive"), (["--compress-after", "0"], "one day")]
)
def test_policies_that_would_lose_ticks_are_refused(words: list[str], told: str) -> None:
    with pytest.raises(CommandError, match=told):
        call_command("enable_timescale", "--dry-run", *words)


def test_a_table_that_is_a_hypertable_keeps_its_rows_where_they_are() -> None:
    again = list(statements(TimescaleOptions(), frozenset({BARS.table, TICKS.table})))
    assert not [one for one in again if "RENAME" in one or "create_hypertable" in one]
    assert len([one for one in again if "add_compression_policy" in one]) == 2


def test_the_rows_move_and_everything_goes_on_without_partitions() -> None:
    rb = ensure_instrument("rb2405.SHFE", date(2024, 1, 2))
    keys = {rb.code: rb.pk}
    first = TickSeries.of(rb.code, [tick(rb.code, seq, day=day) for day in (DAY + 1, DAY + 40) for seq in (1, 2)])
    insert_ticks({rb: first})
    store_bars([bar(rb.code, minute) for minute in (0, 1)], keys)
    with connection.cursor() as cursor:
        for table in (BARS.table, TICKS.table):
            for statement in (*make_plain(table), *move_rows(table)):
                cursor.execute(statement)
    assert not is_partitioned(TICKS.table)
    assert not is_partitioned(BARS.table)
    assert Tick.objects.series(rb).checksum() == first.checksum()
    more = TickSeries.of(rb.code, [tick(rb.code, seq, day=DAY + 100) for seq in (1, 2, 3)])
    assert [insert_ticks({rb: more}), insert_ticks({rb: more})] == [3, 0]
    assert len(Tick.objects.newest(rb, 4)) == 4
    store_bars([bar(rb.code, 1, close=4001.5), bar(rb.code, 2)], keys)
    assert Bar.objects.series(rb, "1m").close.tolist() == [4000.0, 4001.5, 4000.0]
    assert BarCoverage.objects.get().bars == 3
    check_coverage()


@pytest.mark.parametrize("read", [Tick.objects.series, lambda rb: Bar.objects.series(rb, "1m")])
def test_no_statement_names_a_partition(read: Callable[[Any], Any]) -> None:
    rb = ensure_instrument("rb2405.SHFE", date(2024, 1, 2))
    insert_ticks({rb: TickSeries.of(rb.code, [tick(rb.code, 1)])})
    with connection.execute_wrapper(no_partition):
        insert_ticks({rb: TickSeries.of(rb.code, [tick(rb.code, 1), tick(rb.code, 2)])})
        store_bars([bar(rb.code)], {rb.code: rb.pk})
        read(rb)


def no_partition(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
    """An execute wrapper that looks at each statement."""
    assert "marketdata_tick_" not in sql
    assert "marketdata_bar_" not in sql
    return execute(sql, params, many, context)


def is_partitioned(table: str) -> bool:
    """Whether the table is a partitioned one."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT relkind = 'p' FROM pg_class WHERE oid = to_regclass(%s)", [table])
        return bool(cursor.fetchone()[0])
