"""``manage.py optimize``: search the parameters of a strategy with local workers, or with those of the site."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from accounts.commands import ActorCommand
from backtests.management.optimise_arguments import (
    add_search_arguments,
    add_worker_arguments,
    holder,
    quietly,
    search_request,
    work_off,
)
from backtests.management.run_arguments import add_run_arguments
from backtests.optimise import services
from backtests.optimise.document import is_over, json_parts
from backtests.optimise.models import OptimizationRun
from backtests.optimise.printer import optimization_text


class Command(ActorCommand):
    """Stores an optimisation, has it computed, prints what came out."""

    help = "Search the parameters of a strategy and say how much of the best result may be luck."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """What every trial is, what is searched, who computes."""
        add_run_arguments(parser)
        add_search_arguments(parser)
        add_worker_arguments(parser)

    def handle(self, *_args: Any, **options: Any) -> None:
        """Search and print. Raises ``CommandError`` with one sentence for refused input and for what failed."""
        held_by = holder(options)
        run = services.optimize(self.actor, search_request(options), held_by)
        finish(self, run, options, held_by)


def finish(command: ActorCommand, run: OptimizationRun, options: dict[str, Any], held_by: str) -> None:
    """Have ``run`` computed, then print it."""
    cancel = quietly(lambda: services.cancel_optimization(command.actor, run.pk))
    work_off([run], options, held_by, cancel)
    run = OptimizationRun.objects.select_related("instrument").get(pk=run.pk)
    if not is_over(run):
        raise CommandError(f"Optimisation {run.pk} {run.status}: {run.error}")
    if options["json"]:
        for part in json_parts(run):
            command.stdout.write(part, ending="")
        command.stdout.write("")
    else:
        command.stdout.write(optimization_text(run, colour=command.stdout.isatty()), ending="")
