"""The compiled ledger: lots, fills and settlement of one account, over the rules of ``trading.domain``.

Every formula is the function of ``trading.domain`` itself, compiled as it stands. Orders net, so a leg holds lots
of one side only, the oldest at ``HEAD``.
"""

import math

from backtests.domain.kernel_cache import compiled
from backtests.domain.kernel_state import (
    AS_IT_IS,
    BAR,
    BASE,
    BOUGHT_DAY,
    CLOSE_LOT,
    CLOSE_MONEY,
    CLOSE_PROFIT,
    COMMISSION,
    DAY,
    DAY_LOST,
    DAY_PAID,
    DAY_SLIPPAGE,
    ENTRY,
    ENTRY_BAR,
    EQUITY,
    EXIT,
    EXIT_BAR,
    FILL_BAR,
    FILL_LEG,
    FILL_LOST,
    FILL_OFFSET,
    FILL_ORDER,
    FILL_PAID,
    FILL_PRICE,
    FILL_PROFIT,
    FILL_SIDE,
    FILL_VOLUME,
    FILLED,
    FILLS,
    FREE,
    GAP,
    HEAD,
    HELD,
    LAST,
    LONG_LOT,
    LONG_MONEY,
    LOT_DUST,
    LOTS,
    MARGIN,
    MULTIPLIER,
    NEEDED,
    NET,
    NET_PROFIT,
    OPEN_LOT,
    OPEN_MONEY,
    OPEN_PRICE,
    PAID,
    POSITION,
    PRE_BALANCE,
    PRE_SETTLE,
    REFUSED,
    REFUSED_ROW,
    REJECTED,
    SHORT_LOT,
    SHORT_MONEY,
    TAIL,
    TELL,
    TICK,
    TODAY_LOT,
    TODAY_MONEY,
    TOLD_HELD,
    TOLD_KIND,
    TOLD_LEG,
    TOLD_OFFSET,
    TOLD_ORDER,
    TOLD_PRICE,
    TOLD_ROW,
    TOLD_SIDE,
    TOLD_VOLUME,
    TRADE_LEG,
    TRADE_SIDE,
    TRADES,
    UPDATES,
    VOLUME,
    Book,
    Tape,
    constant,
)  # fmt: skip
from trading.domain import balance as funds
from trading.domain import fees, matching
from trading.domain import margin as margins
from trading.domain import profit as profits
from trading.domain.margin import MarginPriceType
from trading.domain.offsets import Offset

OPEN, CLOSE, CLOSE_TODAY = constant(Offset.OPEN), constant(Offset.CLOSE), constant(Offset.CLOSE_TODAY)
AT_OPEN_PRICE = int(MarginPriceType.OPEN)

commission = compiled(fees.commission)
lot_margin = compiled(margins.margin)
margin_price = compiled(margins.margin_price)
profit = compiled(profits.profit)
balance = compiled(funds.balance)
available = compiled(funds.available)
slippage_cost = compiled(matching.slippage_cost)


@compiled
def tell(
    book: Book, kind: int, row: int, leg: int, side: int, offset: int, price: float, volume: float, order: int
) -> None:
    """Note an update for the strategy, if it listens."""
    if not book.switches[TELL]:
        return
    at = book.counts[UPDATES]
    marks, numbers = book.update_marks[at], book.updates[at]
    marks[TOLD_KIND], marks[TOLD_ROW], marks[TOLD_SIDE] = kind, row, side
    marks[TOLD_OFFSET], marks[TOLD_ORDER], marks[TOLD_LEG] = offset, order, leg
    numbers[TOLD_PRICE], numbers[TOLD_VOLUME], numbers[TOLD_HELD] = price, volume, book.leg_numbers[leg, HELD]
    book.counts[UPDATES] = at + 1


@compiled
def note_fill(
    tape: Tape, book: Book, row: int, side: int, offset: int, price: float, volume: float, paid: float,
    made: float, ticks: float, order: int,
) -> None:  # fmt: skip
    """Write one row of fills; what is held and what slippage cost follow."""
    leg = tape.leg[row]
    rates = tape.rates[tape.terms[book.counts[DAY], leg]]
    lost = slippage_cost(volume, rates[MULTIPLIER], ticks, rates[TICK])
    at = book.counts[FILLS]
    numbers, marks = book.fills[at], book.fill_marks[at]
    numbers[FILL_PRICE], numbers[FILL_VOLUME], numbers[FILL_PAID] = price, volume, paid
    numbers[FILL_LOST], numbers[FILL_PROFIT] = lost, made
    marks[FILL_BAR], marks[FILL_LEG], marks[FILL_SIDE] = tape.bar[row], leg, side
    marks[FILL_OFFSET], marks[FILL_ORDER] = offset, order
    book.counts[FILLS] = at + 1
    book.account[DAY_SLIPPAGE] += lost
    held = book.leg_numbers[leg, HELD] + side * volume
    book.leg_numbers[leg, HELD] = held if abs(held) > LOT_DUST else 0.0
    tell(book, FILLED, row, leg, side, offset, price, volume, order)


