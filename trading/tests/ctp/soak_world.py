"""A world for long runs: a front that has everything go wrong, a market, and one account's gateway in between.

Everything is drawn from one seed. What is wrong at the end of a day is a difference between the broker's truth and our
rows, so the world waits for both to agree and tells what does not.
"""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from random import Random
from typing import Any
from uuid import uuid4

from django.db import connection
from django.utils import timezone

from marketdata.instruments import contract_of, ensure_instrument, trading_calendar
from marketdata.live_models import FeedState, InstrumentFeed
from quantsite.common.errors import ConflictError, MissingError, RuleError
from quantsite.common.times import ns_to_utc
from quantsite.testing.ctp.books import Investor
from quantsite.testing.ctp.front import Front
from trading import services
from trading.account_models import TradingAccount
from trading.books_models import BrokerComparison, BrokerRate
from trading.order_models import AccountCommand, Order
from trading.runner import AccountGateway
from trading.tests.ctp.soak_truth import wrong
from trading.tests.loop_bench import FIRST_DAY, Street
from trading.verbs.new_order import NewOrder

PRICES = {
    "rb2405.SHFE": 4000.0,
    "sc2405.INE": 560.0,
    "m2405.DCE": 3000.0,
    "TA405.CZCE": 5800.0,
    "IF2403.CFFEX": 3400.0,
    "si2406.GFEX": 14000.0,
}
TYPES = ("limit",) * 8 + ("fak", "fok", "market")
OPENING = 0.6  # hours after nine: all exchanges trade
PATIENCE = 30.0
"""Seconds within which everything must have come right again after a day of trouble."""


@dataclass
class Runner:
    """The account's gateway in a thread of this process; it may be stopped and started again."""

    code: str
    failed: list[BaseException] = field(default_factory=list)

    def start(self) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="gateway", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            AccountGateway(self.code).run(self._stop)
        except BaseException as error:  # noqa: BLE001 - told by the test's thread
            self.failed.append(error)
        finally:
            connection.close()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive(), "the gateway does not end"


