"""Which gateway an account's kind stands for."""

from trading.account_models import TradingAccount
from trading.domain.gateway import Gateway
from trading.domain.simulated.orders import MatchingRules, Queue
from trading.facts import Facts
from trading.gateways.simulated import SimulatedGateway


def gateway_for(account: TradingAccount, facts: Facts) -> Gateway:
    """A fresh gateway of the account's kind."""
    rules = MatchingRules(latency_ns=int(account.latency_ms * 1e6), queue=Queue(account.queue_model))
    return SimulatedGateway(rules, facts.contract)
