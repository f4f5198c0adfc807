"""How an instance ends: stopped by people, failed, or taken back; and what becomes of its orders and lots then.

The strategy has no say in it: its host is gone before anything else happens.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

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
from strategies.running.leftovers import withdraw, withdraw_all
from strategies.running.starting import owner_of, tell_health
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


class Ending:
    """Ends instances of one loop."""

    def __init__(self, loop: "StrategyLoop") -> None:
        self._loop = loop

    def end(self, instance: Instance) -> None:
        """Its row says that it is stopped: forget its host and do what the row says of its orders and lots."""
        self._drop_host(instance)
        self._loop.rolls.give_up(instance)
        instance.to_end = False
        policy = instance.row.stopping
        if policy != OnFailure.LEAVE:
            withdraw_all(instance)
        say.line(instance, "stopped", say.STOPPED, details={"policy": policy, "at": instance.at})
        if policy == OnFailure.FLATTEN and (instance.book.held or instance.sent):
            self.close(instance)
        else:
            self._finish(instance)
        self._loop.touch(instance)
        instance.urgent = True

    def close(self, instance: Instance) -> None:
        """Withdraw what works and close what is held."""
        withdraw_all(instance)
        codes = [leg.instrument.code for leg in instance.legs] + list(instance.others)
        instance.closing = True
        instance.host = ClosingHost(codes, instance.book.lots, instance.sent.keys(), instance.number + 1)
        instance.listens, instance.clock = instance.host.listening()
        self._loop.touch(instance)
        instance.urgent = True

    def follow_up(self, instance: Instance) -> None:
        """Look whether what was to be closed is closed."""
        host, row = instance.host, instance.row
        if isinstance(host, ClosingHost):
            if not host.busy:
                self._finish(instance)
                alarms.end(alarms.NOT_FLAT, row.key)
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
        instance.urgent = True

    def fail(self, instance: Instance, code: str, text: str, values: Mapping[str, Any] | None = None) -> None:
        """It decides no more: told to everybody, then ended as its policy for failures says."""
        row = instance.row
        given = {"key": row.key, **(values or {})}
        log.error("strategy failed", strategy=row.key, code=code, **{k: str(v)[:500] for k, v in given.items()})
        FAILURES.labels(code).inc()
        with transaction.atomic():  # whoever dies in between has either told everybody or nobody
            services.fail(row.pk, code, text, given)
            alarms.tell_failed(row.key, text, given)
            say.line(instance, "failed", text, given, level=LogLevel.ERROR)
        instance.row = StrategyInstance.objects.select_related("account", "owner").get(pk=row.pk)
        instance.health = Health.FAILED
        self._loop.starts.forget(instance.pk)
        self.end(instance)

    def heard(self, instance: Instance) -> None:
        """What a strategy raised, or how long it took, in the step that is over."""
        row, faults = instance.row, instance.faults
        instance.faults = []
        instance.count.errors += len(faults)
        FAULTS.inc(len(faults))
        for fault in faults[:1]:
            say.line(instance, "error", say.RAISED, {"error": fault.error}, level=LogLevel.ERROR,
                     details={"trace": fault.trace, "more": len(faults) - 1})  # fmt: skip
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
            say.line(instance, "slow", say.SLOW, values, level=LogLevel.WARNING)
            alarms.tell_slow(row.key, took, row.budget_ms)

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
        say.line(instance, "refused", say.REFUSED, values, level=LogLevel.WARNING, details={"code": error.code})
        if error.code == "permission_denied" and not instance.closing and instance.hosted:
            self.fail(instance, "permission_denied", say.NO_RIGHT, {"error": error.text})

    def _drop_host(self, instance: Instance) -> None:
        if instance.host is not None:
            instance.host.close()
        instance.forget_host()
        instance.closing = False

    def _finish(self, instance: Instance) -> None:
        self._drop_host(instance)
        tell_health(instance, Health.FAILED if instance.row.failure_code else Health.OFF)
        alarms.end(alarms.GAP, instance.row.key)
        if not instance.book.held and not instance.sent:
            Subscription.objects.filter(owner=owner_of(instance)).delete()
        if instance.row.flatten_asked > instance.row.flatten_done and not instance.book.held:
            self._tell_flat(instance)
        self._loop.touch(instance)

    def _look_whether_flat(self, instance: Instance) -> None:
        if not instance.book.held and not instance.sent and instance.idle:
            self._tell_flat(instance)

    def _tell_flat(self, instance: Instance) -> None:
        asked = instance.row.flatten_asked
        StrategyInstance.objects.filter(pk=instance.pk).update(flatten_done=asked, told_at=timezone.now())
        instance.row.flatten_done = asked
        alarms.end(alarms.NOT_FLAT, instance.row.key)
        say.line(instance, "flat", say.FLAT)
