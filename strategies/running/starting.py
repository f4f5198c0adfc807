"""How an instance gets its host: restored from its document, or warmed up with bars; and what it had missed."""

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import structlog
from django.conf import settings
from django.utils import timezone

from marketdata.domain.bars import Bar
from marketdata.live_models import Subscription
from quantsite.common.errors import ConflictError, RefusedError, RuleError
from quantsite.common.texts import say
from strategies import registry
from strategies.alarms import GAP, end, tell_gap
from strategies.choices import ActivityName, Health, LogLevel
from strategies.domain.hosting.documents import UNREADABLE
from strategies.domain.hosting.gather import BarGatherer
from strategies.domain.hosting.news import News, NewsKind
from strategies.domain.hosting.terms import TICKS
from strategies.event_models import StrategyOrder
from strategies.instance_models import StrategyInstance
from strategies.metrics import GAPS
from strategies.running import log as lines
from strategies.running.feeding import Frame
from strategies.running.hosts import Local, Remote
from strategies.running.inputs import BarsIn, TurnIn, error_of
from strategies.running.instance import Instance
from strategies.running.leftovers import Leftovers
from strategies.running.making import Maker
from strategies.running.older import OlderBars
from strategies.running.spec import demand_tested
from strategies.running.warm_starts import Asked, Warmed, WarmStarts
from strategies.running.warming import bars_between
from strategies.state_models import StrategyState
from trading.permissions import may_trade_now

if TYPE_CHECKING:
    from strategies.running.loop import StrategyLoop

log = structlog.get_logger(__name__)


