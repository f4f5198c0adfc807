"""After a login: the broker's orders and trades, asked for whole, and what is certain then of orders in doubt.

The replay of the private flow has no end that anybody tells. So both queries are asked, and what their answers and the
replay know of is alive or ended as they say; an order of ours that neither knows has never arrived. It is not sent
again: whoever wants it places a new one.
"""

import time
from collections.abc import Callable
from typing import Any

import structlog

from marketdata.domain.ctp.queries import Answer
from quantsite.common.texts import say
from trading.domain.ctp.folding import CtpOrder
from trading.domain.ctp.orders import End, Phase
from trading.gateways.ctp.desk import CtpDesk
from trading.gateways.ctp.hearing import Hearing

log = structlog.get_logger(__name__)

ABSENT = "never_arrived"
ASK_AGAIN_SECONDS = 5.0
"""Between two attempts at queries that fail, and at least so long between looking after orders in doubt."""
ANSWER_SECONDS = 10.0
"""An order that nobody has said a word of for so long is in doubt, connected or not."""
TRADE_SECONDS = 2.0
"""Trades come with their order's report; after so long they are asked for."""
MOST_TRIES = 3
ABSENT_SECONDS = 30.0
"""A query asked so long after an order was sent knows it, if the broker does."""


Take = Callable[[str, dict[str, Any]], None]
"""Takes a row of an answer in as the push of this name would be."""


class Synchroniser:
    """Asks, and resolves doubts.

    ``answered`` says that the broker has told all orders and trades of this login, ``done`` that they are taken in and
    the doubts resolved. ``doubted_since`` are the orders in doubt, in seconds of a clock that never goes back.
    """

    def __init__(self, desk: CtpDesk, hearing: Hearing, take: Take) -> None:
        self.answered = self.done = False
        self.doubted_since: dict[int, float] = {}
        self._take = take
        self._began = 0.0
        self._desk = desk
        self._hearing = hearing
        self._asked: str | None = None
        self._round = 0
        self._next = 0.0
        self._sent_at: dict[int, float] = {}
        self._incomplete_since: float | None = None
        self._fruitless = 0

    def begin(self) -> None:
        """A new login, or a new owner of an old one: everything is asked again."""
        self.answered = self.done = False
        self._round += 1
        self._asked, self._next = None, 0.0

    def sent(self, order: CtpOrder) -> None:
        """An order was handed over."""
        self._sent_at[order.order_id] = time.monotonic()

    def work(self) -> None:
        """Ask what is to be asked now."""
        now = time.monotonic()
        if self._asked is None and now >= self._next and self._desk.facts is not None and self._wanted:
            self._ask("ReqQryOrder", "QryOrderField")

    @property
    def _misses_trades(self) -> bool:
        """For a while, and not for ever where the broker has no more to tell."""
        since = self._incomplete_since
        return since is not None and self._fruitless < MOST_TRIES and time.monotonic() - since > TRADE_SECONDS

    def mind(self) -> int:
        """How many orders are in doubt; those that nobody answers become so."""
        now = time.monotonic()
        doubtful: dict[int, float] = {}
        for order in self._desk.book.at_work():
            self._doubt_silent(order, now)
            if order.in_doubt:
                doubtful[order.order_id] = self.doubted_since.get(order.order_id, now)
        self.doubted_since = doubtful
        incomplete = self._desk.book.incomplete()
        self._incomplete_since = (self._incomplete_since or now) if incomplete else None
        self._fruitless = self._fruitless if incomplete else 0
        return len(doubtful)

    @property
    def _wanted(self) -> bool:
        return not self.answered or self._hearing.odd or bool(self.doubted_since) or self._misses_trades

    def _doubt_silent(self, order: CtpOrder, now: float) -> None:
        if now - self._sent_at.get(order.order_id, now) < ANSWER_SECONDS:
            return
        silent = [leg for leg in order.legs if leg.phase is Phase.SENT and not leg.over and not leg.doubt]
        for leg in silent:
            leg.doubt = True
            log.warning("order without an answer", account=self._desk.around.account, order=order.order_id)
        if silent:
            self._desk.tell(order)

    def _ask(self, method: str, struct: str) -> None:
        number, began = self._round, time.monotonic()
        self._asked = method
        self._desk.session.ask(
            method, struct, self._desk.who.fields, lambda answer: self._answered(method, number, began, answer)
        )

    def _answered(self, method: str, number: int, began: float, answer: Answer) -> None:
        if number != self._round:
            return
        if answer.error is not None or answer.timed_out:
            log.warning(
                "query failed", account=self._desk.around.account, query=method, timed_out=answer.timed_out,
                error=answer.error.code if answer.error else 0,
            )  # fmt: skip
            self._asked, self._next = None, time.monotonic() + ASK_AGAIN_SECONDS
            return
        push = "OnRtnOrder" if method == "ReqQryOrder" else "OnRtnTrade"
        for row in answer.rows:
            self._take(push, row)
        if method == "ReqQryOrder":
            self._ask("ReqQryTrade", "QryTradeField")
            return
        self.answered, self._asked, self._began = True, None, began
        self._next = time.monotonic() + ASK_AGAIN_SECONDS
        if self.done:
            self.finish()

    def finish(self) -> None:
        """All that was answered has been taken in: what is still in doubt has never arrived."""
        first, self.done, self._hearing.odd = not self.done, True, False
        self._fruitless += self._incomplete_since is not None
        for order in self._desk.book.at_work():
            if first or self._began - self._sent_at.get(order.order_id, 0.0) > ABSENT_SECONDS:
                self._give_up_doubtful(order)
        waiting = sum(len(trades) for trades in self._desk.book.parked.values())
        if waiting:
            log.error("trades without an order", account=self._desk.around.account, trades=waiting)
        if first:
            log.info("orders synchronised", account=self._desk.around.account, orders=len(self._desk.book.orders))

    def _give_up_doubtful(self, order: CtpOrder) -> None:
        """The broker knows nothing of it: it has never arrived."""
        for leg in [leg for leg in order.legs if leg.doubt]:
            text = say("The connection was lost before the order had arrived; it was not sent again.")
            leg.not_sent(ABSENT, text, End.ABSENT)
            log.warning("order never arrived", account=self._desk.around.account, order=order.order_id)
        self._desk.tell(order)
