"""Days that the real runner ran in lock-step, against the run on their recorded data: the evening finds nothing."""

import gzip
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from backtests.drift.evening import compare_days
from backtests.drift.models import DriftReport
from marketdata.domain.ticks import Tick
from marketdata.instruments import find_instrument
from marketdata.tests.domain.recorded import needs_data
from marketdata.ticks.models import Tick as TickDay
from strategies.models import Evidence, StrategyDay, StrategyInstance
from strategies.tests.live_day import LiveDay, live_day, make_instance
from strategies.verbs.evidence import complete_hash

pytestmark = [pytest.mark.django_db(transaction=True), needs_data, pytest.mark.real_data]

CODE = "ru1901.SHFE"
DAYS = ("20181008", "20181009")
LINES = 900
"""Of each day's beginning: some minutes."""

PRESETS: dict[str, dict[str, Any]] = {
    "grid": {"levels": 4, "spacing": 2},
    "turtle": {"entry": 3, "exit_bars": 2, "atr": 2},
    "double_ma": {"fast": 2, "slow": 3},
}


@pytest.fixture
def recorded(shared_data: Path, settings: Any, tmp_path: Path) -> list[Sequence[Tick]]:
    """Two mornings as a recorder has them: the ticks of each."""
    settings.TICK_DIR = tmp_path / "ticks"
    for day in DAYS:
        name = f"SHFE.ru1901_tick_{day}.csv.gz"
        with gzip.open(shared_data / "ticks" / name, "rt") as file, gzip.open(tmp_path / name, "wt") as part:
            part.writelines(line for _number, line in zip(range(LINES + 1), file, strict=False))
        call_command("import_ticks", str(tmp_path / name), "--instrument", CODE, stdout=StringIO())
    instrument = find_instrument(CODE)
    days = TickDay.objects.series(instrument, None, None).rows()
    return [[tick for tick in days if tick.trading_day == day] for day in sorted({tick.trading_day for tick in days})]


def made(day: LiveDay, **given: Any) -> dict[str, StrategyInstance]:
    """An instance of each preset on an account of its own."""
    rows = {}
    for name, parameters in PRESETS.items():
        key = name.replace("_", "-")
        day.add_account(key)
        rows[name] = make_instance(key, name, [CODE], key, "1m", parameters=parameters, **given)
    return rows


def reports() -> dict[tuple[str, int], DriftReport]:
    """The comparison of each day of each instance, by preset and number of the day."""
    StrategyDay.objects.update(ended=True)
    compare_days()
    found = DriftReport.objects.select_related("instance").order_by("trading_day")
    days = sorted({report.trading_day for report in found})
    return {(report.instance.strategy, days.index(report.trading_day)): report for report in found}


def test_days_that_went_in_lock_step_are_found_alike_from_what_they_began_with(
    recorded: list[Sequence[Tick]],
) -> None:
    with live_day([CODE], recorded[0][0], intervals=("1m",)) as day:
        rows = made(day)
        StrategyInstance.objects.filter(pk=rows["double_ma"].pk).update(isolated=True)
        day.begin()
        for ticks in recorded:
            day.play(ticks)
            day.finish_day()
    changed = StrategyInstance.objects.filter(pk=rows["double_ma"].pk)
    changed.update(parameters={"fast": 4, "slow": 9})  # people do, before the evening: the days were the others'
    found = reports()
    shown = Evidence.objects.filter(kind="drift", instance=rows["double_ma"]).values_list("parameters_hash", flat=True)
    assert [*shown] == 2 * [complete_hash("double_ma", PRESETS["double_ma"])]
    told = {key: (report.status, report.error, report.alike, report.rows[:3]) for key, report in found.items()}
    assert set(found) == {(name, number) for name in PRESETS for number in (0, 1)}, told
    for report in found.values():
        assert (report.status, report.began, report.unexplained) == ("succeeded", "state", 0), told
    for (name, _number), report in found.items():
        assert (report.counts, report.passed) == ({}, True), told
        assert report.alike["fill"] or name == "turtle", told
    assert found["grid", 1].alike["order"] >= 9, told  # all that rested was placed anew, as in the run
    openings = {row.trading_day: row.opening for row in StrategyDay.objects.filter(instance=rows["grid"])}
    assert len(openings) == 2
    for opening in openings.values():
        assert set(opening["document"]) >= {"host", "gather"}
        assert opening["parameters"] == rows["grid"].parameters
        assert opening["source_hash"] == rows["grid"].source_hash
