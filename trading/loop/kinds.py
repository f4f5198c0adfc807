"""Which gateway an account's kind stands for."""

import time
from contextlib import suppress
from datetime import date

from marketdata.ctp.session import TraderSession
from marketdata.domain.codes import EXCHANGES
from marketdata.instruments import ensure_instrument, trading_calendar
from quantsite.common.errors import RuleError
from trading.account_models import TradingAccount
from trading.broker_models import BrokerLogin
from trading.choices import AccountKind
from trading.domain.gateway import Gateway
from trading.domain.simulated.orders import MatchingRules, Queue
from trading.gateways.ctp.desk import Surroundings
from trading.gateways.ctp.gateway import CtpGateway
from trading.gateways.simulated import SimulatedGateway
from trading.ledger.ctp_rows import day_rows
from trading.ledger.facts import day_at
from trading.ledger.keeper import Keeper
from trading.loop.desk_rules import price_limits
from trading.loop.market import Market


def gateway_for(keeper: Keeper, market: Market, session: TraderSession | None = None) -> Gateway:
    """A fresh gateway of the account's kind, to a market that it may look at.

    ``session`` is that of the account at its broker. Raises ``ValueError`` where a kind needs one and there is none.
    """
    account = keeper.account
    if account.kind == AccountKind.SIMULATED:
        rules = MatchingRules(latency_ns=int(account.latency_ms * 1e6), queue=Queue(account.queue_model))
        return SimulatedGateway(rules, keeper.facts.contract, market.tick)
    if session is None:
        raise ValueError(f"account {account.code} of kind {account.kind} needs a session at its broker")
    return CtpGateway(session, _surroundings(account, keeper, market))


def _surroundings(account: TradingAccount, keeper: Keeper, market: Market) -> Surroundings:
    def clock(code: str) -> int:
        return market.told_on(code) or keeper.market_now or time.time_ns()

    def day_before(day: date) -> date:
        return trading_calendar().previous_before(day)

    def contract_of(symbol: str, exchange: str) -> tuple[str, float] | None:
        for place in [exchange] if exchange else EXCHANGES:
            with suppress(RuleError):
                code = f"{symbol}.{place}"
                ensure_instrument(code, day_at(clock(code)))
                return code, keeper.facts.contract(code).multiplier
        return None

    login = BrokerLogin.objects.filter(account=account).first()
    return Surroundings(
        account=account.code,
        clock=clock,
        rows=lambda day: day_rows(account, day),
        limits=lambda code: price_limits(market, code),
        day_before=day_before,
        contract_of=contract_of,
        market_as_limit=login is not None and login.market_as_limit,
    )
