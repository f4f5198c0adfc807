"""Reading one file of ``marketdata/reference``."""

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from importlib import resources
from typing import TypeVar

PACKAGE = "marketdata.reference"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Row:
    """The cells of one line by column name."""

    cells: dict[str, str]

    def __getitem__(self, column: str) -> str:
        return self.cells[column]

    def number(self, column: str) -> float:
        """The cell as a number."""
        return float(self.cells[column])

    def day(self, column: str) -> date:
        """The cell as a date."""
        return date.fromisoformat(self.cells[column])

    def flag(self, column: str) -> bool:
        """The cell as yes (1) or no (0)."""
        return {"0": False, "1": True}[self.cells[column]]


def read_rows(name: str, build: Callable[[Row], T]) -> tuple[T, ...]:
    """What ``build`` makes of every line of the CSV file ``name``, in its order.

    Raises ``ValueError`` with file and line where ``build`` stumbles over a missing or wrong cell.
    """
    reader = csv.DictReader(io.StringIO(resources.files(PACKAGE).joinpath(name).read_text(encoding="utf-8")))
    built = []
    for cells in reader:
        try:
            built.append(build(Row(cells)))
        except (KeyError, ValueError) as error:
            raise ValueError(f"{PACKAGE}/{name} line {reader.line_num}: {error}") from error
    return tuple(built)
