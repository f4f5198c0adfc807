"""How an instance ends: stopped by people, failed, or taken back; and what becomes of its orders and lots then.

The strategy has no say in it: its host is gone before anything else happens.
"""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import structlog
from django.db import IntegrityError, transaction
from django.utils import timezone

from marketdata.live_models import Subscription
from quantsite.common.errors import RuleError
from strategies import alarms, services
from strategies.choices import Health, LogLevel, OnFailure
from strategies.instance_models import StrategyInstance
from strategies.metrics import FAILURES, FAULTS
from strategies.running import log as say
from strategies.running.closing import ClosingHost
from strategies.running.hosts import OVER_BUDGET
from strategies.running.inputs import error_of
from strategies.running.instance import FAULTS_IN_A_ROW, Instance
from strategies.running.isolated import MOST_BYTES, Gone
from strategies.running.leftovers import withdraw, withdraw_all, withdraw_numbers
from strategies.running.starting import owner_of
from strategies.verbs.holdings import held_lots, working_orders

if TYPE_CHECKING:
    from strategies.running.loop import StrategyLoop

log = structlog.get_logger(__name__)

MOST_IN_VAIN = 8
"""Closing orders in a row that were refused and filled nothing: about ten minutes of the market."""
GONE = {
    OVER_BUDGET: say.HUNG,
    "out_of_memory": say.ATE,
    "state_too_large": say.GREW,
    "died": say.DIED,
    "raised": say.NOT_BEGUN,
    "unfit": say.UNFIT,
}


class _Left(NamedTuple):
    """What it left behind when its host was let go: the market's time, its orders at work, and lots by contract."""

    at: int
    sent: tuple[int, ...]
    held: Mapping[str, int]

    def closed_by(self, row: StrategyInstance) -> bool:
        """Whether its policy has something to close."""
        return row.stopping == OnFailure.FLATTEN and bool(self.held or self.sent)


