"""A broker without a front: it keeps a book of its own and answers with CTP's rows, for tests of the ledger."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, cast

from accounts.leases import Held, take
from marketdata.domain.ticks import Tick
from marketdata.instruments import ensure_instrument
from trading import services
from trading.account_models import TradingAccount
from trading.domain.account_book import AccountBook, BrokerTerms
from trading.domain.ctp.answers import picture_of
from trading.domain.ctp.broker import SessionTold, StatementTold
from trading.domain.ctp.picture import BrokerPicture
from trading.domain.ctp.rates import ToldRates
from trading.domain.gateway import Gateway, Outgoing, Report
from trading.domain.ledger import Terms
from trading.ledger.apply import lease_of
from trading.ledger.facts import Facts
from trading.ledger.keeper import Keeper
from trading.loop.broker_books import BrokerBooks
from trading.loop.exchange import Exchange
from trading.loop.market import Market
from trading.tests.domain.ctp.broker_rows import account_row, detail_rows, position_rows

RB, M = "rb2405.SHFE", "m2405.DCE"
DAY, NEXT_DAY = date(2024, 1, 2), date(2024, 1, 3)
PRICES = {RB: 4000.0, M: 3000.0}


@dataclass
class Broker:
    """The broker's side; ``told`` are fields that it says instead of what is true, ``disturbed`` that orders move."""

    book: AccountBook
    day: date = DAY
    state: str = "ready"
    login_at: int = 1
    prices: dict[str, float] = field(default_factory=lambda: dict(PRICES))
    told: dict[str, Any] = field(default_factory=dict)
    disturbed: bool = False
    rates: list[ToldRates] = field(default_factory=list)
    asked_rates: set[str] = field(default_factory=set)
    statements: list[StatementTold] = field(default_factory=list)
    confirmed: int = 0
    terms: BrokerTerms | None = None
    instruments: list[dict[str, Any]] = field(default_factory=list)
    ready: list[tuple[date, bool]] = field(default_factory=list)
    reported: list[Report] = field(default_factory=list)
    _asked_at: int = 0

    def session(self) -> SessionTold:
        return SessionTold(self.state, 1, "tcp://front:1", self.day, self.login_at)

    def ask_orders(self) -> None:
        """It has told all there is."""

    def ask_picture(self) -> None:
        self._asked_at = time.time_ns()

    def picture(self) -> BrokerPicture | None:
        if not self._asked_at or self.disturbed:
            return None
        account = {**account_row(self.book, self.prices), **self.told}
        rows = position_rows(self.book, {code: price + 1 for code, price in self.prices.items()})
        return picture_of(
            self.day, account, rows, detail_rows(self.book), contract_of, self._asked_at, self._asked_at + 1
        )

    def books_ready(self, day: date, *, adopted: bool = False) -> None:
        self.ready.append((day, adopted))

    def ask_rates(self, codes: Iterable[str]) -> None:
        self.asked_rates |= set(codes)

    def answer_rates(self, code: str) -> None:
        """Tell the rates that the book has."""
        terms = self.book.terms(code)
        self.rates.append(ToldRates(code, self.day, terms.fees, terms.margins))

    def take_rates(self) -> list[ToldRates]:
        taken, self.rates = self.rates, []
        return taken

    def take_terms(self) -> BrokerTerms | None:
        taken, self.terms = self.terms, None
        return taken

    def take_instruments(self) -> Sequence[Mapping[str, Any]]:
        taken, self.instruments = self.instruments, []
        return taken

    def take_statements(self) -> list[StatementTold]:
        taken, self.statements = self.statements, []
        return taken

    def confirm_statement(self) -> None:
        self.confirmed += 1

    # what every gateway does

    def restore(self, orders: Sequence[Outgoing], memory: Mapping[str, Any]) -> None:
        """No orders here."""

    def send(self, order: Outgoing, now: int) -> None:
        """Taken."""

    def cancel(self, order_id: int, now: int) -> None:
        """Taken."""

    def on_tick(self, tick: Tick) -> None:
        """Seen."""

    def on_clock(self, instrument: str, now: int) -> None:
        """Heard."""

    def expire(self, instrument: str, now: int) -> None:
        """Over."""

    def reports(self) -> list[Report]:
        taken, self.reported = self.reported, []
        return taken

    def order_memory(self, order_id: int) -> dict[str, Any]:
        return {}

    def memory(self) -> dict[str, Any]:
        return {}

    def close(self) -> None:
        """Gone."""


def contract_of(symbol: str, exchange: str) -> tuple[str, float] | None:
    """The two contracts that the desk knows."""
    code = f"{symbol}.{exchange}"
    return (code, 10.0) if code in PRICES else None


@dataclass
class Desk:
    """An account at the broker, in the hands of whoever holds its lease."""

    account: TradingAccount
    lease: Held
    keeper: Keeper
    broker: Broker
    exchange: Exchange
    books: BrokerBooks

    def tend(self, times: int = 4) -> None:
        """So many seconds pass."""
        for _second in range(times):
            self.exchange.store_reports()
            self.books.tend()

    def compare(self) -> None:
        """The next look is due."""
        self.books.compare_soon()
        self.tend()

    def again(self) -> "Desk":
        """Another process takes the account over."""
        self.lease.release()
        return desk_of(self.account, self.broker)


def desk_of(account: TradingAccount, broker: Broker) -> Desk:
    """The account in the hands of a new holder."""
    account.refresh_from_db()
    held = take(lease_of(account), "test", 600.0)
    keeper = Keeper(account, held.epoch)
    keeper.claim()
    keeper.load()
    exchange = Exchange(keeper, Market())
    exchange.restore(cast(Gateway, broker), {})
    return Desk(account, held, keeper, broker, exchange, BrokerBooks(keeper, exchange, exchange.expire_all))


def make_broker(balance: float = 1_000_000.0) -> Broker:
    """A broker with two contracts, each on the terms of our own tables."""
    for code in PRICES:
        ensure_instrument(code, DAY)
    facts, book = Facts(), AccountBook(balance, BrokerTerms())
    for code, price in PRICES.items():
        terms: Terms = facts.terms(code, DAY)
        book.set_terms(code, code.rpartition(".")[2], DAY, terms)
        book.mark(code, price)
    return Broker(book)


def make_account(code: str = "ctp-1") -> TradingAccount:
    """An account of kind ctp, without a login: nothing here logs in."""
    return services.add_account(None, code, kind="ctp")
