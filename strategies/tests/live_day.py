"""A recorded day, live and in lock-step: a real stream, a real account's loop, and the real loop of strategies.

The order of things at one tick is the one that a backtest on ticks keeps: the exchange matches it, strategies hear of
their orders, see the tick and the bars that it closed, and what they send has reached the exchange before the next one.
Time is the ticks'; every turn is the test's own.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from time import monotonic
from typing import Any
from uuid import uuid4

from django.db.models import F
from django.utils import timezone

from marketdata import stream
from marketdata.domain.calendar import from_day_number
from marketdata.domain.contract import Contract
from marketdata.domain.ticks import Tick
from marketdata.instruments import contract_of, ensure_instrument, trading_calendar
from marketdata.live_models import FeedState, InstrumentFeed
from marketdata.models import Instrument
from marketdata.publishing.path import TickPath
from quantsite.common.times import NS_PER_SECOND, ns_to_utc
from quantsite.testing.patience import SOON
from strategies import services
from strategies.choices import ActivityName, Health, StageName
from strategies.event_models import Signal, StrategyOrder
from strategies.instance_models import StrategyInstance
from strategies.running.loop import Item, Rung, StrategyLoop
from strategies.running.telling import read_news
from strategies.services import NewInstance
from trading import services as trading
from trading.account_models import TradingAccount
from trading.loop import market
from trading.loop.account_loop import AccountLoop
from trading.order_models import AccountCommand, Fill
from trading.tests.loop_bench import abandon, new_loop

CAPITAL = Decimal(100_000_000)
LONG_GAP = 3600 * NS_PER_SECOND
RUN_ON = 20 * NS_PER_SECOND
CHUNK = 400
"""Ticks published at once while nothing that they could change is there."""
TOGETHER = 24
"""So often the accounts that have nothing at work are brought along: what they have not read must not pile up."""


def make_instance(key: str, strategy: str, instruments: Sequence[str], account: str, interval: str, **given: Any) -> StrategyInstance:  # fmt: skip  # noqa: E501
    """An instance on paper that is to run; gates are not asked."""
    asked = NewInstance(key, strategy, tuple(instruments), account, interval, **given)
    row = services.create_instance(None, asked)
    StrategyInstance.objects.filter(pk=row.pk).update(stage=StageName.PAPER, activity=ActivityName.RUNNING)
    row.refresh_from_db()
    return row


def set_row(row: StrategyInstance, **columns: Any) -> None:
    """Change an instance as its verbs would, without what they ask."""
    StrategyInstance.objects.filter(pk=row.pk).update(**columns, changed_at=timezone.now())


@dataclass
class LiveDay:
    """The market, accounts with their loops, and the strategies; :meth:`play` goes on by some ticks."""

    instruments: Sequence[str]
    ticks_begin: Tick
    intervals: Sequence[str] = ("1m", "5m")
    capital: Decimal = CAPITAL
    terms: dict[str, Any] = field(default_factory=dict)
    source: str = field(default_factory=lambda: f"day-{uuid4().hex[:12]}")
    accounts: dict[str, AccountLoop] = field(default_factory=dict)
    loop: StrategyLoop | None = None
    epoch: int = 0
    _settled: int = 0

    def __post_init__(self) -> None:
        first = self.ticks_begin
        day = from_day_number(first.trading_day)
        self.contracts: dict[str, Contract] = {}
        for code in self.instruments:
            row = ensure_instrument(code, day)
            self.contracts[code] = contract_of(Instrument.objects.select_related("product__exchange").get(pk=row.pk))
            InstrumentFeed.objects.update_or_create(instrument=row, defaults={"source": self.source, "epoch": 1})
        told = ns_to_utc(first.time)
        FeedState.objects.create(source=self.source, kind="test", status="running", epoch=1, market_time=told)
        self._publish_from(first, 1)

    def _publish_from(self, first: Tick, epoch: int) -> None:
        self.publisher = stream.publisher(self.source, epoch)
        self.path = TickPath(self.source, trading_calendar(), self.publisher.send, intervals=self.intervals)
        for contract in self.contracts.values():
            self.path.watch(contract, first.time)
        self._second = first.time - first.time % NS_PER_SECOND - NS_PER_SECOND
        self._tell(self._second)
        assert self.publisher.flush(SOON)

    def publish_again(self, first: Tick) -> None:
        """The feed begins again with this tick, as a replay does that is played once more."""
        self.publisher.close()
        InstrumentFeed.objects.filter(source=self.source).update(epoch=F("epoch") + 1)
        self._publish_from(first, InstrumentFeed.objects.filter(source=self.source)[0].epoch)
        self.settle()

    # --- parts ------------------------------------------------------------------------------------------------

    def add_account(self, code: str) -> TradingAccount:
        """An account on the simulated exchange, with its loop."""
        account = trading.add_account(None, code, capital=self.capital, **self.terms)
        self.accounts[code] = new_loop(account)
        return account

    def begin(self) -> None:
        """Start the loop of strategies, and wait until every instance that is to run does."""
        self.epoch += 1
        self.loop = StrategyLoop(self.epoch)
        self.loop.__enter__()
        self.settle()
        self.obey()

    def wait_for_health(self, *wanted: str) -> None:
        """Until the instances that are to run say that they do, or one of these."""
        known = wanted or (Health.RUNNING, Health.PAUSED, Health.GAP)
        duty = StrategyInstance.objects.on_duty()
        deadline = monotonic() + SOON
        while duty.exclude(health__in=known).exists():
            assert monotonic() < deadline, self.told()
            self.meanwhile()

    def meanwhile(self) -> None:
        """What goes on while somebody waits: the runner takes a turn, and the exchange if a start waits for it."""
        assert self.loop is not None
        self.loop.turn(0.05)
        if StrategyInstance.objects.on_duty().filter(health=Health.WAITING).exists():
            self.settle()

    def told(self) -> object:
        """What the instances that are to run say of themselves."""
        return list(StrategyInstance.objects.on_duty().values_list("key", "health", "failure_text"))

    def obey(self) -> None:
        """Somebody has changed an instance: the loop sees it, and what is to run does."""
        assert self.loop is not None
        self.loop.take(Rung())
        self.loop.end_step()
        self.loop.settle()
        self.wait_for_health()

    def end(self) -> None:
        """Stop everything in good order; no later day goes on with these instances."""
        if self.loop is not None:
            self.loop.store_all()
            self.loop.show_all()
            self.loop.__exit__()
            self.loop = None
        StrategyInstance.objects.update(activity=ActivityName.STOPPED, health=Health.OFF)
        for account in self.accounts.values():
            account.__exit__()
        self.publisher.close()

    def kill(self) -> None:
        """The process of the strategies is killed where it stands: nothing of it reaches a row any more."""
        loop, self.loop = self.loop, None
        if loop is not None:
            loop.__exit__()

    # --- time -------------------------------------------------------------------------------------------------

    def play(self, ticks: Sequence[Tick]) -> None:
        """Go on by these ticks of one or several instruments, in the order of their times."""
        chunk = 0
        for tick in ticks:
            closed = self._until(tick.time)
            if closed or (chunk and self._listening()):
                self.settle()
                chunk = 0
            bars = self.path.bars
            self.path.on_tick(tick)
            chunk += 1
            if self.path.bars != bars or chunk >= CHUNK or self._listening():
                self._tell(max(self._second, tick.time))
                self.settle()
                chunk = 0
        self._tell(max(self._second, ticks[-1].time))
        self.settle()

    def finish_day(self) -> None:
        """The clock runs on behind the last session: bars close, orders expire."""
        ends = max(contract.table.plan(self.path.trading_day).closes for contract in self.contracts.values())
        self._until(ends)
        self._until(ends + RUN_ON, tend=True)
        self.settle(tend=True)

    def _until(self, moment: int, *, tend: bool = False) -> bool:
        """The whole seconds before ``moment``; gives whether they closed a bar."""
        bars = self.path.bars
        for second in self._seconds(moment - moment % NS_PER_SECOND):
            self._second = second
            before = self.path.bars
            self.path.advance(self._second)
            if self.path.bars != before or tend or self._clocked():
                self._tell(self._second)
                self.settle(tend=tend)
        return self.path.bars != bars

    def _seconds(self, newest: int) -> Iterator[int]:
        """Every one, but for those of closed hours: then the clock runs on a little, and jumps."""
        last = self._second
        if newest - last > LONG_GAP:
            yield from range(last + NS_PER_SECOND, last + RUN_ON + 1, NS_PER_SECOND)
            last = newest - NS_PER_SECOND
        yield from range(last + NS_PER_SECOND, newest + 1, NS_PER_SECOND)

    def _tell(self, now: int) -> None:
        self.path.tell_clock(now, 0.0)

    def _clocked(self) -> bool:
        """Whether the clock itself changes anything."""
        loop = self.loop
        return loop is not None and any(each.clock or each.gatherer for each in loop.instances.values())

    def _listening(self) -> bool:
        """Whether the next tick may change anything."""
        if any(loop.keeper.orders for loop in self.accounts.values()):
            return True
        return self.loop is not None and any(each.listens or each.on_ticks for each in self.loop.instances.values())

    def settle(self, *, tend: bool = False) -> None:
        """Until everybody has taken in all that was published and nothing follows from it any more.

        An account without orders and commands meets nothing: it is brought along now and then.
        """
        assert self.publisher.flush(SOON)
        self._settled += 1
        every = tend or self._settled % TOGETHER == 0
        for account in self.accounts.values():
            if every or account.keeper.orders:
                self._bring(account)
        quiet = False
        while not quiet:
            before = self._seqs()
            self._strategies()
            asked = set(AccountCommand.objects.filter(status="queued").values_list("account", flat=True))
            for account in self.accounts.values():
                if tend or account.account.pk in asked:
                    self._obey(account, tend=tend)
                elif account.keeper.orders:
                    account.exchange.send_cancels()
                    account.exchange.store_reports()
            quiet = self._seqs() == before and self._heard()

    def _obey(self, account: AccountLoop, *, tend: bool) -> None:
        self._bring(account)
        account.market.look()
        account.commands.carry_out()
        account.exchange.send_cancels()
        account.exchange.store_reports()
        if tend:
            account.tend()

    def _bring(self, account: AccountLoop) -> None:
        wanted = stream.parse_id(stream.newest_id(self.source) or "0-0")
        deadline = monotonic() + SOON
        while stream.parse_id(account.exchange.positions.get(self.source, "0-0")) < wanted:
            assert monotonic() < deadline, "the account's loop does not reach the end of the stream"
            if account.keeper.orders:
                self._turn(account)
            else:  # what waits in the inbox meets the newest tick, and none of those on the way there
                account._match(account._frames(0.05))

    def _turn(self, account: AccountLoop) -> None:
        account.turn(0.05)

    def _strategies(self) -> None:
        """News first, then what was published."""
        loop = self.loop
        if loop is None:
            return
        self._news(loop)
        wanted = stream.parse_id(stream.newest_id(self.source) or "0-0")
        deadline = monotonic() + SOON
        while stream.parse_id(loop.feeding.frames.get(self.source, "0-0")) < wanted or self._elsewhere(loop):
            assert monotonic() < deadline, "the loop of strategies does not reach the end of the stream"
            loop.watch_processes()
            item = loop.inbox.get(0.05)
            if item is not None:
                _take(loop, item)
        loop.end_step()
        loop.settle()

    def _elsewhere(self, loop: StrategyLoop) -> bool:
        return any(each.waiting for each in loop.instances.values())

    def _news(self, loop: StrategyLoop) -> None:
        for account in self.accounts.values():
            heard = loop.feeding.seqs.get(account.account.pk, 0)
            found = read_news(account.account.pk, heard) if account.keeper.state.last_seq > heard else None
            if found is not None:
                _take(loop, found)

    def _seqs(self) -> list[int]:
        return [each.keeper.state.last_seq for each in self.accounts.values()]

    def _heard(self) -> bool:
        if self.loop is None:
            return True
        seqs = self.loop.feeding.seqs
        return all(seqs.get(each.account.pk, 0) >= each.keeper.state.last_seq for each in self.accounts.values())


def _take(loop: StrategyLoop, item: Item) -> None:
    """Take it in, and all that comes of it beside the loop."""
    loop.take(item)
    loop.end_step()
    loop.settle()


def signals_of(row: StrategyInstance) -> list[tuple[Any, ...]]:
    """What it decided: bar, leg, target, reason, values, price, lots held; in its order."""
    found = Signal.objects.filter(instance=row).order_by("number")
    return [
        (each.bar_start, each.leg, each.target, each.reason, tuple(each.values.items()), each.price, each.position)
        for each in found
    ]


def orders_of(row: StrategyInstance) -> list[tuple[Any, ...]]:
    """What it sent: number, side, kind, lots, price, cause, and how it ended."""
    found = StrategyOrder.objects.filter(instance=row).select_related("order").order_by("number")
    return [
        (each.number, each.direction, each.type, each.lots, each.price, each.cause,
         each.order.status if each.order else each.refused_code, each.order.traded if each.order else 0)
        for each in found
    ]  # fmt: skip


def fills_of(row: StrategyInstance) -> list[tuple[Any, ...]]:
    """Its fills: the order's number, side, price, lots, commission, and when by the market clock."""
    found = Fill.objects.filter(order__strategy_order__instance=row).order_by("seq", "part")
    columns = ("order__strategy_order__number", "direction", "price", "volume", "commission", "traded_at")
    return list(found.values_list(*columns))


@contextmanager
def live_day(instruments: Sequence[str], first: Tick, **given: Any) -> Iterator[LiveDay]:
    """A day that begins with this tick; threads that read get no time for a while on a busy machine."""
    unread, market.UNREAD_SECONDS = market.UNREAD_SECONDS, SOON
    silent, market.SILENT_SECONDS = market.SILENT_SECONDS, SOON
    made = LiveDay(instruments, first, **given)
    try:
        yield made
    finally:
        made.end()
        market.UNREAD_SECONDS, market.SILENT_SECONDS = unread, silent


__all__ = ["LiveDay", "abandon", "fills_of", "live_day", "make_instance", "orders_of", "set_row", "signals_of"]
