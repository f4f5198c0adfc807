"""The loop of one account: commands and ticks in, orders to the exchange, what became of them into rows.

One process (or thread) an account, by the lease ``gateway:<code>`` (``account_gateway.py``). Every step is a
transaction: an order is recorded as being handed over before the exchange hears of it, and what the exchange answers is
stored together with how far the stream was matched. Whatever dies in between, the next holder rebuilds both from rows.
"""

import threading
import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from queue import Empty, Full, Queue
from typing import Any

import structlog
from django.utils import timezone

from accounts.leases import LeaseKeeper, LeaseLostError
from marketdata.domain.calendar import to_day_number
from marketdata.domain.ticks import Tick
from quantsite.common.errors import RuleError
from quantsite.common.times import utc_to_ns
from trading import alarms
from trading.account_models import AccountState, TradingAccount
from trading.account_verbs import carry_out
from trading.apply import SPOILT
from trading.choices import CommandKind, CommandStatus, StatusName
from trading.desk_rules import clock_reason, market_moment, price_limits
from trading.domain import events
from trading.domain.checks import session_reason
from trading.domain.gateway import Gateway, Outgoing, Report
from trading.facts import day_at
from trading.gateways.kinds import gateway_for
from trading.keeper import Keeper
from trading.market import CatchingUp, Follower, Market, readable, starting_points
from trading.market_days import MarketDays
from trading.metrics import TAKEN_SECONDS
from trading.order_models import AccountCommand
from trading.wake import INBOX, Bell

log = structlog.get_logger(__name__)

QUEUE_FRAMES = 64
STEP_FRAMES = 16
"""Frames matched in one transaction: orders wait for no more than these."""
COMMANDS = 200
ARRIVAL_SECONDS = 0.005
"""How late an order with a latency may reach the simulated exchange where no tick tells the time."""
SWEEP_SECONDS = 1.0
MARK_SECONDS = 1.0
AFTER_CLOSE = 5 * 10**9
"""So long (ns) after the last session working orders expire: its last ticks have come by then."""


