"""Lots of the fake's truth: what a close takes, what it earns, and the margin of what is left."""

from dataclasses import dataclass
from decimal import Decimal

from quantsite.testing.ctp.contracts import SPLIT, Contract, money

CLOSE, FORCE, CLOSE_TODAY, CLOSE_YESTERDAY = "1", "2", "3", "4"


@dataclass
class Lot:
    """Volume of one opening trade; ``base`` is what profit and margin count from: its price, later the settlement."""

    symbol: str
    side: int
    volume: int
    price: Decimal
    base: Decimal
    opened: str
    trade: str
    today: bool = True
    closed: int = 0
    close_amount: Decimal = Decimal(0)
    profit_by_date: Decimal = Decimal(0)
    profit_by_trade: Decimal = Decimal(0)
    at_start: int = 0  # volume when the trading day began


def takes(lot: Lot, contract: Contract, offset: str) -> bool:
    """Whether a close with this flag may take the lot: SHFE and INE keep today apart, the others do not ask."""
    if contract.exchange not in SPLIT:
        return True
    return lot.today == (offset == CLOSE_TODAY)


def close(lot: Lot, contract: Contract, volume: int, price: Decimal) -> None:
    """Take ``volume`` of the lot away at ``price`` and book its profit both ways."""
    scale = lot.side * volume * contract.multiplier
    lot.volume -= volume
    lot.closed += volume
    lot.close_amount += price * volume * contract.multiplier
    lot.profit_by_date += (price - lot.base) * scale
    lot.profit_by_trade += (price - lot.price) * scale


PRE_SETTLEMENT = "1"
"""``MarginPriceType`` where today's lots are margined at the previous settlement; with 4 it is the open price."""


def margin(lot: Lot, contract: Contract, price_type: str) -> Decimal:
    """Margin of what is open: older lots at the previous settlement, today's as the broker has it."""
    by_money, by_volume = map(money, contract.rate(lot.side))
    price = contract.pre_settlement if lot.today and price_type == PRE_SETTLEMENT else lot.base
    return price * contract.multiplier * lot.volume * by_money + lot.volume * by_volume


def floating(lot: Lot, contract: Contract) -> Decimal:
    """Position profit by date, at the contract's mark."""
    return (contract.mark - lot.base) * lot.side * lot.volume * contract.multiplier


def fee(contract: Contract, pair: tuple[float, float], price: Decimal, volume: int) -> Decimal:
    """Commission of one fill, both terms."""
    return price * contract.multiplier * volume * money(pair[0]) + volume * money(pair[1])
