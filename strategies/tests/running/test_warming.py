"""How many stored bars a live start takes: what the strategy says, or more where a check has measured that it needs."""

from datetime import date

import pytest

from marketdata.models import Instrument
from marketdata.services import store_simulated_bars
from strategies.instance_models import StrategyInstance, StrategyLeg
from strategies.running.warming import DAYS, MARGIN, Wanted, bars_before, wanted_bars
from strategies.services import Finding, write_evidence
from strategies.tests.instances import make_instance

pytestmark = pytest.mark.django_db


@pytest.fixture
def sim(db: None) -> Instrument:
    """Nine weeks of bars of five minutes."""
    return store_simulated_bars(None, interval="5m", first=date(2024, 1, 2), last=date(2024, 3, 8), seed=7).instrument


def measured(row: StrategyInstance, needed: int) -> None:
    """A check of this source with these parameters has found that so many bars are needed."""
    terms = {"strategy": row.strategy, "parameters": row.parameters, "source_hash": row.source_hash}
    facts = {"stated": 9, "needed": needed}
    finding = Finding(kind="warm_up", passed=True, interval=row.interval, facts=facts, **terms)
    write_evidence(None, finding)


def taken(row: StrategyInstance, instrument: Instrument) -> int:
    """How many bars are read for a start now."""
    (bars,) = bars_before([instrument], row.interval, wanted_bars(row), {}, 0)
    return len(bars)


def test_a_start_takes_the_larger_of_what_is_said_and_what_was_measured(sim: Instrument) -> None:
    row = make_instance(parameters={"fast": 3, "slow": 8})
    StrategyLeg.objects.filter(instance=row).update(instrument=sim)
    assert wanted_bars(row) == Wanted(MARGIN * 9)
    assert taken(row, sim) == MARGIN * 9
    measured(row, 4)
    assert taken(row, sim) == MARGIN * 9
    measured(row, 150)
    assert taken(row, sim) == MARGIN * 150
    StrategyInstance.objects.filter(pk=row.pk).update(interval="1m")
    row.refresh_from_db()
    assert wanted_bars(row) == Wanted(MARGIN * 9)  # measured on other bars


def test_one_that_says_nothing_takes_a_month_or_more_where_that_was_measured(sim: Instrument) -> None:
    row = make_instance(strategy="grid")
    assert wanted_bars(row) == Wanted(0, DAYS)
    month = taken(row, sim)
    assert month > 500
    measured(row, month)
    assert wanted_bars(row) == Wanted(MARGIN * month, DAYS)
    assert month < taken(row, sim) <= MARGIN * month
