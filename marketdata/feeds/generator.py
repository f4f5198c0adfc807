"""A made-up market for demonstrations: simulated instruments, two ticks a second each, within their trading hours."""

import heapq
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from marketdata.domain.contract import Contract
from marketdata.domain.market_hours import next_opening, trading_day_at
from marketdata.domain.normalise import Normaliser
from marketdata.domain.tick_walk import DayTotals, TickWalk
from marketdata.feeds.base import Arrival
from quantsite.common.times import NS_PER_SECOND

STEP = NS_PER_SECOND // 2
SPREAD = 37_000_000
"""Instruments tick one after the other (ns), not all at the same instant."""

SETTLES_AFTER = 3 * NS_PER_SECOND
"""So long after the close comes the record with the settlement price: within what still counts for the day."""

QUIET = NS_PER_SECOND // 4


@dataclass(frozen=True)
class Beginning:
    """Where an instrument goes on: its price, and what counts from the opening of the day, if it has one."""

    price: float
    totals: DayTotals | None = None


class Generator:
    """The ticks of simulated instruments from the market's instant ``start`` on (ns UTC), without end.

    ``first_seq`` numbers them as a live feed's, ``beginning`` says where an instrument goes on. Ends with
    ``RuleError`` ``outside_calendar`` where the trading calendar does.
    """

    def __init__(self, start: int, first_seq: int, beginning: Callable[[str], Beginning]) -> None:
        self._now = start
        self._normaliser = Normaliser(first_seq=first_seq)
        self._beginning = beginning
        self._walks: dict[str, TickWalk] = {}
        self._due: list[tuple[int, str, bool]] = []

    def add(self, contract: Contract, now: int) -> None:
        """See :class:`base.Source`."""
        if contract.code in self._walks:
            return
        begin = self._beginning(contract.code)
        seed = sum(contract.code.encode()) + int(begin.price)
        self._normaliser.add(contract)
        walk = self._walks[contract.code] = TickWalk(contract, begin.price, seed, totals=begin.totals)
        grid = -(-max(now, self._now) // STEP) * STEP + len(self._walks) * SPREAD % STEP
        self._plan_next(walk, grid)

    def remove(self, code: str) -> None:
        """See :class:`base.Source`."""
        self._walks.pop(code, None)
        self._due = [entry for entry in self._due if entry[1] != code]
        heapq.heapify(self._due)

    def arrivals(self) -> Iterator[Arrival]:
        """See :class:`base.Source`; with nothing to publish only the clock runs."""
        while True:
            if not self._due:
                self._now += QUIET
                yield Arrival(self._now, None)
                continue
            moment, code, settled = heapq.heappop(self._due)
            self._now = max(self._now, moment)
            walk = self._walks[code]
            table = walk.contract.table
            day = trading_day_at(table.calendar, moment)
            if not settled:
                self._plan_next(walk, moment + STEP)
            raw = walk.tick(day, moment, settled=settled)
            yield Arrival(moment, self._normaliser.tick(raw, time.time_ns()))

    def _plan_next(self, walk: TickWalk, moment: int) -> None:
        """Put the next tick into the queue; one at the day's close stands for its settlement."""
        table, code = walk.contract.table, walk.contract.code
        opening = next_opening(table, moment, auction=False)
        closes = table.plan(trading_day_at(table.calendar, moment)).closes
        if opening > moment and moment - STEP < closes <= moment:
            heapq.heappush(self._due, (closes + SETTLES_AFTER, code, True))
        heapq.heappush(self._due, (opening if opening == moment else opening + moment % STEP, code, False))
