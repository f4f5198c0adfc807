"""One recorded trading day as the run on ticks takes it."""

from collections.abc import Sequence
from dataclasses import dataclass

from marketdata.domain.ticks import Tick


@dataclass(frozen=True, slots=True)
class TickDay:
    """``opens`` and ``closes`` are the first and last instant of trading (ns UTC); the ticks are in their order."""

    trading_day: int
    opens: int
    closes: int
    ticks: Sequence[Tick]
