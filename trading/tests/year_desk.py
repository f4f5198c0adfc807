"""A desk that trades at random from day to day, and an account that is reckoned again beside it, lot by lot.

The desk's account lives in rows: every day begins with a new holder that rebuilds it. The other one is told the fills,
the cash and the settlement prices, and nothing else.
"""

from copy import deepcopy
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from random import Random

from accounts.leases import take
from marketdata.instruments import ensure_instrument
from quantsite.common.errors import RuleError
from quantsite.common.times import NS_PER_DAY
from trading import services
from trading.account_models import AccountState, TradingAccount
from trading.domain import events
from trading.domain.gateway import Report
from trading.domain.ledger import Terms
from trading.domain.margin import MarginPriceType
from trading.domain.offsets import Direction, Offset
from trading.ledger.apply import lease_of
from trading.ledger.facts import Facts
from trading.ledger.keeper import Keeper
from trading.ledger_models import BalanceSnapshot
from trading.order_models import Fill, Order
from trading.tests.domain.slow_account import CashEntry, FillEntry, SettleEntry, SlowAccount

CODES = {
    "rb2510.SHFE": (3600.0, 1.0),
    "hc2510.SHFE": (3800.0, 1.0),
    "m2509.DCE": (3000.0, 1.0),
    "IF2509.CFFEX": (3700.0, 0.2),
    "IH2509.CFFEX": (2600.0, 0.2),
}
"""First price and tick; the last two are charged for their larger side only."""
CAPITAL = Decimal(3_000_000)
WAYS = ("open", "open", "open", "auto", "auto", "close", "close_today")
NAN = float("nan")
DUST = Decimal("0.0005")
"""Yuan: commissions are kept with six decimals, fill by fill."""