@compiled
def position_profit(tape: Tape, book: Book) -> float:
    """Floating profit by date of all legs at their marks."""
    total = 0.0
    day = book.counts[DAY]
    for leg in range(len(book.leg_marks)):
        held = book.leg_numbers[leg, HELD]
        if held == 0.0:
            continue
        mark, side = book.leg_numbers[leg, LAST], 1 if held > 0.0 else -1
        multiplier = tape.rates[tape.terms[day, leg], MULTIPLIER]
        for at in range(book.leg_marks[leg, HEAD], book.leg_marks[leg, TAIL]):
            base = book.lots[leg, at, BASE]
            total += profit(side, base, base if math.isnan(mark) else mark, book.lots[leg, at, VOLUME], multiplier)
    return total


@compiled
def margin_of_lot(tape: Tape, book: Book, leg: int, at: int, volume: float) -> float:
    """Margin of ``volume`` lots out of one batch: at its open price today, at the last settlement later."""
    day = book.counts[DAY]
    rates = tape.rates[tape.terms[day, leg]]
    today = book.lot_places[leg, at, BOUGHT_DAY] == day
    price = margin_price(
        today, AT_OPEN_PRICE, book.lots[leg, at, OPEN_PRICE], math.nan, math.nan, book.leg_numbers[leg, PRE_SETTLE]
    )
    if book.leg_numbers[leg, HELD] > 0.0:
        return lot_margin(price, volume, rates[MULTIPLIER], rates[LONG_MONEY], rates[LONG_LOT])
    return lot_margin(price, volume, rates[MULTIPLIER], rates[SHORT_MONEY], rates[SHORT_LOT])


@compiled
def held_margin(tape: Tape, book: Book) -> float:
    """Margin of everything held."""
    total = 0.0
    for leg in range(len(book.leg_marks)):
        for at in range(book.leg_marks[leg, HEAD], book.leg_marks[leg, TAIL]):
            total += margin_of_lot(tape, book, leg, at, book.lots[leg, at, VOLUME])
    return total


@compiled
def equity(tape: Tape, book: Book) -> float:
    """The account's balance at the marks."""
    account = book.account
    floating = position_profit(tape, book)
    return balance(account[PRE_BALANCE], 0.0, 0.0, floating, account[CLOSE_PROFIT], 0.0, account[COMMISSION])


@compiled
def free_funds(tape: Tape, book: Book) -> float:
    """What is available for an opening; below 0 it is a margin call."""
    return available(equity(tape, book), held_margin(tape, book), 0.0, 0.0, 0.0, 0.0)


@compiled
def open_lot(
    tape: Tape, book: Book, row: int, side: int, price: float, volume: float, ticks: float, order: int
) -> bool:
    """Book an opening, or refuse it as a whole for want of funds: False."""
    leg, day = tape.leg[row], book.counts[DAY]
    rates = tape.rates[tape.terms[day, leg]]
    paid = commission(price, volume, rates[MULTIPLIER], rates[OPEN_MONEY], rates[OPEN_LOT])
    by_money, by_lot = (rates[LONG_MONEY], rates[LONG_LOT]) if side > 0 else (rates[SHORT_MONEY], rates[SHORT_LOT])
    need = lot_margin(price, volume, rates[MULTIPLIER], by_money, by_lot) + paid
    free = free_funds(tape, book)
    if need > free:
        if not book.counts[REFUSED]:
            book.counts[REFUSED_ROW], book.account[NEEDED], book.account[FREE] = row, need, free
        book.counts[REFUSED] += 1
        tell(book, REJECTED, row, leg, side, OPEN, price, volume, order)
        return False
    at = book.leg_marks[leg, TAIL]
    lot = book.lots[leg, at]
    lot[OPEN_PRICE], lot[BASE], lot[VOLUME], lot[PAID] = price, price, volume, paid
    book.lot_places[leg, at, BAR], book.lot_places[leg, at, BOUGHT_DAY] = tape.bar[row], day
    book.leg_marks[leg, TAIL] = at + 1
    book.account[COMMISSION] += paid
    note_fill(tape, book, row, side, OPEN, price, volume, paid, 0.0, ticks, order)
    return True


