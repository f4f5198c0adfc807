"""Gates held against evidence: what counts, what does not, and that the newest word counts."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategies.domain.gates import EvidenceKind, Gate, GateInput, Shown, missing, parameters_hash, verdicts
from strategies.domain.lifecycle import Stage

TODAY = date(2024, 12, 10)
BACKTEST = Gate(Stage.BACKTESTED, EvidenceKind.BACKTEST, same_parameters=True)
LOOK_AHEAD = Gate(Stage.BACKTESTED, EvidenceKind.LOOK_AHEAD)
DAYS = Gate(Stage.APPROVED, EvidenceKind.PAPER_DAY, minimum=3)

RUN = Shown(EvidenceKind.BACKTEST, True, "now", TODAY, "p", "5m")
CHECK = Shown(EvidenceKind.LOOK_AHEAD, True, "now", TODAY)


def day(number: int, *, passed: bool = True, source: str = "now") -> Shown:
    at = date(2024, 12, number)
    return Shown(EvidenceKind.PAPER_DAY, passed, source, at, day=at)


def asked(stage: Stage, *shown: Shown, gates: tuple[Gate, ...] = (BACKTEST, LOOK_AHEAD, DAYS)) -> GateInput:
    return GateInput(stage, "double_ma", "now", "p", "5m", TODAY, gates, shown)


def test_what_is_missing_is_said_with_what_to_do() -> None:
    told = missing(asked(Stage.BACKTESTED))
    assert len(told) == 2
    assert "double_ma" in told[0]
    assert "0 of 1" in told[0]
    assert "manage.py check_strategy double_ma" in told[1]


def test_everything_shown_opens_the_stage() -> None:
    assert missing(asked(Stage.BACKTESTED, RUN, CHECK)) == []


def test_a_stage_asks_for_what_the_lower_ones_ask_for() -> None:
    days = [day(number) for number in (2, 3, 4)]
    assert missing(asked(Stage.APPROVED, RUN, CHECK, *days)) == []
    assert len(missing(asked(Stage.APPROVED, *days))) == 2
    assert len(missing(asked(Stage.PAPER))) == 2  # and not for the days that a higher one asks for


@pytest.mark.parametrize(
    "other",
    [
        replace(RUN, source_hash="older"),
        replace(RUN, passed=False),
        replace(RUN, parameters_hash="q"),
        replace(RUN, interval="1m"),
        replace(RUN, kind=EvidenceKind.WARM_UP),
    ],
)
def test_a_backtest_of_something_else_does_not_count(other: Shown) -> None:
    assert len(missing(asked(Stage.BACKTESTED, other, CHECK))) == 1
    assert missing(asked(Stage.BACKTESTED, other, RUN, CHECK)) == []


def test_evidence_of_no_interval_counts_for_every_one() -> None:
    assert missing(asked(Stage.BACKTESTED, replace(RUN, interval=""), CHECK)) == []


def test_a_check_that_fails_after_it_passed_closes_the_gate_again() -> None:
    failed = replace(CHECK, passed=False)
    assert len(missing(asked(Stage.BACKTESTED, RUN, CHECK, failed))) == 1
    assert missing(asked(Stage.BACKTESTED, RUN, failed, CHECK)) == []


def test_a_check_that_failed_with_its_own_parameters_is_not_outweighed_by_one_with_others() -> None:
    passed = Shown(EvidenceKind.LOOK_AHEAD, True, "now", TODAY, "p", "5m")
    failed, others = replace(passed, passed=False), replace(passed, parameters_hash="q")
    strict = (replace(LOOK_AHEAD, same_parameters=True),)
    for gates in ((LOOK_AHEAD,), strict):
        assert missing(asked(Stage.BACKTESTED, failed, others, gates=gates))
        assert missing(asked(Stage.BACKTESTED, passed, replace(failed, interval="1m"), gates=gates)) == []
        assert missing(asked(Stage.BACKTESTED, failed, others, passed, gates=gates)) == []
        assert missing(asked(Stage.BACKTESTED, passed, replace(failed, parameters_hash=""), gates=gates))
    assert missing(asked(Stage.BACKTESTED, others, gates=(LOOK_AHEAD,))) == []
    assert missing(asked(Stage.BACKTESTED, others, gates=strict))


def test_a_failed_backtest_takes_no_passed_one_away() -> None:
    assert missing(asked(Stage.BACKTESTED, RUN, replace(RUN, passed=False), CHECK)) == []


def test_a_day_counts_once_and_by_its_newest_word() -> None:
    gates = (DAYS,)
    assert missing(asked(Stage.APPROVED, day(2), day(3), day(3), gates=gates))
    assert missing(asked(Stage.APPROVED, day(2), day(3), day(4), day(4, passed=False), gates=gates))
    assert missing(asked(Stage.APPROVED, day(2), day(3), day(4, passed=False), day(4), gates=gates)) == []
    assert missing(asked(Stage.APPROVED, day(2), day(3), day(4, source="older"), gates=gates))


def test_evidence_ages_where_the_gate_says_so() -> None:
    gates = (replace(LOOK_AHEAD, max_age_days=30),)
    old = replace(CHECK, at=TODAY - timedelta(days=31))
    assert missing(asked(Stage.BACKTESTED, old, gates=gates))
    assert missing(asked(Stage.BACKTESTED, replace(old, at=TODAY - timedelta(days=30)), gates=gates)) == []


def test_no_gates_ask_for_nothing() -> None:
    assert missing(asked(Stage.LIVE, gates=())) == []


@given(
    st.lists(st.tuples(st.integers(1, 9), st.booleans())),
    st.integers(min_value=1, max_value=5),
)
def test_paper_days_are_the_distinct_days_whose_newest_word_is_good(said: list[tuple[int, bool]], least: int) -> None:
    newest = dict(said)
    gate = replace(DAYS, minimum=least)
    [verdict] = verdicts(asked(Stage.APPROVED, *(day(n, passed=ok) for n, ok in said), gates=(gate,)))
    assert verdict.have == sum(newest.values())
    assert bool(verdict.missing) == (verdict.have < least)


def test_the_hash_of_parameters_knows_no_order_and_no_way_of_writing() -> None:
    assert parameters_hash({"a": 3, "b": 1.5}) == parameters_hash({"b": 1.5, "a": 3.0})
    assert parameters_hash({"a": 3}) != parameters_hash({"a": 4})
    assert parameters_hash({"a": True}) != parameters_hash({"a": 1})
