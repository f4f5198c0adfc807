"""The quality of days: every fault is found on a hand-made day, a sound day scores 1, more faults never score more."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketdata.domain.bars import BarSeries
from marketdata.domain.quality import DayFacts, check_days
from marketdata.domain.quality_activity import Usual, evidence, habit_of, stretches_of, unusual, usual_of
from marketdata.domain.quality_bars import JUMP_TIMES
from marketdata.domain.quality_score import (
    GRADES,
    POOR_BELOW,
    SHOWN_EXAMPLES,
    WEIGHTS,
    Fault,
    Finding,
    grade,
    is_poor,
    main_fault,
    score,
)
from marketdata.domain.quality_ticks import SKEW_ALLOWED_MS, SKEW_WORST_MS
from marketdata.domain.tick_series import TickSeries
from marketdata.domain.ticks import BACKWARD, OUTSIDE
from marketdata.tests.domain.quality_days import (
    ALWAYS,
    changed,
    day_of,
    grid,
    report,
    sound_bars,
    sound_ticks,
    spoiled,
    without,
)
from quantsite.common.times import NS_PER_DAY, NS_PER_MINUTE

BARS = 345


def only(fault: Fault, count: float, bars: BarSeries, ticks: TickSeries | None = None, **about: object) -> float:
    """The score of a day that must have this fault so many times and no other."""
    found = report(bars, facts=DayFacts(ticks, **about))  # type: ignore[arg-type]
    assert {kind: finding.count for kind, finding in found.findings.items() if finding.count} == {fault: count}
    assert found.fault == fault.value
    assert len(found.findings[fault].examples) == min(count, SHOWN_EXAMPLES) or fault is Fault.CLOCK_SKEW
    return found.score


def test_a_sound_day_scores_one() -> None:
    found = report(sound_bars(), facts=DayFacts(sound_ticks()))
    assert (found.score, found.fault, grade(found.score)) == (1.0, "", "A")
    assert (found.expected, found.bars, found.quiet, found.ticks) == (BARS, BARS, 0, BARS)
    assert found.skew is not None
    assert (found.skew.median, found.skew.p99) == (20.0, 20.0)


def test_missing_bars_cost_their_share() -> None:
    bars = without(sound_bars(), 3, 4, 200)
    assert only(Fault.MISSING, 3, bars) == pytest.approx(1 - 3 / BARS)
    assert [example.time for example in report(bars).findings[Fault.MISSING].examples] == grid()[[3, 4, 200]].tolist()


def test_a_whole_day_without_bars_scores_nothing() -> None:
    found = report(sound_bars().take(slice(0, 0)))
    assert (found.score, found.count(Fault.MISSING), grade(found.score)) == (0.0, BARS, "E")


def test_bars_without_volume_are_a_fault_where_the_contract_always_trades() -> None:
    assert only(Fault.ZERO_VOLUME, 1, changed(sound_bars(), "volume", 7, 0)) == pytest.approx(1 - 1 / BARS)


def test_bars_off_the_session_table() -> None:
    bars = sound_bars(np.concatenate((grid()[:1] - 5 * NS_PER_MINUTE, grid())))
    assert only(Fault.OFF_HOURS, 1, bars) == pytest.approx(1 - 0.5 / BARS)


@pytest.mark.parametrize(("name", "value"), [("high", 3990.0), ("low", 4010.0), ("high", np.nan)])
def test_contradictory_prices(name: str, value: float) -> None:
    found = report(changed(sound_bars(), name, 9, value), price_tick=None)
    assert found.count(Fault.INCONSISTENT) == 1
    assert found.findings[Fault.INCONSISTENT].examples[0].name == name


def test_a_price_of_zero_contradicts_unless_the_series_may_fall_below() -> None:
    bars = changed(sound_bars(), "low", 9, 0.0)
    assert report(bars).count(Fault.INCONSISTENT) == 1
    assert report(bars, positive=False).count(Fault.INCONSISTENT) == 0


def test_prices_off_the_tick_grid() -> None:
    bars = changed(sound_bars(), "high", 5, 4003.5)
    assert only(Fault.OFF_TICK, 1, bars) == pytest.approx(1 - 5 / BARS)
    example = report(bars).findings[Fault.OFF_TICK].examples[0]
    assert (example.time, example.name, example.value, example.against) == (int(grid()[5]), "high", 4003.5, 1.0)
    assert report(bars, price_tick=None).score == 1.0


def test_prices_outside_the_limits_of_the_day() -> None:
    bars = sound_bars()
    assert only(Fault.OUTSIDE_LIMITS, 115, bars, upper_limit=4002.0, lower_limit=3000.0) == 0.0
    assert report(bars, facts=DayFacts(upper_limit=4003.0, lower_limit=3999.0)).score == 1.0
    assert report(bars, facts=DayFacts(lower_limit=4000.0)).count(Fault.OUTSIDE_LIMITS) == 115


def test_limits_come_from_the_ticks_where_nobody_published_them() -> None:
    ticks = sound_ticks(upper_limit=np.full(BARS, 4002.0))
    assert report(sound_bars(), facts=DayFacts(ticks)).count(Fault.OUTSIDE_LIMITS) == 115
    assert report(sound_bars(), facts=DayFacts(ticks, upper_limit=4400.0)).count(Fault.OUTSIDE_LIMITS) == 0


def test_a_spike_is_a_jump_and_a_gap_over_the_night_is_none() -> None:
    bars = sound_bars()
    far = 4000 + 3 * JUMP_TIMES
    assert only(Fault.JUMPS, 1, changed(bars, "high", 50, far)) == pytest.approx(1 - 2 / BARS)
    night = int((grid() < grid()[0] + 12 * 60 * NS_PER_MINUTE).sum())
    later = {name: getattr(bars, name) + np.where(np.arange(BARS) >= night, 500.0, 0.0) for name in ("open", "close")}
    later |= {name: getattr(bars, name) + np.where(np.arange(BARS) >= night, 500.0, 0.0) for name in ("high", "low")}
    assert report(replace(bars, **later)).score == 1.0
    shift = np.where(np.arange(BARS) >= night + 5, 500.0, 0.0)
    inside = {name: getattr(bars, name) + shift for name in ("open", "high", "low", "close")}
    assert report(replace(bars, **inside)).count(Fault.JUMPS) == 1


def test_a_wild_day_around_raises_the_measure_of_jumps() -> None:
    bars = changed(sound_bars(), "high", 50, 4000 + 3 * JUMP_TIMES)
    assert report(bars, typical_move=4.0).count(Fault.JUMPS) == 0


def test_partial_bars_and_lost_ticks() -> None:
    assert only(Fault.PARTIAL, 1, sound_bars(), partial=(int(grid()[0]),)) == pytest.approx(1 - 1 / BARS)
    lost = report(sound_bars(), facts=DayFacts(sound_ticks(), gaps=((11, 15), (40, 40))))
    assert lost.count(Fault.MISSING_TICKS) == 6
    assert lost.score == pytest.approx(1 - 6 / (6 + BARS))
    assert [(example.value, example.against) for example in lost.findings[Fault.MISSING_TICKS].examples] == [
        (11, 15),
        (40, 40),
    ]


def test_crossed_and_locked_quotes() -> None:
    ticks = spoiled(spoiled(sound_ticks(), "bid_price", 4, 4002.0), "bid_price", 5, 4001.0)
    assert only(Fault.CROSSED, 2, sound_bars(), ticks) == pytest.approx(1 - 2 * 5 / BARS)
    assert report(sound_bars(), facts=DayFacts(ticks)).locked == 1
    outside = spoiled(spoiled(ticks, "flags", 4, OUTSIDE), "flags", 5, OUTSIDE)
    assert report(sound_bars(), facts=DayFacts(outside)).count(Fault.CROSSED) == 0


def test_ticks_that_go_back() -> None:
    ticks = spoiled(sound_ticks(), "flags", 8, BACKWARD)
    assert only(Fault.BACKWARD, 1, sound_bars(), ticks) == pytest.approx(1 - 5 / BARS)


def test_ticks_off_the_grid_and_outside_their_limits() -> None:
    assert only(Fault.OFF_TICK, 1, sound_bars(), spoiled(sound_ticks(), "last", 3, 4000.5)) < 1
    assert only(Fault.OUTSIDE_LIMITS, 1, sound_bars(), spoiled(sound_ticks(), "ask_price", 3, 4401.0)) < 1
    assert report(sound_bars(), facts=DayFacts(spoiled(sound_ticks(), "bid_price", 3, np.nan))).score == 1.0


def test_clock_skew_counts_from_half_a_second_on() -> None:
    ticks = sound_ticks()
    within = replace(ticks, received=ticks.time - int(SKEW_ALLOWED_MS) * 1_000_000)
    assert report(sound_bars(), facts=DayFacts(within)).score == 1.0
    late = replace(ticks, received=ticks.time + 5_500_000_000)
    assert only(Fault.CLOCK_SKEW, 5_000, sound_bars(), late) == pytest.approx(1 - 0.2 * 5_000 / SKEW_WORST_MS)
    replayed = replace(ticks, received=ticks.time + 400 * NS_PER_DAY)
    assert report(sound_bars(), facts=DayFacts(replayed)).skew is None


# --- quiet, or missing? ----------------------------------------------------------------------------------------


def test_a_far_contract_may_be_quiet_but_not_twice_as_long_as_ever() -> None:
    bars, usual = sound_bars(), Usual(stretch=10.0, share=0.2)
    quiet = report(without(bars, *range(100, 120)), usual)
    assert (quiet.score, quiet.quiet) == (1.0, 20)
    assert report(without(bars, *range(100, 121)), usual).count(Fault.MISSING) == 21


def test_many_short_gaps_count_beyond_twice_the_usual_number() -> None:
    found = report(without(sound_bars(), *range(0, BARS, 2)), Usual(stretch=1.0, share=0.1))
    assert found.count(Fault.MISSING) == 173 - int(2 * 0.1 * BARS)


def test_ticks_prove_that_a_bar_is_missing_or_that_nobody_traded() -> None:
    bars = without(sound_bars(), 100, 101)
    assert report(bars, Usual(200.0, 1.0)).score == 1.0
    assert report(bars, Usual(200.0, 1.0), DayFacts(sound_ticks())).count(Fault.MISSING) == 2
    volume = sound_ticks().volume.copy()
    volume[100:102] = volume[99]
    idle = report(bars, ALWAYS, DayFacts(sound_ticks(volume=volume)))
    assert (idle.score, idle.quiet) == (1.0, 2)


def test_where_the_recording_stopped_ticks_prove_nothing() -> None:
    ticks = sound_ticks().take(np.r_[0:100, 110:BARS])
    proof = evidence(grid(), ticks)
    assert not proof.traded[100:111].any()
    assert not proof.idle[100:111].any()
    assert proof.traded[[99, 111]].all()
    late = evidence(grid(), sound_ticks().take(slice(50, None)))
    assert not late.traded[:51].any()
    assert not late.idle[:50].any()


def test_usual_is_the_median_and_needs_three_days() -> None:
    def day(*quiet: int) -> np.ndarray:
        return np.isin(np.arange(10), quiet)

    habits = [habit_of(day(1, 2)), habit_of(day()), habit_of(day(4, 5, 6))]
    assert usual_of(habits[:2]) is None
    assert usual_of(habits) == Usual(2.0, 0.2)
    assert [column.tolist() for column in stretches_of(day(0, 1, 5, 9))] == [[0, 5, 9], [2, 1, 1]]
    assert not unusual(day(1, 2, 3), None).any()


def test_days_are_held_against_the_days_around_them() -> None:
    padded = changed(sound_bars(), "volume", 40, 0)
    poor = without(padded, *range(200, 260))
    days = [day_of(padded)] * 5 + [day_of(poor)] + [day_of(padded)] * 5
    reports = check_days(days, {}, [0, 5])
    assert [found.count(Fault.MISSING) for found in reports] == [0, 60]
    assert [found.count(Fault.ZERO_VOLUME) for found in reports] == [0, 0]
    assert reports[1].usual == Usual(1.0, 1 / BARS)


def test_a_day_alone_is_its_own_measure_if_it_trades_nearly_always() -> None:
    few, many = day_of(without(sound_bars(), 1, 2)), day_of(without(sound_bars(), *range(100)))
    assert check_days([few], {}, [0])[0].count(Fault.MISSING) == 2
    assert check_days([many], {}, [0])[0].score == 1.0


def test_flat_bars_are_a_remark() -> None:
    bars = sound_bars()
    found = report(replace(bars, high=bars.close, low=bars.close), typical_move=1.0)
    assert (found.flat, found.score) == (BARS, 1.0)


# --- the score -------------------------------------------------------------------------------------------------

findings = st.lists(
    st.builds(Finding, st.sampled_from(Fault), st.floats(0, 1e6), st.floats(0, 1e6)), max_size=len(Fault)
)


@given(findings, st.integers(0, 20), st.floats(0, 1e6))
def test_the_score_lies_between_0_and_1_and_never_rises_with_more_faults(
    found: list[Finding], place: int, more: float
) -> None:
    assert 0.0 <= score(found) <= 1.0
    assert sum(lowest <= score(found) for _letter, lowest in GRADES) >= 1
    if found:
        row = place % len(found)
        worse = [replace(finding, count=finding.count + more * (at == row)) for at, finding in enumerate(found)]
        assert score(worse) <= score(found)
    assert (main_fault(found) == "") == all(finding.cost == 0 for finding in found)


Damage = Callable[[BarSeries, int], BarSeries]
DAMAGES: list[Damage] = [
    lambda bars, place: changed(bars, "volume", place, 0),
    lambda bars, place: changed(bars, "high", place, float(bars.high[place]) + 0.5),
    lambda bars, place: changed(bars, "low", place, 5_000.0),
    without,
]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, BARS - 30), st.sampled_from(DAMAGES)), min_size=1, max_size=20))
def test_each_damage_to_a_sound_day_takes_from_its_score(damages: list[tuple[int, Damage]]) -> None:
    bars, last = sound_bars(), 1.0
    # From the last bar to the first, each bar once, so that a place stays what it was.
    for place, damage in sorted(dict(damages).items(), reverse=True):
        bars = damage(bars, place)
        now = report(bars).score
        assert now < last or now == 0.0
        last = now


def test_weights_and_grades_cover_everything() -> None:
    assert set(WEIGHTS) == set(Fault)
    assert [grade(value) for value in (1.0, 0.99, POOR_BELOW, 0.94, 0.85, 0.6, 0.0)] == list("AABCCDE")
    assert not is_poor(POOR_BELOW)
    assert is_poor(POOR_BELOW - 1e-9)
