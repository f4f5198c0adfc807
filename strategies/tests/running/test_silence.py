"""A leg that nothing is heard of while its market trades and others of its source speak: detected, told, and over."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings

from accounts.models import Alarm
from marketdata.domain.ticks import Tick
from marketdata.tests.made_ticks import NINE, tick
from quantsite.common.times import NS_PER_MINUTE
from strategies.event_models import StrategyLog
from strategies.instance_models import StrategyInstance
from strategies.tests.live_day import LiveDay, live_day, make_instance
from strategies.tests.user_files import using

pytestmark = pytest.mark.django_db(transaction=True)

NEAR, FAR = "rb2405.SHFE", "rb2410.SHFE"
LIMIT = 20
"""Seconds; ticks come twice a second."""
BREAK = NINE + 75 * NS_PER_MINUTE
"""A quarter past ten."""


@pytest.fixture
def day(settings: LazySettings) -> Iterator[LiveDay]:
    settings.INSTRUMENT_SILENT_SECONDS = LIMIT
    with using(Path(__file__).parent / "made"), live_day([NEAR, FAR], tick(NEAR, 1)) as made:
        yield made


def running(day: LiveDay, **given: Any) -> StrategyInstance:
    """A spread of both, and one that only follows the one which goes on."""
    day.add_account("S1")
    make_instance("near", "holds", [NEAR], "S1", "tick", isolated=False)
    row = make_instance("spread", "spread", [NEAR, FAR], "S1", "1m", **given)
    day.begin()
    return row


def play(day: LiveDay, first: int, last: int, *codes: str, **figures: Any) -> None:
    """These ticks of the contracts, then a look of the runner at who is silent."""
    made: list[Tick] = [tick(code, seq, **figures) for seq in range(first, last + 1) for code in codes]
    day.play(made)
    look(day)


def look(day: LiveDay) -> None:
    assert day.loop is not None
    day.loop.silence.look(day.loop.instances.values(), every=True)


def silent() -> list[str]:
    return list(Alarm.objects.open().filter(code="strategy_leg_silent").values_list("subject", flat=True))


def test_a_leg_that_falls_silent_is_told_of_until_it_is_heard_again(day: LiveDay) -> None:
    row = running(day)
    play(day, 2, 4, NEAR, FAR)
    play(day, 5, 4 + 2 * LIMIT, NEAR)
    assert silent() == []
    play(day, 5 + 2 * LIMIT, 6 + 2 * LIMIT, NEAR)
    assert silent() == ["spread"]
    alarm = Alarm.objects.get(code="strategy_leg_silent")
    assert alarm.values["codes"] == FAR
    assert FAR in StrategyLog.objects.get(instance=row, kind="silent").told
    look(day)
    alarm.refresh_from_db()
    assert alarm.count == 1
    day.kill()
    day.begin()
    play(day, 7 + 2 * LIMIT, 8 + 4 * LIMIT, NEAR)  # the next runner knows that it was told
    assert silent() == ["spread"]
    play(day, 9 + 4 * LIMIT, 9 + 4 * LIMIT, NEAR, FAR)
    assert silent() == []
    assert StrategyLog.objects.filter(instance=row, kind="heard").count() == 1


def test_one_that_stops_is_waited_for_no_longer(day: LiveDay) -> None:
    row = running(day)
    play(day, 2, 4, NEAR, FAR)
    play(day, 5, 8 + 2 * LIMIT, NEAR)
    assert silent() == ["spread"]
    StrategyInstance.objects.filter(pk=row.pk).update(activity="stopped")
    day.kill()
    day.begin()
    look(day)
    assert silent() == []


def test_neither_a_source_that_says_nothing_at_all_nor_a_break_is_a_leg_that_is_silent(day: LiveDay) -> None:
    running(day)
    play(day, 2, 4, NEAR, FAR)
    last = day._second
    for second in range(1, 3 * LIMIT):
        day._tell(last + second * 10**9)
    day.settle()
    look(day)
    assert silent() == []
    ends = int((BREAK - NINE) / 5e8)
    play(day, ends - 4, ends - 1, NEAR, FAR)
    opens = ends + 2 * 15 * 60  # a quarter of an hour later
    play(day, opens + 1, opens + 2 * LIMIT - 1, NEAR)
    assert silent() == []
    play(day, opens + 2 * LIMIT, opens + 2 * LIMIT + 4, NEAR)
    assert silent() == ["spread"]
