"""How many orders were sent within a window, against a list that is searched whole."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from trading.domain.risk.sent import HORIZON, SentOrders
from trading.tests.domain.risk.cases import NOW, asked

SECOND = 1_000_000_000
STEPS = st.lists(st.tuples(st.integers(0, 3 * SECOND), st.sampled_from("ab")), max_size=900)


@given(STEPS, st.sampled_from([0.25, 1.0, 3.0, HORIZON]))
def test_windows_hold_what_a_whole_list_holds(steps: list[tuple[int, str]], seconds: float) -> None:
    sent, all_of_them, now = SentOrders(), [], NOW
    for step, name in steps:
        now += step
        sent.note(now, (name,))
        all_of_them.append((now, name))
    edge = now - int(seconds * SECOND)
    within = [name for at, name in all_of_them if at > edge]
    assert sent.within(seconds, now) == len(within)
    assert sent.same_within(("a",), seconds, now) == within.count("a")


def test_a_long_day_is_forgotten_but_for_the_last_minute() -> None:
    sent = SentOrders()
    for number in range(5_000):
        sent.note(NOW + number * SECOND, (number,))
    assert sent.within(HORIZON, NOW + 4_999 * SECOND) == 60
    assert len(sent._times) < 600
    assert len(sent._by_print) < 600


def test_orders_that_are_noted_late_count_where_they_belong() -> None:
    sent = SentOrders()
    for at in (5, 3, 4):
        sent.note(NOW + at * SECOND, ("a",))
    assert [sent.within(1.0, NOW + at * SECOND) for at in (5, 6)] == [1, 0]
    assert sent.same_within(("b",), 60.0, NOW) == 0


def test_what_makes_two_orders_the_same() -> None:
    market: dict[str, Any] = {"type": "market", "price": float("nan")}
    assert asked(**market).order.fingerprint == asked(type="market", price=-float("nan")).order.fingerprint
    usual = asked().order.fingerprint
    assert usual == asked().order.fingerprint
    changes: list[dict[str, Any]] = [
        {"price": 3_301.0},
        {"volume": 11},
        {"buying": False},
        {"opening": False},
        {"type": "fak"},
        {"stop_price": 3_300.0},
        {"instrument": "rb2505.SHFE"},
    ]
    assert all(asked(**change).order.fingerprint != usual for change in changes)
