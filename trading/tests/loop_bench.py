"""An account's loop on a real stream that a test fills by hand: every turn is the test's own, time is the ticks'."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from math import nan
from time import monotonic
from uuid import uuid4

import pytest

from accounts.leases import take
from marketdata import stream
from marketdata.domain.ticks import Clock, encode
from marketdata.instruments import ensure_instrument
from marketdata.live_models import FeedState, InstrumentFeed
from marketdata.models import Instrument
from marketdata.tests.made_ticks import DAY, HALF_SECOND, NINE, tick
from quantsite.common.times import ns_to_utc
from quantsite.testing.patience import SOON
from trading import services
from trading.ledger.apply import lease_of
from trading.loop import market, risk_desk
from trading.loop.account_loop import AccountLoop
from trading.models import AccountEvent, Order, TradingAccount
from trading.verbs.new_order import NewOrder

RB = "rb2405.SHFE"
HC = "hc2405.SHFE"
CAPITAL = Decimal(1_000_000)
FIRST_DAY = date(2024, 1, 2)
WAIT_SECONDS = SOON


@dataclass
class Street:
    """A market that publishes what it is told: ticks of half a second each, from nine in the morning of 2024-01-02."""

    source: str = field(default_factory=lambda: f"test-{uuid4().hex[:12]}")
    seq: int = 0
    day: int = DAY + 1
    shift: int = 0

    def __post_init__(self) -> None:
        self.publisher = stream.publisher(self.source, 1)
        self.volume: dict[str, int] = {}

    @property
    def now(self) -> int:
        """The market clock."""
        return NINE + self.shift + self.seq * HALF_SECOND

    def clock(self) -> None:
        """Tell the market clock."""
        self.publisher.send(encode(Clock(self.source, self.now, self.day, 0.0)))

    def to(self, hours: float, day: int | None = None) -> None:
        """Move on to so many hours after nine in the morning of 2024-01-02; ``day`` is the trading day then."""
        self.day = day or self.day
        self.shift = int(hours * 3600e9)
        self.seq = 0
        self.clock()

    def tick(self, last: float, *, lots: int = 10, code: str = RB, **given: object) -> None:
        """One tick at this price, a tick wide, after so many lots were traded at it."""
        self.seq += 1
        self.volume[code] = self.volume.get(code, 0) + lots
        figures: dict[str, object] = {
            "time": self.now,
            "last": last,
            "volume": self.volume[code],
            "turnover": self.volume[code] * last * 10,
            "bid_price": last - 1,
            "bid_volume": 20,
            "ask_price": last + 1,
            "ask_volume": 20,
            "pre_settlement": 4000.0,
            "upper_limit": 4400.0,
            "lower_limit": 3600.0,
            "open": 4000.0,
            "average": nan,
        }
        self.publisher.send(encode(tick(code, self.seq, day=self.day, **{**figures, **given})))
        self.clock()


@dataclass
class Bench:
    """One account, its market, and the loop that the test turns."""

    account: TradingAccount
    street: Street
    loop: AccountLoop

    def order(self, direction: str, offset: str, price: float | None, volume: int, **given: object) -> Order:
        """Place an order as a trader does; it is in the inbox until the loop turns."""
        figures = {
            "instrument": RB,
            "type": "limit" if price is not None else "market",
            "client_order_id": uuid4().hex,
            **given,
        }
        asked = NewOrder(direction=direction, offset=offset, price=price, volume=volume, **figures)  # type: ignore[arg-type]
        return services.create_order(None, self.account.code, asked)[0]

    def turn(self) -> None:
        """Let the loop take everything in: first the market as far as it was published, then the inbox."""
        wanted = stream.parse_id(self._published())
        deadline = monotonic() + WAIT_SECONDS
        while stream.parse_id(self.loop.exchange.positions.get(self.street.source, "0-0")) < wanted:
            assert monotonic() < deadline, "the loop does not reach the end of the stream"
            self.loop.turn(0.05)
        self.now_everything()

    def now_everything(self) -> None:
        """Have the loop do what waits in the inbox and what is due once a second, at once."""
        self.loop.market.look()
        self.loop.commands.heed()
        self.loop.commands.carry_out()
        self.loop.tend()

    def abandon(self) -> None:
        """The loop's process is killed."""
        abandon(self.loop)

    def placed(self, *given: object, **more: object) -> Order:
        """Place an order, let the loop take it, and give the row as it stands then."""
        order = self.order(*given, **more)  # type: ignore[arg-type]
        self.turn()
        order.refresh_from_db()
        return order

    def ticked(self, last: float, **given: object) -> None:
        """One tick, taken in."""
        self.street.tick(last, **given)  # type: ignore[arg-type]
        self.turn()

    def kinds(self) -> list[str]:
        """What happened, in the order of the events; marks left out."""
        rows = AccountEvent.objects.filter(account=self.account).exclude(kind="mark")
        return list(rows.order_by("seq").values_list("kind", flat=True))

    def restart(self, *, clean: bool = True) -> None:
        """A new process takes the account over; without ``clean`` the old one was killed where it stood."""
        if clean:
            self.loop.__exit__()
        else:
            self.abandon()
        self.loop = new_loop(self.account)

    def _published(self) -> str:
        assert self.street.publisher.flush(WAIT_SECONDS)
        return stream.newest_id(self.street.source) or "0-0"


def abandon(loop: AccountLoop) -> None:
    """Let a loop go without another word to rows or exchange, as a process does that is killed."""
    for listening in (loop._bell, loop._risk_bell, loop._follower):
        listening.close()


def new_loop(account: TradingAccount) -> AccountLoop:
    """A loop that has just taken the account's lease, with a higher epoch than any before."""
    held = take(lease_of(account), "test")
    held.release()
    loop = AccountLoop(account, held.epoch)
    loop.__enter__()
    return loop


@contextmanager
def open_street() -> Iterator[Street]:
    """A market that stands at 4000, and the rows that say who publishes it."""
    ensure_instrument(RB, FIRST_DAY)
    ensure_instrument(HC, FIRST_DAY)
    street = Street()
    for row in Instrument.objects.filter(code__in=[RB, HC]):
        InstrumentFeed.objects.create(instrument=row, source=street.source, epoch=1)
    FeedState.objects.create(source=street.source, kind="test", status="running", market_time=ns_to_utc(street.now))
    street.clock()
    street.tick(4000.0)
    assert street.publisher.flush(WAIT_SECONDS)
    with patient():
        try:
            yield street
        finally:
            street.publisher.close()


@contextmanager
def patient() -> Iterator[None]:
    """What was heard a while ago still counts: on a busy machine threads, and tests, may get no time for a while."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(market, "UNREAD_SECONDS", SOON)
        patch.setattr(market, "SILENT_SECONDS", SOON)
        patch.setattr(risk_desk, "FRESH_SECONDS", SOON)
        yield


@contextmanager
def bench(code: str = "T1", **terms: object) -> Iterator[Bench]:
    """An account of a million, a market that stands at 4000, and a loop that has seen it."""
    account = services.add_account(None, code, capital=CAPITAL, **terms)  # type: ignore[arg-type]
    with open_street() as street:
        table = Bench(account, street, new_loop(account))
        try:
            yield table
        finally:
            table.loop.__exit__()
