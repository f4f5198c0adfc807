"""What a process knows of the market from the streams: newest ticks, the last bars that closed, clocks, ages."""

import time
from collections import deque
from collections.abc import Mapping
from typing import Any

from marketdata.domain.ticks import BACKWARD, STALE, BarMessage, Clock, Message, Tick
from marketdata.hub.messages import Data, day_text, instant_text

RECENT_BARS = 8
"""Closed bars kept of each instrument and interval: the recorder is at most a second behind, an outage longer."""


class SourceState:
    """One source: its clock as last told, and when its last tick and its last word came (``time.monotonic()``)."""

    __slots__ = ("clock", "clock_at", "heard_at", "tick_at", "tick_wall", "ticks")

    def __init__(self) -> None:
        self.clock: Clock | None = None
        self.clock_at = 0.0
        self.heard_at = 0.0
        self.tick_at = 0.0
        self.tick_wall = 0
        self.ticks = 0

    def market_time(self) -> int | None:
        """The market clock now (ns UTC), told on from its last word by its speed; None before the first."""
        if self.clock is None:
            return None
        return self.clock.now + int((time.monotonic() - self.clock_at) * self.clock.speed * 1e9)


class Market:
    """The newest of everything, by instrument code. Written on the hub's loop; reading is safe from any thread."""

    def __init__(self) -> None:
        self._ticks: dict[str, Tick] = {}
        self._bars: dict[tuple[str, str], deque[BarMessage]] = {}
        self.sources: dict[str, SourceState] = {}
        self.source_of: dict[str, str] = {}

    def on_message(self, source: str, message: Message) -> bool:
        """Take one message in; false for a tick that is older than what is known and changes nothing."""
        state = self.sources.get(source)
        if state is None:
            state = self.sources[source] = SourceState()
        state.heard_at = time.monotonic()
        if isinstance(message, Tick):
            return self._on_tick(source, state, message)
        if isinstance(message, BarMessage):
            if message.final:
                key = (message.instrument, message.interval)
                kept = self._bars.get(key)
                if kept is None:
                    kept = self._bars[key] = deque(maxlen=RECENT_BARS)
                kept.append(message)
        elif isinstance(message, Clock):
            state.clock = message
            state.clock_at = state.heard_at
        return True

    def warmed(self, source: str) -> None:
        """What a source told before we came is read: its last tick and word are as old as that tick's arrival says."""
        state = self.sources.get(source)
        newest = max((tick.received for code, tick in self._ticks.items() if self.comes_from(source, code)), default=0)
        age = time.time_ns() - newest
        if state is not None and newest and age > 0:
            state.tick_wall = newest
            state.tick_at = state.heard_at = time.monotonic() - age / 1e9

    def comes_from(self, source: str, code: str) -> bool:
        """Whether the newest tick of an instrument came from this source."""
        return self.source_of.get(code) == source

    def latest_tick(self, code: str) -> Tick | None:
        """The newest tick of an instrument; None where none has come."""
        return self._ticks.get(code)

    def recent_bars(self, code: str, interval: str) -> list[BarMessage]:
        """The last bars that closed, oldest first, at most ``RECENT_BARS``."""
        return list(self._bars.get((code, interval), ()))

    def now(self, code: str) -> int:
        """The market clock (ns UTC) of the source that publishes an instrument; our own clock where none has told."""
        state = self.sources.get(self.source_of.get(code, ""))
        told = None if state is None else state.market_time()
        return time.time_ns() if told is None else told

    def status(self) -> Data:
        """The sources for pages: market clock, speed, and the age of the last tick and of the last word in seconds."""
        now = time.monotonic()
        return {"sources": {name: _told(state, now) for name, state in sorted(self.sources.items())}}

    def _on_tick(self, source: str, state: SourceState, tick: Tick) -> bool:
        state.ticks += 1
        state.tick_at = state.heard_at
        state.tick_wall = time.time_ns()
        code = tick.instrument
        if tick.flags & (BACKWARD | STALE) and code in self._ticks:
            return False
        self._ticks[code] = tick
        self.source_of[code] = source
        return True


def _told(state: SourceState, now: float) -> Mapping[str, Any]:
    clock, market_time = state.clock, state.market_time()
    return {
        "market_time": None if market_time is None else instant_text(market_time),
        "trading_day": None if clock is None else day_text(clock.trading_day),
        "speed": None if clock is None else clock.speed,
        "last_tick_at": instant_text(state.tick_wall) if state.ticks else None,
        "tick_age": round(now - state.tick_at, 3) if state.ticks else None,
        "heard_age": round(now - state.heard_at, 3),
        "ticks": state.ticks,
    }
