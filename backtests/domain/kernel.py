"""The compiled loop of a backtest: bars in one order, orders and targets matched, days settled.

``advance`` goes on from ``Book.counts[ROW]`` and comes back at the end, when Python is wanted, or when a table is
full (the caller doubles it and calls again: nothing of the row has happened yet).
"""

import math

from backtests.domain.kernel_cache import compiled, entry
from backtests.domain.kernel_ledger import close_lots, settle
from backtests.domain.kernel_orders import (
    at_market,
    call_margin,
    fill_target,
    find_triggers,
    match_orders,
    reduce,
    roll,
    take_back,
    tidy,
)
from backtests.domain.kernel_state import (
    AS_IT_IS,
    AT_OPEN,
    CLOSED_TO_US,
    DAY,
    DAY_ROW,
    DIRTY,
    ENDED,
    EXPIRES,
    FILLS,
    FINISHED,
    FIRST_OF_DAY,
    FORCED,
    FULL,
    GAP,
    GROUP_END,
    HEAD,
    HELD,
    HIGH_TRIGGER,
    LAST,
    LAST_OF_DAY,
    LEG_DAY,
    LEVEL_DOWN,
    LEVEL_UP,
    LOCKED_DOWN,
    LOCKED_UP,
    LOW_TRIGGER,
    MARGIN_CALL,
    NO_ORDER,
    ORDERS,
    PENDING,
    ROLLING,
    ROW,
    SEVERAL,
    STAYS,
    TAIL,
    TAKEN,
    TARGET,
    TELL,
    TICK,
    TIMER_ROW,
    TRADES,
    UNIT,
    UPDATES,
    WAITING,
    WANT_DAY,
    WANT_FLAG,
    WANT_LEVEL,
    WANT_START,
    WANT_TIMER,
    WANTS,
    WOKE,
    WOKEN,
    Array,
    Book,
    Tape,
)  # fmt: skip
from trading.domain import matching

locked = compiled(matching.locked)


@compiled
def to_front(book: Book, leg: int) -> None:
    """Move the lots of a leg to the beginning of their table."""
    marks = book.leg_marks[leg]
    first, count = marks[HEAD], marks[TAIL] - marks[HEAD]
    for at in range(count):
        for column in range(book.lots.shape[2]):
            book.lots[leg, at, column] = book.lots[leg, first + at, column]
        for column in range(book.lot_places.shape[2]):
            book.lot_places[leg, at, column] = book.lot_places[leg, first + at, column]
    marks[HEAD], marks[TAIL] = 0, count


@compiled
def roomy(book: Book) -> bool:
    """True where whatever one bar can cause fits into every table; lots are moved to the front where that helps."""
    orders = book.counts[ORDERS]
    legs = len(book.leg_marks)
    most = 2 * orders + 4 * legs + 8
    open_lots = 0
    for leg in range(legs):
        marks = book.leg_marks[leg]
        count = marks[TAIL] - marks[HEAD]
        open_lots += count
        if marks[TAIL] + most > book.lots.shape[1]:
            to_front(book, leg)
            if count + most > book.lots.shape[1]:
                return False
    return bool(
        book.counts[FILLS] + 2 * most <= len(book.fills)
        and book.counts[TRADES] + open_lots + 2 * most <= len(book.trades)
        and (not book.switches[TELL] or book.counts[UPDATES] + 3 * most <= len(book.updates))
        and orders + most <= len(book.orders)
    )


@compiled
def begin_day(tape: Tape, book: Book, day: int) -> None:
    """What a new trading day changes: legs that roll wait for their first bar with volume."""
    book.counts[DAY] = day
    for leg in range(len(book.leg_marks)):
        gap = tape.gap[day, leg]
        if not math.isnan(gap):
            book.leg_numbers[leg, GAP] += gap
            book.leg_marks[leg, ROLLING] = 1


@compiled
def busy(tape: Tape, book: Book, row: int) -> bool:
    """True where the bar may do something to the leg's orders or lots."""
    leg = tape.leg[row]
    marks, numbers = book.leg_marks[leg], book.leg_numbers[leg]
    if marks[DIRTY]:
        find_triggers(tape, book, leg)
    if marks[WAITING] or marks[AT_OPEN] or marks[ROLLING] or book.counts[FORCED]:
        return True
    return bool(tape.low[row] <= numbers[LOW_TRIGGER] or tape.high[row] >= numbers[HIGH_TRIGGER])


