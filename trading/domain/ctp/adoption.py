"""The books as a broker's picture says they are: the document from which an account goes on."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from marketdata.domain.calendar import to_day_number
from quantsite.common.times import NS_PER_SECOND
from trading.domain.account_document import VERSION, Document, write_position, write_terms
from trading.domain.ctp.picture import BrokerLot, BrokerPicture, BrokerPosition
from trading.domain.ledger import Terms
from trading.domain.offsets import Side
from trading.domain.position import Lot, Position

TermsOf = Callable[[str], Terms]
"""What an instrument costs on the picture's trading day."""
SECONDS_A_DAY = 86_400
SHANGHAI_SECONDS = 8 * 3600
MISSING = "the broker's picture tells no"


def adopted_document(picture: BrokerPicture, terms_of: TermsOf) -> Document:
    """The document of an account book that stands where the broker's picture does.

    Raises ``ValueError`` where the picture tells too little: an entry of the funds, or the cost of a side.
    """
    codes = sorted({code for code, _side in picture.positions})
    return {
        "version": VERSION,
        "funds": _funds(picture),
        "close_profit_by_trade": picture.close_profit_by_trade,
        "instruments": {code: _instrument(code, picture, terms_of(code)) for code in codes},
    }


def _funds(picture: BrokerPicture) -> dict[str, float]:
    told = picture.funds
    entries = {
        "pre_balance": told.start,
        "deposit": told.deposit,
        "withdraw": told.withdraw,
        "cash_in": told.cash_in or 0.0,
        "commission": told.commission,
        "close_profit": told.close_profit,
    }
    missing = [name for name, value in entries.items() if value is None]
    if missing:
        raise ValueError(f"{MISSING} {', '.join(missing)}")
    return {name: value for name, value in entries.items() if value is not None}


def _instrument(code: str, picture: BrokerPicture, terms: Terms) -> dict[str, Any]:
    position = Position(terms.multiplier)
    position.pre_settlement = picture.settlements.get(code, math.nan)
    for side in Side:
        held = picture.positions.get((code, side))
        if held is not None:
            position.lots(side).extend(lots_of(held, picture.trading_day))
            price = held.implied_price
            position.last = position.last if price is None else price
    exchange = code.rpartition(".")[2]
    return {"terms": write_terms(exchange, picture.trading_day, terms), "position": write_position(position)}


def lots_of(held: BrokerPosition, day: date) -> list[Lot]:
    """The lots of a side, oldest first; the newest ones are today's, as many as the broker says.

    Dates of a night differ by exchange, so they only order the lots. What the details leave out is one more lot at
    the mean price of the rest.
    """
    told = _whole(held, sorted(held.lots, key=lambda lot: (lot.opened or date.min, lot.trade_id)))
    lots: list[Lot] = []
    older = held.volume - held.today
    for lot in told:
        before = min(lot.volume, older)
        older -= before
        lots += [_lot(lot, before, held, day, today=False)] if before else []
        lots += [_lot(lot, lot.volume - before, held, day, today=True)] if lot.volume > before else []
    return lots


def _whole(held: BrokerPosition, told: Sequence[BrokerLot]) -> list[BrokerLot]:
    """Lots that come to the volume of the side: the oldest beyond it are left out, what is missing is made up."""
    found: list[BrokerLot] = []
    left = held.volume
    for lot in reversed(told):
        taken = min(lot.volume, left)
        left -= taken
        found += [replace(lot, volume=taken)] if taken else []
    found.reverse()
    if left:
        found.insert(0, BrokerLot(held.side, _mean_of_rest(held, found, left), left, None, held.pre_settlement))
    return found


def _mean_of_rest(held: BrokerPosition, known: Iterable[BrokerLot], left: int) -> float:
    if held.open_average is None:
        raise ValueError(f"{MISSING} opening cost of {held.instrument}")
    cost = held.open_average * held.volume - math.fsum(lot.open_price * lot.volume for lot in known)
    price = cost / left
    return price if price > 0 else held.open_average


def _lot(lot: BrokerLot, volume: int, held: BrokerPosition, day: date, *, today: bool) -> Lot:
    settled = lot.settled_at or held.pre_settlement or lot.open_price
    opened = day if today else lot.opened or day
    return Lot(
        side=held.side,
        open_price=lot.open_price,
        base_price=lot.open_price if today else settled,
        volume=float(volume),
        commission=0.0,
        opened_at=(to_day_number(opened) * SECONDS_A_DAY - SHANGHAI_SECONDS) * NS_PER_SECOND,
        trading_day=to_day_number(opened),
        today=today,
    )
