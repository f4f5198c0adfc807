"""Rows of a file that are not taken, each with its line and the first reason found."""

import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from marketdata.domain.bars import LongColumn
from quantsite.common.errors import RuleError

SHOWN = 10
"""How many refused rows a sentence lists; the rest are counted."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """One refused row. ``line`` counts from 1; in a CSV file the header is line 1."""

    line: int
    reason: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.reason}"


@dataclass
class Refusals:
    """The refused rows of one file; the first reason given for a line stays."""

    name: str
    by_line: dict[int, Refusal] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.by_line)

    def __iter__(self) -> Iterator[Refusal]:
        return iter(sorted(self.by_line.values(), key=lambda refusal: refusal.line))

    def add(self, line: int, reason: str) -> None:
        """Refuse a row."""
        self.by_line.setdefault(line, Refusal(line, reason))

    def add_all(self, rows: LongColumn, lines: LongColumn, reason: Callable[[int], str]) -> None:
        """Refuse the rows of these indices; ``reason`` makes the sentence of one index."""
        for row in rows.tolist():
            self.add(int(lines[row]), reason(row))

    def error(self, hint: str) -> RuleError:
        """The error that refuses the whole file, with the first rows and how many more there are."""
        shown = list(self)[:SHOWN]
        more = f"\n... and {len(self) - len(shown)} more refused rows" if len(self) > len(shown) else ""
        rows = "\n".join(f"{self.name} {refusal}" for refusal in shown)
        return RuleError("invalid_rows", f"{rows}{more}\n{hint}")

    def write(self, path: Path, header: Sequence[str], cells: Callable[[int], Sequence[str]]) -> None:
        """Write the refused rows as CSV: line, reason, then the row as it stood (``cells`` gives it by line)."""
        with path.open("w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file, lineterminator="\n")
            rows.writerow(["line", "reason", *header])
            rows.writerows([refusal.line, refusal.reason, *cells(refusal.line)] for refusal in self)
