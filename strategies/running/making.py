"""An instance from its rows: what it trades, where it stood, and its host, here or in a process of its own."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from django.db.models import Max

from marketdata.domain.bars import BarSeries
from marketdata.domain.sessions import SessionTable
from marketdata.instruments import contract_of
from marketdata.stream import parse_id
from quantsite.common.errors import RuleError
from quantsite.common.texts import say
from strategies import loading, registry
from strategies.domain.hosting.gather import BarGatherer
from strategies.domain.hosting.host import LiveHost
from strategies.domain.hosting.virtual import VirtualBook
from strategies.event_models import SECOND_PART, Signal, StrategyOrder
from strategies.instance_models import StrategyInstance
from strategies.running.guard import Guard, OverBudgetError
from strategies.running.hosts import Local, Remote
from strategies.running.inputs import error_of
from strategies.running.instance import Instance, Leg
from strategies.running.isolated import BEGIN_SECONDS, Heard, Isolated
from strategies.running.rebuilding import rebuild
from strategies.running.spec import HostSpec, LegSpec, make_host
from strategies.running.state import count_of, sent_of
from strategies.state_models import StrategyState


class Maker:
    """Makes instances for one loop; hours of products are read once."""

    def __init__(self, guard: Guard, heard: Heard) -> None:
        self._guard = guard
        self._heard = heard
        self._tables: dict[int, SessionTable] = {}

    def instance(self, row: StrategyInstance, state: StrategyState | None) -> Instance:
        """The instance as its rows have it, without a host. Raises ``MissingError`` for an instrument without hours.

        Where its document cannot be read, its books are made from its fills, and ``unreadable`` says why.
        """
        rows = row.legs.select_related("instrument__product__exchange").order_by("number")
        legs = [self._leg(leg) for leg in rows]
        made = _fresh(row, legs)
        if state is not None:
            try:
                _take_up(made, state)
            except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
                made = _fresh(row, legs)
                made.unreadable = error_of(error)
                rebuild(made)
        for code in {sent.contract for sent in made.sent.values()} - {leg.instrument.code for leg in legs}:
            made.book.know(code, made.multiplier(code))
        return made

    def spec(self, instance: Instance) -> HostSpec:
        """What its host is made from now."""
        row = instance.row
        return HostSpec(
            strategy=row.strategy,
            parameters=row.parameters,
            legs=tuple(
                LegSpec(leg.instrument.code, leg.contract.price_tick, leg.contract.multiplier) for leg in instance.legs
            ),
            unit=row.unit,
            interval=row.interval,
            seed=row.seed,
            execution=row.execution,
            positions=tuple(instance.book.lots(leg.instrument.code) for leg in instance.legs),
            first_number=instance.number + 1,
            places=loading.current().places.text,
            source_hash=row.source_hash,
        )

    def host(
        self, row: StrategyInstance, spec: HostSpec, document: dict[str, Any] | None, bars: Iterable[BarSeries]
    ) -> Local | Remote:
        """Its host. Raises ``RuleError`` for what cannot be hosted; a remote one tells with its answers."""
        if isolated(row):
            child = Isolated(str(row.pk), row.budget_ms, row.memory_mb, self._heard)
            child.begin(spec, document, list(bars))
            return Remote(child)
        return Local(
            _in_time(row.key, partial(make_host, spec, document, list(bars))), self._guard, row.budget_ms, row.key
        )

    def _leg(self, leg: Any) -> Leg:
        product = leg.instrument.product_id
        contract = contract_of(leg.instrument, self._tables.get(product))
        self._tables[product] = contract.table
        return Leg(leg.number, leg.instrument, contract)


def _in_time(key: str, make: Callable[[], LiveHost]) -> LiveHost:
    """A host that is made in our own process. Raises ``RuleError`` ``over_budget`` where that never ends."""
    guard = Guard()
    try:
        return guard.run(make, BEGIN_SECONDS, key)
    except OverBudgetError as error:
        raise RuleError(
            "over_budget", say("It did not come back within %(seconds)d s.", seconds=BEGIN_SECONDS)
        ) from error
    finally:
        guard.close()


def _fresh(row: StrategyInstance, legs: list[Leg]) -> Instance:
    """Of which nothing is known but its numbers."""
    made = Instance(
        row=row,
        legs=legs,
        book=VirtualBook({leg.instrument.code: leg.contract.multiplier for leg in legs}),
        gatherer=BarGatherer(len(legs)),
        account=row.account_id,
    )
    made.parameters_version = row.parameters_version
    made.signals, made.number = _newest(Signal, row), _newest(StrategyOrder, row)
    return made


def _take_up(made: Instance, state: StrategyState) -> None:
    """Where it stood. Raises whatever a document leads to that is none of ours."""
    document = state.document
    book, gather = document.get("book"), document.get("gather")
    if book:
        multipliers = {leg.instrument.code: leg.contract.multiplier for leg in made.legs}
        made.book = VirtualBook.restored(multipliers, book)
    if gather:
        made.gatherer = BarGatherer.restored(gather)
    made.frames, made.seq = dict(state.frames), state.account_seq
    made.day, made.paused = document.get("day", 0), document.get("paused", False)
    made.signals = max(document.get("signals", 0), made.signals)
    made.number = max(document.get("number", 0), made.number)
    made.sent, made.count = sent_of(document), count_of(document)
    made.half_ended = {number: list(end) for number, *end in document.get("half_ended", ())}
    for name in made.frames.values():
        parse_id(name)
    if document.get("host") is not None and not {"number", "sent"} <= document.keys():
        raise KeyError("a host without its orders")


def _newest(model: type[Signal] | type[StrategyOrder], row: StrategyInstance) -> int:
    return model.objects.filter(instance=row, number__lt=SECOND_PART).aggregate(newest=Max("number"))["newest"] or 0


def isolated(row: StrategyInstance) -> bool:
    """Whether it gets a process of its own: as its row says, else where nobody vouches for its source."""
    return not registry.is_trusted(row.strategy) if row.isolated is None else row.isolated
