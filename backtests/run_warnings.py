"""What a reader must know before believing a result; shown above the first number."""

from dataclasses import asdict

from django.utils.translation import gettext_noop

from backtests.domain.costs import CostTable
from backtests.domain.result import RunResult

FEW_TRADES = 30
"""Below this number of closed lots win rate and averages are mostly luck."""

TOO_FEW = gettext_noop("Fewer than 30 closed trades: averages and ratios say little.")
NO_FEES = gettext_noop("No commission was charged on any fill.")
NO_MARGIN = gettext_noop("The margin rate is 0: openings were never limited by the capital.")


def warnings_of(result: RunResult, costs: CostTable) -> list[str]:
    """The engine's own sentences, then those about figures that mislead."""
    found = list(result.warnings)
    if len(result.fills) and result.commission == 0:
        found.append(NO_FEES)
    if not any(rate for row in costs.margins for rate in asdict(row.value).values()):
        found.append(NO_MARGIN)
    if len(result.trades) < FEW_TRADES:
        found.append(TOO_FEW)
    return found
