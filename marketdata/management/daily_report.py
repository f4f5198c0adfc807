"""What both imports of daily facts print."""

from django.core.management.base import BaseCommand

from marketdata.daily_store import DailyCounts

SHOWN_WARNINGS = 50


def report(command: BaseCommand, counts: DailyCounts) -> None:
    """Warnings on stderr, the first ones in full; the counts in one line on stdout."""
    for line, text in counts.warnings[:SHOWN_WARNINGS]:
        command.stderr.write(f"line {line}: {text}")
    hidden = len(counts.warnings) - SHOWN_WARNINGS
    if hidden > 0:
        command.stderr.write(f"... and {hidden} more warnings")
    command.stdout.write(
        f"{counts.rows_read} rows read, {counts.stored} stored, {counts.unchanged} unchanged, "
        f"{counts.replaced} replaced, {len(counts.warnings)} warnings"
    )
