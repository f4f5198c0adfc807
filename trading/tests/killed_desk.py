"""A desk of processes, two accounts of it, and the stories of orders and money that both live through."""

import gzip
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import httpx
from django.conf import settings
from django.db.models.functions import Now

from accounts.models import Lease, User
from marketdata.instruments import ensure_instrument
from marketdata.live_models import FeedState
from trading import services
from trading.account_models import AccountState, TradingAccount
from trading.choices import CommandStatus
from trading.domain.risk.switches import Strength
from trading.ledger.apply import lease_of
from trading.limit_models import RiskRevision, SwitchEffect
from trading.order_models import AccountCommand, Order
from trading.risk_models import AccountRisk
from trading.tests import risk_table
from trading.tests.deaths import Death
from trading.tests.desk_processes import Client, Processes, processes, with_real_password
from trading.tests.dying import DEATH_FILE, arm
from trading.tests.loop_bench import CAPITAL, RB
from trading.tests.twins import differences, picture, wrongs

DAY = date(2024, 1, 2)
KILLED, SPARED = "KILLED", "SPARED"
SPEED = "4"
DIP_TICKS = 10
OPENING, MINUTES = 5, 75
"""From five minutes past nine to the first break; then it begins again."""
PATIENCE = 240.0
REPEATED = {"order_final", "nothing_to_undo"}
"""What somebody hears who asks again for what was done."""

HEADER = (
    "TradingDay,InstrumentID,ExchangeID,LastPrice,PreSettlementPrice,OpenPrice,HighestPrice,LowestPrice,Volume,Turnover,"
    "OpenInterest,UpperLimitPrice,LowerLimitPrice,UpdateTime,UpdateMillisec,BidPrice1,BidVolume1,AskPrice1,AskVolume1,"
    "AveragePrice,ActionDay"
)


def write_market(path: Path) -> None:
    """Half-second ticks of 4000, 3999 bid and 4001 asked; each tenth tells of 20 lots traded at 3990.

    They begin after the opening, at another price: no order ever meets the day's auction.
    """
    lines, volume, turnover = [HEADER], 10, 400_000
    for number in range(OPENING * 120, MINUTES * 120):
        dips = number % DIP_TICKS == DIP_TICKS - 1
        volume += 20 * dips
        turnover += 20 * 10 * 3990 * dips
        minutes, half = divmod(number, 120)
        clock = f"{9 + minutes // 60:02d}:{minutes % 60:02d}:{half // 2:02d},{500 * (half % 2)}"
        day = DAY.strftime("%Y%m%d")
        lines.append(
            f"{day},rb2405,SHFE,{3990 if dips else 4000},4000,3980,4000,3980,{volume},{turnover},1000000,4400,3600,"
            f"{clock},3999,20,4001,20,{turnover / volume},{day}"
        )
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")


