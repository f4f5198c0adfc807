"""Walk-forward windows: by hand, and what must hold for any lengths."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backtests.domain.windows import Window, days_left, walk_forward_windows
from quantsite.common.errors import RuleError

DAYS = np.array([100, 101, 102, 105, 106, 107, 108, 109, 112, 113], dtype=np.int32)  # two weekends


def test_rolling_by_hand() -> None:
    assert list(walk_forward_windows(DAYS, 4, 2)) == [
        Window(100, 105, 106, 107),
        Window(102, 107, 108, 109),
        Window(106, 109, 112, 113),
    ]


def test_anchored_by_hand() -> None:
    assert list(walk_forward_windows(DAYS, 4, 2, anchored=True)) == [
        Window(100, 105, 106, 107),
        Window(100, 107, 108, 109),
        Window(100, 109, 112, 113),
    ]


def test_gap_and_step_by_hand() -> None:
    windows = list(walk_forward_windows(DAYS, 3, 2, gap=1, step=3))
    assert windows == [Window(100, 102, 106, 107), Window(105, 107, 109, 112)]
    assert days_left(DAYS, windows) == 1
    assert days_left(DAYS, []) == 10


def test_days_of_bars_count_once() -> None:
    assert list(walk_forward_windows(np.repeat(DAYS, 345), 4, 2)) == list(walk_forward_windows(DAYS, 4, 2))


@given(
    st.integers(1, 60),
    st.integers(1, 20),
    st.integers(1, 20),
    st.integers(0, 5),
    st.integers(0, 10),
    st.booleans(),
)
def test_what_holds_for_all(days: int, inside: int, outside: int, gap: int, more: int, anchored: bool) -> None:
    column = np.cumsum(np.random.default_rng(days).integers(1, 4, days)).astype(np.int32)
    step = outside + more
    if inside + gap + outside > days:
        with pytest.raises(RuleError):
            walk_forward_windows(column, inside, outside, step=step, gap=gap, anchored=anchored)
        return
    windows = list(walk_forward_windows(column, inside, outside, step=step, gap=gap, anchored=anchored))
    assert len(windows) == (days - inside - gap - outside) // step + 1
    place = {int(day): index for index, day in enumerate(column)}
    judged: list[int] = []
    for number, window in enumerate(windows):
        in_start, in_end, out_start, out_end = (place[day] for day in window)
        assert in_start == (0 if anchored else number * step)
        assert in_end - in_start + 1 == inside + (number * step if anchored else 0)
        assert out_start - in_end - 1 == gap
        assert out_end - out_start + 1 == outside
        judged.extend(range(out_start, out_end + 1))
    assert len(judged) == len(set(judged)), "no day is judged twice"
    assert days_left(column, windows) < step


@pytest.mark.parametrize(
    ("lengths", "fields", "words"),
    [
        ({"in_sample": 0, "out_sample": 2}, {"in_sample"}, "in_sample must be at least 1 trading day, not 0"),
        ({"in_sample": 3, "out_sample": 0}, {"out_sample"}, "out_sample must be at least 1 trading day, not 0"),
        ({"in_sample": 3, "out_sample": 2, "gap": -1}, {"gap"}, "gap must be 0 trading days or more, not -1"),
        ({"in_sample": 3, "out_sample": 2, "step": 1}, {"step"}, r"at least out_sample \(2\), not 1"),
        ({"in_sample": 3, "out_sample": 2, "step": 0}, {"step"}, "not 0"),
        ({"in_sample": 8, "out_sample": 2, "gap": 1}, {"in_sample"}, "needs 11 trading days .*, there are 10"),
        ({"in_sample": 0, "out_sample": -1, "gap": -1}, {"in_sample", "out_sample", "gap"}, "out_sample"),
    ],
)
def test_lengths_that_make_no_sense(lengths: dict[str, int], fields: set[str], words: str) -> None:
    with pytest.raises(RuleError, match=words) as refusal:
        walk_forward_windows(DAYS, **lengths)  # type: ignore[arg-type]
    assert refusal.value.code == "invalid_windows"
    assert set(refusal.value.fields) == fields
