"""What each execution costs against the price of the decision, on recorded ticks, for the same parent orders.

Every parent order buys or sells as many lots at the same moment of a recorded day; the simulated exchange fills what
the algorithm sends, with 20 ms of latency and others' orders first in the queue. The shortfall (Perold, "The
Implementation Shortfall", 1988) is the average price of the fills less the middle of the book at the decision, for the
buyer; what is not filled after twenty minutes is priced at the best price of the other side then.

The exchange is a model: nobody reacts to our orders, and what they take is there again in the next tick. It flatters
whoever takes much at once. Of the four, only those that rest earn the spread; they pay where the price runs away.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count, pairwise
from math import isnan
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from benchmarks.figures import Figure, show
from marketdata.domain.contract import Contract
from marketdata.domain.normalise import Normaliser
from marketdata.domain.reference import reference_session_table
from marketdata.domain.ticks import Tick
from marketdata.importers.tick_file import read_tick_file
from strategies.domain.execution.executor import AlgoExecutor
from strategies.domain.execution.plan import ExecutionPlan, parse
from strategies.domain.execution.quotes import QUIET_NS, Quote
from strategies.domain.hosting.intents import Place, Sent
from strategies.domain.hosting.news import News, NewsKind
from strategies.domain.hosting.terms import LegTerms
from trading.domain.simulated.matcher import InstrumentMatcher
from trading.domain.simulated.orders import MatchingRules, MatchOrder
from trading.domain.simulated.outcomes import Outcome, Refused, Traded, Withdrawn

FOLDER = Path(__file__).parents[2] / "shared" / "data" / "ticks"
FILES = {
    "IF2101_20210104": ("CFFEX.IF2101_tick_20210104.csv.gz", LegTerms("IF2101.CFFEX", 0.2, 300.0), "IF"),
    "AP010_20200803": ("CZCE.AP010_tick_20200803.csv.gz", LegTerms("AP010.CZCE", 1.0, 10.0), "AP"),
    "ru1901_20181008": ("SHFE.ru1901_tick_20181008.csv.gz", LegTerms("ru1901.SHFE", 5.0, 10.0), "ru"),
    "ru1901_20181009": ("SHFE.ru1901_tick_20181009.csv.gz", LegTerms("ru1901.SHFE", 5.0, 10.0), "ru"),
}
"""By name: the recorded day, its contract, its product."""

PLANS: dict[str, dict[str, Any]] = {
    "market": {"kind": "market"},
    "chase": {"kind": "chase", "reprice_seconds": 2, "max_ticks": 10},
    "twap": {"kind": "twap", "seconds": 300, "slices": 10},
    "iceberg": {"kind": "iceberg", "show": 5},
}
LOTS = 20
EVERY = 600
"""Ticks from one parent order to the next."""
WARM = 200
"""Ticks before the first one."""
GIVEN = 20 * 60 * 1_000_000_000
"""Market time (ns) that a parent order has."""
LATENCY = MatchingRules(latency_ns=20_000_000)


@dataclass(frozen=True)
class Parent:
    """What became of one: prices in yuan, ``seconds`` until the last fill."""

    shortfall: float
    filled: int
    orders: int
    seconds: float


class Desk:
    """One parent order of ``lots`` (signed), from its decision to its end."""

    def __init__(self, plan: ExecutionPlan, terms: LegTerms, lots: int) -> None:
        counter = count(1)
        exchange = terms.code.rpartition(".")[2]
        self._matcher = InstrumentMatcher(terms.code, exchange, terms.price_tick, terms.multiplier, LATENCY)
        self._executor = AlgoExecutor(plan, [terms], lambda: next(counter))
        self._lots, self._held, self._value, self._orders, self._last = lots, 0, 0.0, 0, 0
        self._sides: dict[int, int] = {}

    def work(self, ticks: Sequence[Tick], start: int) -> Parent:
        """Decide at tick ``start``, after a few ticks that the exchange has seen."""
        for tick in ticks[start - 20 : start]:
            self._matcher.on_tick(tick)
            self._executor.on_tick(0, tick, 0)
        decision = ticks[start - 1]
        self._send(self._executor.want(0, self._lots, 0, decision.time, decision.last), decision.time)
        last = decision
        for tick in ticks[start:]:
            if tick.time - decision.time > GIVEN or self._held == self._lots:
                break
            self._tell(self._matcher.on_tick(tick), tick.time)
            self._send(self._executor.on_tick(0, tick, self._held), tick.time)
            last = tick
        return self._result(Quote.of(decision), Quote.of(last), decision.time)

    def _send(self, sent: Sequence[Sent], now: int) -> None:
        for one in sent:
            if isinstance(one, Place):
                self._orders += 1
                self._sides[one.number] = int(one.direction)
                order = MatchOrder(one.number, one.direction, one.type, one.lots, one.price)
                self._tell(self._matcher.submit(order, now), now)
            else:
                self._tell(self._matcher.cancel(one.number, now), now)

    def _tell(self, outcomes: Sequence[Outcome], now: int) -> None:
        for outcome in outcomes:
            number, at = outcome.order_id, outcome.at
            if isinstance(outcome, Traded):
                self._held += self._sides[number] * outcome.volume
                self._value += outcome.price * outcome.volume
                self._last = at
                news = News(number, NewsKind.FILLED, at, outcome.price, outcome.volume)
            elif isinstance(outcome, Withdrawn | Refused):
                kind = NewsKind.REJECTED if isinstance(outcome, Refused) else NewsKind.CANCELLED
                news = News(number, kind, at, reason=outcome.reason.value)
            else:
                continue
            self._send(self._executor.on_news(news, self._held), now)

    def _result(self, decided: Quote, ended: Quote, at: int) -> Parent:
        side = 1 if self._lots > 0 else -1
        left = abs(self._lots) - abs(self._held)
        rest = ended.ask if side > 0 else ended.bid
        rest = ended.middle if isnan(rest) else rest
        average = (self._value + left * rest) / abs(self._lots)
        return Parent(side * (average - decided.middle), abs(self._held), self._orders, max(self._last - at, 0) / 1e9)


def starts(ticks: Sequence[Tick]) -> list[int]:
    """The moments of the decisions: a book with two sides, and twenty minutes of trading without a break ahead."""
    times = [tick.time for tick in ticks]
    ends = [before for before, after in pairwise(times) if after - before > QUIET_NS] + [times[-1]]
    quotes = [Quote.of(tick) for tick in ticks]
    return [
        start
        for start in range(WARM, len(ticks), EVERY)
        if not isnan(quotes[start - 1].bid + quotes[start - 1].ask)
        and min(end for end in ends if end >= times[start]) - times[start] > GIVEN
    ]


def recorded(file: str, terms: LegTerms, product: str) -> list[Tick]:
    """The sound ticks of a recorded day. Raises ``SystemExit`` where it is not there."""
    path = FOLDER / file
    if not path.exists():
        raise SystemExit(f"the recorded ticks are not here: {FOLDER}")
    symbol, _dot, exchange = terms.code.partition(".")
    table = reference_session_table(exchange, product)
    contract = Contract(terms.code, symbol, exchange, terms.multiplier, terms.price_tick, table)
    normaliser = Normaliser([contract])
    ticks = (normaliser.tick(raw) for raw in read_tick_file(path))
    return [tick for tick in ticks if tick is not None and not tick.flags and tick.volume]


def figures() -> Iterator[Figure]:
    """A block a day and execution: averages over all parents, half of them buyers."""
    for name, (file, terms, product) in FILES.items():
        ticks = recorded(file, terms, product)
        moments = starts(ticks)
        yield Figure(f"execution.{name}.parents", 2 * len(moments), f"orders of {LOTS} lots")
        for kind, document in PLANS.items():
            plan = parse(document)
            found = [Desk(plan, terms, side * LOTS).work(ticks, start) for start in moments for side in (1, -1)]
            yield from _told(f"execution.{name}.{kind}", found, terms)


def _told(name: str, found: Sequence[Parent], terms: LegTerms) -> Iterator[Figure]:
    """``found`` are the buyer and the seller of each moment in turns."""
    shortfall = fmean(each.shortfall for each in found)
    yield Figure(f"{name}.shortfall", shortfall / terms.price_tick, "ticks a lot")
    moments = [(buyer.shortfall + seller.shortfall) / 2 for buyer, seller in zip(found[::2], found[1::2], strict=True)]
    error = stdev(moments) / len(moments) ** 0.5  # what the price does by itself, buyer and seller share
    yield Figure(f"{name}.shortfall_error", error / terms.price_tick, "ticks, standard error")
    yield Figure(f"{name}.cost", shortfall * terms.multiplier * LOTS, "yuan a parent order")
    yield Figure(f"{name}.filled", fmean(each.filled for each in found) / LOTS * 100, "% of the lots")
    yield Figure(f"{name}.orders", fmean(each.orders for each in found), "orders a parent")
    yield Figure(f"{name}.seconds", fmean(each.seconds for each in found), "s to the last fill")


if __name__ == "__main__":
    show(figures())
