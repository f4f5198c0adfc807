"""The own books at the broker's prices: what may be compared although the market moved between two looks.

A broker's floating figures hold at a price that it does not tell. Its own profit and cost imply it, side by side; the
funds were asked at another moment than the positions, and what moved in between is told by the difference of their
two sums of profit. Where books agree, the revalued figures are the broker's whatever the prices did.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from trading.domain.balance import Funds, available, withheld_profit
from trading.domain.ctp.picture import BrokerPicture, BrokerPosition, SideKey
from trading.domain.margin import MarginPriceType
from trading.domain.offsets import Side
from trading.domain.profit import profit

FLOATING = frozenset({MarginPriceType.LAST, MarginPriceType.AVERAGE})
"""Where today's lots are margined at a price that moves."""


@dataclass(frozen=True, slots=True)
class OwnSide:
    """One side of an instrument in the own books, marked at ``last_price``; ``by_money`` is its margin rate.

    ``shared``: its margin counts only as far as it is the larger one of several sides.
    """

    instrument: str
    side: Side
    multiplier: float
    volume: int
    today: int
    frozen: int
    last_price: float
    position_cost: float
    open_cost: float
    position_profit: float
    margin: float
    by_money: float = 0.0
    shared: bool = False


@dataclass(frozen=True, slots=True)
class OwnBooks:
    """The own books as they stand: ``funds`` with what orders freeze, and every side that holds lots."""

    funds: Funds
    sides: Mapping[SideKey, OwnSide]
    margin_price: MarginPriceType


@dataclass(frozen=True, slots=True)
class Revalued:
    """The own figures at the broker's prices, in yuan; None where nothing tells at which price.

    ``sides`` are profit and margin of each side; a ``margin`` that floats is the broker's own: ``steady`` is false.
    """

    sides: Mapping[SideKey, tuple[float, float | None]]
    position_profit: float
    margin: float
    balance: float
    available: float
    steady: bool


def revalued(own: OwnBooks, broker: BrokerPicture) -> Revalued:
    """The own books at the prices of the broker's picture."""
    sides = {key: _side(side, broker.positions.get(key), own.margin_price) for key, side in own.sides.items()}
    floating = math.fsum([each for each, _margin in sides.values()]) + _moved_between(broker)
    funds = own.funds
    steady = own.margin_price not in FLOATING or not any(side.today for side in own.sides.values())
    told = broker.funds.margin
    margin = funds.margin if steady or told is None else told
    balance = funds.balance - funds.position_profit + floating
    withheld = withheld_profit(floating, funds.close_profit, funds.algorithm, funds.include_close_profit)
    free = available(balance, margin, funds.frozen_margin, funds.frozen_commission, funds.frozen_cash, withheld)
    return Revalued(sides, floating, margin, balance, free - broker.funds.withheld, steady)


def _side(own: OwnSide, broker: BrokerPosition | None, margin_price: MarginPriceType) -> tuple[float, float | None]:
    mark = None if broker is None else broker.implied_price
    if mark is None:
        return own.position_profit, own.margin
    held = own.volume * own.multiplier
    floating = profit(own.side, own.position_cost / held, mark, own.volume, own.multiplier)
    if margin_price not in FLOATING or not own.today:
        return floating, own.margin
    if margin_price is MarginPriceType.AVERAGE or math.isnan(own.last_price):
        return floating, None
    return floating, own.margin + (mark - own.last_price) * own.today * own.multiplier * own.by_money


def _moved_between(broker: BrokerPicture) -> float:
    """What prices made of the floating profit between the answers of positions and funds."""
    rows = [row.position_profit for row in broker.positions.values()]
    told = broker.funds.position_profit
    if told is None or broker.unknown:
        return 0.0
    return told - math.fsum([row for row in rows if row is not None])
