"""How the gap between a target and a position is worked: an instance's ``execution``, read and checked.

    {"kind": "twap", "seconds": 300, "slices": 10, "pair": {"seconds": 5, "then": "undo"}, "roll": {"slice_lots": 5}}

Every section is a frozen dataclass with ranges, as a strategy's parameters are, so that forms and the API can
describe it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, TypeVar

from quantsite.common.errors import RuleError
from quantsite.common.texts import did_you_mean, say, sentences, unsaid
from strategies.domain.parameters import StrategyParameters, parameter

CODE = "invalid_execution"
SECTIONS = ("pair", "roll")


@dataclass(frozen=True)
class MarketPlan(StrategyParameters):
    """All of the gap at once, at the best prices of the other side; the remainder follows with the next ticks."""


@dataclass(frozen=True)
class ChasePlan(StrategyParameters):
    """One limit order near the market, moved after it as long as that is not too far from where it began."""

    offset_ticks: int = parameter(
        0, minimum=-100, maximum=100, description=unsaid("Ticks from the best price of our side towards the other side")
    )
    reprice_seconds: float = parameter(
        2.0, minimum=0.5, maximum=3_600.0, description=unsaid("The order stays that long at least before it is moved")
    )
    max_ticks: int = parameter(
        10, minimum=0, maximum=1_000, description=unsaid("Ticks that it may be moved away from its first price")
    )
    then: str = parameter(
        "market", choices=("market", "stop"), description=unsaid("Beyond them: take what is offered, or give up")
    )


@dataclass(frozen=True)
class TwapPlan(StrategyParameters):
    """The gap in equal slices over time."""

    seconds: float = parameter(
        300.0, minimum=1.0, maximum=86_400.0, description=unsaid("Trading time from first to last")
    )
    slices: int = parameter(
        10, minimum=1, maximum=1_000, description=unsaid("Into so many orders, as far as there are lots")
    )
    randomise: float = parameter(
        0.0, minimum=0.0, maximum=1.0, description=unsaid("Share of a slice's time by which its moment may be moved")
    )


@dataclass(frozen=True)
class IcebergPlan(StrategyParameters):
    """Limit orders one after another, none of them showing more than the peak."""

    show: int = parameter(1, minimum=1, maximum=100_000, description=unsaid("Lots displayed at most"))
    peak_random: float = parameter(
        0.0, minimum=0.0, maximum=0.9, description=unsaid("Share of the peak by which each order may be smaller")
    )
    price: str = parameter(
        "own",
        choices=("own", "opposite", "limit"),
        description=unsaid("At the best price of our side, of the other side, or at the price of the decision"),
    )
    reprice_seconds: float = parameter(
        2.0, minimum=0.5, maximum=3_600.0, description=unsaid("An order that the market has left is moved after that")
    )


@dataclass(frozen=True)
class PairPlan(StrategyParameters):
    """What happens where one of two legs is filled and the other is not."""

    seconds: float = parameter(
        5.0, minimum=0.0, maximum=3_600.0, description=unsaid("The legs may be filled unequally that long")
    )
    then: str = parameter(
        "complete",
        choices=("complete", "undo"),
        description=unsaid("After that: fill the other leg too, or undo the first"),
    )
    first: int = parameter(
        -1,
        minimum=-1,
        maximum=1,
        description=unsaid("The leg that goes first, the other follows its fills; -1: both at once"),
    )


@dataclass(frozen=True)
class RollPlan(StrategyParameters):
    """How a position goes from the old main contract to the new one."""

    order: str = parameter(
        "close_first",
        choices=("close_first", "open_first"),
        description=unsaid("Which of the two legs of a slice goes first"),
    )
    slice_lots: int = parameter(0, minimum=0, maximum=100_000, description=unsaid("Lots of a slice; 0: all at once"))
    seconds: float = parameter(
        10.0,
        minimum=0.0,
        maximum=3_600.0,
        description=unsaid("The legs may be filled unequally that long, then at the market"),
    )
    refused: str = parameter(
        "undo", choices=("undo", "flat"), description=unsaid("Where the new contract is refused: go back, or stay flat")
    )
    adjust: str = parameter(
        "difference",
        choices=("none", "difference", "ratio"),
        description=unsaid("How the strategy sees prices behind a roll: as recorded, or without the spread"),
    )


LegPlan = MarketPlan | ChasePlan | TwapPlan | IcebergPlan

KINDS: Mapping[str, type[LegPlan]] = {
    "market": MarketPlan,
    "chase": ChasePlan,
    "twap": TwapPlan,
    "iceberg": IcebergPlan,
}
"""By name: how one leg is worked."""


@dataclass(frozen=True, slots=True)
class ExecutionPlan:
    """What ``execution`` says: how each leg is worked, how two of them are held together, and how a roll goes."""

    kind: str = "market"
    leg: LegPlan = field(default_factory=MarketPlan)
    pair: PairPlan | None = None
    roll: RollPlan = field(default_factory=RollPlan)

    def document(self) -> dict[str, Any]:
        """The whole plan as JSON takes it; :func:`parse` reads it again."""
        told: dict[str, Any] = {"kind": self.kind, **self.leg.as_dict(), "roll": self.roll.as_dict()}
        return told | ({"pair": self.pair.as_dict()} if self.pair is not None else {})


def parse(document: object, legs: int | None = None) -> ExecutionPlan:
    """The plan that a document (of a strategy on ``legs`` legs) describes; an empty one is ``{"kind": "market"}``.

    Raises :class:`RuleError` ``invalid_execution``: a sentence for each refused input, keyed ``slices``,
    ``pair.seconds`` and so on.
    """
    if not isinstance(document, Mapping):
        text = say("The execution must be an object such as %(example)s, not %(value)r.", example='{"kind": "chase"}',
                   value=document)  # fmt: skip
        raise RuleError(CODE, text, fields={"execution": text})
    faults: dict[str, str] = {}
    kind = document.get("kind", "market" if not set(document) - set(SECTIONS) else None)
    leg: LegPlan = MarketPlan()
    if kind in KINDS:
        own = {name: value for name, value in document.items() if name not in ("kind", *SECTIONS)}
        leg = _section(KINDS[kind], own, "", faults) or leg
    else:
        faults["kind"] = _unknown_kind(kind)
    pair = _optional(PairPlan, "pair", document, faults)
    roll = _optional(RollPlan, "roll", document, faults) or RollPlan()
    if pair is not None and legs is not None and legs != 2:
        faults["pair"] = say(
            "The section 'pair' is for strategies on two legs, this one has %(legs)d: leave it out.", legs=legs
        )
    if faults:
        raise RuleError(CODE, " ".join(faults.values()), fields=faults)
    return ExecutionPlan(str(kind), leg, pair, roll)


Section = TypeVar("Section", bound=StrategyParameters)


def _optional(
    cls: type[Section], name: str, document: Mapping[str, Any], faults: dict[str, str]
) -> Section | None:  # fmt: skip
    given = document.get(name)
    if given is None:
        return None
    if not isinstance(given, Mapping):
        faults[name] = say("The section %(name)r must be an object, not %(value)r.", name=name, value=given)
        return None
    return _section(cls, given, f"{name}.", faults)


def _section(
    cls: type[Section], values: Mapping[str, Any], prefix: str, faults: dict[str, str]
) -> Section | None:  # fmt: skip
    """The section, or None with its faults noted under ``prefix``."""
    try:
        return cls.from_mapping(values)
    except RuleError as error:
        faults.update({prefix + name: text for name, text in error.fields.items()})
        return None


def _unknown_kind(kind: object) -> str:
    known = ", ".join(KINDS)
    if kind is None:
        return say("The execution needs a 'kind', one of %(known)s.", known=known)
    text = say("There is no kind of execution %(kind)r: it is one of %(known)s.", kind=kind, known=known)
    near = get_close_matches(str(kind), list(KINDS), n=1, cutoff=0.5)
    return sentences(text, did_you_mean(near[0] if near else None))