class World:
    """See the module."""

    def __init__(self, front: Front, seed: int) -> None:
        self.random = Random(seed)  # noqa: S311 - a run that can be repeated
        self.front, self.street = front, Street()
        self.prices = dict(PRICES)
        self.day, self.days = FIRST_DAY, 0
        self.counts: dict[str, int] = {}
        for code, price in PRICES.items():
            self._list(code, price)
        front.day = f"{self.day:%Y%m%d}"
        self.me: Investor = front.open_account("9999", "100001", "secret", balance=50_000_000)
        self.me.margin_price = self.random.choice("14")
        told = {"status": "running", "market_time": ns_to_utc(self.street.now)}
        FeedState.objects.create(source=self.street.source, kind="test", **told)
        self.account = self._account()
        self.runner = Runner(self.account.code)

    def _list(self, code: str, price: float) -> None:
        row = ensure_instrument(code, FIRST_DAY)
        InstrumentFeed.objects.create(instrument=row, source=self.street.source, epoch=1)
        contract = contract_of(row)
        symbol, _, exchange = code.partition(".")
        fees = {"open_fee": (0.0001, 1.0), "close_fee": (0.0001, 0.5), "today_fee": (0.0003, 0.0)}
        self.front.contract(
            symbol, exchange, product=row.product.code, multiplier=int(contract.multiplier), tick=contract.price_tick,
            larger_side=row.max_margin_side, group=row.product.margin_group, pre_settlement=price,
            margin=(0.1, 0.0), short_margin=(0.12, 0.0), **fees,
        )  # fmt: skip

    def _account(self) -> TradingAccount:
        login = {
            "fronts": ["tcp://127.0.0.1:17001", "tcp://127.0.0.1:17002"],
            "broker_id": self.me.broker,
            "user_id": self.me.user,
            "password": self.me.password,
            "app_id": self.me.app_id,
            "auth_code": self.me.auth_code,
        }
        account = services.add_account(None, "soak", kind="ctp", login=login, margin_price=int(self.me.margin_price))
        TradingAccount.objects.filter(pk=account.pk).update(live_enabled=True)
        account.refresh_from_db()
        return account

    def did(self, what: str) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1

    # --- a day

    def begin(self) -> None:
        """The market opens, the gateway comes to it."""
        self.street.to(OPENING + self._nights(), day=self.street.day)
        for code in self.prices:
            self.quote(code)
        self.runner.start()
        self.wait(self.ready, "the gateway does not become ready")

    def _nights(self) -> float:
        return 24.0 * (self.day - FIRST_DAY).days

    def ready(self) -> bool:
        """Whether the session stands and the front has nobody in the doorway."""
        return any(peer.investor is self.me for peer in self.front.peers.values()) and self._trading()

    def _trading(self) -> bool:
        from_books = TradingAccount.objects.filter(pk=self.account.pk, state__trading_day=self.day)
        return from_books.exists() and self.me.confirmed == self.front.day

    def next_day(self) -> None:
        """The broker settles, its fronts come back on the next trading day, then the market opens."""
        closes = {self.symbol(code): self.tidy(code, price * self.random.uniform(0.99, 1.01)) for code, price in
                  self.prices.items()}  # fmt: skip
        self.front.settle(closes)
        day = trading_calendar().next_after(self.day)
        self.days += 1
        self.day = day
        self.street.to(OPENING + self._nights(), day=self.street.day + (day - self._before(day)).days)
        for code in self.prices:
            self.prices[code] = closes[self.symbol(code)]
        self.front.next_day(f"{day:%Y%m%d}")
        for code in self.prices:
            self.quote(code)
        self.wait(self.ready, "the gateway does not come to the next day")

    def _before(self, day: date) -> date:
        return trading_calendar().previous_before(day)

    # --- prices

    @staticmethod
    def symbol(code: str) -> str:
        return code.partition(".")[0]

    def tidy(self, code: str, price: float) -> float:
        contract = self.front.contracts[self.symbol(code)]
        low, high = contract.limits()
        steps = round(min(max(price, low), high) / contract.tick)
        return round(steps * contract.tick, 6)

    def quote(self, code: str) -> None:
        """The price of an instrument, told to exchange and platform."""
        price, contract = self.prices[code], self.front.contracts[self.symbol(code)]
        low, high = contract.limits()
        with self.front.lock:
            self.front.price(contract.symbol, price, self.tidy(code, price - contract.tick), price)
        figures: dict[str, Any] = {
            "upper_limit": high,
            "lower_limit": low,
            "pre_settlement": float(contract.pre_settlement),
        }
        book: dict[str, Any] = {"bid_price": self.tidy(code, price - contract.tick), "ask_price": price, "open": price}
        self.street.tick(price, code=code, **figures, **book)

    # --- what may happen

    def step(self) -> None:
        """One thing happens, drawn by weight."""
        acts = (
            (40, self.move), (30, self.order), (10, self.cancel), (4, self.foreign), (12, self.trouble),
            (2, self.lose), (1, self.replay), (1, self.transfer), (1, self.accept), (2, self.meet),
        )  # fmt: skip
        act: Callable[[], None] = self.random.choices([act for _, act in acts], [weight for weight, _ in acts])[0]
        self.did(act.__name__)
        act()
        assert not self.runner.failed, self.runner.failed

    def move(self) -> None:
        code = self.random.choice(list(self.prices))
        tick = self.front.contracts[self.symbol(code)].tick
        self.prices[code] = self.tidy(code, self.prices[code] + self.random.randint(-4, 4) * tick)
        self.quote(code)

    def order(self) -> None:
        """An order of ours near the market: opening, or closing what is held as the platform splits it."""
        code, direction = self.random.choice(list(self.prices)), self.random.choice(("buy", "sell"))
        kind = self.random.choice(TYPES)
        offset = self.random.choice(("open", "open", "open", "auto", "close", "close_today"))
        tick = self.front.contracts[self.symbol(code)].tick
        away = self.random.randint(-3, 3) * tick
        price = None if kind == "market" else self.tidy(code, self.prices[code] + away)
        lots = self.random.randint(1, 5)
        with suppress(RuleError, ConflictError, MissingError):  # refused at the door: nothing has happened
            services.create_order(
                None, self.account.code, NewOrder(code, direction, offset, kind, lots, uuid4().hex, price)
            )
            self.did("order taken")

    def cancel(self) -> None:
        working = list(Order.objects.filter(account=self.account).working().values_list("pk", flat=True))
        if working:
            with suppress(RuleError, ConflictError):  # it has just ended
                services.cancel_order(None, self.random.choice(working))

    def foreign(self) -> None:
        """Another terminal opens a lot."""
        code, buys = self.random.choice(list(self.prices)), self.random.random() < 0.5
        price = self.tidy(code, self.prices[code])
        self.front.foreign(self.me, self.symbol(code), "0" if buys else "1", "0", price=price, volume=1)

    def meet(self) -> None:
        """Two resting orders of the account trade with each other: both sides carry one TradeID."""
        with self.front.lock:
            resting = [order for order in self.me.alive() if order.fields["OrderStatus"] in "13"]
            pairs = [
                (buy, sell)
                for buy in resting
                for sell in resting
                if buy.side > sell.side and buy.fields["InstrumentID"] == sell.fields["InstrumentID"]
            ]
            if pairs:
                buy, sell = self.random.choice(pairs)
                lots, price = min(buy.left, sell.left), float(buy.price)
                number = f"S{len(self.me.trades):>11}"
                self.did("self-trade")
                for order in (buy, sell):
                    self.front.fill(self.me, order, lots, price, number)

    def accept(self) -> None:
        """The exchange takes one of the orders that it has kept waiting."""
        with self.front.lock:
            held = [order for order in self.me.orders if order.held and order.alive]
            if held:
                self.front.accept(self.me, self.random.choice(held))

    def transfer(self) -> None:
        self.front.transfer(self.me, self.random.choice((100_000, -50_000)))

    def lose(self) -> None:
        if self.random.random() < 0.2:
            self.front.lose_unconnected()
        self.front.lose(self.random.choice((0x1001, 0x1002, 0x2001, 0x2003)))

    def replay(self) -> None:
        self.front.replay(self.me)

    def trouble(self) -> None:
        """One more thing is planned to go wrong."""
        point, kind, terms = self.random.choice(TROUBLES)
        self.did(f"{point} {kind}")
        self.front.on(point, kind, **terms)

    def restart(self) -> None:
        """The process ends and another takes the account over."""
        self.did("restart")
        self.runner.stop()
        self.runner.start()

    # --- the end of a day

    def settle_down(self) -> list[str]:
        """Nothing goes wrong any more; gives what does not agree after everything had time to come right."""
        self.front.plan.clear()
        self.front.listen()
        while held := [order for order in self.me.orders if order.held and order.alive]:
            self.front.accept(self.me, held[0])
        end = time.monotonic() + PATIENCE
        while found := self.differences():
            if time.monotonic() > end:
                return found
            time.sleep(0.05)
        return []

    def told(self) -> list[str]:
        """What helps to find out why there is a difference."""
        newest = BrokerComparison.objects.first()
        lines = [line for line in (newest.lines or ()) if not line["agrees"]] if newest else ()
        rows = self.front.truth(self.me)["details"]
        lots = [
            f"{row['InstrumentID']} {row['Direction']} {row['Volume']} {row['OpenPrice']} {row['Margin']}"
            for row in rows
        ]
        rates = BrokerRate.objects.filter(account=self.account).values_list("instrument__code", "trading_day")
        asked = [f"{name} {fields['InstrumentID']}" for name, fields in self.front.heard if "Rate" in name]
        return [*map(str, lines), *lots, f"rates told: {list(rates)}", f"asked: {asked}"]

    def differences(self) -> list[str]:
        waiting = AccountCommand.objects.filter(account=self.account, status="queued").count()
        with self.front.lock:
            truth = self.front.truth(self.me)
            found = wrong(self.account, truth)
        agreed = BrokerComparison.objects.filter(account=self.account, trading_day=self.day, differences=0)
        return [
            *([f"{waiting} commands wait"] if waiting else []),
            *found,
            *([] if agreed.exists() else ["the gateway has not found its books to be the broker's today"]),
        ]

    def wait(self, condition: Callable[[], Any], complaint: str) -> None:
        end = time.monotonic() + PATIENCE
        while not condition():
            assert not self.runner.failed, self.runner.failed
            assert time.monotonic() < end, f"{complaint}: {self.front.plan.left()} {timezone.now()}"
            time.sleep(0.02)

    def close(self) -> None:
        self.runner.stop()
        self.street.publisher.close()