class Starting:
    """Gives instances of one loop their hosts."""

    def __init__(self, loop: "StrategyLoop", maker: Maker, starts: WarmStarts) -> None:
        self._loop = loop
        self._maker = maker
        self._starts = starts
        self._leftovers = Leftovers()
        self._lots: dict[int, list[int]] = {}

    def begin(self, instance: Instance) -> None:
        """Have it warmed up, once no order of its former run may fill any more.

        Raises ``RuleError`` where it may not run, or not so.
        """
        row = instance.row
        if not self._leftovers_gone(instance):
            return
        demand_runnable(row)
        self._loop.rolls.demand_whole(instance)
        for leg in instance.legs:
            Subscription.objects.get_or_create(owner=owner_of(instance.pk), instrument=leg.instrument)
        tell_health(instance, Health.WARMING)
        instance.parameters_version = row.parameters_version
        instruments = [leg.instrument for leg in instance.legs]
        now = self._loop.market_time(instance)
        spec = self._maker.spec(instance)
        self._starts.begin(Asked(row, instruments, spec, self._frames_of(instance), now))

    def begin_anew(self, instance: Instance) -> None:
        """The market that it follows begins an earlier day: what it has seen is the future now."""
        if instance.host is not None and not instance.closing:
            instance.host.close()
            instance.forget_host()
        instance.day = instance.at = 0
        instance.book.day = 0
        instance.gatherer = BarGatherer(len(instance.legs))

    def take_host(self, instance: Instance, warmed: Warmed, frames: Sequence[Frame]) -> None:
        """A host that was warmed up, and what has come since it was asked for.

        Raises ``RuleError`` ``lots_differ`` where it has begun with other lots than there are.
        """
        host = warmed.host
        assert host is not None  # noqa: S101 - told by the caller
        instance.host, instance.paused, instance.host_day = host, False, 0
        self._demand_lots(instance)
        if warmed.last:
            instance.gatherer = BarGatherer(len(instance.legs))
            instance.gatherer.begin_behind(warmed.last)
        if isinstance(host, Remote):
            self._loop.own(host.child, instance)
        else:
            instance.listens, instance.clock = host.listening()
        self._hold(instance)
        details = {"bars": warmed.bars, "at": instance.at}
        lines.line(instance, "started", lines.STARTED, {"bars": warmed.bars}, details=details)
        for frame in frames:
            self._loop.feeding.take_frame(frame, only=instance)
        if not host.remote:
            self.ready(instance)
        self._loop.touch(instance)
        instance.urgent = True

    def answered(self, instance: Instance, lots: Sequence[int]) -> None:
        """The first word of a host elsewhere: the lots with which it begins. Raises as :meth:`take_host`."""
        _demand_same(lots, self._lots.pop(instance.pk, lots))
        self.ready(instance)

    def ready(self, instance: Instance) -> None:
        """Its host is here."""
        if instance.health != Health.GAP:
            tell_health(instance, Health.PAUSED if instance.paused else Health.RUNNING)
        self._loop.touch(instance)
        log.info("strategy runs", strategy=instance.row.key, account=instance.row.account.code)

    def restore(self, instance: Instance, state: StrategyState, older: OlderBars) -> None:
        """Go on from the stored document. Who may not run is refused as it begins; ``unreadable`` says the rest.

        Raises as :meth:`take_host`.
        """
        row, document = instance.row, state.document
        try:
            demand_runnable(row)
            bars = older.before(instance, document["host"])
            host = self._maker.host(row, self._maker.spec(instance), document["host"], bars)
        except RuleError as error:
            if error.code == UNREADABLE:
                instance.unreadable = error.text
            return
        except Exception as error:  # noqa: BLE001 - its class reads it too, and what that raises is its people's to read
            instance.unreadable = error_of(error)
            return
        instance.host, instance.document = host, document["host"]
        instance.parts = {name: value for name, value in document.items() if name != "host"}
        instance.parameters_version, instance.host_day = state.parameters_version, instance.day
        self._demand_lots(instance)
        self._hold(instance)
        instance.gap_at = instance.come_to
        if isinstance(host, Remote):
            self._loop.own(host.child, instance)
            instance.health = Health.WARMING
        else:
            instance.listens, instance.clock = host.listening()
            tell_health(instance, Health.PAUSED if instance.paused else Health.RUNNING)
        self._loop.feeding.resume(instance)
        self._tell_refused(instance)
        lines.line(instance, "restored", lines.RESTORED, details={"at": instance.at})
        self._loop.touch(instance)

    def fill_gaps(self, ends: Mapping[str, int]) -> None:
        """Bars that instances have missed, from the store: they decide on them, and act with the next tick.

        ``ends`` are where the market of each source is (ns UTC) behind its gap, 0 where nothing came since.
        """
        for instance in self._loop.instances.values():
            codes = [leg.instrument.code for leg in instance.legs]
            sources = sorted(set(self._loop.market.sources_of(codes).values()) & ends.keys())
            if not instance.hosted or instance.closing or not sources:
                continue
            bars = self._fill(instance, max(ends[source] for source in sources) or self._loop.market_time(instance))
            GAPS.inc()
            instance.count.gaps += 1
            instance.gap_at = instance.come_to
            tell_health(instance, Health.GAP)
            named = ", ".join(sources)
            tell_gap(instance.row.key, named)
            since = {"since": instance.gatherer.told, "until": self._loop.market_time(instance)}
            lines.line(
                instance, "gap", lines.GAP, {"sources": named, "bars": bars}, level=LogLevel.WARNING, details=since
            )
            self._loop.touch(instance)

    def over(self, instance: Instance) -> None:
        """Bars come again."""
        tell_health(instance, Health.PAUSED if instance.paused else Health.RUNNING)
        end(GAP, instance.row.key)

    def _fill(self, instance: Instance, now: int) -> int:
        told = instance.gatherer.told
        if instance.on_ticks or told < 0:
            return 0
        instruments = [leg.instrument for leg in instance.legs]
        by_start: dict[int, dict[int, Bar]] = {}
        for waiting in instance.gatherer.finish():  # what some legs have had already
            had = {leg: bar for leg, bar in enumerate(waiting) if bar is not None}
            by_start[next(iter(had.values())).start] = had
        found = bars_between(instruments, instance.interval, told, self._frames_of(instance), now)
        for leg, bars in enumerate(found):
            for bar in bars:
                by_start.setdefault(bar.start, {}).setdefault(leg, bar)
        every = tuple(range(len(instance.legs)))
        instance.late = True
        for start in sorted(by_start):
            together = tuple(by_start[start].get(leg) for leg in every)
            instance.give(BarsIn(together, max(instance.at, start), every), time.time_ns())
        instance.late = False
        if by_start:
            instance.gatherer.begin_behind([max(by_start)] * len(every))
        return sum(map(len, found))

    def _frames_of(self, instance: Instance) -> dict[str, str]:
        """How far the streams have been taken in that publish its instruments now: others tell of another market."""
        codes = [leg.instrument.code for leg in instance.legs]
        frames = self._loop.feeding.frames
        sources = set(self._loop.market.sources_of(codes).values())
        return {source: frames[source] for source in sorted(sources) if source in frames}

    def _leftovers_gone(self, instance: Instance) -> bool:
        """Whether no order of its former run may fill any more; until then it waits, and says so."""
        if instance.sent:
            self._tell_refused(instance)
        if self._leftovers.gone(instance):
            return True
        if instance.health != Health.WAITING:
            lines.line(instance, "waits", lines.WAITS, {"orders": len(instance.sent)})
        tell_health(instance, Health.WAITING)
        return False

    def _demand_lots(self, instance: Instance) -> None:
        """Its host must hold what its orders have made; one elsewhere says later with what it has begun."""
        held = lots_by_leg(instance)
        if isinstance(instance.host, Local):
            _demand_same(instance.host.positions, held)
        else:
            self._lots[instance.pk] = held

    def _hold(self, instance: Instance) -> None:
        """People have paused it before it could begin: it opens nothing of what it has missed either."""
        if instance.row.activity == ActivityName.PAUSED and not instance.paused:
            instance.paused = True
            instance.give(TurnIn("pause", instance.at), time.time_ns())
            lines.line(instance, "paused", lines.PAUSED)

    def _tell_refused(self, instance: Instance) -> None:
        """Orders that were refused as they were stored, of which the host may not have heard."""
        refused = StrategyOrder.objects.filter(instance=instance.pk, number__in=list(instance.sent), order=None)
        for number, code in refused.values_list("number", "refused_code"):
            instance.sent.pop(number, None)
            instance.tell(News(number, NewsKind.REJECTED, instance.at, reason=code), time.time_ns())


