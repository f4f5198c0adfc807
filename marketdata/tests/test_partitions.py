"""The partitions of the table of bars; only PostgreSQL has them, so this never runs on the embedded default."""

from pathlib import Path

import pytest
from django.db import connection

from marketdata.partitions import FIRST_YEAR, LAST_YEAR
from marketdata.services import BarImportOptions, import_bars
from marketdata.tests.bar_csv import write_bars

pytestmark = pytest.mark.django_db


def test_each_year_has_its_partition(tmp_path: Path) -> None:
    rows = ["2023-12-29 14:55:00,4000,4000,4000,4000,1", "2024-01-02 09:00:00,4000,4000,4000,4000,1"]
    path = write_bars(tmp_path / "rb.csv", *rows)
    import_bars(None, path, "rb2405.SHFE", "5m", BarImportOptions("start"))
    with connection.cursor() as cursor:
        cursor.execute("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'marketdata_bar'::regclass")
        names = {name for (name,) in cursor.fetchall()}
        cursor.execute(
            "SELECT tableoid::regclass::text, min(trading_day), max(trading_day) FROM marketdata_bar GROUP BY 1"
        )
        held = {name: (first.year, last.year) for name, first, last in cursor.fetchall()}
    years = {f"marketdata_bar_{year}" for year in range(FIRST_YEAR, LAST_YEAR + 1)}
    assert names == years | {"marketdata_bar_default"}
    assert held == {"marketdata_bar_2023": (2023, 2023), "marketdata_bar_2024": (2024, 2024)}


def test_a_trading_day_leaves_other_partitions_alone() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "EXPLAIN SELECT * FROM marketdata_bar WHERE instrument_id = 1 AND interval = '5m'"
            " AND trading_day BETWEEN '2024-01-02' AND '2024-03-01'"
        )
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "marketdata_bar_2024" in plan
    assert "marketdata_bar_2023" not in plan
