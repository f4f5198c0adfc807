"""The loop of one account: commands and ticks in, orders to the exchange, what became of them into rows.

One process (or thread) an account, by the lease ``gateway:<code>`` (``runner.py``). Every step is a transaction: an
order is recorded as being handed over before the exchange hears of it, and what the exchange answers is stored together
with how far the stream was matched. Whatever dies in between, the next holder rebuilds both from rows.
"""

import threading
import time
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from queue import Empty, Full, Queue

import structlog

from accounts.leases import LeaseKeeper
from marketdata.ctp.session import TraderSession
from marketdata.domain.ticks import Tick
from marketdata.stream import UnreachableError, readable
from trading import alarms
from trading.account_models import AccountState, TradingAccount
from trading.gateways.ctp.opening import login_changed
from trading.ledger.keeper import Keeper
from trading.loop.commands import Commands
from trading.loop.exchange import Exchange
from trading.loop.kinds import gateway_for
from trading.loop.market import Market
from trading.loop.monitor import Monitor
from trading.loop.streams import CatchingUp, Follower, starting_points
from trading.metrics import STREAMS_AWAY
from trading.wake import INBOX, RISK, Bell

log = structlog.get_logger(__name__)

QUEUE_FRAMES = 64
STEP_FRAMES = 16
"""Frames matched in one transaction: orders wait for no more than these."""
ARRIVAL_SECONDS = 0.005
"""How late an order with a latency may reach the simulated exchange where no tick tells the time."""
SWEEP_SECONDS = 1.0
MARK_SECONDS = 1.0
TERMS = ("kind", "margin_price", "profit_algorithm", "include_close_profit", "latency_ms", "queue_model")
"""Columns of the account that book and gateway are made with."""


def _nobody() -> None:
    """Nobody waits to be woken between two loops: the next one looks by itself."""