def demand_runnable(row: StrategyInstance) -> None:
    """Raises ``RuleError`` where an instance may not run: its source, its interval, its owner's rights."""
    demand_tested(row.strategy, registry.source_hash(row.strategy), row.source_hash)
    if row.interval != TICKS and row.interval not in settings.BAR_INTERVALS:
        known = ", ".join(settings.BAR_INTERVALS)
        text = say("Feeds build no bars of %(interval)s: use one of %(known)s, or add it to QUANTSITE_BAR_INTERVALS.",
                     interval=row.interval, known=known)  # fmt: skip
        raise RuleError("interval_not_built", text)
    if row.owner_id is not None and not may_trade_now(row.owner_id, row.account_id):
        text = say("%(name)s may not trade on account %(account)s any more.",
                     name=row.owner.username if row.owner else "", account=row.account.code)  # fmt: skip
        raise RefusedError("permission_denied", text)


def lots_by_leg(instance: Instance) -> list[int]:
    """Signed lots that its orders have made on each leg, of a roll's both contracts."""
    codes = [[leg.instrument.code, *(code for code, other in instance.others.items() if other.number == leg.number)]
             for leg in instance.legs]  # fmt: skip
    return [sum(map(instance.book.lots, set(mine))) for mine in codes]


def _demand_same(begun: Sequence[int], held: Sequence[int]) -> None:
    if list(begun) != list(held):
        values = {"begun": _shown(begun), "held": _shown(held)}
        text = say("It would begin with %(begun)s lots while its orders have made it %(held)s.", **values)
        raise ConflictError("lots_differ", text)


def _shown(lots: Sequence[int]) -> str:
    return ", ".join(f"{each:+d}" if each else "0" for each in lots)


def tell_health(instance: Instance, health: str) -> None:
    """Say how it is."""
    instance.health = health
    StrategyInstance.objects.filter(pk=instance.pk).update(health=health, told_at=timezone.now())


def owner_of(instance: int) -> str:
    """How subscriptions of an instance are named."""
    return f"strategy:{instance}"
