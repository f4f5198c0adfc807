"""Minutes -> bars of several minutes, and the day's own figures -> the daily bar."""

from collections.abc import Sequence
from math import nan

from msgspec import structs

from marketdata.domain.day_plan import Bucket, DayPlan
from marketdata.domain.intervals import interval_name
from marketdata.domain.ticks import BarMessage, SettlementMessage, Tick
from quantsite.common.times import NS_PER_MINUTE

Closed = BarMessage | SettlementMessage


class Folder:
    """The forming bar of ``minutes`` minutes of one instrument, put together from closed minutes."""

    __slots__ = ("_bar", "_bucket", "_code", "_name", "minutes")

    def __init__(self, code: str, minutes: int) -> None:
        self.minutes = minutes
        self._code = code
        self._name = interval_name(minutes)
        self._bucket: Bucket | None = None
        self._bar: BarMessage | None = None

    def add(self, plan: DayPlan, minute: BarMessage, closed: list[Closed]) -> None:
        """Take a closed minute in; a bar that it does not belong to any more, or that it completes, is closed."""
        bucket = self._bucket
        if bucket is None or not bucket.start <= minute.start < bucket.end:
            self.close_before(minute.start, closed)
            bucket = self._bucket = plan.bucket_of(minute.start, self.minutes * NS_PER_MINUTE)
        self._bar = self._joined(bucket, minute, final=True)
        self.close_before(minute.start + NS_PER_MINUTE, closed)

    def close_before(self, instant: int, closed: list[Closed]) -> None:
        """Close the bar if it has ended at ``instant`` (ns UTC)."""
        if self._bucket is not None and self._bucket.end <= instant:
            if self._bar is not None:
                closed.append(self._bar)
            self._bucket = self._bar = None

    def current(self, plan: DayPlan, minute: BarMessage | None) -> BarMessage | None:
        """The bar as it stands, the forming minute along."""
        if minute is None:
            return None if self._bar is None else _with_final(self._bar, final=False)
        bucket = self._bucket
        if bucket is None or not bucket.start <= minute.start < bucket.end:
            bucket = plan.bucket_of(minute.start, self.minutes * NS_PER_MINUTE)
            return _named(minute, self._name, bucket.start)
        return self._joined(bucket, minute, final=False)

    def _joined(self, bucket: Bucket, minute: BarMessage, *, final: bool) -> BarMessage:
        bar = self._bar
        if bar is None:
            return _with_final(_named(minute, self._name, bucket.start), final=final)
        return _with_final(_join(bar, minute), final=final)


class DayBar:
    """The daily bar of one instrument: from the day's figures in each tick, from minutes where a source has none."""

    __slots__ = ("_code", "_folded", "_plan", "_settlement", "_tells_bars", "_tick", "_told")

    def __init__(self, code: str, *, tells_bars: bool) -> None:
        self._code = code
        self._tells_bars = tells_bars
        self._plan: DayPlan | None = None
        self._tick: Tick | None = None
        self._folded: BarMessage | None = None
        self._settlement = nan
        self._told = False

    def begin(self, plan: DayPlan) -> None:
        """A new trading day."""
        self._plan, self._tick, self._folded, self._settlement, self._told = plan, None, None, nan, False

    def on_tick(self, tick: Tick) -> None:
        """The newest figures."""
        if tick.volume:
            self._tick = tick

    def add(self, minute: BarMessage) -> None:
        """One more closed minute."""
        self._folded = minute if self._folded is None else _join(self._folded, minute)

    def settle(self, tick: Tick) -> Sequence[Closed]:
        """A settlement price that is new, and the daily bar anew if it was closed without it.

        Some exchanges publish a running figure in the session: only what comes with or after its last minute counts.
        """
        price, plan = tick.settlement, self._plan
        if plan is None or price != price or price == self._settlement:  # noqa: PLR0124 - NaN is not itself
            return ()
        if tick.time < plan.closes - NS_PER_MINUTE:
            return ()
        self._settlement = price
        limits = (tick.pre_settlement, tick.upper_limit, tick.lower_limit)
        message = SettlementMessage(self._code, tick.trading_day, price, *limits)
        bar = self.bar(final=True) if self._told else None
        return (message,) if bar is None else (message, bar)

    def close(self, closed: list[Closed]) -> None:
        """Close the day, once."""
        bar = self.bar(final=True)
        if bar is not None and not self._told:
            self._told = True
            closed.append(bar)

    def bar(self, *, final: bool) -> BarMessage | None:
        """The bar as it stands; None before the first trade."""
        tick, plan, folded = self._tick, self._plan, self._folded
        if plan is None or not self._tells_bars:
            return None
        if tick is not None and tick.open == tick.open:
            prices = (tick.open, tick.high, tick.low, tick.last)
            volume, rest, partial = tick.volume, (tick.turnover, tick.open_interest), False
        elif folded is not None:
            prices = (folded.open, folded.high, folded.low, folded.close)
            volume, rest, partial = folded.volume, (folded.turnover, folded.open_interest), folded.partial
        else:
            return None
        day = (plan.opens, plan.trading_day)
        return BarMessage(
            self._code, "1d", *day, *prices, volume, *rest,
            settlement=self._settlement, final=final, partial=partial,
        )  # fmt: skip


def _join(bar: BarMessage, minute: BarMessage) -> BarMessage:
    """A bar with one more minute at its end."""
    return structs.replace(
        bar,
        high=max(bar.high, minute.high),
        low=min(bar.low, minute.low),
        close=minute.close,
        volume=bar.volume + minute.volume,
        turnover=bar.turnover + minute.turnover,
        open_interest=minute.open_interest,
        partial=bar.partial or minute.partial,
    )


def _named(bar: BarMessage, interval: str, start: int) -> BarMessage:
    return structs.replace(bar, interval=interval, start=start)


def _with_final(bar: BarMessage, *, final: bool) -> BarMessage:
    return bar if bar.final == final else structs.replace(bar, final=final)
