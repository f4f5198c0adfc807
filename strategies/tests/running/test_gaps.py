"""Market data that a runner has missed: lost by the stream while it was down or ran, or told once more."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from django.conf import settings

from accounts.models import Alarm
from marketdata import stream
from marketdata.domain.ticks import BarMessage, Tick, unframe
from marketdata.models import Instrument
from marketdata.recording.bars import store_bars
from marketdata.streams import local as stream_local
from marketdata.streams.redis_stream import key_of
from marketdata.tests.domain.recorded import needs_data
from strategies.choices import Health
from strategies.event_models import StrategyLog
from strategies.instance_models import StrategyInstance
from strategies.running.feeding import Frame
from strategies.running.inputs import Told
from strategies.running.isolated import Gone, Isolated
from strategies.running.loop import StrategyLoop
from strategies.tests.live_day import LiveDay, fills_of, live_day, make_instance, orders_of, signals_of
from strategies.tests.user_files import using
from strategies.verbs.holdings import held_lots
from trading.tests.recorded_ticks import FILES, ticks_of

pytestmark = [needs_data, pytest.mark.real_data, pytest.mark.django_db(transaction=True)]

CODE = FILES[0].code
MADE = str(Path(__file__).parent / "made")
CROSSES: dict[str, Any] = {"parameters": {"fast": 1, "slow": 2}}
EVERY = 6
"""Of the recorded ticks, which come twice a second."""
BEFORE, MISSED, AFTER = 112, 72, 50


@pytest.fixture(autouse=True)
def _places() -> Iterator[None]:
    with using(MADE):
        yield


def some(ticks: int) -> list[Tick]:
    return list(ticks_of(FILES[0])[: EVERY * ticks : EVERY])


def on_own_account(day: LiveDay, key: str, strategy: str, interval: str, **given: Any) -> StrategyInstance:
    day.add_account(key)
    return make_instance(key, strategy, [CODE], key, interval, **given)


def cast(day: LiveDay, prefix: str) -> list[StrategyInstance]:
    """On bars, here and in a process of its own, and on ticks."""
    return [
        on_own_account(day, f"{prefix}-bars", "double_ma", "1m", **CROSSES),
        on_own_account(day, f"{prefix}-apart", "double_ma", "1m", isolated=True, **CROSSES),
        on_own_account(day, f"{prefix}-ticks", "flips", "tick", isolated=False, parameters={"every": 25}),
    ]


def decided(row: StrategyInstance) -> list[tuple[Any, ...]]:
    """Bar and target of each signal, and the price that it saw."""
    return [(each[0], each[2], each[5]) for each in signals_of(row)]


def record(source: str) -> int:
    """Store the bars that the stream holds, as the recorder does; gives the last one's start."""
    bars = [
        each for _name, data in stream.tail(source, 100_000) for each in unframe(data) if isinstance(each, BarMessage)
    ]
    store_bars(bars, {CODE: Instrument.objects.get(code=CODE).pk})
    return max(bar.start for bar in bars if bar.final and bar.interval == "1m")


def lose(source: str) -> None:
    """The stream keeps its newest frame only."""
    if settings.REDIS_URL:
        redis.Redis.from_url(settings.REDIS_URL).xtrim(key_of(source), maxlen=1, approximate=False)
    else:
        ring = stream_local.ring_of(source)
        ring._max_frames = 1
        ring._trim()


def healths(rows: list[StrategyInstance]) -> set[str]:
    return set(StrategyInstance.objects.filter(pk__in=[row.pk for row in rows]).values_list("health", flat=True))


def gap_alarms() -> int:
    return Alarm.objects.open().filter(code="strategy_gap").count()


