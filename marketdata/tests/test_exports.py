"""Bars and ticks into files: forms by name, ranges, what is refused; nothing half-written under a name."""

import gzip
from datetime import date
from pathlib import Path

import pyarrow.parquet
import pytest
from django.core.management import CommandError, call_command

from accounts.models import User
from marketdata.exports import export_bars, export_ticks
from marketdata.management.ranges import boundary
from marketdata.services import BarImportOptions, import_bars
from marketdata.tests.tick_csv import SOUND, write_ticks
from marketdata.ticks.imports import TickImportOptions, import_ticks
from quantsite.common.errors import MissingError, RefusedError, RuleError

pytestmark = [pytest.mark.django_db, pytest.mark.embedded]

CODE = "rb2405.SHFE"


@pytest.fixture(autouse=True)
def rb(tmp_path: Path) -> None:
    """Seven ticks and three minutes of a morning."""
    import_ticks(None, write_ticks(tmp_path / "rb.csv", *SOUND), TickImportOptions(intervals=("1m",)))


def test_bars_as_csv_packed_and_as_parquet(tmp_path: Path) -> None:
    done = export_bars(None, CODE, "1m", tmp_path / "bars.csv")
    text = (tmp_path / "bars.csv").read_text()
    assert text.splitlines() == [
        "datetime,trading_day,open,high,low,close,volume,turnover,open_interest",
        "2024-01-02 09:00:00,2024-01-02,3990,4005,3990,4005,12,480000,1000",
        "2024-01-02 09:01:00,2024-01-02,3998,3999,3998,3999,8,320000,1000",
        "2024-01-02 14:59:00,2024-01-02,4010,4012,4010,4012,10,400000,1000",
    ]
    assert (done.rows, done.bytes) == (3, len(text))
    export_bars(None, CODE, "1m", tmp_path / "bars.csv.gz")
    assert gzip.decompress((tmp_path / "bars.csv.gz").read_bytes()).decode() == text
    export_bars(None, CODE, "1m", tmp_path / "bars.parquet")
    assert pyarrow.parquet.read_table(tmp_path / "bars.parquet")["volume"].to_pylist() == [12, 8, 10]
    again = import_bars(None, tmp_path / "bars.parquet", CODE, "1m", BarImportOptions("start"))
    assert (again.stored, again.unchanged) == (0, 3)


def test_an_interval_that_is_not_stored_is_put_together(tmp_path: Path) -> None:
    export_bars(None, CODE, "5m", tmp_path / "bars.csv")
    assert (tmp_path / "bars.csv").read_text().splitlines()[1:] == [
        "2024-01-02 09:00:00,2024-01-02,3990,4005,3990,3999,20,800000,1000",
        "2024-01-02 14:55:00,2024-01-02,4010,4012,4010,4012,10,400000,1000",
    ]


def test_a_range_is_cut_by_days_and_by_times(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "bars.csv"
    words = ("--instrument", CODE, "--interval", "1m", "--output", str(output))
    call_command("export_bars", *words, "--start", "2024-01-02T09:01", "--end", "2024-01-02T14:59")
    assert capsys.readouterr().out == f"{output}: 1 bars, {output.stat().st_size} bytes\n"
    assert "09:01:00" in output.read_text()
    with pytest.raises(MissingError, match=r"no bars of 1m of rb2405\.SHFE"):
        export_bars(None, CODE, "1m", output, date(2024, 1, 3))
    assert "09:01:00" in output.read_text(), "what was there stays"
    export_ticks(None, CODE, tmp_path / "ticks.csv", boundary("2024-01-02T14:00"))
    assert len((tmp_path / "ticks.csv").read_text().splitlines()) == 3
    with pytest.raises(CommandError, match="neither a trading day"):
        call_command("export_bars", *words, "--start", "yesterday")


def test_a_file_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(RuleError, match="cannot be written: No such file"):
        export_ticks(None, CODE, tmp_path / "nowhere" / "ticks.csv")
    (tmp_path / "taken.csv").mkdir()
    with pytest.raises(RuleError, match="cannot be written"):
        export_ticks(None, CODE, tmp_path / "taken.csv")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rb.csv", "taken.csv"]


def test_only_who_may_see_them_takes_them_away(tmp_path: Path, charlie: User, bob: User) -> None:
    with pytest.raises(RefusedError):
        export_ticks(charlie, CODE, tmp_path / "ticks.csv")
    with pytest.raises(RefusedError):
        export_bars(charlie, CODE, "1m", tmp_path / "bars.csv")
    assert export_ticks(bob, CODE, tmp_path / "ticks.csv").rows == 7
