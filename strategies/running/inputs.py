"""What an instance's host is given, and what it answers: one form for a host in this process and in one of its own.

Pure: the process of an untrusted strategy imports this without Django, a database or a secret.
"""

import traceback
from collections.abc import Callable, Mapping, Sequence
from math import nan
from time import perf_counter_ns
from typing import Any

import msgspec

from marketdata.domain.bars import Bar
from marketdata.domain.ticks import Tick
from strategies.domain.execution.plan import parse
from strategies.domain.execution.roll import Roll
from strategies.domain.hosting.host import LiveHost
from strategies.domain.hosting.intents import Cause, Decided, Intent, Place, Withdraw
from strategies.domain.hosting.news import News, NewsKind
from strategies.domain.hosting.sight import Spread
from strategies.domain.hosting.terms import LegTerms
from strategies.running.reports import Report, report_of
from trading.domain.offsets import Direction
from trading.domain.order import OrderType

LONGEST_ERROR = 1_000
LONGEST_TRACE = 4_000
"""Characters of a strategy's stack that are kept."""


class TickIn(msgspec.Struct, tag="t", array_like=True, frozen=True, gc=False):
    """A sound tick of a leg."""

    leg: int
    tick: Tick


class BarsIn(msgspec.Struct, tag="b", array_like=True, frozen=True, gc=False):
    """The bars that closed together, and the legs whose market does not go on at ``at`` (ns UTC, market clock)."""

    bars: tuple[Bar | None, ...]
    at: int
    shut: tuple[int, ...] = ()


class ClockIn(msgspec.Struct, tag="c", array_like=True, frozen=True, gc=False):
    """The market clock has come to ``now``."""

    now: int


class NewsIn(msgspec.Struct, tag="n", array_like=True, frozen=True, gc=False):
    """News of an order: :class:`News`, field by field."""

    number: int
    kind: str
    at: int
    price: float
    lots: int
    reason: str


class DayIn(msgspec.Struct, tag="d", array_like=True, frozen=True, gc=False):
    """A trading day begins, or ends where ``ends``."""

    day: int
    ends: bool = False


class TurnIn(msgspec.Struct, tag="p", array_like=True, frozen=True, gc=False):
    """People want something: ``what`` is ``pause``, ``resume`` or ``flatten``; ``at`` is market time."""

    what: str
    at: int = 0


class ParametersIn(msgspec.Struct, tag="v", array_like=True, frozen=True, gc=False):
    """Other parameters, from the next bar on."""

    values: dict[str, Any]


class StandIn(msgspec.Struct, tag="s", array_like=True, frozen=True, gc=False):
    """Only for a host elsewhere: tell the state before what comes next."""


class RollIn(msgspec.Struct, tag="r", array_like=True, frozen=True, gc=False):
    """Take a leg to another contract, by ``execution``; instants are ns UTC, market clock.

    From ``hurry_at`` on at the market; at ``ends_at`` the old contract trades no more (0: not soon). The two prices are
    those whose spread counts, NaN where unknown.
    """

    leg: int
    code: str
    price_tick: float
    multiplier: float
    execution: dict[str, Any]
    at: int
    hurry_at: int
    ends_at: int
    old_price: float = nan
    new_price: float = nan


Input = StandIn | TickIn | BarsIn | ClockIn | NewsIn | DayIn | TurnIn | ParametersIn | RollIn


class Fault(msgspec.Struct, array_like=True, frozen=True):
    """The strategy raised at the input with this number of those that were given."""

    index: int
    error: str
    trace: str


class Told(msgspec.Struct, array_like=True):
    """What came of some inputs: the intents of each (packed under way), the faults, how long the slowest took (ns).

    ``listens`` are the legs whose next tick may change something, ``clock``: so may the next clock. ``document`` is the
    host's where it was asked for, ``standing`` what it was when the last :class:`StandIn` came. ``fatal`` is its last
    word: why it cannot go on.
    """

    number: int
    intents: list[list[Any]]
    faults: list[Fault]
    slowest: int
    positions: list[int]
    listens: list[int]
    clock: bool
    document: dict[str, Any] | None = None
    fatal: str = ""
    report: Report | None = None
    standing: dict[str, Any] | None = None
    fatal_code: str = ""


def news_in(news: News) -> NewsIn:
    """News as an input."""
    return NewsIn(news.number, news.kind.value, news.at, news.price, news.lots, news.reason)


def give(host: LiveHost, given: Input) -> Sequence[Intent]:
    """Hand one input to the host. Raises whatever the strategy raises, ``RuleError`` for parameters that do not fit.

    Every order names its contract: a roll that ends with a later input changes what the leg trades.
    """
    intents = _DOORS[type(given)](host, given)
    return [_named(host, intent) for intent in intents] if intents else intents


