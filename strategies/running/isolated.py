"""The hosting process of one instance as the runner meets it: fed over a pipe, heard by a thread, killed when it hangs.

Nothing here waits for the strategy, not even for its end: one batch of inputs is under way at a time, what the pipe
does not take at once a thread writes, and what came of it is handed to the runner's queue. The kernel refuses what
takes too much memory and gives the processor to others first; :meth:`Isolated.overdue` ends what takes too much time.
"""

import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import structlog

from marketdata.domain.bars import BarSeries
from strategies.metrics import PUT_BACK
from strategies.running.child import Begin, Feed, decode_told, encode, framed, receive
from strategies.running.inputs import BarsIn, Input, ParametersIn, TickIn, Told, error_of, plain, unpack
from strategies.running.spec import Columns, HostSpec

log = structlog.get_logger(__name__)

PROJECT = Path(__file__).resolve().parents[2]
KEPT = ("PATH", "LANG", "LC_ALL", "TZ", "HOME")
"""What of our environment a strategy's process sees: no address and no key of anything."""
ONE_THREAD = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
BEGIN_SECONDS = 60.0
"""For the imports, the warm-up and the first answer; beside its budget for what comes behind new parameters too, with
which a strategy is warmed up anew."""
STARVED = 20
"""A process that got no processor may take so many times its budget on the wall clock; one that sleeps, too."""
LEAST_WALL_SECONDS = 10.0
"""Whoever takes no processor holds up nobody."""
MARKET = (TickIn, BarsIn)
MOST_BYTES = 8 << 20
"""Of one answer, which has the state: taking it in and storing it is work of ours, which others wait for."""
NICE = 5
"""Of its process: the runner, gateways and the database come first, but it is not left out on a busy machine."""
BEHIND_ALL = 19
"""Of one that computes longer than others do: those of its kind do not wait for it."""
LONG_SECONDS = 0.05
"""Of the processor, for one input: who takes more comes behind until it has answered."""
FIRST_TO_GO = 1_000
"""Where the machine's memory ends, the kernel ends its process before any other."""
END_SECONDS = 2.0
TICKS = os.sysconf("SC_CLK_TCK")


