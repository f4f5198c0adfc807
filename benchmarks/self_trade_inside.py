"""The measurement of ``self_trade.py``, on the database of its environment."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from statistics import quantiles

from benchmarks import ready  # noqa: F401  (before any model)

# isort: split

from django.core.management import call_command
from django.db import connection

from benchmarks.figures import Figure, show
from marketdata.instruments import ensure_instrument
from marketdata.models import Instrument
from trading import services
from trading.choices import CommandKind
from trading.ledger.keeper import Keeper
from trading.loop.risk_desk import RiskDesk
from trading.loop.self_trade import SelfTrade
from trading.models import TradingAccount
from trading.order_models import AccountCommand, Order

CODE = "rb2405.SHFE"
RESTING = 50
"""Working orders of a third account of the group in the instrument."""
TIMES = 400
RIVAL = "rival"
START_SECONDS = 30.0


def account(code: str) -> TradingAccount:
    """One of the group."""
    return services.add_account(None, code, capital=Decimal(10**9), control_group="group")


def rest(of: TradingAccount) -> None:
    """Orders at rest below the market."""
    instrument = ensure_instrument(CODE, date(2024, 1, 2))
    named = {"direction": "buy", "offset": "open", "type": "limit", "volume": 1, "status": "accepted"}
    Order.objects.bulk_create(
        Order(account=of, instrument=instrument, client_order_id=f"r{number}", price=3000 + number, **named)
        for number in range(RESTING)
    )


def decider(of: TradingAccount) -> tuple[SelfTrade, Order]:
    """What the gateway of an account asks, and the order that it asks about."""
    keeper = Keeper(of, 1)
    keeper.load()
    desk = RiskDesk(keeper)
    desk.load()
    instrument = Instrument.objects.get(code=CODE)
    named = {"direction": "sell", "offset": "open", "type": "limit", "volume": 1}
    return SelfTrade(keeper, desk), Order(id=10**9, account=of, instrument=instrument, price=Decimal(4000), **named)


def decide(asked: SelfTrade, order: Order) -> float:
    """One decision; gives the seconds from before the lock until it is free again."""
    command = AccountCommand(kind=CommandKind.PLACE, order=order)
    began = time.perf_counter()
    with asked.reserved([command]):
        if asked.meets(order, ()):
            raise RuntimeError("nothing rests there")
    return time.perf_counter() - began


@contextmanager
def rival() -> Iterator[None]:
    """Another process that decides on the same instrument without a pause."""
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.self_trade_inside", RIVAL], stdout=subprocess.PIPE)
    try:
        if process.stdout is None or not process.stdout.readline():
            raise RuntimeError("the rival did not start")
        yield
        if process.poll() is not None:
            raise RuntimeError(f"the rival ended with {process.returncode}")
    finally:
        process.terminate()
        process.wait(START_SECONDS)


def compete() -> None:
    """Be the rival, until terminated."""
    asked, order = decider(TradingAccount.objects.select_related("desk", "control_group").get(code="b"))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while True:
        decide(asked, order)


def figures() -> Iterator[Figure]:
    """Alone, and against the rival."""
    call_command("migrate", verbosity=0)
    mine = account("a")
    account("b")
    rest(account("c"))
    asked, order = decider(mine)
    where = f"self_trade.{connection.vendor}"
    yield from _shares(f"{where}.alone", [decide(asked, order) for _ in range(TIMES)])
    with rival():
        yield from _shares(f"{where}.against_another", [decide(asked, order) for _ in range(TIMES)])


def _shares(name: str, seconds: list[float]) -> Iterator[Figure]:
    for share in (50, 99):
        yield Figure(f"{name}.p{share}", quantiles(seconds, n=100)[share - 1] * 1e3, "ms")


if __name__ == "__main__":
    if RIVAL in sys.argv[1:]:
        compete()
    show(figures())
