"""``manage.py resume_optimization``: go on with one that was cancelled, failed, or was left by a dead command."""

from argparse import ArgumentParser
from typing import Any

from accounts.commands import ActorCommand
from backtests.management.commands.optimize import finish
from backtests.management.optimise_arguments import add_worker_arguments, holder
from backtests.optimise import services


class Command(ActorCommand):
    """Keeps the trials that there are and computes the rest."""

    help = "Go on with an optimisation that was cancelled, failed, or was left by a command that died."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Which one, and who computes."""
        parser.add_argument("optimization", type=int, metavar="ID", help="number of the optimisation")
        add_worker_arguments(parser)

    def handle(self, *_args: Any, **options: Any) -> None:
        """Go on and print. Raises ``CommandError`` as ``optimize`` does."""
        held_by = holder(options)
        run = services.resume_optimization(self.actor, options["optimization"], held_by)
        finish(self, run, options, held_by)
