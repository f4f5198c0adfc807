"""Files of users, written by tests."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from strategies import loading
from strategies.loading_outside import Limits
from strategies.loading_places import Places

QUICK = Limits(seconds=12.0, work=3)
"""Enough to import numba on a busy machine is more than this: only for files that never end."""

PLAIN = '''
"""A strategy of a user."""

from dataclasses import dataclass

from marketdata.domain.bars import Bar
from strategies.domain.parameters import StrategyParameters, parameter
from strategies.domain.strategy import BaseStrategy, Signal


class Mine(BaseStrategy):
    """Long after ``up`` rising closes, flat after ``down`` falling ones."""

    name = "{name}"

    @dataclass(frozen=True)
    class Parameters(StrategyParameters):
        up: int = parameter(2, minimum=1, maximum=50, step=1, description="Rising closes")
        down: int = parameter(1, minimum=1, maximum=50, step=1, description="Falling closes")

        def check(self) -> dict[str, str]:
            if self.down <= self.up:
                return {{}}
            return {{"down": f"down ({{self.down}}) must not be above up ({{self.up}})."}}

    parameters: Parameters

    def initialize(self) -> None:
        self._last, self._run, self._signals = 0.0, 0, []

    def on_market_data(self, bar: Bar) -> None:
        step = (bar.close > self._last > 0) - (bar.close < self._last)
        self._run = self._run + step if step * self._run > 0 else step
        self._last = bar.close
        self._signals = []
        if self._run == self.parameters.up:
            self._signals = [Signal(1.0, "up")]
        elif self._run == -self.parameters.down:
            self._signals = [Signal(0.0, "down")]

    def generate_signals(self) -> list[Signal]:
        return self._signals
'''


def plain(name: str) -> str:
    """A sound strategy of that name."""
    return PLAIN.format(name=name).lstrip()


def write(folder: Path, **files: str) -> Path:
    """Files by their stems."""
    folder.mkdir(parents=True, exist_ok=True)
    for stem, text in files.items():
        (folder / f"{stem}.py").write_text(text, encoding="utf-8")
    return folder


@contextmanager
def using(text: str | Path, *trusted: str, limits: Limits | None = None) -> Iterator[loading.UserStrategies]:
    """As if ``QUANTSITE_STRATEGIES`` were ``text``."""
    before = loading.use(Places(str(text), frozenset(trusted)), limits)
    try:
        yield loading.current()
    finally:
        loading.keep(before)