def test_bars_that_a_dead_runner_missed_come_from_the_store_and_are_decided_on() -> None:
    ticks = some(BEFORE + MISSED + AFTER)
    with live_day([CODE], ticks[0]) as day:
        whole = cast(day, "whole")
        day.begin()
        day.play(ticks)
    undisturbed = decided(whole[0])
    with live_day([CODE], ticks[0]) as day:
        bars, apart, flips = rows = cast(day, "gap")
        day.begin()
        day.play(ticks[:BEFORE])
        day.kill()
        day.play(ticks[BEFORE : BEFORE + MISSED])
        record(day.source)
        lose(day.source)
        day.begin()
        assert StrategyLog.objects.filter(instance__in=rows, kind="gap").count() == 3
        assert healths(rows[:2]) == {Health.GAP}
        assert gap_alarms() >= 2
        day.play(ticks[BEFORE + MISSED :])
        assert healths(rows) == {Health.RUNNING}
        assert gap_alarms() == 0
        for row in (bars, apart):
            assert decided(row) == undisturbed
            late = row.signals.filter(late=True)
            assert late.exists()
            line = StrategyLog.objects.get(instance=row, kind="gap")
            assert line.values["bars"] >= late.count()
            assert held_lots(row) == {CODE: int(undisturbed[-1][1])}
        assert StrategyLog.objects.get(instance=flips, kind="gap").values["bars"] == 0
        assert len(fills_of(flips)) > 1


def test_a_step_handed_over_before_the_first_word_of_its_process_was_taken_loses_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The process is free from its first word on, which waits in the loop's queue while a step may end."""
    take, waited = StrategyLoop._take_answer, []

    def late(loop: StrategyLoop, child: Isolated, told: Told | Gone) -> None:
        instance = loop._children.get(child)
        if instance is not None and isinstance(told, Told) and told.number == 0:
            instance.pump()
            waited.append(instance._under_way is not None)
        take(loop, child, told)

    monkeypatch.setattr(StrategyLoop, "_take_answer", late)
    test_bars_that_a_dead_runner_missed_come_from_the_store_and_are_decided_on()
    assert any(waited)


def test_frames_that_the_stream_lost_while_the_runner_ran_are_noticed() -> None:
    ticks = some(BEFORE + MISSED + AFTER)
    with live_day([CODE], ticks[0]) as day:
        bars, _apart, _flips = rows = cast(day, "lost")
        day.begin()
        day.play(ticks[:BEFORE])
        loop, day.loop = day.loop, None
        assert loop is not None
        day.play(ticks[BEFORE : BEFORE + MISSED])
        newest = stream.newest_id(day.source)
        name = ""
        while name != newest:  # nobody has read them
            item = loop.inbox.get(1.0)
            name = item.name if isinstance(item, Frame) else name
        last = record(day.source)
        day.loop = loop
        day.play(ticks[BEFORE + MISSED : BEFORE + MISSED + 1])
        assert StrategyLog.objects.filter(instance__in=rows, kind="gap").count() == 3
        assert healths(rows[:2]) == {Health.GAP}
        assert loop.instances[bars.pk].gatherer.told == last
        day.play(ticks[BEFORE + MISSED + 1 :])
        assert healths(rows) == {Health.RUNNING}
        assert gap_alarms() == 0
        starts = [each[0] for each in signals_of(bars)]
        assert starts == sorted(set(starts))


def test_a_day_that_is_told_again_is_begun_anew_with_the_lots_of_before() -> None:
    ticks = some(BEFORE)
    with live_day([CODE], ticks[0]) as day:
        rows = cast(day, "again")
        day.begin()
        day.play(ticks)
        first = [decided(row) for row in rows]
        held = [held_lots(row) for row in rows]
        day.publish_again(ticks[0])
        assert day.loop is not None
        day.loop.duty.look()
        day.wait_for_health()
        assert [held_lots(row) for row in rows] == held
        day.play(ticks)
        for row, before in zip(rows, first, strict=True):
            assert decided(row) == 2 * before
            assert StrategyLog.objects.filter(instance=row, kind="started").count() == 2
            assert {order[6] for order in orders_of(row)} <= {"filled", "cancelled"}


def test_what_accounts_told_meanwhile_is_there_before_the_first_frame() -> None:
    ticks = some(300)
    with live_day([CODE], ticks[0]) as day:
        grid = on_own_account(day, "grid", "grid", "1m", parameters={"spacing": 2})
        day.begin()
        day.play(ticks[:BEFORE])
        had = len(fills_of(grid))
        day.kill()
        day.play(ticks[BEFORE:])
        assert len(fills_of(grid)) > had
        day.begin()
        loop = day.loop
        assert loop is not None
    assert held_lots(grid) == loop.instances[grid.pk].book.held
