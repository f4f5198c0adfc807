"""An account's loop at the fake front of a broker: real rows, real session, every turn the test's own."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep
from typing import Any
from uuid import uuid4

from accounts.leases import take
from marketdata.ctp.link import Link
from marketdata.ctp.session import SessionSettings, TraderSession
from marketdata.instruments import ensure_instrument
from marketdata.live_models import FeedState, InstrumentFeed
from marketdata.models import Instrument
from quantsite.common.times import ns_to_utc
from quantsite.testing.ctp.books import Investor
from quantsite.testing.ctp.books import Order as Theirs
from quantsite.testing.ctp.front import Front
from trading import services
from trading.gateways.ctp.gateway import CtpGateway
from trading.ledger.apply import lease_of
from trading.loop.account_loop import AccountLoop
from trading.models import AccountEvent, BrokerLogin, Fill, Order, Position, TradingAccount
from trading.tests.loop_bench import FIRST_DAY, HC, RB, WAIT_SECONDS, Street
from trading.verbs.new_order import NewOrder

M = "m2405.DCE"
SC = "sc2405.INE"
CODES = (RB, HC, M)
TODAY = "20240102"
WAIT = 60.0


def nobody() -> None:
    """Nobody is woken: the test turns the loop."""


@dataclass
class BrokerBench:
    """One account at a broker, its market, its session, and the loop that the test turns."""

    account: TradingAccount
    street: Street
    front: Front
    me: Investor
    folder: Path
    session: TraderSession = field(init=False)
    loop: AccountLoop = field(init=False)

    @property
    def gateway(self) -> CtpGateway:
        """The loop's gateway."""
        gateway = self.loop.exchange.gateway
        assert isinstance(gateway, CtpGateway)
        return gateway

    def connect(self) -> None:
        """A new connection, as a process makes it at its start."""
        login = BrokerLogin.objects.get(account=self.account).login()
        self.folder.mkdir(exist_ok=True)
        link = Link("td", self.folder, login.fronts, nobody)
        settings = SessionSettings(
            name=self.account.code, query_spacing=0.001, retry_first=0.02, requests_per_second=1000, answer_seconds=20
        )
        self.session = TraderSession(link, login, settings=settings)

    def begin(self) -> None:
        """Take the account's lease, and let the loop come to the point where orders go out."""
        held = take(lease_of(self.account), "test")
        held.release()
        self.loop = AccountLoop(self.account, held.epoch, session=self.session)
        self.loop.__enter__()

    def ready(self) -> None:
        """Turn until orders may go out."""
        self.until(lambda: self.gateway.ready, "orders may go out")

    def until(self, condition: Callable[[], Any], what: str) -> Any:
        """Turn the loop until it is so, and give what the condition gives."""
        deadline = monotonic() + WAIT
        while not (found := condition()):
            assert monotonic() < deadline, f"not within {WAIT:.0f} s: {what}; {self.heard()}"
            self.turn()
        return found

    def turn(self) -> None:
        """One turn, with what is due once a second."""
        self.loop.turn(0.005)
        self.loop.market.look()
        self.loop.commands.carry_out()
        self.loop.exchange.send_cancels()
        self.loop.exchange.work()
        self.loop.commands.books.tend()

    def heard(self) -> list[str]:
        """What the front was asked."""
        return [name for name, _fields in self.front.heard]

    def sent(self, method: str = "ReqOrderInsert") -> list[dict[str, Any]]:
        """The orders (or cancels) that have reached the front's door, in order."""
        return [dict(fields) for name, fields in self.front.heard if name == method]

    def order(self, direction: str, offset: str, price: float | None, volume: int, **given: Any) -> Order:
        """Place an order as a trader does; it is in the inbox until the loop turns."""
        figures = {
            "instrument": RB,
            "type": "limit" if price is not None else "market",
            "client_order_id": uuid4().hex,
            **given,
        }
        asked = NewOrder(direction=direction, offset=offset, price=price, volume=volume, **figures)
        return services.create_order(None, self.account.code, asked)[0]

    def placed(self, *given: Any, status: str = "accepted", **more: Any) -> Order:
        """Place an order, and turn until it stands so."""
        order = self.order(*given, **more)
        self.stands(order, status)
        return order

    def stands(self, order: Order, *statuses: str) -> Order:
        """Turn until the order stands so; gives it as it is then."""

        def there() -> bool:
            order.refresh_from_db()
            return order.status in statuses

        def told() -> str:
            return f"order {order.pk} is {order.status} ({order.reason_code} {order.reason_text}), not {statuses}"

        deadline = monotonic() + WAIT
        while not there():
            assert monotonic() < deadline, f"{told()}; {self.heard()}"
            self.turn()
        return order

    def cancel(self, order: Order) -> None:
        """Ask for its withdrawal as a trader does."""
        services.cancel_order(None, order.pk)
        self.turn()

    def theirs(self, **fields: Any) -> Theirs:
        """The newest order as the front has it."""
        return self.front.find(self.me, **fields)

    def kinds(self, order: Order) -> list[str]:
        """What happened to an order, in the order of the events."""
        rows = AccountEvent.objects.filter(account=self.account, order=order)
        return list(rows.order_by("seq").values_list("kind", flat=True))

    def fills(self, order: Order | None = None) -> list[tuple[str, int, float]]:
        """Trade id, volume and price of every fill, of an order or of all."""
        rows = Fill.objects.filter(account=self.account)
        rows = rows if order is None else rows.filter(order=order)
        return [(row.trade_id, row.volume, float(row.price)) for row in rows.order_by("pk")]

    def position(self, side: str = "long", code: str = RB) -> tuple[int, int]:
        """Lots held, and of these today's."""
        row = Position.objects.filter(account=self.account, instrument__code=code, side=side).first()
        return (0, 0) if row is None else (row.volume, row.today)

    def restart(self, *, same_connection: bool = False) -> None:
        """The process is killed where it stands and another takes over; or only the loop begins anew."""
        for listening in (self.loop._bell, self.loop._risk_bell, self.loop._follower):
            listening.close()
        if not same_connection:
            self.session.close()
            self.connect()
        self.begin()

    def end(self) -> None:
        """Everything is closed."""
        if hasattr(self, "loop"):
            self.loop.__exit__()
        if hasattr(self, "session"):
            self.session.close()
        self.street.publisher.close()


