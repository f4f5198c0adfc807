"""What a broker tells beside orders and books, into rows: the session, statements, terms, instruments and rates."""

import time
from datetime import date, datetime
from typing import Any

import structlog
from django.db import transaction

from accounts.audit import record
from marketdata.importers.instrument_answers import store_answers
from quantsite.common.times import ns_to_utc
from trading.account_models import TradingAccount
from trading.books_models import BrokerSession, BrokerStatement
from trading.domain.ctp.broker import BrokerGateway, SessionTold
from trading.ledger.adopting import take_rates
from trading.ledger.keeper import Keeper
from trading.loop.exchange import Exchange

log = structlog.get_logger(__name__)

TELL_SECONDS = 5.0
"""So often an unchanged session is told again: by its age everybody sees that the gateway looks."""


class BrokerTold:
    """Takes in what came since the last look; ``rates_of`` are the instruments whose rates have come in this login."""

    def __init__(self, keeper: Keeper, exchange: Exchange) -> None:
        self.rates_of: set[str] = set()
        self._keeper = keeper
        self._exchange = exchange
        self._told: tuple[SessionTold, float] | None = None
        self._outdated = False

    def take_terms(self, gateway: BrokerGateway) -> bool:
        """Whether the book is kept on the broker's terms; where it is not, the account's row has been changed."""
        told, account = gateway.take_terms(), self._keeper.account
        if told is None or told == self._keeper.broker:
            return not self._outdated
        self._outdated = True
        terms = {
            "margin_price": told.margin_price_type.value,
            "profit_algorithm": told.algorithm.value,
            "include_close_profit": told.include_close_profit,
        }
        before = {name: getattr(account, name) for name in terms}
        with transaction.atomic():
            TradingAccount.objects.filter(pk=account.pk).update(**terms)
            record(None, "account.broker_terms", account, before=before, after=terms)
        log.warning("broker's terms taken", account=account.code, before=before, after=terms)
        return False

    def take_instruments(self, gateway: BrokerGateway, day: date) -> None:
        """Bring our instruments to what the broker says of them."""
        rows = gateway.take_instruments()
        if not rows:
            return
        counts = store_answers(rows, day)
        keeper = self._keeper
        if counts.created or counts.updated:
            keeper.facts.forget()
            for code in {*keeper.held_codes(), *keeper.working_codes()} if keeper.trading_day else ():
                keeper.know_or_keep(code)

    def take_rates(self, gateway: BrokerGateway) -> None:
        """Cost the day by what the broker charges."""
        told = gateway.take_rates()
        if told:
            with transaction.atomic():  # rates that are stored are never corrected for again
                self._exchange.store()  # the day's fills are read from rows
                take_rates(self._keeper, told)
                self._exchange.store()
            self.rates_of |= {rates.instrument for rates in told}

    def tell_session(self, session: SessionTold) -> None:
        """Store where the session stands, when it has moved and now and then."""
        now = time.monotonic()
        if self._told is not None and self._told[0] == session and now - self._told[1] < TELL_SECONDS:
            return
        self._told = session, now
        values = {
            "state": session.state,
            "since": _moment(session.since),
            "front": session.front,
            "trading_day": session.trading_day,
            "login_at": _moment(session.login_at),
            "code": session.code,
            "text": session.text,
        }
        BrokerSession.objects.update_or_create(account=self._keeper.account, defaults=values)

    def take_statements(self, gateway: BrokerGateway) -> None:
        """Store settlement statements, and that they are confirmed."""
        for told in gateway.take_statements():
            rows = BrokerStatement.objects.filter(account=self._keeper.account, trading_day=told.trading_day)
            values: dict[str, Any] = {"text": told.text} if told.text else {}
            if told.confirmed_at:
                values["confirmed_at"] = _moment(told.confirmed_at)
            if not rows.update(**values):
                BrokerStatement.objects.create(account=self._keeper.account, trading_day=told.trading_day, **values)


def _moment(at: int) -> datetime | None:
    return ns_to_utc(at) if at else None
