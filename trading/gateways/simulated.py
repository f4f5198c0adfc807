"""The gateway to the simulated exchange: one matcher an instrument, whose book is kept in the account's own rows."""

from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

import msgspec

from marketdata.domain.contract import Contract
from marketdata.domain.market_hours import trading_day_at
from marketdata.domain.ticks import Tick
from trading.domain import events
from trading.domain.gateway import Outgoing, Report, Stranger
from trading.domain.simulated import outcomes
from trading.domain.simulated.matcher import InstrumentMatcher
from trading.domain.simulated.orders import MatchingRules, MatchOrder
from trading.domain.simulated.outcomes import Reason

ContractOf = Callable[[str], Contract]
LatestTick = Callable[[str], Tick | None]

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Tick).decode


class SimulatedGateway:
    """Orders of one account against the ticks of any feed."""

    resends = True
    day = None

    def __init__(self, rules: MatchingRules, contract_of: ContractOf, latest_tick: LatestTick) -> None:
        self._rules = rules
        self._contract_of = contract_of
        self._latest_tick = latest_tick
        self._matchers: dict[str, InstrumentMatcher] = {}
        self._instrument_of: dict[int, str] = {}
        self._days: dict[str, int] = {}
        self._reports: list[Report] = []

    def objection(self, order: Outgoing, *, opening: bool, live: bool) -> None:
        """None: the simulated exchange is always there, and refuses by itself."""

    def prepare(self, order: Outgoing, now: int) -> None:
        """Nothing: our own number names the order."""

    def work(self) -> None:
        """Nothing: it works as it is called."""

    def flush(self) -> None:
        """Nothing waits."""

    def strangers(self) -> list[Stranger]:
        """None: nobody else trades here."""
        return []

    def known(self, number: int, order_id: int | None) -> None:
        """See :meth:`strangers`."""

    def books_ready(self, day: date, *, adopted: bool = False) -> None:
        """The ledger's days are the exchange's."""

    def restore(self, orders: Sequence[Outgoing], memory: Mapping[str, Any]) -> None:
        """Rebuild the book from the rows. An order without memory was never accepted: it is handed over now."""
        known = [order for order in orders if order.memory]
        for code in {order.instrument for order in known}:
            mine = [order for order in known if order.instrument == code]
            kept = memory.get(code, {})
            tick = _decode(b64decode(kept["tick"])) if kept.get("tick") else None
            matcher = self._matcher(code)
            states = {order.order_id: dict(order.memory) for order in mine}
            matcher.restore([_match_order(order) for order in mine], states, tick, kept.get("market"))
            if tick is not None:
                self._days[code] = tick.trading_day
            self._instrument_of.update({order.order_id: code for order in mine})

    def send(self, order: Outgoing, now: int) -> None:
        """The order is on its way; without latency it has arrived already."""
        self._instrument_of[order.order_id] = order.instrument
        matcher = self._matcher(order.instrument)
        if not len(matcher):
            self._catch_up(matcher, now)
        self._take(matcher.submit(_match_order(order), now))

    def cancel(self, order_id: int, now: int) -> None:
        """So is the cancel."""
        code = self._instrument_of.get(order_id)
        if code is None:
            refused = events.CancelRefused(at=now, reason_code=Reason.ORDER_UNKNOWN)
            self._reports.append(Report(order_id, refused))
            return
        self._take(self._matcher(code).cancel(order_id, now))

    def on_tick(self, tick: Tick) -> None:
        """Match a tick."""
        matcher = self._matcher(tick.instrument)
        if self._days.get(tick.instrument) != tick.trading_day and not tick.flags:
            self._begin_day(matcher, tick)
        self._take(matcher.on_tick(tick))

    def on_clock(self, instrument: str, now: int) -> None:
        """Let arrive what is due."""
        matcher = self._matchers.get(instrument)
        if matcher is not None and len(matcher):
            self._take(matcher.on_clock(now))

    def expire(self, instrument: str, now: int) -> None:
        """End every order of an instrument."""
        matcher = self._matchers.get(instrument)
        if matcher is not None:
            self._take(matcher.expire(now))

    def reports(self) -> list[Report]:
        """What happened since the last call."""
        taken, self._reports = self._reports, []
        return taken

    def order_memory(self, order_id: int) -> dict[str, Any]:
        """The order's place in the book; empty where it is not in it any more."""
        code = self._instrument_of.get(order_id)
        return {} if code is None else self._matchers[code].state(order_id)

    def memory(self) -> dict[str, Any]:
        """Of each instrument with orders in the book: its last tick, and what was taken out of it."""
        return {
            code: {
                "tick": b64encode(_encode(matcher.last_tick)).decode() if matcher.last_tick else None,
                "market": matcher.market_state(),
            }
            for code, matcher in self._matchers.items()
            if len(matcher)
        }

    def doubtful(self, seconds: float) -> list[int]:  # noqa: ARG002 - a gateway's form
        """None: it answers at once."""
        return []

    def close(self) -> None:
        """Nothing to let go of."""

    def _matcher(self, code: str) -> InstrumentMatcher:
        found = self._matchers.get(code)
        if found is None:
            contract = self._contract_of(code)
            found = InstrumentMatcher(code, contract.exchange, contract.price_tick, contract.multiplier, self._rules)
            self._matchers[code] = found
        return found

    def _of_this_day(self, tick: Tick, now: int) -> bool:
        """Whether a tick is of the running trading day: the closing book of the one before is nobody's offer."""
        return trading_day_at(self._contract_of(tick.instrument).table.calendar, now) == tick.trading_day

    def _catch_up(self, matcher: InstrumentMatcher, now: int) -> None:
        """Nobody gave it ticks while it had no orders: it takes the newest one, unless that is of another day; where
        the market has not been heard of it keeps to what it saw last itself.

        What it saw of another day is no book to trade with: in an opening auction nothing is there yet. The tick that
        it saw last itself it keeps as it is: what own orders have taken of that book is gone until the next one.
        """
        tick = self._latest_tick(matcher.code) or matcher.last_tick
        if tick is None or not self._of_this_day(tick, now):
            matcher.expire(now)
            return
        matcher.begin_anew()
        if matcher.last_tick is None or _encode(tick) != _encode(matcher.last_tick):
            self.on_tick(tick)

    def _begin_day(self, matcher: InstrumentMatcher, tick: Tick) -> None:
        self._days[tick.instrument] = tick.trading_day
        matcher.begin_day(self._contract_of(tick.instrument).table.plan(tick.trading_day).opens)

    def _take(self, told: Sequence[outcomes.Outcome]) -> None:
        for outcome in told:
            self._reports.append(Report(outcome.order_id, _event(outcome)))
            code = self._instrument_of.get(outcome.order_id)
            if code is not None and not self._matchers[code].state(outcome.order_id):
                del self._instrument_of[outcome.order_id]


