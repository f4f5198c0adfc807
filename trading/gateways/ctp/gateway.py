"""One account's orders at its broker: :class:`trading.domain.gateway.Gateway` over a CTP session.

The session with its connection outlives this object: a loop that begins anew makes a new gateway from the rows, which
asks the broker for all orders and trades again before anything is sent.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import structlog

from marketdata.ctp.heard import FAULT, Heard
from marketdata.ctp.session import CONFIRMED, SESSION, SessionState
from marketdata.domain.ticks import Tick
from quantsite.common.texts import say
from trading.domain import events
from trading.domain.checks import Reason
from trading.domain.ctp.folding import CtpOrder
from trading.domain.ctp.orders import End, Leg
from trading.domain.gateway import Outgoing, Report, Stranger
from trading.gateways.ctp.broker_side import BrokerSide
from trading.gateways.ctp.cancels import Cancels
from trading.gateways.ctp.desk import Surroundings
from trading.gateways.ctp.hearing import Hearing
from trading.gateways.ctp.metrics import DOUBT_SECONDS, IN_DOUBT, PARKED, PUSHES
from trading.gateways.ctp.sending import Sending
from trading.gateways.ctp.strangers import Strangers
from trading.gateways.ctp.synchronising import Synchroniser

if TYPE_CHECKING:
    from marketdata.ctp.session import LoginFacts, TraderSession

log = structlog.get_logger(__name__)

MIND_SECONDS = 1.0
EXPIRED = "expired"


class CtpGateway(BrokerSide):
    """See :class:`trading.domain.gateway.Gateway`."""

    resends = False

    def __init__(self, session: "TraderSession", around: Surroundings) -> None:
        super().__init__(session, around)
        self._strangers = Strangers(self._desk)
        self._hearing = Hearing(self._desk, self._strangers)
        self._cancels = Cancels(self._desk)
        self._sending = Sending(self._desk, self._hearing)
        self._sync = Synchroniser(self._desk, self._hearing, self._take_row)
        self._facts: LoginFacts | None = None
        self._books_day: date | None = None
        self._backlog: list[Heard] = []
        self._expiring: dict[str, int] = {}
        self._minded = 0.0

    @property
    def day(self) -> date | None:
        """The trading day of the login that holds."""
        return self._facts.trading_day if self._facts is not None else None

    @property
    def ready(self) -> bool:
        """Whether orders may go out."""
        return self._sync.done and self._on_books and self._desk.session.state is SessionState.READY

    @property
    def broker_told_all(self) -> bool:
        """Whether all orders and trades of this login are known: a picture asked for from now on holds them all."""
        return self._facts is not None and self._sync.answered

    def objection(self, order: Outgoing, *, opening: bool, live: bool) -> Reason | None:
        """See the protocol."""
        if not self.ready:
            state = self._desk.session.state.value
            text = say("The broker takes no orders of this account now: its session is %(state)s.", state=state)
            return Reason("broker_not_ready", text)
        if opening and not live:
            text = say("Live trading is not enabled for this account: positions can only be closed.")
            return Reason("live_disabled", text)
        combo = self._sending.combo(order)
        return combo if isinstance(combo, Reason) else None

    def prepare(self, order: Outgoing, now: int) -> None:  # noqa: ARG002 - a gateway's form
        """See the protocol."""
        self._sending.prepare(order)

    def send(self, order: Outgoing, now: int) -> None:  # noqa: ARG002 - a gateway's form
        """See the protocol."""
        self._sync.sent(self._sending.send(order))

    def cancel(self, order_id: int, now: int) -> None:
        """See the protocol."""
        self._cancels.want(order_id, now)

    def on_tick(self, tick: Tick) -> None:
        """The exchange sees its ticks by itself."""

    def on_clock(self, instrument: str, now: int) -> None:
        """And its clock."""

    def expire(self, instrument: str, now: int) -> None:
        """End what rests, once the broker has told all that it has to tell of the day."""
        self._expiring[instrument] = now
        self._expire()

    def reports(self) -> list[Report]:
        """See the protocol; what becomes of a stranger is told once it has its row."""
        taken = [each for each in self._desk.reports if each.order_id > 0]
        kept = (each for each in self._desk.reports if each.order_id < 0 and not self._strangers.is_lost(each.order_id))
        self._desk.reports = list(kept)
        return taken

    def strangers(self) -> list[Stranger]:
        """See the protocol."""
        return self._strangers.told()

    def known(self, number: int, order_id: int | None) -> None:
        """See the protocol."""
        self._strangers.known(number, order_id)

    def order_memory(self, order_id: int) -> dict[str, Any]:
        """CTP's keys of the order and how far it had come, for good: a replay tells of it after its end too."""
        order = self._desk.book.orders.get(order_id)
        return {} if order is None else order.kept()

    def memory(self) -> dict[str, Any]:
        """The trades of the day that the figures hold which were taken over from the broker."""
        return self._desk.adopted.kept()

    def restore(self, orders: Sequence[Outgoing], memory: Mapping[str, Any]) -> None:
        """Every order that nobody has said a word of is in doubt until the broker has been asked."""
        self._desk.adopted.restore(memory)
        for order in orders:
            made = CtpOrder(order.order_id, order.instrument, order.direction, order.type, order.volume)
            made.remember(order.memory)
            made.filled, made.foreign = order.traded, order.foreign
            self._desk.book.add(made)
            if not made.legs:  # never prepared, so never sent
                made.legs = [Leg(None, part.offset, part.volume) for part in order.parts]
                for leg in made.legs:
                    leg.not_sent("not_sent")
            self._doubt(made)
            self._desk.tell(made)

    def work(self) -> None:
        """See the protocol."""
        for heard in self._desk.session.work(time.monotonic()):
            self._hear(heard)
        self._meet_login()
        self._sync.work()
        self._take_in_hand()
        self._cancels.send()
        self._expire()
        self._mind()

    def flush(self) -> None:
        """See the protocol."""
        self._sending.flush()

    def books_ready(self, day: date, *, adopted: bool = False) -> None:
        """See the protocol. What was heard before the ledger stood on this day is taken in now."""
        if adopted:
            self._adopt(day)
        if day != self._books_day:
            self._expiring.clear()  # asked for the day before, whose orders the new login has ended
        self._books_day = day
        if self._on_books:
            backlog, self._backlog = self._backlog, []
            for heard in backlog:
                self._hear(heard)

    def ask_orders(self) -> None:
        """See the protocol of brokers."""
        self._hearing.odd = True

    def doubtful(self, seconds: float) -> list[int]:
        """The orders that have been in doubt for so long."""
        since = time.monotonic() - seconds
        return [order for order, began in self._sync.doubted_since.items() if began <= since]

    def close(self) -> None:
        """The session goes on; what it was asked for us is dropped."""
        self._desk.session.forget()

    @property
    def _on_books(self) -> bool:
        """Whether the ledger stands on the day of the login."""
        return self._facts is not None and self._books_day == self._facts.trading_day

    def _hear(self, heard: Heard) -> None:
        if heard.name == SESSION:
            self._session_moved()
            self._hear_broker(heard)
        elif heard.name == FAULT:
            if self._desk.session.state is SessionState.SYNCHRONISING:  # it was an order's: all are asked for again
                self._sync.begin()
        elif heard.name in MATTERS:
            PUSHES.labels(heard.name).inc()
            if heard.name in BOOKED:
                self._asking.note_event()
            if self._on_books or heard.name not in BOOKED:
                MATTERS[heard.name](self, heard)
            else:
                self._backlog.append(heard)
        else:
            self._hear_broker(heard)

    def _take_row(self, push: str, row: dict[str, Any]) -> None:
        """A row of an answer is as good as a push, and waits for the ledger as one."""
        heard = Heard(push, row, None, 0, last=True, at=0)
        if self._on_books:
            MATTERS[push](self, heard)
        else:
            self._backlog.append(heard)

    def _session_moved(self) -> None:
        """After a loss whatever was sent and not answered is in doubt; the next login is met in its own time."""
        if self._desk.facts is not None and self._desk.facts == self._facts:
            return
        self._facts = None
        self._sync.begin()
        self._sending.mind(lost=True)
        for order in self._desk.book.at_work():
            self._doubt(order)

    def _doubt(self, order: CtpOrder) -> None:
        lost = [leg for leg in order.legs if leg.lose()]
        if lost:
            log.warning("order in doubt", account=self._desk.around.account, order=order.order_id)
            self._desk.tell(order)

    def _meet_login(self) -> None:
        """A new login, or the one that stood before this gateway was made: its day's orders and trades are read."""
        facts = self._desk.facts
        if facts is None or facts == self._facts:
            return
        day = facts.trading_day
        for order in [each for each in self._desk.book.at_work() if each.day != day.isoformat()]:
            self._end_with_day(order, self._desk.around.clock(order.code))
        self._facts = facts
        self._desk.book.begin(day, self._desk.around.rows(day))
        if self._desk.adopted.day == day:
            self._desk.book.trades |= self._desk.adopted.trades
        self._desk.requests.clear()
        self._sync.begin()
        self._asking.begin(day)
        if self._on_books:
            self.books_ready(day)

    def _take_in_hand(self) -> None:
        """Once everything is answered and the ledger stands on the day: doubts end, and orders may go out."""
        if not (self._sync.answered and self._on_books):
            return
        if not self._sync.done:
            self._sync.finish()
            self._cancels.again()
        if self._desk.session.state is SessionState.SYNCHRONISING:
            self._desk.session.synchronised()

    def _adopt(self, day: date) -> None:
        """The figures hold every trade that was heard, be it booked or not."""
        trades = [each.fields for each in self._backlog if each.name == "OnRtnTrade" and each.fields]
        self._desk.adopted.take(day, trades)
        if self._desk.book.day == day:
            self._desk.adopted.take_keys(day, self._desk.book.trades - set(self._desk.around.rows(day).trades))
            self._desk.book.trades |= self._desk.adopted.trades

    def _expire(self) -> None:
        if not self._expiring or not self.ready:
            return
        for code, now in self._expiring.items():
            for order in [each for each in self._desk.book.at_work() if each.code == code]:
                self._end_with_day(order, now)
        self._expiring.clear()

    def _end_with_day(self, order: CtpOrder, now: int) -> None:
        """An order for the day ends with it; fills that were told and have not come may still do so."""
        for leg in [leg for leg in order.legs if not leg.over]:
            leg.not_sent(EXPIRED, end=End.CANCELLED)
        if order.traded < order.volume:
            event = events.Expired(at=now, traded=max(order.traded, order.filled))
            order.over_told(event)
            self._desk.report(order, event)

    def _mind(self) -> None:
        """Once a second: orders that nobody answers, and the figures of this process."""
        now = time.monotonic()
        if now - self._minded < MIND_SECONDS:
            return
        self._minded = now
        self._sending.mind()
        account, doubted = self._desk.around.account, self._sync.mind()
        IN_DOUBT.labels(account).set(doubted)
        DOUBT_SECONDS.labels(account).set(max((now - at for at in self._sync.doubted_since.values()), default=0.0))
        PARKED.labels(account).set(sum(len(trades) for trades in self._desk.book.parked.values()))

    def _insert_refused(self, heard: Heard) -> None:
        if not self._sending.waits(heard):
            self._hearing.insert_refused(heard)

    def _confirmed(self, heard: Heard) -> None:
        self._sending.confirmed()
        self._hear_broker(heard)


BOOKED = frozenset({"OnRtnOrder", "OnRtnTrade"})
"""What changes the ledger, and waits until it stands on the day of the login."""
MATTERS: Mapping[str, Callable[[CtpGateway, Heard], None]] = {
    "OnRtnOrder": lambda gateway, heard: gateway._hearing.order(heard.fields or {}),
    "OnRtnTrade": lambda gateway, heard: gateway._hearing.trade(heard.fields or {}),
    "OnRspOrderInsert": CtpGateway._insert_refused,
    "OnErrRtnOrderInsert": CtpGateway._insert_refused,
    "OnRspOrderAction": lambda gateway, heard: gateway._hearing.cancel_refused(heard),
    "OnErrRtnOrderAction": lambda gateway, heard: gateway._hearing.cancel_refused(heard),
    "OnRspError": lambda gateway, heard: gateway._hearing.error(heard),
    CONFIRMED: CtpGateway._confirmed,
}
