"""What the demo puts into an empty platform: a person per role, an account, simulated bars, one backtest."""

import secrets
import time
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.utils import timezone

from accounts import proposals
from accounts import services as people
from accounts.models import User
from accounts.roles import ADMINISTRATOR, RESEARCHER, RISK_OFFICER, TRADER
from backtests import services as backtests
from backtests.models import BacktestRun
from backtests.requests import RunRequest
from marketdata import services as marketdata
from marketdata.instruments import ensure_instrument
from quantsite.common.errors import ConflictError
from trading import services as trading
from trading.account_models import TRADE, TradingAccount
from trading.limit_models import RiskLimit

INSTRUMENT = "simrb88.SIM"
ACCOUNT, CAPITAL = "demo", Decimal(1_000_000)
INTERVAL = "5m"
FIRST_DAY, LAST_DAY = date(2022, 1, 4), date(2025, 12, 31)
SEED = 20_260_101
ADDRESS = "@demo.invalid"  # marks the demo's people: nobody else's password is ever changed
BOB = "bob"
NAMES = {"ada": ADMINISTRATOR, "rita": RISK_OFFICER, BOB: TRADER, "alice": RESEARCHER}
RUN_SECONDS = 120


def traded_instrument() -> str:
    """The simulated contract that can be traded: May of next year, for what is continuous takes no orders."""
    return f"simrb{(timezone.localdate().year + 1) % 100:02d}05.SIM"


@dataclass(frozen=True)
class Credentials:
    """Who may log in as what."""

    name: str
    password: str
    role: str


def make_people() -> list[Credentials]:
    """One person for each role, with a new random password at each start.

    Raises ``ConflictError`` where a name belongs to somebody who is not of the demo.
    """
    return [_make_person(name, role) for name, role in NAMES.items()]


def _make_person(name: str, role: str) -> Credentials:
    password = secrets.token_urlsafe(12)
    user = User.objects.filter(username=name).first()
    if user is None:
        people.create_user(None, name, password, [role], f"{name}{ADDRESS}")
    elif user.email != f"{name}{ADDRESS}":
        raise ConflictError("name_taken", f"{name} is somebody of yours: run the demo with another QUANTSITE_VAR_DIR")
    else:
        people.reset_password(None, user, password)
    return Credentials(name, password, role)


def make_account() -> bool:
    """The simulated account of the demo, granted to its trader, and a contract for it; False where it is there."""
    instrument = ensure_instrument(traded_instrument(), timezone.localdate())
    trader = User.objects.get(username=BOB)
    marketdata.subscribe_symbol(None, instrument)
    marketdata.subscribe_symbol(trader, instrument)  # his quote page shows it
    new = not TradingAccount.objects.filter(code=ACCOUNT).exists()
    if new:
        trading.add_account(None, ACCOUNT, capital=CAPITAL, name="Demo")
    trading.grant_account(None, ACCOUNT, trader, TRADE)
    return new


def make_risk() -> bool:
    """Limits at three scopes, a change that waits for a second person, a stop that two have released; False where
    they are there.
    """
    rita, ada = User.objects.get(username="rita"), User.objects.get(username="ada")
    if RiskLimit.objects.exists():
        return False
    desk = TradingAccount.objects.get(code=ACCOUNT).desk.code
    product = str(ensure_instrument(traded_instrument(), timezone.localdate()).product)
    for rule, kind, key, maximum in (
        ("price_collar", "desk", desk, 0.05),
        ("max_orders_instrument", "product", product, 2_000),
        ("max_order_rate", "account", ACCOUNT, 10),
        ("max_daily_loss", "account", ACCOUNT, 50_000),
    ):
        trading.set_limit(rita, rule, kind, key, maximum, reason="demo")
    trading.set_limit(rita, "max_order_rate", "account", ACCOUNT, 20, reason="a faster program")  # ada may approve it
    stop = trading.set_switch(rita, "product", product, 1, "a fire drill")
    proposals.approve(ada, trading.ask_release(rita, stop.pk, "the drill is over").pk)
    return True


def make_bars() -> int:
    """Some years of simulated bars, the same at every start; returns how many are new."""
    outcome = marketdata.store_simulated_bars(None, INSTRUMENT, INTERVAL, first=FIRST_DAY, last=LAST_DAY, seed=SEED)
    return outcome.stored


def run_backtest(owner: str) -> BacktestRun:
    """One backtest of ``owner``, computed by the worker. Raises ``TimeoutError`` where nobody computes it."""
    request = RunRequest(strategy="double_ma", instrument=INSTRUMENT, interval=INTERVAL)
    run = backtests.run_backtest(User.objects.get(username=owner), request)
    deadline = time.monotonic() + RUN_SECONDS
    while time.monotonic() < deadline:
        run.refresh_from_db()
        if run.is_final:
            return run
        time.sleep(0.2)
    raise TimeoutError(f"run {run.pk} is still {run.status} after {RUN_SECONDS} s")