@compiled
def match(tape: Tape, book: Book, row: int) -> None:
    """The bar against everything that waits for it: the roll, a forced reduction, the target, the orders."""
    leg = tape.leg[row]
    marks = book.leg_marks[leg]
    if tape.volume[row] == 0.0 or math.isnan(tape.open[row]) or tape.bits[row] & CLOSED_TO_US:
        return
    book.leg_numbers[leg, TAKEN] = 0.0
    if marks[ROLLING]:
        take_back(book, leg, row)
        tidy(book)
        roll(tape, book, row)
    if book.counts[FORCED]:
        reduce(tape, book, row)
    if marks[WAITING]:
        fill_target(tape, book, row)
    if book.counts[ORDERS]:
        match_orders(tape, book, row)


@compiled
def leave(tape: Tape, book: Book, row: int, expires: bool) -> None:
    """Close a leg on its last bar: at the end of the run at the close with slippage, at expiry at the settlement."""
    leg = tape.leg[row]
    numbers, marks = book.leg_numbers[leg], book.leg_marks[leg]
    take_back(book, leg, row)
    tidy(book)
    marks[WAITING] = 0
    held, close = numbers[HELD], tape.close[row]
    side = -1 if held > 0.0 else 1
    if held != 0.0 and expires:
        stored = tape.settle[book.counts[DAY], leg]
        price = close if math.isnan(stored) else stored
        numbers[LAST] = price
        close_lots(tape, book, row, side, price, abs(held), 0.0, NO_ORDER, AS_IT_IS)
    elif held != 0.0:
        at_market(tape, book, row, side, abs(held), close - numbers[GAP], NO_ORDER)
    if expires:
        marks[ENDED] = 1


def decide(book: Book, leg: int, target: float) -> None:
    """A signal: the target from now on; one equal to what is held drops the waiting order."""
    numbers, marks = book.leg_numbers[leg], book.leg_marks[leg]
    if marks[ENDED] or (book.counts[FORCED] and abs(target) > abs(numbers[HELD])):
        return
    numbers[TARGET] = target
    marks[WAITING] = 1 if target != numbers[HELD] else 0


_decide = compiled(decide)


@compiled
def wakes(tape: Tape, book: Book, row: int, flags: Array) -> bool:
    """True where the strategy asked to be called after this row."""
    if book.counts[UPDATES]:
        return True
    wants = book.switches[WANTS]
    if wants == 0 or tape.bits[row] & CLOSED_TO_US:
        return False
    if wants & WANT_START or (wants & WANT_DAY and tape.bits[row] & LEG_DAY):
        return True
    if (wants & WANT_FLAG and flags[row]) or (wants & WANT_TIMER and row >= book.counts[TIMER_ROW]):
        return True
    numbers = book.leg_numbers[tape.leg[row]]
    return bool(wants & WANT_LEVEL and (tape.low[row] <= numbers[LEVEL_DOWN] or tape.high[row] >= numbers[LEVEL_UP]))


@compiled
def mark_group(tape: Tape, book: Book, row: int) -> None:
    """Mark the legs whose bars end with ``row`` at their closes.

    Not one by one: a leg's open would be judged by the close of another one's bar that starts with it.
    """
    at = row
    while at >= 0 and (at == row or not tape.bits[at] & GROUP_END):
        leg = tape.leg[at]
        book.leg_numbers[leg, LAST] = tape.close[at] - book.leg_numbers[leg, GAP]
        at -= 1


@compiled
def end_row(tape: Tape, book: Book, row: int) -> None:
    """The bar has closed: mark where somebody looks at the funds between two settlements; settle the day's last."""
    bits, calls = tape.bits[row], book.switches[MARGIN_CALL] != 0
    if bits & GROUP_END and (calls or book.switches[SEVERAL]):
        mark_group(tape, book, row)
        if calls:
            call_margin(tape, book, row)
    if bits & LAST_OF_DAY:
        settle(tape, book)
        if calls:
            call_margin(tape, book, row)


