"""The memory of the compiled ledger: what a run reads (`Tape`) and what it keeps and writes (`Book`).

Everything is a numpy array, so that one call carries a whole run and the arrays can grow between two calls. The
names below are column numbers. ``k`` counts legs, ``d`` trading days, ``row`` bars of all legs in one order: by
start, at equal starts by leg.
"""

from typing import Any, NamedTuple, cast

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def constant(number: int) -> int:
    """A number that is passed on as an argument: as a numpy number, or it would be compiled as a type of its own."""
    return cast("int", np.int64(number))


# Tape.bits: what is special about a row
FIRST_OF_DAY, LAST_OF_DAY, GROUP_END, CLOSED_TO_US, LOCKED_UP, LOCKED_DOWN, LEG_DAY = 1, 2, 4, 8, 16, 32, 64

# Tape.ends
STAYS, LEAVES, EXPIRES = 0, 1, 2

# Tape.rates: the terms of one leg from a trading day on
MULTIPLIER, TICK = 0, 1
OPEN_MONEY, OPEN_LOT, CLOSE_MONEY, CLOSE_LOT, TODAY_MONEY, TODAY_LOT = 2, 3, 4, 5, 6, 7
LONG_MONEY, LONG_LOT, SHORT_MONEY, SHORT_LOT = 8, 9, 10, 11
RATES = 12

# Tape.numbers and Tape.switches: the rules of the run
CAP, BY_RANGE, IMPACT, UNIT = 0, 1, 2, 3
THROUGH, CHANCE, SEED, MARGIN_CALL, TELL, WANTS, SEVERAL = 0, 1, 2, 3, 4, 5, 6

# WANTS: what an event strategy is woken for, beside updates and START
WANT_DAY, WANT_FLAG, WANT_TIMER, WANT_LEVEL, WANT_START = 1, 2, 4, 8, 16

# Book.account, in yuan: as trading.domain.balance.Funds
PRE_BALANCE, COMMISSION, CLOSE_PROFIT, DAY_SLIPPAGE, NEEDED, FREE = 0, 1, 2, 3, 4, 5

# Book.counts
ROW, DAY, FILLS, TRADES, ORDERS, UPDATES, REFUSED, REFUSED_ROW, NEXT_ORDER, FORCED = range(10)
TIMER_ROW, DAY_ROW, PENDING, WOKE = 10, 11, 12, 13

# Book.leg_numbers
HELD, LAST, PRE_SETTLE, GAP, TAKEN, TARGET, LOW_TRIGGER, HIGH_TRIGGER, LEVEL_DOWN, LEVEL_UP = range(10)

# Book.leg_marks
HEAD, TAIL, WAITING, ENDED, ROLLING, AT_OPEN, DIRTY = range(7)

# Book.lots and Book.lot_places
OPEN_PRICE, BASE, VOLUME, PAID = range(4)
BAR, BOUGHT_DAY = range(2)

# Book.orders and Book.order_marks
REMAINING, PRICE, DISTANCE, ORIGINAL = range(4)
NUMBER, LEG, KIND, SIDE, TO_TARGET, ACTIVE, REPEAT, STATE = range(8)
MARKET, LIMIT, STOP = 0, 1, 2
RESTING, TRIGGERED, DONE = 0, 1, 2

# Book.fills and Book.fill_marks
FILL_PRICE, FILL_VOLUME, FILL_PAID, FILL_LOST, FILL_PROFIT = range(5)
FILL_BAR, FILL_LEG, FILL_SIDE, FILL_OFFSET, FILL_ORDER = range(5)

# Book.trades and Book.trade_marks
ENTRY, EXIT, LOTS, NET = range(4)
TRADE_LEG, TRADE_SIDE, ENTRY_BAR, EXIT_BAR = range(4)

# Book.updates and Book.update_marks
TOLD_PRICE, TOLD_VOLUME, TOLD_HELD = range(3)
TOLD_KIND, TOLD_ROW, TOLD_SIDE, TOLD_OFFSET, TOLD_ORDER, TOLD_LEG = range(6)
FILLED, REJECTED, CANCELLED = constant(0), constant(1), constant(2)

LOT_DUST = 1e-9
"""Lots below which a volume is binary dust of fractional volumes, and nothing."""

# Arguments that say "none"
NO_ORDER, AS_IT_IS, NO_OFFSET = constant(0), constant(-1), constant(0)

# Book.days
EQUITY, NET_PROFIT, DAY_PAID, DAY_LOST, MARGIN, POSITION = range(6)

# What advance() comes back with
FINISHED, WOKEN, FULL = 0, 1, 2


class Tape(NamedTuple):
    """What is the same for every run on the same bars; nothing in it is written.

    Columns of shape ``(rows,)``: prices, ``volume``, ``leg``, ``bar`` (index within the leg's bars) and ``bits``.
    Tables of shape ``(days, legs)``: ``terms`` (row of ``rates``), ``settle`` (stored settlement price or NaN),
    ``last_row`` (last row of the leg on that day, -1 for none), ``gap`` (new less old contract's price where the
    leg rolls at the beginning of that day, else NaN), ``ends`` (what happens to
    the leg at the end of that day, see above). ``slippage``
    holds the fixed ticks of each leg.
    """

    open: Array
    high: Array
    low: Array
    close: Array
    volume: Array
    leg: Array
    bar: Array
    bits: Array
    terms: Array
    rates: Array
    settle: Array
    last_row: Array
    gap: Array
    ends: Array
    slippage: Array
    numbers: Array


class Book(NamedTuple):
    """The account of one run, its lots and orders, and all that has happened so far; see the column numbers."""

    switches: Array
    account: Array
    counts: Array
    leg_numbers: Array
    leg_marks: Array
    lots: Array
    lot_places: Array
    orders: Array
    order_marks: Array
    fills: Array
    fill_marks: Array
    trades: Array
    trade_marks: Array
    updates: Array
    update_marks: Array
    days: Array