LATER = {"seconds": 0.05}
TROUBLES: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("ReqOrderInsert", "refuse", {"code": 116}), ("ReqOrderInsert", "reject", {}), ("ReqOrderInsert", "hold", {}),
    ("ReqOrderInsert", "lost", {}), ("ReqOrderInsert", "lost_after", {}), ("ReqOrderInsert", "slow", LATER),
    ("ReqOrderInsert", "rc", {"value": -1}), ("ReqOrderInsert", "rc", {"value": -2}),
    ("ReqOrderInsert", "rc", {"value": -3}), ("ReqOrderInsert", "refuse", {"code": 42}),
    ("ReqOrderInsert", "fills", {"volumes": [1]}), ("ReqOrderInsert", "fills", {"volumes": [1], "rest": "cancel"}),
    ("ReqOrderAction", "reject", {}), ("ReqOrderAction", "hold", {}), ("ReqOrderAction", "lost", {}),
    ("ReqOrderAction", "lost_after", {}), ("ReqOrderAction", "slow", LATER), ("ReqOrderAction", "rc", {"value": -3}),
    ("OnRtnOrder", "twice", {}), ("OnRtnOrder", "late", {}), ("OnRtnOrder", "slow", LATER), ("OnRtnOrder", "lost", {}),
    ("OnRtnOrder", "alter", {"fields": {"OrderStatus": "z"}, "where": {"OrderStatus": "3"}}),
    ("OnRtnTrade", "twice", {}), ("OnRtnTrade", "late", {}), ("OnRtnTrade", "slow", LATER), ("OnRtnTrade", "lost", {}),
    ("ReqQryOrder", "silent", {}), ("ReqQryOrder", "no_last", {}), ("ReqQryOrder", "slow", LATER),
    ("ReqQryTrade", "silent", {}), ("ReqQryTrade", "refuse", {"code": 90, "by": "OnRspError"}),
    ("ReqQryTradingAccount", "silent", {}), ("ReqQryTradingAccount", "refuse", {"code": 90}),
    ("ReqQryTradingAccount", "rc", {"value": -2}), ("ReqQryInvestorPosition", "slow", LATER),
    ("ReqQryInvestorPosition", "no_last", {}), ("ReqQryInvestorPositionDetail", "lost", {}),
    ("ReqQryInstrumentMarginRate", "rc", {"value": -3}), ("ReqUserLogin", "refuse", {"code": 7}),
    ("ReqUserLogin", "silent", {}), ("ReqUserLogin", "lost_after", {}), ("ReqAuthenticate", "lost", {}),
    ("ReqUserLogin", "blank", {}),
    ("ReqSettlementInfoConfirm", "silent", {}), ("ReqQrySettlementInfo", "lost", {}),
)  # fmt: skip
"""What may go wrong. Nothing here makes the broker lie: what it withholds it tells after the next login or question."""
