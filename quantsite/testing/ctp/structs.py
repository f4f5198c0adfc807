"""The binding's structs and constants, from the tables: zeroed, typed, as forgiving and strict as the real ones."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

TABLES = Path(__file__).parent / "tables"
PREFIX = "CThostFtdc"
INT_LIMIT = 2**31
CODES = "gb18030"


class Struct:
    """Base of all structs: the values in one list, so that :func:`empty` can take them away after a callback."""

    NAMES: tuple[str, ...] = ()
    ZEROS: tuple[Any, ...] = ()
    PLACES: Mapping[str, int] = {}
    thisown = property(lambda self: True)

    def __init__(self) -> None:
        self._values = list(self.ZEROS)


def empty(struct: Struct | None) -> None:
    """What a struct argument is worth after its callback: nothing."""
    if struct is not None:
        struct._values[:] = struct.ZEROS


def read(struct: Struct) -> dict[str, Any]:
    """All fields by name."""
    return dict(zip(struct.NAMES, struct._values, strict=True))


def _text(size: int, refusal: str) -> Callable[[Any], Any]:
    def checked(value: Any) -> str:
        if value is None:
            return ""
        if not isinstance(value, str):
            raise TypeError(refusal)
        raw = value.encode()  # written as UTF-8, read as GB18030: only ASCII survives, as in the binding
        if len(raw) >= size:
            raise TypeError(refusal)
        return value if value.isascii() else raw.decode(CODES, "ignore")

    return checked


def _letter(refusal: str) -> Callable[[Any], Any]:
    def checked(value: Any) -> str:
        if value is None or value == 0:
            return ""
        if isinstance(value, int) and 0 < value < 128:
            return chr(value)
        if not isinstance(value, str) or len(value) > 1 or not value.isascii():
            raise TypeError(refusal)
        return value

    return checked


def _whole(refusal: str) -> Callable[[Any], Any]:
    def checked(value: Any) -> int:
        if not isinstance(value, int):
            raise TypeError(refusal)
        if not -INT_LIMIT <= value < INT_LIMIT:
            raise OverflowError(refusal)
        return int(value)

    return checked


def _number(refusal: str) -> Callable[[Any], Any]:
    def checked(value: Any) -> float:
        if not isinstance(value, (int, float)):
            raise TypeError(refusal)
        return float(value)

    return checked


def _rule(kind: str, field: str, refusal: str) -> tuple[Any, Callable[[Any], Any]]:
    """The zero and the check of one field; ``refusal`` is the beginning of the binding's message."""
    if kind.isdigit():
        return "", _text(int(kind), f"{refusal}'char [{kind}]'")
    letter, _, named = kind.partition(":")
    told = f"{refusal}'TThostFtdc{named or field}Type'"
    return {"c": ("", _letter(told)), "i": (0, _whole(told)), "d": (0.0, _number(told))}[letter]


def _field(place: int, check: Callable[[Any], Any]) -> property:
    def put(self: Any, value: Any) -> None:
        self._values[place] = check(value)

    def get(self: Any) -> Any:
        return self._values[place]

    return property(get, put)


def _made(line: str) -> type[Struct]:
    short, *fields = line.split()
    name = f"{PREFIX}{short}"
    members: dict[str, Any] = {}
    zeros = []
    for place, (field, _, kind) in enumerate(text.partition("=") for text in fields):
        zero, check = _rule(kind, field, f"in method '{name}_{field}_set', argument 2 of type ")
        members[field] = _field(place, check)
        zeros.append(zero)
    return type(name, (Struct,), {**members, **_shape(tuple(members), tuple(zeros))})


def _shape(names: tuple[str, ...], zeros: tuple[Any, ...]) -> dict[str, Any]:
    return {"NAMES": names, "ZEROS": zeros, "PLACES": {name: place for place, name in enumerate(names)}}


def table(name: str) -> list[str]:
    """The lines of one table."""
    return (TABLES / f"{name}.txt").read_text().splitlines()


def _constant(line: str) -> tuple[str, Any]:
    name, _, value = line.partition(" ")
    return name, int(value) if name.startswith("THOST_TERT_") else value


STRUCTS = {made.__name__: made for made in map(_made, table("structs"))}
CONSTANTS: dict[str, Any] = dict(map(_constant, table("constants")))


def filled(short: str, fields: Mapping[str, Any]) -> Struct:
    """A struct such as ``"OrderField"`` as the library hands it over: any text, Chinese too; None is DBL_MAX.

    Raises ``TypeError`` for a name that the struct has not: a test's slip, not the gateway's.
    """
    struct = STRUCTS[PREFIX + short]()
    places, zeros, values = struct.PLACES, struct.ZEROS, struct._values
    for name, value in fields.items():
        if name not in places:
            raise TypeError(f"{short} has no field {name!r}")
        place = places[name]
        double = isinstance(zeros[place], float)
        values[place] = (MISSING if value is None else float(value)) if double else value
    return struct


MISSING = math.nextafter(math.inf, 0)  # DBL_MAX: a double that is not there
