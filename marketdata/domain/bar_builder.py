"""Ticks -> bars. A bar closes by the market clock or by a tick of a later minute, whichever comes first.

Rules (DOMAIN of the trade): a minute's prices are the LastPrice of its ticks, once the contract has traded that day; a
bar exists if volume rose, its volume and turnover are the differences of the day's totals. A day's open, high and low
are the exchange's own figures. The first tick of a day counts its whole volume if we watched the opening, or if it
falls into the first minute; else it is the baseline and the bar is flagged as partial. A tick that lies outside the
sessions, is stale or goes back makes no bar; what was traded in it is counted by the next tick.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

from marketdata.domain.bar_folder import DayBar, Folder
from marketdata.domain.contract import Contract
from marketdata.domain.day_plan import DayPlan, Minute
from marketdata.domain.intervals import parse_interval
from marketdata.domain.ticks import BACKWARD, OUTSIDE, STALE, BarMessage, SettlementMessage, Tick
from quantsite.common.times import NS_PER_MINUTE, NS_PER_SECOND

Closed = BarMessage | SettlementMessage

GRACE = 2 * NS_PER_SECOND
"""So long after its end a minute waits for late ticks of an instrument that sends no later one."""

DAY_GRACE = 10 * NS_PER_SECOND
"""So long after the last session's end the daily bar closes, without a settlement price if none has come."""

NOTHING: tuple[Closed, ...] = ()
_UNUSABLE = OUTSIDE | STALE
_NO_DAY = -1
_NEVER = 1 << 62


class BarBuilder:
    """The forming bars of many instruments.

    ``intervals`` are names as ``interval_name`` gives them; ``1m`` and ``1d`` are built from ticks, others from
    the minutes. ``since`` (ns UTC) is the moment from which we watch. With ``pad`` a minute without trades between
    two others gets a flat bar of volume 0. Raises :class:`RuleError` ``invalid_interval``.
    """

    def __init__(
        self, contracts: Mapping[str, Contract], intervals: Sequence[str], *, since: int, pad: bool = False
    ) -> None:
        self._minutes = tuple(sorted({found for name in intervals if (found := parse_interval(name)) is not None}))
        self._daily = any(parse_interval(name) is None for name in intervals)
        self._pad = pad
        self._builders: dict[str, _InstrumentBars] = {}
        for contract in contracts.values():
            self.add(contract, since)

    def add(self, contract: Contract, since: int) -> None:
        """Build bars of this contract too; one that is known already goes on as it was."""
        if contract.code not in self._builders:
            self._builders[contract.code] = _InstrumentBars(
                contract, self._minutes, since, daily=self._daily, pad=self._pad
            )

    def forget(self, code: str) -> None:
        """Build no more bars of this contract; what is open is left. Added again, it begins like one that is new."""
        self._builders.pop(code, None)

    def on_tick(self, tick: Tick) -> Sequence[Closed]:
        """What this tick closed, finest interval first. Ticks of unknown instruments are ignored."""
        builder = self._builders.get(tick.instrument)
        return NOTHING if builder is None else builder.on_tick(tick)

    def on_clock(self, now: int, concerns: Callable[[str], bool] | None = None) -> Sequence[Closed]:
        """What the market clock (ns UTC) closed; of the contracts (codes) that it ``concerns`` if that is given."""
        closed: list[Closed] = []
        for code, builder in self._builders.items():
            if now >= builder.close_at and (concerns is None or concerns(code)):
                builder.on_clock(now, closed)
        return closed

    def current(self, instrument: str, interval: str) -> BarMessage | None:
        """The forming bar (``final`` is false), None where there is none."""
        builder = self._builders.get(instrument)
        return None if builder is None else builder.current(parse_interval(interval))

    def finish(self) -> Sequence[Closed]:
        """Close whatever is open: the end of a file."""
        closed: list[Closed] = []
        for builder in self._builders.values():
            builder.finish(closed)
        return closed


