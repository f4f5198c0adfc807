"""Users' files looked at outside this process, so that a page that lists strategies never runs one.

What is known of a file holds until it, or a file that it imports from beside it, was written; of a broken one until
anything in its folder was. Whoever asks first after a change waits for the child; the others wait for him.
"""

import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from quantsite.common.texts import kept
from strategies.loading_child import Asked, Told, decode, encode
from strategies.loading_places import Broken, SourceFile
from strategies.loading_sources import Stamp, stamp_of, stamps_of_folder

ROOT = Path(__file__).resolve().parent.parent

CHILD = "strategies.loading_child"

SECONDS = 20.0
"""Time that importing one file may take; four are imported at once."""

WORK = 10
"""Seconds of processor time for the same."""

STARTING = 60.0
"""Seconds more for the child as a whole."""

HANDED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "NUMBA_CACHE_DIR")
"""Of the environment; keys and addresses of databases stay here."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a file may take: time, and processor time in whole seconds."""

    seconds: float = SECONDS
    work: int = WORK


class Outside:
    """What is known of files, and the way to know more. Threads may share one."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._known: dict[SourceFile, tuple[tuple[Stamp, ...], Told]] = {}
        self._lock = Lock()

    def told(self, files: Sequence[SourceFile]) -> dict[SourceFile, Told]:
        """What each file is now."""
        with self._lock:
            # Stamps from before the look: what is written meanwhile is looked at again next time.
            around = {folder: stamps_of_folder(folder) for folder in {file.place.folder for file in files}}
            new = [file for file in files if self._has_changed(file, around[file.place.folder])]
            for file, told in zip(new, self._look(new), strict=True):
                self._known[file] = (_stamps(file, told, around[file.place.folder]), told)
            return {file: self._known[file][1] for file in files}

    def _has_changed(self, file: SourceFile, around: tuple[Stamp, ...]) -> bool:
        if file not in self._known:
            return True
        stamps, told = self._known[file]
        return stamps != _stamps(file, told, around)

    def _look(self, files: Sequence[SourceFile]) -> list[Told]:
        """Ask a child, where there is anything to ask."""
        if not files:
            return []
        asked = Asked(tuple(files), self._limits.seconds, self._limits.work)
        longest = STARTING + self._limits.seconds * len(files)
        try:
            done = subprocess.run(  # noqa: S603 - our own module
                [sys.executable, "-m", CHILD],
                input=encode(asked) + b"\n",
                capture_output=True,
                check=False,
                timeout=longest,
                cwd=ROOT,
                env=child_environment(),
            )
            answers, said = done.stdout, done.stderr.decode(errors="replace")
        except (OSError, subprocess.TimeoutExpired) as error:
            answers, said = b"", str(error)
        found = {told.path: told for told in _read(answers)}
        return [found.get(file.path) or _unanswered(file, said) for file in files]


def _stamps(file: SourceFile, told: Told, around: tuple[Stamp, ...]) -> tuple[Stamp, ...]:
    """Of the files behind a strategy, and of the whole folder where it is broken. Those deeper are looked at here."""
    known = {stamp[0]: stamp for stamp in around}
    own = tuple(known.get(str(path)) or stamp_of(path) for path in told.files or (file.path,))
    return (*own, *around) if told.broken else own


def child_environment() -> dict[str, str]:
    """What a child may know: where programs and modules lie, the language, and one thread for numpy."""
    known = {name: os.environ[name] for name in HANDED_ON if name in os.environ}
    path = os.pathsep.join(dict.fromkeys([str(ROOT), *(entry for entry in sys.path if entry)]))
    return {**known, "PYTHONPATH": path, "PYTHONIOENCODING": "utf-8", "OPENBLAS_NUM_THREADS": "1"}


def _read(answers: bytes) -> Iterable[Told]:
    return [decode(line, Told) for line in answers.splitlines() if line.endswith(b"}")]


def _unanswered(file: SourceFile, said: str) -> Told:
    text = kept("the process that looks at strategies ended without a word of it: see the traceback.")
    fault = Broken.of(file.path, text)
    return Told(file.path, broken=Broken(fault.name, fault.path, fault.fault, 0, said))
