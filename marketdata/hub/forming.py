"""The bars that are forming now, made in this process from the ticks it reads anyway: nothing is asked of the feed.

Minutes and days are built from ticks, longer bars from the minutes that closed and the one that is open.
"""

from collections.abc import Callable, Iterable

import structlog

from marketdata.domain.bar_builder import BarBuilder
from marketdata.domain.bar_folder import Closed, Folder
from marketdata.domain.contract import Contract
from marketdata.domain.day_plan import DayPlan
from marketdata.domain.intervals import DAY, parse_interval
from marketdata.domain.ticks import BarMessage, Tick
from quantsite.common.errors import RuleError

log = structlog.get_logger(__name__)

MINUTE = "1m"


class Forming:
    """The forming bars of all instruments whose contract is known; ``moved`` had a tick since the last look."""

    def __init__(self) -> None:
        self._builder = BarBuilder({}, [MINUTE, DAY], since=0)
        self._contracts: dict[str, Contract] = {}
        self._folders: dict[tuple[str, str], Folder] = {}
        self._unknown: set[str] = set()
        self.moved: set[str] = set()

    def add(self, contract: Contract, since: int) -> None:
        """Build bars of this contract too; ``since`` (ns UTC, market time) is the moment from which we watch it."""
        self._contracts[contract.code] = contract
        self._builder.add(contract, since)

    def on_tick(self, tick: Tick) -> None:
        """Take a tick in; what it closes is told by the feed."""
        if tick.instrument in self._contracts:
            self.moved.add(tick.instrument)
            try:
                self._builder.on_tick(tick)
            except RuleError as error:  # a trading day that the calendar did not have when we read it
                log.warning("no forming bars", instrument=tick.instrument, reason=error.text)
                del self._contracts[tick.instrument]
                self._builder.forget(tick.instrument)
        else:
            self._unknown.add(tick.instrument)

    def on_clock(self, now: int, concerns: Callable[[str], bool]) -> None:
        """Close what a source's market clock (ns UTC) has ended, of the codes that it ``concerns``: a replay of 2018
        and a live source run side by side."""
        self._builder.on_clock(now, concerns)

    def on_bar(self, bar: BarMessage) -> list[BarMessage]:
        """Take a closed minute in; gives the longer bars that it completed, of the intervals asked for."""
        completed: list[Closed] = []
        if bar.interval == MINUTE:
            plan = self._plan(bar)
            for (code, _interval), folder in self._folders.items() if plan is not None else ():
                if code == bar.instrument and plan is not None:
                    folder.add(plan, bar, completed)
        return [bar for bar in completed if isinstance(bar, BarMessage)]

    def follow(self, code: str, interval: str, minutes: Iterable[BarMessage]) -> None:
        """Make longer bars from now on; ``minutes`` are the last closed ones, ascending."""
        length = parse_interval(interval)
        if length is None or length == 1 or (code, interval) in self._folders:
            return
        folder = self._folders[code, interval] = Folder(code, length)
        for minute in minutes:
            plan = self._plan(minute)
            if plan is not None:
                folder.add(plan, minute, [])

    def leave(self, code: str, interval: str) -> None:
        """Make them no more."""
        self._folders.pop((code, interval), None)

    def current(self, code: str, interval: str) -> BarMessage | None:
        """The forming bar; None where there is none, or the contract is not known yet."""
        folder = self._folders.get((code, interval))
        if folder is None:
            return self._builder.current(code, interval)
        minute = self._builder.current(code, MINUTE)
        contract = self._contracts.get(code)
        if contract is None:
            return None
        plan = None if minute is None else self._plan(minute)
        if plan is None or minute is None:
            return None
        return folder.current(plan, minute)

    def unknown(self) -> set[str]:
        """Codes that have ticks but no contract yet; each is given once."""
        found, self._unknown = self._unknown, set()
        return found

    def _plan(self, bar: BarMessage) -> DayPlan | None:
        """The day's plan; None for a contract that is not known, or a day that its calendar does not have."""
        contract = self._contracts.get(bar.instrument)
        if contract is None:
            return None
        try:
            return contract.table.plan(bar.trading_day)
        except RuleError:
            return None
