"""Which algorithm a plan names."""

from strategies.domain.execution.chase import ChasePolicy
from strategies.domain.execution.iceberg import IcebergPolicy
from strategies.domain.execution.plan import ChasePlan, IcebergPlan, LegPlan, TwapPlan
from strategies.domain.execution.policies import MarketPolicy, Policy
from strategies.domain.execution.twap import TwapPolicy


def policy_of(plan: LegPlan, seed: int, leg: int) -> Policy:
    """The algorithm that a plan names, fresh; chance hangs on the seed and the leg."""
    if isinstance(plan, ChasePlan):
        return ChasePolicy(plan)
    if isinstance(plan, TwapPlan):
        return TwapPolicy(plan, seed, leg)
    if isinstance(plan, IcebergPlan):
        return IcebergPolicy(plan, seed, leg)
    return MarketPolicy()
