"""The life of a strategy instance: which verb may follow which state, as one table, and the state it leads to.

``python -m strategies.domain.lifecycle`` prints the table. What else a verb needs (permission, evidence, a second
person, an account of the right kind) is asked by its verb; what is not in the table is refused before that.
"""

import sys
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import NamedTuple

from quantsite.common.errors import ConflictError
from quantsite.common.texts import say, unsaid


class Stage(StrEnum):
    """How far an instance is trusted; each stage needs all that the stages before it need."""

    DRAFT = "draft"
    BACKTESTED = "backtested"
    PAPER = "paper"
    APPROVED = "approved"
    LIVE = "live"
    RETIRED = "retired"


class Activity(StrEnum):
    """What people want an instance to do."""

    STOPPED = "stopped"
    RUNNING = "running"
    PAUSED = "paused"


class Verb(StrEnum):
    """What can be done to an instance."""

    PROMOTE = "promote"
    APPROVE = "approve"
    GO_LIVE = "go_live"
    TO_PAPER = "to_paper"
    TO_BACKTESTED = "to_backtested"
    TO_DRAFT = "to_draft"
    RETIRE = "retire"
    START = "start"
    STOP = "stop"
    PAUSE = "pause"
    RESUME = "resume"
    FLATTEN = "flatten"


class State(NamedTuple):
    """Where an instance stands."""

    stage: Stage
    activity: Activity = Activity.STOPPED


RUNNABLE = (Stage.PAPER, Stage.APPROVED, Stage.LIVE)
"""Stages in which an instance may run. An approved one runs on its paper account until it goes live."""

ON_PAPER = (Stage.PAPER, Stage.APPROVED)
"""Stages that trade on a simulated account."""

LADDER = (Stage.DRAFT, Stage.BACKTESTED, Stage.PAPER, Stage.APPROVED, Stage.LIVE)
"""The stages in the order in which an instance climbs them."""

DEMOTIONS: Mapping[Stage, Verb] = {
    Stage.PAPER: Verb.TO_PAPER,
    Stage.BACKTESTED: Verb.TO_BACKTESTED,
    Stage.DRAFT: Verb.TO_DRAFT,
}
"""The stages to which an instance can be taken back. Never to *approved*: that takes two persons."""

STATES = tuple(
    State(stage, activity)
    for stage in Stage
    for activity in Activity
    if activity is Activity.STOPPED or stage in RUNNABLE
)
"""Every state there is: what is not on paper, approved or live is stopped."""


def _activities(stage: Stage) -> dict[tuple[State, Verb], State]:
    """What becomes of the activity of an instance that may run."""
    stopped, running, paused = (State(stage, activity) for activity in Activity)
    return {
        (stopped, Verb.START): running,
        (running, Verb.STOP): stopped,
        (paused, Verb.STOP): stopped,
        (running, Verb.PAUSE): paused,
        (paused, Verb.RESUME): running,
        # What has been closed must not be opened again by the next decision.
        (running, Verb.FLATTEN): paused,
        (paused, Verb.FLATTEN): paused,
    }


def _demotions(state: State) -> dict[tuple[State, Verb], State]:
    """Where an instance can be taken back to: any stage below its own but *approved*, and it stops.

    From *approved* back to *paper* it goes on: account, code and parameters stay what they are.
    """
    if state.stage not in LADDER:
        return {}
    below = LADDER[: LADDER.index(state.stage)]
    goes_on = state.activity if state.stage is Stage.APPROVED else Activity.STOPPED
    return {
        (state, verb): State(stage, goes_on if stage is Stage.PAPER else Activity.STOPPED)
        for stage, verb in DEMOTIONS.items()
        if stage in below
    }


def _from_every_state() -> dict[tuple[State, Verb], State]:
    table: dict[tuple[State, Verb], State] = {}
    for stage in RUNNABLE:
        table |= _activities(stage)
    for state in STATES:
        table |= _demotions(state)
        if state.stage is Stage.PAPER:
            table[state, Verb.APPROVE] = State(Stage.APPROVED, state.activity)
    return table


