"""The state of a strategy as JSON and back."""

import enum
import json
import math
from collections import OrderedDict, deque
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketdata.domain.ticks import Tick
from quantsite.common.errors import RuleError
from strategies.domain.hosting.snapshot import decode, encode, encode_attributes, restore_attributes
from strategies.domain.parameters import StrategyParameters
from strategies.domain.strategy import BaseStrategy
from strategies.tests.domain.hosting.market import tick_at


class Colour(enum.Enum):
    """A plain one."""

    RED = "r"


class Pair(NamedTuple):
    """Two things."""

    one: Any
    two: Any


@dataclass(frozen=True, slots=True)
class Frozen:
    """Unchangeable."""

    value: Any


def there_and_back(value: Any) -> Any:
    return decode(json.loads(json.dumps(encode(value), allow_nan=False)))


PLAIN = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(st.characters()), st.binary(),
    st.just(Colour.RED), st.floats(width=32).map(np.float32), st.integers(-128, 127).map(np.int8),
)  # fmt: skip
HASHABLE = st.one_of(st.integers(), st.text(), st.tuples(st.integers(), st.booleans()))
VALUES = st.recursive(
    PLAIN,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(HASHABLE, inner, max_size=4),
        st.lists(inner, max_size=4).map(lambda values: deque(values, 5)),
        st.sets(HASHABLE, max_size=4),
        st.frozensets(HASHABLE, max_size=4),
        st.tuples(inner, inner).map(lambda two: Pair(*two)),
        inner.map(Frozen),
    ),
    max_leaves=12,
)


def shape(value: Any) -> Any:
    """The value with its types, so that NaN is itself, -0.0 is not 0.0, and 1 is not True."""
    if isinstance(value, dict):
        return dict, [(shape(key), shape(each)) for key, each in value.items()]
    if isinstance(value, set | frozenset):
        return type(value), {shape(each) for each in value}
    if isinstance(value, list | tuple | deque):
        return type(value), getattr(value, "maxlen", 0), tuple(shape(each) for each in value)
    if isinstance(value, Frozen):
        return Frozen, shape(value.value)
    return type(value), repr(value)


@given(VALUES)
def test_values_come_back_as_they_were(value: Any) -> None:
    assert shape(there_and_back(value)) == shape(value)
    packed = msgspec.msgpack.decode(msgspec.msgpack.encode(encode(value)))
    assert shape(decode(packed)) == shape(value)


@given(VALUES)
def test_nothing_that_a_database_changes_is_written(value: Any) -> None:
    """``jsonb`` has no NaN, no -0, no exponents, no null characters, and its objects have no order."""

    def look(written: Any) -> None:
        if isinstance(written, dict):
            assert len([key for key in written if key.startswith("~")]) == 1
            for each in written.values():
                look(each)
        elif isinstance(written, list):
            for each in written:
                look(each)
        elif isinstance(written, float):
            assert math.isfinite(written)
            assert "e" not in repr(written)
            assert repr(written) != "-0.0"
        elif isinstance(written, str):
            assert "\0" not in written

    look(encode(value))


def test_arrays_keep_type_shape_and_bytes() -> None:
    for array in (np.arange(6.0).reshape(2, 3)[:, ::2], np.array([], dtype=np.int8), np.array([True]), np.array(2.5)):
        back = there_and_back(array)
        assert (back.dtype, back.shape) == (array.dtype, array.shape)
        np.testing.assert_array_equal(back, array)
        assert back.flags.writeable


def test_chance_goes_on_where_it_stood() -> None:
    chance = np.random.default_rng(3)
    chance.random(7)
    again = there_and_back(chance)
    assert again.random(5).tolist() == chance.random(5).tolist()


def test_ticks_are_kept() -> None:
    tick = tick_at(5, 6, 7.0, 8)
    assert repr(there_and_back(tick)) == repr(tick)
    assert isinstance(there_and_back(tick), Tick)


def test_what_is_shared_stays_shared_and_circles_close() -> None:
    shared: list[Any] = [1]
    circle: dict[str, Any] = {"list": shared, "note": Frozen(shared)}
    circle["self"] = circle
    chance = np.random.default_rng(1)
    back = there_and_back([shared, circle, chance, chance, shared])
    assert back[0] is back[4] is back[1]["list"] is back[1]["note"].value
    assert back[1]["self"] is back[1]
    assert back[2] is back[3]


class Own(BaseStrategy):
    """Holds whatever it is given."""

    name = "own"


def test_attributes_are_given_back_and_others_are_gone() -> None:
    one, other = Own(StrategyParameters()), Own(StrategyParameters())
    one.random = np.random.default_rng(4)
    one.kept = [1.5]  # type: ignore[attr-defined]
    other.old = 1  # type: ignore[attr-defined]
    restore_attributes(other, json.loads(json.dumps(encode_attributes(one))))
    assert other.kept == [1.5]  # type: ignore[attr-defined]
    assert not hasattr(other, "old")
    assert other.random.random() == one.random.random()


class Hidden:
    """Nothing that can be written."""


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (Hidden(), "Hidden"),
        (lambda: 0, "function"),
        ([{"deep": (Hidden(),)}], "Hidden"),
        (OrderedDict(a=1), "OrderedDict"),
        (np.array([object()]), "ndarray"),
        (iter([]), "list_iterator"),
    ],
)
def test_what_cannot_be_stored_is_named(value: Any, kind: str) -> None:
    strategy = Own(StrategyParameters())
    strategy.good = 1  # type: ignore[attr-defined]
    strategy.odd_one = value  # type: ignore[attr-defined]
    with pytest.raises(RuleError) as caught:
        encode_attributes(strategy)
    assert caught.value.code == "unstorable_state"
    assert list(caught.value.fields) == ["odd_one"]
    assert kind in caught.value.text


def test_a_class_made_in_a_function_cannot_be_found_again() -> None:
    @dataclass
    class Local:
        value: int

    with pytest.raises(RuleError, match="Local"):
        encode(Local(1))


def test_a_class_that_is_not_loaded_is_not_imported() -> None:
    with pytest.raises(LookupError, match="antigravity"):
        decode({"~o": "antigravity:Thing", "v": []})
