"""Which instances run, by their rows: begun, restored, paused, given other parameters, stopped as people have said."""

import time
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import structlog
from django.db.models import F, Q
from django.utils import timezone

from quantsite.common.errors import RuleError
from strategies.choices import ActivityName, Health
from strategies.event_models import StrategyLog, StrategyOrder
from strategies.instance_models import RAN, InstanceQuerySet, StrategyInstance
from strategies.running import log as say
from strategies.running.ending import Ending
from strategies.running.hosts import Host
from strategies.running.inputs import ParametersIn, Told, TurnIn
from strategies.running.instance import Instance
from strategies.running.making import Maker
from strategies.running.older import OlderBars
from strategies.running.starting import Starting, tell_health
from strategies.running.state import claim
from strategies.running.warm_starts import Warmed, WarmStarts
from strategies.state_models import StrategyPosition, StrategyState
from trading.account_models import AccountState
from trading.choices import FINAL_STATUSES

if TYPE_CHECKING:
    from strategies.running.loop import StrategyLoop

log = structlog.get_logger(__name__)

OVERLAP = timedelta(seconds=10)
"""Rows may be committed so much later than they say."""
WHOLE_SECONDS = 30.0
"""So often every row is read, whatever has changed."""
ENDS = ("stop", "demote", "fail", "loss_limit")
"""Lines of an instance's log after which it begins anew."""
TERMS = ("account_id", "interval", "unit", "strategy", "source_hash", "seed", "execution")
"""What an instance is; it changes only while the instance is stopped."""
BEGINNING = (Health.WAITING, Health.WARMING)