VERB_WORDS: Mapping[Verb, str] = {
    Verb.PROMOTE: unsaid("promoting it"),
    Verb.APPROVE: unsaid("approving it"),
    Verb.GO_LIVE: unsaid("going live"),
    Verb.TO_PAPER: unsaid("taking it back to paper"),
    Verb.TO_BACKTESTED: unsaid("taking it back to backtested"),
    Verb.TO_DRAFT: unsaid("taking it back to draft"),
    Verb.RETIRE: unsaid("retiring it"),
    Verb.START: unsaid("starting it"),
    Verb.STOP: unsaid("stopping it"),
    Verb.PAUSE: unsaid("pausing it"),
    Verb.RESUME: unsaid("going on"),
    Verb.FLATTEN: unsaid("flattening it"),
}
STAGE_WORDS: Mapping[Stage, str] = {
    Stage.DRAFT: unsaid("a draft"),
    Stage.BACKTESTED: unsaid("backtested"),
    Stage.PAPER: unsaid("on paper"),
    Stage.APPROVED: unsaid("approved for going live"),
    Stage.LIVE: unsaid("live"),
    Stage.RETIRED: unsaid("retired"),
}
ACTIVITY_WORDS: Mapping[Activity, str] = {
    Activity.STOPPED: unsaid("stopped"),
    Activity.RUNNING: unsaid("running"),
    Activity.PAUSED: unsaid("paused"),
}
"""How a refusal speaks of them."""


TRANSITIONS: Mapping[tuple[State, Verb], State] = {
    (State(Stage.DRAFT), Verb.PROMOTE): State(Stage.BACKTESTED),
    (State(Stage.BACKTESTED), Verb.PROMOTE): State(Stage.PAPER),
    # The account changes: nothing may be under way.
    (State(Stage.APPROVED), Verb.GO_LIVE): State(Stage.LIVE),
    **{(State(stage), Verb.RETIRE): State(Stage.RETIRED) for stage in LADDER},
    # A demotion may have left lots behind, in whatever stage.
    **{(State(stage), Verb.FLATTEN): State(stage) for stage in LADDER},
    **_from_every_state(),
}
"""The state after a verb; a pair that is missing is refused."""


def after(state: State, verb: Verb) -> State:
    """The state that a verb leads to. Raises ``ConflictError`` ``not_now`` that names what can be done instead."""
    found = TRANSITIONS.get((state, verb))
    if found is None:
        possible = say(", ").join(say(VERB_WORDS[each]) for each in verbs_from(state)) or say("nothing")
        text = say(
            "The strategy is %(stage)s and %(activity)s: %(verb)s is not possible now. Possible: %(possible)s.",
            verb=say(VERB_WORDS[verb]),
            stage=say(STAGE_WORDS[state.stage]),
            activity=say(ACTIVITY_WORDS[state.activity]),
            possible=possible,
        )
        raise ConflictError("not_now", text)
    return found


def verbs_from(state: State) -> list[Verb]:
    """What can be done to an instance in this state, in the order of :class:`Verb`."""
    return [verb for verb in Verb if (state, verb) in TRANSITIONS]


def status(state: State) -> str:
    """One word for people: the stage, or *paused* or *stopped* where it could run and does not.

    An approved instance that is stopped waits for going live, and is called approved.
    """
    if state.activity is Activity.PAUSED:
        return Activity.PAUSED.value
    if state.activity is Activity.STOPPED and state.stage in {Stage.PAPER, Stage.LIVE}:
        return Activity.STOPPED.value
    return state.stage.value


def table() -> Iterable[str]:
    """The table as lines of Markdown: a row a state, a column a verb, the state that follows in the cells."""
    yield "| from | " + " | ".join(verb.value for verb in Verb) + " |"
    yield "|" + " --- |" * (len(Verb) + 1)
    for state in STATES:
        cells = (TRANSITIONS.get((state, verb)) for verb in Verb)
        yield "| " + " | ".join([_words(state), *(_words(cell) if cell else "" for cell in cells)]) + " |"


def _words(state: State) -> str:
    return f"{state.stage} {state.activity}" if state.stage in RUNNABLE else state.stage.value


if __name__ == "__main__":
    sys.stdout.write("\n".join(table()) + "\n")
