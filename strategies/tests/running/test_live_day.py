"""Presets over a recorded morning: the real stream, account and loop of strategies, in lock-step; and killed in it."""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from marketdata.domain.ticks import Tick
from marketdata.tests.domain.recorded import needs_data
from strategies.instance_models import StrategyInstance
from strategies.state_models import StrategyState
from strategies.tests.live_day import LiveDay, fills_of, live_day, make_instance, orders_of, signals_of
from strategies.tests.running.cast import APART, CAST, Role, enter, long_day, two_contracts
from strategies.tests.running.killed_day import KilledDay
from strategies.tests.user_files import using
from strategies.verbs.holdings import held_lots
from trading.tests.desk_processes import Processes, processes
from trading.tests.recorded_ticks import FILES, ticks_of

pytestmark = [needs_data, pytest.mark.real_data, pytest.mark.django_db(transaction=True)]

RU = FILES[0]
MADE = str(Path(__file__).parent / "made")
SEEDS = (11, 12, 13)
PRESETS: dict[str, dict[str, Any]] = {"double_ma": {"fast": 1, "slow": 2}, "grid": {}}
MORE: dict[str, dict[str, Any]] = {**PRESETS, "dual_thrust": {}, "turtle": {}, "rsi": {}, "macd": {}, "bollinger": {}}


EVERY = 5
"""Of the recorded ticks, which come twice a second: as many bars, in less time."""


def some(ticks: int) -> list[Tick]:
    return list(ticks_of(RU)[: EVERY * ticks : EVERY])


def instances(day: LiveDay, account: str, presets: dict[str, dict[str, Any]]) -> dict[str, StrategyInstance]:
    """Every preset on an account of its own."""
    rows = {}
    for name, parameters in presets.items():
        key = f"{name}-{account}"
        day.add_account(key)
        rows[name] = make_instance(key, name, [RU.code], key, "1m", parameters=parameters)
    return rows


def run(
    account: str, ticks: list[Tick], kills: list[int], presets: dict[str, dict[str, Any]]
) -> dict[str, StrategyInstance]:
    """A morning; the strategies' process is killed behind these ticks."""
    with live_day([RU.code], ticks[0]) as day:
        rows = instances(day, account, presets)
        day.begin()
        done = 0
        for at in [*kills, len(ticks)]:
            day.play(ticks[done:at])
            done = at
            if at < len(ticks):
                day.kill()
                day.begin()
        day.finish_day()
    return rows


def told(row: StrategyInstance) -> dict[str, Any]:
    """All that an instance has done and where it stands."""
    document = StrategyState.objects.get(instance=row).document
    return {
        "signals": signals_of(row),
        "orders": orders_of(row),
        "fills": fills_of(row),
        "host": document["host"],
        "book": document["book"],
        "gather": document["gather"],
        "sent": document["sent"],
    }


def alike(whole: dict[str, dict[str, Any]], killed: dict[str, StrategyInstance]) -> None:
    """Both have ended alike, and have done something."""
    for name, one in whole.items():
        other = told(killed[name])
        for part in one:
            assert other[part] == one[part], (name, part)
    assert len(whole["double_ma"]["signals"]) > 1
    assert len(whole["double_ma"]["fills"]) >= len(whole["double_ma"]["orders"]) > 1
    assert len(whole["grid"]["fills"]) > 1


