"""What people ask of running instances, here and in a process of its own: pause, resume, other parameters, flatten."""

from collections.abc import Sequence

import pytest

from marketdata.tests.domain.recorded import needs_data
from strategies import services
from strategies.choices import ActivityName, Health
from strategies.event_models import StrategyLog
from strategies.instance_models import StrategyInstance
from strategies.tests.instances import open_gates
from strategies.tests.live_day import LiveDay, live_day, make_instance, orders_of, signals_of
from strategies.verbs.holdings import held_lots, working_orders
from trading.tests.recorded_ticks import FILES, ticks_of

pytestmark = [needs_data, pytest.mark.real_data, pytest.mark.django_db(transaction=True)]

CODE = FILES[0].code
EVERY = 6
PART = 90
"""Ticks: four minutes and a half."""
CROSSES, OTHERS = {"fast": 1, "slow": 2}, {"fast": 1, "slow": 3}


def healths(rows: Sequence[StrategyInstance]) -> set[tuple[str, str]]:
    return set(StrategyInstance.objects.filter(pk__in=[row.pk for row in rows]).values_list("activity", "health"))


def kinds(row: StrategyInstance) -> list[str]:
    told = StrategyLog.objects.filter(instance=row).exclude(kind__in=("create", "error")).order_by("pk")
    return list(told.values_list("kind", flat=True))


def lots_of(rows: Sequence[StrategyInstance]) -> list[int]:
    return [held_lots(row).get(CODE, 0) for row in rows]


def target(row: StrategyInstance) -> int:
    return int(signals_of(row)[-1][2])


def begun(day: LiveDay) -> tuple[list[StrategyInstance], StrategyInstance]:
    """The two that people interfere with, and one that has had the other parameters all the time."""
    for account in ("here", "apart", "other"):
        day.add_account(account)
    rows = [make_instance(key, "double_ma", [CODE], key, "1m", isolated=key == "apart", parameters=CROSSES)
            for key in ("here", "apart")]  # fmt: skip
    other = make_instance("other", "double_ma", [CODE], "other", "1m", parameters=OTHERS)
    day.begin()
    return rows, other


def test_a_running_instance_does_what_people_say() -> None:
    open_gates()
    parts = [list(ticks_of(FILES[0])[EVERY * PART * part : EVERY * PART * (part + 1) : EVERY]) for part in range(5)]
    with live_day([CODE], parts[0][0]) as day:
        rows, other = begun(day)
        day.play(parts[0])
        assert lots_of(rows) == [target(row) for row in rows] != [0, 0]

        for row in rows:
            services.pause(None, row.pk)
        day.obey()
        sent, decided = [orders_of(row) for row in rows], [len(signals_of(row)) for row in rows]
        day.play(parts[1][: PART // 2])
        day.kill()
        day.begin()
        day.play(parts[1][PART // 2 :])
        assert healths(rows) == {(ActivityName.PAUSED, Health.PAUSED)}
        assert [len(signals_of(row)) > before for row, before in zip(rows, decided, strict=True)] == [True, True]
        closed = [orders_of(row)[len(before) :] for row, before in zip(rows, sent, strict=True)]
        assert all(sum(order[3] for order in more) <= 1 for more in closed)  # what closes goes out, nothing opens

        for row in rows:
            services.resume(None, row.pk)
        day.obey()
        day.play(parts[2])
        assert healths(rows) == {(ActivityName.RUNNING, Health.RUNNING)}
        assert lots_of(rows) == [target(row) for row in rows]

        for row in rows:
            services.set_parameters(None, row.pk, OTHERS)
        day.obey()
        day.play(parts[3])
        same = {each[0]: each[2] for each in signals_of(other)}
        for row in rows:
            renewed = row.signals.filter(parameters_version=2).order_by("number")
            assert renewed.exists()
            assert [each.target for each in renewed if each.bar_start in same] == [
                same[each.bar_start] for each in renewed if each.bar_start in same
            ]
            assert target(row) == target(other)

        for row in rows:
            services.flatten(None, row.pk)
        day.obey()
        day.play(parts[4])
        assert healths(rows) == {(ActivityName.PAUSED, Health.PAUSED)}
        assert lots_of(rows) == [0, 0]
        assert not any(working_orders(row).exists() for row in rows)
        for row in rows:
            row.refresh_from_db()
            assert row.flatten_done == row.flatten_asked == 1
            told = kinds(row)
            assert [kind for kind in told if kind in {"paused", "resumed", "parameters", "flat"}][:4] == [
                "paused", "resumed", "parameters", "paused"
            ]  # fmt: skip
            assert "flat" in told
