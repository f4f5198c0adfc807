"""A stored state that nobody can read: that instance alone is stopped and says so; its lots go by its policy."""

from typing import Any

import pytest

from accounts.models import Alarm
from marketdata.domain.calendar import from_day_number
from marketdata.instruments import ensure_instrument
from marketdata.tests.domain.recorded import needs_data
from strategies.choices import ActivityName, Health
from strategies.instance_models import StrategyInstance
from strategies.models import StrategyLog
from strategies.state_models import StrategyState
from strategies.tests.live_day import LiveDay, fills_of, live_day, make_instance, orders_of, signals_of
from strategies.tests.running.test_failing import CODE, OPEN, _made, begun, morning  # noqa: F401
from strategies.verbs.holdings import held_lots

pytestmark = [needs_data, pytest.mark.real_data, pytest.mark.django_db(transaction=True)]


def damage(row: StrategyInstance, **columns: Any) -> None:
    """What a disk or a hand has made of its stored state."""
    document = StrategyState.objects.get(pk=row.pk).document
    changed = {name: value if name == "frames" else {**document, **value} for name, value in columns.items()}
    StrategyState.objects.filter(pk=row.pk).update(**changed)


def holding(day: LiveDay, **given: Any) -> StrategyInstance:
    """One that holds a lot, beside a neighbour on the same account, at a moment at which the runner was killed."""
    day.add_account("both")
    make_instance("well", "flips", [CODE], "both", "tick", isolated=False, parameters={"every": 7})
    row = make_instance("torn", "holds", [CODE], "both", "tick", isolated=False, **given)
    day.begin()
    day.play(morning()[:OPEN])
    day.kill()
    assert held_lots(row) == {CODE: 1}
    return row


@pytest.mark.parametrize(
    "columns",
    [
        pytest.param({"document": {"host": {"version": 99}}}, id="host"),
        pytest.param({"document": {"book": "torn"}}, id="book"),
        pytest.param({"document": {"sent": [[1, 2]]}}, id="orders"),
        pytest.param({"frames": {"day": "no id"}}, id="frames"),
    ],
)
def test_it_alone_is_stopped_and_its_lots_are_closed_by_its_policy(columns: dict[str, Any]) -> None:
    ticks = morning()
    with live_day([CODE], ticks[0]) as day:
        row = holding(day, on_failure="flatten")
        damage(row, **columns)
        day.begin()
        day.play(ticks[OPEN:])
        row.refresh_from_db()
        assert (row.activity, row.health, row.failure_code) == (ActivityName.STOPPED, Health.FAILED, "state_unreadable")
        assert "cannot be read" in row.failure
        assert StrategyLog.objects.get(instance=row, kind="failed").told == row.failure
        assert Alarm.objects.get(code="strategy_failed", subject="torn").cleared_at is None
        assert held_lots(row) == {}
        assert [order[5] for order in orders_of(row)] == ["target", "flatten"]
        well = StrategyInstance.objects.get(key="well")
        assert well.health == Health.RUNNING
        assert len(signals_of(well)) == len(ticks) // 7
        assert fills_of(well)


def test_started_again_it_goes_on_with_its_lots() -> None:
    ticks = morning()
    with live_day([CODE], ticks[0]) as day:
        row = holding(day, on_failure="leave")
        before = StrategyState.objects.get(pk=row.pk).document["book"]["holdings"][CODE]
        damage(row, document={"book": []} | {"gather": 7})
        day.begin()
        day.play(ticks[OPEN : OPEN + 5])
        assert held_lots(row) == {CODE: 1}
        StrategyInstance.objects.filter(pk=row.pk).update(activity=ActivityName.RUNNING)
        row.refresh_from_db()
        assert day.loop is not None
        day.kill()
        day.begin()
        instance = day.loop.instances[row.pk]
        held = instance.book.holdings[CODE]
        assert (held.lots, held.average, held.commission) == (1, before["average"], before["commission"])
        assert instance.book.held == {CODE: 1}


def test_one_whose_instrument_cannot_be_followed_is_told_and_nobody_else_stops() -> None:
    ticks = morning()
    with live_day([CODE], ticks[0]) as day:
        row = holding(day, on_failure="cancel")
        lost = ensure_instrument("rb1901.SHFE", from_day_number(ticks[0].trading_day))
        lost.product.sessions.all().delete()
        row.legs.update(instrument=lost)
        day.begin()
        row.refresh_from_db()
        assert (row.activity, row.health, row.failure_code) == (ActivityName.STOPPED, Health.FAILED, "no_hours")
        assert Alarm.objects.get(code="strategy_failed", subject="torn").cleared_at is None
        assert StrategyInstance.objects.get(key="well").health == Health.RUNNING
