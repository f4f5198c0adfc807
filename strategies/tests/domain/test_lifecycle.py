"""The life of an instance: the printed table, and that nothing else is possible."""

from itertools import product
from pathlib import Path

import pytest

from quantsite.common.errors import ConflictError
from strategies.domain.lifecycle import (
    LADDER,
    RUNNABLE,
    STATES,
    TRANSITIONS,
    VERB_WORDS,
    Activity,
    Stage,
    State,
    Verb,
    after,
    status,
    table,
    verbs_from,
)

TOLD = Path(__file__).parents[3] / "docs" / "strategies-live.md"


def _printed() -> dict[tuple[str, str], str]:
    """What the table of the documentation says: (from, verb) -> to."""
    lines = [line for line in TOLD.read_text().splitlines() if line.startswith("| ") and "---" not in line]
    first = next(number for number, line in enumerate(lines) if line.startswith("| from | "))
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[first : first + 1 + len(STATES)]]
    verbs = rows[0][1:]
    return {(row[0], verb): cell for row in rows[1:] for verb, cell in zip(verbs, row[1:], strict=True) if cell}


def _words(state: State) -> str:
    return f"{state.stage} {state.activity}" if state.stage in RUNNABLE else state.stage.value


def test_every_pair_does_what_the_printed_table_says() -> None:
    printed = _printed()
    for state, verb in product(STATES, Verb):
        said = printed.pop((_words(state), verb.value), "")
        if said:
            assert _words(after(state, verb)) == said
        else:
            with pytest.raises(ConflictError) as error:
                after(state, verb)
            assert error.value.code == "not_now"
            assert all(VERB_WORDS[each] in error.value.text for each in verbs_from(state))
    assert printed == {}


def test_the_documentation_holds_the_table_as_it_is_printed() -> None:
    assert "\n".join(table()) in TOLD.read_text()


def test_every_transition_leads_to_a_state_that_there_is() -> None:
    assert {state for state, _verb in TRANSITIONS} | set(TRANSITIONS.values()) == set(STATES)


def test_nothing_follows_retirement() -> None:
    assert verbs_from(State(Stage.RETIRED)) == []


def test_only_a_verb_that_climbs_leads_higher_and_by_one_step() -> None:
    climbs = {Verb.PROMOTE, Verb.APPROVE, Verb.GO_LIVE}
    for (state, verb), then in TRANSITIONS.items():
        if then.stage is Stage.RETIRED:
            continue
        step = LADDER.index(then.stage) - LADDER.index(state.stage)
        assert step == 1 if verb in climbs else step <= 0


def test_approved_and_live_are_reached_by_their_own_verbs_alone() -> None:
    into = {(verb, then.stage) for (state, verb), then in TRANSITIONS.items() if state.stage is not then.stage}
    assert {verb for verb, stage in into if stage is Stage.APPROVED} == {Verb.APPROVE}
    assert {verb for verb, stage in into if stage is Stage.LIVE} == {Verb.GO_LIVE}


def test_whoever_may_run_can_always_be_stopped_or_paused() -> None:
    for stage in RUNNABLE:
        assert after(State(stage, Activity.RUNNING), Verb.STOP) == State(stage)
        assert after(State(stage, Activity.RUNNING), Verb.PAUSE) == State(stage, Activity.PAUSED)
        assert after(State(stage, Activity.PAUSED), Verb.STOP) == State(stage)


@pytest.mark.parametrize(
    ("state", "word"),
    [
        (State(Stage.DRAFT), "draft"),
        (State(Stage.BACKTESTED), "backtested"),
        (State(Stage.PAPER), "stopped"),
        (State(Stage.PAPER, Activity.RUNNING), "paper"),
        (State(Stage.APPROVED), "approved"),
        (State(Stage.LIVE, Activity.RUNNING), "live"),
        (State(Stage.LIVE, Activity.PAUSED), "paused"),
        (State(Stage.LIVE), "stopped"),
        (State(Stage.RETIRED), "retired"),
    ],
)
def test_the_word_for_people(state: State, word: str) -> None:
    assert status(state) == word