@dataclass
class KilledDesk:
    """The processes, a person's programs, and what is asked of both accounts."""

    running: Processes
    officer: User
    accounts: dict[str, TradingAccount]
    number: int = 0
    coming: list[Death] = field(default_factory=list)
    left: set[str] = field(default_factory=set)
    client: Client = field(init=False)

    @property
    def market(self) -> Path:
        """The file that is replayed."""
        return self.running.folder / "market.csv.gz"

    @property
    def deaths(self) -> Path:
        """The file that says who dies."""
        return self.running.folder / "death"

    # --- processes ----------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Start all of them; wait for the market."""
        write_market(self.market)
        if settings.EMBEDDED:
            worker = ("-A", "quantsite.celery", "worker", "-B", "--pool", "threads", "--concurrency", "1")
            schedule = ("--schedule", str(self.running.folder / "beat"))
            self.running.start("worker", *worker, *schedule, module=("-m", "celery"))
        else:
            self.running.fork("feed", "run_feed", "replay", str(self.market), "--speed", SPEED, "--loop")
            self.running.fork("spared", "run_gateway", SPARED)
            self._start("gateway")
        self._start("web")
        self.running.wait_for_web()
        self.client = Client(self.running.origin, self.officer)
        told = FeedState.objects.filter(status="running", market_time__isnull=False)
        ready = AccountState.objects.filter(gateway="running")
        self.running.wait(lambda: told.exists() and ready.count() == len(self.accounts), "feed and gateways run")

    def revive(self) -> None:
        """Start again what has died."""
        for name in self.running.dead():
            assert self.running.reap(name) == -signal.SIGKILL, self.running.logs()
            self._start(name)

    def _start(self, name: str) -> None:
        """Start one that may die; what it held before is free at once, and the next death waits for it."""
        words: tuple[str, ...] = ("run_gateway", KILLED)
        held = [lease_of(self.accounts[KILLED])] if name == "gateway" else []
        if name == "web":
            feed = ("--feed", "replay", "--replay", str(self.market), "--speed", SPEED, "--loop")
            words = self.running.web_words(*(feed if settings.EMBEDDED else ("--feed", "none")))
        if name == "web" and settings.EMBEDDED:
            held = ["feed:replay", "recorder", *map(lease_of, self.accounts.values())]
        Lease.objects.filter(name__in=held).update(expires_at=Now())
        if self.coming:
            arm(self.deaths, self.coming.pop(0), KILLED)
        self.running.fork(name, *words, mortal=True, **{DEATH_FILE: str(self.deaths)})

    # --- what is asked ------------------------------------------------------------------------------------------

    def post(self, path: str, body: dict[str, object] | None = None, done: Callable[[], bool] = lambda: False) -> None:
        """Ask, and ask again where the answer was lost, unless rows say that it is ``done``."""
        deadline = time.monotonic() + PATIENCE
        while not done():
            with suppress(httpx.TransportError):
                told = self.client.post(path, body)
                again = told.status_code == httpx.codes.CONFLICT and told.json()["code"] in REPEATED
                assert told.is_success or again, told.text
                return
            assert time.monotonic() < deadline, self.running.logs()
            time.sleep(0.05)
            self.revive()

    def until(self, done: Callable[[], bool], what: str) -> None:
        """Wait for it, and start again whatever dies meanwhile."""

        def look() -> bool:
            self.revive()
            return done()

        self.running.wait(look, what)

    def order(
        self, code: str, price: float, volume: int | str = 3, name: str = "order", *, closing: bool = False
    ) -> Order:
        """An order of this story, bought to open or sold to close; asked for by its id until there is an answer.

        A volume that is a text goes by Django's road: the fast one takes numbers only.
        """
        name = f"{name}-{self.number}"
        side = {"direction": "sell", "offset": "close_today"} if closing else {"direction": "buy", "offset": "open"}
        body = {"account": code, "instrument": RB, "type": "limit", **side}
        self.post("orders/", {**body, "price": price, "volume": volume, "client_order_id": name})
        return Order.objects.get(account=self.accounts[code], client_order_id=name)

    def becomes(self, order: Order, status: str) -> None:
        """Wait for the order's state."""
        self.until(lambda: Order.objects.filter(pk=order.pk, status=status).exists(), f"{order} {status}")

    def command(self, code: str, path: str, kind: str, body: dict[str, object] | None = None) -> None:
        """Have a command carried out once."""
        mine = AccountCommand.objects.filter(account=self.accounts[code], kind=kind)
        before = mine.count()
        self.post(f"trading-accounts/{code}/{path}/", body, done=lambda: mine.count() > before)
        if "gateway" in self.left:  # what a verb that was killed has left in the inbox is for the next gateway
            self._start("gateway")
            self.left.remove("gateway")
        self.until(lambda: not mine.filter(status=CommandStatus.QUEUED).exists(), f"{kind} of {code}")

    def tell(self, death: Death, *more: Death, gateway: bool = True) -> None:
        """Have both accounts live through a story; the deaths happen to the first one, with its gateway or without."""
        self.number += 1
        self.coming = list(more)

        def ready() -> None:
            if not gateway:
                self.running.stop("gateway")
                self.left.add("gateway")
            arm(self.deaths, death, KILLED)

        STORIES[death.story](self, KILLED, ready)
        self.until(lambda: not (self.deaths.exists() or self.coming), f"all deaths of {death}")
        STORIES[death.story](self, SPARED, lambda: None)
        found: list[str] = []

        def alike() -> bool:
            one, other = (picture(account, moment=False) for account in self.accounts.values())
            found[:] = [line for account in self.accounts.values() for line in wrongs(account)]
            found.extend(differences(one, other))
            return not found

        try:
            self.until(alike, f"both accounts alike after {death}")
        except BaseException as error:
            error.add_note(f"after {death}, {', '.join(map(str, more))}: {found}")
            raise