class _InstrumentBars:
    """The forming bars of one instrument.

    ``close_at`` is when the clock has something to close next. ``_base`` are the day's totals that are in closed
    bars already, ``_total`` those of the newest tick.
    """

    __slots__ = (
        "_accepts",
        "_base",
        "_base_turnover",
        "_closed_until",
        "_day",
        "_day_bar",
        "_folders",
        "_high",
        "_interest",
        "_keeps_minutes",
        "_last",
        "_limit",
        "_low",
        "_minute",
        "_open",
        "_pad",
        "_partial",
        "_plan",
        "_since",
        "_total",
        "_total_turnover",
        "close_at",
        "contract",
    )

    def __init__(
        self, contract: Contract, minutes: tuple[int, ...], since: int, *, daily: bool, pad: bool = False
    ) -> None:
        self.contract = contract
        self._since = since
        self._pad = pad
        self._keeps_minutes = 1 in minutes
        self._folders = tuple(Folder(contract.code, length) for length in minutes if length > 1)
        self._day_bar = DayBar(contract.code, tells_bars=daily)
        self._day = _NO_DAY
        self._plan: DayPlan | None = None
        self._minute: Minute | None = None
        self._accepts = self._limit = 0
        self._closed_until = 0
        self._base = self._total = 0
        self._base_turnover = self._total_turnover = 0.0
        self._open = self._high = self._low = self._last = float("nan")
        self._interest = float("nan")
        self._partial = False
        self.close_at = _NEVER

    def on_tick(self, tick: Tick) -> Sequence[Closed]:
        """See :meth:`BarBuilder.on_tick`."""
        flags = tick.flags
        if flags & _UNUSABLE or tick.trading_day != self._day or not self._accepts <= tick.time < self._limit:
            return self._on_other(tick)
        volume = tick.volume
        if volume >= self._total:
            self._total = volume
            self._total_turnover = tick.turnover
            self._interest = tick.open_interest
        if flags & BACKWARD:
            return NOTHING
        last = tick.last
        if volume and last == last:  # noqa: PLR0124 - NaN is not itself
            if self._open != self._open:
                self._open = self._high = self._low = last
            elif last > self._high:
                self._high = last
            elif last < self._low:
                self._low = last
            self._last = last
        self._day_bar.on_tick(tick)
        if tick.settlement == tick.settlement:
            return self._day_bar.settle(tick)
        return NOTHING

    def _on_other(self, tick: Tick) -> Sequence[Closed]:
        """A tick that is not simply one more of the open minute."""
        flags = tick.flags
        if tick.trading_day < self._day or flags & STALE:
            return NOTHING
        if flags & OUTSIDE:
            return self._day_bar.settle(tick) if tick.trading_day == self._day else NOTHING
        if flags & BACKWARD and tick.trading_day == self._day:
            return NOTHING
        closed: list[Closed] = []
        if tick.trading_day != self._day:
            self.finish(closed)
            self._begin_day(tick)
        minute = self._plan.minute_at(tick.time) if self._plan is not None else None
        if minute is None or minute.start < self._closed_until:
            return closed
        self._close_minutes(minute.start, closed)
        self._open_minute(minute)
        closed.extend(self.on_tick(tick))
        return closed

    def on_clock(self, now: int, closed: list[Closed]) -> None:
        """Close what has ended by ``now`` (ns UTC), and say when to ask again."""
        plan = self._plan
        if plan is None:
            return
        self._close_minutes(plan.settled(now - GRACE), closed)
        over = now >= plan.closes + DAY_GRACE
        if over:
            self._day_bar.close(closed)
        if self._minute is not None:
            self.close_at = self._minute.limit + GRACE
        else:
            self.close_at = _NEVER if over else now + NS_PER_SECOND

    def finish(self, closed: list[Closed]) -> None:
        """Close everything that is open."""
        if self._plan is not None:
            self._close_minutes(self._plan.closes, closed)
            self._day_bar.close(closed)
            self.close_at = _NEVER

    def current(self, minutes: int | None) -> BarMessage | None:
        """The forming bar of ``minutes``, of the day for None."""
        if minutes is None:
            return self._day_bar.bar(final=False)
        forming = None if self._minute is None else self._bar(self._minute, final=False)
        if minutes == 1:
            return forming
        folder = next((folder for folder in self._folders if folder.minutes == minutes), None)
        return None if folder is None or self._plan is None else folder.current(self._plan, forming)

    def _begin_day(self, tick: Tick) -> None:
        self._day = tick.trading_day
        self._plan = plan = self.contract.table.plan(tick.trading_day)
        opening = plan.opens + NS_PER_MINUTE
        whole = self._since <= plan.opens or tick.time < opening
        self._base, self._base_turnover = (0, 0.0) if whole else (tick.volume, tick.turnover)
        self._total, self._total_turnover = self._base, self._base_turnover
        self._partial = not whole
        self._closed_until = 0
        self._last = float("nan")
        self._day_bar.begin(plan)

    def _open_minute(self, minute: Minute) -> None:
        self._minute, self._accepts, self._limit = minute, minute.accepts, minute.limit
        self._open = self._high = self._low = float("nan")
        self.close_at = minute.limit + GRACE

    def _close_minutes(self, until: int, closed: list[Closed]) -> None:
        """Close the open minute and longer bars that have ended by ``until`` (ns UTC); none before it opens again."""
        minute = self._minute
        if minute is not None and minute.end <= until:
            self._minute, self._accepts, self._limit = None, 0, 0
            bar = self._bar(minute, final=True)
            self._closed_until = minute.start if bar is None else minute.end
            if bar is not None:
                self._emit(bar, closed)
            self._partial = False
        if self._minute is None:
            if self._pad:
                self._pad_until(until, closed)
            self._closed_until = max(self._closed_until, until)
        for folder in self._folders:
            folder.close_before(until, closed)

    def _emit(self, bar: BarMessage, closed: list[Closed]) -> None:
        if bar.volume:
            self._base = self._total
            self._base_turnover = max(self._total_turnover, self._base_turnover)
        if self._keeps_minutes:
            closed.append(bar)
        self._day_bar.add(bar)
        if self._plan is not None:
            for folder in self._folders:
                folder.add(self._plan, bar, closed)

    def _bar(self, minute: Minute, *, final: bool) -> BarMessage | None:
        """The bar of the open minute; None where nothing was traded in it."""
        volume = self._total - self._base
        if volume <= 0 or self._open != self._open:
            return None
        turnover = max(self._total_turnover - self._base_turnover, 0.0)  # CZCE's total may go down a little
        if self._total_turnover != self._total_turnover:
            turnover = float("nan")
        prices = (self._open, self._high, self._low, self._last)
        return BarMessage(
            self.contract.code, "1m", minute.start, self._day, *prices, volume, turnover, self._interest,
            final=final, partial=self._partial,
        )  # fmt: skip

    def _pad_until(self, until: int, closed: list[Closed]) -> None:
        """Flat bars for the minutes between the last closed one and ``until``, once there was a trade that day."""
        last = self._last
        if self._plan is None or last != last:  # noqa: PLR0124
            return
        for minute in self._plan.minutes(self._closed_until, until):
            flat = (last, last, last, last, 0, 0.0, self._interest)
            self._emit(BarMessage(self.contract.code, "1m", minute.start, self._day, *flat), closed)


def build_bars(
    ticks: Iterable[Tick], contract: Contract, intervals: Sequence[str], *, since: int | None = None, pad: bool = False
) -> list[Closed]:
    """All bars of the ticks of one instrument, in the order in which they closed.

    ``since`` (ns UTC) is the moment from which the ticks are a whole recording: that of the first one if not given.
    Raises :class:`RuleError` ``invalid_interval``.
    """
    closed: list[Closed] = []
    builder: BarBuilder | None = None
    for tick in ticks:
        if builder is None:
            start = tick.time if since is None else since
            builder = BarBuilder({contract.code: contract}, intervals, since=start, pad=pad)
        closed.extend(builder.on_tick(tick))
    if builder is not None:
        closed.extend(builder.finish())
    return closed
