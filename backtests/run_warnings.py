"""What a reader must know before believing a result; shown above the first number."""

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
from django.utils.translation import gettext_noop

from backtests.domain.costs import CostTable
from backtests.domain.legs import Leg
from backtests.domain.result import RunResult
from backtests.domain.rules import Rules

FEW_TRADES = 30
"""Below this number of closed lots win rate and averages are mostly luck."""

TOO_FEW = gettext_noop("Fewer than 30 closed trades: averages and ratios say little.")
NO_FEES = gettext_noop("No commission was charged on any fill.")
NO_MARGIN = gettext_noop("The margin rate is 0: openings were never limited by the capital.")


def warnings_of(result: RunResult, legs: Sequence[Leg], rules: Rules) -> list[str]:
    """The engine's own sentences, then those about figures that mislead."""
    found = [*result.warnings, *(text for leg in legs if rules.settlement for text in _unsettled(leg))]
    if len(result.fills) and result.commission == 0:
        found.append(NO_FEES)
    if any(_is_free(leg.costs) for leg in legs):
        found.append(NO_MARGIN)
    if len(result.trades) < FEW_TRADES:
        found.append(TOO_FEW)
    return found


def _is_free(costs: CostTable) -> bool:
    """Whether holding takes no margin at all."""
    return not any(rate for row in costs.margins for rate in asdict(row.value).values())


def _unsettled(leg: Leg) -> list[str]:
    """The sentence about trading days without a stored settlement price."""
    days = np.unique(leg.bars.trading_day).tolist()
    missing = sum(day not in leg.facts.settlements for day in days)
    text = "%d of %d trading days of %s have no stored settlement price: they settle at their last close."
    return [text % (missing, len(days), leg.code)] if missing else []