Arm = Callable[[], None]


def _fill(desk: KilledDesk, code: str, ready: Arm) -> None:
    ready()
    desk.becomes(desk.order(code, 4001.0, "3"), "filled")


def _fast(desk: KilledDesk, code: str, ready: Arm) -> None:
    ready()
    desk.becomes(desk.order(code, 4001.0), "filled")


def _rest(desk: KilledDesk, code: str, ready: Arm) -> None:
    """It rests until somebody trades below it."""
    ready()
    desk.becomes(desk.order(code, 3995.0), "filled")


def _cancel(desk: KilledDesk, code: str, ready: Arm) -> None:
    order = desk.order(code, 3900.0)
    desk.becomes(order, "accepted")
    ready()
    desk.post(f"orders/{order.pk}/cancel/", done=lambda: order.commands.filter(kind="cancel").exists())
    desk.becomes(order, "cancelled")


def _reject(desk: KilledDesk, code: str, ready: Arm) -> None:
    ready()
    desk.becomes(desk.order(code, 4001.0, 450), "rejected")


def _deposit(desk: KilledDesk, code: str, ready: Arm) -> None:
    ready()
    desk.command(code, "deposit", "deposit", {"amount": "1234.56", "note": f"story {desk.number}"})


def _settle(desk: KilledDesk, code: str, ready: Arm) -> None:
    ready()
    desk.command(code, "settle", "settle", {"prices": {RB: 4005.0}})
    desk.command(code, "undo-settlement", "undo_settlement")


def _undo(desk: KilledDesk, code: str, ready: Arm) -> None:
    desk.command(code, "settle", "settle", {"prices": {RB: 4005.0}})
    ready()
    desk.command(code, "undo-settlement", "undo_settlement")


def _hold(desk: KilledDesk, code: str, ready: Arm) -> None:
    """A closing order waits until an order of its own account is withdrawn, and fills."""
    desk.becomes(desk.order(code, 4001.0, 2, "lots"), "filled")
    resting = desk.order(code, 3900.0, 1, "resting")
    desk.becomes(resting, "accepted")
    ready()
    desk.becomes(desk.order(code, 3890.0, 2, "closing", closing=True), "filled")
    desk.becomes(resting, "cancelled")


def _stop(desk: KilledDesk, code: str, ready: Arm) -> None:
    """Orders rest until a stop of the account withdraws them."""
    resting = [desk.order(code, 3900.0 - number, 1, f"stopped-{number}") for number in range(2)]
    for order in resting:
        desk.becomes(order, "accepted")
    ready()
    row = risk_table.stop(Strength.CANCEL_ALL, "account", code, reason=f"story {desk.number}")
    for order in resting:
        desk.becomes(order, "cancelled")
    effect = SwitchEffect.objects.get(switch=row)
    assert (effect.account_id, effect.working, effect.cancelled) == (desk.accounts[code].pk, 2, 2)
    risk_table.release(row)
    newest = RiskRevision.objects.get(pk=1).number
    known = AccountRisk.objects.filter(account=desk.accounts[code], revision__gte=newest)
    desk.until(known.exists, f"{code} knows that the stop is released")


STORIES: dict[str, Callable[[KilledDesk, str, Arm], None]] = {
    "fill": _fill,
    "fast": _fast,
    "rest": _rest,
    "cancel": _cancel,
    "reject": _reject,
    "deposit": _deposit,
    "settle": _settle,
    "undo": _undo,
    "hold": _hold,
    "stop": _stop,
}


@contextmanager
def killed_desk(officer: User, folder: Path) -> Iterator[KilledDesk]:
    """A desk of two accounts, ready for stories."""
    ensure_instrument(RB, DAY)
    accounts = {code: services.add_account(None, code, capital=CAPITAL) for code in (KILLED, SPARED)}
    with processes(folder) as running:
        made = KilledDesk(running, with_real_password(officer), accounts)
        made.begin()
        yield made
        made.client.close()
