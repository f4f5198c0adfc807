"""What the ledger of an account at a broker asks of its gateway, beside what every gateway does.

All of it is called from the loop's one thread; nothing here waits.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Protocol, runtime_checkable

from trading.domain.account_book import BrokerTerms
from trading.domain.ctp.picture import BrokerPicture
from trading.domain.ctp.rates import ToldRates


@dataclass(frozen=True, slots=True)
class SessionTold:
    """Where the session with the broker stands; times in ns UTC, 0 where there is none.

    ``code`` and ``text`` are the broker's own of its last refusal or loss, 0 and '' while all is well.
    """

    state: str
    since: int
    front: str = ""
    trading_day: date | None = None
    login_at: int = 0
    code: int = 0
    text: str = ""


@dataclass(frozen=True, slots=True)
class StatementTold:
    """The settlement statement of the day before, as the broker wrote it; ``confirmed_at`` in ns UTC or 0."""

    trading_day: date
    text: str
    confirmed_at: int = 0


@runtime_checkable
class BrokerGateway(Protocol):
    """A gateway with a broker behind it that keeps books of its own."""

    def session(self) -> SessionTold:
        """The session as it stands."""
        ...

    def ask_picture(self) -> None:
        """Ask the broker for funds and positions anew; nothing where that is under way already."""
        ...

    def picture(self) -> BrokerPicture | None:
        """The newest complete picture, if no order event of the account was heard since its first question was sent.

        So whoever has booked every report so far stands where the picture does. None else: :meth:`ask_picture` again.
        """
        ...

    def ask_orders(self) -> None:
        """The books differ: ask for all orders and trades again, for something may not have been told."""
        ...

    def books_ready(self, day: date, *, adopted: bool = False) -> None:
        """The ledger stands on this trading day: what was replayed of it may be reported from now on.

        ``adopted``: its figures are the broker's, with all trades that were heard of so far.
        """
        ...

    def take_terms(self) -> BrokerTerms | None:
        """The broker's terms of the account, if they were answered since the last call."""
        ...

    def take_instruments(self) -> Sequence[Mapping[str, Any]]:
        """The rows of instruments that were answered since the last call; asked once a trading day."""
        ...

    def ask_rates(self, codes: Iterable[str]) -> None:
        """Ask what these instruments cost, each once a trading day."""
        ...

    def take_rates(self) -> list[ToldRates]:
        """What was answered since the last call."""
        ...

    def take_statements(self) -> list[StatementTold]:
        """Statements that came, or were confirmed, since the last call."""
        ...

    def confirm_statement(self) -> None:
        """Confirm the statement that waits for a person."""
        ...
