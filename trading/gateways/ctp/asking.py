"""What a broker is asked beside orders: its picture of funds and positions, and the rates of instruments.

Questions go into the session's one queue of queries. A picture counts only if no order event of the account was heard
since it was asked for: :meth:`BrokerAsking.note_event` is called with each.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import Any, Protocol

import structlog

from trading.domain.account_book import BrokerTerms
from trading.domain.ctp.answers import ContractOf, picture_of
from trading.domain.ctp.picture import BrokerPicture
from trading.domain.ctp.rates import ToldRates, fees_of, margins_of
from trading.domain.ctp.terms import terms_of

log = structlog.get_logger(__name__)

ACCOUNT, POSITIONS, DETAILS = "ReqQryTradingAccount", "ReqQryInvestorPosition", "ReqQryInvestorPositionDetail"
PICTURE = (
    (POSITIONS, "QryInvestorPositionField"),
    (DETAILS, "QryInvestorPositionDetailField"),
    (ACCOUNT, "QryTradingAccountField"),
)
"""The questions of a picture in their order: the funds last, for they move most."""
MARGIN = ("ReqQryInstrumentMarginRate", "QryInstrumentMarginRateField")
COMMISSION = ("ReqQryInstrumentCommissionRate", "QryInstrumentCommissionRateField")
SPECULATION = "1"
TERMS = ("ReqQryBrokerTradingParams", "QryBrokerTradingParamsField")
INSTRUMENTS = ("ReqQryInstrument", "QryInstrumentField")


class Answered(Protocol):
    """An answer of the session (``marketdata.ctp.session.Answer``)."""

    @property
    def rows(self) -> Sequence[Mapping[str, Any]]:
        """The rows."""
        ...

    @property
    def error(self) -> Any:
        """The refusal; None where there was none."""
        ...

    @property
    def timed_out(self) -> bool:
        """Whether nobody answered."""
        ...

    @property
    def asked_at(self) -> int:
        """When it was sent (ns UTC)."""
        ...

    @property
    def done_at(self) -> int:
        """When its last row came (ns UTC)."""
        ...


Ask = Callable[[str, str, Mapping[str, Any], Callable[[Any], None]], None]


class BrokerAsking:
    """``ask`` is the session's, ``who`` names the account to the broker (``BrokerID``, ``InvestorID``)."""

    def __init__(self, ask: Ask, who: Mapping[str, str], contract_of: ContractOf) -> None:
        self._ask = ask
        self._who = dict(who)
        self._contract_of = contract_of
        self._events = self._asked_after = self._pictured_after = 0
        self._day: date | None = None
        self._rows: dict[str, Sequence[Mapping[str, Any]]] = {}
        self._round = 0
        self._under_way = False
        self._picture: BrokerPicture | None = None
        self._asked_rates: set[str] = set()
        self._half: dict[str, ToldRates] = {}
        self._rates: list[ToldRates] = []
        self._terms: BrokerTerms | None = None
        self._instruments: Sequence[Mapping[str, Any]] = ()
        self._asked_once: date | None = None

    def begin(self, day: date) -> None:
        """A login of trading day ``day``: what was asked before it is answered no more."""
        if day != self._day:
            self._asked_rates.clear()
        self._day, self._under_way, self._picture = day, False, None
        self._round += 1

    def note_event(self) -> None:
        """An order event of the account was heard: no picture asked for before counts."""
        self._events += 1

    def ask_picture(self) -> None:
        """Ask for funds and positions, unless that is under way; nothing before a login.

        Before the first of a trading day the account's terms and the instruments are asked for: they cost positions.
        """
        if self._under_way or self._day is None:
            return
        if self._asked_once != self._day:
            self._asked_once = self._day
            self._ask(*TERMS, self._who, self._take_terms)
            self._ask(*INSTRUMENTS, {}, self._take_instruments)
        self._under_way, self._asked_after, self._rows = True, self._events, {}
        self._round += 1
        self._next(self._round, 0, 0)

    def picture(self) -> BrokerPicture | None:
        """The newest complete picture, if no order event was heard since it was asked for."""
        return self._picture if self._pictured_after == self._events else None

    def ask_rates(self, codes: Iterable[str]) -> None:
        """Ask for the rates of instruments (our codes), each once a trading day."""
        day = self._day
        for code in codes if day else ():
            if code in self._asked_rates or day is None:
                continue
            self._asked_rates.add(code)
            symbol, _dot, exchange = code.rpartition(".")
            fields = {**self._who, "InstrumentID": symbol, "ExchangeID": exchange}
            told = self._half[code] = ToldRates(code, day, None, None)
            self._ask(*MARGIN, {**fields, "HedgeFlag": SPECULATION}, _bound(self._margins, told))
            self._ask(*COMMISSION, fields, _bound(self._fees, told))

    def take_rates(self) -> list[ToldRates]:
        """What was answered since the last call, margin and commission of an instrument together."""
        taken, self._rates = self._rates, []
        return taken

    def take_terms(self) -> BrokerTerms | None:
        """The broker's terms, if they were answered since the last call."""
        taken, self._terms = self._terms, None
        return taken

    def take_instruments(self) -> Sequence[Mapping[str, Any]]:
        """The rows of instruments that were answered since the last call."""
        taken, self._instruments = self._instruments, ()
        return taken

    def _take_terms(self, answer: Answered) -> None:
        self._terms = terms_of(answer.rows[0]) if answer.rows else None
        if self._terms is None:
            log.warning("broker tells no terms", rows=len(answer.rows), timed_out=answer.timed_out)

    def _take_instruments(self, answer: Answered) -> None:
        self._instruments = answer.rows
        if answer.timed_out or not answer.rows:
            log.warning("broker tells no instruments", timed_out=answer.timed_out)

    def _next(self, number: int, place: int, asked_at: int) -> None:
        method, struct = PICTURE[place]

        def done(answer: Answered) -> None:
            if number != self._round:
                return  # of a login before, or asked anew
            if answer.error is not None or answer.timed_out:
                log.warning("broker not told", question=method, error=str(answer.error), timed_out=answer.timed_out)
                self._under_way = False
                return
            self._rows[method] = answer.rows
            first = asked_at or answer.asked_at
            if place + 1 < len(PICTURE):
                self._next(number, place + 1, first)
            else:
                self._complete(first, answer.done_at)

        self._ask(method, struct, self._who, done)

    def _complete(self, asked_at: int, done_at: int) -> None:
        self._under_way = False
        accounts = self._rows[ACCOUNT]
        if not accounts or self._day is None:
            log.warning("broker tells no funds", rows=len(accounts))
            return
        self._pictured_after = self._asked_after  # which moves on when the next one is asked for
        rows = self._rows[POSITIONS], self._rows[DETAILS]
        self._picture = picture_of(self._day, accounts[0], *rows, self._contract_of, asked_at, done_at)

    def _margins(self, told: ToldRates, answer: Answered) -> None:
        if answer.timed_out:
            self._half.pop(told.instrument, None)
            return
        found = next((rates for row in answer.rows if (rates := margins_of(row)) is not None), None)
        self._half[told.instrument] = ToldRates(told.instrument, told.trading_day, None, found)

    def _fees(self, told: ToldRates, answer: Answered) -> None:
        half = self._half.pop(told.instrument, None)
        if half is None or answer.timed_out:  # silence is no answer: both may be asked again
            log.warning("broker not told", question="rates", instrument=told.instrument)
            self._asked_rates.discard(told.instrument)
            return
        found = next((rates for row in answer.rows if (rates := fees_of(row)) is not None), None)
        if found is None or half.margins is None:
            log.warning("broker tells no rates", instrument=told.instrument, fees=found is not None)
        self._rates.append(ToldRates(told.instrument, told.trading_day, found, half.margins))


def _bound(take: Callable[[ToldRates, Answered], None], told: ToldRates) -> Callable[[Answered], None]:
    return lambda answer: take(told, answer)
