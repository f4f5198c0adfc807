"""Typed, frozen parameters of a strategy, with ranges, and errors that name the value, the limit and the fix.

A strategy declares them as a frozen dataclass::

    @dataclass(frozen=True)
    class Parameters(StrategyParameters):
        fast: int = parameter(10, minimum=1, maximum=500, description="Bars in the fast average")

Whatever door the values come through (command line text, JSON, a form), :meth:`StrategyParameters.from_mapping`
gives the same object, or one ``RuleError`` with a sentence for every refused input.
"""

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Self, TypeVar, get_type_hints

from quantsite.common.errors import RuleError
from quantsite.common.texts import did_you_mean, say, sentences, unsaid

T = TypeVar("T", int, float, bool, str)
Value = int | float | bool | str

_LIMITS = "limits"
_WORDS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


@dataclass(frozen=True, slots=True)
class Limits:
    """What a parameter may be: both ends count; ``step`` is what an optimisation proposes, not a limit."""

    minimum: float | None = None
    maximum: float | None = None
    step: float | None = None
    choices: tuple[str, ...] = ()
    description: str = ""


@dataclass(frozen=True, slots=True)
class ParameterInfo:
    """One parameter as forms, the API and error texts show it; ``kind`` is ``int``, ``float``, ``bool`` or ``str``."""

    name: str
    kind: str
    default: Value
    limits: Limits


def parameter(
    default: T,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    step: float | None = None,
    choices: Iterable[str] = (),
    description: str = "",
) -> T:
    """A dataclass field with limits, for use as the default of an annotated name."""
    limits = Limits(minimum, maximum, step, tuple(choices), description)
    field: Any = dataclasses.field(default=default, metadata={_LIMITS: limits})
    return field  # type: ignore[no-any-return] # a dataclass takes the field where the value's type is declared


@dataclass(frozen=True)
class StrategyParameters:
    """Base of every strategy's parameters; its values are checked however it is made."""

    def __post_init__(self) -> None:
        faults = {}
        for info in self.describe():
            fault = _fault(info, getattr(self, info.name))
            if fault:
                faults[info.name] = fault
        faults = faults or self.check()
        if faults:
            raise _refusal(faults)

    def check(self) -> dict[str, str]:
        """Rules between parameters: name of a refused one -> sentence. Override; empty means sound."""
        return {}

    @classmethod
    def describe(cls) -> list[ParameterInfo]:
        """The parameters in the order of their declaration."""
        kinds = get_type_hints(cls)
        given: list[Any] = list(dataclasses.fields(cls))
        return [
            ParameterInfo(field.name, kinds[field.name].__name__, field.default, field.metadata.get(_LIMITS, Limits()))
            for field in given
        ]

    @classmethod
    def from_mapping(cls, values: Mapping[str, object]) -> Self:
        """The parameters from text, JSON or form values; what is left out takes its default.

        Raises ``RuleError`` ``invalid_parameters``, its ``fields`` keyed by parameter name, for an unknown
        name, a value of the wrong kind, one out of range, or a broken rule between them.
        """
        known = {info.name: info for info in cls.describe()}
        faults: dict[str, str] = {}
        typed: dict[str, Any] = {}
        for name, value in values.items():
            if name not in known:
                faults[name] = _unknown(name, known)
                continue
            try:
                typed[name] = _READERS[known[name].kind](value)
            except ValueError:
                faults[name] = say(_WRONG_KIND[known[name].kind], name=name, value=value)
        if faults:
            raise _refusal(faults)
        return cls(**typed)

    def as_dict(self) -> dict[str, Value]:
        """Name -> value, in the order of declaration; ready for JSON."""
        return dataclasses.asdict(self)


def _fault(info: ParameterInfo, value: Any) -> str:
    """Why a typed value is refused, or ``""``."""
    limits = info.limits
    if limits.choices and value not in limits.choices:
        known = ", ".join(limits.choices)
        text = say("%(name)s must be one of %(known)s, not %(value)r.", name=info.name, known=known, value=value)
        return sentences(text, _hint(str(value), limits.choices))
    if limits.minimum is not None and value < limits.minimum:
        least = limits.minimum
        return say("%(name)s must be at least %(least)g, not %(value)r.", name=info.name, least=least, value=value)
    if limits.maximum is not None and value > limits.maximum:
        most = limits.maximum
        return say("%(name)s must be at most %(most)g, not %(value)r.", name=info.name, most=most, value=value)
    return ""


def _unknown(name: str, known: Iterable[str]) -> str:
    names = list(known)
    text = say("There is no parameter %(name)r.", name=name)
    known = say("Known: %(known)s.", known=", ".join(names)) if names else say("Known: none.")
    return sentences(text, _hint(name, names), known)


def _hint(word: str, words: Iterable[str]) -> str:
    close = get_close_matches(word, list(words), n=1, cutoff=0.5)
    return did_you_mean(close[0] if close else None)


def _refusal(faults: Mapping[str, str]) -> RuleError:
    return RuleError("invalid_parameters", " ".join(faults.values()), fields=faults)


def _whole(value: object) -> int:
    if isinstance(value, bool):
        raise ValueError(value)
    if isinstance(value, int):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str):
        return int(value.strip())
    raise ValueError(value)


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(value)
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(value)
    return number


def _switch(value: object) -> bool:
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    if word not in _WORDS:
        raise ValueError(value)
    return _WORDS[word]


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(value)
    return value.strip()


_READERS: dict[str, Callable[[object], Value]] = {"int": _whole, "float": _number, "bool": _switch, "str": _text}
_WRONG_KIND = {
    "int": unsaid("%(name)s must be a whole number, not %(value)r."),
    "float": unsaid("%(name)s must be a number, not %(value)r."),
    "bool": unsaid("%(name)s must be true or false, not %(value)r."),
    "str": unsaid("%(name)s must be text, not %(value)r."),
}
