"""``manage.py import_bars``: a file of bars into the database."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from accounts.commands import ActorCommand
from marketdata.services import BarImportOptions, ImportOutcome, import_bars

SHOWN_WARNINGS = 50


class Command(ActorCommand):
    """Import a file of bars; all rows or none, unless told to skip the refused ones."""

    help = "Import a CSV (plain or .gz) or Parquet file of bars; times are Asia/Shanghai wall clock."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The file, what is in it, and what to do with odd rows."""
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument("--instrument", required=True, metavar="CODE", help="such as rb88.SHFE or TA001.CZCE")
        parser.add_argument("--interval", required=True, help="1m 3m 5m 15m 30m 1h 2h, any Nm, or 1d")
        parser.add_argument("--bar-time", required=True, choices=["start", "end"], help="what the times stand for")
        parser.add_argument(
            "--sessions", default="warn", choices=["warn", "strict"], help="bars outside the trading hours (warn)"
        )
        parser.add_argument("--on-error", default="abort", choices=["abort", "skip"], help="refused rows (abort)")
        parser.add_argument(
            "--rejects", type=Path, metavar="FILE", help="where skip writes refused rows (./<name>.rejected.csv)"
        )
        parser.add_argument("--replace", action="store_true", help="overwrite stored bars that differ")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Import, then say what happened in one line on stdout; warnings go to stderr."""
        path: Path = options["file"]
        wanted = BarImportOptions(
            bar_time=options["bar_time"],
            strict_sessions=options["sessions"] == "strict",
            skip_errors=options["on_error"] == "skip",
            replace=options["replace"],
            rejects=options["rejects"] or Path(f"{path.name.removesuffix('.gz').removesuffix('.csv')}.rejected.csv"),
        )
        with _progress() as bar:
            task = bar.add_task("read", total=None)
            outcome = import_bars(
                self.actor,
                path,
                options["instrument"],
                options["interval"],
                wanted,
                progress=lambda stage, done, total: bar.update(task, description=stage, completed=done, total=total),
            )
        self._warn(outcome)
        self.stdout.write(_summary(outcome))

    def _warn(self, outcome: ImportOutcome) -> None:
        for line, wall in outcome.warnings[:SHOWN_WARNINGS]:
            self.stderr.write(f"line {line}: {wall} lies outside the trading hours of its date")
        hidden = len(outcome.warnings) - SHOWN_WARNINGS
        if hidden > 0:
            where = f" (all stand in import {outcome.import_id})" if outcome.import_id else ""
            self.stderr.write(f"... and {hidden} more bars outside the trading hours{where}")
        if outcome.after_expiry:
            code, last = outcome.instrument.code, outcome.instrument.expires
            days = f"{outcome.after_expiry} bars lie after {code}'s last trading day {last}"
            self.stderr.write(f"{days}, the first one in line {outcome.first_after_expiry}: is it the right contract?")


def _progress() -> Progress:
    """A bar on stderr; nothing where stderr is no terminal."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
        transient=True,
    )


def _summary(outcome: ImportOutcome) -> str:
    parts = [
        f"{outcome.rows_read} rows read",
        f"{outcome.stored} stored",
        f"{outcome.unchanged} unchanged",
        f"{outcome.merged_auctions} auctions merged",
        f"{len(outcome.warnings)} warnings",
    ]
    if outcome.replaced:
        parts.append(f"{outcome.replaced} replaced")
    if outcome.refused:
        parts.append(f"{outcome.refused} refused (see {outcome.rejects})")
    return f"{outcome.instrument.code} {outcome.interval}: {', '.join(parts)}"
