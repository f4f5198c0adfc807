"""Bars of several legs, put together: complete ones at once, others by the clock, and never out of order."""

import json
import random
from math import nan

from marketdata.domain.bars import Bar
from quantsite.common.times import NS_PER_SECOND
from strategies.domain.hosting.gather import PATIENCE, BarGatherer

MINUTE = 60 * NS_PER_SECOND


def bar(start: int, close: float = 1.0) -> Bar:
    return Bar(start, 20_000, close, close, close, close, 1.0, nan, 0.0)


def test_one_leg_waits_for_nobody() -> None:
    gatherer = BarGatherer(1)
    assert gatherer.take(0, bar(0), 1) == [(bar(0),)]
    assert gatherer.take(0, bar(0), 2) == []
    assert gatherer.late == 1


def test_a_start_goes_out_when_every_leg_has_it_or_a_later_one() -> None:
    gatherer = BarGatherer(3)
    assert gatherer.take(0, bar(0), 1) == []
    assert gatherer.take(2, bar(0), 2) == []
    assert gatherer.take(0, bar(MINUTE), 3) == []
    assert gatherer.take(1, bar(MINUTE), 4) == [(bar(0), None, bar(0))]
    assert gatherer.take(2, bar(MINUTE), 5) == [(bar(MINUTE),) * 3]
    assert not gatherer


def test_a_leg_that_does_not_trade_is_waited_for_three_seconds_of_the_market() -> None:
    gatherer = BarGatherer(2)
    assert gatherer.take(0, bar(0), NS_PER_SECOND) == []
    assert gatherer.on_clock(NS_PER_SECOND + PATIENCE - 1) == []
    assert gatherer.on_clock(NS_PER_SECOND + PATIENCE) == [(bar(0), None)]
    assert gatherer.take(1, bar(0), NS_PER_SECOND + PATIENCE + 1) == []
    assert gatherer.late == 1


def test_it_does_not_matter_how_often_within_a_second_the_clock_is_told() -> None:
    often, seldom = BarGatherer(2), BarGatherer(2)
    for gatherer in (often, seldom):
        assert gatherer.take(0, bar(0), 100) == []
    for quarter in range(1, 16):
        assert often.on_clock(quarter * NS_PER_SECOND // 4) == []
    for second in range(1, 4):
        assert seldom.on_clock(second * NS_PER_SECOND) == []
    assert often.on_clock(PATIENCE + NS_PER_SECOND) == seldom.on_clock(PATIENCE + NS_PER_SECOND) == [(bar(0), None)]


def test_what_waits_goes_out_at_the_end_of_the_day() -> None:
    gatherer = BarGatherer(2)
    gatherer.take(1, bar(0), 1)
    gatherer.take(1, bar(MINUTE), 2)
    assert gatherer.finish() == [(None, bar(0)), (None, bar(MINUTE))]


def test_what_was_seen_before_does_not_go_out_again() -> None:
    gatherer = BarGatherer(2)
    gatherer.begin_behind([MINUTE, 0])
    assert gatherer.told == 0
    assert gatherer.take(0, bar(MINUTE), 1) == []
    assert gatherer.take(1, bar(MINUTE), 2) == [(None, bar(MINUTE))]
    assert gatherer.take(1, bar(MINUTE), 3) == []
    assert (gatherer.told, gatherer.late) == (MINUTE, 2)


def test_cut_anywhere_and_restored_it_tells_the_same() -> None:
    drawn = random.Random(7)  # noqa: S311 - repeatable, not secret
    for _round in range(40):
        whole, cut = BarGatherer(3), BarGatherer(3)
        told: list[object] = []
        again: list[object] = []
        starts, now = [0, 0, 0], 0
        for _step in range(60):
            now += drawn.randrange(2 * NS_PER_SECOND)
            leg = drawn.randrange(3)
            starts[leg] += MINUTE * drawn.randrange(1, 3)
            new = bar(starts[leg], drawn.random())
            told += whole.take(leg, new, now) + whole.on_clock(now)
            again += cut.take(leg, new, now) + cut.on_clock(now)
            if drawn.random() < 0.3:
                cut = BarGatherer.restored(json.loads(json.dumps(cut.document())))
        assert repr(again) == repr(told)
        assert told
