"""``manage.py walk_forward``: optimise on one stretch of days, judge on the next, window after window."""

import json
import time
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
from backtests.optimise.document import is_over, walk_document
from backtests.optimise.models import WalkForwardRun
from backtests.optimise.printer import walk_text
from backtests.optimise.requests import WalkForwardRequest
from backtests.optimise.walk import finish

POLL_SECONDS = 0.3


class Command(ActorCommand):
    """Stores a walk-forward, has its windows computed, prints in sample against out of sample."""

    help = "Optimise in sample and judge out of sample, window after window, and join what was out of sample."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """What every trial is, what is searched, the windows, who computes."""
        add_run_arguments(parser)
        add_search_arguments(parser)
        windows = parser.add_argument_group("windows", "Lengths in trading days.")
        windows.add_argument("--in-sample", type=int, required=True, metavar="DAYS", help="days to optimise on")
        windows.add_argument("--out-of-sample", type=int, required=True, metavar="DAYS", help="days to judge on")
        windows.add_argument("--step", type=int, metavar="DAYS", help="from window to window (default: out of sample)")
        windows.add_argument("--gap", type=int, default=0, metavar="DAYS", help="days left out between the two")
        windows.add_argument("--anchored", action="store_true", help="every window begins on the first day")
        add_worker_arguments(parser)

    def handle(self, *_args: Any, **options: Any) -> None:
        """Walk and print. Raises ``CommandError`` with one sentence for refused input and for what failed."""
        held_by = holder(options)
        names = ("in_sample", "out_of_sample", "step", "gap", "anchored")
        request = WalkForwardRequest(search_request(options), **{name: options[name] for name in names})
        walk = services.walk_forward(self.actor, request, held_by)
        cancel = quietly(lambda: services.cancel_walk_forward(self.actor, walk.pk))
        work_off(list(walk.optimizations.order_by("pk")), options, held_by, cancel)
        walk = self._ended(walk, held_by)
        if not is_over(walk):
            raise CommandError(f"Walk-forward {walk.pk} {walk.status}: {walk.error}")
        if options["json"]:
            self.stdout.write(json.dumps(walk_document(walk), ensure_ascii=False, allow_nan=False))
        else:
            self.stdout.write(walk_text(walk, colour=self.stdout.isatty()), ending="")

    def _ended(self, walk: WalkForwardRun, held_by: str) -> WalkForwardRun:
        """The walk-forward after its last step, which this process does itself where no worker of the site will."""
        if held_by:
            finish(walk.pk)
        row = WalkForwardRun.objects.select_related("instrument")
        while not (found := row.get(pk=walk.pk)).is_final:
            time.sleep(POLL_SECONDS)
        return found
