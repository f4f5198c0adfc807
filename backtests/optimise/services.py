"""The verbs of optimisation; command, API and page call these and nothing else.

Each checks who asks, changes rows in one transaction, writes the audit trail last, and wakes a worker only
after the commit. Raises ``MissingError`` for what the actor may not see, ``RefusedError`` for what he may see
but not do, ``RuleError`` for input that makes no sense; then nothing is changed.
"""

from functools import partial
from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext as _
from guardian.shortcuts import assign_perm, remove_perm

from accounts.audit import record
from accounts.permissions import require
from backtests.optimise.checks import CheckedOptimization, check_optimization
from backtests.optimise.models import VIEW, OptimizationRun, TrialChunk, WalkForwardRun, WalkForwardWindow
from backtests.optimise.permissions import (
    CHANGE,
    demand_add,
    demand_add_walk,
    demand_change,
    find_optimization,
    find_walk,
)
from backtests.optimise.requests import OptimizationRequest, WalkForwardRequest
from backtests.optimise.wake import wake
from backtests.optimise.windows import windows_of
from backtests.states import LEASE, OPEN_STATES, RunStatus
from quantsite.common.errors import ConflictError, RuleError
from quantsite.web import request_id

if TYPE_CHECKING:
    from accounts.models import User


def optimize(actor: "User | None", request: OptimizationRequest, held_by: str = "") -> OptimizationRun:
    """Queue an optimisation and wake the site's workers, unless ``held_by`` names a command that works on it."""
    demand_add(actor)
    checked = check_optimization(request)
    with transaction.atomic():
        run = OptimizationRun.objects.create(owner=actor, total=checked.total, **_asked(checked), **_held(held_by))
        if not held_by:
            transaction.on_commit(partial(wake, run.pk))
        record(actor, "optimization.run", run, after=_told(run))
    return run


def walk_forward(actor: "User | None", request: WalkForwardRequest, held_by: str = "") -> WalkForwardRun:
    """Queue a walk-forward: one optimisation for each window, all of them at once."""
    demand_add_walk(actor)
    checked = check_optimization(request.search)
    windows = windows_of(checked, request)
    with transaction.atomic():
        columns = _asked(checked)
        walk = WalkForwardRun.objects.create(
            owner=actor,
            in_sample=request.in_sample,
            out_of_sample=request.out_of_sample,
            step=request.step or request.out_of_sample,
            gap=request.gap,
            anchored=request.anchored,
            **columns,
        )
        for number, (in_first, in_last, out_first, out_last) in enumerate(windows, 1):
            columns |= {"start": in_first, "end": in_last}
            run = OptimizationRun.objects.create(
                owner=actor, total=checked.total, walk_forward=walk, **columns, **_held(held_by)
            )
            WalkForwardWindow.objects.create(
                run=walk,
                number=number,
                in_first=in_first,
                in_last=in_last,
                out_first=out_first,
                out_last=out_last,
                optimization=run,
            )
            if not held_by:
                transaction.on_commit(partial(wake, run.pk))
        record(actor, "walk_forward.run", walk, after={**_told(walk), "windows": len(windows)})
    return walk


def cancel_optimization(actor: "User | None", run_id: int) -> OptimizationRun:
    """End an optimisation at once; its workers stop within seconds, its trials stay.

    Raises ``ConflictError`` for one that is over.
    """
    run = find_optimization(actor, run_id)
    demand_change(actor, run)
    with transaction.atomic():
        before = run.status
        _end(run)
        record(actor, "optimization.cancel", run, before={"status": before}, after={"status": run.status})
    return run


def resume_optimization(actor: "User | None", run_id: int, held_by: str = "") -> OptimizationRun:
    """Go on with one that was cancelled, failed, or was left by the command that worked on it.

    Raises ``ConflictError`` for one that has succeeded, or on which somebody works.
    """
    require(actor, CHANGE)
    run = find_optimization(actor, run_id)
    demand_change(actor, run)
    with transaction.atomic():
        before = run.status
        _reopen(run, held_by)
        if not held_by:
            transaction.on_commit(partial(wake, run.pk))
        record(actor, "optimization.resume", run, before={"status": before}, after={"status": run.status})
    return run


