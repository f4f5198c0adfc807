"""What a strategy keeps in its attributes, as a JSON document and back, exactly and without pickle.

``encode`` gives only what JSON, msgpack and a database's ``jsonb`` carry unchanged: whole numbers of 64 bits, short
decimals, text, lists, and objects with a key that begins with ``~``. Everything else is written so: a float that is no
number, is -0.0 or needs an exponent as ``{"~f": text}``; mappings as pairs, for their order; tuples, sets, deques,
bytes, enums, named tuples, data classes, numpy arrays, scalars and generators under keys of their own. An object that
is met twice is written once, so that two attributes that share a list go on sharing it.

Classes are named by module and name and must be loaded when they are read: nothing is imported for a document's sake.
"""

import base64
import dataclasses
import math
import sys
from collections import deque
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any

import msgspec
import numpy as np

from quantsite.common.errors import RuleError
from quantsite.common.texts import say

OF_HOST = frozenset({"desk", "parameters"})
"""Attributes that the host sets."""

_LARGEST = 2**63


def encode_attributes(thing: object) -> dict[str, Any]:
    """The attributes of a strategy, but for the host's.

    Raises ``RuleError`` ``unstorable_state`` naming the attribute and the type of a value that cannot be written.
    """
    writer = _Writer()
    found = []
    for name, value in vars(thing).items():
        if name not in OF_HOST:
            writer.attribute = name
            found.append([name, writer.write(value)])
    return {"attributes": found}


def restore_attributes(thing: object, document: Mapping[str, Any]) -> None:
    """Give a strategy the attributes of :func:`encode_attributes`; others than the host's are gone."""
    for name in [name for name in vars(thing) if name not in OF_HOST]:
        delattr(thing, name)
    reader = _Reader()
    for name, written in document["attributes"]:
        setattr(thing, name, reader.read(written))


def encode(value: object, attribute: str = "state") -> Any:
    """One value. Raises as :func:`encode_attributes` does."""
    writer = _Writer()
    writer.attribute = attribute
    return writer.write(value)


def decode(written: Any) -> Any:
    """The value that :func:`encode` wrote. Raises ``LookupError`` for a class that is not there."""
    return _Reader().read(written)


def _name_of(cls: type) -> str:
    return f"{cls.__module__}:{cls.__qualname__}"


def _is_loadable(cls: type) -> bool:
    return _find(_name_of(cls)) is cls


def _find(name: str) -> Any:
    """The class of a name, None where no loaded module has it."""
    module, _, path = name.partition(":")
    found: Any = sys.modules.get(module)
    for part in path.split("."):
        found = getattr(found, part, None)
    return found