class Ending:
    """Ends instances of one loop."""

    def __init__(self, loop: "StrategyLoop") -> None:
        self._loop = loop

    def end(self, instance: Instance) -> None:
        """Its row says that it is stopped: forget its host and do what the row says of its orders and lots."""
        left = self._let_go(instance)
        work = partial(self._end_rows, instance, instance.row, left)
        self._loop.aside.do(work, partial(self._ended, instance, left), about=[instance.pk])

    def close(self, instance: Instance) -> None:
        """Withdraw what works and close what is held."""
        withdraw_all(instance)
        self._begin_closing(instance)

    def follow_up(self, instance: Instance) -> None:
        """Look whether what was to be closed is closed."""
        host, row = instance.host, instance.row
        if isinstance(host, ClosingHost):
            if not host.busy:
                self._finish(instance)
                self._loop.aside.do(partial(alarms.end, alarms.NOT_FLAT, row.key))
            elif host.vain >= MOST_IN_VAIN:
                self._give_up(instance, host.refused)
            elif host.refused and instance.book.held:
                lots = ", ".join(f"{lots:+d} {code}" for code, lots in instance.book.held.items())
                alarms.tell_left(row.key, lots, host.refused)
                host.refused = ""
        elif host is not None and row.flatten_asked > row.flatten_done and instance.flattened == row.flatten_asked:
            self._look_whether_flat(instance)

    def _give_up(self, instance: Instance, reason: str) -> None:
        """Nothing closes what it holds: left to people, until somebody asks again."""
        lots = ", ".join(f"{lots:+d} {code}" for code, lots in instance.book.held.items())
        alarms.tell_left(instance.row.key, lots, reason)
        values = {"lots": lots, "times": MOST_IN_VAIN, "reason": reason}
        say.line(instance, "left", say.LEFT, values, level=LogLevel.ERROR)
        instance.gave_up = instance.row.flatten_asked
        self._finish(instance)

    def fail(self, instance: Instance, code: str, text: str, values: Mapping[str, Any] | None = None) -> None:
        """It decides no more: told to everybody, then ended as its policy for failures says."""
        row = instance.row
        given = {"key": row.key, **(values or {})}
        log.error("strategy failed", strategy=row.key, code=code, **{k: str(v)[:500] for k, v in given.items()})
        FAILURES.labels(code).inc()
        self._loop.starts.forget(instance.pk)
        left = self._let_go(instance)
        work = partial(self._fail_rows, instance, left, code, text, given)
        untold = partial(self._fail_plainly, instance, left)
        self._loop.aside.do(work, partial(self._ended, instance, left), untold, about=[instance.pk])

    def heard(self, instance: Instance) -> None:
        """What a strategy raised, or how long it took, in the step that is over."""
        row, faults = instance.row, instance.faults
        instance.faults = []
        instance.count.errors += len(faults)
        FAULTS.inc(len(faults))
        for fault in faults[:1]:
            details = {"trace": fault.trace, "more": len(faults) - 1}
            self._say(instance, "error", say.RAISED, {"error": fault.error}, level=LogLevel.ERROR, details=details)
        if instance.unfit:
            unfit, instance.unfit = instance.unfit, ""
            self.fail(instance, "unfit", say.UNFIT, {"error": unfit})
        elif any(fault.error == OVER_BUDGET for fault in faults):
            self.fail(instance, OVER_BUDGET, say.HUNG, {"budget": row.budget_ms})
        elif faults and instance.in_a_row >= FAULTS_IN_A_ROW:
            error = {"error": faults[-1].error, "times": instance.in_a_row}
            self.fail(instance, "raised", say.RAISES, error)
        elif instance.slowest > row.budget_ms * 1_000_000:
            took = instance.slowest / 1e6
            values = {"took": int(took), "budget": row.budget_ms}
            self._say(instance, "slow", say.SLOW, values, level=LogLevel.WARNING)
            self._loop.aside.do(partial(alarms.tell_slow, row.key, took, row.budget_ms))

    def blame(self, instance: Instance, error: Exception) -> None:
        """What it has led to could not be taken in or stored. Raises ``error`` where no strategy's code decides."""
        if instance.host is None or instance.closing:
            raise error
        row, why = instance.row, error.text if isinstance(error, RuleError) else error_of(error)
        log.error("outcome of a strategy cannot be stored", strategy=row.key, exc_info=error)
        instance.reports.clear()
        instance.also.clear()
        instance.opening = None
        if isinstance(error, IntegrityError):
            self.fail(instance, "number_taken", say.TAKEN, {"error": why})
        elif isinstance(error, RuleError):
            self.fail(instance, "unfit", say.UNFIT, {"error": why})
        else:
            self.fail(instance, "not_stored", say.NOT_STORED, {"error": why})

    def fell_behind(self, instance: Instance) -> None:
        """It takes longer for its events than they take to come."""
        self.fail(instance, "behind", say.BEHIND, {"seconds": int(instance.behind)})
        self._loop.end_step()

    def gone(self, instance: Instance, told: Gone) -> None:
        """Its process has ended."""
        if told.reason == "ended":
            return
        row = instance.row
        values = {"budget": row.budget_ms, "memory": row.memory_mb, "most": MOST_BYTES >> 20, "error": told.detail}
        self.fail(instance, told.reason, GONE[told.reason], values)

    def unreadable(self, instance: Instance, *, wanted: bool) -> None:
        """Where it stood cannot be read: it must not go on from anything else, by itself."""
        values = {"key": instance.row.key, "error": instance.unreadable}
        instance.unreadable = ""
        if wanted:
            self.fail(instance, "state_unreadable", say.UNREADABLE, values)
        else:
            log.error("state of a stopped strategy unreadable", strategy=instance.row.key, reason=values["error"])
            say.line(instance, "unreadable", say.UNREADABLE, values, level=LogLevel.ERROR)
            self._loop.touch(instance)
            instance.urgent = True

    def unfollowed(self, row: StrategyInstance, error: RuleError) -> None:
        """Not even its instruments can be followed: nothing of it can be closed here, only withdrawn."""
        given = {"key": row.key, "error": error.text}
        log.error("strategy cannot be followed", strategy=row.key, reason=error.text)
        if not services.fail(row.pk, error.code, say.NOT_BEGUN, given):
            return
        FAILURES.labels(error.code).inc()
        alarms.tell_failed(row.key, say.NOT_BEGUN, given)
        say.line_of(row.pk, "failed", say.NOT_BEGUN, given, level=LogLevel.ERROR)
        if row.on_failure != OnFailure.LEAVE:
            withdraw(working_orders(row))
        held = held_lots(row) if row.on_failure == OnFailure.FLATTEN else {}
        if held:
            alarms.tell_left(row.key, ", ".join(f"{lots:+d} {code}" for code, lots in held.items()), error.text)

    def refused(self, instance: Instance, number: int, error: RuleError) -> None:
        """An order was refused at once; without the right to trade nothing more may come of the instance."""
        values = {"number": number, "reason": error.text}
        self._say(instance, "refused", say.REFUSED, values, level=LogLevel.WARNING, details={"code": error.code})
        if error.code == "permission_denied" and not instance.closing and instance.hosted:
            self.fail(instance, "permission_denied", say.NO_RIGHT, {"error": error.text})

    # --- its end: out of the loop at once, then its rows beside the loop, then what follows from them --------------

    def _drop_host(self, instance: Instance) -> None:
        if instance.host is not None:
            instance.host.close()
        instance.forget_host()
        instance.closing = False

    def _let_go(self, instance: Instance) -> _Left:
        """Nothing of its code decides any more, and until :meth:`_ended` nothing is stored of it either.

        A runner that is killed before its rows are written leaves it as it was: its successor comes to the same end.
        """
        self._drop_host(instance)
        self._loop.rolls.forget(instance)
        instance.to_end = False
        instance.ending = True
        return _Left(instance.at, tuple(instance.sent), dict(instance.book.held))

    def _fail_rows(
        self, instance: Instance, left: _Left, code: str, text: str, given: Mapping[str, Any]
    ) -> StrategyInstance:
        row = instance.row
        with transaction.atomic():  # whoever dies in between has either told everybody or nobody
            services.fail(row.pk, code, text, given)
            alarms.tell_failed(row.key, text, given)
            say.line_of(row.pk, "failed", text, given, level=LogLevel.ERROR, at=left.at)
        return self._end_rows(
            instance, StrategyInstance.objects.select_related("account", "owner").get(pk=row.pk), left
        )

    def _fail_plainly(self, instance: Instance, left: _Left, error: Exception) -> None:
        """What it has failed for cannot be stored itself."""
        log.error("failure of a strategy cannot be stored", strategy=instance.row.key, exc_info=error)
        given = {"key": instance.row.key, "error": type(error).__name__}
        work = partial(self._fail_rows, instance, left, "not_stored", say.NOT_STORED, given)
        self._loop.aside.do(work, partial(self._ended, instance, left), about=[instance.pk])

    def _end_rows(self, instance: Instance, row: StrategyInstance, left: _Left) -> StrategyInstance:
        """What its policy says of its orders and lots; gives its row as it stands then."""
        self._loop.rolls.give_up_rows(instance)
        if row.stopping != OnFailure.LEAVE:
            withdraw_numbers(row, left.sent)
        details = {"policy": row.stopping, "at": left.at}
        say.line_of(row.pk, "stopped", say.STOPPED, details=details, at=left.at)
        return row if left.closed_by(row) else _finish_rows(row, left)

    def _ended(self, instance: Instance, left: _Left, row: StrategyInstance) -> None:
        instance.row, instance.health, instance.ending = row, _health(row), False
        if left.closed_by(row):
            self._begin_closing(instance)
        else:
            self._finished(instance)

    def _begin_closing(self, instance: Instance) -> None:
        codes = [leg.instrument.code for leg in instance.legs] + list(instance.others)
        instance.closing = True
        instance.host = ClosingHost(codes, instance.book.lots, instance.sent.keys(), instance.number + 1)
        instance.listens, instance.clock = instance.host.listening()
        self._loop.touch(instance)
        instance.urgent = True

    def _finish(self, instance: Instance) -> None:
        """What was to be closed is closed, or is left to people."""
        left = self._let_go(instance)
        work = partial(_finish_rows, instance.row, left)
        self._loop.aside.do(work, partial(self._finish_told, instance), about=[instance.pk])

    def _finish_told(self, instance: Instance, row: StrategyInstance) -> None:
        instance.row, instance.health, instance.ending = row, _health(row), False
        self._finished(instance)

    def _finished(self, instance: Instance) -> None:
        self._loop.touch(instance)
        instance.touch()
        instance.urgent = True

    def _look_whether_flat(self, instance: Instance) -> None:
        if not instance.book.held and not instance.sent and instance.idle:
            _tell_flat(instance.row, instance.at)

    def _say(self, instance: Instance, kind: str, text: str, values: Mapping[str, Any], **given: Any) -> None:
        work = partial(say.line_of, instance.pk, kind, text, values, at=instance.at, **given)
        self._loop.aside.do(work)


def _health(row: StrategyInstance) -> Health:
    return Health.FAILED if row.failure_code else Health.OFF


def _finish_rows(row: StrategyInstance, left: _Left) -> StrategyInstance:
    """Nothing more is done for it: how it is, what it had asked for, and that it holds nothing where that was asked."""
    StrategyInstance.objects.filter(pk=row.pk).update(health=_health(row), told_at=timezone.now())
    alarms.end(alarms.GAP, row.key)
    if not left.held and not left.sent:
        Subscription.objects.filter(owner=owner_of(row.pk)).delete()
    if row.flatten_asked > row.flatten_done and not left.held:
        _tell_flat(row, left.at)
    return row


def _tell_flat(row: StrategyInstance, at: int) -> None:
    asked = row.flatten_asked
    StrategyInstance.objects.filter(pk=row.pk).update(flatten_done=asked, told_at=timezone.now())
    row.flatten_done = asked
    alarms.end(alarms.NOT_FLAT, row.key)
    say.line_of(row.pk, "flat", say.FLAT, at=at)
