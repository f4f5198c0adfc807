"""Orders on one bar, compiled: what rests, what the bar reaches, how much of it fills."""

import math

from backtests.domain.kernel_cache import compiled
from backtests.domain.kernel_ledger import close_lots, commission, free_funds, margin_of_lot, tell, trade
from backtests.domain.kernel_state import (
    ACTIVE,
    AT_OPEN,
    BOUGHT_DAY,
    BY_RANGE,
    CANCELLED,
    CAP,
    CHANCE,
    CLOSE_LOT,
    CLOSE_MONEY,
    DAY,
    DIRTY,
    DISTANCE,
    DONE,
    FORCED,
    GAP,
    HEAD,
    HELD,
    HIGH_TRIGGER,
    IMPACT,
    KIND,
    LAST,
    LEG,
    LIMIT,
    LOCKED_DOWN,
    LOCKED_UP,
    LOT_DUST,
    LOW_TRIGGER,
    MARKET,
    MULTIPLIER,
    NEXT_ORDER,
    NO_OFFSET,
    NO_ORDER,
    NUMBER,
    ORDERS,
    ORIGINAL,
    PRICE,
    REMAINING,
    REPEAT,
    RESTING,
    ROLLING,
    SEED,
    SIDE,
    STATE,
    STOP,
    TAIL,
    TAKEN,
    TARGET,
    THROUGH,
    TICK,
    TO_TARGET,
    TODAY_LOT,
    TODAY_MONEY,
    TRIGGERED,
    VOLUME,
    WAITING,
    Book,
    Tape,
    constant,
)  # fmt: skip
from trading.domain import matching
from trading.domain.offsets import Offset

FORCE_CLOSE = constant(Offset.FORCE_CLOSE)
ON_GRID = matching.ON_GRID

fill_price = compiled(matching.fill_price)
limit_reached = compiled(matching.limit_reached)
limit_price = compiled(matching.limit_price)
stop_reached = compiled(matching.stop_reached)
stop_price = compiled(matching.stop_price)
fillable = compiled(matching.fillable)
slippage_in_ticks = compiled(matching.slippage_in_ticks)
chance_ticks = compiled(matching.chance_ticks)


@compiled
def slipped(tape: Tape, book: Book, row: int, volume: float) -> float:
    """Ticks that a fill of ``volume`` at the market gives away on this bar."""
    leg = tape.leg[row]
    numbers, tick = tape.numbers, tape.rates[tape.terms[book.counts[DAY], leg], TICK]
    ticks: float = tape.slippage[leg]
    if numbers[BY_RANGE] > 0.0 or numbers[IMPACT] > 0.0:
        wide = tape.high[row] - tape.low[row]
        ticks = slippage_in_ticks(
            ticks, numbers[BY_RANGE], numbers[IMPACT], wide, tick, volume, tape.volume[row]
        )  # fmt: skip
    if book.switches[CHANCE] > 0:
        ticks += chance_ticks(book.switches[SEED], row, book.switches[CHANCE])
    return ticks


@compiled
def at_market(tape: Tape, book: Book, row: int, side: int, volume: float, reference: float, order: int) -> bool:
    """Fill around ``reference`` with slippage. False where the opening was refused."""
    ticks = slipped(tape, book, row, volume)
    tick = tape.rates[tape.terms[book.counts[DAY], tape.leg[row]], TICK]
    book.leg_numbers[tape.leg[row], TAKEN] += volume
    return trade(
        tape, book, row, side, volume, fill_price(reference, side, ticks, tick), reference, ticks, order
    )  # fmt: skip


@compiled
def locked_for(tape: Tape, row: int, side: int) -> bool:
    """True where the bar lies at the price limit of this side: nobody trades with us."""
    return bool(tape.bits[row] & (LOCKED_UP if side > 0 else LOCKED_DOWN))


@compiled
def fill_target(tape: Tape, book: Book, row: int) -> None:
    """Go to the target of the last signal at the bar's open, as far as the bar's volume reaches."""
    leg = tape.leg[row]
    numbers, marks = book.leg_numbers[leg], book.leg_marks[leg]
    delta = numbers[TARGET] - numbers[HELD]
    side = 1 if delta > 0.0 else -1
    if abs(delta) <= LOT_DUST:
        marks[WAITING] = 0
        return
    if locked_for(tape, row, side):
        return
    part = fillable(abs(delta), tape.volume[row], numbers[TAKEN], tape.numbers[CAP])
    if part <= 0.0:
        return
    done = at_market(tape, book, row, side, part, tape.open[row], NO_ORDER)
    if not done or abs(numbers[TARGET] - numbers[HELD]) <= LOT_DUST:
        marks[WAITING] = 0


