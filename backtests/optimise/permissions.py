"""Who may do what with an optimisation or a walk-forward; asked here and nowhere else. ``None`` is the system."""

from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from accounts.audit import record_refusal
from accounts.permissions import require
from backtests.optimise.models import (
    CHANGE_EVERY,
    OptimizationQuerySet,
    OptimizationRun,
    WalkForwardQuerySet,
    WalkForwardRun,
)
from quantsite.common.errors import MissingError, RefusedError

if TYPE_CHECKING:
    from accounts.models import User

ADD = "backtests.add_optimizationrun"
CHANGE = "backtests.change_optimizationrun"
ADD_WALK = "backtests.add_walkforwardrun"
CHANGE_WALK = "backtests.change_walkforwardrun"


def visible_optimizations(actor: "User | None") -> OptimizationQuerySet:
    """The optimisations that ``actor`` may see."""
    runs = OptimizationRun.objects.all()
    return runs if actor is None else runs.visible_to(actor)


def visible_walks(actor: "User | None") -> WalkForwardQuerySet:
    """The walk-forwards that ``actor`` may see."""
    runs = WalkForwardRun.objects.all()
    return runs if actor is None else runs.visible_to(actor)


def find_optimization(actor: "User | None", run_id: int) -> OptimizationRun:
    """The optimisation. Raises ``MissingError`` where there is none that the actor may see."""
    run = visible_optimizations(actor).filter(pk=run_id).select_related("instrument", "owner").first()
    if run is None:
        raise MissingError("unknown_optimization", _("There is no optimisation %(id)s.") % {"id": run_id})
    return run


def find_walk(actor: "User | None", run_id: int) -> WalkForwardRun:
    """The walk-forward. Raises ``MissingError`` where there is none that the actor may see."""
    run = visible_walks(actor).filter(pk=run_id).select_related("instrument", "owner").first()
    if run is None:
        raise MissingError("unknown_walk_forward", _("There is no walk-forward run %(id)s.") % {"id": run_id})
    return run


def may_change(actor: "User | None", run: OptimizationRun | WalkForwardRun) -> bool:
    """True for the owner (while the role allows changes) and for those who may change every one."""
    if actor is None or actor.has_perm(f"backtests.{CHANGE_EVERY}"):
        return True
    return run.owner_id == actor.pk and actor.has_perm(_change(run))


def demand_add(actor: "User | None") -> None:
    """Raises ``RefusedError``, written into the audit trail, unless ``actor`` may start optimisations."""
    require(actor, ADD)


def demand_add_walk(actor: "User | None") -> None:
    """The same for walk-forwards."""
    require(actor, ADD_WALK)


def demand_change(actor: "User | None", run: OptimizationRun | WalkForwardRun) -> None:
    """Raises ``RefusedError`` (audited) unless ``actor`` may cancel, resume and share ``run``."""
    if not may_change(actor, run):
        record_refusal(actor, _change(run), run)
        raise RefusedError("not_owner", _("Only the owner of %(run)s may do this.") % {"run": run})


def _change(run: OptimizationRun | WalkForwardRun) -> str:
    return CHANGE if isinstance(run, OptimizationRun) else CHANGE_WALK
