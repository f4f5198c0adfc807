"""A desk for the risk officer's pages: accounts that hold something, one of them near a limit."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from django.utils import timezone

from accounts.models import User
from marketdata import services as marketdata
from marketdata.instruments import ensure_instrument
from quantsite.demo.contents import BOB, traded_instrument
from trading import services as trading
from trading.account_models import TRADE, TradingAccount
from trading.order_models import Order
from trading.risk_choices import RiskEventKind
from trading.risk_models import RiskEvent
from trading.verbs.new_order import NewOrder

NEAR, LENT, PAIR = "trend", "lent", "pair"
"""Near the limit of its position; with little money for what it holds; long one month and short another."""
DESK = "arb"
NEAR_LOTS, MOST_LOTS = 17, 20
LENT_LOTS, PAIR_LOTS = 16, 6
CAPITAL = {NEAR: Decimal(1_000_000), LENT: Decimal(100_000), PAIR: Decimal(500_000)}
STRATEGIES = {NEAR: "double_ma", PAIR: "month_spread"}
SECONDS = 30
TICKS_AWAY = 20
"""A buyer goes so many ticks above the last price: he fills at once, and no limit of distance is met."""
PRICE_TICK = 1.0


@dataclass(frozen=True)
class _Wanted:
    account: str
    instrument: str
    direction: str
    volume: int
    ticks: int = TICKS_AWAY

    def order(self, last: float) -> NewOrder:
        """A limit order so far beyond the last price; a name that is the same at every start."""
        away = self.ticks if self.direction == "buy" else -self.ticks
        name = f"demo-{self.direction}-{self.instrument}-{self.volume}"
        price = round(last + away * PRICE_TICK)
        return NewOrder(self.instrument, self.direction, "open", "limit", self.volume, name, float(price))


def make_desk() -> bool:
    """Three accounts that hold what bob will buy for them, with limits; False where they are there."""
    bob, rita = (User.objects.get(username=name) for name in (BOB, "rita"))
    marketdata.subscribe_symbol(None, ensure_instrument(far_instrument(), timezone.localdate()))
    if TradingAccount.objects.filter(code=NEAR).exists():
        return False
    for code, desk in ((NEAR, "house"), (LENT, DESK), (PAIR, DESK)):
        trading.add_account(None, code, capital=CAPITAL[code], name=code.capitalize(), desk=desk)
        trading.grant_account(None, code, bob, TRADE)
    trading.set_limit(rita, "max_position_instrument", "account", NEAR, MOST_LOTS, reason="demo")
    trading.set_limit(rita, "max_risk_degree", "desk", DESK, 0.8, reason="demo")
    trading.set_limit(rita, "max_drawdown", "desk", DESK, 0.2, reason="demo")
    return True


def far_instrument() -> str:
    """The same product five months later."""
    return traded_instrument().replace("05.", "10.")


def wanted() -> list[_Wanted]:
    """What bob buys and sells for the accounts; the last one rests below the market."""
    near, far = traded_instrument(), far_instrument()
    return [
        _Wanted(NEAR, near, "buy", NEAR_LOTS),
        _Wanted(LENT, near, "buy", LENT_LOTS),
        _Wanted(PAIR, near, "buy", PAIR_LOTS),
        _Wanted(PAIR, far, "sell", PAIR_LOTS),
        _Wanted(PAIR, far, "buy", 2, -3 * TICKS_AWAY),
    ]


def trade() -> bool:
    """Have bob buy and sell, and wait for the warning that follows; False where he has done so at an earlier start.

    Needs feed and gateways. Raises ``TimeoutError`` where they do not do their part.
    """
    if Order.objects.filter(account__code__in=CAPITAL).exists():
        return False
    bob = User.objects.get(username=BOB)
    last = _last_prices([traded_instrument(), far_instrument()])
    for each in wanted():
        key = STRATEGIES.get(each.account, "")
        trading.create_order(bob, each.account, each.order(last[each.instrument]), strategy_key=key)
    _wait(lambda: RiskEvent.objects.filter(account__code=NEAR, kind=RiskEventKind.WARNING).exists(), "warning")
    return True


def _last_prices(codes: list[str]) -> dict[str, float]:
    def prices() -> dict[str, float]:
        return {tick.instrument: tick.last for tick in marketdata.get_realtime_data(None, codes)}

    _wait(lambda: len(prices()) == len(codes), "price")
    return prices()


def _wait(there: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + SECONDS
    while not there():
        if time.monotonic() > deadline:
            raise TimeoutError(f"the desk of the demo has no {what} after {SECONDS} s: var/logs/web.log may say why")
        time.sleep(0.2)
