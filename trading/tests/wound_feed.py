"""``run_feed`` on a market that goes on at its own pace and besides as far as a test winds it on, tick by tick.

What happens between two orders of a trader is then the same on a quick machine and on one that is busy elsewhere.
"""

import mmap
import os
import struct
import sys
from importlib import import_module
from pathlib import Path

import django
from django.core.management import execute_from_command_line

from marketdata.domain.market_clock import MarketClock

WINDER = "QUANTSITE_TEST_WINDER"
"""Names the file of the winder; only this module reads it."""
MODULE = ("-m", "trading.tests.wound_feed")
TO_THE_END = 2**62
LOOK_SECONDS = 0.002
_TICKS = struct.Struct("<q")


class Winder:
    """How many ticks may come at once: a number in a file, which both ends have mapped."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(_TICKS.pack(0))
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), _TICKS.size)

    @property
    def ticks(self) -> int:
        """Of the whole record."""
        number: int = _TICKS.unpack_from(self._map)[0]
        return number

    @ticks.setter
    def ticks(self, number: int) -> None:
        _TICKS.pack_into(self._map, 0, number)


class WoundClock(MarketClock):
    """The market clock, which jumps to each instant of a tick that the winder lets through."""

    def __init__(self, start: int, speed: float, wall: float) -> None:
        super().__init__(start, speed, wall)
        self._winder = Winder(Path(os.environ[WINDER]))
        self._through = 0
        self._last = 0

    def seconds_to(self, instant: int, wall: float) -> float:
        """0 where the tick of ``instant`` may come; else little, for the winder has to be looked at again."""
        if instant == self._last:
            return 0.0
        left = super().seconds_to(instant, wall)
        if left and self._through >= self._winder.ticks:
            return min(left, LOOK_SECONDS)
        self._through += 1
        self._last = instant
        return 0.0


if __name__ == "__main__":
    django.setup()
    vars(import_module("marketdata.publishing.runner"))["MarketClock"] = WoundClock
    execute_from_command_line(["manage.py", *sys.argv[1:]])