@compiled
def skip(tape: Tape, book: Book, row: int, stop: int, targets: Array) -> int:
    """The first row from ``row`` on, of one leg's tape, on which anything at all can happen."""
    marks = book.leg_marks[0]
    if marks[WAITING] or marks[AT_OPEN] or marks[ROLLING] or marks[DIRTY]:
        return row
    low, high = book.leg_numbers[0, LOW_TRIGGER], book.leg_numbers[0, HIGH_TRIGGER]
    told, resting = len(targets) > 0, book.counts[ORDERS] > 0
    while row < stop and not tape.bits[row] & (FIRST_OF_DAY | LAST_OF_DAY):
        if (told and not math.isnan(targets[row])) or (resting and (tape.low[row] <= low or tape.high[row] >= high)):
            break
        row += 1
    return row


@compiled
def step(tape: Tape, book: Book, row: int, targets: Array) -> bool:
    """One row: match, decide, settle. False, and nothing has happened, where a table is full."""
    counts, leg = book.counts, tape.leg[row]
    if tape.bits[row] & FIRST_OF_DAY and counts[DAY_ROW] != row:
        counts[DAY_ROW] = row
        begin_day(tape, book, counts[DAY] + 1)
    leaving = tape.ends[counts[DAY], leg] if tape.last_row[counts[DAY], leg] == row else STAYS
    acts = busy(tape, book, row) or leaving
    # A margin call takes orders back, and tells of it, on a bar that does nothing else.
    if (acts or book.switches[MARGIN_CALL]) and not roomy(book):
        return False
    if acts:
        match(tape, book, row)
        if leaving:
            leave(tape, book, row, leaving == EXPIRES)
    if len(targets) > 0 and not tape.bits[row] & CLOSED_TO_US and not math.isnan(targets[row]):
        _decide(book, leg, targets[row] * tape.numbers[UNIT])
    end_row(tape, book, row)
    return True


@compiled
def pending(book: Book) -> int:
    """1 while a later bar may do something by itself: something waits or rolls, an order rests, funds are watched."""
    if book.counts[ORDERS] or book.counts[FORCED] or book.switches[MARGIN_CALL]:
        return 1
    for leg in range(len(book.leg_marks)):
        if book.leg_marks[leg, WAITING] or book.leg_marks[leg, ROLLING]:
            return 1
    return 0


@entry
def advance(tape: Tape, book: Book, stop: int, targets: Array, flags: Array) -> int:
    """Run on to row ``stop``; ``targets`` (units of the run's volume, NaN for none) and ``flags`` may be empty.

    Gives ``FINISHED``, ``WOKEN`` (the row before ``ROW`` has closed and somebody wants to know) or ``FULL``.
    """
    counts, switches = book.counts, book.switches
    asks = switches[WANTS] != 0 or switches[TELL] != 0
    every = asks or switches[SEVERAL] != 0 or switches[MARGIN_CALL] != 0
    row, outcome = counts[ROW], FINISHED
    while row < stop and outcome == FINISHED:
        if not every:
            row = skip(tape, book, row, stop, targets)
            if row == stop:
                break
        if not step(tape, book, row, targets):
            outcome = FULL
            break
        if asks:
            if not counts[WOKE] and wakes(tape, book, row, flags):
                counts[WOKE] = 1  # kept where the call ends inside a group
            if counts[WOKE] and tape.bits[row] & GROUP_END:
                counts[WOKE], outcome = 0, WOKEN
        row += 1
    counts[ROW] = row
    counts[PENDING] = pending(book)
    return outcome


@entry
def mark_locked(tape: Tape, upper: Array, lower: Array) -> None:
    """Set the bits of rows that lie wholly at a price limit; limits have shape ``(days, legs)``, NaN for none."""
    day = -1
    for row in range(len(tape.bits)):
        if tape.bits[row] & FIRST_OF_DAY:
            day += 1
        leg = tape.leg[row]
        tick = tape.rates[tape.terms[day, leg], TICK]
        side = locked(tape.high[row], tape.low[row], upper[day, leg], lower[day, leg], tick)
        if side:
            tape.bits[row] |= LOCKED_UP if side > 0 else LOCKED_DOWN
