"""The recorded main-contract bars of steel with the recorded rolls: stored, cached, adjusted."""

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from marketdata import series_cache
from marketdata.daily_facts import ContractRoll
from marketdata.daily_services import import_rolls
from marketdata.domain.adjust import adjusted, aligned
from marketdata.domain.calendar import from_day_number, to_day_number
from marketdata.models import Bar
from marketdata.services import BarImportOptions, import_bars

pytestmark = [pytest.mark.django_db, pytest.mark.real_data]

ON_THE_DAY = {"2014-03-05", "2014-10-21", "2015-07-21", "2017-08-09", "2018-08-20", "2018-11-29", "2019-12-06"}
A_DAY_EARLIER = {"2016-03-15", "2016-11-29", "2017-03-24", "2018-03-29", "2019-04-02", "2019-08-23"}
"""Listed days of rolls with a spread that stands out (1 % and more); on 2015-03-10 the bars follow two days later,
on 2017-11-10 (-1.0 %) no jump can be told from the moves of a night."""


def test_six_years_of_steel(shared_data: Path) -> None:
    file = shared_data / "bars" / "SHFE.rb.HOT_5m_2014-2019.csv.gz"
    rb = import_bars(None, file, "rb88.SHFE", "5m", BarImportOptions("end")).instrument
    import_rolls(None, shared_data / "reference" / "wt_hots.json.gz")
    bars, data_hash = series_cache.load(rb, "5m")
    assert len(bars) == 101_928
    assert data_hash == Bar.objects.series(rb, "5m").data_hash()

    rolls = list(ContractRoll.objects.of(rb).within(date(2014, 1, 3), date(2019, 12, 31)))
    assert len(rolls) == 18
    splices = aligned([row.to_domain() for row in rolls], bars)
    days = np.unique(bars.trading_day)
    apart = {
        str(row.trading_day): int(np.searchsorted(days, splice.trading_day))
        - int(np.searchsorted(days, to_day_number(row.trading_day)))
        for row, splice in zip(rolls, splices, strict=True)
    }
    assert {day for day, shift in apart.items() if shift == -1} == A_DAY_EARLIER
    assert {day for day, shift in apart.items() if shift > 0} == {"2015-03-10"}
    assert {day for day, shift in apart.items() if shift == 0} >= ON_THE_DAY

    first = [int(np.searchsorted(bars.trading_day, splice.trading_day)) for splice in splices]
    assert bars.open[first[-4]] / bars.close[first[-4] - 1] - 1 == pytest.approx(-0.0963, abs=1e-4), "2018-11-28 21:05"
    back = adjusted(bars, splices, "889", "rb889.SHFE")
    level = bars.close[[at - 1 for at in first]]
    raw_jump = np.abs(bars.open[first] - level) / level
    jump = np.array([abs(back.open[at] - back.close[at - 1]) for at in first]) / level
    assert np.median(raw_jump) == pytest.approx(0.0395, abs=1e-3)
    assert raw_jump.max() == pytest.approx(0.0963, abs=1e-3)
    assert np.median(jump) < 0.01
    assert jump.max() < 0.025
    before = bars.trading_day < splices[0].trading_day
    assert back.close[before].tolist() == bars.close[before].tolist(), "the oldest contract stays as it was"
    assert adjusted(bars, splices, "888", "rb888.SHFE").close[-1] == bars.close[-1], "the newest stays as it is"


def test_a_year_of_terephthalic_acid(shared_data: Path) -> None:
    """Every roll of TA whose spread stands out is a day early in the recorded bars."""
    file = shared_data / "bars" / "CZCE.TA.HOT_5m_2019-2020.csv.gz"
    ta = import_bars(None, file, "TA88.CZCE", "5m", BarImportOptions("end")).instrument
    import_rolls(None, shared_data / "reference" / "wt_hots.json.gz")
    rolls = ContractRoll.objects.of(ta).within(date(2019, 8, 2), date(2020, 8, 7))
    placed = aligned([row.to_domain() for row in rolls], series_cache.load(ta, "5m")[0])
    told = [str(from_day_number(splice.trading_day)) for splice in placed]
    assert told == ["2019-08-15", "2019-12-11", "2020-03-27"]
