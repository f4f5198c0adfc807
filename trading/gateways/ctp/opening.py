"""The session of an account at its broker: opened once in a process, kept while loops come and go."""

from datetime import date, datetime

from marketdata.ctp.flow import FlowFolder, flow_folder
from marketdata.ctp.link import Link
from marketdata.ctp.preflight import preflight
from marketdata.ctp.session import SessionState, TraderSession
from marketdata.ctp.standing import standing
from quantsite.common.errors import MissingError
from quantsite.common.texts import say
from trading.account_models import TradingAccount
from trading.books_models import BrokerStatement
from trading.broker_models import BrokerLogin


def login_changed(account: TradingAccount) -> datetime | None:
    """When the account's login at its broker was changed last; None where it has none."""
    return BrokerLogin.objects.filter(account=account).values_list("changed_at", flat=True).first()


class OpenSession:
    """The session with the folder that it keeps; one thread calls everything."""

    def __init__(self, account: TradingAccount) -> None:
        """Claim the folder and make the session, which connects as it is worked.

        Raises ``StartError`` where this process must not load the library, ``MissingError`` without a login,
        ``RuleError`` where its secrets cannot be read.
        """
        row = login_of(account)
        preflight()
        self.changed_at = row.changed_at
        self._folder = FlowFolder(flow_folder("td", account.code), f"account {account.code}")
        terms = row.login()
        link = Link("td", self._folder.path, terms.fronts, _nobody)
        how = standing("td", account.code, around_the_clock=row.around_the_clock)
        self.session = TraderSession(link, terms, settings=how)
        self.session.confirmed_day = _confirmed_day(account)

    def renewed(self, account: TradingAccount) -> bool:
        """Whether the session goes on with the login as it stands now; False: it is to be closed and made anew.

        One that was refused goes on with what a person has changed.
        """
        row = login_of(account)
        if row.changed_at == self.changed_at:
            return True
        terms = row.login()
        if self.session.state is not SessionState.REFUSED or terms.fronts != self.session.login.fronts:
            return False
        self.changed_at = row.changed_at
        self.session.resume(terms)
        return True

    def close(self) -> None:
        """End the connection and leave the folder."""
        self.session.close()
        self._folder.release()


def _nobody() -> None:
    """Until a loop waits to be woken."""


def _confirmed_day(account: TradingAccount) -> date | None:
    """The last trading day whose statement is confirmed: once a day is enough."""
    told = BrokerStatement.objects.filter(account=account, confirmed_at__isnull=False).order_by("-trading_day")
    return told.values_list("trading_day", flat=True).first()


def login_of(account: TradingAccount) -> BrokerLogin:
    """How the account logs in. Raises ``MissingError`` ``no_broker_login``."""
    row = BrokerLogin.objects.select_related("account").filter(account=account).first()
    if row is None:
        text = say("Account %(account)s has no login at a broker: give it one in the admin.", account=account.code)
        raise MissingError("no_broker_login", text)
    return row
