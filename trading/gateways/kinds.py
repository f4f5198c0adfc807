"""Which gateway an account's kind stands for."""

from trading.account_models import TradingAccount
from trading.domain.gateway import Gateway
from trading.domain.simulated.orders import MatchingRules, Queue
from trading.facts import Facts
from trading.gateways.simulated import SimulatedGateway
from trading.market import Market


def gateway_for(account: TradingAccount, facts: Facts, market: Market) -> Gateway:
    """A fresh gateway of the account's kind, to a market that it may look at."""
    rules = MatchingRules(latency_ns=int(account.latency_ms * 1e6), queue=Queue(account.queue_model))
    return SimulatedGateway(rules, facts.contract, market.tick)
