"""Parameters of users' strategies as a web process may hold them: the same limits, the author's rules asked outside.

The limits are plain data and are checked here. Rules between parameters (``check``) are the author's code: a child
keeps the class and answers, one line of JSON for each question, and goes when nobody has asked for a while.
"""

import dataclasses
import select
import subprocess
import sys
from collections import OrderedDict
from threading import Lock
from typing import Any

import msgspec

from quantsite.common.errors import RuleError
from quantsite.common.texts import say
from strategies.domain.parameters import StrategyParameters, Value, parameter
from strategies.loading_asked import Answer
from strategies.loading_child import Told, decode, encode
from strategies.loading_outside import ROOT, child_environment
from strategies.loading_places import SourceFile
from strategies.loading_rules import KINDS

CHILD = "strategies.loading_asked"

PATIENCE = 20.0
"""Seconds that an answer may take, the child's start included."""

MOST_CHILDREN = 4


def stand_in(file: SourceFile, told: Told) -> type[StrategyParameters]:
    """A class with the parameters of a sound file; its ``check`` asks outside, where the author has written one."""
    facts = told.facts
    if facts is None:
        raise ValueError(f"{file.path} is broken")
    fields: list[tuple[str, type, Any]] = []
    for info in facts.parameters:
        default: Any = info.default
        fields.append((info.name, KINDS[info.kind], parameter(default, **dataclasses.asdict(info.limits))))
    own: dict[str, Any] = {}
    if facts.rules:
        key = (file, told.source_hash)
        own["check"] = lambda self: CHILDREN.ask(*key, self.as_dict())
    return dataclasses.make_dataclass("Parameters", fields, bases=(StrategyParameters,), namespace=own, frozen=True)


class _Child:
    """A process that holds one class."""

    def __init__(self, file: SourceFile) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-m", CHILD],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=ROOT,
            env=child_environment(),
        )
        self._send(encode(file))

    def ask(self, values: dict[str, Value]) -> Answer:
        """Raises ``OSError`` where the child is gone, ``TimeoutError`` where it does not answer."""
        self._send(encode(values))
        out = self._process.stdout
        if out is None or not select.select([out], [], [], PATIENCE)[0]:
            raise TimeoutError(f"no answer within {PATIENCE:g} seconds")
        line = out.readline()
        if not line:
            raise BrokenPipeError("the process has ended")
        return decode(line, Answer)

    def end(self) -> None:
        """Kill it, and leave nothing behind."""
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._process.wait()

    def _send(self, line: bytes) -> None:
        if self._process.stdin is None:
            raise BrokenPipeError("the process has no input")
        self._process.stdin.write(line + b"\n")
        self._process.stdin.flush()


class _Children:
    """The children at work, by file and hash. Threads take turns."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[SourceFile, str], _Child] = OrderedDict()
        self._lock = Lock()

    def ask(self, file: SourceFile, source_hash: str, values: dict[str, Value]) -> dict[str, str]:
        """The faults that the author's rules find. Raises ``RuleError`` ``broken_rules`` where they cannot be asked."""
        key = (file, source_hash)
        with self._lock:
            try:
                answer = self._asked(key, values)
            except (OSError, msgspec.DecodeError) as error:
                raise _unasked(file, str(error)) from error
        if answer.broken is not None:
            raise _unasked(file, answer.broken.error_text)
        return answer.faults

    def _asked(self, key: tuple[SourceFile, str], values: dict[str, Value]) -> Answer:
        """A child that was idle has gone: then another one is asked, once."""
        for known in (key in self._known, False):
            try:
                return self._child(key).ask(values)
            except (OSError, msgspec.DecodeError) as error:
                self._drop(key)
                if not known or isinstance(error, TimeoutError):
                    raise
        raise BrokenPipeError("the process has ended")

    def _child(self, key: tuple[SourceFile, str]) -> _Child:
        if key not in self._known:
            self._known[key] = _Child(key[0])
            if len(self._known) > MOST_CHILDREN:
                self._drop(next(iter(self._known)))
        self._known.move_to_end(key)
        return self._known[key]

    def end(self) -> None:
        """End all of them."""
        with self._lock:
            for key in list(self._known):
                self._drop(key)

    def _drop(self, key: tuple[SourceFile, str]) -> None:
        child = self._known.pop(key, None)
        if child is not None:
            child.end()


def _unasked(file: SourceFile, why: str) -> RuleError:
    text = say("The rules between the parameters of %(name)s cannot be asked: %(why)s", name=file.name, why=why)
    return RuleError("broken_rules", text, fields={"strategy": text})


CHILDREN = _Children()
