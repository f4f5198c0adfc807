"""A host as a JSON document and back: what it goes on from after a restart."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from marketdata.domain.bars import BarSeries
from quantsite.common.errors import RuleError
from quantsite.common.texts import say
from strategies.domain.hosting.executor import Numbers, RollAlgo
from strategies.domain.hosting.legs import LegState
from strategies.domain.hosting.rolling import Roll
from strategies.domain.hosting.sight import UNKNOWN
from strategies.domain.hosting.snapshot import decode, encode, encode_attributes, restore_attributes
from strategies.domain.hosting.terms import LegTerms

if TYPE_CHECKING:
    from strategies.domain.hosting.host import LiveHost

VERSION = 1
UNREADABLE = "unreadable_document"

LEAST_BARS = 2
"""Kept of each leg in any case: what a level was reached from is the close before."""

MakeRoll = Callable[[int, LegTerms, LegTerms, Numbers, Mapping[str, Any]], RollAlgo]
"""Makes the algorithm of a roll anew: leg, old and new contract, numbers, and the document that it wrote."""


def write(host: "LiveHost") -> dict[str, Any]:
    """Everything that ``host`` keeps. Raises as :func:`encode_attributes` does."""
    driver, aims, orders, coming = host.driver, host.aims, host.orders, host.parameters_to_come
    window = 0 if driver is None else driver.window()
    state = {
        "now": host.now,
        "day": host.day,
        "wanted": host.wanted,
        "joining": host.joining,
        "heard": host.hearing.heard,
        "started": driver is not None and driver.started,
        "number": host.outbox.number,
        "working": host.outbox.working,
        "ended": host.outbox.ended,
        "own": orders.numbers,
        "orders": orders.table,
        "holds": (orders.closing_only, orders.barred, aims.paused, aims.flattening),
        "aims": (aims.waiting, aims.held_back, aims.executor.document(), aims.closer.document()),
        "desk": (host.desk.timers, host.desk.levels),
        "legs": [(leg.terms, leg.lots, leg.last, leg.shut, leg.rolling, leg.volume, leg.turnover) for leg in host.legs],
        "sights": [leg.sight for leg in host.legs],
        "roll": None if host.roll_under_way is None else _roll_of(host.roll_under_way),
        "parameters": host.strategy.parameters.as_dict(),
        "parameters_to_come": None if coming is None else coming.as_dict(),
    }
    return {
        "version": VERSION,
        "host": encode(state, "host"),
        "bars": [leg.bars.document(max(window, LEAST_BARS)) for leg in host.legs],
        "strategy": encode_attributes(host.strategy),
    }


def read_into(host: "LiveHost", document: Mapping[str, Any], bars: Sequence[BarSeries], rolls: MakeRoll | None) -> None:
    """Make a fresh host the one that wrote the document. Raises ``RuleError`` ``unreadable_document``."""
    try:
        if document["version"] != VERSION:
            raise ValueError(document["version"])
        _read(host, decode(document["host"]), rolls)
        for number, (leg, kept) in enumerate(zip(host.legs, document["bars"], strict=True)):
            leg.bars.restore(kept, leg.sight.series(bars[number]) if bars else None)
        restore_attributes(host.strategy, document["strategy"])
        _refill(host)
    except (LookupError, TypeError, ValueError) as error:
        text = say("The stored state cannot be read (%(why)s): start the strategy anew.", why=repr(error))
        raise RuleError(UNREADABLE, text) from error


def _read(host: "LiveHost", state: dict[str, Any], rolls: MakeRoll | None) -> None:
    host.now, host.day, host.wanted, host.hearing.heard = (state[name] for name in ("now", "day", "wanted", "heard"))
    host.joining = state["joining"]
    host.outbox.number, host.outbox.working, host.outbox.ended = state["number"], state["working"], state["ended"]
    host.orders.numbers, host.orders.table = state["own"], state["orders"]
    host.orders.closing_only, host.orders.barred, host.aims.paused, host.aims.flattening = state["holds"]
    host.aims.waiting, host.aims.held_back, executor, closer = state["aims"]
    host.aims.executor.restore(executor)
    host.aims.closer.restore(closer)
    host.desk.timers, host.desk.levels = state["desk"]
    for leg, kept in zip(host.legs, state["legs"], strict=True):
        _read_leg(leg, kept)
    for leg, sight in zip(host.legs, state.get("sights", ()), strict=False):  # older documents have none
        leg.sight = sight
    if state["roll"] is not None:
        host.roll_under_way = _roll(host, state["roll"], rolls)
    if host.driver is not None:
        host.driver.started = state["started"]
    if state["parameters"] != host.strategy.parameters.as_dict():
        host.parameters_to_come = host.strategy.parameters
    elif state["parameters_to_come"] is not None:
        host.parameters_to_come = type(host.strategy.parameters).from_mapping(state["parameters_to_come"])


def _read_leg(leg: LegState, kept: tuple[Any, ...]) -> None:
    terms, leg.lots, leg.last, leg.shut, leg.rolling, leg.volume, leg.turnover = kept
    if terms.code != leg.terms.code:
        leg.terms = terms


def _refill(host: "LiveHost") -> None:
    driver, bars = host.driver, host.legs[0].bars
    if driver is not None:
        driver.refill(bars.series(driver.window()).rows())


def _roll_of(roll: Roll) -> tuple[Any, ...]:
    return roll.leg, roll.terms, roll.begun, roll.algo.document(), roll.spread


def _roll(host: "LiveHost", kept: tuple[Any, ...], make: MakeRoll | None) -> Roll:
    if make is None:
        raise ValueError("a roll is under way, and nothing makes its algorithm")
    leg, terms, begun, document, spread = kept if len(kept) > 4 else (*kept, UNKNOWN)  # older documents have none
    made = make(leg, host.legs[leg].terms, terms, host.outbox.next_number, document)
    return Roll(leg, made, terms, spread, begun)
