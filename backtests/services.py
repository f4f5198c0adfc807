"""The verbs of backtesting; command, API and page call these and nothing else.

Each checks who asks, changes rows in one transaction, writes the audit trail last, and wakes a worker only
after the commit. Raises ``MissingError`` for what the actor may not see, ``RefusedError`` for what he may see
but not do, ``RuleError`` for input that makes no sense; then nothing is changed.
"""

from functools import partial
from typing import TYPE_CHECKING, Any

import structlog
from celery import current_app
from django.conf import settings
from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models.functions import Now
from django.utils.translation import get_language, override
from django.utils.translation import gettext as _
from guardian.shortcuts import assign_perm, remove_perm
from kombu.exceptions import OperationalError

from accounts.audit import record
from backtests.claims import Claim
from backtests.claims import claim as take
from backtests.domain.statistics_annual import known_annual_days
from backtests.exports import KINDS, File
from backtests.models import VIEW, BacktestRun, RunStatus
from backtests.permissions import demand_add, find_run, find_run_to_change
from backtests.request_checks import CheckedRequest, check_request
from backtests.requests import CostOptions, RunRequest
from backtests.rule_options import rules_from
from quantsite.common.errors import ConflictError, RuleError
from quantsite.web import request_id

if TYPE_CHECKING:
    from accounts.models import User

RUN_TASK = "backtests.run"
ONE_ATTEMPT = {"max_retries": 1, "interval_start": 0, "interval_step": 0, "interval_max": 0}

log = structlog.get_logger(__name__)


def run_backtest(actor: "User | None", request: RunRequest) -> BacktestRun:
    """Queue a run and wake a worker for it; returns the queued row."""
    return _queue(actor, request, again_of=None)


def run_again(actor: "User | None", run_id: int) -> BacktestRun:
    """Queue the same request once more, as the actor's own run; it must give the same hash on the same data."""
    origin = find_run(actor, run_id)
    return _queue(actor, request_of(origin), again_of=origin)


def claim_backtest(actor: "User | None", request: RunRequest, worker: str) -> Claim:
    """Store a run that the caller computes himself: it is claimed before anybody else can see it."""
    demand_add(actor)
    checked = check_request(request, ticks=True)
    with transaction.atomic():
        run = _create(actor, checked)
        claim = take(run.pk, worker)
        if claim is None:
            raise ConflictError("run_taken", _("Backtest run %(id)s is not to be had.") % {"id": run.pk})
        record(actor, "backtest.run", run, after=_asked(run))
    return claim


def _queue(actor: "User | None", request: RunRequest, again_of: BacktestRun | None) -> BacktestRun:
    demand_add(actor)
    checked = check_request(request, ticks=True)
    with transaction.atomic():
        run = _create(actor, checked, again_of)
        transaction.on_commit(partial(wake, run.pk))
        record(actor, "backtest.run", run, after=_asked(run))
    return run


def _create(actor: "User | None", checked: CheckedRequest, again_of: BacktestRun | None = None) -> BacktestRun:
    request = checked.request
    return BacktestRun.objects.create(
        owner=actor,
        strategy=request.strategy,
        instrument=checked.instrument,
        interval=checked.interval,
        start=request.start,
        end=request.end,
        parameters=checked.parameters,
        costs=checked.costs,
        capital=request.capital,
        volume=request.volume,
        close_at_end=request.close_at_end,
        again_of=again_of,
        seed=request.rules.seed,
        rules=request.rules.given(),
        legs=list(request.legs),
        form=request.form,
        request_id=request_id.current(),
    )


def _asked(run: BacktestRun) -> dict[str, Any]:
    """What the audit trail keeps of a new run, beside its name."""
    asked = {"parameters": run.parameters, "costs": run.costs, "capital": run.capital, "again_of": run.again_of_id}
    further = {"rules": run.rules, "legs": run.legs, "form": run.form}
    return asked | {name: value for name, value in further.items() if value}


def request_of(run: BacktestRun) -> RunRequest:
    """The request that led to ``run``."""
    return RunRequest(
        strategy=run.strategy,
        instrument=run.instrument.code,
        interval=run.interval,
        start=run.start,
        end=run.end,
        parameters=run.parameters,
        capital=run.capital,
        volume=run.volume,
        costs=CostOptions.from_mapping(run.costs),
        close_at_end=run.close_at_end,
        legs=tuple(run.legs),
        rules=rules_from(run.rules),
        form=run.form,
    )


