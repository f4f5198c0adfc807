"""Bursts of programmatic trading against a count that tries every second and every window."""

from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.domain.risk.actions import Action, ActionKind
from trading.domain.risk.bursts import PER_DAY, programme_days, sliding_bursts

SECOND = 1_000_000_000
T0 = 1_733_100_000 * SECOND


def actions(times: list[int], exchange: str = "SHFE") -> list[Action]:
    kinds = list(ActionKind)
    return [Action(T0 + at, kinds[at % 2], exchange, "rb2501.SHFE", 1) for at in times]


SENT = st.lists(
    st.builds(
        Action,
        at=st.integers(0, 80).map(lambda tenth: T0 + tenth * SECOND // 10),
        kind=st.sampled_from(ActionKind),
        exchange=st.sampled_from(["SHFE", "DCE"]),
        instrument=st.just("rb2501.SHFE"),
        volume=st.just(1),
    ),
    max_size=150,
)


@given(SENT, st.integers(2, 12))
def test_natural_seconds_equal_a_naive_count(sent: list[Action], least: int) -> None:
    naive: dict[str, dict[int, int]] = defaultdict(dict)
    for action in sent:
        begin = action.at - action.at % SECOND
        together = [other for other in sent if other.exchange == action.exchange and begin <= other.at < begin + SECOND]
        naive[action.exchange][begin] = len(together)
    days = programme_days(sent, least)
    assert [day.exchange for day in days] == sorted(naive)
    for day in days:
        wanted = sorted((second, count) for second, count in naive[day.exchange].items() if count >= least)
        assert [tuple(burst) for burst in day.bursts] == wanted
        mine = [action for action in sent if action.exchange == day.exchange]
        assert day.orders == sum(action.kind == "order" for action in mine)
        assert day.orders + day.cancels == len(mine)


@given(st.lists(st.integers(0, 60), max_size=60), st.integers(2, 6))
def test_sliding_windows_are_as_many_as_can_be(tenths: list[int], least: int) -> None:
    times = sorted(tenth * SECOND // 10 for tenth in tenths)
    best = [0] * (len(times) + 1)  # most windows that end before action i, by trying every one
    for end in range(1, len(times) + 1):
        best[end] = best[end - 1]
        begin = end - least
        if begin >= 0 and times[end - 1] - times[begin] < SECOND:
            best[end] = max(best[end], best[begin] + 1)
    windows, busiest = sliding_bursts(times, least)
    assert windows == best[-1]
    assert busiest == max((sum(at - SECOND < other <= at for other in times) for at in times), default=0)


def test_a_burst_across_the_clock_is_one_by_the_sliding_second_only() -> None:
    (day,) = programme_days(actions([SECOND - 5 + step for step in range(10)]))
    assert (day.bursts, day.sliding, day.busiest) == ((), 1, 10)


@pytest.mark.parametrize(("seconds", "reportable"), [(PER_DAY - 1, False), (PER_DAY, True)])
def test_ten_bursts_of_a_day_must_be_reported(seconds: int, reportable: bool) -> None:
    (day,) = programme_days(actions([second * 3 * SECOND + step for second in range(seconds) for step in range(10)]))
    assert len(day.bursts) == day.sliding == seconds
    assert day.reportable is reportable


def test_nine_in_a_second_are_none_and_exchanges_count_apart() -> None:
    nine = list(range(9))
    days = programme_days([*actions(nine), *actions(nine, "DCE")])
    assert [(day.exchange, day.bursts, day.busiest) for day in days] == [("DCE", (), 9), ("SHFE", (), 9)]


def test_nothing_sent_is_no_day() -> None:
    assert programme_days([]) == []
