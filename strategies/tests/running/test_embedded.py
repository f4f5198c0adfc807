"""The runner in the embedded size: SQLite, a ring in place of Redis, everything in one process; killed in a morning."""

from typing import Any

import pytest

from marketdata.tests.domain.recorded import needs_data
from quantsite.testing.patience import SOON
from strategies.choices import Health
from strategies.instance_models import StrategyInstance
from strategies.tests.live_day import live_day, make_instance
from strategies.tests.running.test_failing import _made  # noqa: F401  (strategies of the tests' own)
from strategies.tests.running.test_live_day import RU, some, told
from strategies.verbs.holdings import held_lots

pytestmark = [needs_data, pytest.mark.embedded, pytest.mark.real_data, pytest.mark.django_db(transaction=True)]

TICKS = 320
KILLS = (110, 210)
TORN = b"\xc1"
"""A frame that nobody can read; who begins again reads bars out of the stream around it."""


def morning(suffix: str, kills: tuple[int, ...]) -> dict[str, dict[str, Any]]:
    """One on bars, one on ticks and one in a process of its own, killed behind these ticks; what became of them."""
    ticks = some(TICKS)
    with live_day([RU.code], ticks[0]) as day:
        rows = []
        for strategy, interval, terms in (
            ("double_ma", "1m", {"parameters": {"fast": 1, "slow": 2}}),
            ("flips", "tick", {"parameters": {"every": 20}, "isolated": False}),
            ("holds", "tick", {"isolated": True}),
        ):
            key = f"{strategy}-{suffix}"
            day.add_account(key)
            rows.append(make_instance(key, strategy, [RU.code], key, interval, **terms))
        day.begin()
        done = 0
        for at in (*kills, len(ticks)):
            day.play(ticks[done:at])
            done = at
            if at in kills:
                day.publisher.send(TORN)
                assert day.publisher.flush(SOON)
                day.kill()
                day.begin()
        assert set(StrategyInstance.objects.on_duty().values_list("health", flat=True)) == {Health.RUNNING}
        assert held_lots(rows[2]) == {RU.code: 1}
        return {row.strategy: told(row) for row in rows}


def test_killed_in_the_morning_each_ends_as_if_nothing_had_happened() -> None:
    whole = morning("whole", ())
    killed = morning("killed", KILLS)
    for name, one in whole.items():
        for part in ("signals", "orders", "fills", "book"):
            assert killed[name][part] == one[part], (name, part)
    assert whole["double_ma"]["signals"]
    assert len(whole["flips"]["fills"]) > 10