@compiled
def copy_order(book: Book, source: int, place: int) -> None:
    """Write one order over another."""
    for column in range(book.orders.shape[1]):
        book.orders[place, column] = book.orders[source, column]
    for column in range(book.order_marks.shape[1]):
        book.order_marks[place, column] = book.order_marks[source, column]


@compiled
def finish(book: Book, row: int, at: int) -> None:
    """An order is filled: place its reply, which rests from the next bar on."""
    marks, numbers = book.order_marks[at], book.orders[at]
    marks[STATE] = DONE
    if numbers[DISTANCE] <= 0.0:
        return
    n = book.counts[ORDERS]
    reply_marks, reply = book.order_marks[n], book.orders[n]
    copy_order(book, at, n)
    book.counts[NEXT_ORDER] += 1
    reply_marks[NUMBER], reply_marks[SIDE], reply_marks[KIND] = book.counts[NEXT_ORDER], -marks[SIDE], LIMIT
    reply_marks[TO_TARGET], reply_marks[ACTIVE], reply_marks[STATE] = 0, row + 1, RESTING
    reply[REMAINING] = reply[ORIGINAL]
    reply[PRICE] = numbers[PRICE] + marks[SIDE] * numbers[DISTANCE]
    if not marks[REPEAT]:
        reply[DISTANCE] = 0.0
    book.counts[ORDERS] = n + 1


@compiled
def take_back(book: Book, leg: int, row: int) -> None:
    """The host cancels every resting order of a leg."""
    for at in range(book.counts[ORDERS]):
        marks = book.order_marks[at]
        if marks[LEG] == leg and marks[STATE] != DONE:
            marks[STATE] = DONE
            left, price = book.orders[at, REMAINING], book.orders[at, PRICE]
            tell(book, CANCELLED, row, leg, marks[SIDE], NO_OFFSET, price, left, marks[NUMBER])
    book.leg_marks[leg, DIRTY] = 1


@compiled
def reference_of(tape: Tape, book: Book, row: int, at: int) -> float:
    """The price around which the bar fills an order, NaN where it does not reach it; a stop reached is triggered."""
    marks, price = book.order_marks[at], book.orders[at, PRICE]
    side, tick = marks[SIDE], tape.rates[tape.terms[book.counts[DAY], tape.leg[row]], TICK]
    opening = tape.open[row]
    if marks[KIND] == LIMIT:
        through = book.switches[THROUGH] != 0
        reached = limit_reached(side, price, opening, tape.high[row], tape.low[row], tick, through)
        return limit_price(side, price, opening) if reached else math.nan
    if marks[KIND] == STOP and marks[STATE] != TRIGGERED:
        if not stop_reached(side, price, tape.high[row], tape.low[row], tick):
            return math.nan
        marks[STATE] = TRIGGERED
        return stop_price(side, price, opening)
    return float(opening)


@compiled
def match_order(tape: Tape, book: Book, row: int, at: int) -> None:
    """One resting order against the bar."""
    leg = tape.leg[row]
    marks, numbers = book.order_marks[at], book.orders[at]
    side = marks[SIDE]
    reference = reference_of(tape, book, row, at)
    if math.isnan(reference) or locked_for(tape, row, side):
        return
    if marks[TO_TARGET]:
        numbers[REMAINING] = max(0.0, side * (numbers[ORIGINAL] - book.leg_numbers[leg, HELD]))
        if numbers[REMAINING] <= LOT_DUST:
            marks[STATE] = DONE
            tell(book, CANCELLED, row, leg, side, NO_OFFSET, reference, 0.0, marks[NUMBER])
            return
    part = fillable(numbers[REMAINING], tape.volume[row], book.leg_numbers[leg, TAKEN], tape.numbers[CAP])
    if part <= 0.0:
        return
    if marks[KIND] == LIMIT:
        book.leg_numbers[leg, TAKEN] += part
        done = trade(tape, book, row, side, part, reference, reference, 0.0, marks[NUMBER])
    else:
        done = at_market(tape, book, row, side, part, reference, marks[NUMBER])
    numbers[REMAINING] -= part
    if not done:
        marks[STATE] = DONE
    elif numbers[REMAINING] <= LOT_DUST:
        finish(book, row, at)


@compiled
def tidy(book: Book) -> None:
    """Drop what is done; the rest keeps the order of its placing."""
    kept = 0
    for at in range(book.counts[ORDERS]):
        if book.order_marks[at, STATE] == DONE:
            continue
        if kept != at:
            copy_order(book, at, kept)
        kept += 1
    book.counts[ORDERS] = kept


