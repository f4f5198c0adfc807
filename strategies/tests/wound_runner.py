"""``run_strategies`` that takes in the market as far as a test lets it, and says how far it is: both by a shared file.

What happens between two ticks is then the same on a quick machine and on a busy one, and for a runner that was killed.
"""

import mmap
import os
import struct
import sys
from importlib import import_module
from pathlib import Path
from queue import Full
from time import sleep
from typing import Any

import django
from django.core.management import execute_from_command_line

WINDER = "QUANTSITE_TEST_RUNNER_WINDER"
"""Names the file; only this module reads it."""
SOURCE = "QUANTSITE_TEST_RUNNER_SOURCE"
"""The stream that the file is about."""
MODULE = ("-m", "strategies.tests.wound_runner")
ACCOUNTS = 64
"""That a process follows at once: those of the days before it are there still."""
_CELLS = struct.Struct(f"<{2 + 2 * ACCOUNTS}q")


class Progress:
    """What both ends see: the frame up to which the runner may read, and the frame and events that it has taken in."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(bytes(_CELLS.size))
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), _CELLS.size)

    def _get(self, cell: int) -> int:
        return int(struct.unpack_from("<q", self._map, 8 * cell)[0])

    def _set(self, cell: int, value: int) -> None:
        struct.pack_into("<q", self._map, 8 * cell, value)

    @property
    def allowed(self) -> int:
        """The number of the last frame that may be read."""
        return self._get(0)

    @allowed.setter
    def allowed(self, number: int) -> None:
        self._set(0, number)

    @property
    def taken(self) -> int:
        """The number of the last frame that was taken in, and what it led to stored."""
        return self._get(1)

    def seq(self, account: int) -> int:
        """The last event of an account that was taken in."""
        for slot in range(ACCOUNTS):
            if self._get(2 + 2 * slot) == account:
                return self._get(3 + 2 * slot)
        return 0

    def tell(self, frame: int, seqs: dict[int, int]) -> None:
        """Say how far we are."""
        for slot, (account, seq) in enumerate(sorted(seqs.items())):
            self._set(3 + 2 * slot, seq)
            self._set(2 + 2 * slot, account)
        self._set(1, frame)

    def forget(self) -> None:
        """A new process has taken nothing in yet."""
        for cell in range(1, 2 + 2 * ACCOUNTS):
            self._set(cell, 0)


def wind() -> None:
    """Have the loop of strategies obey the file."""
    progress = Progress(Path(os.environ[WINDER]))
    progress.forget()
    module: Any = import_module("strategies.running.loop")
    put, end_step = module.Inbox.put, module.StrategyLoop.end_step

    def held_up(self: Any, item: Any, timeout: float = 0.0) -> None:
        if item is not None and item[0] == os.environ[SOURCE] and int(item[1].partition("-")[2]) > progress.allowed:
            sleep(min(timeout, 0.002))
            raise Full
        put(self, item, timeout)

    def told(self: Any) -> None:
        end_step(self)
        feeding = self.feeding
        frame = int(feeding.frames.get(os.environ[SOURCE], "0-0").partition("-")[2])
        waits = any(instance.waiting for instance in self.instances.values())
        waits = waits or len(self.aside) > 0
        progress.tell(0 if waits or feeding.catching_up else frame, feeding.seqs)

    module.Inbox.put, module.StrategyLoop.end_step = held_up, told


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "quantsite.settings")
    django.setup()
    wind()
    execute_from_command_line(["manage.py", *sys.argv[1:]])