class Gone(Exception):  # noqa: N818 - an answer that travels in a queue, not an error that is raised
    """The process has ended by itself or was killed; ``reason`` is a word, ``detail`` what it said."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail


Heard = Callable[["Isolated", Told | Gone], None]


class Isolated:
    """One process. ``heard`` is called from its thread with every answer, and once with what ended it."""

    def __init__(self, name: str, budget_ms: int, memory_mb: int, heard: Heard) -> None:
        self.name = name
        self.pid = 0
        self._budget = budget_ms / 1_000
        self._memory = memory_mb
        self._heard = heard
        self._process: subprocess.Popen[bytes] | None = None
        self._until = self._wall = 0.0
        self._cpu = self._allowed = 0.0
        self._long: float | None = None
        self._nice = NICE
        self._renews = False
        self._rest: threading.Thread | None = None
        self._leaving: threading.Thread | None = None
        self._busy = threading.Event()
        self._once = threading.Lock()
        self._over = False
        self._ended_as = ""

    @property
    def busy(self) -> bool:
        """Whether a batch is under way."""
        return self._busy.is_set()

    def begin(self, spec: HostSpec, document: dict[str, Any] | None, bars: Sequence[BarSeries]) -> None:
        """Start it; the first answer has the number 0."""
        process = subprocess.Popen(
            [sys.executable, "-m", "strategies.running.child"],
            cwd=PROJECT,
            env=_environment(os.environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        self._process, self.pid = process, process.pid
        _stand_back(process.pid, NICE)
        _go_first(process.pid)
        os.set_blocking(_stdin(process), False)
        self._listener = threading.Thread(target=self._listen, name=f"strategy {self.name}", daemon=True)
        self._listener.start()
        self._expect(BEGIN_SECONDS, BEGIN_SECONDS, None)
        self._send(encode(Begin(spec, self._memory, document, [Columns.of(series) for series in bars])))

    def feed(self, number: int, inputs: Sequence[Input], *, document: bool) -> None:
        """Hand a batch over; only while nothing is under way."""
        if self.busy:
            raise RuntimeError(f"strategy {self.name} is at work")
        count = max(len(inputs), 1)
        budget, long = self._budget * count, LONG_SECONDS * count
        self._renews = self._renews or any(type(given) is ParametersIn for given in inputs)
        if self._renews:
            budget += BEGIN_SECONDS
        self._expect(budget, max(STARVED * budget, LEAST_WALL_SECONDS), None if self._renews else long)
        if any(type(given) in MARKET for given in inputs):
            self._renews = False
        self._send(encode(Feed(number, list(inputs), document)))

    def allow(self, budget_ms: int) -> None:
        """From the next batch on an event may take so long."""
        self._budget = budget_ms / 1_000

    def overdue(self) -> bool:
        """Whether the batch under way has used up its time; the process is killed then, and says so as its end.

        One that takes long without having used up its time comes behind the others from now on.
        """
        now = time.monotonic()
        if not self.busy:
            return False
        if now < self._until:
            self._put_back(now)
            return False
        used = self._used()
        if now < self._wall and used is not None and used - self._cpu < self._allowed:
            return False  # it waits for a processor
        self.end("over_budget")
        return True

    def end(self, reason: str = "ended") -> None:
        """Kill it and whatever it has begun. ``heard`` is told the reason, unless it has ended by itself before."""
        self._ended_as = self._ended_as or reason
        if self._process is not None:
            _kill(self._process)
            self._see_off()

    def close(self) -> None:
        """Let it end, without waiting: the end of the pipe is its sign, and what does not take it is killed."""
        self._ended_as = self._ended_as or "ended"
        process = self._process
        if process is None:
            return
        if self._rest is not None and self._rest.is_alive():
            _kill(process)
        else:
            assert process.stdin is not None  # noqa: S101 - a pipe
            process.stdin.close()
        self._see_off()

    def join(self) -> None:
        """Wait until what was closed has ended."""
        if self._leaving is not None:
            self._leaving.join()

    def _see_off(self) -> None:
        """Wait beside for its end, and tell it where what it has begun still holds the pipe."""
        process = self._process
        if process is None or self._leaving is not None:
            return

        def leave() -> None:
            with suppress(subprocess.TimeoutExpired):  # then it is killed
                process.wait(END_SECONDS)
            _kill(process)
            self._listener.join(END_SECONDS)
            self._tell_end(Gone(self._ended_as))

        self._leaving = threading.Thread(target=leave, name=f"strategy {self.name} ends", daemon=True)
        self._leaving.start()

    def _tell_end(self, gone: Gone) -> None:
        with self._once:
            if self._over:
                return
            self._over = True
        self._heard(self, gone)

    def _expect(self, cpu: float, wall: float, long: float | None) -> None:
        now = time.monotonic()
        self._until, self._wall, self._allowed, self._long = now + cpu, now + wall, cpu, long
        self._cpu = self._used() or 0.0
        if self._nice != NICE and _stand_back(self.pid, NICE):
            self._nice = NICE
        self._busy.set()

    def _put_back(self, now: float) -> None:
        """Let the others' processes go first while this one computes longer than they do."""
        if self._nice == BEHIND_ALL or self._long is None or now < self._until - self._allowed + self._long:
            return
        used = self._used()
        if used is not None and used - self._cpu >= self._long:
            self._nice = BEHIND_ALL
            PUT_BACK.inc()
            _stand_back(self.pid, BEHIND_ALL)

    def _send(self, data: bytes) -> None:
        """Without waiting: what the pipe does not take, as of a long document, is written beside."""
        assert self._process is not None  # noqa: S101 - begun
        message, pipe = memoryview(framed(data)), _stdin(self._process)
        try:
            written = os.write(pipe, message)
        except BlockingIOError:
            written = 0
        except OSError:  # its end is told by the thread that listens
            log.warning("strategy process takes nothing", strategy=self.name, pid=self.pid)
            return
        if written < len(message):
            self._rest = threading.Thread(target=_write, args=(pipe, message[written:]), daemon=True)
            self._rest.start()

    def _used(self) -> float | None:
        """Processor time so far, in seconds; None where it is gone."""
        try:
            fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        except OSError:
            return None
        return (int(fields[11]) + int(fields[12])) / TICKS

    def _listen(self) -> None:
        process = self._process
        assert process is not None  # noqa: S101 - begun
        pipe: IO[bytes] | None = process.stdout
        assert pipe is not None  # noqa: S101 - a pipe
        with pipe:
            code, why = self._answers(pipe)
        process.wait()
        if not code and not self._ended_as:
            code, why = "died", f"exit code {process.returncode}"
        self._tell_end(Gone(self._ended_as or code, why))

    def _answers(self, pipe: IO[bytes]) -> tuple[str, str]:
        """Hand on what it says until it says no more; gives its last word, where it had one."""
        last = ("", "")
        try:
            while (data := receive(pipe, MOST_BYTES)) is not None:  # type: ignore[arg-type]
                told = decode_told(data)
                if told.fatal:
                    last = (told.fatal if told.fatal == "out_of_memory" else told.fatal_code, plain(told.fatal))
                    continue
                told.intents = [[unpack(values) for values in found] for found in told.intents]
                self._busy.clear()
                self._heard(self, told)
        except OverflowError:
            self.end("state_too_large")
        except Exception as error:  # noqa: BLE001 - its pipe may hold anything that its code has written there
            self.end("died")
            return "died", f"an answer that nobody can read ({error_of(error)})"
        return last


