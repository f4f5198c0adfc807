"""Ties and crosses over columns are those of the rule for one bar."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strategies.domain import averages
from strategies.domain.averages import crosses, relation, relations

NAN = float("nan")
near = st.one_of(
    st.sampled_from([NAN, 0.0, 4000.0, 4000.0 + 3e-6, 4000.0 + 5e-6, 4000.0 - 3e-6, 4000.0 - 5e-6, -4000.0]),
    st.floats(-1e6, 1e6),
)
prices = st.sampled_from([0.0, 4000.0, -4000.0, 0.05, 1e-320])
triples = st.lists(st.tuples(near, near, prices), max_size=60)


def columns(rows: list[tuple[float, float, float]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    first, second, price = np.array(rows, dtype=np.float64).reshape(len(rows), 3).T.copy()
    return first, second, price


def crossed(rows: list[tuple[float, float, float]]) -> list[tuple[int, int]]:
    """Row and side of each cross, by the rule as its docstring words it."""
    found = []
    for at in range(1, len(rows)):
        (before_first, before_second, before_price), (first, second, price) = rows[at - 1], rows[at]
        if np.isnan([before_first, before_second, first, second]).any():
            continue
        before, now = relation(before_first, before_second, before_price), relation(first, second, price)
        if now == 1 and before <= 0:
            found.append((at, 1))
        if now == -1 and before >= 0:
            found.append((at, -1))
    return found


def test_ties_of_columns_by_hand() -> None:
    first = np.array([4000.0 + 3e-6, 4000.0 + 5e-6, 4000.0 - 5e-6, -5.0, NAN, 1e-300])
    second = np.array([4000.0, 4000.0, 4000.0, -5.0, 1.0, 0.0])
    found = relations(first, second, np.array([4000.0, 4000.0, 4000.0, -5.0, 1.0, 0.0]))
    assert found.tolist() == [0, 1, -1, 0, 0, 1]


@settings(deadline=None)
@given(triples)
def test_relations_are_the_relation_of_each_row(rows: list[tuple[float, float, float]]) -> None:
    assert relations(*columns(rows)).tolist() == [relation(*row) for row in rows]


@settings(deadline=None)
@given(triples, st.integers(1, 9))
def test_crosses_are_those_of_the_rule_across_blocks(rows: list[tuple[float, float, float]], block: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(averages, "_BLOCK", block)
        up, down = crosses(*columns(rows))
    assert sorted([*((at, 1) for at in up.tolist()), *((at, -1) for at in down.tolist())]) == crossed(rows)
    assert up.dtype == down.dtype == np.int64


def test_one_number_may_stand_for_a_column() -> None:
    up, down = crosses(np.array([29.0, 30.0, 31.0, 30.0, 30.0, 29.0]), 30.0, 100.0)
    assert (up.tolist(), down.tolist()) == ([2], [5])


def test_the_first_row_crosses_nothing() -> None:
    up, down = crosses(np.array([5.0]), 1.0, 5.0)
    assert (len(up), len(down)) == (0, 0)
    up, down = crosses(np.empty(0), np.empty(0), np.empty(0))
    assert (len(up), len(down)) == (0, 0)
