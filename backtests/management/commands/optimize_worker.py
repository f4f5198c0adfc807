"""``manage.py optimize_worker``: one local worker of ``optimize`` and ``walk_forward``; they start and stop it."""

import os
import signal
import time
from argparse import ArgumentParser
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand

from backtests.claims import worker_name
from backtests.optimise.models import OptimizationRun
from backtests.optimise.work import work_for
from backtests.states import OPEN_STATES

IDLE_SECONDS = 0.05


class _StopError(BaseException):
    """Somebody wants this process to end; no part of the work may catch it."""


class Command(BaseCommand):
    """Computes parts of the named optimisations until they are over or its parent is gone."""

    help = "Work on optimisations that exist already; optimize and walk_forward start this by themselves."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Which ones, and for whom."""
        parser.add_argument("runs", type=int, nargs="+", metavar="ID", help="numbers of optimisations")
        parser.add_argument("--name", default="", help="the name under which parts are claimed")
        parser.add_argument("--parent", type=int, default=0, metavar="PID", help="end with this process")

    def handle(self, **options: Any) -> None:
        """Work until there is nothing left."""
        signal.signal(signal.SIGTERM, _stop)
        name, parent = options["name"] or worker_name(), options["parent"]
        try:
            while _open(options["runs"]) and not (parent and os.getppid() != parent):
                if not any(work_for(run_id, name, 5.0) for run_id in options["runs"]):
                    time.sleep(IDLE_SECONDS)
        except _StopError:
            self.stderr.write("stopped")


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise _StopError


def _open(run_ids: list[int]) -> bool:
    return OptimizationRun.objects.filter(pk__in=run_ids, status__in=OPEN_STATES).exists()
