"""A desk for benchmarks: accounts, a trader's token, and the processes of a platform that trades."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from uuid import uuid4

from django.conf import settings
from django.contrib.auth.models import Group
from django.core.management import call_command
from rest_framework_simplejwt.tokens import AccessToken

from accounts.models import User
from accounts.roles import TRADER
from marketdata.publishing.kinds import find_or_make
from marketdata.stream import newest_id
from quantsite.demo.contents import traded_instrument
from trading import services
from trading.account_models import TRADE, AccountState, TradingAccount
from trading.verbs.new_order import NewOrder

CODE = traded_instrument()
FEED = "generator"
PRICE = 3_400.0
"""Below the market and within the day's limits: such an order rests."""
CAPITAL = Decimal(10**11)
START_SECONDS = 60.0


def make_trader() -> tuple[User, str]:
    """Tables, an instrument and a trader; gives the access token beside."""
    call_command("migrate", verbosity=0)
    find_or_make(CODE)
    user = User.objects.create_user("bench", password=None)
    user.groups.add(Group.objects.get(name=TRADER))
    return user, str(AccessToken.for_user(user))


def make_account(code: str, trader: User) -> TradingAccount:
    """An account that has money enough, granted to the trader."""
    account = services.add_account(None, code, capital=CAPITAL)
    services.grant_account(None, code, trader, TRADE)
    return account


def new_order(price: float | None = PRICE, direction: str = "buy", offset: str = "open") -> NewOrder:
    """One lot; with the usual price it rests."""
    kind = "market" if price is None else "limit"
    return NewOrder(CODE, direction, offset, kind, 1, uuid4().hex, price)


@contextmanager
def managed(*words: str) -> Iterator[None]:
    """A command of ``manage.py`` in a process of its own, until the end."""
    process = subprocess.Popen(
        [sys.executable, str(settings.BASE_DIR / "manage.py"), *words], stdout=subprocess.DEVNULL
    )
    try:
        yield
        if process.poll() is not None:
            raise RuntimeError(f"{' '.join(words)} ended with {process.returncode}")
    finally:
        process.terminate()
        process.wait(timeout=20)


@contextmanager
def feed() -> Iterator[None]:
    """The generator of simulated instruments, once it publishes."""
    with managed("run_feed", FEED, "--instrument", CODE):
        wait_for("ticks", lambda: bool(newest_id(FEED)))
        time.sleep(1.0)
        yield


@contextmanager
def gateway(account: TradingAccount) -> Iterator[None]:
    """The account's gateway, once it runs."""
    with managed("run_gateway", account.code):
        state = AccountState.objects.filter(account=account, gateway="running")
        wait_for(f"the gateway of {account.code}", state.exists)
        yield


def wait_for(what: str, there: Callable[[], bool], seconds: float = START_SECONDS, pause: float = 0.05) -> None:
    """Return once something is there. Raises ``TimeoutError``."""
    deadline = time.monotonic() + seconds
    while not there():
        if time.monotonic() > deadline:
            raise TimeoutError(f"no {what} after {seconds:g} s")
        time.sleep(pause)
