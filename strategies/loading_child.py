"""The process that runs users' files once, to say what they are: ``python -m strategies.loading_child``.

One line of JSON on the standard input names the files and the limits. Each file is imported in a fork of its own, a
few at a time, and each gives one line: what it is or what is wrong with it. A fork that needs too long is killed. What
files print goes nowhere. Forks begin with everything loaded that a strategy needs, so that one costs some milliseconds.
"""

import os
import resource
import selectors
import signal
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import msgspec

from quantsite.common.texts import Kept, kept, unsaid
from strategies.loading_import import UNREAD, load
from strategies.loading_places import Broken, SourceFile
from strategies.loading_rules import Facts, facts_of, project_sources
from strategies.loading_sources import sources_of

T = TypeVar("T")

AT_ONCE = 4


class Asked(msgspec.Struct, frozen=True):
    """The files to look at; ``seconds`` of time for each, ``work`` of processor time."""

    files: tuple[SourceFile, ...]
    seconds: float
    work: int


class Told(msgspec.Struct, frozen=True):
    """One file: ``facts``, hash and the files behind it, or ``broken``."""

    path: Path
    facts: Facts | None = None
    source_hash: str = ""
    files: tuple[Path, ...] = ()
    broken: Broken | None = None


encode = msgspec.json.Encoder(enc_hook=str).encode
"""Paths as text."""


def decode(text: bytes, kind: type[T]) -> T:
    """What :data:`encode` gave. Raises ``msgspec.ValidationError`` for anything else."""
    return msgspec.json.decode(text, type=kind, dec_hook=lambda made, value: made(value))


def told_of(file: SourceFile) -> Told:
    """Import the file here and say what it is. A file that changed meanwhile is looked at again by whoever asked."""
    try:
        sources = sources_of(file)
    except OSError as error:
        return Told(file.path, broken=Broken.of(file.path, kept(UNREAD, error=error.strerror)))
    found = load(file)
    files = tuple(path for path, _text in sources.files)
    if isinstance(found, Broken):
        return Told(file.path, files=files, broken=found)
    return Told(file.path, facts_of(found), sources.digest(file.place.folder, project_sources(found)), files)


@dataclass(slots=True)
class _Fork:
    """One file at work."""

    file: SourceFile
    process: int
    ends: float
    told: bytearray = field(default_factory=bytearray)


def look_at(asked: Asked) -> Iterator[Told]:
    """What each file is, in the order in which they end."""
    waiting, running = deque(asked.files), selectors.DefaultSelector()
    while waiting or running.get_map():
        while waiting and len(running.get_map()) < AT_ONCE:
            _start(waiting.popleft(), running, asked)
        first = min(key.data.ends for key in running.get_map().values())
        for key, _events in running.select(max(0.0, first - time.monotonic())):
            part = os.read(key.fd, 65_536)
            key.data.told += part
            if not part:
                yield _ended(running, key, _silent(key.data))
        now = time.monotonic()
        for key in [key for key in running.get_map().values() if key.data.ends <= now]:
            os.killpg(key.data.process, signal.SIGKILL)
            key.data.told.clear()
            yield _ended(running, key, too_long(asked.seconds), wait=True)


def too_long(seconds: float) -> Kept:
    """The sentence about a file that does not end."""
    text = unsaid(
        "importing it took longer than %(seconds)g seconds: a strategy's file defines, it does not work or wait."
    )
    return kept(text, seconds=seconds)


def _start(file: SourceFile, running: selectors.BaseSelector, asked: Asked) -> None:
    reading, writing = os.pipe()
    process = os.fork()
    if process == 0:
        os.close(reading)
        _work(file, writing, asked.work)
    with suppress(OSError):  # the child does the same; whoever is first
        os.setpgid(process, process)
    os.close(writing)
    running.register(reading, selectors.EVENT_READ, _Fork(file, process, time.monotonic() + asked.seconds))


def _work(file: SourceFile, writing: int, work: int) -> None:
    """In the fork: say what the file is, and end without any farewell that the file may have arranged."""
    with suppress(OSError):
        os.setpgid(0, 0)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in range(3):
        os.dup2(nowhere, standard)
    resource.setrlimit(resource.RLIMIT_CPU, (work, work))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        told = encode(told_of(file))
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(told)
    finally:
        os._exit(0)


def _ended(
    running: selectors.BaseSelector, key: selectors.SelectorKey, silent: Kept | None, *, wait: bool = False
) -> Told:
    fork: _Fork = key.data
    running.unregister(key.fd)
    os.close(key.fd)
    if wait:
        os.waitpid(fork.process, 0)
    if silent is not None:
        return Told(fork.file.path, broken=Broken.of(fork.file.path, silent))
    try:
        return decode(bytes(fork.told), Told)
    except msgspec.DecodeError as error:  # it was ended while it spoke
        fault = kept("what came of importing it cannot be read: %(error)s", error=str(error))
        return Told(fork.file.path, broken=Broken.of(fork.file.path, fault))


def _silent(fork: _Fork) -> Kept | None:
    """After the end of a fork: why it has said nothing, None where it has."""
    _process, status = os.waitpid(fork.process, 0)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(fork.process, signal.SIGKILL)  # whatever the file has started
    if fork.told:
        return None
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) in {signal.SIGXCPU, signal.SIGKILL}:
        return kept("importing it took too much work: a strategy's file defines, it does not compute.")
    return kept("importing it ended the process (exit status %(status)d).", status=os.waitstatus_to_exitcode(status))


def main() -> None:
    """Answer the question on the standard input."""
    asked = decode(sys.stdin.buffer.readline(), Asked)
    for told in look_at(asked):
        sys.stdout.buffer.write(encode(told) + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