def _bytes(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


class _Writer:
    """Writes one document; objects that can be changed are counted in the order in which they are met."""

    def __init__(self) -> None:
        self.attribute = ""
        self._met: dict[int, int] = {}
        self._alive: list[object] = []

    def write(self, value: Any) -> Any:
        """JSON of any value."""
        cls = type(value)
        if cls is bool or value is None:
            return value
        if id(value) in self._met:
            return {"~=": self._met[id(value)]}
        if cls in _CHANGING:
            self._meet(value)
        writer = _WRITERS.get(cls)
        return self._other(value) if writer is None else writer(self, value)

    def refuse(self, value: object) -> RuleError:
        """The error for a value that no document can hold."""
        given = {"attribute": self.attribute, "type": type(value).__qualname__}
        text = say(
            "The attribute %(attribute)s holds a %(type)s, which cannot be stored: keep numbers, text, lists, dicts, "
            "deques, named tuples, data classes or arrays.",
            **given,
        )
        return RuleError("unstorable_state", text, fields={self.attribute: text})

    def _meet(self, value: object) -> None:
        self._met[id(value)] = len(self._met)
        self._alive.append(value)  # so that its id is nobody else's

    def _other(self, value: Any) -> Any:
        cls = type(value)
        if isinstance(value, Enum) and _is_loadable(cls):
            return {"~e": _name_of(cls), "v": value.name}
        if isinstance(value, np.generic) and cls is not np.object_ and not cls.__name__.startswith("void"):
            return {"~g": value.dtype.str, "v": _bytes(value.tobytes())}
        if isinstance(value, tuple) and hasattr(cls, "_fields") and _is_loadable(cls):
            return {"~n": _name_of(cls), "v": [self.write(each) for each in value]}
        if isinstance(value, msgspec.Struct) and _is_loadable(cls):
            return {"~m": _name_of(cls), "v": [self.write(each) for each in msgspec.structs.astuple(value)]}
        if dataclasses.is_dataclass(value) and _is_loadable(cls):
            return self._dataclass(value)
        raise self.refuse(value)

    def _dataclass(self, value: Any) -> Any:
        names = [field.name for field in dataclasses.fields(value)]
        if set(getattr(value, "__dict__", ())) - set(names):
            raise self.refuse(value)
        self._meet(value)
        return {"~o": _name_of(type(value)), "v": [self.write(getattr(value, name)) for name in names]}

    def _array(self, value: Any) -> Any:
        if value.dtype.hasobject or value.dtype.names:
            raise self.refuse(value)
        return {"~a": value.dtype.str, "s": list(value.shape), "v": _bytes(np.ascontiguousarray(value).tobytes())}


def _float(value: float) -> Any:
    plain = math.isfinite(value) and "e" not in (text := repr(value)) and text != "-0.0"
    return value if plain else {"~f": repr(value)}


def _text(value: str) -> Any:
    return {"~u": _bytes(value.encode("utf-8", "surrogatepass"))} if _is_odd(value) else value


def _is_odd(text: str) -> bool:
    """True for text that ``jsonb`` refuses: with a null character or half a surrogate pair."""
    return "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text)


_WRITERS: dict[type, Callable[[_Writer, Any], Any]] = {
    int: lambda _writer, value: value if -_LARGEST <= value < _LARGEST else {"~i": str(value)},
    float: lambda _writer, value: _float(value),
    str: lambda _writer, value: _text(value),
    list: lambda writer, value: [writer.write(each) for each in value],
    tuple: lambda writer, value: {"~t": [writer.write(each) for each in value]},
    dict: lambda writer, value: {"~d": [[writer.write(key), writer.write(each)] for key, each in value.items()]},
    set: lambda writer, value: {"~s": [writer.write(each) for each in value]},
    frozenset: lambda writer, value: {"~z": [writer.write(each) for each in value]},
    deque: lambda writer, value: {"~q": [writer.write(each) for each in value], "m": value.maxlen},
    bytes: lambda _writer, value: {"~b": _bytes(value)},
    np.ndarray: _Writer._array,
    np.random.Generator: lambda writer, value: {"~r": writer.write(value.bit_generator.state)},
}
_CHANGING = frozenset({list, dict, set, deque, np.ndarray, np.random.Generator})
"""Types of objects that two attributes may share and change; data classes are the other ones."""


class _Reader:
    """Reads one document."""

    def __init__(self) -> None:
        self.met: list[Any] = []

    def read(self, written: Any) -> Any:
        """The value."""
        if isinstance(written, list):
            return self.fill(self.meet([]), written)
        if not isinstance(written, dict):
            return written
        kind = next(key for key in written if key.startswith("~"))
        return _READERS[kind](self, written[kind], written)

    def meet(self, value: Any) -> Any:
        """Remember an object under its number, before what is in it is read."""
        self.met.append(value)
        return value

    def fill(self, made: Any, written: list[Any]) -> Any:
        """Read the elements of a list or deque into it."""
        for each in written:
            made.append(self.read(each))
        return made

    def again(self, number: int) -> Any:
        """An object that was met before."""
        return self.met[number]


def _class(name: str) -> Any:
    found = _find(name)
    if not isinstance(found, type):
        raise LookupError(f"a stored document names the class {name}, which is not loaded")
    return found


def _read_dict(reader: _Reader, pairs: list[Any], _written: dict[str, Any]) -> dict[Any, Any]:
    made = reader.meet({})
    for key, each in pairs:
        made[reader.read(key)] = reader.read(each)
    return made  # type: ignore[no-any-return] # met above


def _read_set(reader: _Reader, values: list[Any], _written: dict[str, Any]) -> set[Any]:
    made = reader.meet(set())
    made.update(reader.read(each) for each in values)
    return made  # type: ignore[no-any-return] # met above


def _read_array(reader: _Reader, dtype: str, written: dict[str, Any]) -> Any:
    data = np.frombuffer(base64.b64decode(written["v"]), dtype=np.dtype(dtype))
    return reader.meet(data.reshape(written["s"]).copy())


def _read_object(reader: _Reader, name: str, written: dict[str, Any]) -> Any:
    cls = _class(name)
    made = reader.meet(object.__new__(cls))
    for field, each in zip(dataclasses.fields(cls), written["v"], strict=True):
        object.__setattr__(made, field.name, reader.read(each))
    return made


def _read_generator(reader: _Reader, state: Any, _written: dict[str, Any]) -> np.random.Generator:
    place = len(reader.met)
    reader.meet(None)
    known = reader.read(state)
    bits = getattr(np.random, known["bit_generator"])()
    bits.state = known
    reader.met[place] = np.random.Generator(bits)
    return reader.met[place]  # type: ignore[no-any-return] # made above


_READERS: dict[str, Callable[[_Reader, Any, dict[str, Any]], Any]] = {
    "~i": lambda _reader, text, _written: int(text),
    "~f": lambda _reader, text, _written: float(text),
    "~u": lambda _reader, text, _written: base64.b64decode(text).decode("utf-8", "surrogatepass"),
    "~t": lambda reader, values, _written: tuple([reader.read(each) for each in values]),
    "~d": _read_dict,
    "~s": _read_set,
    "~z": lambda reader, values, _written: frozenset([reader.read(each) for each in values]),
    "~q": lambda reader, values, written: reader.fill(reader.meet(deque(maxlen=written["m"])), values),
    "~b": lambda _reader, text, _written: base64.b64decode(text),
    "~e": lambda _reader, name, written: _class(name)[written["v"]],
    "~g": lambda _reader, dtype, written: np.frombuffer(base64.b64decode(written["v"]), dtype=np.dtype(dtype))[0],
    "~n": lambda reader, name, written: _class(name)._make([reader.read(each) for each in written["v"]]),
    "~m": lambda reader, name, written: _class(name)(*[reader.read(each) for each in written["v"]]),
    "~o": _read_object,
    "~a": _read_array,
    "~r": _read_generator,
    "~=": lambda reader, number, _written: reader.again(number),
}
