"""The console's pages about strategies; each stands in the file of its subject."""

from accounts import audit_words
from strategies.audit_words import DEEDS, THINGS
from strategies.console.gate_rows import StrategyGateAdmin
from strategies.console.instances import StrategyInstanceAdmin
from strategies.console.links import page_of
from strategies.console.rows import EvidenceAdmin, SignalAdmin, StrategyLogAdmin, StrategyOrderAdmin
from trading.console import strategy_links

strategy_links.register(page_of)
audit_words.name(THINGS, DEEDS)

__all__ = [
    "EvidenceAdmin",
    "SignalAdmin",
    "StrategyGateAdmin",
    "StrategyInstanceAdmin",
    "StrategyLogAdmin",
    "StrategyOrderAdmin",
]
