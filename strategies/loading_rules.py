"""What a strategy class must be before a host can drive it, and what forms and programs need to know of one."""

import ast
import dataclasses
import hashlib
import inspect
import math
import sys
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from quantsite.common.errors import RuleError
from quantsite.common.texts import Kept, kept, unsaid
from strategies.domain.forms import ANY_LEGS, Form, overrides, own_forms, takes_ticks
from strategies.domain.forms import forms as forms_of
from strategies.domain.parameters import ParameterInfo, StrategyParameters
from strategies.domain.strategy import BaseStrategy
from strategies.loading_sources import names_of

PROJECT_PACKAGES = ("quantsite", "accounts", "marketdata", "trading", "strategies", "backtests")
PROJECT = Path(__file__).resolve().parents[1]
DECIDING = ("strategies.domain.", "strategies.library.", "marketdata.domain.indicators")
"""What strategies compute with: a change of it is a change of theirs."""

KINDS: dict[str, type] = {"int": int, "float": float, "bool": bool, "str": str}


class Facts(msgspec.Struct, frozen=True):
    """What doors must know of a strategy without loading it; ``rules``: it has rules between its parameters."""

    name: str
    text: str
    legs: int
    forms: tuple[Form, ...]
    own_forms: tuple[Form, ...]
    ticks: bool
    parameters: tuple[ParameterInfo, ...]
    rules: bool


def facts_of(cls: type[BaseStrategy]) -> Facts:
    """The facts of a class that has no :func:`fault_of`."""
    return Facts(
        name=cls.name,
        text=inspect.getdoc(cls) or "",
        legs=cls.legs,
        forms=forms_of(cls),
        own_forms=own_forms(cls),
        ticks=takes_ticks(cls),
        parameters=tuple(cls.Parameters.describe()),
        rules=cls.Parameters.check is not StrategyParameters.check,
    )


def form_fault(cls: type[BaseStrategy], where: str) -> Kept | None:
    """What is unfinished: no form, columns without a warm-up, legs that nobody looks at; None where nothing is.

    ``where`` is what the sentence calls the class. One on several legs sees them together in ``on_bars``, or at its
    desk when it is woken.
    """
    if not own_forms(cls) and not overrides(cls, "on_tick"):
        text = unsaid("%(cls)s must implement target_positions, on_wake, on_market_data, on_bars or on_tick")
        return kept(text, cls=where)
    if not overrides(cls, "warm_up"):
        for method in ("target_positions", "flags"):
            if overrides(cls, method):
                return kept("%(cls)s implements %(method)s: it must state its warm_up", cls=where, method=method)
    if cls.legs != 1 and not overrides(cls, "on_bars") and not overrides(cls, "on_wake"):
        if cls.legs == ANY_LEGS:
            return kept("%(cls)s trades any number of legs: it must implement on_bars or on_wake", cls=where)
        return kept("%(cls)s trades %(legs)d legs: it must implement on_bars or on_wake", cls=where, legs=cls.legs)
    return None


def fault_of(cls: type[BaseStrategy], file_name: str) -> Kept | None:
    """The first thing that is wrong with a user's class, None where nothing is."""
    if cls.name != file_name:
        text = unsaid("Its class %(cls)s is called %(name)r: name = %(file)r must stand in it, as the file is called.")
        return kept(text, cls=cls.__qualname__, name=cls.name, file=file_name)
    if type(cls.legs) is not int or cls.legs < 0:
        return kept("legs must be a whole number, 0 for any number from two on, not %(legs)r.", legs=cls.legs)
    return form_fault(cls, cls.__qualname__) or _parameters_fault(cls.Parameters)


def _parameters_fault(parameters: Any) -> Kept | None:
    """Parameters must be what forms, JSON and optimisations can carry, and their defaults must stand the rules."""
    sound = isinstance(parameters, type) and issubclass(parameters, StrategyParameters)
    own: Any = getattr(parameters, "__dataclass_params__", None)
    if not sound or own is None or not own.frozen:
        return kept("Parameters must be a class of StrategyParameters under @dataclass(frozen=True).")
    for info in parameters.describe():
        if info.kind not in KINDS:
            text = unsaid("The parameter %(name)s is of the type %(kind)s: use int, float, bool or str.")
            return kept(text, name=info.name, kind=info.kind)
        if info.default is dataclasses.MISSING:
            return kept("The parameter %(name)s has no default: write parameter(DEFAULT, ...).", name=info.name)
        if type(info.default) not in _allowed(info.kind) or not _is_finite(info.default):
            text = unsaid("The default of the parameter %(name)s must be of the type %(kind)s, not %(value)s.")
            return kept(text, name=info.name, kind=info.kind, value=repr(info.default))
    try:
        parameters()
    except RuleError as error:
        return kept("The defaults of the parameters are refused: %(text)s", text=error.text)
    return None


def _allowed(kind: str) -> tuple[type, ...]:
    return (int, float) if kind == "float" else (KINDS[kind],)


def _is_finite(value: object) -> bool:
    return not isinstance(value, float) or math.isfinite(value)


def project_sources(cls: type[BaseStrategy]) -> bytes:
    """The source of the modules that define the class and its bases within the project, and of those among
    :data:`DECIDING` that they import, each once and ended by a 0.

    Bases in the order of the method resolution, what they import by name; where the files lie does not matter, nor do
    line endings.
    """
    own = [base.__module__ for base in cls.__mro__ if base.__module__.partition(".")[0] in PROJECT_PACKAGES]
    known = {name: _unix(inspect.getsource(sys.modules[name])) for name in own}
    waiting = list(known)
    while waiting:
        for name, path in _deciding(known[waiting.pop()]):
            if name not in known:
                known[name] = _unix(path.read_text(encoding="utf-8"))
                waiting.append(name)
    others = sorted(known.keys() - set(own))
    return b"".join(known[name].encode() + b"\0" for name in (*dict.fromkeys(own), *others))


def _unix(source: str) -> str:
    return source.replace("\r\n", "\n")


@cache
def _deciding(source: str) -> tuple[tuple[str, Path], ...]:
    """The modules among :data:`DECIDING` that a source imports, and their files."""
    found = {}
    for node in ast.walk(ast.parse(source)):
        for name in names_of(node, ()):
            path = PROJECT.joinpath(*name.split(".")).with_suffix(".py")
            if name.startswith(DECIDING) and path.is_file():
                found[name] = path
    return tuple(found.items())


def source_hash_of(cls: type[BaseStrategy]) -> str:
    """SHA-256 (hex) of :func:`project_sources`."""
    return hashlib.sha256(project_sources(cls)).hexdigest()
