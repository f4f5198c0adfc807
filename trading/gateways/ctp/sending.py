"""Orders on their way out: how each is written for its exchange, and what the library says to it.

One order of all is sent twice: refused because the settlement statement is not confirmed (42), once it is. The session
confirms it, once a trading day and only where the account leaves that to it; the order gets a new number, which is
stored before it goes out again.
"""

import time
from math import isnan
from typing import NamedTuple

import structlog

from marketdata.ctp.heard import Heard
from marketdata.domain.ctp.errors import NOT_CONFIRMED
from marketdata.domain.ctp.login import Confirm
from quantsite.common.errors import RuleError
from quantsite.common.texts import say
from trading.domain import events
from trading.domain.checks import Reason
from trading.domain.ctp.combos import Combo, combo_for
from trading.domain.ctp.folding import CtpOrder
from trading.domain.ctp.identity import SentKey
from trading.domain.ctp.orders import Leg, Phase
from trading.domain.ctp.wire import insert_fields
from trading.domain.gateway import Outgoing
from trading.domain.offsets import Direction
from trading.gateways.ctp.book import Found
from trading.gateways.ctp.desk import CtpDesk
from trading.gateways.ctp.hearing import Hearing, words

log = structlog.get_logger(__name__)

CONFIRM_SECONDS = 10.0
"""So long a refused order waits for the confirmation."""
TOO_FAST = -3


class Refused(NamedTuple):
    """An order that waits for the confirmation, and what it was refused with."""

    found: Found
    heard: Heard
    until: float


class Sending:
    """Writes and hands over."""

    def __init__(self, desk: CtpDesk, hearing: Hearing) -> None:
        self._desk = desk
        self._hearing = hearing
        self._asked: dict[int, Outgoing] = {}
        self._waiting: list[Refused] = []
        self._numbered: list[Found] = []

    def combo(self, order: Outgoing) -> Combo | Reason:
        """How the order is written for CTP, or why it is not."""
        day, around = self._desk.book.day, self._desk.around
        exchange = order.instrument.rpartition(".")[2]
        if day is None:
            return Reason("broker_not_ready", say("The broker has told no trading day yet."))
        found = combo_for(exchange, order.type, day, market_as_limit=around.market_as_limit)
        if not isinstance(found, Reason) and isnan(self._price(order, found)):
            text = say("The day's price limit of %(code)s is not known: place a limit order.", code=order.instrument)
            return Reason("no_price_limit", text)
        return found

    def prepare(self, order: Outgoing) -> None:
        """A reference of this session for every part: each is an exchange order of its own."""
        made = CtpOrder(order.order_id, order.instrument, order.direction, order.type, order.volume)
        made.legs = [Leg(self._new_key(), part.offset, part.volume) for part in order.parts]
        self._desk.add(made)

    def send(self, order: Outgoing) -> CtpOrder:
        """Hand the exchange orders over; what the library does not take has reached nobody."""
        made = self._desk.book.orders[order.order_id]
        self._asked[order.order_id] = order
        for leg in made.legs:
            self._hand_over(Found(made, leg), order)
        self._desk.tell(made)
        return made

    def waits(self, heard: Heard) -> bool:
        """Whether a refusal is left to the confirmation: then it is none yet."""
        if heard.error is None or heard.error.code != NOT_CONFIRMED or self._desk.session.login.confirm != Confirm.AUTO:
            return False
        found = self._hearing.refused(heard)
        if found is None or any(each.found.leg is found.leg for each in self._waiting):
            return found is not None
        if found.leg.again or found.leg.phase is not Phase.SENT or found.order.order_id not in self._asked:
            return False
        log.warning("settlement is not confirmed", account=self._desk.around.account, order=found.order.order_id)
        self._waiting.append(Refused(found, heard, time.monotonic() + CONFIRM_SECONDS))
        return True

    def confirmed(self) -> None:
        """The front has taken the confirmation: those that wait get new numbers, which are stored first."""
        waiting, self._waiting = self._waiting, []
        for found, _heard, _until in waiting:
            found.leg.key, found.leg.phase, found.leg.again = self._new_key(), Phase.PREPARED, True
            self._desk.book.index(found.order, found.leg)
            self._numbered.append(found)
            self._desk.report(found.order, events.Submitting(at=self._desk.around.clock(found.order.code)))

    def flush(self) -> None:
        """Their new numbers are stored: send them."""
        numbered, self._numbered = self._numbered, []
        for found in numbered:
            self._hand_over(found, self._asked[found.order.order_id])
            self._desk.tell(found.order)

    def mind(self, *, lost: bool = False) -> None:
        """Where no confirmation has come in time, or the connection is gone, the refusals count."""
        now, at_work = time.monotonic(), {order.order_id for order in self._desk.book.at_work()}
        self._asked = {number: order for number, order in self._asked.items() if number in at_work}
        late = [each for each in self._waiting if lost or now > each.until]
        self._waiting = [each for each in self._waiting if each not in late]
        for found, heard, _until in late:
            if heard.error is not None:
                found.leg.refuse(f"ctp_{heard.error.code}", words(heard.error), events.Refuser.BROKER)
            self._desk.tell(found.order)
        if lost:
            self._numbered.clear()

    def _hand_over(self, found: Found, order: Outgoing) -> None:
        leg, combo = found.leg, self.combo(order)
        if isinstance(combo, Reason):
            leg.not_sent(combo.code, combo.text)
            return
        if not self._of_this_login(leg):
            leg.not_sent("broker_not_ready", say("The connection to the broker was lost before the order was sent."))
            return
        try:
            fields = insert_fields(self._desk.who, found.order, leg, combo, self._price(order, combo))
            rc = self._desk.session.insert(fields)
        except RuleError as error:  # a field that CTP cannot hold
            leg.not_sent(error.code, error.text)
            return
        if rc == 0:
            leg.phase = Phase.SENT
            self._desk.requests[self._desk.session.last_request] = found
            return
        log.warning("order not sent", account=self._desk.around.account, order=order.order_id, rc=rc)
        leg.not_sent("order_pace" if rc == TOO_FAST else "not_sent", _why(rc))

    def _of_this_login(self, leg: Leg) -> bool:
        facts = self._desk.facts
        return facts is not None and leg.key is not None and leg.key[:2] == (facts.front_id, facts.session_id)

    def _new_key(self) -> SentKey | None:
        facts = self._desk.facts
        return None if facts is None else SentKey(facts.front_id, facts.session_id, self._desk.session.next_ref())

    def _price(self, order: Outgoing, combo: Combo) -> float:
        """The limit that goes out: 0 where there is none, the day's price limit for a market order worked as one."""
        if combo.at_limit:
            return self._desk.around.limits(order.instrument)[0 if order.direction is Direction.BUY else 1]
        return 0.0 if isnan(order.price) else order.price


def _why(rc: int) -> str:
    if rc == TOO_FAST:
        return say("Orders come faster than the broker takes them: this one was not sent.")
    return say("The library of CTP did not take the order (%(rc)d): it was not sent.", rc=rc)
