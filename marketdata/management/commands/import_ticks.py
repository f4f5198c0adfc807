"""``manage.py import_ticks``: a file of ticks into the database, with the bars that are in it."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from accounts.commands import ActorCommand
from marketdata.ticks.imports import TickImport, TickImportOptions, import_ticks


class Command(ActorCommand):
    """Import ticks; all or nothing."""

    help = "Import a file of ticks with CTP's field names: CSV (plain or .gz) or Parquet."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The file, whose ticks they are, and what to make of them."""
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument("--instrument", metavar="CODE", help="such as ru1901.SHFE; else as the file says")
        parser.add_argument(
            "--build-bars", default="", metavar="INTERVALS", help="bars to make of the ticks, such as 1m or 1m,5m,1d"
        )
        parser.add_argument("--replace", action="store_true", help="overwrite days and bars that are stored otherwise")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Import, then say what happened, a line an instrument."""
        intervals = [name.strip() for name in options["build_bars"].split(",") if name.strip()]
        wanted = TickImportOptions(options["instrument"], intervals, replace=options["replace"])
        for done in import_ticks(self.actor, options["file"], wanted):
            self.stdout.write(_summary(done))


def _summary(done: TickImport) -> str:
    parts = [f"{done.rows} ticks read", f"{done.stored} stored", f"{done.unchanged} unchanged"]
    named = {"replaced": done.replaced, "outside the hours": done.outside, "back in time": done.backward}
    parts += [f"{number} {name}" for name, number in named.items() if number]
    for bars in done.bars:
        new = f"{bars.stored} stored, {bars.unchanged} unchanged"
        parts.append(
            f"{bars.built} bars of {bars.interval} ({new}{f', {bars.replaced} replaced' * bool(bars.replaced)})"
        )
    if done.settlements:
        parts.append(f"{done.settlements} settlements")
    return f"{done.instrument.code}: {', '.join(parts)}"
