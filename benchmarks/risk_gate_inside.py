"""The measurement of ``risk_gate.py``: the check itself, without a transaction around it."""

import gc
import time
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from statistics import quantiles

from benchmarks import ready  # noqa: F401  (before any model)

# isort: split

from django.core.management import call_command

from benchmarks.figures import Figure, show
from benchmarks.risk_rules import LISTS, WIDE
from marketdata.domain.ticks import Clock, Tick
from marketdata.instruments import ensure_instrument
from marketdata.live_models import InstrumentFeed
from marketdata.tests.made_ticks import DAY, NINE, tick
from trading import services
from trading.domain.offsets import Direction, Offset
from trading.domain.risk.rules import RULES, Rule
from trading.ledger.book_rows import book_order
from trading.ledger.keeper import Keeper
from trading.limit_models import RiskLimit
from trading.loop.desk_rules import Moment
from trading.loop.market import Market
from trading.loop.risk_check import RiskCheck
from trading.loop.risk_desk import RiskDesk
from trading.loop.risk_tell import RiskTeller
from trading.models import TradingAccount
from trading.order_models import Order

CODES = [f"{product}24{month:02}.SHFE" for product in ("rb", "hc", "cu", "al") for month in (3, 4, 5, 6, 7)]
DAY_OF = date(2024, 1, 2)
WORKING = 100
ORDERS = 3_000
REFRESH = 200
"""Orders between two looks at limits and stops."""
PRICE = 4_000.0
SOURCE = "bench"


def desk() -> tuple[Keeper, Market, RiskDesk, RiskCheck]:
    """The account in hand, its market, and a limit on every rule."""
    call_command("migrate", verbosity=0)
    account = services.add_account(None, "busy", capital=Decimal(10**11))
    for code in CODES:
        InstrumentFeed.objects.create(instrument=ensure_instrument(code, DAY_OF), source=SOURCE, epoch=1)
    scopes = (("platform", ""), ("desk", "house"), ("account", "busy"))
    for number, (rule, maximum) in enumerate(WIDE.items()):
        kind, key = scopes[number % len(scopes)]
        params = {"allowed": [*CODES, "buy", "sell"]} if rule in LISTS else {}
        RiskLimit.objects.create(
            rule=rule, scope_kind=kind, scope_key=key, maximum=_loose(rule, maximum), params=params
        )
    keeper, market = Keeper(account, 1), Market()
    keeper.claim()
    keeper.load()
    keeper.begin_day(DAY_OF)
    market.look()
    market.read(SOURCE)
    market.take(SOURCE, "1-1", Clock(SOURCE, NINE, DAY + 1, 1.0))
    risk = RiskDesk(keeper)
    risk.load()
    return keeper, market, risk, RiskCheck(keeper, market, risk, RiskTeller(keeper))


def _loose(rule: Rule, maximum: float) -> float:
    """A limit that nothing here breaks."""
    return 0.0 if RULES[rule].floor else maximum * 1e6


def quoted(code: str, last: float, seq: int) -> Tick:
    """A tick with the day's limits."""
    given = {"pre_settlement": PRICE, "upper_limit": 1.1 * PRICE, "lower_limit": 0.9 * PRICE}
    return tick(code, seq, day=DAY + 1, time=NINE + seq, last=last, **given)


def an_order(keeper: Keeper, number: int) -> Order:
    """Two lots to open, below the market."""
    row = keeper.facts.row(CODES[number % len(CODES)])
    named = {"client_order_id": str(number), "direction": "buy", "offset": "open", "type": "limit"}
    account: TradingAccount = keeper.account
    return Order(id=number, account=account, instrument=row, price=Decimal(3990), volume=2, **named)


def figures() -> Iterator[Figure]:
    """Decisions on an account that moves in between."""
    keeper, market, risk, check = desk()
    for number, code in enumerate(CODES):
        keeper.know(code)
        market.take(SOURCE, "1-1", quoted(code, PRICE, 1))
        side = Direction.BUY if number % 3 else Direction.SELL
        keeper.book.foreign_fill(code, side, Offset.OPEN, PRICE, 3, NINE, DAY + 1)
        keeper.price(code, PRICE)
    for number in range(WORKING):
        keeper.book.place(book_order(an_order(keeper, number), (4400.0, 3600.0)))
    seconds: list[float] = []
    gc.freeze()
    for number in range(WORKING, WORKING + ORDERS):
        order = an_order(keeper, number)
        code = order.instrument.code
        keeper.price(code, PRICE + number % 7)
        if number % REFRESH == 0:
            risk.refresh()
            market.read(SOURCE)
        began = time.perf_counter()
        check.demand(order, Moment(NINE, DAY + 1))
        seconds.append(time.perf_counter() - began)
        keeper.book.place(book_order(order, (4400.0, 3600.0)))
        keeper.book.release(number - WORKING)
    for share in (5, 50, 95):
        yield Figure(f"risk_gate.decision.p{share}", quantiles(seconds, n=100)[share - 1] * 1e6, "us")


if __name__ == "__main__":
    show(figures())
