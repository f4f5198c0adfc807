"""The path of a tick through a feed: counted, published, made into bars. No database, no disk, no log."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from marketdata.domain.bar_builder import BarBuilder
from marketdata.domain.calendar import TradingCalendar, from_day_number
from marketdata.domain.contract import Contract
from marketdata.domain.market_hours import trading_day_at
from marketdata.domain.ticks import (
    BACKWARD,
    OUTSIDE,
    STALE,
    BarMessage,
    Clock,
    SettlementMessage,
    Tick,
    encode,
)
from quantsite.common.times import NS_PER_SECOND

FLAGS = {"outside": OUTSIDE, "stale": STALE, "backward": BACKWARD}


class TickPath:
    """From ticks and the market clock to messages, given to ``send`` one by one. Called by one thread.

    An instrument is watched from its first tick on (``added`` says otherwise); a tick of one that is not in
    ``contracts`` is refused and counted. The same ticks and clock give the same messages, at whatever speed: bars
    close at whole seconds of the market clock, which is told before the bars that it closes. ``heard`` are the
    instruments of a live feed's ticks since somebody has emptied it.
    """

    def __init__(
        self,
        source: str,
        calendar: TradingCalendar,
        send: Callable[[bytes], None],
        *,
        intervals: Sequence[str],
        pad: bool = False,
    ) -> None:
        self.source = source
        self.contracts: dict[str, Contract] = {}
        self.ticks = self.bars = self.refused = 0
        self.flagged = dict.fromkeys(FLAGS, 0)
        self.last_tick_at = 0.0
        self.heard: set[str] = set()
        self.market_time = 0
        self.trading_day = 0
        self._calendar = calendar
        self._send = send
        self._builder = BarBuilder({}, intervals, since=0, pad=pad)
        self._watched: set[str] = set()
        self._dropped: set[str] = set()
        self._next_second = 0
        self._speed = 0.0

    def allow(self, contracts: Iterable[Contract]) -> None:
        """Ticks of these are published, their bars built from the first tick on."""
        self.contracts |= {contract.code: contract for contract in contracts}

    def watch(self, contract: Contract, since: int) -> None:
        """The same, with the moment (ns UTC, market clock) from which we see all that is traded."""
        self.contracts[contract.code] = contract
        self._watched.add(contract.code)
        if contract.code in self._dropped:  # what was traded meanwhile belongs to no bar of ours
            self._dropped.discard(contract.code)
            self._builder.forget(contract.code)
        self._builder.add(contract, since)

    def drop(self, code: str) -> None:
        """Publish it no more. Its forming bars stay with the builder, which the clock closes."""
        if self.contracts.pop(code, None) is not None:
            self._dropped.add(code)

    def on_tick(self, tick: Tick) -> None:
        """Publish a tick, then what it closed."""
        code = tick.instrument
        if code not in self._watched or code not in self.contracts:
            if code not in self.contracts:
                self.refused += 1
                return
            self.watch(self.contracts[code], tick.time)
        self._send(encode(tick))
        self.ticks += 1
        if tick.flags:
            self._count(tick.flags)
        closed = self._builder.on_tick(tick)
        if closed:
            self._publish(closed)

    def advance(self, now: int) -> None:
        """The market clock has come to ``now`` (ns UTC): close what ends with a second that has passed."""
        if now >= self._next_second:
            second = now - now % NS_PER_SECOND
            self._next_second = second + NS_PER_SECOND
            closed = self._builder.on_clock(second)
            if closed:
                self.tell_clock(second, self._speed)
                self._publish(closed)
                if now > second:
                    self.tell_clock(now, self._speed)

    def tell_clock(self, now: int, speed: float) -> None:
        """Publish the market clock. Raises ``RuleError`` ``outside_calendar``."""
        self.market_time, self._speed = now, speed
        self.trading_day = trading_day_at(self._calendar, now)
        self._send(encode(Clock(self.source, now, self.trading_day, speed)))

    def finish(self) -> None:
        """The end of a recording: close whatever is open."""
        self._publish(self._builder.finish())

    def counts(self) -> Mapping[str, int]:
        """Ticks by what was odd about them."""
        return {**self.flagged, "refused": self.refused}

    @property
    def day(self) -> str:
        """The trading day as a date, '' before the clock was told."""
        return from_day_number(self.trading_day).isoformat() if self.trading_day else ""

    def _publish(self, closed: Sequence[BarMessage | SettlementMessage]) -> None:
        for message in closed:
            self._send(encode(message))
            self.bars += type(message) is BarMessage

    def _count(self, flags: int) -> None:
        for name, flag in FLAGS.items():
            if flags & flag:
                self.flagged[name] += 1
