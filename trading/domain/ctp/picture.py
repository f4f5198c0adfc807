"""What a CTP broker says of an account at one moment: its funds, what is held on each side, and the lots of it.

Money in yuan, volumes in lots, prices in the quoted unit. What the broker did not tell is None.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from trading.domain.offsets import Side

SideKey = tuple[str, Side]
"""Instrument code and side."""


@dataclass(frozen=True, slots=True)
class BrokerFunds:
    """The entries of ``CThostFtdcTradingAccountField``; ``position_profit`` is that of the moment it was asked at.

    ``credits`` is what stands in the balance beside a day's entries (mortgage and credit), ``withheld`` what the
    broker keeps out of the available funds beside margin and what orders freeze (delivery margin, reserve) less credit.
    """

    pre_balance: float | None
    deposit: float | None
    withdraw: float | None
    cash_in: float | None
    commission: float | None
    close_profit: float | None
    position_profit: float | None
    balance: float | None
    margin: float | None
    frozen_margin: float | None
    frozen_commission: float | None
    frozen_cash: float | None
    available: float | None
    credits: float = 0.0
    withheld: float = 0.0

    @property
    def start(self) -> float | None:
        """The balance less everything of the day: what the day began with, credits included; None if not told."""
        parts = (self.balance, self.deposit, self.withdraw, self.position_profit, self.close_profit, self.commission)
        if any(part is None for part in parts):
            return None
        balance, deposit, withdraw, floating, closed, commission = (part or 0.0 for part in parts)
        return balance - deposit + withdraw - floating - closed - (self.cash_in or 0.0) + commission


@dataclass(frozen=True, slots=True)
class BrokerLot:
    """What one opening left (``CThostFtdcInvestorPositionDetailField``); ``opened`` is the broker's word for its day.

    ``settled_at`` is the last settlement price, of lots older than the trading day.
    """

    side: Side
    open_price: float
    volume: int
    opened: date | None
    settled_at: float | None
    trade_id: str = ""


@dataclass(frozen=True, slots=True)
class BrokerPosition:
    """One side of an instrument, the rows of its dates and hedge flags together (``CThostFtdcInvestorPositionField``).

    ``frozen`` are lots held back by working closes, of a long position those that stand in its ``ShortFrozen``.
    """

    instrument: str
    side: Side
    multiplier: float
    volume: int
    today: int
    frozen: int
    position_cost: float | None
    open_cost: float | None
    position_profit: float | None
    margin: float | None
    pre_settlement: float | None
    lots: tuple[BrokerLot, ...] = ()

    @property
    def average(self) -> float | None:
        """The mean price by date: cost over what it is the cost of."""
        return None if self.position_cost is None else self.position_cost / (self.volume * self.multiplier)

    @property
    def open_average(self) -> float | None:
        """The mean opening price."""
        return None if self.open_cost is None else self.open_cost / (self.volume * self.multiplier)

    @property
    def implied_price(self) -> float | None:
        """The price at which the broker's own profit holds; None where it told no profit or no cost."""
        if self.position_profit is None or self.position_cost is None:
            return None
        return (self.position_cost + self.side * self.position_profit) / (self.volume * self.multiplier)


@dataclass(frozen=True, slots=True)
class BrokerPicture:
    """Funds and positions from answers between which no order event of the account fell; times in ns UTC.

    ``settlements`` are the last settlement prices by instrument, of what was held at the day's start too;
    ``unknown`` are the lots held of what nobody here knows (options, contracts missing from the table).
    """

    trading_day: date
    asked_at: int
    done_at: int
    funds: BrokerFunds
    positions: Mapping[SideKey, BrokerPosition]
    settlements: Mapping[str, float]
    close_profit_by_trade: float = 0.0
    unknown: Mapping[str, int] = field(default_factory=dict)