class Duty:
    """Keeps the loop's instances as their rows want them."""

    def __init__(self, loop: "StrategyLoop", maker: Maker, starts: WarmStarts, ending: Ending) -> None:
        self._loop = loop
        self._maker = maker
        self._starts = starts
        self._ending = ending
        self._starting = Starting(loop, maker, starts)
        self._looked: datetime | None = None
        self._known: dict[int, datetime] = {}
        self._whole_at = 0.0
        self._obeyed: dict[int, tuple[StrategyInstance, Host | None]] = {}
        """The row and the host of those that do what their rows say: until one of both is another there is no more."""

    def restore(self) -> None:
        """Every instance that there is to look after, as the runner before has left it."""
        rows = list(_of_interest(_rows()))
        claim([row.pk for row in rows], self._loop.epoch)
        states = {state.pk: state for state in StrategyState.objects.filter(pk__in=[row.pk for row in rows])}
        stopped, older = _stopped_since(states.values()), OlderBars()
        for row in rows:
            state = states[row.pk]
            instance = self._take_in(row, state)
            if instance is None or instance.unreadable:
                continue
            hosted = state.document.get("host") is not None
            if _wanted(row) and hosted and row.pk not in stopped and not state.document.get("closing"):
                self._restore(instance, state, older)
            elif not _wanted(row) and (hosted or state.document.get("closing") or row.health in BEGINNING):
                instance.to_end = True
        self._known = {row.pk: row.changed_at for row in rows}

    def _restore(self, instance: Instance, state: StrategyState, older: OlderBars) -> None:
        try:
            self._starting.restore(instance, state, older)
        except RuleError as error:
            self._fail_to_begin(instance, error)

    def look(self) -> None:
        """Read beside the loop what has changed since the last look; begin, change and end instances by it then."""
        self._loop.aside.do(self._read, self._follow)

    def _read(self) -> list[StrategyInstance]:
        now = timezone.now()
        if time.monotonic() - self._whole_at > WHOLE_SECONDS or self._looked is None:
            found = _of_interest(StrategyInstance.objects.all())
            self._whole_at = time.monotonic()
        else:
            found = StrategyInstance.objects.filter(changed_at__gt=self._looked - OVERLAP)
        self._looked = now
        changed = [pk for pk, at in found.values_list("pk", "changed_at") if self._known.get(pk) != at]
        return list(_rows().filter(pk__in=changed)) if changed else []

    def _follow(self, changed: Iterable[StrategyInstance]) -> None:
        for row in changed:
            known = self._loop.instances.get(row.pk)
            if known is None or not (known.ending or known.row.changed_at > row.changed_at):  # else with the next look
                self._known[row.pk] = row.changed_at
                self._apply(row)
        for instance in list(self._loop.instances.values()):
            obeyed = self._obeyed.get(instance.pk)
            if obeyed is None or obeyed[0] is not instance.row or obeyed[1] is not instance.host:
                self._obeyed.pop(instance.pk, None)
                self._obey(instance)

    def warmed(self, warmed: Warmed) -> None:
        """A host is ready, or there is none; what people have said since it was asked for comes first."""
        row = _rows().filter(pk=warmed.instance).first()
        if row is not None and row.pk in self._starts:
            self._apply(row)
            if row.pk in self._loop.instances:
                self._obey(self._loop.instances[row.pk])
        frames = self._starts.finish(warmed)
        instance = self._loop.instances.get(warmed.instance)
        if frames is None or instance is None:
            if warmed.host is not None:
                warmed.host.close()
        elif warmed.host is None:
            self._ending.fail(instance, warmed.code, say.NOT_BEGUN, {"error": warmed.error})
        else:
            try:
                self._starting.take_host(instance, warmed, frames)
            except RuleError as error:
                self._fail_to_begin(instance, error)

    def answered(self, instance: Instance, told: Told) -> None:
        """A process has answered; its first word is that it is ready."""
        if told.number == 0:
            try:
                self._starting.answered(instance, told.positions)
            except RuleError as error:
                self._fail_to_begin(instance, error)

    def follow_up(self, instance: Instance) -> None:
        """What a step may have brought to its end: closing, or the first bar after a gap."""
        self._ending.follow_up(instance)
        if instance.health == Health.GAP and instance.gone_on:
            self._starting.over(instance)

    def missed(self, ends: Mapping[str, int]) -> None:
        """These streams no longer hold what instances have not seen, up to these instants of the market (ns UTC)."""
        if ends:
            self._starting.fill_gaps(ends)

    def begin_days_anew(self) -> None:
        """A source has gone back in time, as a replay that begins again: who follows it is warmed up anew."""
        for instance in self._loop.instances.values():
            if instance.at > self._loop.market_time(instance):
                self._starting.begin_anew(instance)

    def _take_in(self, row: StrategyInstance, state: StrategyState) -> Instance | None:
        """The instance, given from now on what concerns it; None where it cannot even be followed."""
        try:
            instance = self._maker.instance(row, state)
        except RuleError as error:
            self._ending.unfollowed(row, error)
            return None
        if not state.document:
            newest = AccountState.objects.filter(account=row.account_id).values_list("last_seq", flat=True).first()
            instance.seq = newest or 0
        self._loop.take_in(instance)
        self._loop.rolls.take_in(instance)
        return instance

    def _apply(self, row: StrategyInstance) -> None:
        instance = self._loop.instances.get(row.pk)
        if (
            instance is not None
            and not instance.hosted
            and (any(getattr(row, name) != getattr(instance.row, name) for name in TERMS) or _is_another(instance, row))
        ):
            self._let_go(instance)
            instance = None
        if instance is not None:
            instance.row = row
            if instance.host is not None:
                instance.host.allow(row.budget_ms)
        elif _of_interest(StrategyInstance.objects.filter(pk=row.pk)).exists():
            self._claim(row)

    def _claim(self, row: StrategyInstance) -> Instance | None:
        claim([row.pk], self._loop.epoch)
        return self._take_in(row, StrategyState.objects.get(pk=row.pk))

    def _let_go(self, instance: Instance) -> None:
        self._starts.forget(instance.pk)
        self._loop.let_go(instance)

    def _obey(self, instance: Instance) -> None:
        """Have it do what its row says now."""
        row = instance.row
        warming = instance.pk in self._starts
        if instance.ending:
            return
        if instance.unreadable:
            self._ending.unreadable(instance, wanted=_wanted(row))
            return
        if not _wanted(row):
            waiting = warming or instance.health == Health.WAITING
            if (instance.hosted and not instance.closing) or waiting or instance.to_end:
                self._starts.forget(instance.pk)
                self._ending.end(instance)
            elif row.flatten_asked > max(row.flatten_done, instance.gave_up) and not instance.closing:
                self._ending.close(instance)
            return
        if instance.closing:
            instance.forget_host()
            instance.closing = False
        if not instance.hosted and not warming:
            self._begin(instance)
        elif instance.hosted and instance.health != Health.WARMING:
            self._change(instance)
            self._obeyed[instance.pk] = row, instance.host

    def _begin(self, instance: Instance) -> None:
        """Begin; what it is may have changed while its former run was being closed."""
        begun: Instance | None = instance
        if _is_another(instance, instance.row):
            self._let_go(instance)
            begun = self._claim(instance.row)
        if begun is None:
            return
        try:
            self._starting.begin(begun)
        except RuleError as error:
            self._fail_to_begin(begun, error)

    def _fail_to_begin(self, instance: Instance, error: RuleError) -> None:
        self._ending.fail(instance, error.code, say.NOT_BEGUN, {"error": error.text})

    def _change(self, instance: Instance) -> None:
        row, now = instance.row, time.time_ns()
        if row.parameters_version != instance.parameters_version:
            instance.parameters_version = row.parameters_version
            instance.give(ParametersIn(row.parameters), now)
            details = {"version": row.parameters_version, "parameters": row.parameters}
            say.line(instance, "parameters", say.CHANGED, {"version": row.parameters_version}, details=details)
            self._loop.touch(instance)
        paused = row.activity == ActivityName.PAUSED
        if paused != instance.paused:
            instance.paused = paused
            instance.give(TurnIn("pause" if paused else "resume", instance.at), now)
            say.line(instance, "paused" if paused else "resumed", say.PAUSED if paused else say.RESUMED)
            tell_health(instance, Health.PAUSED if paused else Health.RUNNING)
            self._loop.touch(instance)
        if row.flatten_asked > max(row.flatten_done, instance.flattened):
            instance.flattened = row.flatten_asked
            instance.give(TurnIn("flatten", instance.at), now)
            say.line(instance, "flatten", say.FLATTEN)
            self._loop.touch(instance)


