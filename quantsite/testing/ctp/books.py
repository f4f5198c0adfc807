"""The truth of one investor at the fake front: lots, orders, trades and funds by CTP's formulas."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from quantsite.testing.ctp.contracts import SPLIT, Contract, money
from quantsite.testing.ctp.lots import CLOSE_TODAY, PRE_SETTLEMENT, Lot, close, fee, floating, margin, takes

ZERO = Decimal(0)
DONE = frozenset("05")


@dataclass
class Order:
    """One order: ``fields`` is the ``OrderField`` as it stands; ``volumes`` the closing volumes still to take."""

    fields: dict[str, Any]
    held: bool = False  # accepted by the front, not yet by the exchange

    @property
    def alive(self) -> bool:
        return self.fields["OrderStatus"] not in DONE

    @property
    def side(self) -> int:
        """1 buys, -1 sells."""
        return 1 if self.fields["Direction"] == "0" else -1

    @property
    def offset(self) -> str:
        return str(self.fields["CombOffsetFlag"])[:1]

    @property
    def left(self) -> int:
        return int(self.fields["VolumeTotal"])

    @property
    def price(self) -> Decimal:
        return money(self.fields["LimitPrice"])

    @property
    def key(self) -> tuple[int, int, str]:
        return self.fields["FrontID"], self.fields["SessionID"], self.fields["OrderRef"]


@dataclass
class Funds:
    """Amounts of the trading day that no lot carries."""

    pre_balance: Decimal = ZERO
    pre_margin: Decimal = ZERO
    deposit: Decimal = ZERO
    withdraw: Decimal = ZERO
    commission: Decimal = ZERO


@dataclass
class Investor:
    """An account at the broker, with the credentials that it is opened with."""

    broker: str
    user: str
    password: str
    contracts: dict[str, Contract]
    app_id: str = "client_app_1"
    auth_code: str = "0000000000000000"
    margin_price: str = "4"  # MarginPriceType: 4 open price, 1 previous settlement
    funds: Funds = field(default_factory=Funds)
    lots: list[Lot] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)
    trades: list[dict[str, Any]] = field(default_factory=list)
    flow: list[tuple[str, list[Any]]] = field(default_factory=list)  # the private flow of the trading day
    fees: dict[tuple[str, int, bool], Decimal] = field(default_factory=dict)
    confirmed: str = ""  # trading day whose statement was confirmed
    statement: str = ""

    def alive(self, symbol: str = "") -> Iterator[Order]:
        return (order for order in self.orders if order.alive and symbol in ("", order.fields["InstrumentID"]))

    def open_lots(self, symbol: str, side: int) -> list[Lot]:
        return [lot for lot in self.lots if (lot.symbol, lot.side) == (symbol, side) and lot.volume]

    def closable(self, contract: Contract, side: int, offset: str) -> int:
        """Lots of a position's side that a close with this flag may still take."""
        held = sum(lot.volume for lot in self.open_lots(contract.symbol, side) if takes(lot, contract, offset))
        return held - self.frozen(contract, side, offset == CLOSE_TODAY)

    def frozen(self, contract: Contract, side: int, today: bool) -> int:
        """Lots of a position's side that resting closes hold, of today's or older ones where they are apart."""
        resting = [order for order in self.alive(contract.symbol) if order.offset != "0" and order.side == -side]
        apart = contract.exchange in SPLIT
        return sum(order.left for order in resting if not apart or (order.offset == CLOSE_TODAY) == today)

    def freeze_margin(self, order: Order) -> Decimal:
        """What the rest of an opening order holds: margin at its limit price, or at the previous settlement."""
        if order.offset != "0" or not order.alive:
            return ZERO
        contract = self.contracts[order.fields["InstrumentID"]]
        by_money, by_volume = map(money, contract.rate(order.side))
        price = contract.pre_settlement if self.margin_price == PRE_SETTLEMENT else order.price
        return price * contract.multiplier * order.left * by_money + order.left * by_volume

    def freeze_fee(self, order: Order) -> Decimal:
        """What the rest of an order holds as commission; a close the dearer pair of the lots it may take."""
        contract = self.contracts[order.fields["InstrumentID"]]
        if order.offset == "0":
            pairs = [contract.open_fee]
        else:
            hit = [lot for lot in self.open_lots(contract.symbol, -order.side) if takes(lot, contract, order.offset)]
            pairs = [contract.today_fee if lot.today else contract.close_fee for lot in hit]
        return max((fee(contract, pair, order.price, order.left) for pair in pairs), default=ZERO)

    def fill(self, order: Order, volume: int, price: Decimal, trade: str, day: str) -> None:
        """Book one trade: a new lot, or closed ones, and its commission."""
        contract = self.contracts[order.fields["InstrumentID"]]
        if order.offset == "0":
            self.lots.append(Lot(contract.symbol, order.side, volume, price, price, day, trade))
            self._charge(contract, order.side, True, fee(contract, contract.open_fee, price, volume))
            return
        for lot in self.open_lots(contract.symbol, -order.side):
            if volume and takes(lot, contract, order.offset):
                part = min(volume, lot.volume)
                close(lot, contract, part, price)
                pair = contract.today_fee if lot.today else contract.close_fee
                self._charge(contract, lot.side, lot.today, fee(contract, pair, price, part))
                volume -= part

    def _charge(self, contract: Contract, side: int, today: bool, amount: Decimal) -> None:
        self.funds.commission += amount
        key = (contract.symbol, side, today)
        self.fees[key] = self.fees.get(key, ZERO) + amount

    def margins(self) -> Decimal:
        """CurrMargin: both sides, or the larger one of an instrument or its group where it says so."""
        sides: dict[tuple[str, int], Decimal] = {}
        for lot in self.lots:
            contract = self.contracts[lot.symbol]
            key = (contract.group or contract.symbol, lot.side)
            sides[key] = sides.get(key, ZERO) + margin(lot, contract, self.margin_price)
        larger = {one.group or one.symbol for one in self.contracts.values() if one.larger_side}
        pairs = {name: (sides.get((name, 1), ZERO), sides.get((name, -1), ZERO)) for name, _ in sides}
        return sum((max(pair) if name in larger else sum(pair, ZERO) for name, pair in pairs.items()), ZERO)

    def close_profit(self) -> Decimal:
        return sum((lot.profit_by_date for lot in self.lots), ZERO)

    def position_profit(self) -> Decimal:
        return sum((floating(lot, self.contracts[lot.symbol]) for lot in self.lots), ZERO)

    def balance(self) -> Decimal:
        funds = self.funds
        moved = funds.pre_balance + funds.deposit - funds.withdraw - funds.commission
        return moved + self.close_profit() + self.position_profit()

    def frozen_margin(self) -> Decimal:
        return sum(map(self.freeze_margin, self.alive()), ZERO)

    def frozen_fee(self) -> Decimal:
        return sum(map(self.freeze_fee, self.alive()), ZERO)

    def available(self) -> Decimal:
        return self.balance() - self.margins() - self.frozen_margin() - self.frozen_fee()

    def settle(self) -> None:
        """The day's end: orders expire, the balance is carried over, every lot is from now on an older one."""
        for order in self.alive():
            order.fields.update(OrderStatus="5", StatusMsg="收盘自动撤单")
        self.funds = Funds(pre_balance=self.balance())
        self.lots = [lot for lot in self.lots if lot.volume]
        for lot in self.lots:
            lot.base, lot.today, lot.closed, lot.at_start = self.contracts[lot.symbol].mark, False, 0, lot.volume
            lot.close_amount = lot.profit_by_date = lot.profit_by_trade = ZERO
        self.funds.pre_margin = self.margins()
        self.orders, self.trades, self.flow, self.fees = [], [], [], {}
