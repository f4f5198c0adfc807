"""The gateways of every open account: simulated ones as threads here, each CTP account as a process of its own.

A broker's library may end its process without a word, so none shares one. A process that ended is started again, with a
growing pause; one that ended because a person is needed is tried again much later.
"""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

import structlog
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import close_old_connections
from django.utils.translation import gettext_noop

from accounts.alarms import clear_alarm, raise_alarm
from accounts.models import Severity
from marketdata.domain.ctp.exits import NEEDS_PERSON
from quantsite.web.ports import free_port
from trading.alarms import GATEWAY_ENDS
from trading.choices import AccountKind
from trading.house import GatewayHouse, open_accounts
from trading.supervised import Figures

log = structlog.get_logger(__name__)

LOOK_SECONDS = 0.5
ROWS_SECONDS = 1.0
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0
PERSON_PAUSE_SECONDS = 300.0
SOUND_SECONDS = 60.0
"""One that has run for so long begins with the shortest pause again."""
GRACE_SECONDS = 10.0
TOLD_AFTER = 3
"""Ends in a row after which people are told."""

ENDS = gettext_noop(
    "The gateway of account %(account)s has ended %(count)d times in a row, the last time with code %(code)d."
)

Start = Callable[[str, int], "subprocess.Popen[bytes]"]
"""The process of an account, by its code, with the port of its figures."""


def start_process(code: str, port: int) -> "subprocess.Popen[bytes]":
    """``manage.py run_gateway CODE``, which ends when we do."""
    words = ("run_gateway", code, "--supervised", "--metrics", f"127.0.0.1:{port}")
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), *words]
    return subprocess.Popen(command, stdin=subprocess.PIPE)  # noqa: S603 - our own command, a code from the table


@dataclass
class Kept:
    """One account's process, or the wait for its next one."""

    process: "subprocess.Popen[bytes] | None" = None
    port: int = 0
    started: float = 0.0
    due: float = 0.0
    pause: float = FIRST_PAUSE_SECONDS
    ends: int = 0
    wanted: bool = True
    told: bool = True  # an alarm of a supervisor before us may be open
    asked_at: float = field(default=0.0)


class Supervisor:
    """Keeps the gateways of all open accounts running; ``figures`` are theirs, for ``/metrics``."""

    def __init__(self, start: Start = start_process) -> None:
        self.figures = Figures(self._ports)
        self._start = start
        self._kept: dict[str, Kept] = {}
        self._looked = 0.0

    def run(self, stop: threading.Event) -> None:
        """Until ``stop``; then every gateway has ended, by force after ten seconds."""
        house = threading.Thread(target=GatewayHouse().run, args=(stop,), name="simulated gateways")
        house.start()
        try:
            while not stop.is_set():
                self._look()
                stop.wait(LOOK_SECONDS)
        finally:
            stop.set()
            self._end_all()
            house.join()

    def processes(self) -> dict[str, int]:
        """Account -> process number, of those that run."""
        return {code: kept.process.pid for code, kept in self._kept.items() if kept.process is not None}

    def _ports(self) -> Iterator[tuple[str, int]]:
        return ((code, kept.port) for code, kept in list(self._kept.items()) if kept.process is not None)

    def _look(self) -> None:
        now = time.monotonic()
        if now - self._looked >= ROWS_SECONDS:
            self._looked = now
            self._read_rows()
        for code, kept in list(self._kept.items()):
            if kept.process is not None and (ended := kept.process.poll()) is not None:
                self._ended(code, kept, ended, now)
            if kept.process is None and not kept.wanted:
                del self._kept[code]
            elif kept.process is None and now >= kept.due:
                kept.port = free_port()
                kept.process, kept.started = self._start(code, kept.port), now
                log.info("gateway process begins", account=code, pid=kept.process.pid)
            elif kept.process is not None and not kept.wanted:
                _ask_to_end(kept, now)
            elif kept.told and now - kept.started >= SOUND_SECONDS:
                kept.told = False
                self._tell(partial(clear_alarm, GATEWAY_ENDS, code))

    def _read_rows(self) -> None:
        """Which accounts are to have a process. Where that cannot be read nothing changes."""
        codes = open_accounts(AccountKind.CTP)
        if codes is None:
            return
        for code in codes:
            self._kept.setdefault(code, Kept())
        for code, kept in self._kept.items():
            kept.wanted = code in codes

    def _ended(self, code: str, kept: Kept, exit_code: int, now: float) -> None:
        kept.process = None
        if not kept.wanted:
            return
        if now - kept.started >= SOUND_SECONDS:
            kept.pause, kept.ends = FIRST_PAUSE_SECONDS, 0
        kept.ends += 1
        person = exit_code in NEEDS_PERSON
        pause = PERSON_PAUSE_SECONDS if person else kept.pause
        kept.due, kept.pause = now + pause, min(2 * kept.pause, LONGEST_PAUSE_SECONDS)
        log.error("gateway process ended", account=code, code=exit_code, again_after_s=pause, in_a_row=kept.ends)
        if person or kept.ends >= TOLD_AFTER:
            values: dict[str, str | int] = {"account": code, "count": kept.ends, "code": exit_code}
            kept.told = True
            self._tell(partial(raise_alarm, GATEWAY_ENDS, code, ENDS, Severity.CRITICAL, values))

    def _tell(self, work: Callable[[], object]) -> None:
        try:
            work()
        except DatabaseError as error:  # the log has it; the next end tells again
            log.warning("alarm not written", reason=" ".join(str(error).split()))
        finally:
            close_old_connections()

    def _end_all(self) -> None:
        running = {code: kept.process for code, kept in self._kept.items() if kept.process is not None}
        for process in running.values():
            process.terminate()
        deadline = time.monotonic() + GRACE_SECONDS
        for code, process in running.items():
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                log.error("gateway process killed", account=code, pid=process.pid)
                process.kill()
                process.wait()


def _ask_to_end(kept: Kept, now: float) -> None:
    """SIGTERM once, SIGKILL after the grace."""
    if kept.process is None:
        return
    if not kept.asked_at:
        kept.asked_at = now
        kept.process.terminate()
    elif now - kept.asked_at > GRACE_SECONDS:
        kept.process.kill()