@contextmanager
def broker_bench(front: Front, folder: Path, **login: Any) -> Iterator[BrokerBench]:
    """An account of a million at a broker, live, a market that stands at 4000, and a loop that is ready."""
    made = unready(front, folder, **login)
    try:
        made.connect()
        made.begin()
        made.ready()
        yield made
    finally:
        made.end()


def unready(front: Front, folder: Path, **login: Any) -> BrokerBench:
    """The same before its loop begins."""
    for code in CODES:
        ensure_instrument(code, FIRST_DAY)
        symbol, _dot, exchange = code.partition(".")
        life = {"listed": "20230516", "expires": "20240515"}
        front.contract(symbol, exchange, pre_settlement=4000, last=4000, bid=3999, ask=4001, **life)
    me = front.open_account("9999", "100001", "secret", balance=1_000_000, app_id="app", auth_code="code")
    terms = {"fronts": ["tcp://127.0.0.1:1"], "broker_id": "9999", "user_id": "100001", "app_id": "app"}
    secrets = {"password": "secret", "auth_code": "code"}
    account = services.add_account(None, "B1", kind="ctp", margin_price=4, login={**terms, **secrets, **login})
    TradingAccount.objects.filter(pk=account.pk).update(live_enabled=True)
    account.refresh_from_db()
    street = Street()
    for row in Instrument.objects.filter(code__in=CODES):
        InstrumentFeed.objects.create(instrument=row, source=street.source, epoch=1)
    FeedState.objects.create(source=street.source, kind="test", status="running", market_time=ns_to_utc(street.now))
    street.clock()
    for code in CODES:
        street.tick(4000.0, code=code)
    assert street.publisher.flush(WAIT_SECONDS)
    made = BrokerBench(account, street, front, me, folder / "flow")
    made.connect()
    return made


def wait_for(condition: Callable[[], Any]) -> Any:
    """Until something is so that the loop has no part in."""
    deadline = monotonic() + WAIT
    while not (found := condition()):
        assert monotonic() < deadline
        sleep(0.005)
    return found
