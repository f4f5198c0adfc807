"""After a restart a change of parameters leads to the decisions to which it would have led without one."""

from datetime import date
from typing import Any

import pytest

from marketdata.domain.bars import BarSeries
from marketdata.models import Bar, Instrument
from marketdata.services import store_simulated_bars
from quantsite.common.times import NS_PER_MINUTE
from strategies.domain.hosting.intents import Decided
from strategies.instance_models import StrategyInstance, StrategyLeg
from strategies.running.guard import Guard
from strategies.running.hosts import Host, Local, Wanted
from strategies.running.inputs import BarsIn, DayIn, ParametersIn
from strategies.running.instance import Instance
from strategies.running.making import Maker
from strategies.running.older import OlderBars
from strategies.tests.instances import make_instance

pytestmark = pytest.mark.django_db

WARM, FURTHER, AFTER = 300, 130, 60
FIVE = 5 * NS_PER_MINUTE


@pytest.fixture
def sim(db: None) -> Instrument:
    """Three weeks of bars of five minutes."""
    return store_simulated_bars(None, interval="5m", first=date(2024, 1, 2), last=date(2024, 1, 22), seed=7).instrument


@pytest.fixture
def maker(sim: Instrument) -> Any:
    """What makes hosts, and the instance that trades those bars."""
    row = make_instance(parameters={"fast": 2, "slow": 5})
    StrategyLeg.objects.filter(instance=row).update(instrument=sim)
    guard = Guard()
    yield Maker(guard, lambda _child, _told: None), row
    guard.close()


def play(host: Host, bars: BarSeries) -> list[tuple[int, float]]:
    """What it decides on these: the bar and the target."""
    wanted: list[Wanted] = []
    for bar in bars.rows():
        fault = host.give(BarsIn((bar,), bar.start + FIVE, ()), wanted, 0, late=False)
        assert fault is None, fault
    intents = [each.intent for each in wanted]
    return [(intent.bar_start, intent.target) for intent in intents if isinstance(intent, Decided)]


def made(maker: Maker, row: StrategyInstance, bars: BarSeries) -> tuple[Instance, Local]:
    instance = maker.instance(row, None)
    host = maker.host(row, maker.spec(instance), None, [bars.take(slice(0, WARM))])
    assert isinstance(host, Local)
    host.give(DayIn(int(bars.trading_day[WARM])), [], 0, late=False)
    play(host, bars.take(slice(WARM, WARM + FURTHER)))
    return instance, host


def test_new_parameters_see_the_same_bars_as_without_a_restart(maker: Any, sim: Instrument) -> None:
    makes, row = maker
    bars = Bar.objects.series(sim, "5m")
    instance, host = made(makes, row, bars)
    document = host.document()
    older = OlderBars().before(instance, document)
    assert sum(map(len, older)) + document["bars"][0]["count"] == WARM + FURTHER
    restored = makes.host(row, makes.spec(instance), document, older)
    assert restored.document()["bars"][0] == document["bars"][0]
    after = bars.take(slice(WARM + FURTHER, WARM + FURTHER + AFTER))
    told = []
    for each in (host, restored):
        each.give(ParametersIn({"fast": 2, "slow": 40}), [], 0, late=False)
        told.append(play(each, after))
    assert told[0]
    assert told[1] == told[0]
    short = makes.host(row, makes.spec(instance), document, [])
    short.give(ParametersIn({"fast": 2, "slow": 40}), [], 0, late=False)
    assert play(short, after) != told[0]