@dataclass
class YearDesk:
    """One account and its independent twin."""

    random: Random
    account: TradingAccount
    slow: SlowAccount
    prices: dict[str, float]
    before: dict[str, Decimal] = field(default_factory=dict)
    told: int = 0
    fills: int = 0
    refused: int = 0
    undone: int = 0
    closing: Decimal = CAPITAL
    codes: list[str] = field(default_factory=lambda: list(CODES))

    def trade(self, day: date, orders: int) -> None:
        """One trading day but for its end: cash now and then, orders of all kinds, prices that move."""
        if self.random.random() < 0.2:
            self._move_cash()
        keeper = self._keeper()
        keeper.begin_day(day)
        self.slow.terms = self._terms(keeper.facts, day)
        for code in CODES:
            keeper.know(code)
            keeper.price(code, self.prices[code])
            if not keeper.holds(code):  # as a gateway learns it from the newest tick
                keeper.settled_before(code, self.prices[code])
        self.before = {code: Decimal(price) for code, price in self.prices.items()}
        at = (day - date(1970, 1, 1)).days * NS_PER_DAY
        for number in range(orders):
            code = self.random.choice(self.codes)
            self.prices[code] = self._near(code, 0.004)
            keeper.price(code, self.prices[code])
            self._order(keeper, code, at + number)
            keeper.tell_marks()
            keeper.commit({})
        self._tell_slow()

    def check_running(self) -> None:
        """The account as it stands in its rows against the twin."""
        marks = {code: Decimal(price) for code, price in self.prices.items()}
        state = AccountState.objects.get(account=self.account)
        slow = self.slow
        same(state.commission, slow.commission)
        same(state.close_profit, slow.close_profit)
        same(state.position_profit, slow.position_profit(marks))
        same(state.margin, slow.margin(self.before))
        same(state.balance, slow.balance(marks))
        same(state.deposit - state.withdraw, slow.deposit - slow.withdraw)

    def settle(self, day: date, *, undo: bool) -> None:
        """End the day; with ``undo`` at wrong prices first, which is taken back."""
        if undo:
            before = self._twin()
            self._settle(day)
            command = services.undo_settlement(None, self.account.code)
            assert command.status == "done", command.reason_text
            self.slow = before
            self.undone += 1
        self._settle(day)
        self.closing = BalanceSnapshot.objects.get(account=self.account, trading_day=day, undone_at=None).balance

    def _settle(self, day: date) -> None:
        prices = {code: self._near(code, 0.01) for code in CODES}
        exact = {code: Decimal(price) for code, price in prices.items()}
        wanted = self._twin()
        command = services.settle(None, self.account.code, prices, day)
        assert command.status == "done", command.reason_text
        kept = BalanceSnapshot.objects.get(account=self.account, trading_day=day, undone_at=None)
        same(kept.pre_balance, self.closing)
        same(kept.pre_balance, wanted.pre_balance)
        same(kept.deposit - kept.withdraw, wanted.deposit - wanted.withdraw)
        same(kept.close_profit, wanted.close_profit)
        same(kept.close_profit_by_trade, wanted.close_profit_by_trade)
        same(kept.position_profit, wanted.position_profit(exact))
        same(kept.commission, wanted.commission)
        same(kept.balance, wanted.balance(exact))
        cash = kept.pre_balance + kept.deposit - kept.withdraw
        same(kept.balance, cash + kept.close_profit + kept.position_profit - kept.commission)
        self.slow.take(SettleEntry(prices))
        same(kept.margin, self.slow.margin(exact))
        self.prices = prices

    def _order(self, keeper: Keeper, code: str, at: int) -> None:
        direction, way = self.random.choice(("buy", "sell")), self.random.choice(WAYS)
        row = Order.objects.create(
            account=self.account,
            instrument=keeper.facts.row(code),
            client_order_id=f"{at}",
            direction=direction,
            offset=way,
            type="limit",
            price=Decimal(repr(self.prices[code])),
            volume=self.random.randint(1, 3),
        )
        tracked = keeper.adopt(row)
        try:
            keeper.place(tracked, at, keeper.reserve(tracked, (NAN, NAN)))
        except RuleError as error:
            keeper.reject(tracked, at, error.code, error.text)
            self.refused += 1
            return
        keeper.apply(Report(row.pk, events.Accepted(at=at, exchange_order_id=f"S{row.pk}")))
        keeper.commit({})
        self._fill(keeper, row, at)

    def _fill(self, keeper: Keeper, row: Order, at: int) -> None:
        """Some, all or none of it, some reports twice; what is left is withdrawn, or left for the day's end."""
        left = row.volume
        while left and self.random.random() < 0.8:
            lots = self.random.randint(1, left)
            price = self._near(row.instrument.code, 0.0005)
            traded = events.Traded(at=at, trade_id=f"{row.pk}-{left}", price=price, volume=lots)
            assert keeper.apply(Report(row.pk, traded))
            if self.random.random() < 0.2:
                assert not keeper.apply(Report(row.pk, traded))
            left -= lots
        if left and self.random.random() < 0.5:
            assert keeper.apply(Report(row.pk, events.Cancelled(at=at)))

    def _keeper(self) -> Keeper:
        held = take(lease_of(self.account), "test")
        held.release()
        keeper = Keeper(self.account, held.epoch)
        keeper.claim()
        keeper.load()
        return keeper

    def _move_cash(self) -> None:
        amount = Decimal(self.random.randint(1, 50_000_000)) / 100
        if self.random.random() < 0.5:
            command = services.deposit(None, self.account.code, amount)
        else:
            command = services.withdraw(None, self.account.code, amount)
            amount = -amount
        if command.status == "done":
            self.slow.take(CashEntry(float(amount)))

    def _tell_slow(self) -> None:
        fills = Fill.objects.filter(account=self.account, seq__gt=self.told).select_related("instrument")
        for fill in fills.order_by("seq", "part"):
            direction, offset = Direction[fill.direction.upper()], Offset[fill.offset.upper()]
            self.slow.take(FillEntry(fill.instrument.code, direction, offset, float(fill.price), fill.volume))
            self.told = fill.seq
            self.fills += 1

    def _terms(self, facts: Facts, day: date) -> dict[str, Terms]:
        return {code: facts.terms(code, day) for code in CODES}

    def _twin(self) -> SlowAccount:
        return deepcopy(self.slow)

    def _near(self, code: str, share: float) -> float:
        tick = CODES[code][1]
        steps = round(self.prices[code] * (1 + self.random.uniform(-share, share)) / tick)
        return round(steps * tick, 6)


def same(kept: Decimal, reckoned: Decimal) -> None:
    """To less than a cent."""
    assert abs(kept - reckoned) < DUST, (kept, reckoned)


def year_desk(code: str, seed: int) -> YearDesk:
    """An account of three million and its twin."""
    for name in CODES:
        ensure_instrument(name, date(2025, 1, 2))
    account = services.add_account(None, code, capital=CAPITAL)
    slow = SlowAccount({}, MarginPriceType.LAST, Decimal(0))  # asked for margins at the previous settlement prices
    slow.take(CashEntry(float(CAPITAL)))
    prices = {name: first for name, (first, _tick) in CODES.items()}
    return YearDesk(Random(seed), account, slow, prices, closing=Decimal(0))  # noqa: S311 - repeatable, not secret
