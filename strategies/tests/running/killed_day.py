"""A day in lock-step whose strategies run in a process of their own, which is killed by SIGKILL at any moment."""

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic, sleep

from django.db import connection
from django.db.models.functions import Now

from accounts.models import Lease
from marketdata import stream
from quantsite.testing.patience import SOON
from strategies.instance_models import LEASE
from strategies.tests.live_day import LiveDay
from strategies.tests.wound_runner import MODULE, SOURCE, WINDER, Progress
from trading.loop.account_loop import AccountLoop
from trading.tests.desk_processes import Processes

LATEST = 0.08
"""A kill comes within so many seconds after a frame was let through: somewhere in what follows from it."""


@dataclass
class KilledDay(LiveDay):
    """``processes`` is where the runner runs; it is killed behind ``kills`` drawn settlings of the market."""

    processes: Processes | None = None
    drawn: random.Random = field(default_factory=lambda: random.Random(0))  # noqa: S311 - repeatable, not secret
    kills: list[int] = field(default_factory=list)
    killed: int = 0
    settled: int = 0

    def begin(self) -> None:
        """Start the process, and wait until every instance that is to run does."""
        assert self.processes is not None
        path = self.processes.folder / "winder"
        self.progress = Progress(path)
        self._start()
        self._strategies()
        self.wait_for_health()

    def meanwhile(self) -> None:
        """The process goes on by itself."""
        sleep(0.05)

    def told(self) -> object:
        """What the runner wrote."""
        return self.logs()

    def end(self) -> None:
        """SIGTERM: the state is stored; then as ever."""
        assert self.processes is not None
        self.processes.stop("strategies")
        super().end()

    def logs(self) -> str:
        """What the runner wrote."""
        assert self.processes is not None
        return self.processes.logs()

    def _start(self) -> None:
        assert self.processes is not None
        Lease.objects.filter(name=LEASE).update(expires_at=Now())  # its time has passed
        winder = {WINDER: str(self.processes.folder / "winder"), SOURCE: self.source}
        self.processes.start("strategies", "run_strategies", module=MODULE, **winder)

    def _turn(self, account: AccountLoop) -> None:
        """The runner answers at once to the first fills: what it sends waits until it has seen their tick."""
        account._match(account._frames(0.05))
        account.exchange.work()

    def _listening(self) -> bool:
        """Nobody can look into the process: the rows and the account say whether the next tick matters."""
        return True

    def _clocked(self) -> bool:
        return False

    def _strategies(self) -> None:
        """News first, then what was published; a kill may come at any moment of either."""
        self.settled += 1
        wanted = stream.parse_id(stream.newest_id(self.source) or "0-0").number
        killer = None
        if self.kills and self.settled >= self.kills[0]:
            self.kills.pop(0)
            killer = threading.Timer(self.drawn.uniform(0, LATEST), self._kill, (wanted,))
            killer.start()
        self._until_it_says(self._heard)
        self.progress.allowed = wanted
        self._until_it_says(lambda: self.progress.taken >= wanted)
        if killer is not None:
            killer.join()
            self._until_it_says(lambda: self.progress.taken >= wanted and self._heard())

    def _kill(self, wanted: int) -> None:
        """Its successor finds frame and news together, as it would after a real end: their times say their order."""
        assert self.processes is not None
        self.processes.kill("strategies")
        self.killed += 1
        self.progress.forget()
        self.progress.allowed = wanted
        self._start()
        connection.close()  # that of the timer's thread

    def _until_it_says(self, condition: Callable[[], bool]) -> None:
        deadline = monotonic() + SOON
        while not condition():
            assert monotonic() < deadline, self.logs()
            sleep(0.001)

    def _heard(self) -> bool:
        if not hasattr(self, "progress"):
            return True
        return all(self.progress.seq(each.account.pk) >= each.keeper.state.last_seq for each in self.accounts.values())