class AccountLoop:
    """The account in hand: one turn takes what has come, market first, then commands.

    ``session`` is the one at the broker of an account that has one; it outlives the loop.

    ``outdated`` says that somebody has changed the account's terms since it began: a new loop is to take its place.
    """

    def __init__(
        self,
        account: TradingAccount,
        epoch: int,
        lease: LeaseKeeper | None = None,
        spoilt: Collection[int] = (),
        *,
        one_by_one: bool = False,
        session: TraderSession | None = None,
    ) -> None:
        self.account = account
        self._session = session
        self._login_at = None if session is None else login_changed(account)
        self.keeper = Keeper(account, epoch)
        self.market = Market()
        self.exchange = Exchange(self.keeper, self.market)
        self.commands = Commands(self.keeper, self.market, self.exchange, lease, spoilt, one_by_one=one_by_one)
        self.monitor = Monitor(self.keeper, self.market, self.commands.placing.check.view, self.commands.desk)
        self.outdated = False
        self._queue: Queue[tuple[str, str, bytes] | None] = Queue(QUEUE_FRAMES)
        self._asked = threading.Event()
        self._risk_asked = threading.Event()
        self._tended = self._swept = 0.0

    def __enter__(self) -> "AccountLoop":
        self.keeper.claim()
        self.keeper.load()
        self.commands.load()
        self.monitor.load()
        self._restore()
        points = None if self.market.away else self.exchange.positions
        self._follower = Follower(self._queue, points, self.market.read).start()
        self._bell = Bell(f"{INBOX}{self.account.pk}", self._ring).start()
        self._risk_bell = Bell(RISK, self._ring_risk).start()
        if self._session is not None:
            self._session.link.wake = self._wake
        self._asked.set()
        return self

    def __exit__(self, *_error: object) -> None:
        if self._session is not None:
            self._session.link.wake = _nobody
        for listening in (self._bell, self._risk_bell, self._follower):
            listening.close()
        self.exchange.gateway.close()

    def turn(self, seconds: float) -> None:
        """Wait at most ``seconds`` for something to do, and do it."""
        if self.market.away and self._follower.found.is_set():
            self._join()
        under_way = self.account.latency_ms > 0 and bool(self.keeper.orders)
        frames = self._frames(ARRIVAL_SECONDS if under_way else seconds)
        if frames:
            self._match(frames)
        self.exchange.work()
        if under_way:
            self.exchange.tell_clocks()
            self.exchange.store_reports()
        if self._past.over(self.exchange.positions):
            self._obey()
        now = time.monotonic()
        if now - self._tended >= MARK_SECONDS:
            self._tended = now
            self.tend()

    def _obey(self) -> None:
        """Stops that have come, then what waits in the inbox, where anybody rang or it is time to look."""
        if self._risk_asked.is_set() or self.commands.desk.due:
            self._risk_asked.clear()
            self.commands.heed()
        now = time.monotonic()
        if self._asked.is_set() or now - self._swept >= SWEEP_SECONDS:
            self._asked.clear()
            self._swept = now
            self.commands.carry_out()

    def withdraw_blind(self) -> list[int]:
        """Have the exchange withdraw what rests there, without a word to rows that cannot be reached; gives the orders.

        The loop is of no use afterwards: its successor asks for the same again (:meth:`withdraw`), and stores it.
        """
        asked = []
        for order, tracked in self.keeper.orders.items():
            if tracked.row.is_working:
                now = self.market.told_on(tracked.row.instrument.code) or self.keeper.market_now
                self.exchange.gateway.cancel(order, now)
                asked.append(order)
        return asked

    def withdraw(self, orders: Iterable[int]) -> None:
        """Ask for the withdrawal of orders of which some may have ended."""
        for order in orders:
            if order in self.keeper.orders:
                code = self.keeper.orders[order].row.instrument.code
                self.commands.placing.withdraw(order, self.market.told_on(code) or self.keeper.market_now)
        self.exchange.store()
        self.exchange.send_cancels()
        self.exchange.store_reports()

    def tend(self) -> None:
        """Once a second: clocks move on, orders of a day that is over expire, positions are marked."""
        self.market.look(MARK_SECONDS)
        self.exchange.end_days()
        self.exchange.send_cancels()
        self.exchange.store_reports()
        held = self.keeper.held_codes()
        self.commands.placing.days.price({*held, *self.keeper.working_codes()})
        self.commands.placing.days.roll(held)
        if held or self.keeper.changes:
            self.keeper.tell_marks()
        self.exchange.store()
        self.commands.books.tend()
        self.commands.tell_holders()
        self.commands.placing.teller.write()
        self._let_pass()
        self.monitor.look(self._let_pass)
        self.exchange.tell_doubt()
        stored = TradingAccount.objects.filter(pk=self.account.pk).values_list(*TERMS).first()
        self.outdated = stored != tuple(getattr(self.account, name) for name in TERMS)
        if self._session is not None:
            self.outdated = self.outdated or login_changed(self.account) != self._login_at

    def _let_pass(self) -> None:
        """What somebody rang for while the loop looked after itself goes first."""
        if (self._asked.is_set() or self._risk_asked.is_set()) and self._past.over(self.exchange.positions):
            self._obey()

    def _restore(self) -> None:
        """Find where in the streams the process before had stopped, and hand the working orders back to a gateway.

        Where the streams cannot be reached the rows alone must do, until :meth:`_join`.
        """
        state = self.keeper.state
        self.market.remember(state.positions.get("sources", {}))
        self.market.look()
        self._taken_over = frozenset(self.keeper.orders)
        self.exchange.positions = dict(state.positions.get("streams", {}))
        self._past = CatchingUp({})
        self._say_away(not self._found_points())
        state.gateway = "running"
        gateway = gateway_for(self.keeper, self.market, self._session)
        self.exchange.restore(gateway, state.positions.get("exchange", {}))
        AccountState.objects.filter(account=self.account, epoch=self.keeper.epoch).update(gateway="running")

    def _join(self) -> None:
        """The streams could not be reached when the loop began, and now perhaps can."""
        if self._found_points():
            self._say_away(False)
            self._follower.begin(self.exchange.positions)
            log.info("streams joined", account=self.account.code)
        else:
            self._follower.found.clear()

    def _say_away(self, away: bool) -> None:
        self.market.away = away
        STREAMS_AWAY.labels(self.account.code).set(away)

    def _found_points(self) -> bool:
        """Find from which id on each stream is read; False where nobody can tell.

        An order that was taken without the streams must not meet what they told before it: then what was missed is
        left out, and said to be.
        """
        kept = self.exchange.positions
        resume = bool(self.keeper.orders) and self._taken_over.issuperset(self.keeper.orders)
        try:
            positions, lost = starting_points(kept, resume=resume, market=self.market)
            self._past = CatchingUp(positions)
        except UnreachableError as error:
            log.warning("streams unreachable", account=self.account.code, reason=" ".join(str(error).split()))
            return False
        if self.keeper.orders and not resume:
            lost = [source for source, at in positions.items() if kept.get(source, at) != at]
        if lost:
            alarms.tell_gap(self.account, lost)
        self.exchange.positions = positions
        return True

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
                self.market.take(source, name, message)
                if isinstance(message, Tick) and message.instrument in working:
                    self.exchange.match(source, message)
            self.exchange.positions[source] = name
        if self.commands.inbox.first_sign():
            self._asked.set()
        self.exchange.store_reports()

    def _ring(self, _text: str) -> None:
        self._asked.set()
        self._wake()

    def _ring_risk(self, _text: str) -> None:
        self._risk_asked.set()
        self._wake()

    def _wake(self) -> None:
        with suppress(Full):  # a full queue wakes the loop by itself
            self._queue.put_nowait(None)