def _rows() -> InstanceQuerySet:
    return StrategyInstance.objects.select_related("account", "owner")


def _of_interest(rows: InstanceQuerySet) -> InstanceQuerySet:
    """Those that people want to run or to be closed, that run as far as was told, or have left something behind."""
    wanted = Q(stage__in=RAN) & ~Q(activity=ActivityName.STOPPED)
    closing = Q(flatten_done__lt=F("flatten_asked"))
    held = Q(pk__in=StrategyPosition.objects.exclude(lots=0).values("instance"))
    at_work = StrategyOrder.objects.filter(order__isnull=False).exclude(order__status__in=FINAL_STATUSES)
    left = held | Q(pk__in=at_work.order_by().values("instance"))
    return rows.filter(wanted | closing | left | ~Q(health=Health.OFF)).order_by("pk")


def _wanted(row: StrategyInstance) -> bool:
    return row.stage in RAN and row.activity != ActivityName.STOPPED


def _is_another(instance: Instance, row: StrategyInstance) -> bool:
    """Whether the rows name other legs or another account than it has, or its stored state was thrown away."""
    legs = list(row.legs.order_by("number").values_list("instrument_id", flat=True))
    same = legs == [leg.instrument.pk for leg in instance.legs] and row.account_id == instance.account
    return not same or not StrategyState.objects.filter(pk=row.pk).exists()


def _stopped_since(states: Iterable[StrategyState]) -> set[int]:
    """Those that were stopped after their state was stored: they begin anew, whoever has started them again."""
    found = set()
    for state in states:
        lines = StrategyLog.objects.filter(instance=state.pk, kind__in=ENDS, at__gt=state.updated_at)
        if lines.exists():
            found.add(state.pk)
    return found
