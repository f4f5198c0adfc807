"""The switches of realism: every one that would change a figure of a plain run is off by default."""

import math
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any

from quantsite.common.errors import RuleError
from quantsite.common.texts import say


class LimitFill(StrEnum):
    """When a resting limit order counts as filled."""

    TOUCH = "touch"
    """The bar reaches the limit price."""
    THROUGH = "through"
    """The bar goes at least one tick beyond it: nobody waits in front of us any more."""


class Adjust(StrEnum):
    """What a strategy sees of a spliced series; fills are always at recorded prices."""

    NONE = "none"
    DIFFERENCE = "difference"
    """Bars after a roll are shifted by the spread, so that the oldest contract stays as it was (889)."""
    RATIO = "ratio"
    """The same by the quotient (889r)."""


class Sessions(StrEnum):
    """In which sessions a strategy decides and trades; the others only mark its position."""

    ALL = "all"
    DAY = "day"
    NIGHT = "night"


@dataclass(frozen=True, slots=True)
class Rules:
    """How a backtest treats orders and days beyond the plain rules (``docs/backtests.md`` states each).

    ``volume_cap``: the fraction of a bar's volume that may fill, 0 for no cap. ``slippage_range``: ticks of
    slippage per tick of the bar's range; ``slippage_impact``: ticks at a fill of the bar's whole volume,
    growing with the square root of the share; ``slippage_random``: up to so many ticks more by chance, from
    ``seed``. ``price_limit``: the fraction of the previous settlement at which prices lock where no limits are
    stored, 0 to use stored limits only. With ``ticks`` bars decide and recorded ticks fill, under the live host.
    ``latency_ms`` and ``ignore_queue`` are of runs on ticks: how long an order or a cancel takes to the exchange, and
    that nobody is ahead of a resting order at its price. The switches are off unless said.
    """

    volume_cap: float = 0.0
    limit_fill: LimitFill = LimitFill.TOUCH
    slippage_range: float = 0.0
    slippage_impact: float = 0.0
    slippage_random: int = 0
    price_limits: bool = False
    price_limit: float = 0.0
    margin_call: bool = False
    settlement: bool = False
    roll: bool = False
    adjust: Adjust = Adjust.NONE
    expiry: bool = False
    sessions: Sessions = Sessions.ALL
    seed: int = 0
    ticks: bool = False
    latency_ms: int = 0
    ignore_queue: bool = False

    def __post_init__(self) -> None:
        """Raises ``RuleError`` ``invalid_rules`` whose ``fields`` name every value that makes no sense."""
        faults: dict[str, str] = {}
        for name, most in _MOST.items():
            value = getattr(self, name)
            if not (math.isfinite(value) and 0 <= value <= most):
                faults[name] = say(
                    "%(name)s must be from 0 to %(most)g, not %(value)r.", name=name, most=most, value=value
                )
        if faults:
            raise RuleError("invalid_rules", " ".join(faults.values()), fields=faults)

    def given(self) -> dict[str, Any]:
        """The rules that differ from their default, as JSON values, by name: empty for a plain run."""
        return {field.name: value for field in fields(self) if (value := asdict(self)[field.name]) != field.default}


_MOST = {
    "volume_cap": 1.0,
    "slippage_range": 10.0,
    "slippage_impact": 10_000.0,
    "slippage_random": 10_000,
    "price_limit": 1.0,
    "seed": 2**63 - 1,
    "latency_ms": 60_000,
}

ON_TICKS = frozenset({"latency_ms", "ignore_queue"})
"""Rules that only a run on ticks knows; of the others it knows the seed and the settlement prices."""

PLAIN = Rules()
