"""Strategy instances and what they do, as rows; the classes stand in the files beside, by subject."""

from strategies.event_models import Evidence, Signal, StrategyLog, StrategyOrder
from strategies.instance_models import (
    StrategyGate,
    StrategyInstance,
    StrategyInstanceGroupObjectPermission,
    StrategyInstanceUserObjectPermission,
    StrategyLeg,
)
from strategies.state_models import StrategyDay, StrategyPosition, StrategyRoll, StrategyState

__all__ = [
    "Evidence",
    "Signal",
    "StrategyDay",
    "StrategyGate",
    "StrategyInstance",
    "StrategyInstanceGroupObjectPermission",
    "StrategyInstanceUserObjectPermission",
    "StrategyLeg",
    "StrategyLog",
    "StrategyOrder",
    "StrategyPosition",
    "StrategyRoll",
    "StrategyState",
]
