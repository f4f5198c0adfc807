"""What an account holds in one instrument on one side, in figures for readers and statements."""

from dataclasses import dataclass

from trading.domain.account_orders import SideVolume
from trading.domain.offsets import Side
from trading.domain.position import Position
from trading.domain.profit import profit


@dataclass(frozen=True, slots=True)
class PositionFigures:
    """One side of one instrument; volumes in lots, money in yuan, ``*_price`` mean prices.

    ``yesterday`` are the lots older than this trading day that are still held. By date (``base_price``,
    ``position_profit``, ``position_cost``) counts from the previous settlement or a later opening, by trade
    (``open_*``) from the opening. ``last_price`` is what it is marked at; ``margin`` is this side's own, before the
    relief of the larger side.
    """

    instrument: str
    side: Side
    volume: int
    today: int
    yesterday: int
    frozen_today: int
    frozen_yesterday: int
    open_price: float
    base_price: float
    last_price: float
    position_profit: float
    open_profit: float
    margin: float
    position_cost: float
    open_cost: float

    @property
    def frozen(self) -> int:
        """Lots held back by working closes."""
        return self.frozen_today + self.frozen_yesterday


def figures_of(instrument: str, side: Side, position: Position, volumes: SideVolume, margin: float) -> PositionFigures:
    """The figures of a side that holds lots."""
    lots = position.lots(side)
    volume = position.volume(side)
    by_date = by_trade = 0.0
    for lot in lots:
        mark = position.mark_price(lot)
        by_date += profit(side, lot.base_price, mark, lot.volume, position.multiplier)
        by_trade += profit(side, lot.open_price, mark, lot.volume, position.multiplier)
    position_cost, open_cost = position.position_cost(side), position.open_cost(side)
    return PositionFigures(
        instrument=instrument,
        side=side,
        volume=int(volume),
        today=volumes.today,
        yesterday=volumes.yesterday,
        frozen_today=volumes.frozen_today,
        frozen_yesterday=volumes.frozen_yesterday,
        open_price=open_cost / (volume * position.multiplier),
        base_price=position_cost / (volume * position.multiplier),
        last_price=position.mark_price(lots[0]),
        position_profit=by_date,
        open_profit=by_trade,
        margin=margin,
        position_cost=position_cost,
        open_cost=open_cost,
    )
