"""Instruments of the fake front: terms, rates and the day's prices, as its queries tell them."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

SPLIT = frozenset({"SHFE", "INE"})  # today's and yesterday's lots are apart there


def money(value: Any) -> Decimal:
    """A price or an amount as an exact decimal, from the shortest text of a float."""
    return value if isinstance(value, Decimal) else Decimal(str(value))


@dataclass
class Contract:
    """One instrument; rates are ``(by money, by volume)`` pairs."""

    symbol: str
    exchange: str
    product: str = ""
    name: str = ""
    multiplier: int = 10
    tick: float = 1.0
    margin: tuple[float, float] = (0.1, 0.0)
    short_margin: tuple[float, float] | None = None
    open_fee: tuple[float, float] = (0.0001, 0.0)
    close_fee: tuple[float, float] = (0.0001, 0.0)
    today_fee: tuple[float, float] = (0.0001, 0.0)
    pre_settlement: Decimal = Decimal(0)
    last: Decimal | None = None
    bid: Decimal | None = None
    ask: Decimal | None = None
    settlement: Decimal | None = None  # only after the close
    limit: float = 0.1  # share of the previous settlement up and down
    max_volume: int = 500
    listed: str = "20260101"
    expires: str = "20301215"
    larger_side: bool = False
    group: str = ""  # contracts whose larger side is charged together; empty: this one alone
    trading: bool = True
    depth: dict[str, Any] = field(default_factory=dict)  # the last snapshot, told to a new subscriber

    def __post_init__(self) -> None:
        self.product = self.product or self.symbol.rstrip("0123456789")
        self.name = self.name or f"{self.product}合约"
        self.pre_settlement = money(self.pre_settlement)
        self.last = None if self.last is None else money(self.last)

    @property
    def mark(self) -> Decimal:
        """What positions are valued at: the settlement price, else the last one, else the previous settlement."""
        return self.settlement or self.last or self.pre_settlement

    def limits(self) -> tuple[float, float]:
        """Lowest and highest price of the day, on the tick grid."""
        tick, base = money(self.tick), self.pre_settlement
        low, high = base * (1 - money(self.limit)), base * (1 + money(self.limit))
        return float(-(-low // tick) * tick), float(high // tick * tick)

    def row(self) -> dict[str, Any]:
        """``InstrumentField``."""
        return {
            "InstrumentID": self.symbol,
            "ExchangeID": self.exchange,
            "ExchangeInstID": self.symbol,
            "InstrumentName": self.name,
            "ProductID": self.product,
            "ProductClass": "1",
            "DeliveryYear": int(self.expires[:4]),
            "DeliveryMonth": int(self.expires[4:6]),
            "MaxMarketOrderVolume": self.max_volume,
            "MinMarketOrderVolume": 1,
            "MaxLimitOrderVolume": self.max_volume,
            "MinLimitOrderVolume": 1,
            "VolumeMultiple": self.multiplier,
            "PriceTick": self.tick,
            "CreateDate": self.listed,
            "OpenDate": self.listed,
            "ExpireDate": self.expires,
            "StartDelivDate": self.expires,
            "EndDelivDate": self.expires,
            "InstLifePhase": "1",
            "IsTrading": int(self.trading),
            "PositionType": "2",
            "PositionDateType": "1" if self.exchange in SPLIT else "2",
            "LongMarginRatio": self.margin[0],
            "ShortMarginRatio": self.rate(-1)[0],
            "MaxMarginSideAlgorithm": "1" if self.larger_side else "0",
            "StrikePrice": None,
            "OptionsType": "",
            "UnderlyingMultiple": 1.0,
            "CombinationType": "0",
        }

    def rate(self, side: int) -> tuple[float, float]:
        """The margin pair of a side, 1 long, -1 short."""
        return self.margin if side > 0 or self.short_margin is None else self.short_margin

    def margin_row(self, broker: str, investor: str) -> dict[str, Any]:
        """``InstrumentMarginRateField``."""
        long, short = self.rate(1), self.rate(-1)
        return {
            "InstrumentID": self.symbol,
            "ExchangeID": self.exchange,
            "InvestorRange": "1",
            "BrokerID": broker,
            "InvestorID": investor,
            "HedgeFlag": "1",
            "IsRelative": 0,
            "LongMarginRatioByMoney": long[0],
            "LongMarginRatioByVolume": long[1],
            "ShortMarginRatioByMoney": short[0],
            "ShortMarginRatioByVolume": short[1],
        }

    def fee_row(self, broker: str, investor: str, named: str) -> dict[str, Any]:
        """``InstrumentCommissionRateField``; ``named`` is the instrument, or its product as many brokers answer."""
        return {
            "InstrumentID": named,
            "ExchangeID": self.exchange,
            "InvestorRange": "1",
            "BrokerID": broker,
            "InvestorID": investor,
            "BizType": "1",
            "OpenRatioByMoney": self.open_fee[0],
            "OpenRatioByVolume": self.open_fee[1],
            "CloseRatioByMoney": self.close_fee[0],
            "CloseRatioByVolume": self.close_fee[1],
            "CloseTodayRatioByMoney": self.today_fee[0],
            "CloseTodayRatioByVolume": self.today_fee[1],
        }

    def snapshot(self) -> dict[str, Any]:
        """The prices that every depth message carries, None where there is none."""
        low, high = self.limits()
        last = None if self.last is None else float(self.last)
        return {
            "InstrumentID": self.symbol,
            "ExchangeInstID": "",
            "LastPrice": last,
            "UpperLimitPrice": high,
            "LowerLimitPrice": low,
            "PreSettlementPrice": float(self.pre_settlement),
            "BidPrice1": None if self.bid is None else float(self.bid),
            "BidVolume1": 10,
            "AskPrice1": None if self.ask is None else float(self.ask),
            "AskVolume1": 10,
            "SettlementPrice": None if self.settlement is None else float(self.settlement),
        }
