"""One strategy on one recorded day by two roads: bars alone, and bars that decide with ticks that fill. No I/O.

Both roads see the same bars. What is compared: every decision bar by bar, the order that each decision led to, and
the lots that came of it with their prices. Decisions of a strategy that looks at its own fills (``turtle``) follow
these where they differ.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from backtests.domain.engine import RunSetup, run_legs
from backtests.domain.hosted import HostedResult, run_hosted
from backtests.domain.hosted_exchange import HostedLeg
from backtests.domain.hosted_feed import HostedDay
from backtests.domain.lookahead_watch import Decision, watch
from backtests.domain.result import FillTable, RunResult
from strategies.domain.forms import Form, overrides, own_forms
from strategies.domain.strategy import BaseStrategy
from strategies.domain.windowed import target_column
from trading.domain.order import OrderType

Make = Callable[[], BaseStrategy]


class Step(NamedTuple):
    """What one decision led to on a leg: lots ordered and filled (signed), mean price (NaN without a fill)."""

    start: int
    leg: int
    ordered: int
    filled: int
    price: float


@dataclass(frozen=True, slots=True)
class Roads:
    """The two roads of one strategy. ``decisions`` are as they would be written in code, by the start of their bar.

    ``steps`` are of signals, one for each decision that changed what is to be held; an event strategy has none, its
    orders are decisions.
    """

    name: str
    bars: int
    decisions: tuple[tuple[Decision, ...], tuple[Decision, ...]]
    steps: tuple[tuple[Step, ...], tuple[Step, ...]]
    fills: tuple[FillTable, FillTable]
    price_ticks: tuple[float, ...]

    @property
    def same_decisions(self) -> int:
        """Bars (of those with a decision on either road) on which both decided the same."""
        ours, theirs = (_by_bar(decisions) for decisions in self.decisions)
        return sum(ours.get(start) == theirs.get(start) for start in {*ours, *theirs})

    @property
    def decided_bars(self) -> int:
        """Bars with a decision on either road."""
        return len({decision.start for decisions in self.decisions for decision in decisions})

    @property
    def same_orders(self) -> int:
        """Decisions that led to an order for the same lots on both roads."""
        theirs = {(step.start, step.leg): step for step in self.steps[1]}
        return sum(
            step.ordered == theirs[step.start, step.leg].ordered
            for step in self.steps[0]
            if (step.start, step.leg) in theirs
        )

    @property
    def paid_ticks(self) -> list[float]:
        """By how many price ticks each order filled worse on ticks than at the next bar's open, where both filled."""
        theirs = {(step.start, step.leg): step for step in self.steps[1]}
        found = []
        for step in self.steps[0]:
            other = theirs.get((step.start, step.leg))
            if other is not None and step.filled and step.filled == other.filled:
                side = 1 if step.filled > 0 else -1
                found.append(side * (other.price - step.price) / self.price_ticks[step.leg])
        return found


def two_roads(name: str, make: Make, days: Sequence[HostedDay], legs: Sequence[HostedLeg], setup: RunSetup) -> Roads:
    """Run both. Raises ``RuleError`` as they do."""
    bars_alone = make()
    form = Form.EVENT if own_forms(type(bars_alone)) == (Form.EVENT,) else Form.PLAIN
    log = watch(bars_alone)
    engine = run_legs([each.leg for each in legs], bars_alone, replace(setup, form=form))
    under_host = make()
    hosted_log = watch(under_host)
    hosted = run_hosted(days, legs, under_host, setup, interval=legs[0].leg.bars.interval)
    decided = _signals_of(make, legs, log.decisions, form), _decided(hosted, hosted_log.decisions, form)
    return Roads(
        name,
        max(len(each.leg.bars) for each in legs),
        decided,
        (_engine_steps(engine, legs, decided[0]), _hosted_steps(hosted)) if form is Form.PLAIN else ((), ()),
        (engine.fills, hosted.run.fills),
        tuple(each.leg.costs.price_tick for each in legs),
    )


def _signals_of(make: Make, legs: Sequence[HostedLeg], noted: Iterable[Decision], form: Form) -> tuple[Decision, ...]:
    """The decisions of the run on bars: columns have no log of calls, they are the decisions themselves."""
    cls = type(make())
    if form is Form.PLAIN and not overrides(cls, "generate_signals"):
        bars = legs[0].leg.bars
        column = target_column(make(), bars)
        return tuple(
            Decision(int(bars.start[at]), _target(float(column[at]), 0)) for at in np.flatnonzero(~np.isnan(column))
        )
    return tuple(noted)


def _decided(hosted: HostedResult, noted: Iterable[Decision], form: Form) -> tuple[Decision, ...]:
    if form is not Form.PLAIN:
        return tuple(noted)
    return tuple(Decision(each.bar_start, _target(each.target, each.leg)) for each in hosted.decided)


def _target(target: float, leg: int) -> str:
    return f"target {target:.9g}, leg {leg}"


def _by_bar(decisions: Iterable[Decision]) -> dict[int, list[str]]:
    found: defaultdict[int, list[str]] = defaultdict(list)
    for decision in decisions:
        found[decision.start].append(decision.text)
    return dict(found)


def _engine_steps(run: RunResult, legs: Sequence[HostedLeg], decided: Sequence[Decision]) -> tuple[Step, ...]:
    """Each fill belongs to the last decision of its leg before its bar; a target's order is for all of its lots."""
    moments = {leg: sorted({each.start for each in decided if each.text.endswith(f"leg {leg}")})
               for leg in range(len(legs))}  # fmt: skip
    lots: defaultdict[tuple[int, int], list[tuple[int, float]]] = defaultdict(list)
    fills = run.fills
    for row in range(len(fills)):
        leg = int(fills.leg[row])
        at = int(np.searchsorted(moments[leg], fills.start[row])) - 1
        signed = int(fills.direction[row]) * int(fills.volume[row])
        lots[moments[leg][at], leg].append((signed, float(fills.price[row])))
    return tuple(
        Step(start, leg, sum(n for n, _p in rows), *_filled(rows)) for (start, leg), rows in sorted(lots.items())
    )


def _hosted_steps(hosted: HostedResult) -> tuple[Step, ...]:
    """Each order belongs to the last decision of its leg; the first one of a decision is for all of its lots."""
    starts: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
    for decided in hosted.decided:
        starts[decided.leg].append((decided.at, decided.bar_start))
    traded: defaultdict[int, list[tuple[int, float]]] = defaultdict(list)
    sides = {sent.place.number: int(sent.place.direction) for sent in hosted.sent}
    for number, fill in hosted.fills:
        traded[number].append((sides[number] * fill.volume, fill.price))
    ordered: dict[tuple[int, int], int] = {}
    rows: defaultdict[tuple[int, int], list[tuple[int, float]]] = defaultdict(list)
    for sent in hosted.sent:
        place = sent.place
        if place.type is OrderType.MARKET:
            start = [bar for at, bar in starts[place.leg] if at <= sent.at][-1]
            ordered.setdefault((start, place.leg), int(place.direction) * place.lots)
            rows[start, place.leg] += traded[place.number]
    return tuple(Step(*key, lots, *_filled(rows[key])) for key, lots in sorted(ordered.items()))


def _filled(rows: Sequence[tuple[int, float]]) -> tuple[int, float]:
    lots = sum(abs(signed) for signed, _price in rows)
    price = sum(abs(signed) * price for signed, price in rows) / lots if lots else float("nan")
    return sum(signed for signed, _price in rows), price
