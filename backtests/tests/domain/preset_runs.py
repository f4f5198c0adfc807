"""Presets through the real engine on bars of tests, without costs, and what they traded."""

from collections.abc import Sequence

from backtests.domain.engine import RunConfig, RunSetup, run, run_legs
from backtests.domain.legs import Leg
from backtests.domain.result import FillTable
from backtests.tests.domain.series import CODE, flat_costs
from marketdata.domain.bars import BarSeries
from strategies import registry
from strategies.domain.forms import Form

RICH = 1e9

Deal = tuple[int, int, float, float]
"""Number of the bar that fills, +1 or -1, price, lots."""


def deals(name: str, values: dict[str, object], bars: BarSeries, form: Form | None = None) -> list[Deal]:
    """The fills of a run with a volume of one lot and a tick of 1."""
    config = RunConfig(CODE, bars.interval, RICH, 1.0, flat_costs(), form=form)
    return of_table(run(bars, registry.create(name, values), config).fills)


def pair_deals(values: dict[str, object], legs: Sequence[BarSeries], capital: float = RICH) -> list[list[Deal]]:
    """The fills of ``spread``, leg by leg."""
    given = [Leg(f"leg{number}", bars, flat_costs()) for number, bars in enumerate(legs)]
    fills = run_legs(given, registry.create("spread", values), RunSetup(capital, 1.0)).fills
    return [of_table(fills, leg) for leg in range(len(legs))]


def of_table(fills: FillTable, leg: int = 0) -> list[Deal]:
    """The rows of one leg; a reversal is two, and a close of lots of today and of older ones too."""
    columns = (fills.bar_index, fills.direction, fills.price, fills.volume)
    return list(zip(*(column[fills.leg == leg].tolist() for column in columns), strict=True))


def targets_to_deals(bars: BarSeries, targets: Sequence[float | None]) -> list[Deal]:
    """Fills of targets at the next open, a reversal as a close and an opening; every bar has volume."""
    found: list[Deal] = []
    held = target = 0.0
    for at, opened in enumerate(bars.open.tolist()):
        found += [(at, 1 if part > 0 else -1, opened, abs(part)) for part in _parts(held, target)]
        held = target
        wish = targets[at]
        target = held if wish is None else wish
    return found


def _parts(held: float, target: float) -> list[float]:
    if held * target < 0:
        return [-held, target]
    return [target - held] if target != held else []