def _stdin(process: subprocess.Popen[bytes]) -> int:
    assert process.stdin is not None  # noqa: S101 - a pipe
    return process.stdin.fileno()


def _stand_back(pid: int, nice: int) -> bool:
    """Have the process, and what it has begun, come after others; whether the system lets us.

    It lets everybody put a process further back, and few bring one forward (``RLIMIT_NICE``).
    """
    try:
        os.setpriority(os.PRIO_PGRP, pid, nice)
    except OSError:  # gone, or not allowed: it stays where it is until its next beginning
        return False
    with suppress(OSError):  # gone already; a kernel that does not weigh sessions has no such file, and needs none
        Path(f"/proc/{pid}/autogroup").write_text(str(nice), encoding="ascii")
    return True


def _go_first(pid: int) -> None:
    """Where the machine's memory ends, end this process first."""
    with suppress(OSError):  # gone already, or a kernel that does not ask us
        Path(f"/proc/{pid}/oom_score_adj").write_text(str(FIRST_TO_GO), encoding="ascii")


def _write(pipe: int, rest: memoryview) -> None:
    """All of it, as the process takes it; ends with the process."""
    poll = select.poll()
    poll.register(pipe, select.POLLOUT)
    try:
        while rest:
            poll.poll()
            rest = rest[os.write(pipe, rest) :]
    except OSError as error:  # its end is told by the thread that listens
        log.warning("strategy process takes no more", reason=str(error))


def _kill(process: subprocess.Popen[bytes]) -> None:
    """It leads a group of its own: whatever it has begun goes with it."""
    with suppress(ProcessLookupError):  # all have gone
        os.killpg(process.pid, signal.SIGKILL)


def _environment(ours: Mapping[str, str]) -> dict[str, str]:
    kept = {name: ours[name] for name in KEPT if name in ours}
    path = os.pathsep.join(entry for entry in sys.path if entry)
    return {**kept, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1", **dict.fromkeys(ONE_THREAD, "1")}
