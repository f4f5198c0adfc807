"""Who may do what with a backtest run; asked here and nowhere else.

``None`` as actor is the system: a management command without ``--user``, a task of the platform itself.
"""

from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from accounts.audit import record_refusal
from accounts.permissions import require
from backtests.models import CHANGE_EVERY, BacktestRun, RunQuerySet
from quantsite.common.errors import MissingError, RefusedError

if TYPE_CHECKING:
    from accounts.models import User

ADD = "backtests.add_backtestrun"
CHANGE = "backtests.change_backtestrun"


def visible_runs(actor: "User | None") -> RunQuerySet:
    """The runs that ``actor`` may see."""
    runs = BacktestRun.objects.all()
    return runs if actor is None else runs.visible_to(actor)


def find_run(actor: "User | None", run_id: int) -> BacktestRun:
    """The run. Raises ``MissingError`` where there is none that the actor may see: nobody learns which of the two."""
    run = visible_runs(actor).filter(pk=run_id).select_related("instrument", "owner").first()
    if run is None:
        raise MissingError("unknown_run", _("There is no backtest run %(id)s.") % {"id": run_id})
    return run


def may_add(actor: "User | None") -> bool:
    """True for those whose role lets them start backtests."""
    return actor is None or actor.has_perm(ADD)


def may_change(actor: "User | None", run: BacktestRun) -> bool:
    """True for the owner (while the role allows changes) and for those who may change every run."""
    if actor is None or actor.has_perm(f"backtests.{CHANGE_EVERY}"):
        return True
    return run.owner_id == actor.pk and actor.has_perm(CHANGE)


def demand_add(actor: "User | None") -> None:
    """Raises ``RefusedError``, written into the audit trail, unless ``actor`` may start backtests."""
    require(actor, ADD)


def find_run_to_change(actor: "User | None", run_id: int) -> BacktestRun:
    """A visible run that ``actor`` may cancel or share. Raises ``MissingError``, or ``RefusedError`` (audited)."""
    run = find_run(actor, run_id)
    if not may_change(actor, run):
        record_refusal(actor, CHANGE, run)
        raise RefusedError("not_owner", _("Only the owner of backtest run %(id)s may do this.") % {"id": run_id})
    return run
