"""What a fill did to an account, as it is told and stored."""

from collections.abc import Iterable
from typing import NamedTuple

from trading.domain.ledger import Closing
from trading.domain.offsets import Direction, Offset


class BookedFill(NamedTuple):
    """What one fill did to lots of one kind: profits in yuan before ``commission``, 0 for an opening.

    ``offset`` is the recorded one: it names the fee that was paid, and replays to the same lots.
    """

    direction: Direction
    offset: Offset
    price: float
    volume: int
    commission: float
    close_profit_by_date: float
    close_profit_by_trade: float


def booked_fills(direction: Direction, price: float, closings: Iterable[Closing]) -> list[BookedFill]:
    """One row for today's lots and one for older ones, in the order in which they were hit."""
    rows: dict[Offset, BookedFill] = {}
    for closing in closings:
        lot = closing.lot
        before = rows.get(closing.offset) or BookedFill(direction, closing.offset, price, 0, 0.0, 0.0, 0.0)
        rows[closing.offset] = before._replace(
            volume=before.volume + int(lot.volume),
            commission=before.commission + closing.commission,
            close_profit_by_date=before.close_profit_by_date + lot.profit_by_date,
            close_profit_by_trade=before.close_profit_by_trade + lot.profit_by_trade,
        )
    return list(rows.values())
