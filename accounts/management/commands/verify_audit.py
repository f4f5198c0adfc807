"""``manage.py verify_audit``: is the audit trail what was written?"""

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from accounts.audit_verify import Report
from accounts.commands import ActorCommand
from accounts.services import check_audit


class Command(ActorCommand):
    """Exit code 0 where the chain is whole, 1 where a row was altered, removed or inserted."""

    help = "Check the audit trail: finds and names entries that were altered, removed or inserted."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The command's options."""
        parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
        parser.add_argument(
            "--anchor", metavar="NUMBER:HASH", help="an anchor noted at an earlier check must still hold"
        )

    def handle(self, **options: Any) -> None:
        """Verify, remember the result, print it."""
        report = check_audit(self.actor, None if options["json"] else self._progress, _anchor(options["anchor"]))
        self._print_json(report) if options["json"] else self._print(report)
        if not report.intact:
            sys.exit(1)

    def _print(self, report: Report) -> None:
        for finding in report.findings:
            self.stdout.write(self.style.ERROR(finding.text))
        if report.intact:
            self.stdout.write(self.style.SUCCESS(f"{report.entries} entries, none altered, removed or inserted"))
            self.stdout.write(f"anchor: {report.entries}:{report.last_hash}")
        else:
            self.stdout.write(f"{len(report.findings)} findings in {report.entries} entries")

    def _print_json(self, report: Report) -> None:
        self.stdout.write(json.dumps(report.as_dict()))

    def _progress(self, done: int, total: int) -> None:
        if self.stderr.isatty():
            self.stderr.write(f"\r{done:,} of {total:,} entries", ending="\n" if done >= total else "")


def _anchor(text: str | None) -> tuple[int, str] | None:
    if not text:
        return None
    number, _, digest = text.partition(":")
    if not number.isdigit() or len(digest) != 64:
        raise CommandError(f"--anchor {text!r} is not NUMBER:HASH as verify_audit prints it")
    return int(number), digest.lower()
