"""``manage.py new_strategy``: a strategy of one's own to begin from, with its test."""

import os
import shlex
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from quantsite.common.errors import RuleError
from strategies import loading, registry
from strategies.loading_places import Broken, Place, name_fault
from strategies.scaffolding import Sort, write_strategy

BARS = {Sort.TICKS: "--instrument ru1901.SHFE --interval tick"}
LEGS = "--instrument rb88.SHFE --instrument hc88.SHFE --interval 5m"
USUAL = "--instrument rb88.SHFE --interval 5m"


class Command(BaseCommand):
    """Writes two files and says how to go on. It asks no database and needs no user."""

    help = "Write a working strategy with a test into a folder of your own, and print what to run next."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Name, form and folder."""
        parser.add_argument("name", help="of the strategy and its file, such as my_rule")
        parser.add_argument(
            "--form",
            choices=[sort.value for sort in Sort],
            default=Sort.PLAIN.value,
            help="how it decides: over columns, by resting orders, bar by bar, tick by tick, on two legs",
        )
        parser.add_argument(
            "--folder", type=Path, metavar="FOLDER", help="(default: the first of QUANTSITE_STRATEGIES)"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        """Write and print. Raises ``CommandError`` with one sentence for refused input."""
        name, sort = options["name"], Sort(options["form"])
        folder = (options["folder"] or _first_folder()).expanduser().absolute()
        try:
            written = write_strategy(name, sort, folder, _taken() if name_fault(name) is None else [])
        except RuleError as error:
            raise CommandError(error.text) from error
        self.stdout.write(f"Written: {written.strategy}\n         {written.test}\n")
        if not any(place.folder == folder.resolve() for place in _places()):
            known = os.pathsep.join([*loading.current().places.parts, str(folder)])
            self.stdout.write(f"Not known to the platform yet: export QUANTSITE_STRATEGIES={shlex.quote(known)}\n")
        wanted = LEGS if sort is Sort.LEGS else BARS.get(sort, USUAL)
        self.stdout.write("Next:")
        self.stdout.write(f"  python -m pytest {shlex.quote(str(written.test))}")
        self.stdout.write(f"  python manage.py check_strategy {name} {wanted}")
        self.stdout.write(f"  python manage.py run_backtest {name} {wanted}")


def _places() -> list[Place]:
    return loading.current().places.found()[0]


def _first_folder() -> Path:
    for place in _places():
        return place.folder
    raise CommandError("Name the folder with --folder: QUANTSITE_STRATEGIES names none that is there.")


def _taken() -> list[str]:
    """Names that are known, whether they can be run or not."""
    broken: list[Broken] = registry.broken()
    return [*registry.names(), *(each.name for each in broken)]