def cancel_run(actor: "User | None", run_id: int) -> BacktestRun:
    """End a queued run at once; ask the worker of a running one to stop (it looks twice a second).

    Raises ``ConflictError`` for a run that is over.
    """
    run = find_run_to_change(actor, run_id)
    with transaction.atomic():
        row = BacktestRun.objects.filter(pk=run.pk)
        ended = row.filter(status=RunStatus.QUEUED).update(
            status=RunStatus.CANCELLED, cancel_requested=True, finished_at=Now()
        )
        if not ended and not row.filter(status=RunStatus.RUNNING).update(cancel_requested=True):
            raise ConflictError("run_is_over", _("Backtest run %(id)s is over already.") % {"id": run.pk})
        before = run.status
        run.refresh_from_db()
        record(actor, "backtest.cancel", run, before={"status": before}, after={"status": run.status})
    return run


def share_run(actor: "User | None", run_id: int, receiver: "User | Group", *, shared: bool = True) -> BacktestRun:
    """Let a person or a group see the run, or with ``shared=False`` not any more; repeating changes nothing.

    Raises ``RuleError`` for a person whose role shows no backtests at all: the share would do nothing.
    """
    run = find_run_to_change(actor, run_id)
    name = receiver.name if isinstance(receiver, Group) else receiver.get_username()
    if shared and not isinstance(receiver, Group) and not receiver.has_perm(f"backtests.{VIEW}"):
        text = _("The role of %(name)s does not include backtests.") % {"name": name}
        raise RuleError("role_without_backtests", text, fields={"user": text})
    with transaction.atomic():
        (assign_perm if shared else remove_perm)(VIEW, receiver, run)
        kind = "group" if isinstance(receiver, Group) else "user"
        record(actor, "backtest.share" if shared else "backtest.unshare", run, after={kind: name})
    return run


def what_changed(run: BacktestRun) -> list[str]:
    """What differs between a finished run and the one it repeats: of data, source, engine, costs; then the result.

    Empty where nothing differs, where the run repeats none, or while one of them is not finished.
    """
    origin = run.again_of
    if origin is None or not (run.result_hash and origin.result_hash):
        return []
    compared = ("data_hash", "source_hash", "engine_version", "cost_table", "result_hash")
    return [name for name in compared if getattr(run, name) != getattr(origin, name)]


def wake(*run_ids: int) -> None:
    """Tell some worker that runs wait. A broker that is away only delays them: the sweep finds the rows."""
    try:
        # A connection of its own: those of the pool try again for seconds, and a caller waits for this one.
        with current_app.connection_for_write(connect_timeout=1.0, transport_options=ONE_ATTEMPT) as connection:
            for run_id in run_ids:
                current_app.send_task(RUN_TASK, args=[run_id], connection=connection, retry=False)
    except (OperationalError, OSError):
        log.warning("broker unreachable, the sweep will find the runs", runs=run_ids, exc_info=True)


def generate_report(
    actor: "User | None", run_id: int, language: str | None = None, annual_days: str | None = None
) -> str:
    """The report of a succeeded run as one HTML file, in ``language`` or the active one; raises as ``export_run``."""
    return export_run(actor, run_id, "report", "html", language=language, annual_days=annual_days).body.decode()


def export_run(
    actor: "User | None",
    run_id: int,
    kind: str,
    form: str,
    *,
    language: str | None = None,
    annual_days: str | None = None,
) -> File:
    """A file about a succeeded run: ``kind`` is a key of ``exports.KINDS``, ``form`` one of that kind's formats.

    Texts are in ``language`` or the active one, ``annual_days`` those of a year in the standard statistics. Raises
    ``ConflictError`` for a run without a result, ``RuleError`` for a format that the kind has not, a language that
    the site has not, or another year than 252 or 242 days.
    """
    days = known_annual_days(annual_days)
    run = find_run(actor, run_id)
    known_language(language)
    demand_result(run)
    with override(language or get_language() or settings.LANGUAGE_CODE):
        return KINDS[kind].make(run, form, days)


def known_language(language: str | None) -> None:
    """Raises ``RuleError`` for a language that the site has not got; none at all is the active one."""
    if language and language not in dict(settings.LANGUAGES):
        known = ", ".join(code for code, _name in settings.LANGUAGES)
        text = _("There is no language %(code)s; known: %(known)s.") % {"code": repr(language), "known": known}
        raise RuleError("unknown_language", text, fields={"lang": text})


def demand_result(run: BacktestRun) -> None:
    """Raises ``ConflictError`` for a run without a result."""
    if run.status != RunStatus.SUCCEEDED:
        text = _("Backtest run %(id)s has no result: it is %(status)s.")
        raise ConflictError("no_result", text % {"id": run.pk, "status": run.get_status_display()})
