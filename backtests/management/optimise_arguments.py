"""What ``optimize``, ``walk_forward`` and ``resume_optimization`` share: arguments, local workers, Ctrl-C."""

import os
import sys
import time
from argparse import ArgumentParser
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.core.management.base import CommandError
from rich.console import Console
from rich.progress import Progress

from backtests.claims import worker_name
from backtests.management.run_arguments import run_request, setting
from backtests.optimise.local import LocalWorkers
from backtests.optimise.models import Method, OptimizationRun
from backtests.optimise.requests import OptimizationRequest
from backtests.states import FINAL_STATES
from quantsite.common.errors import RuleError

POLL_SECONDS = 0.3


def add_search_arguments(parser: ArgumentParser) -> None:
    """Space, goal and method."""
    search = parser.add_argument_group("search")
    search.add_argument(
        "--grid",
        type=setting,
        action="append",
        default=[],
        metavar="NAME=A:B:STEP",
        help="values of a parameter, both ends included, or a list NAME=X,Y; repeat for more",
    )
    search.add_argument(
        "--fix", type=setting, action="append", default=[], metavar="NAME=VALUE", help="a parameter that stays"
    )
    search.add_argument(
        "--objective",
        action="append",
        metavar="NAME",
        help="a statistic of the standard block (default sharpe), NAME:min or NAME:max to turn it; repeat for several",
    )
    search.add_argument(
        "--constraint",
        action="append",
        default=[],
        metavar="TEXT",
        help="such as 'max_drawdown>=-0.2' or 'trade_count>=30'; repeat for more",
    )
    search.add_argument("--method", choices=Method.values, default=Method.GRID.value, help="(default %(default)s)")
    search.add_argument("--trials", type=int, metavar="N", help="how many, for every method but the full grid")


def add_worker_arguments(parser: ArgumentParser) -> None:
    """Who computes, and what is printed."""
    cores = os.cpu_count() or 1
    work = parser.add_argument_group("work")
    work.add_argument(
        "--workers", type=_count, default=cores, metavar="N", help="local processes (default %(default)s)"
    )
    work.add_argument("--queue", action="store_true", help="let the site's workers compute it, and wait for them")
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")


def _count(text: str) -> int:
    """A number of workers. Raises ``ValueError``, which argparse reports."""
    count = int(text)
    if not 1 <= count <= 256:
        raise ValueError(text)
    return count


def search_request(options: Mapping[str, Any]) -> OptimizationRequest:
    """The parsed options as a request. Raises ``RuleError`` for a parameter that is given twice."""
    return OptimizationRequest(
        run_request(options, _once("--fix", options["fix"])),
        space=_once("--grid", options["grid"]),
        objectives=options["objective"] or ["sharpe"],
        constraints=options["constraint"],
        method=options["method"],
        trials=options["trials"],
    )


def _once(option: str, pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    names = [name for name, _value in pairs]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise CommandError(f"{option} names {', '.join(twice)} twice")
    return dict(pairs)


def holder(options: Mapping[str, Any]) -> str:
    """The name under which this command holds its optimisations; empty with ``--queue``."""
    return "" if options["queue"] else worker_name()


def work_off(
    runs: Sequence[OptimizationRun], options: Mapping[str, Any], held_by: str, cancel: Callable[[], None]
) -> None:
    """Wait until all are over, with local workers unless ``held_by`` is empty.

    Ctrl-C stops the workers and cancels; with ``--queue`` it only stops waiting. Raises ``CommandError`` for both.
    """
    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("trials", total=sum(run.total for run in runs))
        ids = [run.pk for run in runs]

        def tell() -> None:
            fresh = OptimizationRun.objects.filter(pk__in=ids)
            bar.update(task, completed=sum(run.progress * run.total for run in fresh))

        try:
            if held_by:
                _with_local_workers(ids, options["workers"], held_by, tell)
            else:
                _wait(ids, tell)
        except KeyboardInterrupt:
            if held_by:
                cancel()
                raise CommandError("cancelled; its trials are kept, and it can be resumed") from None
            raise CommandError("no longer waiting; the site's workers go on") from None


def _with_local_workers(ids: list[int], count: int, held_by: str, tell: Callable[[], None]) -> None:
    try:
        with LocalWorkers(ids, count, held_by) as workers:
            workers.wait(tell)
    except RuntimeError as error:
        raise CommandError(str(error)) from error


def _wait(ids: list[int], tell: Callable[[], None]) -> None:
    while OptimizationRun.objects.filter(pk__in=ids).exclude(status__in=FINAL_STATES).exists():
        tell()
        time.sleep(POLL_SECONDS)


def quietly(cancel: Callable[[], object]) -> Callable[[], None]:
    """``cancel``, where it does not matter that all was over already."""

    def inner() -> None:
        try:
            cancel()
        except RuleError:
            return

    return inner