def share_optimization(
    actor: "User | None", run_id: int, receiver: "User | Group", *, shared: bool = True
) -> OptimizationRun:
    """Let a person or a group see it, or with ``shared=False`` not any more; repeating changes nothing.

    Raises ``RuleError`` for a person whose role shows no optimisations at all: the share would do nothing.
    """
    run = find_optimization(actor, run_id)
    demand_change(actor, run)
    name = receiver.name if isinstance(receiver, Group) else receiver.get_username()
    if shared and not isinstance(receiver, Group) and not receiver.has_perm(f"backtests.{VIEW}"):
        text = _("The role of %(name)s does not include optimisations.") % {"name": name}
        raise RuleError("role_without_optimizations", text, fields={"user": text})
    with transaction.atomic():
        (assign_perm if shared else remove_perm)(VIEW, receiver, run)
        kind = "group" if isinstance(receiver, Group) else "user"
        record(actor, "optimization.share" if shared else "optimization.unshare", run, after={kind: name})
    return run


def cancel_walk_forward(actor: "User | None", run_id: int) -> WalkForwardRun:
    """End a walk-forward with all of its optimisations. Raises ``ConflictError`` for one that is over."""
    walk = find_walk(actor, run_id)
    demand_change(actor, walk)
    with transaction.atomic():
        ended = WalkForwardRun.objects.filter(pk=walk.pk, status__in=OPEN_STATES)
        if not ended.update(status=RunStatus.CANCELLED, cancel_requested=True, finished_at=Now()):
            raise ConflictError("run_is_over", _("%(run)s is over already.") % {"run": walk})
        for run in walk.optimizations.filter(status__in=OPEN_STATES).select_for_update(no_key=True).order_by("pk"):
            _end(run)
        before = walk.status
        walk.refresh_from_db()
        record(actor, "walk_forward.cancel", walk, before={"status": before}, after={"status": walk.status})
    return walk


def _end(run: OptimizationRun) -> None:
    open_rows = OptimizationRun.objects.filter(pk=run.pk, status__in=OPEN_STATES)
    over = {"finished_at": Now(), "claimed_by": "", "lease_until": None, "held_by": "", "held_until": None}
    if not open_rows.update(status=RunStatus.CANCELLED, **over):
        raise ConflictError("run_is_over", _("%(run)s is over already.") % {"run": run})
    run.refresh_from_db()


def _reopen(run: OptimizationRun, held_by: str) -> None:
    """Unfinished chunks are to be had again, with all their attempts."""
    left = Q(status__in=(RunStatus.CANCELLED, RunStatus.FAILED)) | (
        Q(status__in=OPEN_STATES) & ~Q(held_by="") & Q(held_until__lt=Now())
    )
    reopened = OptimizationRun.objects.filter(left, pk=run.pk).update(
        status=RunStatus.QUEUED,
        error="",
        finished_at=None,
        attempt=0,
        claimed_by="",
        lease_until=None,
        **_held(held_by),
    )
    if not reopened:
        raise ConflictError(
            "not_to_resume",
            _("%(run)s cannot be resumed: it is %(status)s.")
            % {
                "run": run,
                "status": run.get_status_display(),
            },
        )
    TrialChunk.objects.filter(run=run, status=RunStatus.RUNNING).update(
        status=RunStatus.QUEUED, claimed_by="", lease_until=None, attempt=0
    )
    run.refresh_from_db()


def _held(held_by: str) -> dict[str, Any]:
    """The columns that keep an optimisation from the site's workers."""
    return {"held_by": held_by, "held_until": Now() + LEASE if held_by else None}


def _asked(checked: CheckedOptimization) -> dict[str, Any]:
    """The columns of the request."""
    run = checked.run.request
    return {
        "strategy": run.strategy,
        "instrument": checked.run.instrument,
        "legs": list(run.legs),
        "interval": checked.run.interval,
        "start": run.start,
        "end": run.end,
        "costs": checked.run.costs,
        "capital": run.capital,
        "volume": run.volume,
        "close_at_end": run.close_at_end,
        "rules": run.rules.given(),
        "form": run.form,
        "seed": run.rules.seed,
        "space": checked.space.document(),
        "fixed": dict(checked.space.fixed),
        "method": checked.method,
        "objectives": [objective.document() for objective in checked.goal.objectives],
        "constraints": [str(limit) for limit in checked.goal.constraints],
        "trials_wanted": checked.total,
        "request_id": request_id.current(),
    }


def _told(run: OptimizationRun | WalkForwardRun) -> dict[str, Any]:
    """What the audit trail keeps of a new one, beside its name."""
    names = ("space", "fixed", "method", "objectives", "constraints", "trials_wanted", "costs", "capital", "seed")
    return {name: getattr(run, name) for name in names}
