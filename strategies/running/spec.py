"""What a host is made from: the terms of an instance in plain values, so that another process can make it too."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import msgspec
import numpy as np

from marketdata.domain.bars import VALUE_COLUMNS, BarSeries
from quantsite.common.errors import ConflictError
from quantsite.common.texts import say
from strategies import registry
from strategies.domain.execution.executor import make_executor
from strategies.domain.execution.plan import ExecutionPlan, parse
from strategies.domain.execution.roll import Roll
from strategies.domain.hosting.executor import Numbers
from strategies.domain.hosting.host import LiveHost
from strategies.domain.hosting.terms import TICKS, HostSetup, LegTerms


class LegSpec(msgspec.Struct, array_like=True, frozen=True):
    """The contract of a leg; see :class:`LegTerms`."""

    code: str
    price_tick: float
    multiplier: float


class HostSpec(msgspec.Struct, frozen=True):
    """An instance as its host needs it. ``positions`` and ``first_number`` are what it goes on from where it has run
    before; a host that is restored brings its own. ``places`` is where users' strategies lie, ``source_hash`` that of
    the code that may run ('' for any): between the question and the loading a file may have been written.
    """

    strategy: str
    parameters: dict[str, Any]
    legs: tuple[LegSpec, ...]
    unit: int
    interval: str
    seed: int
    execution: dict[str, Any] = {}
    positions: tuple[int, ...] = ()
    first_number: int = 1
    places: str = ""
    source_hash: str = ""


class Columns(msgspec.Struct, array_like=True, frozen=True):
    """A series of bars as bytes: starts and trading days as int64 and int32, the values of all columns as float64."""

    instrument: str
    interval: str
    start: bytes
    day: bytes
    values: bytes

    @classmethod
    def of(cls, bars: BarSeries) -> "Columns":
        """The columns of a series."""
        values = np.stack([getattr(bars, name) for name in VALUE_COLUMNS]) if len(bars) else np.empty((0, 0))
        start, day = bars.start.astype("<i8"), bars.trading_day.astype("<i4")
        return cls(bars.instrument, bars.interval, start.tobytes(), day.tobytes(), values.astype("<f8").tobytes())

    def series(self) -> BarSeries:
        """The series again."""
        start = np.frombuffer(self.start, "<i8")
        values = np.frombuffer(self.values, "<f8").reshape(len(VALUE_COLUMNS), len(start))
        columns = dict(zip(VALUE_COLUMNS, values, strict=True))
        day = np.frombuffer(self.day, "<i4")
        return BarSeries(self.instrument, self.interval, start=start, trading_day=day, **columns)


def make_host(spec: HostSpec, document: dict[str, Any] | None, bars: Sequence[BarSeries]) -> LiveHost:
    """A host that goes on from ``document``, or one that has seen ``bars`` and decides anew.

    Raises ``RuleError`` where strategy, parameters or execution are unknown here, or the document is another's; and
    whatever the strategy raises while it warms up.
    """
    strategy = registry.create(spec.strategy, spec.parameters)
    if spec.source_hash:
        demand_tested(spec.strategy, registry.source_hash(type(strategy)), spec.source_hash)
    legs = [LegTerms(leg.code, leg.price_tick, leg.multiplier) for leg in spec.legs]
    setup = HostSetup(spec.unit, spec.interval, spec.seed)
    plan = parse(spec.execution, len(legs))
    executor = make_executor(plan, spec.seed, standing=spec.interval == TICKS) if spec.execution else None
    if document is not None:
        return LiveHost.restored(strategy, legs, setup, document, executor, bars=bars, rolls=partial(_roll, plan, spec))
    host = LiveHost(strategy, legs, setup, executor, positions=spec.positions, first_number=spec.first_number)
    if bars:
        host.warm(bars)
    return host


def demand_tested(strategy: str, found: str, tested: str) -> None:
    """Raises ``ConflictError`` ``source_changed`` where a strategy's code is not the one that was tested."""
    if found != tested:
        text = say("The code of %(strategy)s has changed since it was tested.", strategy=strategy)
        raise ConflictError("source_changed", text)


def _roll(  # noqa: PLR0917 - the arguments of a protocol behind our own
    plan: ExecutionPlan, spec: HostSpec, leg: int, old: LegTerms, new: LegTerms, numbers: Numbers,
    document: Mapping[str, Any],
) -> Roll:  # fmt: skip
    made = Roll(plan, leg, old, new, numbers, spec.seed)
    made.restore(dict(document))
    return made
