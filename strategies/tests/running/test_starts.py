"""Starts at odd moments: while orders of the former run may fill, while somebody pauses it, with other instruments."""

from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import pytest

from accounts.models import Alarm
from marketdata.domain.calendar import from_day_number
from marketdata.domain.ticks import Tick
from marketdata.instruments import ensure_instrument
from marketdata.tests.domain.recorded import needs_data
from quantsite.testing.patience import SOON
from strategies import loading, services
from strategies.choices import ActivityName, Health
from strategies.instance_models import StrategyInstance
from strategies.loading_places import Places
from strategies.models import StrategyLog
from strategies.running.hosts import Local
from strategies.running.instance import Instance
from strategies.running.loop import Rung, StrategyLoop
from strategies.running.warm_starts import Warmed
from strategies.tests.instances import open_gates
from strategies.tests.live_day import LiveDay, fills_of, live_day, make_instance, orders_of, set_row
from strategies.verbs.holdings import held_lots, working_orders
from trading.tests.recorded_ticks import FILES, ticks_of

pytestmark = [needs_data, pytest.mark.real_data, pytest.mark.django_db(transaction=True)]

RU = FILES[0]
CODE = RU.code
OPEN = 40
"""The first ticks of the file are those of the opening auction."""


@pytest.fixture(autouse=True)
def _made() -> Iterator[None]:
    """The strategies of this folder are users' own; every gate is open."""
    before = loading.use(Places(str(Path(__file__).parent / "made")))
    open_gates()
    yield
    loading.keep(before)


def ticks_until(stop: int) -> list[Tick]:
    return list(ticks_of(RU)[:stop])


def begun(day: LiveDay, strategy: str, **given: object) -> StrategyInstance:
    """An instance on every tick in the runner's own process, on an account of its own."""
    day.add_account(strategy)
    return make_instance(strategy, strategy, [CODE], strategy, "tick", isolated=False, **given)


def loop_of(day: LiveDay) -> StrategyLoop:
    assert day.loop is not None
    return day.loop


def look(day: LiveDay) -> None:
    """The loop sees what somebody has changed; the account's loop sees nothing."""
    loop_of(day).take(Rung())
    loop_of(day).end_step()
    loop_of(day).settle()


def agree(day: LiveDay, row: StrategyInstance) -> int:
    """Its host, its book and the account's fills say the same; gives the lots."""
    instance = loop_of(day).instances[row.pk]
    assert isinstance(instance.host, Local)
    assert instance.host.positions == [instance.book.lots(CODE)] == [held_lots(row).get(CODE, 0)]
    return instance.book.lots(CODE)


def publish(day: LiveDay, ticks: list[Tick]) -> None:
    """The strategies' loop takes these ticks in; accounts do not."""
    for tick in ticks:
        day.path.on_tick(tick)
    day._tell(ticks[-1].time)
    assert day.publisher.flush(SOON)
    day._strategies()


def warmed_up(day: LiveDay) -> Warmed:
    """The host that the thread has made, before the loop hears of it."""
    deadline = monotonic() + SOON
    while not isinstance(item := loop_of(day).inbox.get(0.05), Warmed):
        assert monotonic() < deadline
        if item is not None:
            loop_of(day).take(item)
    return item


def health(row: StrategyInstance) -> str:
    row.refresh_from_db()
    return row.health


def test_a_start_waits_for_the_closing_order_that_is_at_work() -> None:
    ticks = ticks_until(60)
    with live_day([CODE], ticks[0]) as day:
        row = begun(day, "holds")
        day.begin()
        day.play(ticks[:OPEN])
        services.stop(None, row.pk, then="flatten")
        look(day)
        publish(day, ticks[OPEN : OPEN + 1])
        assert loop_of(day).instances[row.pk].sent
        services.start(None, row.pk)
        look(day)
        assert health(row) == Health.WAITING
        assert StrategyLog.objects.filter(instance=row, kind="waits").count() == 1
        look(day)
        assert not loop_of(day).instances[row.pk].hosted
        day.settle()
        day.obey()
        assert health(row) == Health.RUNNING
        day.play(ticks[OPEN + 1 :])
        agree(day, row)
        assert StrategyLog.objects.filter(instance=row, kind="waits").count() == 1


