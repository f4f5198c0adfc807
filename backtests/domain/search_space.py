"""What an optimisation searches: named ranges and lists of values, and the grid that they span.

A range ``a:b:step`` counts from ``a`` up to ``b``, both ends included; its values are decimal sums, so that 0.1
three times is 0.3 and the same point asked for by hand has the same parameters. ``a:b`` without a step is every
whole number, or every number for methods that are no grid. A list ``x,y,z`` (or one value) stands for itself.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

import numpy as np

from quantsite.common.errors import RuleError
from quantsite.common.texts import say
from strategies.domain.parameters import ParameterInfo, StrategyParameters, Value

MOST_VALUES = 1_000_000
"""Values of one dimension, and points of a grid: rows that a database keeps without pain."""

MOST_DRAWS = 1_000
"""How often a refused point is drawn again before the space counts as empty."""

SPREAD = 10_000
"""Points of a grid that are looked at for one that is not refused."""


@dataclass(frozen=True, slots=True)
class Dimension:
    """The values of one parameter: a range (``step`` None: all numbers between) or, where given, a list."""

    name: str
    low: float = 0.0
    high: float = 0.0
    step: float | None = None
    whole: bool = False
    listed: tuple[Value, ...] = ()

    @property
    def size(self) -> int | None:
        """How many values there are; None for all numbers of a range."""
        if self.listed:
            return len(self.listed)
        if self.step is None:
            return None
        return int((_exact(self.high) - _exact(self.low)) / _exact(self.step)) + 1

    def value(self, place: int) -> Value:
        """The value at a place of the list or range, from 0."""
        if self.listed:
            return self.listed[place]
        number = _exact(self.low) + place * _exact(self.step or 0.0)
        return int(number) if self.whole else float(number)

    def draw(self, random: np.random.Generator) -> Value:
        """Any value with the same chance."""
        size = self.size
        return float(random.uniform(self.low, self.high)) if size is None else self.value(int(random.integers(size)))

    def snap(self, value: Value) -> Value:
        """The value of the range that ``value`` is but for rounding; others as they are."""
        if self.listed or self.step is None:
            return value
        return self.value(round((float(value) - self.low) / self.step))

    def document(self) -> Any:
        """As JSON: a list, or ``{"low", "high", "step"}``."""
        return list(self.listed) if self.listed else {"low": self.low, "high": self.high, "step": self.step}


@dataclass(frozen=True, slots=True)
class SearchSpace:
    """The dimensions in the order of the strategy's parameters, beside parameters that stay fixed."""

    dimensions: tuple[Dimension, ...]
    fixed: Mapping[str, Value]
    parameters: type[StrategyParameters]

    @property
    def size(self) -> int | None:
        """Points of the grid, refused ones too; None where a dimension takes every number."""
        sizes = [dimension.size for dimension in self.dimensions]
        return None if None in sizes else math.prod(size for size in sizes if size is not None)

    def point(self, number: int) -> dict[str, Value]:
        """Point ``number`` of the grid: the last dimension moves fastest, as in nested loops."""
        values: dict[str, Value] = {}
        for dimension in reversed(self.dimensions):
            number, place = divmod(number, dimension.size or 1)
            values[dimension.name] = dimension.value(place)
        return {dimension.name: values[dimension.name] for dimension in self.dimensions}

    def draw(self, seed: int, number: int) -> tuple[dict[str, Any], int]:
        """Trial ``number`` of a random search with all parameters, and how many refused points were drawn before it.

        Depends on nothing but the two numbers. Raises ``RuleError`` ``empty_space`` where the strategy refuses
        whatever is drawn.
        """
        random = np.random.default_rng([seed, number])
        for refused in range(MOST_DRAWS):
            drawn = {dimension.name: dimension.draw(random) for dimension in self.dimensions}
            accepted = self.accept(drawn)
            if accepted is not None:
                return accepted, refused
        raise empty_space()

    def any_point(self) -> dict[str, Any]:
        """A point that the strategy takes: of a grid the first of up to 10,000 spread over it, else a drawn one.

        Raises ``RuleError`` ``empty_space`` where there seems to be none.
        """
        size = self.size or 0
        for number in range(0, size, max(1, size // SPREAD)):
            accepted = self.accept(self.point(number))
            if accepted is not None:
                return accepted
        return self.draw(0, 0)[0]

    def accept(self, point: Mapping[str, Value]) -> dict[str, Value] | None:
        """All parameters at a point, defaults filled in; None where the strategy's own check refuses them."""
        try:
            return self.parameters.from_mapping({**self.fixed, **point}).as_dict()
        except RuleError:
            return None

    def document(self) -> dict[str, Any]:
        """As JSON, in the order of the dimensions; :func:`read_space` reads it back."""
        return {dimension.name: dimension.document() for dimension in self.dimensions}


def empty_space() -> RuleError:
    """The error of a space without a point that the strategy takes."""
    text = say("The strategy refuses every combination that was tried: widen the ranges.")
    return RuleError("empty_space", text, fields={"space": text})


def read_space(
    parameters: type[StrategyParameters], asked: Mapping[str, Any], fixed: Mapping[str, Any], *, grid: bool
) -> SearchSpace:
    """The space asked for: each entry a text ``a:b:step`` or ``x,y``, a list, or ``{"low", "high", "step"}``.

    Fixed values and both ends of every dimension pass the limits of the parameters. Raises ``RuleError``
    ``invalid_space`` with one sentence for each refused entry.
    """
    known = {info.name: info for info in parameters.describe()}
    faults: dict[str, str] = {}
    dimensions = []
    for name, info in known.items():
        if name in asked:
            try:
                dimensions.append(_Reader(parameters, info, grid).read(asked[name]))
            except RuleError as error:
                faults[name] = error.fields.get(name, error.text)
    faults |= _unknown(parameters, {**fixed, **asked}, known)
    faults |= _twice(asked, fixed)
    values = _fixed_values(parameters, {name: value for name, value in fixed.items() if name in known}, faults)
    if not asked:
        faults["space"] = say("Name at least one parameter to search, such as fast=5:24:1.")
    if faults:
        raise RuleError("invalid_space", " ".join(faults.values()), fields=faults)
    space = SearchSpace(tuple(dimensions), values, parameters)
    _check_size(space, grid=grid)
    return space


def _unknown(
    parameters: type[StrategyParameters], named: Mapping[str, Any], known: Mapping[str, ParameterInfo]
) -> dict[str, str]:
    strange = {name: "" for name in named if name not in known}
    try:
        parameters.from_mapping(strange)
    except RuleError as error:
        return {name: text for name, text in error.fields.items() if name in strange}
    return {}


def _twice(asked: Mapping[str, Any], fixed: Mapping[str, Any]) -> dict[str, str]:
    return {name: say("%(name)s is both searched and fixed: choose one.", name=name) for name in asked if name in fixed}


def _fixed_values(
    parameters: type[StrategyParameters], fixed: Mapping[str, Any], faults: dict[str, str]
) -> dict[str, Value]:
    """The fixed values with their types; rules between parameters are the business of each point."""
    values: dict[str, Value] = {}
    for name, value in fixed.items():
        try:
            values[name] = _alone(parameters, name, value)
        except RuleError as error:
            faults[name] = error.fields.get(name, error.text)
    return values


def _alone(parameters: type[StrategyParameters], name: str, value: Any) -> Value:
    """One value read by itself, without the rules between parameters: they are the business of each point.

    Raises ``RuleError`` for a wrong kind and for a value out of its limits.
    """
    lenient: type[StrategyParameters] = type(parameters.__name__, (parameters,), {"check": lambda _self: {}})
    return lenient.from_mapping({name: value}).as_dict()[name]


def _check_size(space: SearchSpace, *, grid: bool) -> None:
    if grid and (space.size or 0) > MOST_VALUES:
        given = {"points": space.size, "most": MOST_VALUES}
        text = say("The grid has %(points)s points, at most %(most)s are allowed: use larger steps.", **given)
        raise RuleError("invalid_space", text, fields={"space": text})
    space.any_point()


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads the entry of one parameter."""

    parameters: type[StrategyParameters]
    info: ParameterInfo
    grid: bool

    def read(self, asked: Any) -> Dimension:
        """The dimension. Raises ``RuleError`` whose ``fields`` name the parameter."""
        if isinstance(asked, str):
            parts = asked.split(":")
            return self._list(asked.split(",")) if len(parts) == 1 else self._range(parts)
        if isinstance(asked, Mapping):
            return self._range([asked.get("low"), asked.get("high"), *([s] if (s := asked.get("step")) else [])])
        return self._list(asked if isinstance(asked, Sequence) else [asked])

    def _list(self, values: Sequence[Any]) -> Dimension:
        typed = [_alone(self.parameters, self.info.name, value) for value in values]
        if not typed or len(set(typed)) < len(typed):
            raise self._refuse(say("%(name)s needs values that differ from one another.", name=self.info.name))
        return Dimension(self.info.name, listed=tuple(typed))

    def _range(self, parts: Sequence[Any]) -> Dimension:
        whole = self.info.kind == "int"
        if self.info.kind not in {"int", "float"} or not 2 <= len(parts) <= 3:
            text = say("%(name)s takes a list such as a,b, or for numbers a range a:b:step.", name=self.info.name)
            raise self._refuse(text)
        low, high = (_alone(self.parameters, self.info.name, part) for part in parts[:2])
        step = self._step(parts[2]) if len(parts) == 3 else 1.0 if whole else None
        if step is None and self.grid:
            raise self._refuse(say("%(name)s needs a step in a full grid, such as 0:1:0.1.", name=self.info.name))
        if float(high) < float(low):
            text = say(
                "%(name)s counts from %(low)s up to %(high)s: swap them.", name=self.info.name, low=low, high=high
            )
            raise self._refuse(text)
        found = Dimension(self.info.name, float(low), float(high), step, whole)
        if (found.size or 0) > MOST_VALUES:
            given = {"name": self.info.name, "count": found.size, "most": MOST_VALUES}
            raise self._refuse(say("%(name)s has %(count)s values, at most %(most)s are allowed.", **given))
        return found

    def _step(self, text: Any) -> float:
        try:
            step = Decimal(str(text))
        except InvalidOperation:
            step = Decimal(0)
        whole = self.info.kind == "int"
        if not (step.is_finite() and step > 0) or (whole and step % 1):
            kind = say("a whole number above 0") if whole else say("a number above 0")
            given = {"name": self.info.name, "kind": kind, "step": text}
            raise self._refuse(say("The step of %(name)s must be %(kind)s, not %(step)s.", **given))
        return float(step)

    def _refuse(self, text: str) -> RuleError:
        return RuleError("invalid_space", text, fields={self.info.name: text})


def _exact(number: float) -> Decimal:
    """The decimal number that a person typed."""
    return Decimal(repr(number))
