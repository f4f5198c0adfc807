"""What an instance must show before it may enter a stage: gates, held against evidence.

A gate asks for one kind of evidence on the very source that is to run. Of several pieces of evidence about the same
thing the newest counts, so that a check that fails after it has passed closes the gate again.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Any

from quantsite.common.texts import say, unsaid
from strategies.domain.lifecycle import LADDER, Stage


class EvidenceKind(StrEnum):
    """What can be shown of a strategy."""

    BACKTEST = "backtest"
    """A backtest has run to its end."""
    LOOK_AHEAD = "look_ahead"
    """No decision hangs on a later bar."""
    WARM_UP = "warm_up"
    """No decision hangs on older bars than the strategy states."""
    PAPER_DAY = "paper_day"
    """A trading day on a simulated account without a failure."""
    DRIFT = "drift"
    """A day's signals, orders and fills are those of the backtester on the day's data."""


PER_DAY = (EvidenceKind.PAPER_DAY, EvidenceKind.DRIFT)
"""Kinds that are counted by trading days, of the instance itself; the others stand for the strategy."""

CHECKS = (EvidenceKind.LOOK_AHEAD, EvidenceKind.WARM_UP)
"""Kinds whose newest word counts for the parameters and the interval with which it was said."""


@dataclass(frozen=True, slots=True)
class Gate:
    """To enter ``stage``, ``minimum`` pieces of evidence are needed (trading days where the kind is counted so).

    ``same_parameters``: with the instance's own parameters and interval. ``max_age_days``: evidence that is older
    counts no more; None: it does not age.
    """

    stage: Stage
    kind: EvidenceKind
    minimum: int = 1
    same_parameters: bool = False
    max_age_days: int | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """One piece of evidence, about the source that ``source_hash`` names. ``interval`` may be empty: of any.

    ``day`` is the trading day that it is about, None where it is about no day; ``at`` the day on which it was written.
    """

    kind: EvidenceKind
    passed: bool
    source_hash: str
    at: date
    parameters_hash: str = ""
    interval: str = ""
    day: date | None = None


@dataclass(frozen=True, slots=True)
class GateInput:
    """An instance that wants to enter ``stage``; ``shown`` is its evidence, the oldest first."""

    stage: Stage
    strategy: str
    source_hash: str
    parameters_hash: str
    interval: str
    today: date
    gates: tuple[Gate, ...]
    shown: tuple[Shown, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """One gate and how far it is met; ``missing`` says what to do, empty where it is open."""

    gate: Gate
    have: int
    missing: str


_MISSING: Mapping[EvidenceKind, str] = {
    EvidenceKind.BACKTEST: unsaid(
        "Passed backtests of %(strategy)s with the present code: %(have)d of %(need)d. Run one with these parameters."
    ),
    EvidenceKind.LOOK_AHEAD: unsaid(
        "Passed checks of %(strategy)s for decisions that hang on later bars, with the present code: %(have)d of "
        "%(need)d. Run manage.py check_strategy %(strategy)s with these parameters and bars."
    ),
    EvidenceKind.WARM_UP: unsaid(
        "Passed checks of the warm-up of %(strategy)s with the present code: %(have)d of %(need)d. "
        "Run manage.py check_strategy %(strategy)s with these parameters and bars."
    ),
    EvidenceKind.PAPER_DAY: unsaid(
        "Trading days on paper without a failure, with the present code: %(have)d of %(need)d. Let it run on paper."
    ),
    EvidenceKind.DRIFT: unsaid(
        "Trading days that the backtester repeats, with the present code: %(have)d of %(need)d. "
        "Let it run on paper, and explain the differences of the evening's comparison."
    ),
}


def verdicts(asked: GateInput) -> list[Verdict]:
    """Every gate up to the stage asked for, from the lowest on, with what is missing."""
    upto = LADDER[: LADDER.index(asked.stage) + 1]
    gates = sorted((gate for gate in asked.gates if gate.stage in upto), key=lambda gate: upto.index(gate.stage))
    return [_verdict(asked, gate) for gate in gates]


def missing(asked: GateInput) -> list[str]:
    """A sentence for each gate that is closed; empty where the stage may be entered."""
    return [verdict.missing for verdict in verdicts(asked) if verdict.missing]


def parameters_hash(parameters: Mapping[str, Any]) -> str:
    """SHA-256 (hex) of a strategy's complete parameters, whatever their order; 3 and 3.0 are the same."""
    plain = {name: _number(value) for name, value in parameters.items()}
    return hashlib.sha256(json.dumps(plain, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _verdict(asked: GateInput, gate: Gate) -> Verdict:
    have = _count(asked, gate)
    if have >= gate.minimum:
        return Verdict(gate, have, "")
    said = say(_MISSING[gate.kind], strategy=asked.strategy, have=have, need=gate.minimum)
    return Verdict(gate, have, said)


def _count(asked: GateInput, gate: Gate) -> int:
    """How often it was shown: of each thing the newest word counts.

    A check that has failed with the instance's own parameters is outweighed by none with others.
    """
    newest: dict[object, Shown] = {}
    for number, shown in enumerate(asked.shown):
        if _counts(asked, gate, shown) and (gate.kind in CHECKS or _fits(asked, gate, shown)):
            newest[_thing(gate.kind, shown, number)] = shown
    if gate.kind in CHECKS and any(_is_against(asked, shown) for shown in newest.values()):
        return 0
    return sum(shown.passed for shown in newest.values() if _fits(asked, gate, shown))


def _thing(kind: EvidenceKind, shown: Shown, number: int) -> object:
    """What it is about: a day; of a check the parameters and bars it was made with; a backtest stands for itself."""
    if kind in PER_DAY:
        return shown.day
    return (shown.parameters_hash, shown.interval) if kind in CHECKS else number


def _counts(asked: GateInput, gate: Gate, shown: Shown) -> bool:
    if shown.kind is not gate.kind or shown.source_hash != asked.source_hash:
        return False
    return gate.max_age_days is None or shown.at >= asked.today - timedelta(days=gate.max_age_days)


def _fits(asked: GateInput, gate: Gate, shown: Shown) -> bool:
    """Whether it was shown with the parameters and on the bars that the gate asks for."""
    own = shown.parameters_hash == asked.parameters_hash and shown.interval in {"", asked.interval}
    return own or not gate.same_parameters


def _is_against(asked: GateInput, shown: Shown) -> bool:
    """Whether a check has failed with the instance's own parameters and bars, or whatever they are."""
    own = shown.parameters_hash in {"", asked.parameters_hash} and shown.interval in {"", asked.interval}
    return own and not shown.passed


def _number(value: Any) -> Any:
    """A float without a fraction as the integer that it is: JSON has both ways of writing it."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
