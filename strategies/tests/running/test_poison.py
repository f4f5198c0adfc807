"""What one strategy wants, says or keeps may be anything: it is stopped for it, and nobody else notices."""

from collections.abc import Sequence
from time import monotonic

import pytest

from accounts.models import Alarm
from marketdata.tests.domain.recorded import needs_data
from quantsite.testing.patience import SOON
from strategies.choices import ActivityName, Health
from strategies.instance_models import StrategyInstance
from strategies.models import StrategyLog
from strategies.running.inputs import Input
from strategies.running.instance import MOST_INPUTS
from strategies.tests.live_day import live_day, make_instance, orders_of, signals_of
from strategies.tests.running.test_failing import CODE, OPEN, _made, begun, morning  # noqa: F401

pytestmark = [needs_data, pytest.mark.real_data, pytest.mark.django_db(transaction=True)]

WORDS = {
    "lots": "an order of",
    "price": "an order at the price 1e+16",
    "null": "a signal with the reason",
    "reason": "a signal with the reason 7",
    "state": "kept",
}


@pytest.mark.parametrize("isolated", [False, True])
def test_it_alone_is_stopped_with_a_sentence(isolated: bool) -> None:
    ticks = morning()
    with live_day([CODE], ticks[0]) as day:
        day.add_account("all")
        given = {"isolated": isolated, "budget_ms": 20_000}
        rows = {
            how: make_instance(how, "poison", [CODE], "all", "tick", parameters={"at": OPEN, "how": how}, **given)
            for how in (*WORDS, "raise")
        }
        well = begun(day, "flips", isolated=False, parameters={"every": 7})
        day.begin()
        day.play(ticks)
        assert day.loop is not None
        day.loop.store_all()
        until = monotonic() + SOON
        while StrategyInstance.objects.get(pk=rows["state"].pk).health == Health.RUNNING:  # until it is asked for it
            assert monotonic() < until
            day.loop.turn(0.05)
        for how, words in WORDS.items():
            row = rows[how]
            row.refresh_from_db()
            assert (row.activity, row.health, row.failure_code) == (ActivityName.STOPPED, Health.FAILED, "unfit"), how
            assert words in row.failure
            assert Alarm.objects.filter(code="strategy_failed", subject=how, cleared_at=None).exists()
            assert orders_of(row) == []
        rows["raise"].refresh_from_db()
        assert rows["raise"].health == Health.RUNNING
        assert "null \\0 and half a pair \\ud800" in StrategyLog.objects.get(instance=rows["raise"], kind="error").told
        well.refresh_from_db()
        assert well.health == Health.RUNNING
        assert len(signals_of(well)) == len(ticks) // 7


def test_a_long_step_is_handed_over_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = morning()
    with live_day([CODE], ticks[0]) as day:
        row = begun(day, "flips", isolated=True, parameters={"every": 7})
        day.begin()
        assert day.loop is not None
        instance = day.loop.instances[row.pk]
        fed: list[int] = []
        host = instance.host
        assert host is not None
        feed = host.feed

        def noted(inputs: Sequence[Input], *, document: bool) -> None:
            fed.append(len(inputs))
            feed(inputs, document=document)

        monkeypatch.setattr(host, "feed", noted)
        for tick in ticks * 3:
            instance.tick(0, tick, 1)
        day.loop.touch(instance)
        day.loop.end_step()
        day.settle()
        assert max(fed) <= MOST_INPUTS
        assert sum(fed) >= 3 * len(ticks)
        assert instance.idle
        assert len(signals_of(row)) == 3 * len(ticks) // 7