def undisturbed(ticks: list[Tick], presets: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """What becomes of it where nobody dies; read before a later runner ends what is stopped."""
    return {name: told(row) for name, row in run("T1", ticks, [], presets).items()}


@pytest.mark.parametrize(
    ("ticks", "kills", "presets"),
    [(200, 2, PRESETS), pytest.param(4_000, 10, MORE, marks=pytest.mark.soak)],
    ids=["morning", "day"],
)
def test_dropped_in_the_middle_it_ends_as_if_nothing_had_happened(
    ticks: int, kills: int, presets: dict[str, dict[str, Any]]
) -> None:
    chosen = some(ticks)
    drawn = random.Random(5)  # noqa: S311 - repeatable, not secret
    whole = undisturbed(chosen, presets)
    killed = run("T2", chosen, sorted(drawn.sample(range(ticks // 5, ticks), kills)), presets)
    alike(whole, killed)
    for row in killed.values():
        held = sum((1 if side == "buy" else -1) * lots for _n, side, _p, lots, *_rest in fills_of(row))
        assert held_lots(row) == ({RU.code: held} if held else {})


def real_runner(
    desk: Processes, prefix: str, ticks: list[Tick], moments: Sequence[int], seed: int, cast: Sequence[Role] = CAST
) -> tuple[dict[str, dict[str, Any]], int]:
    """The day in a real process, killed at these settlings of it; what has become of everybody, and how many they were.

    A kill comes a little later than its settling begins, by as much as the seed says.
    """
    drawn = random.Random(seed)  # noqa: S311 - repeatable, not secret
    legs = list(dict.fromkeys(code for role in cast for code in role.legs))
    day = KilledDay(legs, ticks[0], processes=desk, drawn=drawn, kills=list(moments))
    try:
        rows = enter(day, prefix, cast)
        day.begin()
        day.play(ticks)
        day.finish_day()
    finally:
        day.end()
    assert day.killed == len(moments)
    found = {name: told(row) for name, row in rows.items()}
    for name in APART & found.keys():
        found[name] = {part: found[name][part] for part in ("signals", "orders", "fills")}
    for row in rows.values():
        StrategyInstance.objects.filter(pk=row.pk).update(stage="retired")
    return found, day.settled


def drawn_from(seed: int, settled: int, kills: int) -> list[int]:
    """So many settlings of a day, of all that it has but the first."""
    drawn = random.Random(seed)  # noqa: S311 - repeatable, not secret
    return sorted(drawn.sample(range(settled // 20, settled - 5), kills))


def same(whole: dict[str, dict[str, Any]], killed: dict[str, dict[str, Any]]) -> None:
    """Part by part, so that a difference says where it is."""
    for name, one in whole.items():
        for part in one:
            assert killed[name][part] == one[part], (name, part)


def test_the_real_runner_killed_at_any_moment_ends_as_if_nothing_had_happened(tmp_path: Path) -> None:
    ticks = two_contracts(RU, 10, 1_800)
    few = [role for role in CAST if role.name in {"crosses", "rests", "pair"}]
    with using(MADE), processes(tmp_path, QUANTSITE_STRATEGIES=MADE) as desk:
        whole, settled = real_runner(desk, "T1", ticks, (), 0, few)
        same(whole, real_runner(desk, "T2", ticks, drawn_from(11, settled, 2), 11, few)[0])
    assert all(one["fills"] for one in whole.values())


@pytest.mark.soak
@pytest.mark.parametrize("last", [8_600, None], ids=["hours", "day"])
def test_ten_kills_in_a_long_day_of_everything_change_nothing(tmp_path: Path, last: int | None) -> None:
    ticks = long_day(last)
    with using(MADE), processes(tmp_path, QUANTSITE_STRATEGIES=MADE) as desk:
        whole, settled = real_runner(desk, "whole", ticks, (), 0)
        assert all(len(one["fills"]) > 4 for one in whole.values()), {k: len(v["fills"]) for k, v in whole.items()}
        for seed in SEEDS:
            killed, _settled = real_runner(desk, f"seed-{seed}", ticks, drawn_from(seed, settled, 10), seed)
            same(whole, killed)


@pytest.mark.parametrize("kills", [(), (30,)])
def test_ticks_that_a_host_elsewhere_has_only_counted_are_not_lost_with_it(kills: tuple[int, ...]) -> None:
    ticks = some(70)
    with using(MADE), live_day([RU.code], ticks[0]) as day:
        day.add_account("T1")
        row = make_instance("counts", "flips", [RU.code], "T1", "tick", parameters={"every": 20}, isolated=True)
        day.begin()
        for number, tick in enumerate(ticks):
            if number in kills:
                assert day.loop is not None
                day.loop.store_all()
                day.kill()
                day.begin()
            day.play([tick])
        found = [price for _bar, _leg, _target, _reason, _values, price, _held in signals_of(row)]
    assert [float(price) for price in found] == [ticks[at].last for at in (19, 39, 59)]
