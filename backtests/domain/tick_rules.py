"""How the switches of a run read on the simulated exchange."""

from backtests.domain.rules import Rules
from trading.domain.simulated.orders import MatchingRules, Queue

NS_PER_MILLISECOND = 1_000_000


def matching_rules(rules: Rules) -> MatchingRules:
    """The exchange's rules of a run on ticks."""
    queue = Queue.NONE if rules.ignore_queue else Queue.DISPLAYED
    return MatchingRules(rules.latency_ms * NS_PER_MILLISECOND, queue)
