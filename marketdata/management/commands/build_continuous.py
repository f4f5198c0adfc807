"""``manage.py build_continuous``: bars of the continuous series 88 and 99 out of the bars of contracts."""

from argparse import ArgumentParser
from datetime import date
from typing import Any

from accounts.commands import ActorCommand
from marketdata.main_contracts.continuous import INTERVALS, BuildOptions, build_continuous
from marketdata.management.main_words import products_of


class Command(ActorCommand):
    """Build continuous series; a second run changes nothing."""

    help = "Build the bars of 88 (main contracts as decided) and 99 (index) from the last stored day on."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Products, intervals, days, and what to do about bars that are stored."""
        parser.add_argument("products", nargs="*", metavar="PRODUCT", help="such as rb.SHFE; without one, all decided")
        parser.add_argument(
            "--interval", action="append", help=f"may be repeated; without it {' and '.join(INTERVALS)}"
        )
        parser.add_argument("--start", type=date.fromisoformat, help="first trading day (else the last stored one)")
        parser.add_argument("--end", type=date.fromisoformat, help="last trading day (else the last one that is over)")
        parser.add_argument("--append", action="store_true", help="build after the last day of imported bars")
        parser.add_argument("--replace", action="store_true", help="overwrite built bars that come out otherwise")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Build, then say in a line what became of each series and interval."""
        wanted = BuildOptions(options["start"], options["end"], options["append"], options["replace"])
        products, intervals = products_of(options["products"]), options["interval"] or INTERVALS
        for built in build_continuous(self.actor, products, intervals, wanted):
            if built.text:
                self.stderr.write(f"{built.code} {built.interval}: {built.text}")
                continue
            self.stdout.write(
                f"{built.code} {built.interval}: {built.stored} stored, {built.unchanged} unchanged, "
                f"{built.replaced} replaced"
            )
            if built.different:
                self.stderr.write(
                    f"{built.code} {built.interval}: {built.different} bars are stored otherwise; --replace overwrites"
                )
