"""Value at risk from recorded bars, against a computation that reads the recorded file by itself."""

import csv
import gzip
from datetime import date
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from marketdata.daily_facts import ContractRoll
from marketdata.daily_returns import daily_returns, days_before
from marketdata.daily_services import import_rolls
from marketdata.instruments import ensure_instrument, trading_calendar
from marketdata.services import BarImportOptions, import_bars
from trading.domain.risk.tail_risk import tail_risk

pytestmark = [pytest.mark.django_db, pytest.mark.real_data]

LAST = date(2019, 12, 31)
DAYS = 250
EXPOSURE = 40 * 10 * 3_550.0
"""Forty lots of steel held long, in yuan."""


def closes(file: Path) -> dict[str, float]:
    """The close of each day: of the bar that ends at 15:00, whatever follows at night."""
    with gzip.open(file, "rt") as lines:
        return {
            row["datetime"][:10]: float(row["close"])
            for row in csv.DictReader(lines)
            if row["datetime"][11:16] == "15:00"
        }


def test_a_contract_without_bars_takes_the_recorded_history_of_its_product(shared_data: Path) -> None:
    file = shared_data / "bars" / "SHFE.rb.HOT_5m_2014-2019.csv.gz"
    series = import_bars(None, file, "rb88.SHFE", "5m", BarImportOptions("end")).instrument
    import_rolls(None, shared_data / "reference" / "wt_hots.json.gz")
    contract = ensure_instrument("rb2005.SHFE", LAST)
    days = days_before(trading_calendar(), LAST, DAYS + 1)
    told = daily_returns(contract.code, days)
    own = closes(file)
    raw = np.array([own[str(later)] / own[str(day)] - 1 for day, later in pairwise(days)])
    rolled = {str(row.trading_day): row for row in ContractRoll.objects.of(series).within(days[1], days[-1])}
    apart = [str(day) for day, one, other in zip(days[1:], told, raw, strict=True) if abs(one - other) > 1e-12]
    assert len(rolled) == len(apart) == 3  # the new contract's price against its own, not against the old one's
    quotients = sorted(row.old_close / row.new_close for row in rolled.values())
    at = [str(day) for day in days[1:]]
    found = sorted((1 + told[at.index(day)]) / (1 + raw[at.index(day)]) for day in apart)
    assert found == pytest.approx(quotients)

    risk = tail_risk({contract.code: EXPOSURE}, {contract.code: told}, confidence=0.99, shortfall_confidence=0.975)
    losses = sorted((-EXPOSURE * value for value in told), reverse=True)
    assert (risk.days, risk.left_out) == (DAYS, ())
    assert risk.value_at_risk == pytest.approx(losses[2])  # of 250 losses three are beyond 99 %, or on it
    assert risk.value_at_risk == pytest.approx(np.quantile(losses, 0.99, method="inverted_cdf"))
    assert risk.shortfall == pytest.approx((sum(losses[:6]) + 0.25 * losses[6]) / 6.25)
    assert (round(risk.value_at_risk), round(risk.shortfall)) == (33_032, 34_249)


def test_nothing_is_told_of_days_that_are_not_stored(shared_data: Path) -> None:
    import_bars(None, shared_data / "bars" / "SHFE.rb2401_1m.csv.gz", "rb2401.SHFE", "1m", BarImportOptions("end"))
    days = days_before(trading_calendar(), date(2023, 10, 11), 20)
    told = daily_returns("rb2401.SHFE", days)
    assert len(told) == 19
    assert np.isfinite(told).sum() == 5  # six days are recorded whole
    assert daily_returns("rb2401.SHFE", days[:1]).shape == (0,)
