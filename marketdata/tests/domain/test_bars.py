from dataclasses import replace

import numpy as np
import pytest

from marketdata.domain.bars import VALUE_COLUMNS, BarSeries

NAN = float("nan")


COLUMNS: dict[str, list[float]] = {
    "open": [1, 2, 3],
    "high": [2, 3, 4],
    "low": [1, 1, 2],
    "close": [2, 3, 3],
    "volume": [5, 0, 7],
    "turnover": [NAN, NAN, NAN],
    "open_interest": [9, 9, 9],
}


def series(**columns: list[float]) -> BarSeries:
    arrays = {name: np.array((COLUMNS | columns)[name], dtype=np.float64) for name in VALUE_COLUMNS}
    return BarSeries("rb88.SHFE", "5m", np.array([10, 20, 30]), np.array([1, 1, 2], dtype=np.int32), **arrays)


def test_rows_are_plain_numbers() -> None:
    first = next(series().rows())

    assert first[:7] == (10, 1, 1.0, 2.0, 1.0, 2.0, 5.0)
    assert first.close == 2.0
    assert np.isnan(first.turnover)
    assert (type(first.start), type(first.close)) == (int, float)
    assert len(list(series().rows())) == len(series()) == 3


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [(None, None, [10, 20, 30]), (20, None, [20, 30]), (None, 20, [10]), (11, 30, [20]), (31, 40, []), (30, 10, [])],
)
def test_between_takes_its_start_and_leaves_its_end(start: int | None, end: int | None, expected: list[int]) -> None:
    assert series().between(start, end).start.tolist() == expected


def test_columns_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="column close"):
        replace(series(), close=np.array([1.0]))


def test_columns_get_their_types() -> None:
    bars = replace(series(), close=np.array([1, 2, 3]), trading_day=np.array([1, 1, 2], dtype=np.int64))

    assert bars.close.dtype == np.float64
    assert bars.trading_day.dtype == np.int32


def test_an_empty_series() -> None:
    empty = BarSeries.empty("rb88.SHFE", "5m")

    assert (len(empty), list(empty.rows())) == (0, [])
    assert empty.data_hash() != BarSeries.empty("rb88.SHFE", "1m").data_hash()


def test_the_hash_is_known() -> None:
    # Worked out by hand from the docstring with hashlib and struct, apart from the code under test.
    assert series().data_hash() == "5b298633431b32bda1bf10fd5a53988ed259b9395af48bbf703f34db9fab3ea3"


def test_the_hash_forgets_the_name_and_the_kind_of_nan() -> None:
    other_nan = np.frombuffer(np.array([0xFFF8000000000001], dtype="<u8").tobytes(), dtype="<f8").repeat(3)

    assert replace(series(), instrument="rb89.SHFE", turnover=other_nan).data_hash() == series().data_hash()
    assert series(volume=[5, -0.0, 7]).data_hash() == series(volume=[5, 0.0, 7]).data_hash()


@pytest.mark.parametrize("column", ["start", "trading_day", *VALUE_COLUMNS])
def test_the_hash_sees_every_column(column: str) -> None:
    values = getattr(series(), column).copy()
    values[1] = 4

    assert replace(series(), **{column: values}).data_hash() != series().data_hash()


def test_the_hash_sees_the_interval() -> None:
    assert replace(series(), interval="1m").data_hash() != series().data_hash()