@compiled
def close_part(
    tape: Tape, book: Book, row: int, at: int, price: float, part: float, today: bool
) -> tuple[float, float]:
    """Close ``part`` lots of one batch and note the trade; returns the commission paid and the profit by trade."""
    leg = tape.leg[row]
    rates = tape.rates[tape.terms[book.counts[DAY], leg]]
    side = 1 if book.leg_numbers[leg, HELD] > 0.0 else -1
    lot, multiplier = book.lots[leg, at], rates[MULTIPLIER]
    share = lot[PAID] * part / lot[VOLUME]
    lot[PAID] -= share
    lot[VOLUME] -= part
    by_money, by_lot = (rates[TODAY_MONEY], rates[TODAY_LOT]) if today else (rates[CLOSE_MONEY], rates[CLOSE_LOT])
    paid = commission(price, part, multiplier, by_money, by_lot)
    by_trade = profit(side, lot[OPEN_PRICE], price, part, multiplier)
    book.account[COMMISSION] += paid
    book.account[CLOSE_PROFIT] += profit(side, lot[BASE], price, part, multiplier)
    n = book.counts[TRADES]
    numbers, marks = book.trades[n], book.trade_marks[n]
    numbers[ENTRY], numbers[EXIT], numbers[LOTS] = lot[OPEN_PRICE], price, part
    numbers[NET] = by_trade - share - paid
    marks[TRADE_LEG], marks[TRADE_SIDE] = leg, side
    marks[ENTRY_BAR], marks[EXIT_BAR] = book.lot_places[leg, at, BAR], tape.bar[row]
    book.counts[TRADES] = n + 1
    return paid, by_trade


@compiled
def close_lots(
    tape: Tape, book: Book, row: int, side: int, price: float, volume: float, ticks: float, order: int, forced: int
) -> None:
    """Close ``volume`` lots, the oldest first, by a fill of ``side``: one row for older lots, one for today's.

    ``forced`` is the offset to record instead, or -1.
    """
    leg, day = tape.leg[row], book.counts[DAY]
    marks = book.leg_marks[leg]
    left = volume
    for today in (False, True):
        paid, made, closed = 0.0, 0.0, 0.0
        while left > 0.0 and marks[HEAD] < marks[TAIL]:
            at = marks[HEAD]
            if (book.lot_places[leg, at, BOUGHT_DAY] == day) != today:
                break
            part = min(left, book.lots[leg, at, VOLUME])
            fee, gain = close_part(tape, book, row, at, price, part, today)
            paid, made, closed, left = paid + fee, made + gain, closed + part, left - part
            if book.lots[leg, at, VOLUME] <= LOT_DUST:
                marks[HEAD] = at + 1
        if closed > 0.0:
            offset = forced if forced >= 0 else (CLOSE_TODAY if today else CLOSE)
            note_fill(tape, book, row, side, offset, price, closed, paid, made, ticks, order)
    if marks[HEAD] == marks[TAIL]:
        marks[HEAD] = marks[TAIL] = 0


@compiled
def trade(
    tape: Tape, book: Book, row: int, side: int, volume: float, price: float, reference: float, ticks: float, order: int
) -> bool:
    """Book a fill: closes what lies on the other side, opens the rest. False where the opening was refused."""
    leg = tape.leg[row]
    book.leg_numbers[leg, LAST] = reference
    held = book.leg_numbers[leg, HELD]
    closing = min(volume, abs(held)) if held * side < 0.0 else 0.0
    if closing > 0.0:
        close_lots(tape, book, row, side, price, closing, ticks, order, AS_IT_IS)
    opening = volume - closing
    return opening <= LOT_DUST or open_lot(tape, book, row, side, price, opening, ticks, order)


@compiled
def settle(tape: Tape, book: Book) -> None:
    """End the trading day: note it, and carry every lot at its settlement price (the day's last close if none)."""
    account, day = book.account, book.counts[DAY]
    for leg in range(len(book.leg_marks)):
        numbers = book.leg_numbers[leg]
        row = tape.last_row[day, leg]
        if row >= 0:
            price = tape.settle[day, leg]
            numbers[LAST] = (tape.close[row] if math.isnan(price) else price) - numbers[GAP]
    worth = equity(tape, book)
    out = book.days[day]
    out[EQUITY], out[NET_PROFIT] = worth, worth - account[PRE_BALANCE]
    out[DAY_PAID], out[DAY_LOST] = account[COMMISSION], account[DAY_SLIPPAGE]
    account[PRE_BALANCE] = worth
    account[COMMISSION] = account[CLOSE_PROFIT] = account[DAY_SLIPPAGE] = 0.0
    out[POSITION] = 0.0
    for leg in range(len(book.leg_marks)):
        numbers = book.leg_numbers[leg]
        out[POSITION] += numbers[HELD]
        if math.isnan(numbers[LAST]):
            continue
        numbers[PRE_SETTLE] = numbers[LAST]
        for at in range(book.leg_marks[leg, HEAD], book.leg_marks[leg, TAIL]):
            book.lots[leg, at, BASE] = numbers[LAST]
            book.lot_places[leg, at, BOUGHT_DAY] = -1
    out[MARGIN] = held_margin(tape, book)