def work(host: LiveHost, number: int, inputs: Sequence[Input], *, document: bool) -> Told:
    """Hand inputs to the host one after the other; what the strategy raises does not stop those behind it.

    The document goes along where it is asked for, and wherever something was decided. Raises ``MemoryError``.
    """
    intents: list[list[Any]] = []
    faults: list[Fault] = []
    slowest = 0
    standing: dict[str, Any] | None = None
    for index, given in enumerate(inputs):
        began = perf_counter_ns()
        try:
            found = give(host, given)
            standing = host.document() if isinstance(given, StandIn) else standing
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a strategy raises is told, and counted against it
            found = []
            faults.append(Fault(index, error_of(error), trace_of()))
        slowest = max(slowest, perf_counter_ns() - began)
        intents.append(list(found))
    listens = [leg for leg in range(len(host.positions)) if host.listens(leg)]
    report = report_of(host)
    kept = host.document() if document or faults or any(intents) or report else None
    positions = list(host.positions)
    return Told(
        number, intents, faults, slowest, positions, listens, host.wants_clock, kept,
        report=report or None, standing=standing,
    )  # fmt: skip


def error_of(error: BaseException) -> str:
    """An error in one line."""
    return plain(" ".join(f"{type(error).__name__}: {error}".split()))[:LONGEST_ERROR]


def trace_of() -> str:
    """Where the error that is handled now was raised."""
    return plain(traceback.format_exc())[-LONGEST_TRACE:]


def plain(text: str) -> str:
    """What a row can hold of a text: no null, no half of a pair."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")


def pack(intent: Intent) -> list[Any]:
    """An intent as a list of plain values, its kind first."""
    if isinstance(intent, Decided):
        return ["d", *intent[:5], [list(pair) for pair in intent.values], *intent[6:]]
    if isinstance(intent, Withdraw):
        return ["w", intent.number]
    values = intent._replace(direction=int(intent.direction), type=str(intent.type), cause=str(intent.cause))  # type: ignore[arg-type]
    return ["p", *values]


def unpack(values: Sequence[Any]) -> Intent:
    """The intent that :func:`pack` made a list of. Raises ``ValueError`` for any other."""
    kind, *given = values
    if kind == "w":
        return Withdraw(*given)
    if kind == "p":
        place = Place(*given)
        return place._replace(
            direction=Direction(place.direction), type=OrderType(place.type), cause=Cause(place.cause)
        )
    if kind == "d":
        decided = Decided(*given)
        return decided._replace(values=tuple((str(name), value) for name, value in decided.values))
    raise ValueError(f"{kind!r} is no intent")


def _named(host: LiveHost, intent: Intent) -> Intent:
    if isinstance(intent, Place) and not intent.contract:
        return intent._replace(contract=host.legs[intent.leg].terms.code)
    return intent


def _roll(host: LiveHost, given: RollIn) -> Sequence[Intent]:
    plan, terms = parse(given.execution, len(host.legs)), LegTerms(given.code, given.price_tick, given.multiplier)
    old, numbers = host.legs[given.leg].terms, host.outbox.next_number
    times = {"hurry_at": given.hurry_at, "ends_at": given.ends_at}
    spread = Spread(given.old_price, given.new_price, plan.roll.adjust)
    algo = Roll(plan, given.leg, old, terms, numbers, host.setup.seed, **times)
    return host.roll(given.leg, algo, terms, given.at, spread)


def _turn(host: LiveHost, given: TurnIn) -> Sequence[Intent]:
    if given.what == "flatten":
        return host.flatten(given.at)
    return host.pause() if given.what == "pause" else host.resume()


def _news(host: LiveHost, given: NewsIn) -> Sequence[Intent]:
    return host.on_news(News(given.number, NewsKind(given.kind), given.at, given.price, given.lots, given.reason))


def _parameters(host: LiveHost, given: ParametersIn) -> Sequence[Intent]:
    host.set_parameters(host.strategy.Parameters.from_mapping(given.values))
    return ()


_DOORS: Mapping[type, Callable[[LiveHost, Any], Sequence[Intent]]] = {
    StandIn: lambda _host, _given: (),
    TickIn: lambda host, given: host.on_tick(given.leg, given.tick),
    BarsIn: lambda host, given: host.on_bars(given.bars, given.at, given.shut),
    ClockIn: lambda host, given: host.on_clock(given.now),
    NewsIn: _news,
    DayIn: lambda host, given: host.end_day() if given.ends else host.begin_day(given.day),
    TurnIn: _turn,
    ParametersIn: _parameters,
    RollIn: _roll,
}