class AccountLoop:
    """The account in hand: one turn takes what has come, market first, then commands."""

    def __init__(
        self,
        account: TradingAccount,
        epoch: int,
        lease: LeaseKeeper | None = None,
        spoilt: Collection[int] = (),
        *,
        one_by_one: bool = False,
    ) -> None:
        self.account = account
        self.keeper = Keeper(account, epoch)
        self.market = Market()
        self.days = MarketDays(self.keeper, self.market, self._end_orders)
        self.positions: dict[str, str] = {}
        self._lease = lease
        self._queue: Queue[tuple[str, str, bytes] | None] = Queue(QUEUE_FRAMES)
        self._asked = threading.Event()
        self._waiting: dict[int, None] = {}
        self._moved: set[str] = set()
        self.suspects: tuple[int, ...] = ()
        self._spoilt = spoilt
        self._batch = 1 if one_by_one else COMMANDS
        self._marked = self._swept = 0.0

    def __enter__(self) -> "AccountLoop":
        self.keeper.claim()
        self.keeper.load()
        self.gateway: Gateway = gateway_for(self.account, self.keeper.facts, self.market)
        self._restore()
        self._follower = Follower(self._queue, self.positions).start()
        self._bell = Bell(f"{INBOX}{self.account.pk}", self._ring).start()
        self._asked.set()
        return self

    def __exit__(self, *_error: object) -> None:
        self._bell.close()
        self._follower.close()
        self.gateway.close()

    def turn(self, seconds: float) -> None:
        """Wait at most ``seconds`` for something to do, and do it."""
        under_way = self.account.latency_ms > 0 and bool(self.keeper.orders)
        frames = self._frames(ARRIVAL_SECONDS if under_way else seconds)
        if frames:
            self._match(frames)
        if under_way:
            self._arrive()
        now = time.monotonic()
        if self._past.over(self.positions) and (self._asked.is_set() or now - self._swept >= SWEEP_SECONDS):
            self._asked.clear()
            self._swept = now
            self._commands()
        if now - self._marked >= MARK_SECONDS:
            self._marked = now
            self._tend()

    def now_everything(self) -> None:
        """Do what waits and what is due once a second, at once."""
        self._commands()
        self._tend()

    def abandon(self) -> None:
        """Let go without another word to rows or exchange, as a process does that is killed."""
        self._bell.close()
        self._follower.close()

    # --- the market ----------------------------------------------------------------------------------------------

    def _restore(self) -> None:
        """Hand the working orders back to the gateway, and find where in the streams it had stopped."""
        state = self.keeper.state
        kept = state.positions.get("streams", {})
        tracked = list(self.keeper.orders.values())
        self.market.look()
        self.positions, lost = starting_points(kept, resume=bool(tracked), market=self.market)
        self._past = CatchingUp(self.positions)
        if lost:
            alarms.tell_gap(self.account, lost)
        outgoing = [self.keeper.outgoing(each) for each in tracked]
        self.gateway.restore(outgoing, state.positions.get("exchange", {}))
        for order in outgoing:
            self._resume(order)
        state.gateway = "running"
        self._answers(force=True)
        # The commit leaves out a state in which nothing else has moved.
        AccountState.objects.filter(account=self.account, epoch=self.keeper.epoch).update(gateway="running")

    def _resume(self, order: Outgoing) -> None:
        """An order that was being handed over, or a cancel that had been asked for, when the process before died."""
        row = self.keeper.orders[order.order_id].row
        if not order.memory and row.status == StatusName.SUBMITTING and row.submitted_at is not None:
            now = self.market.now(order.instrument) or utc_to_ns(row.submitted_at)
            if row.trading_day == day_at(now):
                self.gateway.send(order, now)
            else:
                self.keeper.apply(Report(order.order_id, events.Expired(at=now)))
        if order.cancel_requested:
            self._waiting[order.order_id] = None

    def _frames(self, seconds: float) -> list[tuple[str, str, bytes]]:
        """What the streams brought; waits for the first frame unless there is something else to do."""
        found: list[tuple[str, str, bytes]] = []
        with suppress(Empty):
            item = self._queue.get(timeout=0.001 if self._asked.is_set() else min(seconds, MARK_SECONDS))
            if item is not None:
                found.append(item)
            while len(found) < STEP_FRAMES:
                item = self._queue.get_nowait()
                if item is not None:
                    found.append(item)
        return found

    def _match(self, frames: Sequence[tuple[str, str, bytes]]) -> None:
        """Take the market's messages in and store what they did to the orders."""
        working = self.keeper.working_codes()
        for source, name, data in frames:
            for message in readable(source, name, data):
                self.market.take(source, message)
                if isinstance(message, Tick) and message.instrument in working:
                    self._moved.add(message.instrument)
                    self._match_tick(source, message)
            self.positions[source] = name
        self._answers()

    def _match_tick(self, source: str, tick: Tick) -> None:
        """Orders meet the ticks of their own trading day; one of the next day ends them."""
        running = self.keeper.trading_day
        if running is None or tick.flags or not self.market.comes_from(source, tick.instrument):
            return
        day = to_day_number(running)
        if tick.trading_day > day:
            self._expire({tick.instrument})
        elif tick.trading_day == day:
            self.gateway.on_tick(tick)

    def _arrive(self) -> None:
        """Let the orders reach the exchange whose way there is over, though no tick has come."""
        for code in self.keeper.working_codes():
            now = self.market.now(code)
            if now is not None:
                self.gateway.on_clock(code, now)
        self._answers()

    def _answers(self, *, force: bool = False) -> None:
        """Take what the gateway reports into the book; without any there is nothing to store."""
        reports = self.gateway.reports()
        touched = {report.order_id for report in reports}
        for report in reports:
            self._remember(report.order_id)
            self.keeper.apply(report)
        if not force and not touched and not self.keeper.changes:
            return
        self._commit()

    def _remember(self, order_id: int) -> None:
        tracked = self.keeper.orders.get(order_id)
        if tracked is None:
            return
        memory = self.gateway.order_memory(order_id)
        if memory != tracked.row.matching:
            tracked.row.matching = memory
            self.keeper.changes.orders[order_id] = tracked.row

    def _commit(self) -> None:
        """Store what has changed, and with it how far the streams were matched and what that did to the queues."""
        for order_id, tracked in self.keeper.orders.items():
            if tracked.row.instrument.code in self._moved:
                self._remember(order_id)
        self._moved.clear()
        kept: dict[str, Any] = {"streams": dict(self.positions), "exchange": self.gateway.memory()}
        self.keeper.commit(kept)

    # --- commands ------------------------------------------------------------------------------------------------

    def _commands(self) -> None:
        """Carry out what waits in the inbox, in the order of its rows, as long as the lease is ours for certain."""
        while self._lease is None or self._lease.valid:
            waiting = AccountCommand.objects.filter(account=self.account, status=CommandStatus.QUEUED)
            batch = list(waiting.select_related("order").order_by("pk")[: self._batch])
            if not batch:
                return
            sent: list[tuple[Outgoing, int]] = []
            for command in batch:
                self.suspects = (command.pk,)
                sent += self._take(command)
            self.suspects = tuple(command.pk for command in batch)
            sent = [(order, now) for order, now in sent if self._still_wanted(order, now)]
            self._commit()
            for order, now in sent:
                self._hold_on()
                self.gateway.send(order, now)
                self._remember(order.order_id)
            self._cancels()
            self._answers()
            self.suspects = ()
            if len(batch) < self._batch:
                return

    def _still_wanted(self, order: Outgoing, now: int) -> bool:
        """False for an order that has ended, or was to be withdrawn, before it could be handed over."""
        tracked = self.keeper.orders.get(order.order_id)
        if tracked is None or tracked.over:
            return False
        if order.order_id not in self._waiting:
            return True
        del self._waiting[order.order_id]
        self.keeper.apply(Report(order.order_id, events.Cancelled(at=now, traded=0)))
        return False

    def _hold_on(self) -> None:
        """Raises :class:`LeaseLostError` where the account is not ours for certain: nothing may be sent then."""
        if self._lease is not None and not self._lease.valid:
            raise LeaseLostError("lease_lost", f"account {self.account.code} is not ours for certain any more")

    def _take(self, command: AccountCommand) -> list[tuple[Outgoing, int]]:
        """Decide on one command; gives the order to hand over once the decision is stored."""
        if command.order is not None:
            command.order.account = self.account
            command.order.instrument = self.keeper.facts.instrument(command.order.instrument_id)
        if command.pk in self._spoilt:
            self._give_up(command)
            return []
        if command.kind == CommandKind.PLACE:
            return self._place(command)
        if command.kind == CommandKind.CANCEL:
            self._cancel(command)
        else:
            self._clear_of_orders(command)
        return []

    def _clear_of_orders(self, command: AccountCommand) -> None:
        """Anything but orders: what rests at the exchange ends with the day that is settled."""
        carry_out(self.keeper, command, self._end_orders)

    def _give_up(self, command: AccountCommand) -> None:
        """Refuse a command that made the loop fail; its order is rejected."""
        log.error("command given up", account=self.account.code, command=command.pk, kind=command.kind)
        order = command.order
        if command.kind == CommandKind.PLACE and order is not None and order.status == StatusName.PENDING:
            self.keeper.reject(self.keeper.adopt(order), self.keeper.market_now or time.time_ns(), *SPOILT)
        self.keeper.refuse(command, RuleError(*SPOILT))

    def _place(self, command: AccountCommand) -> list[tuple[Outgoing, int]]:
        order = command.order
        self.keeper.finish(command)
        if order is None or order.status != StatusName.PENDING:
            return []
        tracked = self.keeper.adopt(order)
        now = self.market.now(order.instrument.code)
        at = now or time.time_ns()
        if now is None:
            self.market.look()
        try:
            moment = market_moment(self.keeper, self.market, order.instrument.code)
            reason = clock_reason(self.keeper, order, moment)
            if reason is not None:
                raise RuleError(reason.code, reason.text)
            self.days.open(moment)
            self.days.learn(order.instrument.code)
            outgoing = self.keeper.place(tracked, moment.now, price_limits(self.market, order.instrument.code))
        except RuleError as error:
            self.keeper.reject(tracked, at, error.code, error.text)
            return []
        TAKEN_SECONDS.observe(max(0.0, (timezone.now() - order.created_at).total_seconds()))
        return [(outgoing, moment.now)]

    def _cancel(self, command: AccountCommand) -> None:
        self.keeper.finish(command)
        order = command.order
        tracked = None if order is None else self.keeper.orders.get(order.pk)
        if tracked is None:  # it has ended meanwhile, which its own events tell
            return
        at = self.market.now(tracked.row.instrument.code) or time.time_ns()
        if self.keeper.apply(Report(tracked.row.pk, events.CancelRequested(at=at))):
            self._waiting[tracked.row.pk] = None

    def _cancels(self) -> None:
        """Hand over the cancels that the exchange takes now; others wait for its hours."""
        for order_id in list(self._waiting):
            tracked = self.keeper.orders.get(order_id)
            if tracked is None or tracked.over:
                del self._waiting[order_id]
                continue
            code = tracked.row.instrument.code
            now = self.market.now(code)
            if now is not None and self._takes_orders(code, now):
                del self._waiting[order_id]
                self.gateway.cancel(order_id, now)
                self._remember(order_id)

    def _takes_orders(self, code: str, now: int) -> bool:
        with suppress(RuleError):  # beyond the calendar nothing trades
            return session_reason(self.keeper.facts.contract(code).table, now) is None
        return False

    # --- the day -------------------------------------------------------------------------------------------------

    def _end_orders(self) -> None:
        self._expire(self.keeper.working_codes())

    def _tend(self) -> None:
        """Once a second: clocks move on, orders of a day that is over expire, positions are marked."""
        self.market.look()
        for code in self.keeper.working_codes():
            self._tend_orders(code)
        self._cancels()
        self._answers()
        held = self.keeper.held_codes()
        self.days.price({*held, *self.keeper.working_codes()})
        self.days.roll(held)
        if held or self.keeper.changes:
            self.keeper.tell_marks()
        self._commit()

    def _tend_orders(self, code: str) -> None:
        now = self.market.now(code)
        if now is None:
            return
        self.keeper.now = now
        day = self.keeper.trading_day
        plan = None if day is None else self.keeper.facts.contract(code).table.plan(to_day_number(day))
        if plan is not None and now > plan.closes + AFTER_CLOSE:
            self._expire({code})
        else:
            self.gateway.on_clock(code, now)

    def _expire(self, codes: "set[str]") -> None:
        for code in codes:
            self.gateway.expire(code, self.market.now(code) or time.time_ns())
        for report in self.gateway.reports():
            self._remember(report.order_id)
            self.keeper.apply(report)

    def _ring(self, _text: str) -> None:
        self._asked.set()
        with suppress(Full):  # a full queue wakes the loop by itself
            self._queue.put_nowait(None)
