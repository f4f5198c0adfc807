"""Recorded days once more: the ticks of files, merged by time, numbered as an import of the files numbers them."""

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from operator import attrgetter

from marketdata.domain.calendar import TradingCalendar
from marketdata.domain.contract import Contract
from marketdata.domain.depth import RawTick
from marketdata.domain.hours import NIGHT_BEGINS
from marketdata.domain.normalise import Normaliser
from marketdata.feeds.base import Arrival
from quantsite.common.errors import RuleError
from quantsite.common.texts import say
from quantsite.common.times import SHANGHAI, utc_to_ns

Records = Callable[[], Iterator[RawTick]]
"""Opens a file from its beginning."""


@dataclass(frozen=True)
class ReplayFile:
    """A file to replay: what it holds, the first trading day in it, and how to read it."""

    symbols: frozenset[str]
    first_day: date
    records: Records


class Replay:
    """The ticks of ``files`` from ``start`` (ns UTC on the market clock) on.

    Files that share an instrument follow one another, the earlier day first; the others run side by side. Numbers
    (``seq``) ascend from 1 in each trading day in the order of the files, whatever ``start`` is, so that a second
    replay gives the same ticks.
    """

    def __init__(self, files: Sequence[ReplayFile], contracts: Iterable[Contract], start: int | None = None) -> None:
        self._files = files
        self._contracts = {contract.symbol: contract for contract in contracts}
        self._start = start

    def arrivals(self) -> Iterator[Arrival]:
        """Every tick once; then the replay is over."""
        normaliser = Normaliser(self._contracts)
        streams = [_ticks(chain, normaliser) for chain in _chains(self._files)]
        for arrival in heapq.merge(*streams, key=attrgetter("moment")):
            if self._start is None or arrival.moment >= self._start:
                yield arrival

    def add(self, contract: Contract, now: int) -> None:
        """Nothing: a replay publishes what is in its files."""

    def remove(self, code: str) -> None:
        """Nothing, likewise."""


def start_instant(text: str, calendar: TradingCalendar, first_day: date) -> int:
    """``HH:MM[:SS]`` of the first trading day (an evening is its night session), or a date and time of Shanghai.

    Raises ``RuleError`` ``invalid_start``.
    """
    try:
        if "-" in text:
            return utc_to_ns(datetime.fromisoformat(text).replace(tzinfo=SHANGHAI))
        clock = time.fromisoformat(text)
    except ValueError:
        told = say("%(text)r is no time to start at: write HH:MM, or YYYY-MM-DD HH:MM.", text=text)
        raise RuleError("invalid_start", told) from None
    day = first_day
    if clock.hour * 60 >= NIGHT_BEGINS:
        day = calendar.previous_before(first_day)
    elif clock.hour < 6:
        day = calendar.previous_before(first_day) + timedelta(days=1)
    return utc_to_ns(datetime.combine(day, clock, SHANGHAI))


def _ticks(chain: Sequence[ReplayFile], normaliser: Normaliser) -> Iterator[Arrival]:
    """Of files that follow one another; a record out of order arrives where it stands."""
    latest = 0
    for file in chain:
        for raw in file.records():
            tick = normaliser.tick(raw)
            if tick is not None:
                latest = max(latest, tick.time)
                yield Arrival(latest, tick)


def _chains(files: Sequence[ReplayFile]) -> list[list[ReplayFile]]:
    """Files grouped so that no instrument stands in two groups, each group by its first days."""
    chains: list[list[ReplayFile]] = []
    for file in files:
        shared = [chain for chain in chains if any(file.symbols & other.symbols for other in chain)]
        chains = [chain for chain in chains if chain not in shared]
        chains.append([*(other for chain in shared for other in chain), file])
    return [sorted(chain, key=attrgetter("first_day")) for chain in chains]
