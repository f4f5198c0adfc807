"""The own books in the form in which they are compared with a broker's."""

import math
from dataclasses import replace

from trading.domain.account_book import AccountBook
from trading.domain.ctp.revalue import OwnBooks, OwnSide
from trading.domain.margin import margin_pair


def own_books(book: AccountBook) -> OwnBooks:
    """The books as they stand now; ``last_price`` is NaN where no price has come yet, whatever stands in for it."""
    told = book.to_document()["instruments"]
    sides = {}
    for row in book.positions():
        terms = book.terms(row.instrument)
        sides[row.instrument, row.side] = OwnSide(
            instrument=row.instrument,
            side=row.side,
            multiplier=terms.multiplier,
            volume=row.volume,
            today=row.today,
            frozen=row.frozen,
            last_price=told[row.instrument]["position"]["last"] or math.nan,
            position_cost=row.position_cost,
            open_cost=row.open_cost,
            position_profit=row.position_profit,
            margin=row.margin,
            by_money=margin_pair(terms.margins, row.side)[0],
            shared=terms.larger_side,
        )
    return OwnBooks(replace(book.funds), sides, book.broker.margin_price_type)
