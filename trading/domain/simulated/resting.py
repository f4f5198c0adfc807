"""How the trades and the book of one tick are shared out among resting orders.

Every trade and every displayed lot goes to one own order at most, so that together they never get more than was
traded or displayed. Orders come in the order in which they are served: the better price first, then the earlier.
"""

from collections.abc import Iterator, Sequence

from trading.domain.simulated.book import OTHER_SIDE, Book
from trading.domain.simulated.orders import Working
from trading.domain.simulated.prints import Prints, through

NOWHERE = 1 << 62
"""A price in ticks that no order reaches."""

Share = tuple[Working, int, int]
"""An order, the price in whole ticks and the lots of its fill."""


def auction_shares(orders: Sequence[Working], prints: Prints, price: int) -> Iterator[Share]:
    """What the opening auction at ``price`` fills: orders at that price or better; it is taken out of ``prints``.

    Others' orders at the opening price are not told anywhere, so ours come first.
    """
    for working in orders:
        if working.limit is None or working.order.direction * (working.limit - price) < 0:
            continue
        volume = _draw(prints, price, working.remaining)
        if volume:
            yield working, price, volume


def resting_shares(orders: Sequence[Working], prints: Prints, book: Book, since: int) -> Iterator[Share]:
    """What trades and book fill at the orders' own prices; both are used up and the queues move as they do.

    An order that arrived after ``since`` (the tick before) has no part in the trades: they may have been earlier.
    """
    lowest, highest = (min(prints), max(prints)) if prints else (NOWHERE, -NOWHERE)
    for working in orders:
        limit = working.limit
        if limit is None:
            continue
        reached = limit >= lowest if working.order.direction > 0 else limit <= highest
        traded = _of_trades(working, limit, prints) if reached and working.since <= since else 0
        displayed = _of_display(working, limit, book, working.remaining - traded)
        if traded + displayed:
            yield working, limit, traded + displayed


def update_queues(orders: Sequence[Working], book: Book) -> None:
    """No queue is longer than what is displayed at its price; one not known yet is known once it is displayed."""
    for working in orders:
        if working.limit is None or working.queue == 0:
            continue
        shown = book.shown(working.order.direction, working.limit)
        if shown is not None:
            working.queue = shown if working.queue is None else min(working.queue, shown)


def _of_trades(working: Working, limit: int, prints: Prints) -> int:
    """Trades at the order's price serve the queue first; trades through it emptied the queue and serve the order."""
    wanted, got = working.remaining, 0
    at_price = prints.get(limit, 0)
    if at_price and working.queue is not None:
        ahead = min(working.queue, at_price)
        working.queue -= ahead
        if at_price > ahead:
            got = min(wanted, at_price - ahead)
            prints[limit] -= got
    for price in through(prints, limit, working.order.direction):
        working.queue = 0
        got += _draw(prints, price, wanted - got)
    return got


def _of_display(working: Working, limit: int, book: Book, wanted: int) -> int:
    """Lots displayed by the other side at the order's price or better: they would have met it."""
    other = OTHER_SIDE[working.order.direction]
    best = book.levels(other)
    if not best or working.order.direction * (limit - best[0][0]) < 0:
        return 0
    got = 0
    for price, lots in book.available(other, limit):
        volume = min(lots, wanted - got)
        if volume:
            book.take(other, price, volume)
            got += volume
    return got


def _draw(prints: Prints, price: int, wanted: int) -> int:
    volume = min(wanted, prints.get(price, 0))
    if volume:
        prints[price] -= volume
    return volume
