"""Processes of the desk killed by SIGKILL in the middle of an order's life, at the size that the tests run on.

On PostgreSQL and Redis the web process and the account's gateway are processes of their own; on the embedded default
both live in ``run_platform``, and a worker runs beside it. A second account is asked for the same things at the same
moments. The market is a made replay that stands still but for a trade at a lower price every second or so, so
that what becomes of an order does not depend on when it comes.
"""

import gzip
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import httpx
import pytest
from django.conf import settings
from django.db.models.functions import Now

from accounts.models import Lease, User
from marketdata.instruments import ensure_instrument
from marketdata.live_models import FeedState
from trading import services
from trading.account_models import AccountState, TradingAccount
from trading.apply import lease_of
from trading.choices import CommandStatus
from trading.order_models import AccountCommand, Order
from trading.tests.deaths import BY_GATEWAY, START, Death
from trading.tests.desk_processes import Client, Processes, processes, with_real_password
from trading.tests.dying import DEATH_FILE, arm
from trading.tests.loop_bench import CAPITAL, RB
from trading.tests.twins import differences, picture, wrongs

pytestmark = [pytest.mark.servers, pytest.mark.embedded, pytest.mark.django_db(transaction=True)]

DAY = date(2024, 1, 2)
KILLED, SPARED = "KILLED", "SPARED"
DYING = ("-m", "trading.tests.dying")
SPEED = "4"
DIP_TICKS = 10
OPENING, MINUTES = 5, 75
"""From five minutes past nine to the first break; then it begins again."""
PATIENCE = 60.0
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
    epoch: int = 0
    coming: list[Death] = field(default_factory=list)
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
            self.running.start("feed", "run_feed", "replay", str(self.market), "--speed", SPEED, "--loop")
            self.running.start("spared", "run_gateway", SPARED)
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
            self.epoch = Lease.objects.get(name="feed:replay").epoch
            self._start(name)
            if settings.EMBEDDED:
                self.running.wait(lambda: self._market_is_back() or self.running.dead(), "a market after a start")

    def _market_is_back(self) -> bool:
        """Whether the feed has begun anew and both gateways have read of it: before that there is no market."""
        lease = Lease.objects.get(name="feed:replay")
        states = AccountState.objects.filter(account__in=self.accounts.values())
        read = [str(state.positions.get("streams", {}).get("replay", "")) for state in states]
        feed = FeedState.objects.filter(epoch=lease.epoch, status="running", market_time__isnull=False)
        return lease.epoch > self.epoch and feed.exists() and all(name.startswith(f"{lease.epoch}-") for name in read)

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
        self.running.start(name, *words, module=DYING, **{DEATH_FILE: str(self.deaths)})

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

    def order(self, code: str, price: float, volume: int = 3) -> Order:
        """The order of this story, bought to open; asked for by its id until there is an answer."""
        name = f"order-{self.number}"
        body = {"account": code, "instrument": RB, "direction": "buy", "offset": "open", "type": "limit"}
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
        self.until(lambda: not mine.filter(status=CommandStatus.QUEUED).exists(), f"{kind} of {code}")

    def tell(self, death: Death, *more: Death) -> None:
        """Have both accounts live through a story; the deaths happen to the first one."""
        self.number += 1
        self.coming = list(more)
        STORIES[death.story](self, KILLED, lambda: arm(self.deaths, death, KILLED))
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


STORIES: dict[str, Callable[[KilledDesk, str, Arm], None]] = {
    "fill": _fill,
    "rest": _rest,
    "cancel": _cancel,
    "reject": _reject,
    "deposit": _deposit,
    "settle": _settle,
    "undo": _undo,
}


@pytest.fixture
def desk(ada: User, tmp_path: Path) -> Iterator[KilledDesk]:
    """A desk of two accounts, ready for stories."""
    ensure_instrument(RB, DAY)
    accounts = {code: services.add_account(None, code, capital=CAPITAL) for code in (KILLED, SPARED)}
    with processes(tmp_path) as running:
        made = KilledDesk(running, with_real_password(ada), accounts)
        made.begin()
        yield made
        made.client.close()


def test_killed_where_it_would_hurt(desk: KilledDesk) -> None:
    desk.tell(Death("fill", "commit.done", "submitting"))
    desk.tell(Death("rest", "commit.written", "traded"))
    if not settings.EMBEDDED:  # there a start takes the whole platform's time
        desk.tell(Death("fill", "ask.written"))
        desk.tell(Death("fill", "ask.committed"))
        desk.tell(Death("cancel", "withdraw.after"), Death("fill", "start.restored"))


def leaves_an_order_undecided(death: Death) -> bool:
    """On the embedded size the market begins anew with the process, a little after the gateways.

    They refuse an order that has waited for them (``no_market``): one truth, but another than that of the account that
    was spared. ``test_killed_anywhere.py`` has these deaths on this size too.
    """
    placed = death.story in {"fill", "rest", "reject"}
    decided = death.kind not in {"submitting", "rejected"} or death.hook in {"commit.done", "commit.told"}
    asked = {"ask.committed", "ask.woken", "take.claimed", "take.decided"}
    return placed and (death.hook in asked or (death.kind != "" and not decided))


@pytest.mark.soak
def test_killed_at_every_step(desk: KilledDesk) -> None:
    for death in BY_GATEWAY:
        if settings.EMBEDDED and leaves_an_order_undecided(death):
            continue
        desk.tell(death)
        sys.stderr.write(f"{death}\n")
    for hook in START:
        desk.tell(Death("fill", "send.before"), Death("fill", hook))
