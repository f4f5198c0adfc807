"""What a broker tells of an account beside its orders: :class:`trading.domain.ctp.broker.BrokerGateway`."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from marketdata.ctp.heard import Heard
from marketdata.ctp.session import CONFIRMED, SETTLEMENT
from marketdata.ctp.settings import Trouble
from trading.domain.account_book import BrokerTerms
from trading.domain.ctp.broker import SessionTold, StatementTold
from trading.domain.ctp.picture import BrokerPicture
from trading.domain.ctp.rates import ToldRates
from trading.gateways.ctp.asking import BrokerAsking
from trading.gateways.ctp.desk import CtpDesk, Surroundings

if TYPE_CHECKING:
    from marketdata.ctp.session import TraderSession


class BrokerSide:
    """The base of a CTP gateway: the session, statements, funds and positions, rates."""

    def __init__(self, session: "TraderSession", around: Surroundings) -> None:
        self._desk = CtpDesk(session, around)
        self._asking = BrokerAsking(session.ask, self._desk.who.fields, around.contract_of)
        self._statements: list[StatementTold] = []
        self._since = session.settings.clock()

    @property
    def broker_told_all(self) -> bool:
        """Whether all orders and trades of this login are known: a picture asked for from now on holds them all."""
        raise NotImplementedError

    def session(self) -> SessionTold:
        """See the protocol."""
        session = self._desk.session
        facts, refused = session.facts, session.troubles.get(Trouble.REFUSED, {})
        return SessionTold(
            state=session.state.value,
            since=self._since,
            front=session.link.fronts[0] if session.link.fronts else "",
            trading_day=facts.trading_day if facts else None,
            login_at=facts.login_at if facts else 0,
            code=int(refused.get("code", 0)),
            text=str(refused.get("reason", "")),
        )

    def ask_picture(self) -> None:
        """See the protocol."""
        if self.broker_told_all:
            self._asking.ask_picture()

    def picture(self) -> BrokerPicture | None:
        """See the protocol."""
        return self._asking.picture()

    def take_terms(self) -> BrokerTerms | None:
        """See the protocol."""
        return self._asking.take_terms()

    def take_instruments(self) -> Sequence[Mapping[str, Any]]:
        """See the protocol."""
        return self._asking.take_instruments()

    def ask_rates(self, codes: Iterable[str]) -> None:
        """See the protocol."""
        self._asking.ask_rates(codes)

    def take_rates(self) -> list[ToldRates]:
        """See the protocol."""
        return self._asking.take_rates()

    def take_statements(self) -> list[StatementTold]:
        """See the protocol."""
        taken, self._statements = self._statements, []
        return taken

    def confirm_statement(self) -> None:
        """See the protocol."""
        self._desk.session.confirm()

    def _hear_broker(self, heard: Heard) -> None:
        """What was heard of the session itself."""
        told = heard.fields or {}
        if heard.name == SETTLEMENT:
            self._statements.append(StatementTold(told["trading_day"], told["text"]))
        elif heard.name == CONFIRMED:
            self._statements.append(StatementTold(told["trading_day"], "", heard.at))
        elif "state" in told:
            self._since = heard.at