def test_an_order_that_was_left_at_work_is_withdrawn_before_the_next_start() -> None:
    ticks = ticks_until(1_300)
    with live_day([CODE], ticks[0]) as day:
        row = begun(day, "bids", parameters={"at": 45})
        day.begin()
        day.play(ticks[:60])
        services.stop(None, row.pk, then="leave")
        look(day)
        assert working_orders(row).count() == 1
        services.start(None, row.pk)
        day.obey()
        assert [order[6] for order in orders_of(row)] == ["cancelled"]
        day.play(ticks[60:])
        assert agree(day, row) == sum(fill[3] for fill in fills_of(row))


def test_stopped_while_it_waits_it_does_not_begin() -> None:
    ticks = ticks_until(60)
    with live_day([CODE], ticks[0]) as day:
        row = begun(day, "bids", parameters={"at": 45, "below": 50})
        day.begin()
        day.play(ticks)
        services.stop(None, row.pk, then="leave")
        look(day)
        services.start(None, row.pk)
        look(day)
        assert health(row) == Health.WAITING
        services.stop(None, row.pk)
        look(day)
        day.settle()
        assert health(row) == Health.OFF
        assert not working_orders(row).exists()


def test_with_other_lots_than_its_orders_have_made_it_fails_instead_of_going_on() -> None:
    ticks = ticks_until(60)
    with live_day([CODE], ticks[0]) as day:
        row = begun(day, "holds")
        set_row(row, activity=ActivityName.STOPPED)
        day.begin()
        day.play(ticks[:OPEN])
        services.start(None, row.pk)
        look(day)
        instance: Instance = loop_of(day).instances[row.pk]
        instance.book.fill(CODE, 1, ticks[0].last, 0.0)  # a fill that came after all
        loop_of(day).take(warmed_up(day))
        loop_of(day).end_step()
        loop_of(day).settle()
        row.refresh_from_db()
        assert (row.activity, row.failure_code) == (ActivityName.STOPPED, "lots_differ")
        assert "+1" in row.failure
        assert Alarm.objects.get(code="strategy_failed", subject=row.key).cleared_at is None
        day.play(ticks[OPEN:])
        assert orders_of(row) == []


def test_paused_while_it_warms_up_it_opens_nothing() -> None:
    ticks = ticks_until(60)
    with live_day([CODE], ticks[0]) as day:
        row = begun(day, "holds")
        set_row(row, activity=ActivityName.STOPPED)
        day.begin()
        day.play(ticks[:OPEN])
        services.start(None, row.pk)
        look(day)
        services.pause(None, row.pk)
        warmed = warmed_up(day)
        publish(day, ticks[OPEN : OPEN + 5])
        loop_of(day).take(warmed)
        loop_of(day).end_step()
        loop_of(day).settle()
        day.settle()
        assert health(row) == Health.PAUSED
        day.play(ticks[OPEN + 5 : OPEN + 10])
        assert orders_of(row) == []
        services.resume(None, row.pk)
        day.obey()
        day.play(ticks[OPEN + 10 :])
        assert agree(day, row) == 1


def test_paused_while_no_runner_was_there_it_opens_nothing_of_what_it_missed() -> None:
    ticks = ticks_until(60)
    with live_day([CODE], ticks[0]) as day:
        row = begun(day, "holds", parameters={"at": OPEN + 3, "then": 2.0})
        day.begin()
        day.play(ticks[:OPEN])
        loop_of(day).store_all()
        day.kill()
        assert held_lots(row) == {CODE: 1}
        services.pause(None, row.pk)
        day.play(ticks[OPEN : OPEN + 10])
        day.begin()
        assert health(row) == Health.PAUSED
        day.play(ticks[OPEN + 10 :])
        assert agree(day, row) == 1


def test_with_other_instruments_it_goes_on_with_those_and_nobody_else_is_touched() -> None:
    ticks = ticks_until(60)
    other = "ru1905.SHFE"
    with live_day([CODE], ticks[0]) as day:
        row = begun(day, "holds")
        day.begin()
        day.play(ticks[:10])
        services.stop(None, row.pk, then="flatten")
        look(day)
        day.play(ticks[10:OPEN])
        ensure_instrument(other, from_day_number(ticks[0].trading_day))
        services.change_instance(None, row.pk, {"instruments": [other]})
        before = orders_of(row)
        loop_of(day).store_all()
        services.start(None, row.pk)
        day.obey()
        assert [leg.instrument.code for leg in loop_of(day).instances[row.pk].legs] == [other]
        day.play(ticks[OPEN:])
        assert orders_of(row) == before
