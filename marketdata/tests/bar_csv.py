"""Small files of bars for tests."""

from pathlib import Path

from marketdata.models import BarImport
from marketdata.services import ImportOutcome

HEADER = "datetime,open,high,low,close,volume"
SOUND = (
    "2024-01-02 09:05:00,4000,4010,3990,4005,100",
    "2024-01-02 09:10:00,4005,4020,4005,4015,80",
    "2024-01-02 09:15:00,4015,4015,4000,4001,60",
)
"""Three bars of rb by END times on a Tuesday after a holiday."""


def write_bars(path: Path, *rows: str, header: str = HEADER) -> Path:
    """Write a file of these rows; the first one is line 2."""
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def row_of(outcome: ImportOutcome) -> BarImport:
    """The row that an import left; it must have left one."""
    assert outcome.import_id is not None
    return BarImport.objects.get(pk=outcome.import_id)