def _match_order(order: Outgoing) -> MatchOrder:
    return MatchOrder(
        order_id=order.order_id,
        direction=order.direction,
        type=order.type,
        volume=order.volume,
        price=order.price,
        stop_price=order.stop_price,
    )


def _event(outcome: outcomes.Outcome) -> events.Event:
    """An outcome of the matcher as an event of the order."""
    at = outcome.at
    match outcome:
        case outcomes.Accepted():
            told: events.Event = events.Accepted(at=at, exchange_order_id=f"S{outcome.order_id}")
        case outcomes.Triggered():
            told = events.Triggered(at=at)
        case outcomes.Traded():
            trade_id = f"{outcome.order_id}-{outcome.number}"
            told = events.Traded(at=at, trade_id=trade_id, price=outcome.price, volume=outcome.volume)
        case outcomes.Refused():
            told = events.Rejected(at=at, reason_code=outcome.reason)
        case outcomes.CancelRefused():
            told = events.CancelRefused(at=at, reason_code=outcome.reason)
        case outcomes.Withdrawn(reason=Reason.EXPIRED):
            told = events.Expired(at=at)
        case outcomes.Withdrawn():
            told = events.Cancelled(at=at, reason_code="" if outcome.reason is Reason.CANCELLED else outcome.reason)
    return told
