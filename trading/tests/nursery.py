"""Processes of the platform that begin in no time: forked from one that has imported everything and done nothing.

``python -m trading.tests.nursery FOLDER`` reads a line of JSON for each process to start (its words, where it logs,
more environment, whether it may die at a hook) and answers with its number; what became of it stands in a file of
the folder. Starting Python and importing the platform costs seconds of processor time, a hundred times a matrix.
"""

import json
import os
import select
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from django.core.management import execute_from_command_line
from django.urls import get_resolver

from trading.tests import dying

LOOK_SECONDS = 0.02
HEAVY = (
    "marketdata.publishing.runner",
    "marketdata.recording.recorder",
    "quantsite.asgi",
    "quantsite.management.commands.run_platform",
    "trading.house",
)
"""What the processes would import by themselves."""


class Child:
    """One process of a nursery, as :class:`subprocess.Popen` has it."""

    def __init__(self, folder: Path, pid: int) -> None:
        self.pid = pid
        self._ended = folder / f"{pid}.ended"

    def poll(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        return int(self._ended.read_text()) if self._ended.exists() else None

    def wait(self, timeout: float = 240.0) -> int:
        """Until it has ended; gives the exit code. Raises ``TimeoutError``."""
        deadline = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() > deadline:
                raise TimeoutError(f"process {self.pid} does not end")
            time.sleep(LOOK_SECONDS)
        return code

    def send_signal(self, number: int) -> None:
        """Send it a signal, if it still runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)


class Nursery:
    """The process that forks the others; ends when it is closed."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        with (folder / "nursery.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "trading.tests.nursery", str(folder)],
                cwd=settings.BASE_DIR,
                env=dict(environment),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    def start(self, words: Sequence[str], log: Path, variables: Mapping[str, str], *, mortal: bool) -> Child:
        """Start ``manage.py WORDS``; one that is ``mortal`` dies where its death file says."""
        asked = {"words": list(words), "log": str(log), "variables": dict(variables), "mortal": mortal}
        to, answers = self._process.stdin, self._process.stdout
        assert to is not None
        assert answers is not None
        to.write(json.dumps(asked) + "\n")
        to.flush()
        return Child(self.folder, int(answers.readline()))

    def close(self) -> None:
        """End it; its children are killed by whoever started them."""
        self._process.communicate(timeout=60)


def main(folder: Path) -> None:
    """Fork what is asked for until nobody can ask any more."""
    django.setup()
    for name in HEAVY:
        import_module(name)
    assert get_resolver().url_patterns  # which imports every view
    while True:
        if select.select([sys.stdin], [], [], LOOK_SECONDS)[0]:
            line = sys.stdin.readline()
            if not line:
                return
            asked = json.loads(line)
            pid = os.fork()
            if not pid:
                _be(asked)
            sys.stdout.write(f"{pid}\n")
            sys.stdout.flush()
        _reap(folder)


def _reap(folder: Path) -> None:
    try:
        pid, status = os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return
    if pid:
        waiting = folder / f"{pid}.new"
        waiting.write_text(str(os.waitstatus_to_exitcode(status)))
        waiting.rename(folder / f"{pid}.ended")


def _be(asked: dict[str, Any]) -> None:
    """Be the process that was asked for; never returns."""
    code = 1
    try:
        os.environ |= asked["variables"]
        log = os.open(asked["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        if asked["mortal"]:
            dying.run(asked["words"])
        else:
            execute_from_command_line(["manage.py", *asked["words"]])
        code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    except BaseException:  # noqa: BLE001 - nothing may run on into the nursery
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