@compiled
def find_triggers(tape: Tape, book: Book, leg: int) -> None:
    """The prices between which a bar leaves every resting order of the leg alone.

    As wide as the rules of matching are: a reply's price is a sum and carries binary dust.
    """
    numbers, marks = book.leg_numbers[leg], book.leg_marks[leg]
    near = ON_GRID * tape.rates[tape.terms[book.counts[DAY], leg], TICK]
    low, high, waiting = -math.inf, math.inf, 0
    for at in range(book.counts[ORDERS]):
        order = book.order_marks[at]
        if order[LEG] != leg or order[STATE] == DONE:
            continue
        if order[KIND] == MARKET or order[STATE] == TRIGGERED:
            waiting = 1
        elif (order[KIND] == LIMIT) == (order[SIDE] > 0):
            low = max(low, book.orders[at, PRICE] + near)
        else:
            high = min(high, book.orders[at, PRICE] - near)
    numbers[LOW_TRIGGER], numbers[HIGH_TRIGGER] = low, high
    marks[AT_OPEN], marks[DIRTY] = waiting, 0


@compiled
def match_orders(tape: Tape, book: Book, row: int) -> None:
    """Every resting order of the row's leg against the bar, in the order in which they were placed."""
    leg = tape.leg[row]
    for at in range(book.counts[ORDERS]):
        marks = book.order_marks[at]
        if marks[LEG] == leg and marks[STATE] != DONE and marks[ACTIVE] <= row:
            match_order(tape, book, row, at)
    tidy(book)
    find_triggers(tape, book, leg)


@compiled
def roll(tape: Tape, book: Book, row: int) -> None:
    """Close what is held in the old contract and open the same in the new one, both around the bar's open."""
    leg = tape.leg[row]
    numbers, marks = book.leg_numbers[leg], book.leg_marks[leg]
    held, gap = numbers[HELD], numbers[GAP]
    numbers[GAP], marks[ROLLING] = 0.0, 0
    if held == 0.0:
        return
    side, volume = (1 if held > 0.0 else -1), abs(held)
    at_market(tape, book, row, -side, volume, tape.open[row] - gap, NO_ORDER)
    at_market(tape, book, row, side, volume, tape.open[row], NO_ORDER)
    numbers[TAKEN] = 0.0


@compiled
def lots_to_free(tape: Tape, book: Book, row: int, missing: float, ticks: float) -> float:
    """How many of the oldest lots must go at the bar's open for ``missing`` yuan to become free."""
    leg, day = tape.leg[row], book.counts[DAY]
    rates, marks = tape.rates[tape.terms[day, leg]], book.leg_marks[leg]
    lost = ticks * rates[TICK] * rates[MULTIPLIER]
    total = 0.0
    for at in range(marks[HEAD], marks[TAIL]):
        today = book.lot_places[leg, at, BOUGHT_DAY] == day
        by_money, by_lot = (rates[TODAY_MONEY], rates[TODAY_LOT]) if today else (rates[CLOSE_MONEY], rates[CLOSE_LOT])
        freed = margin_of_lot(tape, book, leg, at, 1.0) - lost
        freed -= commission(tape.open[row], 1.0, rates[MULTIPLIER], by_money, by_lot)
        there = book.lots[leg, at, VOLUME]
        count = there if freed <= 0.0 else min(there, math.ceil(missing / freed))
        total += count
        missing -= count * max(freed, 0.0)
        if missing <= 0.0:
            break
    return total


@compiled
def reduce(tape: Tape, book: Book, row: int) -> None:
    """A margin call: close the oldest lots at the open until the margin is covered again."""
    leg = tape.leg[row]
    numbers = book.leg_numbers[leg]
    held = numbers[HELD]
    numbers[LAST] = tape.open[row]
    missing = -free_funds(tape, book)
    if missing <= 0.0:  # the market's doing, or what the strategy closed itself
        book.counts[FORCED] = 0
        return
    side = -1 if held > 0.0 else 1
    if held == 0.0 or locked_for(tape, row, side):
        return
    ticks = slipped(tape, book, row, abs(held))
    wanted = lots_to_free(tape, book, row, missing, ticks)
    part = fillable(wanted, tape.volume[row], numbers[TAKEN], tape.numbers[CAP])
    if part <= 0.0:
        return
    numbers[TAKEN] += part
    tick = tape.rates[tape.terms[book.counts[DAY], leg], TICK]
    price = fill_price(tape.open[row], side, ticks, tick)
    close_lots(tape, book, row, side, price, part, ticks, NO_ORDER, FORCE_CLOSE)
    if free_funds(tape, book) >= 0.0:
        book.counts[FORCED] = 0


@compiled
def call_margin(tape: Tape, book: Book, row: int) -> None:
    """After a close or a settlement: funds below zero cancel every order and force a reduction from the next bar."""
    if book.counts[FORCED] or free_funds(tape, book) >= 0.0:
        return
    book.counts[FORCED] = 1
    for leg in range(len(book.leg_marks)):
        take_back(book, leg, row)
        book.leg_marks[leg, WAITING] = 0
    tidy(book)
